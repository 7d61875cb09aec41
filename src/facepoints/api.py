"""The public face model: load it, call it with images, track a video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints import weights
from facepoints.detection import BoxFileDetector, FaceDetector, make_detector
from facepoints.errors import SettingsError
from facepoints.inference.cropping import LandmarkNetwork
from facepoints.inference.eye_state import EyeStateModel
from facepoints.inference.face import Face
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.inference.mirrored import mean_closures, mean_faces, mirror_image
from facepoints.inference.predictor import Predictor
from facepoints.inference.refinement import CROP_CONFIG, CropConfig
from facepoints.tracking.config import TrackerConfig
from facepoints.tracking.tracker import track_video
from facepoints.video.frame import Frame, VideoSource, check_fps
from facepoints.video.source import open_video

__all__ = ["FaceModel", "load"]


def load(
    model: str | Path = weights.BUILTIN,
    device: str = "cpu",
    detector: FaceDetector | str = "builtin",
    *,
    min_score: float = 0.5,
    any_angle: bool = False,
    threads: int | None = None,
    crop_config: CropConfig | None = None,
    eye_closure: bool = False,
    symmetric: bool = False,
) -> FaceModel:
    """Load a model that finds faces and their landmarks.

    Examples:
        >>> model = load()  # doctest: +SKIP
        >>> for face in model("photo.jpg"):  # doctest: +SKIP
        ...     print(face["nose_tip"], face.score)

    Args:
        model: "builtin", an ONNX file, or a run folder that holds model.onnx.
        device: where the landmark model runs: "cpu", "cuda", "cuda:N" or "auto" (CUDA if
            onnxruntime has it, else the CPU). The detector always runs on the CPU.
        detector: "builtin", "opencv-cascade", "full-image" (every image is cropped to one face),
            "boxes:FILE" (a CSV table with the columns file,x,y,w,h), "yunet:FILE" (YuNet as
            ONNX), or an object with a method `detect(image)` that returns `Detection` objects.
        min_score: minimum score of a face, [0, 1]. Larger: fewer false faces, more missed ones.
        any_angle: also detect faces that lie on their side or are upside down. The detector
            then runs four times per image.
        threads: processor threads for the landmark model and the built-in detector, from 1 to 256
            (or to the number of processors). None: all.
        crop_config: settings of the refinement of crops; None: the defaults.
        eye_closure: also predict the probability that each eye is closed
            (`Face.eye_closure`). It takes some 0.2 ms per face.
        symmetric: predict each image and its mirror image, and average both. A mirrored image then
            has exactly the mirrored points. It takes twice the time, and is for images, not for
            videos.

    Returns:
        A model that is called with images; see `FaceModel`.

    Raises:
        ModelError: a model file is missing, damaged, of a newer version or not of facepoints.
        DataError: the table of boxes cannot be used.
        SettingsError: an unknown device or detector, a number out of range, or a value of
            another type.
    """
    if not isinstance(model, str | Path):
        raise SettingsError(
            f"model is 'builtin', the path of an ONNX file or of a run folder, got "
            f"{type(model).__name__}"
        )
    if crop_config is not None and not isinstance(crop_config, CropConfig):
        raise SettingsError(f"crop_config is a CropConfig, got {type(crop_config).__name__}")
    face_detector = make_detector(detector, threads) if isinstance(detector, str) else detector
    landmark_model = LandmarkModel.load(model, device, threads)
    return FaceModel(
        landmark_model,
        face_detector,
        min_score=min_score,
        any_angle=any_angle,
        crop_config=crop_config or CROP_CONFIG,
        eye_state=EyeStateModel.load(threads=threads) if eye_closure else None,
        symmetric=symmetric,
    )


class FaceModel(Predictor):
    """Finds faces and their landmarks in images, and tracks faces through videos.

    `load` makes one. Call it with an image for a list of faces, or with a sequence of images for
    a list of such lists. It may be called from several threads, pickled and copied.

    Attributes:
        model: the landmark model.
        detector: the face detector.
        min_score: minimum score of a face, [0, 1].
        any_angle: whether faces at any angle are detected.
        crop_config: settings of the refinement of crops.
        eye_state: predicts whether eyes are closed; None: it is not predicted.
        symmetric: whether the predictions of each image and of its mirror image are averaged.

    Raises:
        SettingsError: `symmetric` for a model whose points have no left and right.
    """

    def __init__(
        self,
        model: LandmarkNetwork,
        detector: FaceDetector | None = None,
        *,
        min_score: float = 0.5,
        any_angle: bool = False,
        crop_config: CropConfig = CROP_CONFIG,
        eye_state: EyeStateModel | None = None,
        symmetric: bool = False,
    ) -> None:
        super().__init__(
            model, detector, min_score=min_score, any_angle=any_angle, crop_config=crop_config
        )
        if symmetric and not self.landmarks.mirrorable:
            raise SettingsError(
                "symmetric predictions need points with left and right in their names, so that a "
                "mirrored face can be mirrored back; those of this model have none"
            )
        self.eye_state = eye_state
        self.symmetric = symmetric

    def describe(self) -> dict[str, Any]:
        """Everything besides the image that predictions depend on, JSON-ready."""
        described = super().describe()
        if self.eye_state is not None:
            described["eyes"] = self.eye_state.checksum
        return described | ({"symmetric": True} if self.symmetric else {})

    def predict_batch(
        self, images: Sequence[NDArray[np.uint8]], names: Sequence[str]
    ) -> list[list[Face]]:
        """Find the faces in images that are in memory; see `Predictor.predict_batch`."""
        faces = super().predict_batch(images, names)
        if self.symmetric:
            faces = self._averaged(images, faces)
        if self.eye_state is None:
            return faces
        return [self._closures(image, each) for image, each in zip(images, faces, strict=True)]

    def _averaged(
        self, images: Sequence[NDArray[np.uint8]], faces: Sequence[list[Face]]
    ) -> list[list[Face]]:
        """The faces, averaged with those of the mirrored images."""
        mirrored: list[list[Face]] = [[] for _ in images]
        if not isinstance(self.detector, BoxFileDetector):  # its boxes are of the image itself
            mirrors = [mirror_image(image) for image in images]
            mirrored = super().predict_batch(mirrors, [""] * len(images))
        canonical = self.model.canonical_points
        return [
            mean_faces(image, here, there, self.predict_landmarks, canonical)
            for image, here, there in zip(images, faces, mirrored, strict=True)
        ]

    def _closures(self, image: NDArray[np.uint8], faces: Sequence[Face]) -> list[Face]:
        assert self.eye_state is not None
        if self.symmetric:
            return mean_closures(self.eye_state, image, faces)
        return self.eye_state.with_closures(image, faces)

    def track(
        self,
        source: VideoSource | str | Path | int,
        config: TrackerConfig | None = None,
        *,
        fps: float | None = None,
    ) -> Iterator[tuple[Frame, list[Face]]]:
        """Track the faces of a video.

        Examples:
            >>> for frame, faces in model.track("clip.mp4"):  # doctest: +SKIP
            ...     print(frame.time, [face.track_id for face in faces])

        Args:
            source: a video file, the number of a camera, the address of a stream, or a folder of
                numbered images; or an opened source (`video.source.open_video`).
            config: settings of the tracker; None: the defaults.
            fps: frames per second of a folder of images; None: 30.

        Returns:
            An iterator of each frame with its faces. `Face.track_id` is set; the oldest track
            comes first.

        Raises:
            DataError: the source does not exist, or no frame of it could be decoded.
            SettingsError: a frame rate or camera number out of range, a value of another type,
                or the detector reads boxes from a file.
        """
        if config is not None and not isinstance(config, TrackerConfig):
            raise SettingsError(f"config is a TrackerConfig, got {type(config).__name__}")
        if self.symmetric:
            raise SettingsError(
                "symmetric predictions are for images; load the model without it to track a video"
            )
        check_fps(fps)
        if isinstance(source, str | Path | Integral):
            return self._with_eyes(track_video(self, open_video(source, fps), config))
        if not all(hasattr(source, name) for name in ("__iter__", "live", "fps", "name")):
            raise SettingsError(
                f"a video is a file, a camera number, an address, a folder of numbered images or "
                f"an opened source, got {type(source).__name__}; for single images, call the model"
            )
        tracked = track_video(self, source, config)  # pyright: ignore[reportArgumentType]
        return self._with_eyes(tracked)

    def _with_eyes(
        self, tracked: Iterator[tuple[Frame, list[Face]]]
    ) -> Iterator[tuple[Frame, list[Face]]]:
        """The frames with the closure of the eyes, if it is predicted."""
        if self.eye_state is None:
            return tracked
        state = self.eye_state
        return ((frame, state.with_closures(frame.image, faces)) for frame, faces in tracked)
