"""Predictions as files: one record per image, and the output formats."""
