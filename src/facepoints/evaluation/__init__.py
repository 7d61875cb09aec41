"""Errors of predictions on labelled faces, and radius calibration."""
