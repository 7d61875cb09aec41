"""Estimate a head, and how people's heads differ, from landmarks in photos (`mean_head.py`).

EM for non-rigid structure from motion (Torresani, Hertzmann & Bregler 2008,
doi:10.1109/TPAMI.2007.70752), with points that are missing, and poses as point estimates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facepoints.landmarks.known_sets import IBUG_68
from facepoints.measurement.head_fit import (
    HeadFit,
    angles,
    expect_yaw,
    fit_heads,
    head_jacobian,
    rotation,
)

__all__ = ["Heads", "Labels", "fit_modes"]

Array = NDArray[np.floating]

MIRROR = IBUG_68.mirror
OUTER_EYES = list(IBUG_68.eye_columns)
MODE_STD = 0.06
"""Expected size of a coordinate of a mode, in eye distances: keeps depth that no photo shows
small."""
MAX_NOISE = 1.5
"""Faces whose points lie farther off than this many standard deviations count less (Huber)."""
AHEAD = 20.0
"""Degrees of yaw up to which the outline of the jaw counts."""


class Labels(Protocol):
    """Faces as in `mean_head.Faces`."""

    @property
    def points(self) -> Array: ...
    @property
    def seen(self) -> NDArray[np.bool_]: ...
    @property
    def side(self) -> NDArray[np.bool_]: ...
    @property
    def yaw(self) -> Array: ...


@dataclass(frozen=True)
class Heads:
    """People's heads: a mean and D modes, whose weights are standard normal numbers.

    Attributes:
        mean: (68, 3).
        modes: (D, 68, 3).
        std: (68,) standard deviation of a coordinate of labels about the head of their person.
    """

    mean: Array
    modes: Array
    std: Array

    def of(self, weights: Array) -> Array:
        """Heads (N, 68, 3) of people with weights (N, D)."""
        return self.mean + np.einsum("nd,dki->nki", weights, self.modes)


@dataclass(frozen=True)
class People:
    """The poses of N faces, their weights (N, D), the covariance (N, D, D) of these, and how much
    each face counts (N,)."""

    fit: HeadFit
    weights: Array
    covariance: Array
    trust: Array


def fit_modes(heads: Heads, faces: Labels, inner: NDArray[np.bool_], rounds: int) -> Heads:
    """Estimate heads from faces.

    Args:
        heads: the first estimate.
        faces: labels.
        inner: (68,), True for the points that poses are fitted to.
        rounds: of EM.
    """
    sigma = np.where(faces.seen & inner, 0.0, np.inf)
    people = _strangers(fit_heads(faces.points, sigma, heads.mean, heads.std, yaw=faces.yaw), heads)
    for _ in range(3):  # the first poses: of a rigid head, whose points scatter more
        heads = replace(_update(heads, people, faces), modes=heads.modes)
        fit = fit_heads(faces.points, sigma, heads.mean, heads.std, yaw=faces.yaw)
        people = _strangers(fit, heads)
    for _ in range(rounds):
        people = _adapt(heads, people, faces, inner)
        heads = _update(heads, people, faces)
        heads, people = _normalize(heads, people)
        heads = replace(heads, std=_scatter(heads, people, faces))
    return heads


def _strangers(fit: HeadFit, heads: Heads) -> People:
    """People of whom nothing but the pose is known."""
    n, d = len(fit.scale), len(heads.modes)
    return People(fit, np.zeros((n, d)), np.tile(np.eye(d) * 1e-6, (n, 1, 1)), np.ones(n))


def _adapt(heads: Heads, people: People, faces: Labels, inner: NDArray[np.bool_]) -> People:
    """Two Gauss-Newton steps of each face's pose and weights (the E step)."""
    fit, weights = people.fit, people.weights
    count = len(heads.modes)
    modes, points = heads.modes[:, inner], faces.points[:, inner]
    normal = np.zeros(0)
    for _ in range(2):
        shape = heads.of(weights)[:, inner]
        noise = (heads.std[inner] * fit.scale[:, None]) ** 2
        share = faces.seen[:, inner] * people.trust[:, None] / noise
        by_mode = np.einsum("nai,dki->nkad", fit.turn[:, :2], modes)
        slope = np.concatenate(
            [head_jacobian(fit.turned(shape)), by_mode * fit.scale[:, None, None, None]], axis=-1
        )
        slope = slope.reshape(len(weights), -1, 6 + count)
        scaled = slope * np.repeat(share, 2, axis=1)[..., None]
        error = (points - fit(shape)).reshape(len(weights), -1, 1)
        normal = scaled.transpose(0, 2, 1) @ slope
        step = (scaled.transpose(0, 2, 1) @ error)[..., 0]
        normal[:, 6:, 6:] += np.eye(count)
        expected, toward = expect_yaw(fit, faces.yaw)
        normal[:, :3, :3] += expected
        step[:, :3] += toward
        step[:, 6:] -= weights
        step = np.linalg.solve(normal, step[..., None])[..., 0]
        turn = rotation(np.clip(step[:, :3], -0.3, 0.3)) @ fit.turn
        scale = fit.scale * np.exp(np.clip(step[:, 3], -0.2, 0.2))
        fit = HeadFit(turn, scale, fit.shift + step[:, 4:6], fit.covariance)
        weights = weights + np.clip(step[:, 6:], -1, 1)
    covariance = np.linalg.inv(normal)[:, 6:, 6:]
    for rows in (faces.side, ~faces.side):  # both show the same kind of people
        weights[rows] -= weights[rows].mean(axis=0)
    off, _ = _residuals(heads, replace(people, fit=fit, weights=weights), faces)
    square = ((off**2).sum(axis=2) / 2 / heads.std**2 * faces.seen)[:, inner].sum(axis=1)
    far = np.sqrt(square / faces.seen[:, inner].sum(axis=1))
    return People(fit, weights, covariance, np.minimum(1, MAX_NOISE / np.maximum(far, 1e-9)) ** 2)


