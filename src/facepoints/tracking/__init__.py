"""Tracks faces through a video and smooths their landmarks.

- `tracker`: the tracker; `config`: all its settings
- `observation`, `association`, `track`: faces of a frame, which track they belong to, one track
- `kalman`, `one_euro`: motion, and the live smoother for cameras and streams
- `offline_smoothing`: the smoother for recorded video
- `pose2d`, `noise`: position, size and rotation as four numbers; noise estimates
"""
