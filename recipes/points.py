"""Train the network that facepoints comes with: 68 points of a face, and whether it is one.

    python recipes/points.py --data DATA --out build/points           # resumable: same command

DATA holds `lfpw/train` (photos with .pts files, 300-W's annotation), `youtube-faces` (frames
with 68 points each) and `held-out.txt`, which names the people who are the test set: they
are left out of everything here. Leaves the run in OUT and, with --install, in the package.

What it does differently from `facepoints train` with its defaults:

- Faces are cut upright by the mean shape of all (`framing`), and wider than the network
  sees, so that turning and shifting them brings in what really surrounds them.
- Half of every step's faces are turned, shifted and scaled as the rough box of a face finder
  leaves them, half as little as a second look needs (`--augment looks`).
- The photos, labelled by hand, count twice; the frames were labelled by a detector, a
  handful of them wrongly: the Laplace likelihood counts an error by its size, not its square,
  and learns a wide spread where labels cannot be told.
- A second part (OUT-second) begins from the first one's weights (OUT-first), changes faces less
  and shows three of four of them as they lie in a crop that goes by eyes and mouth: what the face
  finder that comes with facepoints gives. The photos count three times from here on.
- Three last, short ones (OUT-third to OUT-fifth) never mirror faces. Annotators lean to one side,
  by one per cent of the distance of the eyes in the photos and less in the frames; a network that
  sees every face mirrored as well cannot learn that. Two begin from the second part, one changes
  faces little, the other much; one begins from the first. The mean of their weights is shipped.
- Radii are measured where the finder of the package sees the faces of the people held out.
- An eighth as many pictures without a face as faces: other parts of the photos, faces far
  out of the frame or lying on their side, faces with their middle replaced, textures.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import tyro
from as_used import as_found, averaged, calibrate_as_used, install, nme
from numpy.typing import NDArray
from rich.console import Console

import facepoints
from facepoints import framing, geometry, readers
from facepoints.errors import FacepointsError
from facepoints.gather import read_people
from facepoints.runs import Run
from facepoints.samples import Photos, Samples, concatenate, middle
from facepoints.settings import TrainSettings
from facepoints.train import train

VIEW = 96
"""Pixels a side that the network sees."""
FACE = 72.0
"""Pixels of the view that the mean face's box is high and wide."""
WIDE = 148
"""Pixels a side that are cut, so that turns and shifts bring in the surroundings."""
NEGATIVES = 6000
SHARES = {"lfpw": 0.1, "youtube-faces": 0.1}
"""Part of each set's people who are held out to calibrate and to compare recipes on."""


@dataclass(frozen=True)
class Recipe:
    """Train the shipped weights."""

    data: Path = Path("../shared/data")
    """Folder with lfpw/train, youtube-faces and held-out.txt."""
    out: Path = Path("build/points")
    """Folder for the run."""
    epochs: int = 140
    """Times every row is seen in the first part."""
    closer: int = 120
    """The same in the second part."""
    settle: int = 16
    """The same in the third and fourth."""
    short_cut: int = 24
    """The same in the fifth."""
    seed: int = 0
    """Of everything random."""
    install: bool = False
    """Put the run into the package (src/facepoints/weights)."""


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


