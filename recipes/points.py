"""Train the network that facepoints comes with: 68 points of a face, and whether it is one.

    python recipes/points.py --data DATA --out build/points           # resumable: same command

DATA holds `lfpw/train` (photos with .pts files, 300-W's annotation), `youtube-faces` (frames
with 68 points each) and `held-out.txt`, which names the people who are the test set: they
are left out of everything here. Leaves the run in OUT and, with --install, in the package.

What it does differently from `facepoints train` with its defaults:

- Faces are cut upright by the mean shape of all (`framing`), and wider than the network
  sees, so that turning and shifting them brings in what really surrounds them.
- Labels are the mean of those that come along and of a second opinion (`second_opinion`), which
  also labels faces in the photos that nobody had.
- Most of what it sees are morphs of two people (`morphs`): a network learns a few hundred photos
  by heart and then nothing more.
- Three of four faces of every step lie as they do in a crop that goes by eyes and mouth, what the
  face finder that comes along gives; the others as in a rough box (`--augment closer`).
- The Laplace likelihood counts an error by its size, not its square, and learns a wide spread
  where points cannot be told: under hair, in labels of a detector that went astray.
- Two second parts begin from the first one's weights (OUT-first) with other morphs (OUT-second,
  OUT-third). The mean of their weights is shipped.
- Photos and frames were marked by different rules, and all annotators lean to one side: at the end
  the habits of both are measured and added (`marked_by`).
- Radii are measured where the finder of the package sees the faces of the people held out.
- An eighth as many pictures without a face as faces: other parts of the photos, faces far
  out of the frame or lying on their side, faces with their middle replaced, textures.

The second opinion comes from MediaPipe, which is installed into an environment of its own under
build/ (`benchmarks/support/peers.py`).
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro
from as_used import as_found, averaged, calibrate_as_used, install, nme
from marked_by import add_habits
from morphs import Faces, halved, joined, morphs
from numpy.typing import NDArray
from rich.console import Console
from second_opinion import opinions, others
from without_face import FACE, VIEW, WIDE, elsewhere, emptied, missed, textures

import facepoints
from facepoints import files, framing, geometry, readers
from facepoints.errors import FacepointsError
from facepoints.gather import read_people
from facepoints.predict import load
from facepoints.runs import Run
from facepoints.samples import Photos, Samples, concatenate, middle
from facepoints.settings import TrainSettings
from facepoints.train import train

NEGATIVES = 6000
SHARES = {"lfpw": 0.1, "youtube-faces": 0.1}
"""Part of each set's people who are held out to calibrate and to compare recipes on."""
PHOTOS, BESIDE = 4, 2
"""How often photos and the faces beside the labelled ones are seen while a morph is seen once."""
MORPHS = {"photos": 8, "frames": 1}
"""Morphs of every face in a set of them, of either kind."""


@dataclass(frozen=True)
class Recipe:
    """Train the shipped weights."""

    data: Path = Path("../shared/data")
    """Folder with lfpw/train, youtube-faces and held-out.txt."""
    out: Path = Path("build/points")
    """Folder for the run."""
    epochs: int = 17
    """Times every row is seen in the first part."""
    second: int = 14
    """The same in the second part."""
    third: int = 18
    """The same in the third."""
    seed: int = 0
    """Of everything random."""
    install: bool = False
    """Put the run into the package (src/facepoints/weights)."""


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
    return only(photos, ~np.isin(photos.group, sorted(held_out)))


def only(photos: Photos, keep: NDArray[np.bool_]) -> Photos:
    """Just some photos."""
    pictures = photos.pictures

    def kept():
        return (picture for picture, k in zip(pictures(), keep, strict=True) if k)

    return replace(
        photos,
        pictures=kept,
        points=photos.points[keep],
        labelled=photos.labelled[keep],
        group=photos.group[keep],
        names=photos.names[keep],
        source=photos.source[keep],
    )


def held_people(photos: Photos, share: float, seed: int) -> NDArray[np.bool_]:
    """Rows of the people to calibrate on."""
    names = np.unique(photos.group)
    chosen = np.random.default_rng(seed).choice(names, round(share * len(names)), replace=False)
    return np.isin(photos.group, chosen)


def read_parts(data: Path, seed: int) -> dict[str, Part]:
    """The data sets."""
    held_out = read_people(data / "held-out.txt")
    parts: dict[str, Part] = {}
    for name, path, part in (
        ("lfpw", "lfpw/train", "training"),
        ("youtube-faces", "youtube-faces", "training"),
        ("youtube-faces 2", "youtube-faces", "test"),
    ):
        photos = readers.read(data / path, part=part)
        assert isinstance(photos, Photos)
        photos = people(photos, held_out)
        held = held_people(photos, SHARES[name.split()[0]], seed)
        if name == "youtube-faces 2":  # the same people in both parts
            held = np.isin(photos.group, parts["youtube-faces"].held.group)
        training = only(photos, ~held)
        folder = data / path / part if (data / path / part).is_dir() else data / path
        names = tuple(folder / str(name) for name in training.names)
        parts[name] = Part(training, names, only(photos, held))
    return parts


def labelled(parts: list[Part], shape: NDArray[np.float64], seed: int) -> Faces:
    """Training faces at twice the pixels, labelled by both opinions."""
    points = np.concatenate([part.training.points for part in parts]).astype(np.float64)
    names = [file for part in parts for file in part.files]
    people = np.concatenate([part.training.group for part in parts])
    said = opinions(names, points, people, seed)
    target = framing.layout(shape, 2 * WIDE, 2 * FACE)
    crops = [framing.upright(part.training, shape, 2 * WIDE, 2 * FACE) for part in parts]
    own = np.concatenate([crop.points for crop in crops]).astype(np.float64)
    second = np.stack([
        geometry.apply(geometry.similarity(p, target), q) for p, q in zip(points, said, strict=True)
    ])  # fmt: skip
    both = np.where(np.isfinite(second), (own + second) / 2, own)
    return Faces(np.concatenate([crop.images for crop in crops]), both, people)


