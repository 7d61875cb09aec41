"""The errors facepoints raises on purpose.

FacepointsError            one line for the user: what was expected, what came, what to do
├── DataError              a data set, image or label file that cannot be used
├── RunError               a run folder that is missing, damaged or made by a newer version
├── ModelError             a model file that is missing, damaged, newer or not of facepoints
├── SettingsError          a setting that does not fit the others, the data or this machine
├── MissingExtraError      an optional package (facepoints[train], ...) that is not installed
└── WriteError             an output that could not be written

DataWarning                what a reader left out of label files, changed or doubts, and outputs
                           that are not written because a package is missing

The command line prints them as one line and exits with 2; nothing else is caught there,
so a traceback is always a bug. It prints a DataWarning as one line and goes on. In Python it is
issued by `warnings.warn`.
"""

from __future__ import annotations

__all__ = [
    "DataError",
    "DataWarning",
    "FacepointsError",
    "MissingExtraError",
    "ModelError",
    "RunError",
    "SettingsError",
    "WriteError",
]


class FacepointsError(Exception):
    """Base of every error that is due to the input or the machine."""


class DataError(FacepointsError):
    """A data set, image or label file that cannot be used."""


class RunError(FacepointsError):
    """A run folder that is missing, damaged or made by a newer version."""


class ModelError(FacepointsError):
    """A model file that is missing, damaged, made by a newer version or not of facepoints."""


class SettingsError(FacepointsError):
    """A setting that does not fit the others, the data or this machine."""


class MissingExtraError(FacepointsError):
    """An optional package that is not installed.

    Args:
        package: package that is missing.
        extra: extra of facepoints that installs it; None: it is installed by itself.
        what_for: task that needs it.
    """

    def __init__(self, package: str, extra: str | None, what_for: str) -> None:
        self._arguments = (package, extra, what_for)
        wanted = package if extra is None else f"'facepoints[{extra}]'"
        super().__init__(
            f"{what_for} needs the package '{package}', which is not installed; "
            f"install it with: pip install {wanted}"
        )

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str | None, str]]:
        """For pickling, as between processes."""
        return type(self), self._arguments


class WriteError(FacepointsError):
    """An output that could not be written."""


class DataWarning(UserWarning):
    """Labels that were left out, changed or look wrong, or an output that was left out. The message
    says how many and which."""
