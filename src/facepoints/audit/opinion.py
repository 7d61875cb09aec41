"""The second opinion of an audit: where a model sees the points, without knowing the labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facepoints import weights
from facepoints.datasets.marking_schemes import scheme_matrix
from facepoints.datasets.samples import Samples
from facepoints.detection import BuiltinDetector, Detection
from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.inference.cropping import FaceCrop
from facepoints.inference.face import Face
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.inference.predictor import Predictor
from facepoints.inference.refinement import predict_refined
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["ModelOpinion", "Progress", "Readings", "SecondOpinion"]

_MIN_SCORE = 0.3  # a face below it is none
_BATCH = 256  # images that are read at once

Progress = Callable[[int, int], None]
"""Called with the number of rows that are done, and of all rows."""


@dataclass(frozen=True)
class Readings:
    """What a second opinion sees in N images, in up to F faces each.

    Attributes:
        points: (N, F, M, 2) float32, in pixels of the images. NaN beyond the last face.
        radius: (N, F, M) float32, pixels: the true point lies within it in 90 % of cases.
        score: (N, F) float32 in [0, 1], how likely it is a face; 0 beyond the last.
    """

    points: NDArray[np.float32]
    radius: NDArray[np.float32]
    score: NDArray[np.float32]


class SecondOpinion(Protocol):
    """Predicts the points of the faces in images. It must not have been trained on the labels."""

    @property
    def landmarks(self) -> LandmarkSet:
        """The M points that it predicts."""
        ...

    def __call__(self, faces: Samples, progress: Progress | None = None) -> Readings:
        """Readings of the images of N faces. Labels may be used only to find the face."""
        ...


@dataclass(frozen=True)
class ModelOpinion:
    """The faces that a model and a face detector find.

    Attributes:
        predictor: finds the faces.
        most: number of faces of an image that are kept, those with the highest score.
    """

    predictor: Predictor
    most: int = 3

    @classmethod
    def load(
        cls, model: str | Path = weights.BUILTIN, threads: int | None = None, device: str = "cpu"
    ) -> ModelOpinion:
        """The opinion of "builtin", an ONNX file, or a run folder with one.

        Args:
            model: see `LandmarkModel.load`.
            threads: processor threads of the landmark model. None: all.
            device: that the landmark model runs on. The detector runs on the CPU.

        Raises:
            ModelError: the model is missing, damaged or newer.
            SettingsError: this machine has no such device.
        """
        landmark_model = LandmarkModel.load(model, device, threads)
        return cls(Predictor(landmark_model, BuiltinDetector.load(), min_score=_MIN_SCORE))

    @property
    def landmarks(self) -> LandmarkSet:
        return self.predictor.landmarks

    def __call__(self, faces: Samples, progress: Progress | None = None) -> Readings:
        shape = len(faces), self.most, len(self.landmarks)
        points = np.full((*shape, 2), np.nan, np.float32)
        radius = np.full(shape, np.nan, np.float32)
        score = np.zeros(shape[:2], np.float32)
        for start in range(0, len(faces), _BATCH):
            part = faces.take(slice(start, start + _BATCH))
            for row, found in enumerate(self._find(part), start):
                for place, face in enumerate(found[: self.most]):
                    points[row, place] = face.points
                    radius[row, place] = face.radius
                    score[row, place] = face.score
            if progress is not None:
                progress(min(start + _BATCH, len(faces)), len(faces))
        return Readings(points, radius, score)

    def _find(self, faces: Samples) -> list[list[Face]]:
        """The faces of each image: those of the detector, and where it finds none, the one that
        the labels frame."""
        found = self.predictor.predict_batch(list(faces.images), [""] * len(faces))
        lacking = [row for row, some in enumerate(found) if not some]
        for row, face in self._framed_by_labels(faces, lacking):
            found[row] = [face]
        return found

    def _framed_by_labels(self, faces: Samples, rows: list[int]) -> Iterator[tuple[int, Face]]:
        model = self.predictor.model
        mix, known = scheme_matrix(model.landmarks, faces.landmarks, "")
        target = mix.astype(np.float64) @ model.canonical_points
        crops, images, owners = [], [], []
        for row in rows:
            mask = faces.labelled[row] & known
            try:
                matrix = affine.fit_similarity(faces.points[row, mask], target[mask])
            except DataError:  # fewer than two points, or all in one place
                continue
            crops.append(FaceCrop(len(crops), Detection((0.0, 0.0, 1.0, 1.0)), matrix))
            images.append(faces.images[row])
            owners.append(row)
        if not crops:
            return
        kept, output = predict_refined(model, images, crops, min_score=0.0, always=True)
        for place, crop in enumerate(kept):
            if output.score[place] >= _MIN_SCORE:
                points = output.points[place]
                yield (
                    owners[crop.image],
                    Face(
                        box=affine.bounding_box(points),
                        score=float(output.score[place]),
                        points=points,
                        radius=output.radius[place],
                        landmarks=model.landmarks,
                    ),
                )