def beside(part: Part, shape: NDArray[np.float64]) -> Faces:
    """Faces in photos beside the labelled ones, likewise."""
    images, points = others(
        part.files,
        part.training.points.astype(np.float64),
        part.training.group,
        load(),
        framing.layout(shape, 2 * WIDE, 2 * FACE),
        2 * WIDE,
    )
    return Faces(images, points, np.array([f"beside-{n}" for n in range(len(images))]))


def morphed(folder: Path, number: int, faces: dict[str, Faces], seed: int) -> Faces:
    """A set of morphs, half as large as the faces they are made of. It takes minutes, so it is
    kept in `folder`, by all that it is made of: the second opinion and the network that comes
    along have a say in the labels."""
    digest = hashlib.blake2b(repr((seed, number, MORPHS)).encode(), digest_size=8)
    for array in (array for name in MORPHS for array in vars(faces[name]).values()):
        digest.update(np.ascontiguousarray(array).data)
    kept = folder / f"{number}-{digest.hexdigest()}.npz"
    if not kept.exists():
        rng = np.random.default_rng((seed, number))
        made = joined([halved(morphs(faces[name], MORPHS[name], rng)) for name in MORPHS])
        with files.whole_file(kept) as path, open(path, "wb") as file:
            np.savez(file, images=made.images, points=made.points, people=made.people)
    with np.load(kept) as stored:
        return Faces(stored["images"], stored["points"], stored["people"])


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
        source=np.zeros(count, dtype=np.int16),
        sources=like.sources,
    )


def without_face(
    parts: dict[str, Part], shape: NDArray[np.float64], rows: Samples, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Pictures without a face."""
    crops: list[NDArray[np.uint8]] = []
    for name, part in parts.items():
        crops += missed(part.training, shape, NEGATIVES // 8, rng)
        if name == "lfpw":
            crops += elsewhere(part.training, 3 * NEGATIVES // 8, rng)
    crops += textures(NEGATIVES // 8, rng)
    crops += emptied(rows, crops.copy(), NEGATIVES // 8, rng)
    return np.stack(crops)


def main(recipe: Recipe) -> None:
    console = Console()
    parts = read_parts(recipe.data, recipe.seed)
    everybody = [photos for part in parts.values() for photos in (part.training, part.held)]
    shape = framing.mean_shape(
        np.concatenate([photos.points for photos in everybody]),
        np.concatenate([photos.labelled for photos in everybody]),
        everybody[0].landmarks,
    )
    by_hand = [parts.pop("lfpw")]
    by_detector = list(parts.values())
    photos, frames = (labelled(some, shape, recipe.seed) for some in (by_hand, by_detector))
    further = beside(by_hand[0], shape)
    crops = {
        name: [framing.upright(part.training, shape, WIDE, FACE) for part in some]
        for name, some in (("photos", by_hand), ("frames", by_detector))
    }
    like = crops["photos"][0]
    plain = [as_rows(halved(photos), like, "photo")] * PHOTOS
    plain += [as_rows(halved(further), like, "beside")] * BESIDE
    plain += [as_rows(halved(frames), like, "frame")]
    folder = files.make_folder(recipe.out.with_name(f"{recipe.out.name}-morphs"))
    sources = {"photos": joined([photos, further]), "frames": frames}
    mixed = [
        as_rows(morphed(folder, n, sources, recipe.seed), like, f"morph-{n}") for n in range(3)
    ]
    negatives = without_face(
        {"lfpw": by_hand[0]} | parts,
        shape,
        concatenate([rows for some in crops.values() for rows in some]),
        np.random.default_rng(recipe.seed),
    )
    held = [
        (part.held, framing.upright(part.held, shape, WIDE, FACE)) for part in by_hand + by_detector
    ]
    first, second, third = (
        recipe.out.with_name(f"{recipe.out.name}-{name}") for name in ("first", "second", "third")
    )
    begin = TrainSettings(
        init="none", view=VIEW, missing="mask", augment="closer", epochs=recipe.epochs,
        rate=3e-3, weight_decay=0.05, ema=0.999, keep="last", validation=0, seed=recipe.seed,
    )  # fmt: skip
    go_on = replace(begin, init=str(first), rate=2e-3)
    trainings = [
        (first, begin, mixed[:1]),
        (second, replace(go_on, epochs=recipe.second, seed=recipe.seed + 1), mixed[:2]),
        (third, replace(go_on, epochs=recipe.third, seed=recipe.seed + 2), mixed[2:]),
    ]
    for out, settings, sets in trainings:
        train(
            concatenate([*plain, *sets]),
            out,
            settings,
            resume=True,
            data_names=["lfpw/train", "youtube-faces"],
            held=concatenate([middle(faces, VIEW) for _, faces in held]),
            negatives=negatives,
            console=console,
        )
    averaged([second, third], recipe.out)
    add_habits(recipe.out, [crops["photos"][0], concatenate(crops["frames"])])
    run = Run.load(recipe.out)
    seen = [as_found(photos, faces, run) for photos, faces in held]
    run = calibrate_as_used(recipe.out, concatenate(seen))
    for faces in seen:
        console.print(f"{faces.names[0]}, ...: {len(faces)} faces, NME {nme(run, faces):.3f}%")
    if recipe.install:
        install(run, recipe.out, Path(facepoints.__file__).parent / "weights")


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
