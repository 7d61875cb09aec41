"""Eyes to train the eye state on: single eyes with labels, and eyes cut out of photos of faces.

Closed Eyes in the Wild shows 4,846 eyes of 24 x 24 pixels. Its open eyes are of other photos than
its closed ones, so a network could learn to tell the photos apart. Eyes out of photos with points
by hand are added: they are cut as prediction cuts them, by the points of the built-in model, and
their own points say whether they are open. Closed ones are rare there, so eyes are also closed by
moving the lid (`acting`), which leaves the rest of the photo as it is. Other parts of the same
photos, and pictures without a face, teach what is not an eye.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from acting import acted
from numpy.typing import NDArray
from points_data import LabeledSet, read_sets, scenes

import facepoints
from facepoints._util import files
from facepoints.datasets.people import read_people
from facepoints.datasets.splits import duplicate_groups
from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.imaging.image_io import read_image, to_gray
from facepoints.inference.cropping import crop
from facepoints.inference.eye_state import CORNERS, SIDE, eye_matrix
from facepoints.inference.face import Face
from facepoints.inference.landmark_weights import HIDDEN
from facepoints.landmarks.known_sets import OPENPOSE_70

__all__ = ["MARGIN", "WIDE", "EyeCrops", "eyes_of_zip", "read_held_out", "training_eyes"]

Array = NDArray[np.floating]

WIDE, MARGIN = 64, 1.5
"""Side of the stored crops in pixels, and how much more of the face they show than the network
sees, so that turns and shifts move real surroundings into view."""
HAND_LABELED = ("lfpw", "helen", "afw", "cfp")
"""Sets whose lids are labeled by hand."""
OPEN, CLOSED = 0.2, 0.08
"""Height over length of labeled lids, from which an eye counts as open, and up to which it counts
as closed. Between the two, it is not trained on."""
PORTRAITS = "scut"
"""Portraits of people who look into the camera: all eyes are open."""
ELSEWHERE = 2
"""Patches without an eye per face."""
EMPTY_PATCHES = 4
"""Patches per picture without a face."""
VALIDATION = 10
"""One of so many people and pictures is kept to choose the recipe on."""
CLOSURES = (0.9, 1.0)
"""Closure of acted eyes."""


@dataclass(frozen=True)
class EyeCrops:
    """Crops of eyes and of other things.

    Attributes:
        images: (N, WIDE, WIDE) uint8.
        closed: (N,) 1 closed, 0 open, -1 unknown.
        seen: (N,) 1 an eye, 0 none, -1 unknown.
        held: (N,) True for the validation part.
        kind: (N,) where they are from.
    """

    images: NDArray[np.uint8]
    closed: NDArray[np.int8]
    seen: NDArray[np.int8]
    held: NDArray[np.bool_]
    kind: NDArray[np.str_]

    def take(self, rows: NDArray) -> EyeCrops:
        return EyeCrops(*(values[rows] for values in vars(self).values()))


def joined(parts: list[EyeCrops]) -> EyeCrops:
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return EyeCrops(*(np.concatenate(column) for column in columns))


def is_held(name: str) -> bool:
    """True for the validation tenth of people and pictures."""
    return hashlib.blake2b(name.encode(), digest_size=4).digest()[0] % VALIDATION == 0


def read_held_out(path: Path) -> set[str]:
    """People and pictures of Closed Eyes in the Wild that are the test set."""
    return set(path.read_text(encoding="utf-8").split())


def eyes_of_zip(path: Path) -> Iterator[tuple[str, str, int, NDArray[np.uint8]]]:
    """Each eye of Closed Eyes in the Wild: its name, the picture or person, whether it is closed,
    and its pixels (24, 24).

    Raises:
        DataError: the file is not there.
    """
    if not path.exists():
        raise DataError(f"expected {path}; --data names the folder with eyes")
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            folder, _, file = name.partition("/")
            if not file:
                continue
            image = cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_GRAYSCALE)
            closed = folder.startswith("closed")
            # closed_eye_0012.jpg_face_1_L.jpg is of a picture, Adam_Rich_0001_L.jpg of a person
            group = file[:15] if closed else re.sub(r"_\d{4}_[LR]\.jpg$", "", file)
            yield name, group, int(closed), np.asarray(image, dtype=np.uint8)


def widened(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A small crop of an eye as the middle of a stored one."""
    scale = WIDE / MARGIN / image.shape[0]
    middle = (WIDE - 1) / 2 - scale * (image.shape[0] - 1) / 2
    matrix = np.array([[scale, 0, middle], [0, scale, middle]])
    return affine.warp(image, matrix, WIDE, WIDE)


