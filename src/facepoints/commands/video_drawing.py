"""Draws the faces of a video into another video, in a thread of its own."""

from __future__ import annotations

from pathlib import Path
from queue import Queue
from threading import Thread

from facepoints._util import files
from facepoints.drawing.video_frames import draw_video_faces
from facepoints.errors import SettingsError
from facepoints.imaging.input_paths import relative_to_common
from facepoints.inference.face import Face
from facepoints.video.frame import Frame, VideoSource
from facepoints.video.sound import SoundCopy
from facepoints.video.writer import VideoWriter

__all__ = ["DrawingThread", "drawn_path", "drawn_paths", "open_writer"]

_QUEUED = 4  # frames that wait to be drawn and encoded
_VIDEO_SUFFIXES = {".mp4", ".m4v"}


def drawn_path(drawn: Path, name: str) -> Path:
    """The video file to draw to.

    Args:
        drawn: an .mp4 file, or a folder, which gets a video with the name of the source.
        name: of the source.

    Raises:
        SettingsError: `drawn` is a file of another kind.
    """
    if drawn.suffix.lower() in _VIDEO_SUFFIXES and not drawn.is_dir():
        return drawn
    if drawn.is_dir() or not drawn.suffix:
        return drawn / f"{Path(name).stem or 'video'}.mp4"
    raise SettingsError(f"a video is drawn to an .mp4 file or a folder, not to {drawn}")


def drawn_paths(drawn: Path, names: list[str]) -> list[Path]:
    """The video files to draw to.

    Several videos are drawn into a folder, with the names and subfolders of the sources. If two
    would get the same name, both keep their suffix (a.avi.mp4, a.mp4.mp4).

    Args:
        drawn: an .mp4 file for one video, or a folder.
        names: of the sources.

    Raises:
        SettingsError: `drawn` is a file of another kind, or a file for several videos.
    """
    if len(names) == 1:
        return [drawn_path(drawn, names[0])]
    if drawn.suffix and not drawn.is_dir():
        raise SettingsError(f"{len(names)} videos are drawn to a folder, {drawn} names a file")
    unique = files.unique_names(relative_to_common(names), lambda _, name: [f"{name}.mp4"])
    return [drawn / f"{name}.mp4" for name in unique]


def open_writer(drawn: Path, source: VideoSource) -> VideoWriter:
    """A writer for the drawing of a video, with its sound. Raises MissingExtraError."""
    with_sound = getattr(source, "has_sound", False)
    # the source knows the time of its first frame only when that is read
    sound = (lambda: SoundCopy(source.name, getattr(source, "start", 0.0))) if with_sound else None
    return VideoWriter(drawn, source.fps, sound)


class DrawingThread:
    """Draws and encodes frames in a thread of its own. Its errors are raised by the next `add`,
    or at the end."""

    def __init__(self, writer: VideoWriter, radius: bool, visible_only: bool = False) -> None:
        self._writer, self._radius, self._hidden = writer, radius, not visible_only
        self._queue: Queue[tuple[Frame, list[Face]] | None] = Queue(_QUEUED)
        self._error: BaseException | None = None
        self._thread = Thread(target=self._work, name="facepoints-writer", daemon=True)

    @property
    def note(self) -> str:
        """The reason why sound was left out; empty if it was not."""
        return self._writer.note

    def add(self, frame: Frame, faces: list[Face]) -> None:
        """Draw a frame and append it."""
        if self._error is not None:
            raise self._error
        self._queue.put((frame, faces))

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._error is not None:
                continue  # empty the queue, so that `add` does not wait for ever
            frame, faces = item
            try:
                drawn = draw_video_faces(
                    frame.image, faces, radius=self._radius, hidden=self._hidden
                )
                self._writer.add(drawn, frame.time)
            except BaseException as error:
                self._error = error

    def __enter__(self) -> DrawingThread:
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._queue.put(None)
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error
