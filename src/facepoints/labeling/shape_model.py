"""How the errors of a prediction go together: the covariance of a set of points.

`face_state` says what follows from it for a face that is labeled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.imaging import affine

__all__ = ["CONFIRMED_NOISE", "PLACED_NOISE", "ShapeModel", "face_frame"]

Array = NDArray[np.float64]

PLACED_NOISE = 0.003
"""Standard deviation of a placed point on each axis, as a fraction of the face's size (the longer
side of the box of its points). Larger: other points follow less."""
CONFIRMED_NOISE = 0.005
"""The same for a point that was found right where it was: nobody sees the last pixel."""


@dataclass(frozen=True)
class ShapeModel:
    """How the errors of a prediction go together.

    Attributes:
        names: K point names.
        mean_shape: (K, 2) upright mean positions. They give the turn and the size of a face; the
            unit is arbitrary, the longer side of the box of the points counts as 1 for noises.
        covariance: (2 K, 2 K) of the errors x0, y0, x1, ... in the upright frame, in units of each
            point's radius. Errors have mean 0: a known offset belongs into the prediction.
        placed_noise, confirmed_noise: see `PLACED_NOISE`, `CONFIRMED_NOISE`.

    Raises:
        DataError: shapes do not fit, or the covariance is not finite and symmetric.
    """

    names: tuple[str, ...]
    mean_shape: Array
    covariance: Array
    placed_noise: float = PLACED_NOISE
    confirmed_noise: float = CONFIRMED_NOISE

    def __post_init__(self) -> None:
        k = len(self.names)
        shapes = {"mean_shape": (k, 2), "covariance": (2 * k, 2 * k)}
        for name, want in shapes.items():
            array = getattr(self, name)
            if array.shape != want or not np.isfinite(array).all():
                raise DataError(f"shape model: {name} must be {want} finite numbers")
        if not np.allclose(self.covariance, self.covariance.T, atol=1e-6):
            raise DataError("shape model: the covariance must be symmetric")

    def __len__(self) -> int:
        return len(self.names)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form for the page; `covariance` is the lower triangle, row by row."""
        lower = self.covariance[np.tril_indices(2 * len(self))]
        return {
            "names": list(self.names),
            "mean_shape": np.round(self.mean_shape, 4).tolist(),
            "covariance": np.round(lower, 5).tolist(),
            "placed_noise": self.placed_noise,
            "confirmed_noise": self.confirmed_noise,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ShapeModel:
        """Inverse of `to_dict`, up to its rounding. Raises DataError if a part is wrong."""
        try:
            names = tuple(map(str, data["names"]))
            covariance = np.zeros((2 * len(names), 2 * len(names)))
            covariance[np.tril_indices(len(covariance))] = data["covariance"]
            covariance += np.tril(covariance, -1).T
            return cls(
                names,
                np.array(data["mean_shape"], dtype=np.float64),
                covariance,
                float(data["placed_noise"]),
                float(data["confirmed_noise"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not a shape model: {error!r}") from error


def face_frame(points: Array, mean_shape: Array, known: NDArray[np.bool_]) -> tuple[Array, float]:
    """Turn and size of a face.

    Returns:
        Rotation matrix (2, 2) from the upright frame to the picture, and the longer side of the box
        of the mean shape at the face's scale, in pixels.
    """
    side = float(np.ptp(mean_shape, axis=0).max())
    if known.sum() > 1 and np.ptp(mean_shape[known], axis=0).max() > 0:
        matrix = affine.fit_similarity(mean_shape[known], points[known])
        scale = float(np.hypot(*matrix[:, 0]))
        if scale > 0:
            return matrix[:, :2] / scale, scale * max(side, 1e-9)
    return np.eye(2), 1.0
