"""The commands by name, and what becomes of their errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn

from facepoints import __version__
from facepoints._util.console import checked_output
from facepoints._util.memory import TOO_LITTLE, is_out_of_memory
from facepoints._util.progress import Stopped
from facepoints.cli.align import align
from facepoints.cli.audit import audit
from facepoints.cli.blur import blur
from facepoints.cli.data import convert, show, synthetic
from facepoints.cli.info import info
from facepoints.cli.label import label
from facepoints.cli.measure import measure
from facepoints.cli.merge import merge
from facepoints.cli.models import adapt, export, submit
from facepoints.cli.output import fail, note, shown_warnings
from facepoints.cli.outputs import command_line
from facepoints.cli.parse import expand_home, parse
from facepoints.cli.predict import predict
from facepoints.cli.predict_parts import with_ray_address
from facepoints.cli.serve import serve
from facepoints.cli.spelling import option_names, spelled_as_options
from facepoints.cli.training import compare, evaluate, settings_to_resume, train
from facepoints.errors import FacepointsError, MissingExtraError

__all__ = ["run"]


def run(arguments: Sequence[str]) -> None:
    """Run a command line and exit with its status if that is not 0.

    Args:
        arguments: words after the program's name.
    """
    arguments = expand_home(with_ray_address(arguments))
    try:
        with checked_output(), shown_warnings(), command_line(arguments):
            _run(arguments)
    except FacepointsError as error:
        fail(_spelled(str(error), arguments))
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:  # a file or a folder that no reader or writer foresaw
        place = "" if error.filename is None else f" {os.fsdecode(error.filename)}"
        fail(f"could not use{place}: {error.strerror or error}")
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        fail(str(MissingExtraError(error.name, _EXTRAS[error.name], "this command")))
    except (Stopped, KeyboardInterrupt) as stopped:
        _leave_stopped(_spelled(str(stopped), arguments))
    except Exception as error:
        if _caused_by_interrupt(error):
            _leave_stopped("")
        if not is_out_of_memory(error):
            raise
        fail(TOO_LITTLE)


def _leave_stopped(text: str) -> NoReturn:
    with suppress(OSError):  # the exit status reports the error as well
        note(text or "stopped")
    sys.exit(130)


def _caused_by_interrupt(error: BaseException) -> bool:
    """True if a library turned Ctrl-C into an error of its own, as pybind11 and torch.export do."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


def _spelled(text: str, arguments: Sequence[str]) -> str:
    """A message of the library, with its arguments spelled as options of the command."""
    command = _commands(arguments[:1]).get(arguments[0]) if arguments else None
    return text if command is None else spelled_as_options(text, option_names(command))


def _commands(arguments: Sequence[str]) -> dict[str, Callable[..., None]]:
    return {
        "predict": predict,
        "merge": merge,
        "measure": measure,
        "align": align,
        "blur": blur,
        "serve": serve,
        "label": label,
        "audit": audit,
        "train": train(settings_to_resume(arguments)),
        "evaluate": evaluate,
        "compare": compare,
        "adapt": adapt,
        "export": export,
        "submit": submit,
        "convert": convert,
        "show": show,
        "synthetic": synthetic,
        "info": info,
    }


def _run(arguments: Sequence[str]) -> None:
    if arguments in (["--version"], ["-V"]):
        print(f"facepoints {__version__}")
        sys.exit(0)
    parse(_commands(arguments), arguments)()


_EXTRAS = {
    **dict.fromkeys(("torch", "safetensors", "onnxscript"), "train"),
    **dict.fromkeys(("matplotlib", "onnx"), "adapt"),
    **dict.fromkeys(("starlette", "uvicorn", "python_multipart"), "web"),
}
