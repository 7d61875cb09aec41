"""The events of people in videos as files: a table, subtitles (WebVTT) and tiers of ELAN (EAF).

Sources: WebVTT (W3C, https://www.w3.org/TR/webvtt1/); EAF 3.0 of the annotation tool ELAN (Max
Planck Institute for Psycholinguistics, http://www.mpi.nl/tools/elan/EAFv3.0.xsd).
"""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TextIO
from xml.sax.saxutils import escape, quoteattr

from facepoints._util.files import atomic_file
from facepoints._util.text_files import escape_controls, open_text, write_row
from facepoints.errors import SettingsError
from facepoints.measurement.events import Event
from facepoints.video.probe import is_stream

__all__ = ["TrackEvent", "check_events", "count_videos", "write_event_table", "write_events"]


class TrackEvent(NamedTuple):
    """An event of a person in a video file, with the numbers of its first and last frame.

    `file` is the video, or the image of the first frame. `video` is the same for all events of a
    video; empty: `file`.
    """

    file: str
    track_id: int
    first: int
    last: int
    event: Event
    video: str = ""

    @property
    def end(self) -> float:
        """Seconds from the first frame of the video to the end of the event."""
        return self.event.start + self.event.seconds


def check_events(path: Path, videos: int = 0) -> None:
    """Refuse a file for events before any work is done.

    Args:
        path: the file.
        videos: number of videos; 0: not known.

    Raises:
        SettingsError: no format has this suffix, or it holds the events of one video and there
            are more.
    """
    suffix = path.suffix.lower()
    if suffix not in _WRITERS:
        raise SettingsError(f"events go to a file in {', '.join(_WRITERS)}, got {path}")
    if videos > 1 and suffix != ".csv":
        raise SettingsError(
            f"a {suffix} file holds the events of one video, there are {videos}; write a .csv "
            f"file, or run the command once for each video"
        )


def count_videos(events: Sequence[TrackEvent]) -> int:
    """Return the number of videos that have events."""
    return len({one.video or one.file for one in events})


def write_events(path: Path, events: Sequence[TrackEvent]) -> None:
    """Write events to a .csv, .vtt or .eaf file.

    Raises:
        SettingsError: as for `check_events`.
        WriteError: the file cannot be written.
    """
    check_events(path, count_videos(events))
    with atomic_file(path) as temporary, open_text(temporary) as file:
        _WRITERS[path.suffix.lower()](file, events, path.parent)


def write_event_table(file: TextIO, events: Sequence[TrackEvent], folder: Path = Path()) -> None:
    """Write CSV: file, track, event, first_frame, last_frame, start and seconds (from the first
    frame), extreme (`events.Event`)."""
    header = "file track event first_frame last_frame start seconds extreme"
    write_row(file, header.split())
    for name, track_id, first, last, event, _ in events:
        times = (round(event.start, 3), round(event.seconds, 3), round(event.extreme, 4))
        write_row(file, [name, track_id, event.kind, first, last, *times])


def _write_vtt(file: TextIO, events: Sequence[TrackEvent], folder: Path) -> None:
    """Write subtitles in the order of time, spoken by the "voice" of their track."""
    file.write("WEBVTT\n\n")
    for number, one in enumerate(sorted(events, key=lambda e: (e.event.start, e.end)), start=1):
        start, end = one.event.start, max(one.end, one.event.start + 0.001)
        file.write(f"{number}\n{_clock(start)} --> {_clock(end)}\n")
        file.write(f"<v track {one.track_id}>{one.event.kind}\n\n")


def _clock(seconds: float) -> str:
    """hh:mm:ss.ttt"""
    whole = max(0, round(seconds * 1000))
    minutes, rest = divmod(whole, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


_MIME = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".avi": "video/x-msvideo",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".mpg": "video/mpeg",
    ".mpeg": "video/mpeg",
}


def _write_eaf(file: TextIO, events: Sequence[TrackEvent], folder: Path) -> None:
    """Write a tier for each kind of event of each track, for the video beside it."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    file.write(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<ANNOTATION_DOCUMENT AUTHOR="facepoints" DATE="{now}" FORMAT="3.0" VERSION="3.0" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">\n'
        '<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">\n'
    )
    for name in dict.fromkeys(one.file for one in events):
        file.write(_media(name, folder))
    file.write(
        f'<PROPERTY NAME="lastUsedAnnotationId">{len(events)}</PROPERTY>\n</HEADER>\n<TIME_ORDER>\n'
    )
    listed = list(enumerate(events, start=1))
    slots = sorted((_milliseconds(one.event.start), f"ts{2 * n - 1}") for n, one in listed)
    slots += [(_milliseconds(one.end), f"ts{2 * n}") for n, one in listed]
    for time, slot in sorted(slots):
        file.write(f'<TIME_SLOT TIME_SLOT_ID="{slot}" TIME_VALUE="{time}"/>\n')
    file.write("</TIME_ORDER>\n")
    for track_id, kind in sorted({(one.track_id, one.event.kind) for one in events}):
        file.write(
            f'<TIER LINGUISTIC_TYPE_REF="event" PARTICIPANT="track {track_id}" '
            f'TIER_ID="{kind}@track {track_id}">\n'
        )
        for number, one in listed:
            if (one.track_id, one.event.kind) == (track_id, kind):
                file.write(
                    f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{number}" '
                    f'TIME_SLOT_REF1="ts{2 * number - 1}" TIME_SLOT_REF2="ts{2 * number}">'
                    f"<ANNOTATION_VALUE>{escape(kind)}</ANNOTATION_VALUE>"
                    f"</ALIGNABLE_ANNOTATION></ANNOTATION>\n"
                )
        file.write("</TIER>\n")
    file.write(
        '<LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="event" '
        'TIME_ALIGNABLE="true"/>\n</ANNOTATION_DOCUMENT>\n'
    )


def _milliseconds(seconds: float) -> int:
    return max(0, round(1000 * seconds))


def _media(name: str, folder: Path) -> str:
    """The element that names the video; empty for a camera, a stream or frames with a file each,
    which ELAN cannot play."""
    path = Path(name)
    image = (mimetypes.guess_type(path.name)[0] or "").startswith("image/")
    if is_stream(name) or image or not path.suffix:
        return ""
    whole = quoteattr(escape_controls(Path(os.path.abspath(path)).as_uri()))
    beside = os.path.relpath(path, folder)
    relative = quoteattr(escape_controls(Path(".", beside).as_posix()))
    kind = _MIME.get(path.suffix.lower(), "unknown")
    return (
        f'<MEDIA_DESCRIPTOR MEDIA_URL={whole} MIME_TYPE="{kind}" RELATIVE_MEDIA_URL={relative}/>\n'
    )


_WRITERS: dict[str, Callable[[TextIO, Sequence[TrackEvent], Path], None]] = {
    ".csv": write_event_table,
    ".vtt": _write_vtt,
    ".eaf": _write_eaf,
}
"""Writers by suffix."""
