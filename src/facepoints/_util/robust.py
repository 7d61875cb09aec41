"""Spread of numbers of which some are far off."""

from __future__ import annotations

__all__ = ["MEDIAN_TO_STD"]

MEDIAN_TO_STD = 1.4826
"""Standard deviation of normal numbers over the median of their distances from the middle:
1 / 0.6745 (Hampel 1974, doi:10.1080/01621459.1974.10482962)."""
