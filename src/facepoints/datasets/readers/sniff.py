"""Detects the format of a data set by its content."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

from facepoints.datasets.readers import mat_files, point_lists, point_texts, youtube_faces
from facepoints.datasets.readers import youtube_videos as videos
from facepoints.datasets.readers.containers import holds_images
from facepoints.datasets.readers.csv_lines import (
    ARCHIVE_DAMAGE,
    GZIP_MAGIC,
    ZIP_MAGIC,
    choose_table,
)
from facepoints.datasets.readers.deeplabcut import is_deeplabcut_header
from facepoints.datasets.readers.kaggle import is_kaggle_header
from facepoints.datasets.readers.label_files import open_regular, read_bytes
from facepoints.datasets.readers.pts import pts_files
from facepoints.errors import DataError

__all__ = ["find_format"]

KNOWN_FORMATS = (
    "a Kaggle training.csv or test.csv (plain, zipped, in the competition's zip), "
    "YouTube Faces (a *_frames_keypoints.csv with its images, or .npz videos), "
    "images with .pts files, COCO keypoints JSON, imglab XML, or labels of CVAT, Label Studio, "
    "labelme, DeepLabCut, WFLW, CelebA, LaPa, AFLW2000-3D or COFW"
)

_HEAD = 1 << 16  # bytes from the start of a file that decide its format
_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_HDF5 = b"\x89HDF"
_PACKED = (b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd")  # bzip2, xz, 7z, ...
_ROOTS = {b"dataset": "imglab", b"annotations": "cvat"}
_LABEL_FOLDERS = ("annotations", "labels")


def find_format(path: Path, split: str) -> tuple[str, Path]:
    """The name of the reader for a path (a key of `READERS`), and the path for that reader.

    If a folder has tables, that path is the table of the split. If it, or its folder
    ``annotations``, has a single label file, it is that file. Otherwise it is `path` itself.

    Raises:
        DataError: there is no such path, it is no regular file, it is empty, or its format is
            unknown.
    """
    try:
        if path.is_dir():
            return _find_in_folder(path, split)
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror or error}") from error
    try:
        with open_regular(path) as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror or error}") from error
    except DataError as error:
        if str(error) == f"no file at {path}":
            raise DataError(f"no file or folder at {path}") from error
        raise
    if not head:
        raise DataError(f"{path} is empty; expected {KNOWN_FORMATS}")
    return _format_of(path, head), path


def _format_of(path: Path, head: bytes) -> str:
    """The format of a file by its first bytes. Raises DataError."""
    if head.startswith(ZIP_MAGIC):
        if _is_npz(path):
            return "youtube-npz"
        return "zip" if holds_images(path) else "kaggle"
    if head.startswith(GZIP_MAGIC):
        return "kaggle"
    if head.startswith(mat_files.MAT_MAGIC):
        return "cofw" if mat_files.is_cofw(head) else "mat"
    if head.startswith(_HDF5):
        raise DataError(
            f"{path} is HDF5, which is not read; DeepLabCut writes a .csv of the same name "
            f"beside it: name that file"
        )
    if head.startswith(_PACKED):
        raise DataError(
            f"{path} is packed in a way that has no known format here; unpack it, or pack it as zip"
        )
    wide = head[:2] in _UTF_16
    text = head.decode("utf-16", "ignore").encode() if wide else head.removeprefix(_BOM)
    text = text.lstrip()
    if not text:
        raise DataError(f"{path} holds nothing but white space; expected {KNOWN_FORMATS}")
    if text.startswith((b"{", b"[")):
        # the points of a .pts file without a header start with a brace, too
        return "pts" if path.suffix.lower() == ".pts" else _json_format(path)
    if text.startswith(b"<"):
        return _xml_format(path, text)
    if b"n_points" in text or path.suffix.lower() == ".pts":
        return "pts"
    text = re.sub(rb"(?i)^sep=.\s*[\r\n]+", b"", text)  # Excel
    line = re.split(rb"[\r\n]", text, maxsplit=1)[0]
    found = next((name for name, fits in _TABLES.items() if fits(line)), None)
    if found is None and point_lists.is_celeba_head(text):
        found = "celeba"
    if found is None and point_texts.is_point_text(text):
        found = "points-txt"
    if found is not None and wide:
        raise DataError(f"{path} is a table in UTF-16; save it as CSV in UTF-8")
    if found is None:
        raise DataError(f"{path} has no known format; expected {KNOWN_FORMATS}")
    return found


_TABLES: dict[str, Callable[[bytes], bool]] = {
    "youtube": youtube_faces.is_frames_header,
    "youtube-npz": videos.is_videos_header,
    "deeplabcut": is_deeplabcut_header,
    "wflw": point_lists.is_wflw_line,
    "kaggle": is_kaggle_header,
}
"""Formats of tables, each with a test of its first line."""


def _json_format(path: Path) -> str:
    """The format of a JSON file by the keys that it has anywhere. Raises DataError."""
    data = read_bytes(path)
    if b'"categories"' in data and b'"images"' in data:
        return "coco"
    if b'"shapes"' in data and b'"imagePath"' in data:
        return "labelme"
    if b'"keypointlabels"' in data or (b'"result"' in data and b'"from_name"' in data):
        return "label-studio"
    if b'"image_id"' in data and data.lstrip(_BOM).lstrip().startswith(b"["):
        raise DataError(
            f"{path} is a list of COCO results, without names of images and points; expected the "
            f"annotation file"
        )
    return "coco"


def _xml_format(path: Path, text: bytes) -> str:
    root = re.search(rb"<([A-Za-z_][\w.-]*)", re.sub(rb"(?s)<!--.*?-->", b"", text))
    name = root.group(1) if root else b""
    if name == b"annotation":
        raise DataError(
            f"{path} is Pascal VOC XML, which has boxes and no named points; expected "
            f"{KNOWN_FORMATS}"
        )
    return _ROOTS.get(name, "imglab")


def _find_in_folder(path: Path, split: str) -> tuple[str, Path]:
    names = [f.name for f in path.iterdir() if f.is_file() and not f.name.startswith(".")]
    if any(n.endswith(youtube_faces.TABLE_SUFFIX) for n in names):
        return "youtube", youtube_faces.table_of(path, split)
    tables = [n for n in names if n.lower().startswith(("training.", "test."))]
    tables = [n for n in tables if n.lower().endswith((".csv", ".zip", ".csv.gz"))]
    table = choose_table([*tables, ""], split)
    if table and Path(table).name.lower().startswith(split):
        return _format_of(path / table, _head(path / table)), path / table
    if tables and choose_table([*tables, ""], "test" if split == "training" else "training"):
        raise DataError(
            f"no {split}.csv or {split}.zip in {path}; found {', '.join(sorted(tables))}"
        )
    if pts_files(path):
        return "pts", path
    if videos.npz_files(path):
        lists = [path / n for n in names if n.lower().endswith(".csv")]
        lists = [f for f in lists if videos.is_videos_header(_first_line(f))]
        return "youtube-npz", lists[0] if len(lists) == 1 else path
    found = _listed(path, split)
    if found is not None:
        return found
    if mat_files.mat_files(path):
        files = mat_files.mat_files(path)
        cofw = [f for f in files if mat_files.is_cofw(_head(f))]
        if cofw:
            return "cofw", _only(path, cofw, split)
        return "mat", path
    if point_texts.point_texts(path):
        return "points-txt", path
    raise DataError(f"no file in the folder {path} has a known format; expected {KNOWN_FORMATS}")


def _listed(path: Path, split: str) -> tuple[str, Path] | None:
    """The label file in a folder that lists its images, or the folder for files of labelme."""
    folders = [path, *(f for f in path.iterdir() if f.name.lower() in _LABEL_FOLDERS)]
    files = [f for folder in folders if folder.is_dir() for f in folder.iterdir()]
    files += path.glob("*/list_98pt*.txt")
    files += path.glob("*/*/list_98pt*.txt")
    files = sorted({f for f in files if f.is_file() and not f.name.startswith(".")})
    structured = [f for f in files if f.suffix.lower() in (".json", ".xml")]
    if structured:
        jsons = [f for f in structured if f.suffix.lower() == ".json"]
        if jsons and all(_is_labelme(f) for f in jsons):
            return "labelme", path
        # of the files of the official set, those with keypoints
        keypoints = [f for f in structured if "keypoints" in f.name.lower()]
        return find_format(_only(path, keypoints or structured, split), split)
    texts = [f for f in files if f.suffix.lower() in (".csv", ".txt")]
    known = [f for f in texts if _TABLES["deeplabcut"](_first_line(f))]
    known += [f for f in texts if _TABLES["wflw"](_first_line(f))]
    known += [f for f in texts if point_lists.is_celeba_head(_head(f))]
    return find_format(_only(path, known, split), split) if known else None


_SPLIT_NAMES = {"training": re.compile("(?i)train"), "test": re.compile("(?i)test|val")}


def _only(path: Path, files: list[Path], split: str) -> Path:
    """The one of the files, or the one that is named after the split. Raises DataError."""
    if len(files) > 1:
        named = [f for f in files if _SPLIT_NAMES[split].search(f.name)]
        if len(named) == 1:
            return named[0]
        shown = [f.relative_to(path).as_posix() for f in files[:5]]
        raise DataError(f"{path} holds {', '.join(shown)}; name the one to read")
    return files[0]


def _head(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(_HEAD)
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror or error}") from error


def _first_line(path: Path) -> bytes:
    return re.split(rb"[\r\n]", _head(path).removeprefix(_BOM).lstrip(), maxsplit=1)[0]


def _is_labelme(path: Path) -> bool:
    data = read_bytes(path)
    return b'"shapes"' in data and b'"imagePath"' in data and b'"categories"' not in data


def _is_npz(path: Path) -> bool:
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            return any(n.endswith(".npy") for n in archive.namelist())
    except (*ARCHIVE_DAMAGE, ValueError, OSError):
        return path.suffix.lower() == ".npz"  # a damaged file: its reader reports it
