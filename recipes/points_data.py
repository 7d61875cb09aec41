"""Training data of the landmark model: labelled faces, morphs of them, and crops without a face."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from acting import acted, acted_points
from morphs import BENT, BLOB, MIXED, PATCHED, SEAM, Faces, halved, joined, morphs
from numpy.typing import NDArray
from second_opinion import opinions, others
from without_face import FACE, VIEW, WIDE, elsewhere, emptied, missed, textures

from facepoints._util import files
from facepoints.api import load
from facepoints.datasets import procrustes, readers
from facepoints.datasets.combine import concatenate, read_people
from facepoints.datasets.crops import center_crop
from facepoints.datasets.samples import Photos, Samples
from facepoints.imaging import affine

__all__ = ["Material", "material", "read_sets"]

NEGATIVES = 6000
SHARES = {"lfpw": 0.1, "youtube-faces": 0.1}
"""Fraction of each set's people who are held out for calibration and to compare recipes."""
COPIES = ("image_0321", "image_0342", "image_0343", "image_0086", "image_0454")
"""Photos of LFPW that are left out, because copies exist under other names: of the first three in
the test set, of the others among the held-out photos."""
PHOTOS, BESIDE, OWN = 4, 2, 2
"""Repetitions of photos, of unlabelled faces with second labels, and of photos with the data set's
own labels, per morph."""
SETS = 5
"""Number of sets of morphs."""
ACTED = {"photos": 4, "frames": 1}
"""Acted copies of every face, by kind."""
CLOSED, GAPE = (0.3, 1.0), (0.05, 0.7)
"""Range of the closure of the eyes (0 to 1), and of the opening of the mouth over its width
(log-uniform)."""
MORPHS = {"photos": 6, "frames": 1}
"""Morphs of every face in a set of morphs, by kind."""


@dataclass(frozen=True)
class Part:
    """People of a data set who are not the test set.

    Attributes:
        training: photos to train on.
        files: their N files.
        held: photos to validate and calibrate on.
    """

    training: Photos
    files: tuple[Path, ...]
    held: Photos


def people(photos: Photos, held_out: set[str]) -> Photos:
    """The photos of those who are not the test set."""
    return photos.take(~np.isin(photos.group, sorted(held_out)))


def held_people(photos: Photos, share: float, seed: int) -> NDArray[np.bool_]:
    """Rows of the people to calibrate on."""
    names = np.unique(photos.group)
    chosen = np.random.default_rng(seed).choice(names, round(share * len(names)), replace=False)
    return np.isin(photos.group, chosen)


def read_sets(data: Path, seed: int) -> dict[str, tuple[Photos, NDArray[np.bool_], Path]]:
    """Every set without the test people and without copies, which of its photos are held out, and
    the folder that they lie in."""
    held_out = read_people(data / "held-out.txt")
    sets: dict[str, tuple[Photos, NDArray[np.bool_], Path]] = {}
    for name, path, part in (
        ("lfpw", "lfpw/train", "training"),
        ("youtube-faces", "youtube-faces", "training"),
        ("youtube-faces 2", "youtube-faces", "test"),
    ):
        photos = readers.read(data / path, split=part)
        assert isinstance(photos, Photos)
        photos = people(photos, held_out)
        held = held_people(photos, SHARES[name.split()[0]], seed)
        if name == "youtube-faces 2":  # the same people in both parts
            before, chosen, _ = sets["youtube-faces"]
            held = np.isin(photos.group, before.group[chosen])
        once = ~np.isin(photos.group, COPIES)
        folder = data / path / part if (data / path / part).is_dir() else data / path
        sets[name] = photos.take(once), held[once], folder
    return sets


def read_parts(data: Path, seed: int) -> dict[str, Part]:
    """The data sets."""
    parts: dict[str, Part] = {}
    for name, (photos, held, folder) in read_sets(data, seed).items():
        training = photos.take(~held)
        names = tuple(folder / str(file) for file in training.names)
        parts[name] = Part(training, names, photos.take(held))
    return parts


def labelled(parts: list[Part], shape: NDArray[np.float64], seed: int) -> Faces:
    """Training faces at twice the resolution, with the mean of both labels."""
    points = np.concatenate([part.training.points for part in parts]).astype(np.float64)
    names = [file for part in parts for file in part.files]
    people = np.concatenate([part.training.group for part in parts])
    predicted = opinions(names, points, people, seed)
    target = procrustes.canonical_points(shape, 2 * WIDE, 2 * FACE)
    crops = [procrustes.align_crops(part.training, shape, 2 * WIDE, 2 * FACE) for part in parts]
    own = np.concatenate([crop.points for crop in crops]).astype(np.float64)
    second = np.stack([
        affine.apply(affine.fit_similarity(p, target), q)
        for p, q in zip(points, predicted, strict=True)
    ])  # fmt: skip
    both = np.where(np.isfinite(second), (own + second) / 2, own)
    return Faces(np.concatenate([crop.images for crop in crops]), both, people)


def beside(part: Part, shape: NDArray[np.float64]) -> Faces:
    """Unlabelled faces in the photos, at twice the resolution, with second labels."""
    images, points = others(
        part.files,
        part.training.points.astype(np.float64),
        part.training.group,
        load(),
        procrustes.canonical_points(shape, 2 * WIDE, 2 * FACE),
        2 * WIDE,
    )
    return Faces(images, points, np.array([f"beside-{n}" for n in range(len(images))]))


