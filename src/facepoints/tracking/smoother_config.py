"""Settings of the motion filters and smoothers of tracked faces, with their meaning and units.

A *log size* is the natural logarithm of a size in pixels. "Crowded" means that another face is so
near that it may hide a part of this one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from facepoints._util.checked_config import CheckedConfig, positive, within
from facepoints.errors import SettingsError

__all__ = ["KalmanConfig", "OfflineSmoothingConfig", "OneEuroConfig"]


@dataclass(frozen=True)
class KalmanConfig(CheckedConfig):
    """The motion filters of a face's pose: position, log size and rotation.

    A track has two filters. The steady one smooths the pose of live video. The agile one predicts
    where to crop the next frame.

    Attributes:
        steady_process_noise: how freely the speed of a face may change, for the two models of
            the steady filter: spectral density of the acceleration (constant-velocity model) in
            measurement variances / s^3, and of the jerk (constant-acceleration model) in
            measurement variances / s^5. Smaller: smoother. Larger: less lag, more jitter.
        agile_process_noise: spectral density of the acceleration for the agile filter's one
            model (constant velocity), in measurement variances / s^3. Smaller: smoother crops.
            Larger: crops follow quick turns.
        agile_threshold: difference between the two filters' predictions, in face sizes. From
            this difference on, the crop follows the agile filter alone. Larger: calmer crops,
            later reaction to turns.
        model_persistence: probability that the steady filter's better model in one frame is
            also the better one in the next. Larger: the filter changes models less readily.
        surprise_threshold: squared error of a prediction, as a multiple of its expected
            variance. Above it, the motion must have changed, and the filter catches up within a
            frame. Larger: fewer jumps, more lag.
        initial_speed: standard deviation of a new face's speed, in face sizes per second. For
            log size and radians per second it is a quarter of this. Larger: learns the speed
            from fewer frames, and is noisier in them.
        initial_measurement_std: standard deviation of the pose of one frame, as a fraction of
            the landmarks' mean radius. It is a first guess: the filter then estimates the noise
            from the poses of the track. Larger: smoother in the first frames.
        noise_learning_rate: weight of one frame in the running estimate of the measurement
            noise. Larger: the estimate adapts faster and is less exact.
        noise_floor: lowest noise estimate of a frame, as a fraction of
            `initial_measurement_std`. Larger: small movements are less often taken for a change
            of motion.
        noise_ceiling: highest noise estimate of a frame, as a multiple of the running estimate,
            so that a jolt does not count as noise. Larger: jolts raise the estimate more.
        velocity_seconds: time constant of the mean velocity, in seconds. A lost face is expected
            to keep this velocity. Larger: a short turn just before the loss counts less.
        crowded_velocity_seconds: the same while crowded, when the other face may attract the
            landmarks. Larger: the other face changes the velocity less.
        crowded_size_seconds: time constant of the remembered size and rotation while crowded,
            in seconds. At other times they are those of the last observation. Larger: the other
            face changes them less.
    """

    steady_process_noise: tuple[float, float] = (3.0, 100.0)
    agile_process_noise: float = positive(1e5)
    agile_threshold: float = positive(0.015)
    model_persistence: float = within(0.95, 0.5, 1)
    surprise_threshold: float = positive(9.0)
    initial_speed: float = positive(0.05)
    initial_measurement_std: float = positive(0.03)
    noise_learning_rate: float = within(0.03, 0, 1)
    noise_floor: float = positive(0.5)
    noise_ceiling: float = within(3.0, 1, math.inf)
    velocity_seconds: float = positive(0.25)
    crowded_velocity_seconds: float = positive(1.0)
    crowded_size_seconds: float = positive(1.0)

    def __post_init__(self) -> None:
        if len(self.steady_process_noise) != 2 or not all(
            0 < d < math.inf for d in self.steady_process_noise
        ):
            raise SettingsError(
                "KalmanConfig.steady_process_noise must be two numbers above 0, "
                f"is {self.steady_process_noise}"
            )
        super().__post_init__()


@dataclass(frozen=True)
class OneEuroConfig(CheckedConfig):
    """The live smoother of a face's shape; "radius" is the predicted radius of a landmark.

    The defaults give the least jitter under changing light with which a blink and an opening
    mouth still get through. They were chosen on clips made from photos of people who are not in
    the test set.

    Attributes:
        min_cutoff: cutoff frequency of a shape at rest, in Hz. Larger: less lag, more jitter.
        max_confidence_gain: largest factor on `min_cutoff` for landmarks with a smaller radius
            than the median. Larger: confident landmarks move more freely.
        speed_gain: Hz added to the cutoff for every radius per second that a landmark moves.
            Larger: less lag in fast motion, more jitter.
        half_gain_speed: speed, in radii per second, at which half of `speed_gain` applies.
            Changing light looks like slower motion. Larger: slow motion is smoothed more.
        speed_cutoff: cutoff frequency of the speed estimate, in Hz. Larger: reacts faster,
            to noise too.
    """

    min_cutoff: float = positive(0.08)
    max_confidence_gain: float = positive(2.0)
    speed_gain: float = within(1.0, 0, math.inf)
    half_gain_speed: float = positive(15.0)
    speed_cutoff: float = positive(2.0)


@dataclass(frozen=True)
class OfflineSmoothingConfig(CheckedConfig):
    """The smoother of recorded video: two local polynomial fits, wide and narrow.

    Attributes:
        window_seconds: seconds that the wide fit reaches back and ahead. Larger: smoother,
            output comes later.
        narrow_window_seconds: the same for the narrow fit, which is used in quick motion. Larger:
            quick motion is smoother and less exact.
        max_delay_frames: most frames that are held back, at any frame rate. Larger: more memory.
        motion_threshold: difference between the two fits, in standard deviations of the noise.
            Above it, the motion is quick. Larger: blinks and jolts are smoothed away.
        pose_tolerance: smallest difference in pose that can be quick motion, as a fraction of
            the mean radius. Larger: smoother poses.
        shape_tolerance: the same for single landmarks, as a fraction of their radius. Larger:
            smoother landmarks, small quick movements are lost.
    """

    window_seconds: float = positive(0.5)
    narrow_window_seconds: float = positive(0.1)
    max_delay_frames: int = within(16, 1, math.inf)
    motion_threshold: float = positive(3.0)
    pose_tolerance: float = positive(0.1)
    shape_tolerance: float = positive(0.3)
