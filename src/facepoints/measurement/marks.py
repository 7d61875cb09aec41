"""Which marks of people the landmarks of each measure follow, in words.

Numbers are those of iBUG-68 (300-W: Sagonas et al. 2016, doi:10.1016/j.imavis.2016.01.002), counted
from 1. Names and letters of anthropometry are those of Farkas 1994, Anthropometry of the Head and
Face, 2nd edition. They name the same place on a face, where calipers touch it.
"""

from __future__ import annotations

__all__ = [
    "EYE_ENDS",
    "INNER_ENDS",
    "LIDS",
    "LIPS",
    "MOUTH_CORNERS",
    "OUTER_ENDS",
    "PHILTRUM",
    "ROOT_AND_CHIN",
]

_INNER = "the inner end of the gap between the lids, at the tip of the tear duct (endocanthion, en)"
_OUTER = (
    "where the lids meet on the outside, without lashes, make-up and the fold beyond "
    "(exocanthion, ex)"
)

INNER_ENDS = f"iBUG-68 40 and 43: {_INNER}"
OUTER_ENDS = f"iBUG-68 37 and 46: {_OUTER}"
EYE_ENDS = f"iBUG-68 40 and 43: {_INNER}; 37 and 46: {_OUTER}"
LIDS = "iBUG-68 37 to 48: both ends of the gap, and two points on the edge of each lid"
LIPS = "iBUG-68 61 to 68: the inner edges of the lips, which meet in a closed mouth"
PHILTRUM = (
    "iBUG-68 34: where the nose meets the upper lip (subnasale, sn); 52: the middle of the upper "
    "edge of the red of the lip (labiale superius, ls)"
)
MOUTH_CORNERS = "iBUG-68 49 and 55: where the outer edges of both lips meet (cheilion, ch)"
ROOT_AND_CHIN = (
    "iBUG-68 28: the deepest place of the root of the nose, near the nasion (n), which is felt and "
    "not seen; 9: the lowest place of the chin's outline (gnathion, gn)"
)
