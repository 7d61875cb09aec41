"""Errors of predictions on labeled faces, and radius calibration."""
