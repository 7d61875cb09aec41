"""How wide an iris is where its edge is found, and how exactly.

Both numbers were measured on portraits whose pupils people marked. The pupils of adults are
63.36 mm apart, with a standard deviation of 3.83 mm (Dodgson 2004, doi:10.1117/12.529999; 3976
people). This command writes them into this file; run it again when the landmark network changes:

    python recipes/iris_scale.py --install
"""

from __future__ import annotations

__all__ = ["EDGE_STD", "WIDTH"]

WIDTH = 1.043
"""Width of the visible iris over the width between the steepest places of its edge."""

EDGE_STD = 0.054
"""Standard deviation of the width that is found, as a fraction of it, both eyes averaged."""
