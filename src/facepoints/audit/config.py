"""Settings of an audit."""

from __future__ import annotations

from dataclasses import dataclass

from facepoints._util.checked_config import CheckedConfig, within

__all__ = ["AUDIT_CONFIG", "AUDIT_CROP_MARGIN", "AUDIT_CROP_SIZE", "AuditConfig"]

AUDIT_CROP_SIZE = 192
"""Pixels: side of the crops that photos should be read with for an audit (`readers.load`)."""

AUDIT_CROP_MARGIN = 1.4
"""Margin of these crops. Larger than for training: a face beside its label is seen."""


@dataclass(frozen=True)
class AuditConfig(CheckedConfig):
    """Settings of an audit.

    Attributes:
        min_confidence: [0, 1]. Faults with less confidence are not named. Smaller: more faults
            are found, and more of those named are none.
        folds: habits of the labels are learned on the rows of the other folds, 2 or more.
            More: slower, and slightly better with few rows.
        seed: random seed of the folds.

    Raises:
        SettingsError: a field is out of its range.
    """

    min_confidence: float = within(0.5, 0, 1)
    folds: int = within(5, 2, 100)
    seed: int = within(0, 0, 2**31)


AUDIT_CONFIG = AuditConfig()
"""The default settings."""
