"""Points of a recorded video without jitter: what comes after a frame tells about it as well.

Around each frame, a face's pose and shape (see `smooth`) are fitted by low polynomials of
time, frames nearer by counting more (local regression, Cleveland 1979,
https://doi.org/10.1080/01621459.1979.10481038; on equal steps, Savitzky and Golay 1964). The
fit looks as far ahead as back, so it lags behind nothing. Where a narrow fit contradicts the
wide one by more than the points' radius explains, motion is quick (a blink, a jolt) and the
narrow one counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from facepoints.imaging import affine
from facepoints.inference.face import Face
from facepoints.tracking.pose2d import fit_pose, pose_to_similarity

__all__ = ["smooth_offline"]

_WIDE = 0.5  # seconds that the wide fit looks back and ahead,
_NARROW = 0.1  # and the narrow one
_MOST = 16  # frames that are held back at most, however many come in a second
_QUICK = 3.0  # times the noise: difference of the fits from which motion is quick,
_POSE_OFF = 0.1  # but at least this part of the mean radius,
_SHAPE_OFF = 0.3  # or, for single points, of the point's radius


class Timed(Protocol):
    """A frame."""

    @property
    def time(self) -> float: ...


AnyFrame = TypeVar("AnyFrame", bound=Timed)


@dataclass(frozen=True, eq=False)
class TrackSample:
    """A face in its frame: pose (4,), shape (K, 2) in its own frame, radius there (K,)."""

    face: Face
    time: float
    pose: NDArray[np.float64]
    shape: NDArray[np.float64]
    radius: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BufferedFrame(Generic[AnyFrame]):
    frame: AnyFrame
    faces: list[Face]
    seen: dict[int, TrackSample]


def smooth_offline(
    frames: Iterable[tuple[AnyFrame, list[Face]]], layout: NDArray
) -> Iterator[tuple[AnyFrame, list[Face]]]:
    """The same frames and faces, some frames later, with points that do not jitter.

    Args:
        frames: each with its faces; those without a track stay as they are.
        layout: (K, 2) mean shape of the faces.
    """
    held: deque[BufferedFrame[AnyFrame]] = deque()
    done = 0  # of those held, how many were given already
    for frame, faces in frames:
        held.append(BufferedFrame(frame, faces, _all_seen(faces, frame.time, layout)))
        while len(held) - done > _MOST or held[done].frame.time < frame.time - _WIDE:
            yield _steady(held, done, layout)
            done += 1
        while held[0].frame.time < held[done].frame.time - _WIDE and done:
            held.popleft()
            done -= 1
    for place in range(done, len(held)):
        yield _steady(held, place, layout)


def _all_seen(faces: Sequence[Face], time: float, layout: NDArray) -> dict[int, TrackSample]:
    seen = {}
    for face in faces:
        pose = fit_pose(face.points, face.radius, layout)
        if face.track_id is not None and pose is not None:
            back = affine.invert(pose_to_similarity(pose, layout.mean(axis=0)))
            shape = affine.apply(back, face.points).astype(np.float64)
            radius = np.maximum(face.radius * np.exp(-pose[2]), 1e-6)
            seen[face.track_id] = TrackSample(face, time, pose, shape, radius)
    return seen


def _steady(
    held: Sequence[BufferedFrame[AnyFrame]], place: int, layout: NDArray
) -> tuple[AnyFrame, list[Face]]:
    now = held[place]
    faces = []
    for face in now.faces:
        here = now.seen.get(face.track_id) if face.track_id is not None else None
        if here is None:
            faces.append(face)
            continue
        around = [s for h in held if (s := h.seen.get(here.face.track_id or 0)) is not None]
        points = _points(here, around, layout)
        faces.append(replace(face, points=points, box=affine.bounding_box(points)))
    return now.frame, faces


def _points(
    here: TrackSample, around: Sequence[TrackSample], layout: NDArray
) -> NDArray[np.float32]:
    times = tuple(round(s.time - here.time, 6) for s in around)
    wide, narrow = _weights(times, _WIDE, 2), _weights(times, _NARROW, 2)
    poses = np.array([s.pose for s in around]) - here.pose
    poses[:, 3] = (poses[:, 3] + np.pi) % (2 * np.pi) - np.pi
    noise = float(here.radius.mean())  # of the shape's frame, as the layout
    unit = noise * np.array([np.exp(here.pose[2])] * 2 + [1 / np.ptp(layout)] * 2)
    least = np.maximum(_POSE_OFF * unit, _QUICK * _noise(poses))
    offs = np.abs((narrow - wide) @ poses) / least
    offs[:2] = np.hypot(*offs[:2])
    pose = here.pose + _mixed(wide @ poses, narrow @ poses, offs)
    shapes = np.array([s.shape for s in around])
    calm = np.tensordot(_weights(times, _WIDE, 1), shapes, 1)
    quick = np.tensordot(narrow, shapes, 1)
    least = np.maximum(_SHAPE_OFF * here.radius, _QUICK * np.hypot(*_noise(shapes).T))
    apart = np.hypot(*(quick - calm).T) / least
    shape = _mixed(calm, quick, apart[:, None])
    return affine.apply(pose_to_similarity(pose, layout.mean(axis=0)), shape)


def _noise(values: NDArray) -> NDArray[np.float64]:
    """Standard deviation of the noise of values (T, ...): what third differences are made of,
    as smooth motion has hardly any. Their median, so that a jump is no noise."""
    if len(values) < 5:
        return np.zeros(values.shape[1:])
    third = np.median(np.abs(np.diff(values, n=3, axis=0)), axis=0)
    return third / (0.6745 * 20**0.5)


def _mixed(calm: NDArray, quick: NDArray, off: NDArray) -> NDArray[np.float64]:
    """The calm values, or the quick ones as far as they are `off` by more than 1."""
    return calm + (quick - calm) * off**4 / (1 + off**4)


@lru_cache(maxsize=256)
def _weights(times: tuple[float, ...], reach: float, degree: int) -> NDArray[np.float64]:
    """What values at T times count in the local fit's value at time 0, (T,)."""
    when = np.array(times)
    near = np.clip(1 - np.abs(when / (reach * 1.01)) ** 3, 0, None) ** 3
    degree = min(degree, int((near > 0).sum()) - 1)
    columns = (when[:, None] / reach) ** np.arange(degree + 1)
    weighted = columns * near[:, None]
    weights = np.linalg.lstsq(weighted.T @ columns, weighted.T, rcond=1e-9)[0][0]
    weights.setflags(write=False)
    return weights
