"""Reads the pictures of a part ahead, in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from facepoints.errors import DataError, SettingsError
from facepoints.imaging.image_io import read_image_file
from facepoints.sources import lists, parquet_rows, stores, tars
from facepoints.sources.faults import AccessRefused, MissingFile, StoreError
from facepoints.sources.parts import Part, Picture, unpack_names
from facepoints.sources.read_ahead import in_background, read_named
from facepoints.sources.suffixes import is_url, is_web

__all__ = ["read_part"]


def read_part(part: Part) -> Iterator[Picture]:
    """The pictures of a part, in its order. Some are read ahead in threads.

    A picture that cannot be read has an error instead of data. If the iterator is closed, the
    threads stop.

    Raises:
        StoreError: the store cannot be read now, or refuses all of the part: it may be read later.
        SettingsError: the part is a video.
        MissingExtraError: a package is not installed.
    """
    if part.kind == "video":
        raise SettingsError(f"{part.source} is a video, which is not read as pictures")
    if part.kind == "error":
        return iter([Picture(part.source, None, part.error)])
    return _as_rows(part, _READERS[part.kind])


def _as_rows(part: Part, read: Callable[[Part], Iterator[Picture]]) -> Iterator[Picture]:
    """The pictures. Damage of their file is an error of each that cannot be read, or of one more
    if their number is not known."""
    given = 0
    try:
        for picture in read(part):
            given += 1
            yield picture
    except StoreError:
        raise
    except MissingFile as error:
        if part.pictures is not None:  # it was there when its pictures were counted
            raise lists.changed(part) from error
        yield Picture(part.source, None, str(error))
    except (DataError, SettingsError) as error:
        if part.pictures is None:
            yield Picture(part.source, None, str(error))
            return
        first = part.start if part.kind == "parquet" else 0
        for row in range(first + given, first + part.pictures):
            yield Picture(f"{part.source}#{row}", None, str(error))


def _of_names(part: Part) -> Iterator[Picture]:
    return _read_ahead(Picture(name, None) for name in unpack_names(part.names))


def _of_list(part: Part) -> Iterator[Picture]:
    return _read_ahead(lists.named_in(part))


def _of_tar(part: Part) -> Iterator[Picture]:
    return in_background(tars.members_of(part.source))


def _of_parquet(part: Part) -> Iterator[Picture]:
    return _read_ahead(in_background(parquet_rows.rows_of(part)))


_READERS: dict[str, Callable[[Part], Iterator[Picture]]] = {
    "files": _of_names,
    "list": _of_list,
    "tar": _of_tar,
    "parquet": _of_parquet,
}


def _read_ahead(pictures: Iterable[Picture]) -> Iterator[Picture]:
    """The pictures in their order. Threads read those that are only named.

    One that is refused, or whose host on the web does not answer, has an error.

    Raises:
        StoreError: a store cannot be read now, or every picture has such an error.
    """
    failed: list[StoreError] = []
    given = 0
    for picture, future in read_named(pictures, _read):
        try:
            yield picture if future is None else future.result()
        except StoreError as error:
            if not (isinstance(error, AccessRefused) or is_web(picture.name)):
                raise
            failed.append(error)
            yield picture._replace(error=str(error))
        given += 1
    if failed and len(failed) == given:
        raise failed[0]


def _read(name: str) -> Picture:
    try:
        if is_url(name):
            data = stores.read_bytes(name, tars.MAX_BYTES)
        else:
            data = read_image_file(name, tars.MAX_BYTES)
    except StoreError:
        raise
    except (DataError, SettingsError) as error:  # such as an address of an unknown kind
        return Picture(name, None, str(error))
    except MemoryError:
        return Picture(name, None, f"not enough memory to read {name}")
    return Picture(name, data) if data else Picture(name, None, f"{name} is empty (0 bytes)")
