"""Training and validation photos of the face detector, of every data set that is there.

A face's frame is the mean face fitted to its 68 points. Where a data set labels only some of them,
the mean head fitted to these gives the others (`framing`). A photo may show several labelled faces,
and others that nobody labelled: `unlabelled` finds places that may be faces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from detector_scenes import Gray, ScenePhoto, scene_photo
from framing import full_points
from numpy.typing import NDArray

from facepoints._util import files
from facepoints.datasets import readers
from facepoints.datasets.people import read_people
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.imaging.image_io import read_image, to_gray
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.mean_face import MEAN_FACE

__all__ = ["LabelledPhoto", "Material", "held_pictures", "read_material", "to_scene_photo"]

SETS: dict[str, tuple[tuple[str, str], ...]] = {
    "lfpw": (("lfpw/train", "training"),),
    "youtube-faces": (("youtube-faces", "training"), ("youtube-faces", "test")),
    "helen": (("helen", "training"),),
    "afw": (("afw", "training"),),
    "cfp": (("cfp", "training"),),
    "inthewild21": (("inthewild21", "training"),),
}
"""Folders and splits of each data set."""
HELD_SHARE = 0.1
"""Share of each set's people who are kept for validation."""
COPIES = ("image_0321", "image_0342", "image_0343", "image_0086", "image_0454")
"""Photos of LFPW that are left out, because copies of them exist under other names."""
EMPTY, EMPTY_HELD = "negatives", 4
"""Folder of pictures without a face, and which of them are kept for validation: every fourth."""
PLAIN_21 = {
    "right_brow_outer": 17, "right_brow_middle": 19, "right_brow_inner": 21,
    "left_brow_inner": 22, "left_brow_middle": 24, "left_brow_outer": 26,
    "right_eye_outer": 36, "right_eye_inner": 39, "left_eye_inner": 42, "left_eye_outer": 45,
    "nose_tip": 30, "nose_base": 33, "upper_lip": 51, "lower_lip": 57,
    "right_mouth_corner": 48, "left_mouth_corner": 54,
}  # fmt: skip
"""The iBUG points that lie where these of the 21 points do, or nearly."""
WITHOUT_FACES = "brick grass gravel coffee chelsea coins moon page text rocket immunohistochemistry"
WITHOUT_FACES += " clock horse hubble_deep_field retina colorwheel cell"
"""Images of scikit-image without a face."""


@dataclass(frozen=True)
class LabelledPhoto:
    """A gray photo with the points (M, 68, 2) of its M labelled faces, in pixels."""

    image: Gray
    points: NDArray[np.float64]
    name: str

    @property
    def boxes(self) -> list[tuple[float, float, float, float]]:
        """Boxes of the frames of the faces."""
        boxes = []
        for points in self.points:
            matrix = affine.fit_similarity(MEAN_FACE, points)
            side = float(np.hypot(*matrix[:, 0]))
            x, y = map(float, matrix[:, 2])
            boxes.append((x - side / 2, y - side / 2, side, side))
        return boxes


@dataclass(frozen=True)
class Material:
    """All photos of the recipe.

    Attributes:
        training, validation: by data set.
        empty, empty_held: pictures without a face, to train on and to choose thresholds on.
    """

    training: dict[str, list[LabelledPhoto]]
    validation: dict[str, list[LabelledPhoto]]
    empty: list[Gray]
    empty_held: list[Gray]


