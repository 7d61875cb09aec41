"""The smoother of recorded video: it uses the frames before and after each frame.

For each frame, a face's pose and shape are fitted by low-degree polynomials of time, in which
near frames count more (local regression, Cleveland 1979,
https://doi.org/10.1080/01621459.1979.10481038; at equal steps, Savitzky and Golay 1964). The
fit reaches as far ahead as back, so it does not lag. Where a narrow fit differs from the wide one
by more than noise explains, the motion is quick (a blink, a jolt) and the narrow fit is used.
A point that is visible is fitted to the frames in which it was: a guess of the network, while the
point was hidden, must not pull at it.

`track_video` uses it for video files and image sequences. For cameras and streams, where the
next frames are not known yet, the tracker smooths with `kalman` and `one_euro` instead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from facepoints._util.angles import wrap_radians
from facepoints.imaging import affine
from facepoints.inference.face import Face
from facepoints.inference.landmark_weights import visibility_weights
from facepoints.tracking.local_fit import fit_weights, weighted_fit
from facepoints.tracking.measurement_noise import noise_std
from facepoints.tracking.pose2d import fit_pose, pose_to_similarity
from facepoints.tracking.smoother_config import OfflineSmoothingConfig

__all__ = ["smooth_offline"]


class Timed(Protocol):
    """A frame with a time in seconds."""

    @property
    def time(self) -> float: ...


AnyFrame = TypeVar("AnyFrame", bound=Timed)
Item = TypeVar("Item")


@dataclass(frozen=True, eq=False)
class TrackSample:
    """A tracked face in one frame.

    Attributes:
        face: the face before smoothing.
        pose: (4,) similarity pose.
        shape: (K, 2) landmarks in the frame of the canonical shape.
        radius: (K,) radii in that frame.
        weights: (K,) `visibility_weights` of the landmarks; None: their visibility is unknown.
    """

    face: Face
    pose: NDArray[np.float64]
    shape: NDArray[np.float64]
    radius: NDArray[np.float64]
    weights: NDArray[np.float64] | None


class CanonicalShape(NamedTuple):
    """The mean shape of the faces.

    Attributes:
        points: (K, 2).
        center: (2,) their mean.
        extent: difference of their largest and their smallest coordinate.
    """

    points: NDArray
    center: NDArray
    extent: float


@dataclass(frozen=True, eq=False)
class BufferedFrame(Generic[AnyFrame]):
    """A frame with its faces, and the samples of its tracked faces by track identity."""

    frame: AnyFrame
    faces: list[Face]
    samples: dict[int, TrackSample]


def smooth_offline(
    frames: Iterable[tuple[AnyFrame, list[Face]]],
    canonical_points: NDArray,
    config: OfflineSmoothingConfig | None = None,
) -> Iterator[tuple[AnyFrame, list[Face]]]:
    """Smooth the landmarks of tracked faces. Each frame is yielded some frames later.

    Args:
        frames: frames with their faces. Faces without a track are not changed.
        canonical_points: (K, 2) mean shape of the faces.
        config: windows and thresholds; None: the defaults.

    Raises:
        Any error of `frames`, after the frames before it.
    """
    config = config or OfflineSmoothingConfig()
    window = config.window_seconds
    canonical = CanonicalShape(
        canonical_points, canonical_points.mean(axis=0), np.ptp(canonical_points)
    )
    buffer: deque[BufferedFrame[AnyFrame]] = deque()
    done = 0  # frames of the buffer that were yielded already
    errors: list[Exception] = []
    for frame, faces in _until_error(frames, errors):
        buffer.append(BufferedFrame(frame, faces, _samples(faces, canonical)))
        while (
            len(buffer) - done > config.max_delay_frames
            or buffer[done].frame.time < frame.time - window
        ):
            yield _smooth_frame(buffer, done, canonical, config)
            done += 1
        while buffer[0].frame.time < buffer[done].frame.time - window and done:
            buffer.popleft()
            done -= 1
    for place in range(done, len(buffer)):
        yield _smooth_frame(buffer, place, canonical, config)
    if errors:
        raise errors.pop()


def _until_error(frames: Iterable[Item], errors: list[Exception]) -> Iterator[Item]:
    """The frames up to the end or an error, which is added to `errors`."""
    try:
        yield from frames
    except Exception as error:
        errors.append(error)


def _samples(faces: Sequence[Face], canonical: CanonicalShape) -> dict[int, TrackSample]:
    samples = {}
    for face in faces:
        pose = fit_pose(face.points, face.radius, canonical.points, face.visible)
        if face.track_id is not None and pose is not None:
            back = affine.invert(pose_to_similarity(pose, canonical.center))
            shape = affine.apply(back, face.points).astype(np.float64)
            radius = np.maximum(face.radius * np.exp(-pose[2]), 1e-6)
            weights = None if face.visible is None else visibility_weights(face.visible)
            samples[face.track_id] = TrackSample(face, pose, shape, radius, weights)
    return samples


def _smooth_frame(
    buffer: Sequence[BufferedFrame[AnyFrame]],
    place: int,
    canonical: CanonicalShape,
    config: OfflineSmoothingConfig,
) -> tuple[AnyFrame, list[Face]]:
    now = buffer[place]
    times = [round(b.frame.time - now.frame.time, 6) for b in buffer]
    faces = []
    for face in now.faces:
        here = now.samples.get(face.track_id) if face.track_id is not None else None
        if here is None:
            faces.append(face)
            continue
        track_id = here.face.track_id or 0
        samples = [b.samples.get(track_id) for b in buffer]
        around = [sample for sample in samples if sample is not None]
        when = tuple([t for t, s in zip(times, samples, strict=True) if s is not None])
        points = _smooth_points(here, around, when, canonical, config)
        faces.append(replace(face, points=points, box=affine.bounding_box(points)))
    return now.frame, faces


def _smooth_points(
    here: TrackSample,
    around: Sequence[TrackSample],
    times: tuple[float, ...],
    canonical: CanonicalShape,
    config: OfflineSmoothingConfig,
) -> NDArray[np.float32]:
    """Smoothed landmarks (K, 2) of a sample in pixels, from all buffered samples of its track and
    their times (seconds) from it."""
    wide = fit_weights(times, config.window_seconds, 2)
    narrow = fit_weights(times, config.narrow_window_seconds, 2)
    poses = np.array([s.pose for s in around]) - here.pose
    poses[:, 3] = wrap_radians(poses[:, 3])
    weights = here.weights
    noise = float(  # in the canonical shape's frame
        here.radius.mean() if weights is None else (here.radius * weights).sum() / weights.sum()
    )
    unit = noise * np.array([np.exp(here.pose[2])] * 2 + [1 / canonical.extent] * 2)
    threshold = np.maximum(config.pose_tolerance * unit, config.motion_threshold * noise_std(poses))
    apart = np.abs((narrow - wide) @ poses) / threshold
    apart[:2] = np.hypot(*apart[:2])
    pose = here.pose + _blend(wide @ poses, narrow @ poses, apart)
    shape = _smooth_shape(here, around, times, config)
    return affine.apply(pose_to_similarity(pose, canonical.center), shape)


def _smooth_shape(
    here: TrackSample,
    around: Sequence[TrackSample],
    times: tuple[float, ...],
    config: OfflineSmoothingConfig,
) -> NDArray[np.float64]:
    """Smoothed landmarks (K, 2) of a sample in the frame of the canonical shape."""
    shapes = np.array([s.shape for s in around])
    flat = shapes.reshape(len(shapes), -1)
    calm, quick = (
        (fit_weights(times, reach, degree)[None] @ flat).reshape(shapes.shape[1:])
        for reach, degree in ((config.window_seconds, 1), (config.narrow_window_seconds, 2))
    )
    noise = noise_std(shapes)
    trust = _trust(here, around)
    mixed = (trust < _TRUSTED).any(axis=0)  # points that were better hidden in some frames
    if mixed.any():
        some, shapes = trust[:, mixed], shapes[:, mixed]
        calm[mixed] = weighted_fit(times, config.window_seconds, 1, shapes, some)
        quick[mixed] = weighted_fit(times, config.narrow_window_seconds, 2, shapes, some)
        noise[mixed] = noise_std(shapes, some >= _TRUSTED)
    threshold = np.maximum(
        config.shape_tolerance * here.radius, config.motion_threshold * np.hypot(*noise.T)
    )
    apart = np.hypot(*(quick - calm).T) / threshold
    return _blend(calm, quick, apart[:, None])


_TRUSTED = 0.5  # frames whose weight for a point is lower tell nothing about its noise


def _trust(here: TrackSample, around: Sequence[TrackSample]) -> NDArray[np.float64]:
    """Weights (T, K), up to 1, of the samples for each point of one: lower where the point was
    less visible than in this sample."""
    if here.weights is None:
        return np.ones((len(around), len(here.shape)))
    weights = [here.weights if s.weights is None else s.weights for s in around]
    return np.minimum(np.array(weights) / here.weights, 1.0)


def _blend(calm: NDArray, quick: NDArray, apart: NDArray) -> NDArray[np.float64]:
    """Blend from the calm values (`apart` far below 1) to the quick ones (far above 1)."""
    power = apart**4
    return calm + (quick - calm) * power / (1 + power)
