"""Pictures in tar archives, such as shards of WebDataset, read from beginning to end.

Members that are no pictures are passed over: in WebDataset's layout a sample is several members
with one name and several suffixes (https://github.com/webdataset/webdataset).
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, BinaryIO, cast

from facepoints._util.words import count_noun
from facepoints.errors import FacepointsError, MissingExtraError
from facepoints.imaging.image_header import HEAD_BYTES, kind_of
from facepoints.imaging.input_paths import IMAGE_SUFFIXES
from facepoints.sources import stores
from facepoints.sources.parts import Picture
from facepoints.sources.suffixes import url_path

__all__ = ["MAX_BYTES", "members_of"]

MAX_BYTES = 1 << 30
"""Bytes of the largest image file that is read, which must fit in memory."""

_ZSTD = (".tar.zst", ".tzst")


class _Member(tarfile.TarInfo):
    """The head of a member. It tells the archive where its end is marked."""

    @classmethod
    def fromtarfile(cls, tarfile: Any) -> Any:  # its parameter has this name
        try:
            return super().fromtarfile(tarfile)
        except Exception as error:
            tarfile.ended = type(error).__name__ == "EOFHeaderError"
            raise


def members_of(name: str) -> Iterator[Picture]:
    """The pictures of an archive, in its order. What is before a damage is given.

    Args:
        name: path or address, which is also the beginning of the pictures' names.

    Raises:
        MissingFile, StoreError: it cannot be read (now).
        MissingExtraError: a package for its compression or its address is not installed.
    """
    count = others = 0
    try:
        with _archive(name) as archive:
            seen: dict[str, int] = {}
            for member in archive:
                archive.members = []  # or the heads of all members stay in memory
                picture = _picture(archive, member, f"{name}/{member.name}")
                if picture is None:
                    others += member.isfile()
                    continue
                count += 1
                times = seen[member.name] = seen.get(member.name, 0) + 1
                again = f"#{times}" if times > 1 else ""
                yield picture._replace(name=picture.name + again)
            if not getattr(archive, "ended", False):
                raise EOFError("its end is missing")
            _check_rest(archive.fileobj)
    except FacepointsError:
        raise
    except Exception as error:  # of tarfile and each compression
        after = f"after {count_noun(count, 'image')}" if count else "at its beginning"
        text = f"the archive {name} is cut off or damaged {after}: {_reason(error)}"
        yield Picture(name, None, text)
        return
    if not count:
        only = f", only {count_noun(others, 'other file')}" if others else ""
        yield Picture(name, None, f"no image in the archive {name}{only}")


_GZIP_END = 8  # bytes of a checksum and a size


def _check_rest(stream: Any) -> None:
    """Raises EOFError if more than zeros follow the end of an archive, or of its compression."""
    more = False
    while not more and (data := stream.read(1 << 16)):
        more = bool(data.strip(b"\0"))
    if not more and hasattr(stream, "cmp"):
        after = stream.cmp.unused_data + stream.fileobj.read(1 << 16)
        more = bool(after[_GZIP_END if stream.comptype == "gz" else 0 :].strip(b"\0"))
    if more:
        raise EOFError("more follows its end, such as another archive (join them by tar -A)")


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _picture(archive: Any, member: tarfile.TarInfo, name: str) -> Picture | None:
    """A member as a picture; None if it is none."""
    base = member.name.rpartition("/")[2]
    suffix = os.path.splitext(base)[1].lower()
    if not member.isfile() or base.startswith(".") or suffix not in (*IMAGE_SUFFIXES, ""):
        return None
    if member.size > MAX_BYTES:
        return Picture(name, None, f"{name} has {member.size} bytes; at most {MAX_BYTES} are read")
    try:
        data = archive.extractfile(member).read()
    except MemoryError:
        return Picture(name, None, f"not enough memory to read {name}")
    if len(data) < member.size:
        raise EOFError("unexpected end of data")
    if not suffix and not kind_of(data[:HEAD_BYTES]):
        return None
    return Picture(name, data) if data else Picture(name, None, f"{name} is empty (0 bytes)")


class _archive:
    """An open archive, as a context. Compression is known from the content, but for zstd."""

    def __init__(self, name: str) -> None:
        self._name, self._stack = name, ExitStack()

    def __enter__(self) -> Any:
        with self._stack:
            file: Any = self._stack.enter_context(stores.open_file(self._name, ahead=True))
            if url_path(self._name).lower().endswith(_ZSTD):
                file = self._stack.enter_context(_zstd(file, self._name))
            archive = tarfile.open(
                fileobj=cast(BinaryIO, file), mode="r|*", bufsize=1 << 18, tarinfo=_Member
            )
            self._stack.enter_context(archive)
            self._stack = self._stack.pop_all()
            return archive

    def __exit__(self, *exc: object) -> None:
        self._stack.close()


def _zstd(file: Any, name: str) -> Any:
    try:
        import pyarrow as pa
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet", f"reading {name}") from None
    return pa.CompressedInputStream(file, "zstd")