def read_material(data: Path, seed: int, empty_only: bool = False) -> Material:
    """Read the data sets that are in a folder; those that are not are named and left out.

    Raises:
        DataError: there is none of them.
    """
    training: dict[str, list[LabelledPhoto]] = {}
    validation: dict[str, list[LabelledPhoto]] = {}
    held_out = read_people(data / "held-out.txt")
    for name, parts in SETS.items():
        if empty_only or not (data / parts[0][0]).is_dir():
            print(f"left out: {name}")
            continue
        held: set[str] | None = None
        for folder, split in parts:
            photos = readers.read(data / folder, split=split)
            assert isinstance(photos, Photos)
            photos = photos.take(~np.isin(photos.group, [*sorted(held_out), *COPIES]))
            if held is None:  # the second part shows the same people
                held = _chosen(photos.group, seed)
            for photo, group in _labelled(photos):
                part = validation if group in held else training
                part.setdefault(name, []).append(photo)
    if not training and not empty_only:
        raise DataError(f"none of {', '.join(SETS)} is in {data}; --data names the folder")
    pictures = [to_gray(read_image(file)) for file in empty_files(data)]
    held_rows = held_pictures(len(pictures))
    empty = [p for p, kept in zip(pictures, held_rows, strict=True) if not kept]
    empty_held = [p for p, kept in zip(pictures, held_rows, strict=True) if kept]
    return Material(training, validation, [*empty, *_textures()], empty_held)


def empty_files(data: Path) -> list[Path]:
    """The pictures without a face in a folder of data sets, by name."""
    return sorted(f for f in (data / EMPTY).glob("*") if f.suffix in {".jpg", ".png"})


def held_pictures(count: int) -> NDArray[np.bool_]:
    """True for the pictures without a face, sorted by name, that are kept for validation."""
    return np.arange(count) % EMPTY_HELD == EMPTY_HELD - 1


def _chosen(people: NDArray[np.str_], seed: int) -> set[str]:
    """The people kept for validation."""
    names = np.unique(people)
    count = max(1, round(HELD_SHARE * len(names)))
    return set(np.random.default_rng(seed).choice(names, count, replace=False))


def _labelled(photos: Photos) -> Iterator[tuple[LabelledPhoto, str]]:
    """Each photo once, with all its faces, and its person."""
    points = _in_68(photos)
    rows: dict[str, list[int]] = {}
    files_of = [str(name).partition("#")[0] for name in photos.names]
    for row, name in enumerate(files_of):
        if np.isfinite(points[row]).all():
            rows.setdefault(name, []).append(row)
    for row, (name, image) in enumerate(zip(files_of, photos.read_images(), strict=True)):
        mine = rows.get(name, [])
        if mine[:1] == [row]:
            yield LabelledPhoto(image, points[mine], name), str(photos.group[row])


def _in_68(photos: Photos) -> NDArray[np.float64]:
    """Points (N, 68, 2) of all faces; NaN where a face has too few labels."""
    if photos.landmarks == IBUG_68:
        return full_points(photos.points, photos.labelled)
    names = list(photos.landmarks.names)
    points = np.zeros((len(photos), 68, 2))
    labelled = np.zeros((len(photos), 68), dtype=bool)
    for name, column in PLAIN_21.items():
        points[:, column] = photos.points[:, names.index(name)]
        labelled[:, column] = photos.labelled[:, names.index(name)]
    return full_points(points, labelled)


def _textures() -> Iterable[Gray]:
    """Photos and drawings of scikit-image without a face."""
    from skimage import data as images

    for name in WITHOUT_FACES.split():
        image = np.asarray(getattr(images, name)())
        if image.dtype != np.uint8:
            image = image * 255
        image = image.astype(np.uint8)
        gray = image if image.ndim == 2 else cv2.cvtColor(image[..., :3], cv2.COLOR_RGB2GRAY)
        yield np.ascontiguousarray(gray, dtype=np.uint8)


def to_scene_photo(photo: LabelledPhoto, unknown: NDArray[np.float64]) -> ScenePhoto:
    """A photo to compose scenes of, with squares (M, 3) that may show unlabelled faces."""
    return scene_photo(photo.image, photo.points, MEAN_FACE, unknown)


def kept_squares(
    folder: Path, name: str, squares: Iterable[list[tuple[float, float, float]]]
) -> list[list[tuple[float, float, float]]]:
    """Squares (x, y, side) of each photo. Finding them takes minutes, so they are kept."""
    kept = folder / f"unknown-{name}.json"
    if not kept.exists():
        files.write_json(kept, list(squares))
    return files.read_json(kept)
