"""The audit of a table of labeled faces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facepoints.audit import changes, copies, images, label_shapes
from facepoints.audit.config import AUDIT_CONFIG, AuditConfig
from facepoints.audit.expectation import Expectation, expectation, frame_faces
from facepoints.audit.far_faults import search_pictures, with_far_faults
from facepoints.audit.far_labels import Places
from facepoints.audit.fault import AuditResult, Fault
from facepoints.audit.geometry import median_points, mirror_partners
from facepoints.audit.naming import expected_of, name_fault
from facepoints.audit.opinion import Progress, Readings, SecondOpinion
from facepoints.audit.placement import misplaced_rows
from facepoints.audit.shared_offsets import without_shared_offsets
from facepoints.audit.suspects import Finder, suspects
from facepoints.audit.whole_pictures import Pictures
from facepoints.audit.whole_sets import whole_set_faults
from facepoints.datasets.samples import Samples
from facepoints.errors import DataError

__all__ = ["audit"]

_PARTNER = 0.12  # largest error of a mirror partner on the mean shape, in eye distances
_FEW = 10  # rows below which labels cannot be compared with each other


def audit(
    faces: Samples,
    second_opinion: SecondOpinion | None = None,
    settings: AuditConfig = AUDIT_CONFIG,
    *,
    sets: NDArray[np.int64] | None = None,
    split: NDArray[np.int64] | None = None,
    progress: Progress | None = None,
    pictures: Pictures | None = None,
) -> AuditResult:
    """Find faults in the labels of faces.

    Args:
        faces: the labeled faces. If all pixels of the images are 0, as of a table of labels
            without images, the labels are compared with each other only. Photos should be read
            with `AUDIT_CROP_SIZE` and `AUDIT_CROP_MARGIN`.
        second_opinion: predicts the points of the images; None: the labels are compared with
            each other only.
        settings: what is named a fault.
        sets: (N,) number of the set (file, annotator) that a row comes from; None: one set.
        split: (N,) number of the side of a split (0 training, 1 test, ...) that a row is on;
            None: no split is checked.
        progress: called with the rows that are done and all rows.
        pictures: the whole pictures that the images of `faces` were cut from; None: they are not
            searched. Images without `Samples.frame` are whole pictures themselves.

    Raises:
        DataError: there is no row, or no label.
    """
    if not faces.labelled.any():
        raise DataError("an audit needs labeled faces, the data have no label at all")
    pictured = bool(np.any(faces.images))
    readings = None
    if second_opinion is not None and pictured:
        readings = second_opinion(faces, progress)
    one = _Audit(faces, second_opinion, readings, settings, sets, split, pictures)
    return one.result(pictured)


class _Audit:
    """The steps of one audit."""

    def __init__(
        self,
        faces: Samples,
        second_opinion: SecondOpinion | None,
        readings: Readings | None,
        settings: AuditConfig,
        sets: NDArray[np.int64] | None,
        split: NDArray[np.int64] | None,
        pictures: Pictures | None,
    ) -> None:
        self.faces, self.opinion, self.readings = faces, second_opinion, readings
        self.settings = settings
        self.sets = np.zeros(len(faces), np.int64) if sets is None else np.asarray(sets)
        self.split, self.pictures = split, pictures
        self.folds = _folds(faces.group, settings)
        self.notes: list[str] = []

    def result(self, pictured: bool) -> AuditResult:
        """All faults."""
        findings: list[Fault] = []
        pooled = replace(self.faces, scheme=np.zeros(len(self.faces), np.int16), schemes={"": ()})
        first = self._expectation(pooled)
        segments = self.sets
        if first is not None:
            found = changes.scheme_changes(self.faces, first, self.sets)
            findings += found.faults
            segments = found.segments
        split_up = replace(
            self.faces, scheme=segments.astype(np.int16), schemes=_schemes(self.faces, segments)
        )
        expected = self._expectation(split_up) if first is not None else None
        faults: list[Fault] = []
        if expected is not None:
            faults += self._suspected(expected)
        if expected is not None and expected.free:
            met = {one.row for one in faults}
            faults += [one for one in misplaced_rows(expected) if one.row not in met]
        faults += copies.copied_rows(self.faces, expected, pictured)
        faults += copies.filled_points(self.faces, self.sets)
        if pictured and self.readings is not None and expected is not None:
            faults += images.without_face(self.faces, self.readings, expected)
            faults += images.duplicates(self.faces, expected, self.split)
        if first is not None:
            faults, findings = self._with_whole(first, faults, findings)
        if self.split is not None:
            findings += images.leaks(self.faces, self.split)
        return self._collected(expected, faults, findings)

    def _expectation(self, faces: Samples) -> Expectation | None:
        """Return where labels are expected: by the second opinion, or by the other labels."""
        if (
            self.readings is not None
            and self.opinion is not None
            and (self.readings.score > 0).any()
        ):
            framed = frame_faces(faces, self.readings, self.opinion.landmarks)
            return expectation(faces, framed, self.opinion.landmarks, self.folds)
        if len(faces) < _FEW:
            self.notes.append(
                f"{len(faces)} rows are too few to compare labels with each other; "
                f"{_FEW} are needed, or images."
            )
            return None
        return label_shapes.expectation_of_labels(faces, self.folds)

    def _with_whole(
        self, expected: Expectation, faults: list[Fault], findings: list[Fault]
    ) -> tuple[list[Fault], list[Fault]]:
        """Also the faults of whole sets and of whole pictures."""
        if self.readings is None or self.opinion is None or expected.free:
            return faults, findings
        landmarks = self.opinion.landmarks
        framed = frame_faces(self.faces, self.readings, landmarks)
        places = Places(self.faces, framed, landmarks, expected)
        far = search_pictures(
            self.faces, self.readings, expected, places, self.opinion, self.pictures, self.sets
        )
        rest = np.where(np.isin(np.arange(len(self.sets)), list(far.wrong)), -1, self.sets)
        whole = whole_set_faults(self.faces, framed, landmarks, expected, rest)
        faults = without_shared_offsets(self.faces, expected, faults, whole)
        return with_far_faults(faults, findings, far, whole)

    def _suspected(self, expected: Expectation) -> list[Fault]:
        finder = Finder(expected, self._mirror(expected), self.folds)
        found = [name_fault(self.faces, expected, one) for one in suspects(finder)]
        return [one for one in found if one.confidence >= self.settings.min_confidence]

    def _mirror(self, expected: Expectation) -> NDArray[np.intp] | None:
        """Mirror partners by the names of the points, or by their mean shape."""
        if self.faces.landmarks.mirrorable:
            return self.faces.landmarks.mirror
        known = expected.mask.any(axis=0)
        if not known.all():
            return None
        shape = median_points(expected.expected, expected.mask)
        return mirror_partners(shape, _PARTNER)

    def _collected(
        self, expected: Expectation | None, faults: list[Fault], findings: list[Fault]
    ) -> AuditResult:
        faces = self.faces
        points = np.full(faces.points.shape, np.nan, np.float32)
        radius = np.full(faces.labelled.shape, np.nan, np.float32)
        residual = np.full(len(faces), np.nan, np.float32)
        checked = 0
        if expected is not None:
            checked = int(expected.mask.any(axis=1).sum())
            count = expected.mask.sum(axis=1)
            total = np.abs(expected.residual).sum(axis=1)
            residual[count > 0] = (total / np.maximum(count, 1))[count > 0]
            for row in range(len(faces)):
                place = expected_of(expected, row)
                if place is not None:
                    points[row], radius[row] = place.points, place.radius
        faults = [one for one in faults if one.confidence >= self.settings.min_confidence]
        faults.sort(key=lambda one: -one.confidence)
        return AuditResult(faults, findings, residual, points, radius, checked, self.notes)


def _schemes(faces: Samples, segments: NDArray[np.int64]) -> dict[str, tuple[str, ...]]:
    """Names of the schemes of segments: the scheme of the data that most of their rows have."""
    named: dict[str, tuple[str, ...]] = {}
    own = list(faces.schemes)
    for number in range(int(segments.max()) + 1):
        rows = faces.scheme[segments == number]
        name = own[int(np.bincount(rows).argmax())] if len(rows) and own else ""
        while name in named:
            name += " "
        named[name] = ()
    return named


def _folds(group: NDArray[np.str_], settings: AuditConfig) -> NDArray[np.intp]:
    """Number of the fold of each row; a group is in one fold."""
    names, member = np.unique(group, return_inverse=True)
    order = np.random.default_rng(settings.seed).permutation(len(names))
    if len(names) < settings.folds:
        return np.random.default_rng(settings.seed).permutation(len(group)) % settings.folds
    return (order % settings.folds)[member].astype(np.intp)
