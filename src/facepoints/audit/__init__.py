"""Finds faults in labels, names their cause, and suggests how to mend them."""

from facepoints.audit.config import (
    AUDIT_CONFIG,
    AUDIT_CROP_MARGIN,
    AUDIT_CROP_SIZE,
    AuditConfig,
)
from facepoints.audit.engine import audit
from facepoints.audit.fault import DESCRIPTIONS, AuditResult, Cause, Expected, Fault
from facepoints.audit.opinion import ModelOpinion, Progress, Readings, SecondOpinion

__all__ = [
    "AUDIT_CONFIG",
    "AUDIT_CROP_MARGIN",
    "AUDIT_CROP_SIZE",
    "DESCRIPTIONS",
    "AuditConfig",
    "AuditResult",
    "Cause",
    "Expected",
    "Fault",
    "ModelOpinion",
    "Progress",
    "Readings",
    "SecondOpinion",
    "audit",
]