def elsewhere(photos: Photos, count: int, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Crops of the photos that no face is in: neither the labelled one nor one that a cascade
    thinks it sees, since not every face is labelled."""
    cascade = cv2.CascadeClassifier(
        str(Path(cv2.data.haarcascades) / "haarcascade_frontalface_alt2.xml")  # pyright: ignore
    )
    each = -(-count // len(photos))
    found = []
    for picture, points in zip(photos.pictures(), photos.points, strict=True):
        height, width = picture.shape
        taken = [geometry.bounding_box(points)]
        taken += [tuple(map(float, b)) for b in cascade.detectMultiScale(picture, 1.1, 1)]
        for _ in range(20 * each):
            side = float(np.exp(rng.uniform(np.log(30), np.log(min(height, width) * 0.9))))
            x, y = rng.uniform(0, width - side), rng.uniform(0, height - side)
            if any(_overlap((x, y, side, side), box) > 0.02 for box in taken):
                continue
            matrix = geometry.crop_matrix((x, y, side, side), WIDE, WIDE / VIEW - 1)
            found.append(geometry.warp(picture, matrix, WIDE, WIDE))
            if len(found) % each == 0:
                break
    return found[:count]


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Part of the smaller box that both cover."""
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(wide, 0) * max(high, 0) / min(a[2] * a[3], b[2] * b[3])


def missed(
    photos: Photos, shape: NDArray[np.float64], count: int, rng: np.random.Generator
) -> list[NDArray[np.uint8]]:
    """Crops that a face finder might give by mistake: beside the face, a part of it, far too
    much around it, or lying and upside down."""
    target = framing.layout(shape, WIDE, FACE)
    each = count / len(photos)
    found = []
    for picture, points in zip(photos.pictures(), photos.points, strict=True):
        upright = geometry.similarity(points, target)
        for _ in range(rng.poisson(each)):
            turn, scale, shift = rng.uniform(-30, 30), np.exp(rng.uniform(-0.2, 0.2)), np.zeros(2)
            kind = rng.integers(4)
            if kind == 0:
                way = rng.uniform(0, 2 * np.pi)
                shift = FACE * rng.uniform(0.75, 1.4) * np.array([np.cos(way), np.sin(way)])
            elif kind == 1:
                scale = rng.uniform(0.2, 0.4)
            elif kind == 2:
                scale, shift = rng.uniform(2.5, 5), rng.uniform(-0.8, 0.8, 2) * FACE
            else:
                turn = rng.choice([90, 180, -90]) + rng.uniform(-25, 25)
            centre = (WIDE - 1) / 2
            change = geometry.rotation_matrix(turn, (centre, centre))
            change[:, :2] *= scale
            change[:, 2] = centre - change[:, :2] @ (centre, centre) + shift
            matrix = geometry.compose(upright, change)
            found.append(geometry.warp(picture, matrix, WIDE, WIDE))
    return found


def emptied(
    faces: Samples, fillers: list[NDArray[np.uint8]], count: int, rng: np.random.Generator
) -> list[NDArray[np.uint8]]:
    """Heads without a face: the middle replaced by another picture, blended at the rim."""
    ys, xs = np.mgrid[:WIDE, :WIDE] - (WIDE - 1) / 2
    found = []
    for row in rng.integers(len(faces), size=count):
        filler = fillers[rng.integers(len(fillers))].astype(np.float32)
        far = np.hypot(xs / (0.5 * FACE), ys / (0.56 * FACE)) - rng.uniform(0.95, 1.1)
        inside = 1 / (1 + np.exp(np.clip(far * rng.uniform(15, 60), -50, 50)))
        if rng.random() < 0.3:  # an even surface, as of a balloon or the back of a head
            filler = np.full_like(filler, faces.images[row].mean()) + filler * 0.1
        mixed = faces.images[row] * (1 - inside) + filler * inside
        found.append(mixed.clip(0, 255).astype(np.uint8))
    return found


def textures(count: int, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Crops of public-domain pictures without a face, and of made-up gradients and noise."""
    from skimage import data

    names = "brick grass gravel coffee chelsea coins moon page text rocket immunohistochemistry"
    pictures = []
    for name in names.split():
        picture = np.asarray(getattr(data, name)())
        gray = picture if picture.ndim == 2 else cv2.cvtColor(picture[..., :3], cv2.COLOR_RGB2GRAY)
        pictures.append(np.ascontiguousarray(gray))
    found = []
    for _ in range(count):
        picture = pictures[rng.integers(len(pictures))]
        side = float(np.exp(rng.uniform(np.log(24), np.log(min(picture.shape)))))
        x, y = rng.uniform(0, np.array(picture.shape[::-1]) - side)
        matrix = geometry.crop_matrix((x, y, side, side), WIDE, 0)
        crop = geometry.warp(picture, matrix, WIDE, WIDE)
        if rng.random() < 0.2:
            small = rng.normal(rng.uniform(40, 200), rng.uniform(0, 60), (rng.integers(2, 40),) * 2)
            crop = geometry.resize(small.clip(0, 255).astype(np.uint8), WIDE, WIDE)
        found.append(crop)
    return found


def main(recipe: Recipe) -> None:
    console = Console()
    held_out = read_people(recipe.data / "held-out.txt")
    sets = {}
    for name, path, part in (
        ("lfpw", "lfpw/train", "training"),
        ("youtube-faces", "youtube-faces", "training"),
        ("youtube-faces 2", "youtube-faces", "test"),
    ):
        photos = readers.read(recipe.data / path, part=part)
        assert isinstance(photos, Photos)
        sets[name] = people(photos, held_out)
    points = np.concatenate([photos.points for photos in sets.values()])
    labelled = np.concatenate([photos.labelled for photos in sets.values()])
    landmarks = sets["lfpw"].landmarks
    shape = framing.mean_shape(points, labelled, landmarks)
    rng = np.random.default_rng(recipe.seed)
    training, validation, negatives = [], [], []
    known: list[tuple[Photos, Samples]] = []  # those who are held out
    for name, photos in sets.items():
        held = held_people(photos, SHARES[name.split()[0]], recipe.seed)
        if name == "youtube-faces 2":  # the same people in both parts
            held = np.isin(photos.group, np.concatenate([v.group for v in validation]))
        faces = framing.upright(photos, shape, WIDE, FACE)
        known.append((only(photos, held), faces.take(held)))
        validation.append(middle(faces.take(held), VIEW))
        kept = only(photos, ~held)
        training += [faces.take(~held)] * (2 if name == "lfpw" else 1)
        negatives += missed(kept, shape, NEGATIVES // 8, rng)
        if name == "lfpw":
            negatives += elsewhere(kept, 3 * NEGATIVES // 8, rng)
    negatives += textures(NEGATIVES // 8, rng)
    rows = concatenate(training)
    negatives += emptied(rows, negatives.copy(), NEGATIVES // 8, rng)
    console.print(
        f"{len(rows)} rows to train on, {sum(map(len, validation))} to calibrate on, "
        f"{len(negatives)} pictures without a face"
    )
    first, second, third, fourth, fifth = (
        recipe.out.with_name(f"{recipe.out.name}-{name}")
        for name in ("first", "second", "third", "fourth", "fifth")
    )
    shared = TrainSettings(
        init="none",
        view=VIEW,
        missing="mask",
        weight_decay=0.05,
        keep="last",
        validation=0,
        seed=recipe.seed,
    )
    learn = replace(shared, augment="looks", epochs=recipe.epochs, ema=0.999)
    closer = replace(
        shared, augment="closer", epochs=recipe.closer, init=str(first), rate=2e-3, ema=0.999
    )
    settle = replace(
        shared, augment="settle", epochs=recipe.settle, init=str(second), rate=5e-4, ema=0.998
    )
    bend = replace(settle, augment="settle-strong", rate=1e-3, seed=recipe.seed + 1)
    cut = replace(settle, init=str(first), rate=1e-3, epochs=recipe.short_cut)
    photos = concatenate([training[0], *training])  # the photos once more
    parts = [(rows, first, learn), (photos, second, closer)]
    parts += [(photos, third, settle), (photos, fourth, bend), (photos, fifth, cut)]
    for faces, out, settings in parts:
        train(
            faces,
            out,
            settings,
            resume=True,
            data_names=["lfpw/train", "youtube-faces"],
            held=concatenate(validation),
            negatives=np.stack(negatives),
            console=console,
        )
    averaged([third, fourth, fifth], recipe.out)
    run = Run.load(recipe.out)
    seen = [as_found(photos, faces, run) for photos, faces in known]
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
