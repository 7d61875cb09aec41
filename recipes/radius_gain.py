"""Fit how wide the radii of a face must be, by its features.

One factor for each point holds on average over the validation faces, but is too small on some kinds
of faces and too large on others. So the logarithm of all scales of a face is corrected by a linear
function of the network's pooled features: the 90 % quantile regression (Koenker & Bassett 1978,
doi:10.2307/1913643) of the logarithm of error over scale. The factors of the points are then the
split conformal quantiles of what is left (conformalized quantile regression, Romano et al. 2019,
https://arxiv.org/abs/1905.03222). Every set has the same weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facepoints.datasets.combine import concatenate
from facepoints.datasets.samples import Samples
from facepoints.errors import SettingsError
from facepoints.evaluation.calibration import radius_factors
from facepoints.inference.radius_calibration import COVERAGE, DISC_90, Calibration
from facepoints.landmarks.mean_head import HEAD_STD
from facepoints.models.networks import BackboneOptions, build_model
from facepoints.models.networks.heatnet import HeatNet
from facepoints.models.run import Run, read_header, save_run, save_weights

__all__ = ["blurred", "calibrate_by_features", "coverage"]

RIDGES = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3)
"""Penalties of the regression to choose from, by cross-validation over people."""
FOLDS = 5
STEPS, RATE = 600, 0.03
"""Steps and learning rate of Adam."""
BLURRED = (8.0, 40.0)
"""Range of the size in pixels that a face is shrunk to in a blurred copy (log-uniform)."""
DRAWN = 1000
"""Faces drawn from every set for the factors of the points."""
COPIES_WEIGHT = 0.3
"""Weight of a blurred copy beside that of its face."""


def blurred(faces: Samples, seed: int) -> Samples:
    """Copies of crops as if the faces had been small in their photos."""
    rng = np.random.default_rng(seed)
    side = faces.images.shape[1]
    images = []
    for image in faces.images:
        small = round(float(np.exp(rng.uniform(*np.log(BLURRED)))) / 0.75)
        less = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        images.append(cv2.resize(less, (side, side), interpolation=cv2.INTER_LINEAR))
    return replace(faces, images=np.stack(images).astype(np.uint8))


def _observe(run: Run, faces: Samples) -> tuple[Tensor, NDArray[np.float64], NDArray[np.bool_]]:
    """Pooled features (N, C), logarithm of error over scale (N, K), and the mask of the visible
    labeled points (N, K)."""
    model = run.members[0].model
    assert isinstance(model.backbone, HeatNet)
    pooled: list[Tensor] = []
    hook = model.backbone.sixteenth.register_forward_hook(
        lambda _m, _i, out: pooled.append(out.mean((2, 3)))
    )
    output = run.predict(faces.images)
    hook.remove()
    assert output.scale is not None
    error = np.linalg.norm(output.points - faces.points, axis=-1)
    ratio = np.log(np.maximum(error, 1e-3) / output.scale)
    seen = faces.labelled & (faces.visibility != 0)
    return torch.cat(pooled), ratio.astype(np.float64), seen


def _quantile_regression(
    features: Tensor, ratio: Tensor, weight: Tensor, ridge: float
) -> tuple[Tensor, Tensor]:
    """Weights (C,) of standardized features (N, C) and intercepts (K,) that predict the quantile of
    `ratio` (N, K), where `weight` (N, K) is positive."""
    slope = torch.zeros(features.shape[1], requires_grad=True)
    level = torch.full((ratio.shape[1],), float(ratio[weight > 0].quantile(COVERAGE)))
    level.requires_grad_()
    optimizer = torch.optim.Adam([slope, level], lr=RATE)
    total = weight.sum()
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
        optimizer.zero_grad()
        loss = _pinball(features, ratio, weight, slope, level) / total
        (loss + ridge * slope.square().sum()).backward()
        optimizer.step()
    return slope.detach(), level.detach()


def _pinball(
    features: Tensor, ratio: Tensor, weight: Tensor, slope: Tensor, level: Tensor
) -> Tensor:
    over = ratio - (features @ slope)[:, None] - level
    return (weight * (COVERAGE * over + functional.relu(-over))).sum()


def calibrate_by_features(folder: Path, sets: Sequence[Samples], seed: int = 0) -> Run:
    """Fit the gain and the factors of a run with one network, in place.

    Args:
        folder: of the run, which does not average with mirror images.
        sets: validation faces of each set, in crops as prediction makes them, with visibility.
        seed: of the blurred copies.
    """
    run = Run.load(folder)
    if run.mirror or len(run.members) != 1:
        raise SettingsError(f"{folder}: expected one network, trained last without mirroring")
    faces, weights = [], []
    for some in sets:
        faces += [some, blurred(some, seed)]
        labels = float((some.labelled & (some.visibility != 0)).sum())
        weights += [np.full(len(some), 1 / labels), np.full(len(some), COPIES_WEIGHT / labels)]
    every = concatenate(faces)
    features, ratio, seen = _observe(run, every)
    weight = np.concatenate(weights)[:, None] * seen
    mean, std = features.mean(0), features.std(0) + 1e-3
    rows = (features - mean) / std
    values = torch.from_numpy(ratio).float()
    mass = torch.from_numpy(weight / weight.sum()).float()
    ridge = _best_ridge(rows, values, mass, every.group)
    slope, _ = _quantile_regression(rows, values, mass, ridge)
    _add_gain(folder, slope / std, -float(mean @ (slope / std)))
    left = np.exp(ratio - (rows @ slope).numpy()[:, None])
    alike = _rows_of_equal_share(faces[::2], seed)
    factors = radius_factors(left[alike], seen[alike], run.landmarks)
    box = run.crop_rule.canonical_points
    eyes = float(np.linalg.norm(np.subtract(*box[list(run.landmarks.eye_columns)])))
    differ = np.append(HEAD_STD, [HEAD_STD[36:48].mean()] * 2)[: len(run.landmarks)]
    hidden = tuple(np.round(DISC_90 * differ * eyes, 3).tolist())
    count = sum(map(len, sets))
    calibration = Calibration(factors, count, calibrated=True, hidden=hidden)
    save_run(folder, {**read_header(folder), "calibration": calibration.to_dict()})
    return Run.load(folder)


def _rows_of_equal_share(sets: Sequence[Samples], seed: int) -> NDArray[np.int64]:
    """Rows of the faces of each set, without copies, drawn as often from every set. Every set of
    faces is followed by as many copies."""
    rng = np.random.default_rng(seed)
    begins = np.cumsum([0, *(2 * len(some) for some in sets)])
    drawn = [b + rng.integers(len(s), size=DRAWN) for b, s in zip(begins, sets, strict=False)]
    return np.concatenate(drawn)


def _best_ridge(rows: Tensor, ratio: Tensor, mass: Tensor, people: NDArray[np.str_]) -> float:
    """The penalty with the smallest loss on people who were not fitted on."""
    names, number = np.unique(people, return_inverse=True)
    fold = torch.from_numpy(np.random.default_rng(0).integers(FOLDS, size=len(names))[number])
    losses = []
    for ridge in RIDGES:
        loss = 0.0
        for part in range(FOLDS):
            fit, test = fold != part, fold == part
            slope, level = _quantile_regression(rows[fit], ratio[fit], mass[fit], ridge)
            loss += float(_pinball(rows[test], ratio[test], mass[test], slope, level))
        losses.append(loss)
    return RIDGES[int(np.argmin(losses))]


def _add_gain(folder: Path, weight: Tensor, bias: float) -> None:
    """Give the network of a run a `log_scale_gain`."""
    run, header = Run.load(folder), read_header(folder)
    entry, before = header["members"][0], run.members[0].model
    options = BackboneOptions(
        before.has_face_score,
        int(entry["annotators"]),
        before.has_visibility,
        has_scale_gain=True,
        widths=entry.get("widths"),
    )
    model = build_model(entry["network"], before.points, before.size, 0.0, 1.0, options)
    model.load_state_dict(before.state_dict(), strict=False)
    assert isinstance(model.backbone, HeatNet)
    gain = model.backbone.log_scale_gain
    assert gain is not None
    assert isinstance(before.backbone, HeatNet)
    with torch.no_grad():
        if before.backbone.log_scale_gain is None:
            gain.weight.zero_()
            gain.bias.zero_()
        gain.weight.add_(weight)  # a gain from before is part of the scales that were fitted
        gain.bias.add_(bias)
    save_weights(folder / entry["file"], model)
    entry["has_scale_gain"] = True
    save_run(folder, header)


def coverage(run: Run, faces: Samples) -> float:
    """Share of the visible labeled points within their radius, percent."""
    output = run.predict(faces.images)
    error = np.linalg.norm(output.points - faces.points, axis=-1)
    seen = faces.labelled & (faces.visibility != 0)
    return 100 * float((error <= output.radius)[seen].mean())
