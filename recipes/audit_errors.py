"""How the errors of neighboring points go together, for `facepoints audit`.

    python recipes/audit_errors.py --install      # 2 minutes on 2 cores

Takes the training people of LFPW and HELEN (never those of held-out.txt), lets the built-in model
predict them, and correlates the differences between its points, corrected for habits, and the
labels. With --install the correlations of the 68 points, and where the points lie on the mean face,
are written to src/facepoints/audit/error_correlation.npz.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from facepoints.audit.config import AUDIT_CROP_MARGIN, AUDIT_CROP_SIZE
from facepoints.audit.expectation import Expectation, expectation, frame_faces
from facepoints.audit.geometry import Complex, median_points, to_pairs
from facepoints.audit.hypotheses import misfits
from facepoints.audit.opinion import ModelOpinion
from facepoints.datasets import readers
from facepoints.datasets.crops import cut_crops
from facepoints.datasets.people import read_people
from facepoints.datasets.samples import Photos
from facepoints.landmarks.known_sets import IBUG_68

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
OUT = ROOT / "src" / "facepoints" / "audit" / "error_correlation.npz"
SETS = ("lfpw/train", "helen")
CLIP = 3.0  # standard deviations that an error counts at most


def training_expectation(folder: Path, held: set[str], opinion: ModelOpinion) -> Expectation:
    """Labels and expectations of the people of a set who are not held out."""
    photos = readers.read(folder)
    assert isinstance(photos, Photos)
    photos = photos.take(~np.isin(photos.group, sorted(held)))
    faces = cut_crops(photos, AUDIT_CROP_SIZE, AUDIT_CROP_MARGIN)
    framed = frame_faces(faces, opinion(faces), opinion.landmarks)
    return expectation(faces, framed, opinion.landmarks, np.arange(len(faces)) % 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--install", action="store_true")
    chosen = parser.parse_args()
    opinion = ModelOpinion.load()
    held = read_people(chosen.data / "held-out.txt")
    parts: list[Complex] = []
    shapes: list[Complex] = []
    for name in SETS:
        expected = training_expectation(chosen.data / name, held, opinion)
        misfit = misfits(expected)
        honest = expected.valid & (misfit.excess(misfit.cost) < 3)
        errors = (expected.residual / expected.scale)[honest]
        errors *= np.minimum(1, CLIP / np.maximum(np.abs(errors), 1e-9))
        parts.append(errors)
        some = expected.expected[honest]
        shapes.append(median_points(some, expected.mask[honest]))
        print(f"{name}: {honest.sum()} of {len(honest)} faces")
    errors = np.concatenate(parts)
    errors = np.concatenate([errors, -errors.conj()[:, IBUG_68.mirror]])
    values = np.concatenate([errors.real, errors.imag], axis=1)
    covariance = values.T @ values / len(values)
    deviation = np.sqrt(np.diag(covariance))
    correlation = covariance / deviation[:, None] / deviation
    near = correlation[np.arange(16), np.arange(16) + 1].mean()
    print(f"neighbors along the jaw correlate by {near:.2f} in x")
    if chosen.install:
        shape = np.asarray(shapes).mean(axis=0)
        np.savez_compressed(
            OUT,
            correlation=correlation.astype(np.float16),
            shape=to_pairs(shape).astype(np.float32),
        )
        print(f"written: {OUT} ({OUT.stat().st_size / 1000:.0f} kB)")


if __name__ == "__main__":
    main()
