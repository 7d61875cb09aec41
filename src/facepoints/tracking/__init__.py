"""Tracks faces through a video and smooths their landmarks.

- `tracker`: the tracker; `config`: its settings, `smoother_config`: those of the smoothers
- `detection_schedule`: the frames in which the face detector runs
- `track`: one tracked face; `observation`: the model's output for a face of a frame
- `track_observer`: which observations can be the face of a track; `association`: whose they are
- `kalman`, `one_euro`: motion, and the live smoother for cameras and streams
- `offline_smoothing`, `local_fit`: the smoother for recorded video
- `pose2d`: position, size and rotation as four numbers; `measurement_noise`: how much they jitter
"""