def _residuals(heads: Heads, people: People, faces: Labels) -> tuple[Array, Array]:
    """Labels minus heads (N, 68, 2), and the labels (N, 68, 2) alone, in units of the head."""
    aligned = (faces.points - people.fit.shift[:, None]) / people.fit.scale[:, None, None]
    axes = people.fit.turn[:, :2]
    return aligned - heads.of(people.weights) @ axes.transpose(0, 2, 1), aligned


def _shares(people: People, faces: Labels) -> Array:
    """Weights of the labels (N, 68). The jaw counts in faces from the side or ahead."""
    shares = faces.seen * people.trust[:, None]
    turned = (np.abs(angles(people.fit.turn)[:, 0]) > AHEAD) & ~faces.side
    shares[np.ix_(turned, np.arange(68) < IBUG_68.names.index("right_brow_1"))] = 0
    return shares


def _update(heads: Heads, people: People, faces: Labels) -> Heads:
    """The mean and the modes that fit all labels best, each point for itself (the M step)."""
    axes, count = people.fit.turn[:, :2], len(heads.modes) + 1
    _, aligned = _residuals(heads, people, faces)
    factors = np.concatenate([np.ones((len(axes), 1)), people.weights], axis=1)
    moments = np.einsum("ni,nj->nij", factors, factors)
    moments[:, 1:, 1:] += people.covariance
    shares = _shares(people, faces)
    terms = np.einsum("nij,nab->niajb", moments, axes.transpose(0, 2, 1) @ axes)
    normal = (shares.T @ terms.reshape(len(axes), -1)).reshape(68, 3 * count, 3 * count)
    prior = np.repeat([0.0, *np.ones(count - 1)], 3) / MODE_STD**2
    normal += prior * np.eye(3 * count) * heads.std[:, None, None] ** 2
    right = np.einsum("nk,ni,nka->kia", shares, factors, aligned @ axes)
    solved = np.linalg.solve(normal, right.reshape(68, -1, 1)).reshape(68, count, 3)
    solved = (solved + solved[MIRROR] * (-1, 1, 1)) / 2
    return Heads(solved[:, 0], solved[:, 1:].transpose(1, 0, 2), heads.std)


def _normalize(heads: Heads, people: People) -> tuple[Heads, People]:
    """The same heads with weights of unit covariance, and in our units and origin."""
    fit, weights = people.fit, people.weights
    covariance = weights.T @ weights / len(weights) + people.covariance.mean(axis=0)
    root = np.linalg.cholesky(covariance)
    back = np.linalg.inv(root)
    unit = np.ptp(heads.mean[OUTER_EYES, 0])
    origin = heads.mean[OUTER_EYES].mean(axis=0)
    shift = fit.shift + (fit.turn[:, :2] @ origin) * fit.scale[:, None]
    modes = np.einsum("dj,dki->jki", root, heads.modes) / unit
    heads = Heads((heads.mean - origin) / unit, modes, heads.std / unit)
    fit = HeadFit(fit.turn, fit.scale * unit, shift, fit.covariance)
    spread = back @ people.covariance @ back.T
    return heads, People(fit, weights @ back.T, spread, people.trust)


def _scatter(heads: Heads, people: People, faces: Labels) -> Array:
    """Standard deviation (68,) of a coordinate of labels about the heads of their people."""
    off, _ = _residuals(heads, people, faces)
    by_mode = np.einsum("nai,dki->nkad", people.fit.turn[:, :2], heads.modes)
    spread = np.einsum("nkad,nde,nkae->nk", by_mode, people.covariance, by_mode, optimize=True)
    shares = _shares(people, faces)
    square = (((off**2).sum(axis=2) + spread) * shares).sum(axis=0) / shares.sum(axis=0) / 2
    return np.sqrt(np.maximum((square + square[MIRROR]) / 2, 0.004**2))
