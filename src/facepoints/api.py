"""The public face model: load it, call it with images, track a video."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from facepoints import weights
from facepoints.detection import FaceDetector, make_detector
from facepoints.inference.face import Face
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.inference.predictor import Predictor
from facepoints.tracking.config import TrackerConfig
from facepoints.tracking.tracker import track_video
from facepoints.video.frame import Frame, VideoSource
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
) -> FaceModel:
    """Get ready to find faces and their points.

    Args:
        model: ONNX file, or folder of a run that holds one; None or "facepoints": the model
            that comes with the package.
        device: "cpu" or "cuda"; the finder always works on the CPU.
        finder: says where faces may be: an object, or a name as `detect.finder_named` knows
            it; None: the one that comes with the package.
        min_score: faces that are less sure are dropped, [0, 1].
        any_angle: find faces that lie or stand on their heads, too; takes four times as long.
        threads: processor threads for the model; None: all.

    Raises:
        ModelError: a model that is missing, damaged, newer, or none of facepoints.
        SettingsError: a device, finder or score that cannot be.
    """
    chosen = make_detector(detector) if isinstance(detector, str) else detector
    ready = LandmarkModel.load(model, device, threads)
    return FaceModel(ready, chosen, min_score=min_score, any_angle=any_angle)


class FaceModel(Predictor):
    """A `Predictor` that tracks faces through videos, too."""

    def track(
        self,
        source: VideoSource | str | Path | int,
        config: TrackerConfig | None = None,
        *,
        fps: float | None = None,
    ) -> Iterator[tuple[Frame, list[Face]]]:
        """Faces of a video, followed from frame to frame.

        >>> for frame, faces in model.track("clip.mp4"):  # doctest: +SKIP
        ...     print(frame.time, [face.track for face in faces])

        Args:
            source: what `video.open_video` takes: a file, a camera's number, the address of
                a stream, or a folder of numbered pictures; or what it returns.
            settings: how faces are followed.
            rate: frames per second of a folder of pictures; None: 30.

        Yields:
            Each frame with its faces, `Face.track` set, oldest track first.

        Raises:
            DataError: no such source, or nothing in it that could be decoded.
        """
        if isinstance(source, str | Path | int):
            source = open_video(source, fps)
        return track_video(self, source, config)
