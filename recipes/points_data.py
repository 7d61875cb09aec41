"""Training data of the landmark model: faces of seven sets in common columns, morphs, and crops
without a face.

Every set fills the columns that it labels. The others are masked, or, where the head itself hides
them, hold the projection of the mean head and are marked as hidden (`framing`). The marking scheme
of a row is its set: the model learns how the annotators of the sets differ.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from acting import acted, acted_points
from framing import fit_heads_to
from morphs import BENT, BLOB, MIXED, PATCHED, SEAM, Faces, halved, joined, morphs
from numpy.typing import NDArray
from set_point_names import CFP, INTHEWILD, SCUT
from without_face import FACE, VIEW, WIDE, emptied, from_scenes, missed, textures

from facepoints._util import files
from facepoints.datasets import procrustes, readers
from facepoints.datasets.combine import concatenate
from facepoints.datasets.crops import center_crop
from facepoints.datasets.people import read_people
from facepoints.datasets.samples import Photos, Samples
from facepoints.landmarks.known_sets import IBUG_68, OPENPOSE_70

__all__ = ["SETS", "LabeledSet", "Material", "material", "read_sets"]

VALIDATION = 0.1
"""Fraction of each set's people who are held out for calibration and to compare recipes."""
COPIES = ("image_0321", "image_0342", "image_0343", "image_0086", "image_0454")
"""Photos of LFPW that are left out, because copies exist under other names: of the first three in
the test set, of the others among the validation photos."""
FRONTAL = 25.0
"""Degrees of yaw up to which all labeled points count as visible. Beyond, whether a point of the
far side is visible is unknown."""
NEGATIVES = 6000
NEGATIVES_HELD = 4
"""One in so many pictures without a face is held out, to choose thresholds on."""
MORPHS = 1
"""Morphs of each of the three kinds, per face of a set of morphs."""
MORPH_SETS = 2
MORPHED = ("lfpw", "helen", "afw")
"""Sets whose faces are morphed and acted: labeled by hand, with all 68 points."""
CLOSED, GAPE = (0.3, 1.0), (0.05, 0.7)
"""Range of the closure of the eyes (0 to 1), and of the opening of the mouth over its width
(log-uniform)."""

SETS: dict[str, tuple[str, str, dict[str, str] | None, int]] = {
    "lfpw": ("lfpw/train", "training", None, 3),
    "helen": ("helen", "training", None, 3),
    "afw": ("afw", "training", None, 3),
    "cfp": ("cfp", "training", CFP, 1),
    "inthewild21": ("inthewild21", "training", INTHEWILD, 1),
    "scut": ("scut", "training", SCUT, 1),
    "youtube-faces": ("youtube-faces", "training", None, 1),
    "youtube-faces 2": ("youtube-faces", "test", None, 1),
}
"""Folder, split, names of the points in our columns (None: they are iBUG's), and repetitions in an
epoch, by set. The two parts of YouTube Faces show the same people."""


@dataclass(frozen=True)
class LabeledSet:
    """Faces of a data set who are not the test set, in the columns of `OPENPOSE_70`.

    Attributes:
        photos: the faces; `points` are complete, see `framing`. `labelled` says which of them are
            labels.
        visibility: (N, 70) as in `Samples`.
        yaw: (N,) degrees, of the mean head fitted to each face.
        held: (N,) True for validation people.
    """

    photos: Photos
    visibility: NDArray[np.int8]
    yaw: NDArray[np.float64]
    held: NDArray[np.bool_]

    def part(self, held: bool) -> LabeledSet:
        """The validation people, or the others."""
        keep = self.held == held
        return LabeledSet(
            self.photos.take(keep), self.visibility[keep], self.yaw[keep], self.held[keep]
        )


def held_people(photos: Photos, seed: int) -> NDArray[np.bool_]:
    """Rows of the validation people."""
    names = np.unique(photos.group)
    count = round(VALIDATION * len(names))
    chosen = np.random.default_rng(seed).choice(names, count, replace=False)
    return np.isin(photos.group, chosen)


def read_sets(data: Path, seed: int) -> dict[str, LabeledSet]:
    """Every set without the test people and without copies."""
    held_out = sorted(read_people(data / "held-out.txt"))
    sets: dict[str, LabeledSet] = {}
    youtube: NDArray[np.str_] | None = None
    for name, (path, split, mapping, _) in SETS.items():
        photos = readers.read(data / path, split=split)
        assert isinstance(photos, Photos)
        photos = photos.take(~np.isin(photos.group, [*held_out, *COPIES]))
        points, labelled = in_columns(photos, mapping)
        projected, turned = fit_heads_to(points[:, :68], labelled[:, :68])
        framed = np.asarray(np.isfinite(projected).all(axis=(1, 2)), dtype=bool)
        full = np.where(labelled[..., None], points, with_pupils(projected))
        visibility = visible_points(labelled, turned)
        if name == "cfp":
            visibility = hidden_half(labelled)
            labelled = labelled | ((visibility == 0) & (np.arange(70) < 68))
        photos = replace(
            photos,
            points=full.astype(np.float32),
            labelled=labelled,
            landmarks=OPENPOSE_70,
            scheme=np.zeros(len(photos), np.int16),
            schemes={name.split()[0]: tuple(OPENPOSE_70.names)},
        )
        held = held_people(photos, seed)
        if youtube is not None and name == "youtube-faces 2":
            held = np.isin(photos.group, youtube)
        elif name == "youtube-faces":
            youtube = np.unique(photos.group[held])
        sets[name] = LabeledSet(
            photos.take(framed), visibility[framed], turned[framed], held[framed]
        )
    return sets


