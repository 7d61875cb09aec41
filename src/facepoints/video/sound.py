"""Copies the sound of a video file to another video."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

__all__ = ["SoundCopy"]

_COPIED = {"aac", "mp3", "mp3float", "opus", "flac"}  # codecs of MP4 files that browsers play
_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)


class SoundCopy:
    """The sound track of a video file, which is muxed into another file beside its images.

    Sound in a codec that browsers play is copied. Any other is encoded as AAC, in stereo if it
    has more channels. Damaged sound is left out from there on.

    Args:
        path: the video file.
        start: seconds in its clock that become 0.

    Attributes:
        note: why sound was left out; empty if it was not.
    """

    def __init__(self, path: str | Path, start: float) -> None:
        import av

        self._av: Any = av
        self._errors = (self._av.error.FFmpegError, OSError, ValueError)
        self.note = ""
        self._start = Fraction(start).limit_denominator(1_000_000)
        self._output: Any = None
        self._stream: Any = None
        self._packets: Iterator[Any] = iter(())
        self._waiting: Any = None
        self._source: Any = None
        self._track: Any = None
        try:
            self._source = av.open(
                os.path.abspath(path),
                metadata_errors="replace",
                container_options={"protocol_whitelist": "file"},
            )
            self._track = self._source.streams.best("audio")
        except self._errors as error:
            self._fail(error)

    def attach(self, output: Any) -> None:
        """Add a stream for the sound to a PyAV container, before anything is muxed into it."""
        self._output = output
        if self._track is None:
            return
        try:
            codec = self._track.codec_context
            if codec.name in _COPIED and (codec.extradata or codec.name.startswith("mp3")):
                self._stream = output.add_stream_from_template(self._track)
                self._packets = self._copied()
            else:
                self._packets = self._encoded(codec)
        except self._errors as error:
            self._fail(error)

    def write(self, seconds: float) -> None:
        """Mux the sound up to a time, in seconds from the first image."""
        while self._stream is not None:
            packet = self._waiting or self._next()
            self._waiting = packet
            if packet is None or float(packet.pts * packet.time_base) > seconds:
                return
            self._waiting = None
            try:
                self._output.mux(packet)
            except ValueError as error:  # times that stand still
                self._fail(error)

    def close(self) -> None:
        """Close the video file."""
        if self._source is not None:
            self._source.close()

    def _next(self) -> Any:
        try:
            return next(self._packets, None)
        except self._errors as error:
            self._fail(error)
            return None

    def _fail(self, error: BaseException) -> None:
        self.note = f"sound was left out: {getattr(error, 'strerror', None) or error}"
        self._packets = iter(())

    def _copied(self) -> Iterator[Any]:
        shift = round(self._start / self._track.time_base)
        for packet in self._source.demux(self._track):
            if packet.pts is None or packet.dts is None or packet.pts < shift:
                continue
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = self._stream
            yield packet

    def _encoded(self, codec: Any) -> Iterator[Any]:
        """Prepare the encoder, and return the iterator of its packets."""
        rate = min(_RATES, key=lambda usual: abs(usual - (codec.sample_rate or 44100)))
        layout = "mono" if codec.layout.nb_channels == 1 else "stereo"
        self._stream = self._output.add_stream("aac", rate=rate, layout=layout)
        resampler = self._av.AudioResampler(format="fltp", layout=layout, rate=rate)
        return self._encode(resampler, rate)

    def _encode(self, resampler: Any, rate: int) -> Iterator[Any]:
        shift = round(self._start * rate)
        for frame in self._decoded():
            for part in resampler.resample(frame):
                if part.pts is not None:
                    seconds = part.pts * part.time_base
                    part.pts, part.time_base = round(seconds * rate) - shift, Fraction(1, rate)
                    if part.pts < 0:
                        continue
                yield from self._stream.encode(part)
        yield from self._stream.encode(None)

    def _decoded(self) -> Iterator[Any]:
        for packet in self._source.demux(self._track):
            try:
                yield from packet.decode()
            except self._errors:  # damaged; the next packet may be whole
                continue
        yield None  # the samples that the resampler still holds
