"""Finds the image files that label files name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from facepoints.datasets.readers.label_files import MAX_NAME
from facepoints.datasets.readers.notes import shortened
from facepoints.errors import DataError

__all__ = ["IMAGE_SUFFIXES", "ImageFinder", "ImagesByStem", "name_below"]

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
"""Suffixes of image files, in lower case."""

_SEARCHED = 200_000  # files that a search of a folder looks at, at most
_DEPTH = 5  # folders below one another in such a search

# folders that hold label files; their images are beside the folder
_LABEL_FOLDER = re.compile(r"(?i)annotations?|labels?|landmarks?|anns?|.*_annotations|list_.*")

_IMAGE_FOLDER = re.compile(r"(?i)images?|imgs?|pictures?|photos?|jpegimages")


@dataclass(frozen=True)
class ImageFinder:
    """Finds the images that a label file names, in the layouts that tools write.

    A name may be a path relative to the label file, a path with backslashes, an absolute path of
    another computer, or the address of a server. It is looked up beside the label file, in a
    folder ``images``, in a folder named after the label file (``val2017`` for
    ``person_keypoints_val2017.json``), beside the folder ``annotations``, and last by its file
    name anywhere below.

    Attributes:
        labels: the label file.
    """

    labels: Path
    _found: dict[str, Path] = field(default_factory=dict, repr=False)
    _index: dict[str, list[Path]] = field(default_factory=dict, repr=False)

    @property
    def root(self) -> Path:
        """The folder that holds the images and the labels."""
        folder = self.labels.parent
        for _ in range(2):
            if _LABEL_FOLDER.fullmatch(folder.resolve().name):
                folder = Path(os.path.normpath(folder / ".."))
        return folder

    def find(self, name: str) -> Path:
        """The path of an image. For a missing image it is the path beside the label file, for
        the error message when it is opened.

        Raises:
            DataError: the name is blank or too long, or several images have it.
        """
        if name not in self._found:
            if not name.strip() or len(name) > MAX_NAME:
                reason = f"of {len(name)} characters" if name.strip() else "that is blank"
                raise DataError(f"{self.labels} names an image by a name {reason}")
            self._found[name] = self._look_up(name)
        return self._found[name]

    def _look_up(self, name: str) -> Path:
        first: Path | None = None
        for spelling in _spellings(name):
            for folder in self._folders():
                path = folder / spelling
                first = first or path
                if _is_file(path):
                    return path
        return self._searched(name) or first or self.labels.parent / name

    def _folders(self) -> Iterator[Path]:
        folder, root = self.labels.parent, self.root
        subset = re.split(r"[_-]", self.labels.stem)[-1]
        above = Path(os.path.normpath(folder / ".."))
        yield folder
        for base in dict.fromkeys((folder, root, above)):
            yield base / "images"
            yield base / "images" / subset
        for base in dict.fromkeys((folder, root)):
            yield base
            yield base / subset

    def _searched(self, name: str) -> Path | None:
        """The one image below the root whose path ends most like `name`."""
        if not self._index:
            self._index.update(_images_by_name(self.root))
            self._index.setdefault("", [])
        best: list[Path] = []
        most = 0
        for spelling in _spellings(name):
            parts = PurePosixPath(spelling.lower()).parts
            for path in self._index.get(parts[-1] if parts else "", []):
                same = _common_end(parts, tuple(part.lower() for part in path.parts))
                if same > most:
                    most, best = same, [path]
                elif same == most and path not in best:
                    best.append(path)
        if len(best) > 1:
            raise DataError(
                f"{self.labels} names the image '{shortened(name)}', which may be {best[0]} or "
                f"{best[1]}; write the folders into the label file"
            )
        return best[0] if best else None


def _spellings(name: str) -> Iterator[str]:
    """A name as it is, with slashes, without the server, and with the letters of another
    encoding."""
    seen: set[str] = set()
    names = [name, name.replace("\\", "/")]
    address = urlsplit(names[1]) if re.match(r"[A-Za-z][\w+.-]+://", names[1]) else None
    if address is not None:
        names.append(unquote(address.path).lstrip("/"))
        names.append(PurePosixPath(unquote(address.path)).name)
    elif "%" in name or "?" in name:
        names.append(unquote(names[1].split("?", 1)[0]))
    for spelled in list(names):
        # dlib writes the bytes of UTF-8 names and says that they are ISO-8859-1
        for encoding in ("latin-1", "cp1252"):
            try:
                names.append(spelled.encode(encoding).decode("utf-8"))
            except UnicodeError:
                continue
    for spelled in names:
        if spelled and spelled not in seen:
            seen.add(spelled)
            yield spelled


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # the name is too long, or no file can have it
        return False


def _images_by_name(root: Path) -> dict[str, list[Path]]:
    """The images below a folder by their names in lower case."""
    found: dict[str, list[Path]] = {}
    count = 0
    depth = len(root.parts)
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        if len(Path(folder).parts) - depth >= _DEPTH:
            folders.clear()
        for name in names:
            count += 1
            if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith("."):
                found.setdefault(name.lower(), []).append(Path(folder, name))
        if count > _SEARCHED:
            break
    return found


def _common_end(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    pairs = zip(reversed(first), reversed(second), strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


def name_below(base: Path, image: Path) -> str:
    """The name of an image in a data set: its path below the folder `base`, or as it is."""
    return (image.relative_to(base) if image.is_relative_to(base) else image).as_posix()


class ImagesByStem:
    """Finds the images of label files that have the name of their image.

    An image may lie beside its label file, or alone by its name below the data set's folder, as
    in ``landmarks/a.txt`` and ``images/a.jpg``.

    Args:
        path: the data set: a folder, or one label file.
    """

    def __init__(self, path: Path) -> None:
        self._root = path if path.is_dir() else ImageFinder(path).root
        self._index: dict[str, list[Path]] | None = None

    def find(self, file: Path) -> Path | None:
        """The image of a label file; None if there is none, or no single one."""
        stems = [file.stem]
        if file.stem.lower().endswith(IMAGE_SUFFIXES):  # a.jpg.txt
            stems.insert(0, Path(file.stem).stem)
        for stem in stems:
            for suffix in IMAGE_SUFFIXES:
                for ending in (suffix, suffix.upper()):
                    image = file.with_name(stem + ending)
                    if _is_file(image):
                        return image
        if self._index is None:
            self._index = {}
            for images in _images_by_name(self._root).values():
                for image in images:
                    self._index.setdefault(image.stem, []).append(image)
        found = [image for stem in stems for image in self._index.get(stem, [])]
        if len(found) > 1:  # masks in a folder "labels" have the names of their images
            found = [f for f in found if _IMAGE_FOLDER.fullmatch(f.parent.name)]
        return found[0] if len(found) == 1 else None
