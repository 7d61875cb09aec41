"""Faults that `facepoints audit` finds: planted ones in labels of held-out people, and real ones.

    python benchmarks/audit.py                 # 6 minutes on 2 cores
    python benchmarks/audit.py --install       # 8 minutes: fits the confidence on training people
    python benchmarks/audit.py --install point # 3 minutes: that of points alone
    python benchmarks/audit.py --parts time    # some parts; the others keep their figures

Faults of every kind (`support/planted.py`) are planted in 1 and 5 % of the held-out photos of LFPW,
HELEN and SCUT, several times with other seeds: gross kinds mixed, and single points off. Each set
is audited alone. A planted fault is
found if its row is named; its cause is right if the cause named first is the planted one, and for
a single point if that point is named. What is named in a row without a planted fault is false,
unless a person has looked at it and seen a fault of the original label
(`support/audit_seen.json`).

Two plain rankings are compared in the same runs: by the mean distance to the model's points, and by
the largest z-score of a point after Procrustes alignment, from labels alone. For all, the recall is
given at the threshold that names most with 90 % true ones; the audit has its own threshold too.

`--install` does the same with training people, with 5, 15, 21, 68 and 86 points, and fits how the
strength of a fault tells its confidence, into src/facepoints/audit/confidence.json. It prints what
different thresholds of the confidence name and miss; the default (`AuditConfig`) is chosen so.

Results: benchmarks/results/audit.json and audit.md. Crops of faults named in clean labels go to
build/audit-clean.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from support import tables
from support.cli import ROOT, make_parser
from support.labels_only import labels_of
from support.planted import GROSS, KINDS, eye_distance, mirror_pairs, plant_all, repeated

from facepoints._util.files import read_json, write_json
from facepoints.audit import (
    AUDIT_CROP_MARGIN,
    AUDIT_CROP_SIZE,
    AuditConfig,
    Cause,
    Fault,
    ModelOpinion,
    Readings,
    audit,
)
from facepoints.audit.confidence import FILE, LAPSE, family, terms
from facepoints.audit.config import AUDIT_CONFIG
from facepoints.audit.label_shapes import expectation_of_labels
from facepoints.datasets import readers
from facepoints.datasets.crops import cut_crops
from facepoints.datasets.marking_schemes import scheme_matrix
from facepoints.datasets.people import read_people
from facepoints.datasets.samples import Photos, Samples
from facepoints.imaging import affine
from facepoints.landmarks.landmark_set import LandmarkSet

_IBUG_EYES = ("right_eye_outer_corner", "left_eye_outer_corner")
SETS = {
    "lfpw": ("lfpw/train", _IBUG_EYES),
    "helen": ("helen", _IBUG_EYES),
    "scut": ("scut", ("scut_46", "scut_50")),
}
"""Folder of each set, and its outer corners of the eyes."""
FEWER = {
    5: (
        *("right_eye_outer_corner", "left_eye_outer_corner", "nose_bridge_4"),
        *("mouth_right_corner", "mouth_left_corner"),
    ),
    15: (
        *("right_eye_outer_corner", "right_eye_inner_corner", "right_eye_upper_outer"),
        *("left_eye_outer_corner", "left_eye_inner_corner", "left_eye_upper_outer"),
        *("right_brow_1", "right_brow_5", "left_brow_1", "left_brow_5", "nose_bridge_4"),
        *("mouth_right_corner", "mouth_left_corner", "upper_lip_center", "lower_lip_center"),
    ),
}
FEWER[21] = (
    *FEWER[15],
    *("right_brow_3", "left_brow_3", "nose_base", "right_nostril_outer", "left_nostril_outer"),
    "chin",
)
"""Parts of the 68 points, by their number: the confidence is fitted on these too."""
FITTED = (
    *(("lfpw", few) for few in (5, 21, 68)),
    *(("helen", few) for few in (5, 15, 68)),
    ("scut", 86),
)
"""Sets, and numbers of points, that the confidence is fitted on."""
SHARES = {0.01: 10, 0.05: 4}
"""Share of the rows with a planted fault, and number of seeds."""
FITTED_SEEDS = 3
TRAINING = 130  # training photos of each set, for the confidence
PRECISION = 0.9
SEEN = Path(__file__).parent / "support" / "audit_seen.json"
POINT = "one point off by 10 %"
PLANTED = {"gross": GROSS, "point": (POINT,)}
FITTED_KINDS = {"point": (POINT,), "pair": ("one pair swapped",), "face": GROSS}
"""Faults that are planted in 1 and 5 % of the rows to fit the confidence of a family."""
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7)
"""Of the confidence, that `--install` counts at."""
PARTS = ("planted", "schemes", "time")
BUILD = ROOT / "build" / "audit-clean"
_LOOK_AT = 12.0  # strength of a fault in original labels from which a person should look at it


@dataclass(frozen=True)
class Prepared:
    """Faces of a set, each with its own label and with every fault.

    Attributes:
        faces: N x (1 + kinds) rows; the first of each is the original.
        readings: of these.
        moved: (N,) the column that the single point off is.
        kinds: names of the kinds.
    """

    faces: Samples
    readings: Readings
    moved: NDArray[np.intp]
    kinds: tuple[str, ...]

    def chosen(self, kind: NDArray[np.intp]) -> tuple[Samples, Readings]:
        """Rows with the fault of the number `kind` (N,) in `KINDS`, -1: the original."""
        place = np.array([self.kinds.index(name) if name in self.kinds else -1 for name in KINDS])
        own = np.where(kind < 0, -1, place[kind])
        rows = np.arange(len(kind)) * (len(self.kinds) + 1) + own + 1
        some = self.readings
        part = Readings(some.points[rows], some.radius[rows], some.score[rows])
        return self.faces.take(rows), part


class Known:
    """A second opinion that was computed before."""

    def __init__(self, landmarks: LandmarkSet, readings: Readings) -> None:
        self.landmarks, self.readings = landmarks, readings

    def __call__(self, faces: Samples, progress: Any = None) -> Readings:
        return self.readings


def prepare(
    data: Path,
    name: str,
    opinion: ModelOpinion,
    held_out: bool,
    few: int = 0,
    kinds: tuple[str, ...] = tuple(KINDS),
) -> Prepared:
    """Plant every fault in every photo, cut crops around the labels, and read them.

    Args:
        held_out: whether held-out people are taken, or some of the others.
        few: take only these points of `FEWER`.
        kinds: of the faults.
    """
    folder, eyes = SETS[name]
    photos = readers.read(data / folder)
    assert isinstance(photos, Photos)
    keep = np.isin(photos.group, sorted(read_people(data / "held-out.txt")))
    if not held_out:
        rows = np.random.default_rng(0).permutation(np.flatnonzero(~keep))[:TRAINING]
        keep = np.isin(np.arange(len(photos)), rows)
    photos = photos.take(keep)
    sizes = np.array([image.shape[::-1] for image in photos.read_images()])
    eye_distances = eye_distance(photos, eyes)
    if few in FEWER:
        photos = with_fewer(photos, FEWER[few])
    mean = photos.points.mean(axis=0).astype(np.float64)
    mirror = photos.landmarks.mirror if photos.landmarks.mirrorable else mirror_pairs(mean)
    planted = plant_all(photos, sizes, eye_distances, mirror, seed=1)
    moved = np.linalg.norm(planted[:, list(KINDS).index(POINT)] - photos.points, axis=-1)
    planted = planted[:, [list(KINDS).index(kind) for kind in kinds]]
    every = np.concatenate([photos.points[:, None], planted], axis=1)
    faces = cut_crops(repeated(photos, every), AUDIT_CROP_SIZE, AUDIT_CROP_MARGIN)
    return Prepared(faces, opinion(faces), moved.argmax(axis=1), kinds)


def with_fewer(photos: Photos, names: tuple[str, ...]) -> Photos:
    """The same photos with some of their points."""
    columns = photos.landmarks.columns(names)
    return replace(
        photos,
        points=photos.points[:, columns],
        labelled=photos.labelled[:, columns],
        landmarks=LandmarkSet(names),
        schemes=dict.fromkeys(photos.schemes, names),
        visibility=None,
    )


def draw(prepared: Prepared, share: float, seed: int, kinds: Sequence[str]) -> NDArray[np.intp]:
    """The kind of fault of each row, -1 for none."""
    numbers = [list(KINDS).index(kind) for kind in kinds]
    count = len(prepared.moved)
    random = np.random.default_rng(seed)
    kind = np.full(count, -1)
    rows = random.permutation(count)[: max(1, round(share * count))]
    kind[rows] = random.choice(numbers, size=len(rows))
    return kind


def first_named(faults: Sequence[Fault], row: int) -> list[Fault]:
    """Faults of a row; a copied row counts as the label of another face, where it comes from."""
    return [one for one in faults if one.rows[0] == row]


def cause_is_right(faults: list[Fault], kind: str, column: str) -> bool:
    """True if the cause of a planted fault is named first, and the point of a single one."""
    wanted = KINDS[kind][1]
    if kind == POINT:
        return any(one.cause is wanted and column in one.points for one in faults)
    accepted = {wanted, Cause.COPIED_ROW} if wanted is Cause.OTHER_FACE else {wanted}
    return faults[0].cause in accepted


def plain_scores(
    faces: Samples, readings: Readings, landmarks: LandmarkSet
) -> dict[str, NDArray[np.float64]]:
    """The two rankings: mean distance to the model's points over the label's size, and z-score."""
    mix, known = scheme_matrix(landmarks, faces.landmarks, "")
    points = np.nan_to_num(readings.points[:, 0], nan=1e3)
    predicted = np.einsum("km,nmd->nkd", mix.astype(np.float64), points)
    size = np.linalg.norm(np.ptp(faces.points, axis=1), axis=1)
    if known.any():
        columns = np.flatnonzero(known)
    else:  # points of unknown names: the model's point that is nearest in most rows
        gaps = np.linalg.norm(faces.points[:, :, None] - points[:, None], axis=-1)
        predicted = points[:, np.median(gaps, axis=0).argmin(axis=1)]
        columns = np.arange(len(known))
    apart = np.linalg.norm(faces.points - predicted, axis=-1)[:, columns]
    folds = np.arange(len(faces)) % 5
    shape = expectation_of_labels(faces, folds)
    z = np.where(shape.mask, np.abs(shape.residual) / shape.scale, 0).max(axis=1)
    return {"plain residual": apart.mean(axis=1) / size, "z-score of the shape": z}


def recall_at_precision(score: NDArray[np.float64], true: NDArray[np.bool_]) -> float:
    """Largest share of true rows above a threshold at which 90 % of what is above are true."""
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(true[order])
    good = hits / np.arange(1, len(order) + 1) >= PRECISION
    return float(hits[good].max() / max(true.sum(), 1)) if good.any() else 0.0


def measure(
    prepared: Prepared, opinion: ModelOpinion, share: float, seeds: int, seen: set[str]
) -> dict[str, Any]:
    """Audits of one set at one share."""
    kinds = list(KINDS)
    counts = {kind: [0, 0, 0] for kind in kinds}
    named = {"gross": [0, 0], "point": [0, 0]}
    pooled: dict[str, list[NDArray[Any]]] = {}
    for seed, (what, planted) in product(range(seeds), PLANTED.items()):
        kind = draw(prepared, share, seed, planted)
        faces, readings = prepared.chosen(kind)
        everything = AuditConfig(min_confidence=0.0)
        result = audit(faces, Known(opinion.landmarks, readings), everything)
        ours = np.zeros(len(faces))
        known = np.array([str(name) in seen for name in faces.names])
        for row in range(len(faces)):
            faults = first_named(result.faults, row)
            ours[row] = max((one.confidence for one in faults), default=0.0)
            faults = [one for one in faults if one.confidence >= AUDIT_CONFIG.min_confidence]
            if kind[row] >= 0:
                count = counts[kinds[kind[row]]]
                column = faces.landmarks.names[prepared.moved[row]]
                count[0] += 1
                count[1] += bool(faults)
                right = bool(faults) and cause_is_right(faults, kinds[kind[row]], column)
                count[2] += right
            if faults:
                named[what][0] += 1
                named[what][1] += bool(kind[row] >= 0 or known[row])
        scores = plain_scores(faces, readings, opinion.landmarks) | {"audit": ours}
        use = ~known | (kind >= 0)
        for name, values in scores.items():
            pooled.setdefault(f"{what} {name} score", []).append(values[use])
            pooled.setdefault(f"{what} {name} true", []).append((kind >= 0)[use])
    recalls = {
        what: {
            name: recall_at_precision(
                np.concatenate(pooled[f"{what} {name} score"]),
                np.concatenate(pooled[f"{what} {name} true"]),
            )
            for name in ("audit", "plain residual", "z-score of the shape")
        }
        for what in ("gross", "point")
    }
    return {"kinds": counts, "named": named, "recall_at_90": recalls}


@dataclass(frozen=True)
class Named:
    """A row of training people in which a fault of the family that was planted is named, or a row
    with a planted fault that is not found.

    Attributes:
        family: of `FAMILIES`.
        strength: of the fault; 0: nothing is named.
        points: number of labeled points.
        true: whether the fault was planted.
    """

    family: str
    strength: float
    points: int
    true: bool


def strengths(
    prepared: Prepared, opinion: ModelOpinion, seen: set[str], families: Sequence[str]
) -> list[Named]:
    """Count what is named in training people, and missed, of the families that are planted."""
    everything = AuditConfig(min_confidence=0.0)
    out: list[Named] = []
    looked: dict[str, float] = {}
    for share, seed, planted in product(SHARES, range(FITTED_SEEDS), families):
        kind = draw(prepared, share, seed + 100, FITTED_KINDS[planted])
        faces, readings = prepared.chosen(kind)
        result = audit(faces, Known(opinion.landmarks, readings), everything)
        points = faces.labelled.sum(axis=1)
        met: set[int] = set()
        for one in result.faults:
            name = str(faces.names[one.row])
            if one.row in met or (kind[one.row] < 0 and name in seen):
                continue  # the surest of each row; and no real fault
            met.add(one.row)
            if one.strength is None or family(one.cause) != planted:
                continue
            true = bool(kind[one.row] >= 0)
            out.append(Named(planted, one.strength, int(points[one.row]), true))
            if not true and one.strength > _LOOK_AT:
                what = f"{name} {one.cause.value} {' '.join(one.points[:2])}"
                looked[what] = one.strength
        missed = [row for row in np.flatnonzero(kind >= 0) if row not in met]
        out += [Named(planted, 0.0, int(points[row]), True) for row in missed]
    for name, strength in looked.items():
        print(f"  not planted, look at it: {name} ({strength:.0f})", flush=True)
    return out


def fit_confidence(rows: Sequence[Named]) -> list[float]:
    """Intercept and slopes of a logistic regression on the logarithms of the strength and of the
    number of points, for one family. A share `LAPSE` of the rows are as they are at random: a few
    honest faces are very strange, and do not rule the fit."""
    named = [row for row in rows if row.strength > 0]
    x = np.array([terms(row.strength, row.points)[1:] for row in named])
    middle = x.mean(axis=0)  # centered: else the steps along the numbers fight
    y = np.array([row.true for row in named], float)
    design = np.column_stack([np.ones(len(x)), x - middle])
    prior, stiff = np.array([0.0, 3.0, 0.0, 0.0]), np.array([0.02, 0.2, 5.0, 5.0])
    weight = prior
    for _ in range(200):  # Newton steps, with a weak prior: separable data have no maximum
        p = 1 / (1 + np.exp(-np.clip(design @ weight, -30, 30)))
        met = (1 - LAPSE) * np.where(y > 0, p, 1 - p)
        counts = met / (met + LAPSE / 2)  # how likely it is that this one is no lapse
        gradient = design.T @ (counts * (y - p)) - (weight - prior) * stiff
        hessian = (design * (counts * p * (1 - p))[:, None]).T @ design + np.diag(stiff)
        weight = weight + 0.5 * np.clip(np.linalg.solve(hessian, gradient), -1, 1)
    intercept = float(weight[0] - weight[1:] @ middle)
    return [round(intercept, 3), *(round(float(value), 3) for value in weight[1:])]


def install(data: Path, opinion: ModelOpinion, families: Sequence[str]) -> None:
    """Fit the confidence of families of causes, and write it."""
    rows: list[Named] = []
    kinds = tuple(dict.fromkeys(kind for name in families for kind in FITTED_KINDS[name]))
    for name, few in FITTED:
        print(f"{name}, {few} points", flush=True)
        prepared = prepare(data, name, opinion, held_out=False, few=few, kinds=kinds)
        rows += strengths(prepared, opinion, set(read_json(SEEN).get(name, {})), families)
    for name in families:
        own = [row for row in rows if row.family == name]
        fitted = read_json(FILE) | {name: fit_confidence(own)}
        write_json(FILE, fitted)
        print(f"{name}: {len(own)} rows, {sum(row.true for row in own)} planted, {fitted[name]}")
        for many in (False, True):
            some = [row for row in own if (row.points >= 68) == many]
            sure = np.array([confidence_with(fitted[name], row) for row in some])
            true = np.array([row.true for row in some])
            for limit in THRESHOLDS:
                hits = int((true & (sure >= limit)).sum())
                print(
                    f"  {'68 and 86' if many else '5 to 21'} points, confidence from {limit:.0%}: "
                    f"{_of(hits, int(true.sum()))} found, {_of(hits, int((sure >= limit).sum()))} "
                    f"of the named true"
                )
    print(f"written: {FILE}; run again without --install to measure")


def confidence_with(weights: Sequence[float], row: Named) -> float:
    """As `confidence`, with these weights; 0 where nothing is named."""
    if row.strength <= 0:
        return 0.0
    odds = sum(w * t for w, t in zip(weights, terms(row.strength, row.points), strict=True))
    return LAPSE / 2 + (1 - LAPSE) / (1 + float(np.exp(-np.clip(odds, -30, 30))))


def clean_alarms(prepared: Prepared, opinion: ModelOpinion, name: str) -> list[dict[str, Any]]:
    """Count what is named in the original labels; crops of it go to `BUILD`."""
    kind = np.full(len(prepared.moved), -1)
    faces, readings = prepared.chosen(kind)
    result = audit(faces, Known(opinion.landmarks, readings))
    rows = []
    BUILD.mkdir(parents=True, exist_ok=True)
    for fault in result.faults:
        rows.append({
            "set": name,
            "name": str(faces.names[fault.row]),
            "cause": fault.cause.value,
            "points": list(fault.points[:5]),
            "confidence": fault.confidence,
            "evidence": fault.evidence,
        })  # fmt: skip
        keep_crop(faces, fault, name)
    return rows


def measure_planted(data: Path, opinion: ModelOpinion) -> dict[str, Any]:
    """Planted faults of all sets, and what is named in the original labels."""
    seen = read_json(SEEN)
    content: dict[str, Any] = {"planted": [], "clean": [], "faces": {}, "seen": seen}
    for name in SETS:
        prepared = prepare(data, name, opinion, held_out=True)
        content["faces"][name] = len(prepared.moved)
        content["clean"] += clean_alarms(prepared, opinion, name)
        for share, seeds in SHARES.items():
            row = measure(prepared, opinion, share, seeds, set(seen.get(name, {})))
            content["planted"].append({"set": name, "share": share, "seeds": seeds} | row)
            print(name, share, row["named"], row["recall_at_90"], flush=True)
    return content


def keep_crop(faces: Samples, fault: Fault, name: str) -> None:
    """The crop with the label in green, the expectation in blue, and the points named in red."""
    zoom = 5
    image = cv2.resize(faces.images[fault.row], None, fx=zoom, fy=zoom)
    picture = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    named = set(fault.points) if len(fault.points) < len(faces.landmarks) else set()
    for k, point in enumerate(faces.landmarks.names):
        here = tuple(int(v) for v in faces.points[fault.row, k] * zoom + zoom // 2)
        if fault.expected is not None and np.isfinite(fault.expected.points[k]).all():
            there = tuple(int(v) for v in fault.expected.points[k] * zoom + zoom // 2)
            cv2.circle(picture, there, 3, (255, 128, 0), -1)
            cv2.line(picture, here, there, (0, 255, 255), 1)
        cv2.circle(picture, here, 3, (0, 0, 255) if point in named else (0, 255, 0), -1)
    side = AUDIT_CROP_SIZE * zoom
    cut = picture[side // 5 : -side // 5, side // 5 : -side // 5]
    text = f"{name} {faces.names[fault.row]} {fault.cause.value} {fault.confidence:.2f}"
    cv2.putText(cut, text, (5, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 255, 255), 1)
    stem = str(faces.names[fault.row]).rpartition(".")[0].replace("/", "-")
    file = BUILD / f"{name}-{stem}-{fault.cause.value}.png"
    cv2.imwrite(str(file), cut)


def time_rows(data: Path, opinion: ModelOpinion) -> dict[str, Any]:
    """Seconds to audit 7,000 rows with images: kaggle-like, and the same mirrored."""
    faces = readers.load(data / "kaggle-like" / "training.csv.zip")
    mirrored = affine.apply(affine.mirror_matrix(faces.size[1]), faces.points)
    partner = faces.landmarks.mirror
    twice = replace(
        faces,
        images=np.concatenate([faces.images, faces.images[:, :, ::-1]]),
        points=np.concatenate([faces.points, mirrored[:, partner]]),
        labelled=np.concatenate([faces.labelled, faces.labelled[:, partner]]),
        group=np.concatenate([faces.group, np.char.add("mirrored-", faces.group)]),
        names=np.concatenate([faces.names, faces.names]),
        scheme=np.concatenate([faces.scheme, faces.scheme]),
        visibility=None,
    ).take(np.arange(7000))
    start = time.perf_counter()
    result = audit(twice, opinion)
    seconds = time.perf_counter() - start
    print(f"7000 rows in {seconds:.0f} s, {len(result.faults)} faults")
    return {"rows": 7000, "seconds": round(seconds, 1)}


def schemes(data: Path, opinion: ModelOpinion) -> dict[str, list[str]]:
    """Changes of the marking scheme: in the real label file from labels alone, and kaggle-like."""
    real = audit(labels_of(data / "kaggle" / "labels.csv"))
    like = audit(readers.load(data / "kaggle-like" / "training.csv.zip"), opinion)
    found = {
        "kaggle/labels.csv, labels alone": [one.evidence for one in real.findings],
        "kaggle-like": [one.evidence for one in like.findings],
    }
    for name, evidence in found.items():
        print(name, *evidence, sep="\n  ")
    return found


def summed(rows: list[dict[str, Any]], kinds: Sequence[str]) -> list[int]:
    return np.sum([row["kinds"][kind] for row in rows for kind in kinds], axis=0).tolist()


def report(content: dict[str, Any]) -> str:
    """The tables as Markdown."""
    texts = []

    def add(title: str, cells: tables.Cells) -> None:
        tables.show(title, cells)
        texts.append(f"{title}\n\n{tables.markdown(cells)}")

    rows = content["planted"]
    cells = [["set", "share", "gross found", "cause right", "named true", "points found",
              "named true "]]  # fmt: skip
    for row in rows:
        gross, point = summed([row], GROSS), row["kinds"][POINT]
        named = row["named"]
        cells.append([
            row["set"], f"{row['share']:.0%}", _of(gross[1], gross[0]), _of(gross[2], gross[1]),
            _of(named["gross"][1], named["gross"][0]), _of(point[2], point[0]),
            _of(named["point"][1], named["point"][0]),
        ])  # fmt: skip
    add("Planted faults in held-out faces", cells)
    cells = [["kind", "planted", "found", "cause right"]]
    for kind in KINDS:
        planted, found, right = summed(rows, [kind])
        cells.append([kind, str(planted), _of(found, planted), _of(right, found)])
    add("By kind, all sets and shares", cells)
    cells = [["set", "share", "faults", "audit", "plain residual", "z-score of the shape"]]
    for row in rows:
        for what, recalls in row["recall_at_90"].items():
            line = [row["set"], f"{row['share']:.0%}", what]
            cells.append(line + [f"{100 * value:.0f}%" for value in recalls.values()])
    add("Found at a threshold with 90 % true ones", cells)
    cells = [["set", "faces", "named", "of these true", "false per 1000 faces"]]
    for name, count in content["faces"].items():
        named = {row["name"] for row in content["clean"] if row["set"] == name}
        true = len(named & set(content["seen"].get(name, {})))
        false = 1000 * (len(named) - true) / count
        cells.append([name, str(count), str(len(named)), str(true), f"{false:.0f}"])
    add("Rows named in the original labels", cells)
    cells = [["set", "row", "cause", "confidence", "evidence", "what a person sees"]]
    for row in content["clean"]:
        seen = content["seen"].get(row["set"], {}).get(row["name"], "no fault")
        cells.append(
            [
                row["set"],
                row["name"],
                row["cause"],
                f"{row['confidence']:.2f}",
                row["evidence"],
                seen,
            ]
        )
    add("These rows", cells)
    if content.get("time"):
        texts.append(f"{content['time']['rows']} rows: {content['time']['seconds']} s.")
    for name, found in content.get("schemes", {}).items():
        texts.append(f"Changes of scheme in {name}:\n\n" + "".join(f"- {one}\n" for one in found))
    return "\n".join(texts)


def _of(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f}% ({part} of {whole})" if whole else "-"


def main() -> None:
    parser = make_parser(__doc__, data=True)
    parser.add_argument(
        "--install",
        nargs="*",
        choices=list(FITTED_KINDS),
        help="fit and write confidence.json, of all families or of some",
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to measure")
    chosen = parser.parse_args()
    opinion = ModelOpinion.load(chosen.model or "builtin")
    if chosen.install is not None:
        install(chosen.data, opinion, chosen.install or list(FITTED_KINDS))
        return
    file = chosen.out / "audit.json"
    content: dict[str, Any] = read_json(file) if file.is_file() else {}
    content.pop("machine", None)
    if "planted" in chosen.parts:
        content |= measure_planted(chosen.data, opinion)
    if "schemes" in chosen.parts:
        content["schemes"] = schemes(chosen.data, opinion)
    if "time" in chosen.parts:
        content["time"] = time_rows(chosen.data, opinion)
    tables.write(chosen.out, "audit", content, report(content))


if __name__ == "__main__":
    main()