def in_columns(
    photos: Photos, mapping: dict[str, str] | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Points (N, 70, 2) and mask (N, 70) of a set's labels in the columns of `OPENPOSE_70`."""
    points = np.zeros((len(photos), 70, 2))
    labelled = np.zeros((len(photos), 70), dtype=bool)
    names = {name: name for name in IBUG_68.names} if mapping is None else mapping
    for own, ours in names.items():
        source, column = photos.landmarks.names.index(own), OPENPOSE_70.names.index(ours)
        points[:, column], labelled[:, column] = (
            photos.points[:, source],
            photos.labelled[:, source],
        )
    return points, labelled


def with_pupils(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """68 points (N, 68, 2) and the centers of the eyes."""
    eyes = [points[:, 36:42].mean(axis=1), points[:, 42:48].mean(axis=1)]
    return np.concatenate([points, np.stack(eyes, axis=1)], axis=1)


def _sides() -> NDArray[np.int8]:
    """(70,): 1 for points of the subject's left, -1 for those of the right, 0 between."""
    return np.array([("left" in n) - ("right" in n) for n in OPENPOSE_70.names], np.int8)


def visible_points(labelled: NDArray[np.bool_], yaw: NDArray[np.float64]) -> NDArray[np.int8]:
    """Visibility (N, 70) of labeled faces that show both halves."""
    # Turned to the subject's left (yaw > 0, to the right in the image), the left side is far.
    far = np.sign(yaw)[:, None] * _sides() > 0
    unknown = far & (np.abs(yaw)[:, None] > FRONTAL)
    return np.where(labelled & ~unknown, 1, -1).astype(np.int8)


def hidden_half(labelled: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Visibility (N, 70) of real profiles: labeled points are visible, and the half of the face
    without labels is hidden."""
    sides = _sides()
    near = np.sign((labelled * sides).sum(axis=1))[:, None]
    far = sides * near < 0
    return np.where(labelled, 1, np.where(far, 0, -1)).astype(np.int8)


def crops_of(given: LabeledSet, shape: NDArray[np.float64], size: int, face: float) -> Samples:
    """Aligned crops with the labels and visibility of their faces."""
    every = replace(given.photos, labelled=np.ones_like(given.photos.labelled))
    crops = procrustes.align_crops(every, shape, size, face)
    crops = crops.with_points(crops.points, given.photos.labelled)
    return replace(crops, visibility=given.visibility)


def full_faces(given: LabeledSet, shape: NDArray[np.float64]) -> Faces:
    """Crops at twice the resolution with complete points, to make morphs of."""
    every = replace(given.photos, labelled=np.ones_like(given.photos.labelled))
    crops = procrustes.align_crops(every, shape, 2 * WIDE, 2 * FACE)
    return Faces(crops.images, crops.points.astype(np.float64), given.photos.group)


def kept(
    folder: Path, name: str, faces: Faces, settings: object, make: Callable[[], Faces]
) -> Faces:
    """Faces that take minutes to make, kept in `folder` under a hash of what they are made from."""
    digest = hashlib.blake2b(repr(settings).encode(), digest_size=8)
    for array in vars(faces).values():
        digest.update(np.ascontiguousarray(array).data)
    path = folder / f"{name}-{digest.hexdigest()}.npz"
    if not path.exists():
        made = make()
        with files.atomic_file(path) as unfinished, open(unfinished, "wb") as file:
            np.savez(file, images=made.images, points=made.points, people=made.people)
    with np.load(path) as stored:
        return Faces(stored["images"], stored["points"], stored["people"])


def acting(faces: Faces, seed: int) -> Faces:
    """A copy of every face with its eyes closed, its mouth open, or both, by a random amount."""
    rng = np.random.default_rng((seed, len(faces.images)))
    images, points = [], []
    for image, own in zip(faces.images, faces.points, strict=True):
        what = rng.choice(3)
        closed = rng.uniform(*CLOSED) if what < 2 else 0.0
        gape = float(np.exp(rng.uniform(*np.log(GAPE)))) if what > 0 else 0.0
        shown = acted(np.repeat(image[..., None], 3, axis=2), own[:68], closed, gape)
        images.append(shown.mean(axis=2).astype(np.uint8))
        points.append(np.concatenate([acted_points(own[:68], closed, gape), own[68:]]))
    return Faces(np.stack(images), np.array(points), faces.people)


def as_rows(faces: Faces, like: Samples, name: str) -> Samples:
    """Made faces as rows of the set that they were made from; pupils are not labeled.

    Their points are as visible as those of labeled faces, so that an open mouth is not taken for
    a hidden one.
    """
    count = len(faces.images)
    labelled = np.ones(faces.points.shape[:2], dtype=bool)
    labelled[:, 68:] = False
    _, yaw = fit_heads_to(faces.points[:, :68], labelled[:, :68])
    return Samples(
        images=faces.images,
        points=np.where(labelled[..., None], faces.points, 0).astype(np.float32),
        labelled=labelled,
        landmarks=like.landmarks,
        group=faces.people,
        names=np.array([f"{name}-{n}" for n in range(count)]),
        scheme=np.zeros(count, dtype=np.int16),
        schemes=like.schemes,
        visibility=visible_points(labelled, yaw),
    )


def negatives(
    data: Path, sets: dict[str, LabeledSet], shape: NDArray[np.float64], rows: Samples, seed: int
) -> NDArray[np.uint8]:
    """Crops (M, WIDE, WIDE) without a face."""
    rng = np.random.default_rng(seed)
    crops: list[NDArray[np.uint8]] = []
    for name in ("lfpw", "helen", "cfp", "youtube-faces"):
        every = replace(sets[name].photos, labelled=np.ones_like(sets[name].photos.labelled))
        crops += missed(every, shape, NEGATIVES // 12, rng)
    crops += from_scenes(scenes(data, held=False), NEGATIVES // 3, rng)
    crops += textures(NEGATIVES // 8, rng)
    crops += emptied(rows, crops.copy(), NEGATIVES // 8, rng)
    return np.stack(crops)


def scenes(data: Path, held: bool) -> list[Path]:
    """Pictures without a face: those held out to choose thresholds on, or the others."""
    paths = sorted((data / "negatives").iterdir())
    paths = [path for path in paths if path.suffix.lower() in (".jpg", ".png", ".jpeg")]
    return [path for n, path in enumerate(paths) if (n % NEGATIVES_HELD == 0) == held]


@dataclass(frozen=True)
class Material:
    """All training data.

    Attributes:
        rows: crops of every set, without the validation people; in the order of `SETS`.
        made: morphs and acted faces, one set per round.
        negatives: (M, WIDE, WIDE) crops without a face.
        held: validation people and their crops, by set.
        shape: (70, 2) mean shape that crops are aligned to.
    """

    rows: dict[str, Samples]
    made: list[Samples]
    negatives: NDArray[np.uint8]
    held: dict[str, tuple[LabeledSet, Samples]]
    shape: NDArray[np.float64]

    @property
    def validation(self) -> Samples:
        """Validation faces, at the size of the network input."""
        return concatenate([center_crop(faces, VIEW) for _, faces in self.held.values()])


def mean_shape_of(sets: dict[str, LabeledSet]) -> NDArray[np.float64]:
    """Mean shape (70, 2) of the faces with all 68 points."""
    points = np.concatenate([s.photos.points for s in sets.values()])
    complete = np.concatenate([s.photos.labelled[:, :68].all(axis=1) for s in sets.values()])
    hidden = np.concatenate([(s.visibility == 0).any(axis=1) for s in sets.values()])
    use = np.repeat((complete & ~hidden)[:, None], 70, axis=1)
    return procrustes.mean_shape(points, use, OPENPOSE_70)


def material(data: Path, folder: Path, seed: int, morph_sets: int = MORPH_SETS) -> Material:
    """Make all training data from the folder of the data sets, with so many sets of morphs; these
    are kept in `folder`."""
    sets = read_sets(data, seed)
    shape = mean_shape_of(sets)
    training = {name: given.part(held=False) for name, given in sets.items()}
    held = {name: given.part(held=True) for name, given in sets.items()}
    rows = {name: crops_of(given, shape, WIDE, FACE) for name, given in training.items()}
    files.make_folder(folder)
    made: list[list[Samples]] = [[] for _ in range(morph_sets)]
    for name in MORPHED:
        faces = full_faces(training[name], shape)
        settings = (seed, MORPHS, BENT, MIXED, PATCHED, BLOB, SEAM, CLOSED, GAPE)
        for number in range(morph_sets):

            def make(faces: Faces = faces, number: int = number) -> Faces:
                rng = np.random.default_rng((seed, number))
                both = [morphs(faces, MORPHS, rng), acting(faces, seed + number)]
                return halved(joined(both))

            made[number].append(
                as_rows(
                    kept(folder, f"{name}-{number}", faces, (*settings, number), make),
                    rows[name],
                    f"{name}-made-{number}",
                )
            )
    whole = concatenate(list(rows.values()))
    return Material(
        rows=rows,
        made=[concatenate(some) for some in made],
        negatives=negatives(data, training, shape, whole, seed),
        held={name: (given, crops_of(given, shape, WIDE, FACE)) for name, given in held.items()},
        shape=shape,
    )
