"""Decides for each requested coordinate which model and which marking scheme predict it.

The competition's files join two marking schemes (`known_sets.KAGGLE_SCHEMES`). A run whose training
rows show only one of them knows nothing of the other: its points of the same name lie in other
places. Such coordinates come from the built-in model, which has a mapping for both schemes.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from facepoints.datasets.marking_schemes import pick_scheme
from facepoints.errors import DataWarning
from facepoints.landmarks.known_sets import KAGGLE_15, KAGGLE_NARROW, KAGGLE_SCHEMES
from facepoints.landmarks.landmark_set import LandmarkSet, base_name

__all__ = ["Sources", "choose_sources", "warn_of_fallback"]

_WIDE = next(name for name in KAGGLE_SCHEMES if name != KAGGLE_NARROW)


@dataclass(frozen=True)
class Sources:
    """Where the coordinates of a submission come from.

    Attributes:
        schemes: the marking scheme of each image, by image id.
        own: the run's name of each marking scheme that its training rows show.
        points: the points that these rows show, by marking scheme; None: the run predicts all
            points, and there is no fallback.
    """

    schemes: dict[int, str]
    own: dict[str, str]
    points: dict[str, frozenset[str]] | None = None

    def is_own(self, image: int, point: str) -> bool:
        """True if the run predicts this point of this image; False: the built-in model does."""
        if self.points is None:
            return True
        return point in self.points.get(self.schemes[image], frozenset())


def choose_sources(
    landmarks: LandmarkSet,
    trained: Mapping[str, tuple[str, ...]],
    requested: Mapping[int, set[str]],
) -> Sources:
    """Choose the marking scheme of each image, and the model of each point.

    There is a fallback to the built-in model only if the run was trained on rows like those of
    the competition, and the requests are like those of the competition's test: for some images
    all points, for others only the points of the narrow scheme; or for points that the training
    rows never show.

    Args:
        landmarks: the points that the run predicts.
        trained: the marking schemes of its training rows, each with its points.
        requested: the requested points of each image.
    """
    points = set[str]().union(*requested.values())
    shown = {scheme: frozenset(map(base_name, names)) for scheme, names in trained.items()}
    predicted = set(map(base_name, landmarks.names))
    own: dict[str, str] = {}
    for scheme, names in shown.items():
        if re.fullmatch(r"\d+-point", scheme) and names <= set(KAGGLE_15.names):
            own.setdefault(_competition_scheme(names), scheme)
    asked = {image: pick_scheme(names, KAGGLE_SCHEMES) for image, names in requested.items()}
    like_the_test = len(set(asked.values())) > 1 or not points <= set[str]().union(*shown.values())
    if not (own and points <= set(KAGGLE_15.names) and like_the_test):
        schemes = _schemes(shown, trained, points)
        chosen = {image: pick_scheme(names, schemes) for image, names in requested.items()}
        return Sources(chosen, {name: name for name in schemes})
    known = {scheme: shown[name] & predicted for scheme, name in own.items()}
    return Sources(asked, own, known)


def _competition_scheme(names: frozenset[str]) -> str:
    return KAGGLE_NARROW if names <= set(KAGGLE_SCHEMES[KAGGLE_NARROW]) else _WIDE


def _schemes(
    shown: Mapping[str, frozenset[str]],
    trained: Mapping[str, tuple[str, ...]],
    requested: set[str],
) -> Mapping[str, tuple[str, ...]]:
    """The marking schemes that images may have.

    They are those of the model's training data, or those of the competition if only these have
    all requested points.
    """
    known = {name for names in KAGGLE_SCHEMES.values() for name in names}
    marked = set[str]().union(*shown.values())
    return KAGGLE_SCHEMES if requested <= known and not requested <= marked else trained


def warn_of_fallback(sources: Sources, requested: Mapping[int, set[str]]) -> None:
    """Issue a `DataWarning` per marking scheme with points that the built-in model predicts."""
    images: dict[str, set[int]] = {}
    points: dict[str, set[str]] = {}
    for image, names in requested.items():
        missing = {name for name in names if not sources.is_own(image, name)}
        if missing:
            scheme = sources.schemes[image]
            images.setdefault(scheme, set()).add(image)
            points.setdefault(scheme, set()).update(missing)
    for scheme, names in points.items():
        if scheme in sources.own:
            lacking = f"no label of {', '.join(sorted(names))} in the marking scheme '{scheme}'"
        else:
            lacking = f"no row of the marking scheme '{scheme}'"
        warnings.warn(
            f"the training rows of this model show {lacking}, which the lookup table asks for in "
            f"{len(images[scheme])} of {len(requested)} images; the built-in model predicts these "
            f"points",
            DataWarning,
            stacklevel=3,
        )
