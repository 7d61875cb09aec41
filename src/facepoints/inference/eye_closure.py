"""The closure of the eyes of a face: a probability for each eye, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["EYES", "HIDDEN_EYE", "NOT_SEEN", "NO_CORNERS", "OUTSIDE", "TOO_SMALL", "EyeClosure"]

EYES = ("right", "left")
"""The subject's eyes, in the order of all results."""

HIDDEN_EYE = "hidden"
"""The points of the eye are hidden: the head is turned, or hair or a hand covers them."""
NOT_SEEN = "no eye seen"
"""No eye can be seen where its points are: sunglasses, a shadow or a reflection hide it."""
OUTSIDE = "outside the image"
"""The middle of the eye lies outside the image."""
TOO_SMALL = "too small"
"""The corners of the eye are less than five pixels apart."""
NO_CORNERS = "no eye corners"
"""The landmark set has no corners of the eye."""


@dataclass(frozen=True)
class EyeClosure:
    """The probability that each eye is closed.

    Left and right are the subject's. A value that cannot be had is None, and its reason says why.

    Attributes:
        right: probability that the right eye is closed, [0, 1] with 4 decimals; None: not seen.
        left: the same for the left eye.
        right_reason: why there is no value for the right eye: "hidden", "no eye seen", "outside
            the image", "too small" or "no eye corners". Empty if there is one.
        left_reason: the same for the left eye.
    """

    right: float | None = None
    left: float | None = None
    right_reason: str = ""
    left_reason: str = ""

    def of(self, eye: str) -> tuple[float | None, str]:
        """The probability that one eye, "right" or "left", is closed, and the reason."""
        if eye == "right":
            return self.right, self.right_reason
        return self.left, self.left_reason

    @property
    def mean(self) -> float | None:
        """The mean of the eyes that are seen, [0, 1]; None if none is."""
        seen = [value for value in (self.right, self.left) if value is not None]
        return sum(seen) / len(seen) if seen else None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form. Empty reasons are left out."""
        reasons = {"right_reason": self.right_reason, "left_reason": self.left_reason}
        return {"right": self.right, "left": self.left} | {k: v for k, v in reasons.items() if v}

    @classmethod
    def from_dict(cls, data: Any) -> EyeClosure:
        """Inverse of `to_dict`.

        Raises:
            KeyError, TypeError, ValueError: a part is missing, of another type or out of range.
        """
        right, left = _probability(data["right"]), _probability(data["left"])
        reasons = [str(data.get(f"{side}_reason", ""))[:80] for side in ("right", "left")]
        return cls(right, left, *reasons)


def _probability(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not 0 <= float(value) <= 1:
        raise ValueError(f"the probability that an eye is closed is 0 to 1, got {value!r:.40}")
    return round(float(value), 4)
