"""The audit of a table of labeled faces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.audit.config import AUDIT_CONFIG, AuditConfig
from facepoints.audit.fault import AuditResult
from facepoints.audit.opinion import Progress, SecondOpinion
from facepoints.datasets.samples import Samples

__all__ = ["audit"]


def audit(
    faces: Samples,
    second_opinion: SecondOpinion | None = None,
    settings: AuditConfig = AUDIT_CONFIG,
    *,
    sets: NDArray[np.int64] | None = None,
    split: NDArray[np.int64] | None = None,
    progress: Progress | None = None,
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

    Raises:
        DataError: there is no row, or no label.
    """
    nan = np.full(faces.points.shape, np.nan, np.float32)
    return AuditResult([], [], nan[:, 0, 0], nan, nan[..., 0], 0)