def single_eyes(data: Path, held_out: set[str]) -> EyeCrops:
    """The single eyes, without the test set, copies of it, and test people of other sets."""
    rows = list(eyes_of_zip(data / "eyes" / "eyes.zip"))
    groups = np.array([group for _, group, _, _ in rows])
    images = np.stack([image for *_, image in rows])
    test = np.isin(groups, [*held_out, *sorted(read_people(data / "held-out.txt"))])
    clusters = duplicate_groups(images)
    keep = ~np.isin(clusters, clusters[test]) & ~test
    return EyeCrops(
        images=np.stack([widened(image) for image in images[keep]]),
        closed=np.array([closed for _, _, closed, _ in rows], np.int8)[keep],
        seen=np.ones(int(keep.sum()), np.int8),
        held=np.array([is_held(group) for group in groups])[keep],
        kind=np.full(int(keep.sum()), "single"),
    )


def stored_crop(image: NDArray[np.uint8], face: Face, side: str) -> NDArray[np.uint8]:
    """One eye of a face."""
    return crop(image, eye_matrix(face, side, WIDE, CORNERS / MARGIN), (WIDE, WIDE))


def lid_heights(points: Array) -> Array:
    """Height over length of the right and left eye (2,) of 68 or 70 points."""
    ratios = []
    for first in (36, 42):
        p = points[first : first + 6]
        height = np.hypot(*(p[1] - p[5])) + np.hypot(*(p[2] - p[4]))
        ratios.append(height / (2 * max(float(np.hypot(*(p[0] - p[3]))), 1e-6)))
    return np.array(ratios)


def nearest(faces: list[Face], points: Array, labelled: NDArray[np.bool_]) -> Face | None:
    """The predicted face of a labeled one."""
    size = float(np.ptp(points[labelled], axis=0).max())
    off = [np.linalg.norm(f.points - points, axis=1)[labelled].mean() for f in faces]
    return faces[int(np.argmin(off))] if off and min(off) < 0.15 * size else None


def eyes_of_set(name: str, given: LabeledSet, seed: int) -> EyeCrops:
    """Eyes, acted eyes and other patches of the faces of a set."""
    rng = np.random.default_rng((seed, len(given.photos)))
    model = facepoints.load(threads=1)
    rows: list[tuple[NDArray[np.uint8], int, int, bool, str]] = []
    photos = given.photos
    for row, image in enumerate(photos.read_images()):
        points, labelled = photos.points[row].astype(np.float64), photos.labelled[row]
        face = nearest(model(image), points, labelled)
        if face is None:
            continue
        held = is_held(str(photos.group[row]))
        rows += [(*one, held, name) for one in _eyes_of_face(name, image, face, points, labelled)]
        if name in HAND_LABELED and labelled[:68].all() and not held:
            rows += [(*one, held, "acted") for one in _acted_eyes(image, face, points, rng)]
        for _ in range(ELSEWHERE):
            rows.append((_elsewhere(image, face, rng), -1, 0, held, "elsewhere"))
    images, closed, seen, validation, kinds = zip(*rows, strict=True)
    return EyeCrops(
        np.stack(images),
        np.array(closed, np.int8),
        np.array(seen, np.int8),
        np.array(validation),
        np.array(kinds),
    )


def _eyes_of_face(
    name: str, image: NDArray[np.uint8], face: Face, points: Array, labelled: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.uint8], int, int]]:
    heights = lid_heights(points)
    for number, side in enumerate(("right", "left")):
        columns = slice(36 + 6 * number, 42 + 6 * number)
        shown = stored_crop(image, face, side)
        visible = 1.0 if face.visible is None else float(face.visible[columns].mean())
        if visible < HIDDEN:  # the other side of the head
            yield shown, -1, 0
        elif name == PORTRAITS:
            yield shown, 0, 1
        elif name in HAND_LABELED and labelled[columns].all():
            height = heights[number]
            closed = 0 if height >= OPEN else 1 if height <= CLOSED else -1
            yield shown, closed, 1


