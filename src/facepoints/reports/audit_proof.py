"""What mended labels bring, in figures and in words."""

from __future__ import annotations

from dataclasses import dataclass

from facepoints._util.words import count_noun
from facepoints.reports.table import percent

__all__ = ["Proof"]


@dataclass(frozen=True)
class Proof:
    """What mended labels bring: errors of two trainings on the same held-out rows.

    Attributes:
        before, after: mean distance from the labels, as a share of the distance of the eyes (or
            of the box of the face, where the eyes are not labeled).
        normalizer: "eyes" or "box".
        rows: number of held-out rows. No fix touches them.
        trained_before, trained_after: number of rows that were trained on.
        fixes: number of fixes.
    """

    before: float
    after: float
    normalizer: str
    rows: int
    trained_before: int
    trained_after: int
    fixes: int

    def sentence(self) -> str:
        """The result in words."""
        change = (self.after - self.before) / self.before if self.before else 0.0
        word = "lower" if change < 0 else "higher"
        of = "distance of the eyes" if self.normalizer == "eyes" else "size of the face"
        rows = count_noun(self.rows, "held-out row")
        return (
            f"Trained on the labels as they are, the error on {rows} is {percent(self.before, 2)} "
            f"of the {of}; trained on the mended labels it is "
            f"{percent(self.after, 2)}, {percent(abs(change))} {word}."
        )