def morphed(folder: Path, number: int, faces: dict[str, Faces], seed: int) -> Faces:
    """A set of morphs, at half the resolution of the faces.

    Making it takes minutes, so it is kept in `folder`, under a hash of the faces and all settings.
    """
    settings = (seed, number, MORPHS, BENT, MIXED, PATCHED, BLOB, SEAM)
    digest = hashlib.blake2b(repr(settings).encode(), digest_size=8)
    for array in (array for name in MORPHS for array in vars(faces[name]).values()):
        digest.update(np.ascontiguousarray(array).data)
    kept = folder / f"{number}-{digest.hexdigest()}.npz"
    if not kept.exists():
        rng = np.random.default_rng((seed, number))
        made = joined([halved(morphs(faces[name], MORPHS[name], rng)) for name in MORPHS])
        with files.atomic_file(kept) as path, open(path, "wb") as file:
            np.savez(file, images=made.images, points=made.points, people=made.people)
    with np.load(kept) as stored:
        return Faces(stored["images"], stored["points"], stored["people"])


def acting(faces: Faces, times: int, seed: int) -> Faces:
    """`times` copies of every face, each with its eyes closed, its mouth open, or both, by a random
    amount."""
    rng = np.random.default_rng((seed, len(faces.images)))
    images, points = [], []
    for image, own in times * list(zip(faces.images, faces.points, strict=True)):
        what = rng.choice(3)
        closed = rng.uniform(*CLOSED) if what < 2 else 0.0
        gape = float(np.exp(rng.uniform(*np.log(GAPE)))) if what > 0 else 0.0
        shown = acted(np.repeat(image[..., None], 3, axis=2), own, closed, gape)
        images.append(shown.mean(axis=2).astype(np.uint8))
        points.append(acted_points(own, closed, gape))
    return Faces(np.stack(images), np.array(points), np.tile(faces.people, times))


def as_rows(faces: Faces, like: Samples, name: str) -> Samples:
    """Faces as rows of a data set."""
    count = len(faces.images)
    return Samples(
        images=faces.images,
        points=faces.points.astype(np.float32),
        labelled=np.ones(faces.points.shape[:2], dtype=bool),
        landmarks=like.landmarks,
        group=faces.people,
        names=np.array([f"{name}-{n}" for n in range(count)]),
        scheme=np.zeros(count, dtype=np.int16),
        schemes=like.schemes,
    )


def negatives(
    parts: dict[str, Part], shape: NDArray[np.float64], rows: Samples, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Images without a face."""
    crops: list[NDArray[np.uint8]] = []
    for name, part in parts.items():
        crops += missed(part.training, shape, NEGATIVES // 8, rng)
        if name == "lfpw":
            crops += elsewhere(part.training, 3 * NEGATIVES // 8, rng)
    crops += textures(NEGATIVES // 8, rng)
    crops += emptied(rows, crops.copy(), NEGATIVES // 8, rng)
    return np.stack(crops)


@dataclass(frozen=True)
class Material:
    """All training data.

    Attributes:
        plain: labelled faces with the mean of both labels, the photos repeated.
        own: the same with the data set's own labels.
        morphs: sets of morphs.
        acted: faces with closed eyes or open mouth.
        photos, frames: each labelled photo and frame once, with the data set's own labels.
        negatives: (N, H, W) crops without a face.
        held: photos for validation and calibration, and their faces.
    """

    plain: list[Samples]
    own: list[Samples]
    morphs: list[Samples]
    acted: list[Samples]
    photos: Samples
    frames: Samples
    negatives: NDArray[np.uint8]
    held: list[tuple[Photos, Samples]]

    @property
    def validation(self) -> Samples:
        """Held-out faces, at the size of the network input."""
        return concatenate([center_crop(faces, VIEW) for _, faces in self.held])


def material(data: Path, folder: Path, seed: int) -> Material:
    """Make all training data from the folder of the data sets; morphs are kept in `folder`."""
    parts = read_parts(data, seed)
    everybody = [photos for part in parts.values() for photos in (part.training, part.held)]
    shape = procrustes.mean_shape(
        np.concatenate([photos.points for photos in everybody]),
        np.concatenate([photos.labelled for photos in everybody]),
        everybody[0].landmarks,
    )
    by_hand, *by_detector = parts.values()
    photos, frames = (labelled(some, shape, seed) for some in ([by_hand], by_detector))
    further = beside(by_hand, shape)
    own, *rest = (procrustes.align_crops(p.training, shape, WIDE, FACE) for p in parts.values())
    faces_by_kind = {"photos": joined([photos, further]), "frames": frames}
    kept = files.make_folder(folder)
    rng = np.random.default_rng(seed)
    return Material(
        plain=[
            *[as_rows(halved(photos), own, "photo")] * PHOTOS,
            *[as_rows(halved(further), own, "beside")] * BESIDE,
            as_rows(halved(frames), own, "frame"),
        ],
        own=[*[own] * OWN, *rest],
        morphs=[
            as_rows(morphed(kept, n, faces_by_kind, seed), own, f"morph-{n}") for n in range(SETS)
        ],
        acted=[
            as_rows(halved(acting(faces, ACTED[name], seed)), own, f"acted-{name}")
            for name, faces in (("photos", photos), ("frames", frames))
        ],
        photos=own,
        frames=concatenate(rest),
        negatives=negatives(parts, shape, concatenate([own, *rest]), rng),
        held=[(p.held, procrustes.align_crops(p.held, shape, WIDE, FACE)) for p in parts.values()],
    )