def _acted_eyes(
    image: NDArray[np.uint8], face: Face, points: Array, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.uint8], int, int]]:
    """Both eyes of a face, closed by moving the lids, if they were open."""
    heights = lid_heights(points)
    if heights.min() < OPEN:
        return
    x, y, width, height = affine.bounding_box(points[36:48])
    scale = 100 / max(width, 1.0)  # pixels across both eyes
    middle = np.array([x + width / 2, y + height / 2])
    matrix = np.column_stack([scale * np.eye(2), np.array([99.5, 79.5]) - scale * middle])
    near = np.repeat(affine.warp(to_gray(image), matrix, 200, 160)[..., None], 3, axis=2)
    moved = affine.apply(matrix, points[:68])
    shut = acted(near, moved, closed=float(rng.uniform(*CLOSURES)))
    there = replace(face, points=affine.apply(matrix, face.points))
    for side in ("right", "left"):
        yield stored_crop(shut, there, side), 1, 1


def _elsewhere(image: NDArray[np.uint8], face: Face, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A patch of the face or its surroundings, of an eye's size, without an eye."""
    matrix = eye_matrix(face, "right", WIDE, CORNERS / MARGIN)
    scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    x, y, width, height = face.box
    eyes = np.array([face.points[36:42].mean(axis=0), face.points[42:48].mean(axis=0)])
    least = WIDE / MARGIN / scale * 0.75
    place = np.array([x, y])
    for _ in range(20):
        place = np.array([x, y]) + rng.uniform(-0.2, 1.2, 2) * (width, height)
        if np.hypot(*(eyes - place).T).min() > least:
            break
    else:
        place = np.array([x + width / 2, y + height])
    center = (WIDE - 1) / 2
    turn = affine.rotation_matrix(float(rng.uniform(-180, 180)), (center, center))
    zoom = scale * float(np.exp(rng.uniform(-0.5, 0.5)))
    middle = np.array([(WIDE - 1) / 2] * 2)
    straight = np.column_stack([zoom * np.eye(2), middle - zoom * place])
    return crop(image, affine.compose(straight, turn), (WIDE, WIDE))


def patches(data: Path, seed: int) -> EyeCrops:
    """Patches of pictures without a face."""
    rng = np.random.default_rng((seed, 1))
    images = []
    for path in scenes(data, held=False):
        picture = to_gray(read_image(path))
        for _ in range(EMPTY_PATCHES):
            zoom = float(np.exp(rng.uniform(-1.0, 0.7)))
            place = rng.uniform(0, 1, 2) * picture.shape[::-1]
            middle = np.array([(WIDE - 1) / 2] * 2)
            matrix = np.column_stack([zoom * np.eye(2), middle - zoom * place])
            images.append(crop(picture, matrix, (WIDE, WIDE)))
    count = len(images)
    nothing = np.zeros(count, np.int8)
    return EyeCrops(
        np.stack(images), nothing - 1, nothing, np.arange(count) % 10 == 0, np.full(count, "scene")
    )


def training_eyes(data: Path, held_out: Path, folder: Path, seed: int) -> EyeCrops:
    """All crops, without the test set. They take minutes to cut, so they are kept in `folder`.

    Args:
        data: folder of the data sets.
        held_out: file of `read_held_out`.
        folder: of the run.
        seed: of the patches and the closures.
    """
    path = folder / "crops.npz"
    if not path.exists():
        parts = [single_eyes(data, read_held_out(held_out)), patches(data, seed)]
        for name, given in read_sets(data, seed).items():
            if name in (*HAND_LABELED, PORTRAITS):
                parts.append(eyes_of_set(name, given, seed))
        made = joined(parts)
        with files.atomic_file(path) as unfinished, open(unfinished, "wb") as file:
            np.savez(file, **vars(made))
    with np.load(path) as stored:
        return EyeCrops(**{name: stored[name] for name in EyeCrops.__dataclass_fields__})


assert SIDE * MARGIN <= WIDE  # stored crops have at least the pixels of the network's
assert OPENPOSE_70.names[36].startswith("right_eye")
