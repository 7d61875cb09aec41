"""Faces with their landmarks in images: a detector finds them, a model predicts the landmarks.

Examples:
    >>> import facepoints
    >>> model = facepoints.load()  # doctest: +SKIP
    >>> faces = model("photo.jpg")  # doctest: +SKIP
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from numbers import Real
from os import PathLike
from typing import Any, Literal, get_args, overload

import numpy as np
from numpy.typing import NDArray

from facepoints._util.at_once import leave_if_unwanted
from facepoints.detection import (
    BoxFileDetector,
    BuiltinDetector,
    Detection,
    FaceDetector,
    FullImageDetector,
    RetryingDetector,
    check_detections,
    make_detector,
    map_detection,
    merge_detections,
)
from facepoints.errors import DataError, SettingsError
from facepoints.imaging import affine
from facepoints.imaging.image_input import ImageInput, as_array, is_one_image, not_an_image
from facepoints.inference.batches import (
    batch_size,
    batches_at_once,
    predict_at_once,
    split_large,
)
from facepoints.inference.cropping import FaceCrop, LandmarkNetwork, initial_crop
from facepoints.inference.duplicates import without_duplicates
from facepoints.inference.face import Face
from facepoints.inference.face_list import FaceList
from facepoints.inference.face_score import can_be_face, face_scores
from facepoints.inference.refinement import CROP_CONFIG, CropConfig, predict_refined
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["MIN_SCORE", "Image", "OnError", "Predictor"]

OnError = Literal["raise", "skip"]

Image = ImageInput
"""An array, the path or the bytes of a file, or an image of Pillow (`imaging.image_input`)."""

MIN_SCORE = 0.5
"""Default of the minimum score of a face."""


class Predictor:
    """Call it with an image for its faces, or with several images at once.

    It may be called from several threads. It can be pickled and copied if its model and its
    detector can, as those of facepoints.

    Args:
        model: predicts the landmarks in crops.
        detector: finds the faces. None: the built-in detector.
        min_score: minimum score of a face, [0, 1]. The score is the model's, or the detector's
            if the model has none; with the built-in detector, it is made of both (`face_score`).
            Larger: fewer false faces, more missed ones.
        any_angle: also detect faces that lie on their side or are upside down, by running the
            detector on the image in four rotations. Detection then takes four times as long.
        crop_config: settings of the refinement of crops.

    Raises:
        SettingsError: `min_score` is out of range, or the detector has no method `detect`.
    """

    def __init__(
        self,
        model: LandmarkNetwork,
        detector: FaceDetector | None = None,
        *,
        min_score: float = MIN_SCORE,
        any_angle: bool = False,
        crop_config: CropConfig = CROP_CONFIG,
    ) -> None:
        if not isinstance(min_score, Real) or not 0 <= min_score <= 1:
            raise SettingsError(f"min_score must be a number from 0 to 1, is {min_score!r:.40}")
        if detector is not None and (
            isinstance(detector, type) or not callable(getattr(detector, "detect", None))
        ):
            what = detector.__name__ if isinstance(detector, type) else type(detector).__name__
            raise SettingsError(
                f"a detector is a name or an object with a method detect(image), got "
                f"{'the class ' if isinstance(detector, type) else ''}{what}"
            )
        if not isinstance(crop_config, CropConfig):
            raise SettingsError(f"crop_config is a CropConfig, got {type(crop_config).__name__}")
        self.model = model
        self.detector: FaceDetector = make_detector("builtin") if detector is None else detector
        self.min_score = min_score
        self.any_angle = any_angle
        self.crop_config = crop_config

    @property
    def landmarks(self) -> LandmarkSet:
        """The landmarks of every face."""
        return self.model.landmarks

    def describe(self) -> dict[str, Any]:
        """Everything besides the image that predictions depend on, JSON-ready."""
        return {
            "model": _checksum(self.model) or repr(self.model),
            "detector": [repr(self.detector), _checksum(self.detector)],
            "min_score": self.min_score,
            "any_angle": self.any_angle,
            "crop_config": asdict(self.crop_config),
        }

    @overload
    def __call__(
        self, images: Image, *, bgr: bool = False, on_error: OnError = "raise"
    ) -> FaceList: ...
    @overload
    def __call__(
        self, images: Iterable[Image], *, bgr: bool = False, on_error: OnError = "raise"
    ) -> list[FaceList]: ...
    def __call__(
        self, images: Image | Iterable[Image], *, bgr: bool = False, on_error: OnError = "raise"
    ) -> FaceList | list[FaceList]:
        """Find the faces in an image, or in each of several images.

        Several images at once are faster: batches of them are predicted at a time, each by a
        thread of its own.

        Args:
            images: a path, the bytes of a file, a Pillow image, or uint8 (H, W) gray, (H, W, 3)
                RGB or (H, W, 4) RGBA; or several of them. The EXIF turn of files and Pillow
                images is applied.
            bgr: whether arrays hold BGR or BGRA, as OpenCV's `imread` gives them.
            on_error: "raise" raises an error for an image that cannot be read. "skip" goes on:
                the list of this image is empty, and its `error` says why.

        Returns:
            The faces of the image, highest score first; or such a list for each image. The list
            is empty if there is no face.

        Raises:
            DataError: an array or a file is not an image. With "skip", only if `images` is
                neither an image nor several.
            SettingsError: another value of `on_error`, or the detector returns something else
                than `Detection` objects.
        """
        if on_error not in get_args(OnError):
            raise SettingsError(f"on_error is 'raise' or 'skip', got {on_error!r:.40}")
        if is_one_image(images):
            return self._faces_of([images], bgr, on_error, 1)[0]
        if not isinstance(images, Iterable):
            raise not_an_image(images)
        several = list(images)
        at_once = max(1, min(batches_at_once(self.model, self.detector), len(several)))
        size = max(1, len(several))  # all crops go through a model of others together
        if at_once > 1:
            size = batch_size(self.model, len(several), at_once)
        batches = (several[first : first + size] for first in range(0, len(several), size))

        def predict(batch: list[Any]) -> list[FaceList]:
            return self._faces_of(batch, bgr, on_error, at_once)

        return list(chain.from_iterable(predict_at_once(predict, batches, at_once)))

    def _faces_of(
        self, batch: list[Any], bgr: bool, on_error: OnError, at_once: int
    ) -> list[FaceList]:
        """The faces in each image of a batch, of which few are in memory if they are large.

        `at_once` batches are predicted at a time. Other arguments and errors as in `__call__`.
        """
        results = [FaceList() for _ in batch]

        def read() -> Iterator[tuple[int, NDArray[np.uint8]]]:
            for number, image in enumerate(batch):
                leave_if_unwanted()
                try:
                    array = as_array(image, bgr=bgr)
                except DataError as error:
                    if on_error == "raise":
                        raise
                    results[number].error = str(error)
                else:
                    yield number, array

        for group in split_large(read(), at_once):
            read_of = [batch[number] for number, _ in group]
            names = [os.fspath(one) if isinstance(one, str | PathLike) else "" for one in read_of]
            faces = self.predict_batch([image for _, image in group], names)
            for (number, _), each in zip(group, faces, strict=True):
                results[number].extend(each)
        return results

    def predict_batch(
        self, images: Sequence[NDArray[np.uint8]], names: Sequence[str]
    ) -> list[list[Face]]:
        """Find the faces in images that are in memory.

        Args:
            images: (H, W) gray or (H, W, 3) RGB.
            names: paths of their files, for `BoxFileDetector`; empty strings if there are none.

        Returns:
            The faces of each image, highest score first.
        """
        attempts = [self._attempts(image, name) for image, name in zip(images, names, strict=True)]
        faces: list[list[Face]] = [[] for _ in images]
        pending = list(range(len(images)))
        while pending:  # images without a face so far that can be searched again
            crops, searched = [], []
            for number in pending:
                leave_if_unwanted()
                detections = next(attempts[number], None)
                if detections is not None:
                    searched.append(number)
                    crops += [initial_crop(self.model, number, d) for d in detections]
            for number, face in self._accepted(images, crops):
                faces[number].append(face)
            pending = [number for number in searched if not self._is_found(faces[number])]
        found = [without_duplicates(each, self.model.canonical_points) for each in faces]
        return [each[:1] for each in found] if self._one_face else found

    @property
    def _one_face(self) -> bool:
        return isinstance(self.detector, FullImageDetector)

    def _is_found(self, faces: Sequence[Face]) -> bool:
        """True if an image with these faces needs no other attempt. The one face of a whole image
        may be of any size, so the attempts end with one that the model is sure of."""
        sure = self.crop_config.sure_score if self._one_face else 0.0
        return any(face.score >= sure for face in faces)

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Detections in an image, (H, W) gray or (H, W, 3) RGB, without the landmark model."""
        return next(self._attempts(image, ""))

    def predict_landmarks(
        self, gray: NDArray[np.uint8], detections: Sequence[Detection]
    ) -> list[Face]:
        """Faces at detections in a gray image (H, W), each once, highest score first."""
        crops = [initial_crop(self.model, 0, detection) for detection in detections]
        faces = [face for _, face in self._accepted([gray], crops)]
        return without_duplicates(faces, self.model.canonical_points)

    def _attempts(self, image: NDArray[np.uint8], name: str) -> Iterator[list[Detection]]:
        """Detections in an image, then those of each of the detector's fallback attempts."""
        detector = self.detector
        if isinstance(detector, BoxFileDetector) and name:
            yield detector.detect_in(name, image)
            return
        rotations = list(_rotations(image) if self.any_angle else [(image, np.eye(3)[:2])])
        found = [
            (check_detections(detector, detector.detect(rotated)), matrix)
            for rotated, matrix in rotations
        ]
        yield merge_detections([map_detection(d, m) for ds, m in found for d in ds])
        if isinstance(detector, RetryingDetector):
            fallbacks = [detector.detect_fallback(rotated) for rotated, _ in rotations]
            for attempt in zip(*fallbacks, strict=True):
                checked = [check_detections(detector, detections) for detections in attempt]
                found = zip(checked, [matrix for _, matrix in rotations], strict=True)
                yield merge_detections([map_detection(d, m) for ds, m in found for d in ds])

    def _accepted(
        self, images: Sequence[NDArray[np.uint8]], crops: Sequence[FaceCrop]
    ) -> Iterator[tuple[int, Face]]:
        """The crops that show faces, each as a face with the index of its image."""
        has_face_score = self.model.has_face_score
        both = has_face_score and isinstance(self.detector, BuiltinDetector)
        if both:
            crops = [c for c in crops if can_be_face(c.detection, self.min_score)]
        if not has_face_score:
            crops = [c for c in crops if c.detection.score >= self.min_score]
        if not crops:
            return
        given = isinstance(self.detector, BoxFileDetector | FullImageDetector)
        min_score = self.min_score if has_face_score else 0.0
        refined, output = predict_refined(
            self.model, images, crops, min_score, config=self.crop_config, given=given
        )
        visible = [None] * len(refined) if output.visible is None else output.visible
        scores = [crop.detection.score for crop in refined]
        if has_face_score:
            scores = output.score.tolist()
        if both:
            scores = face_scores(self.model, images, refined, scores)
        rows = zip(refined, output.points, output.radius, scores, visible, strict=True)
        for crop, points, radius, score, seen in rows:
            if score >= self.min_score and np.isfinite(points).all():
                box = affine.bounding_box(points)
                landmarks = self.model.landmarks
                yield crop.image, Face(box, score, points, radius, landmarks, visible=seen)


def _checksum(part: object) -> str:
    """Checksum of the file that a model or detector was read from; empty if there is none."""
    return getattr(part, "checksum", "")


def _rotations(image: NDArray[np.uint8]) -> Iterator[tuple[NDArray[np.uint8], affine.Matrix]]:
    """An image rotated by 0, 90, 180 and 270 degrees counterclockwise, each with the affine from
    the image's own pixels."""
    matrix = np.eye(3)[:2]
    for turn in range(4):
        yield np.ascontiguousarray(np.rot90(image, turn)), matrix
        width = image.shape[1] if turn % 2 == 0 else image.shape[0]
        # counterclockwise: the right edge becomes the top one
        matrix = affine.compose(matrix, np.array([[0.0, 1, 0], [-1, 0, width - 1]]))
