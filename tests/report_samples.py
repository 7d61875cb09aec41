"""Faces, predictions, histories and comparisons for tests of reports."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from facepoints.datasets.samples import Samples
from facepoints.evaluation.calibration import uncalibrated
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
from facepoints.landmarks.mean_face import MEAN_FACE, mean_points

__all__ = [
    "COMPARED",
    "EVIL",
    "LABELS",
    "SETTINGS",
    "SIZE",
    "K",
    "N",
    "face",
    "faces",
    "history",
    "model_with",
]

EVIL = "=<img src=x onerror=alert(1)>&.jpg"
N, K = 30, len(KAGGLE_15)
SIZE = (240, 320)
RADIUS = np.full(68, 1.5, np.float32)

SETTINGS = {
    "network": "lenet5",
    "augment": "light",
    "init": "random",
    "keep": "best",
    "minutes": None,
    "epochs": 20,
    "learning_rate": None,
}

LABELS = {"nose_tip": 1000, "left_eye_center": 900}


def history(error: Any, loss: Any = None) -> list[dict[str, Any]]:
    loss = np.linspace(2, 1, len(error)) if loss is None else loss
    return [
        {
            "member": 0,
            "epoch": k + 1,
            "step": 10 * (k + 1),
            "seconds": 3.0 * (k + 1),
            "train_loss": float(loss[k]),
            "learning_rate": 0.001,
            "validation_rmse": float(error[k]),
        }
        for k in range(len(error))
    ]


def cell(network: str, missing: str, rmse: float, epochs: int = 9, rows: int = 200) -> Any:
    return {
        "network": network,
        "missing": missing,
        "epochs": epochs,
        "rows": rows,
        "rmse": rmse,
        "schemes": {},
    }


COMPARED = {
    "settings": {"epochs": 5, "minutes": None},
    "held_out": 77,
    "cells": [
        cell("net2", "mask", 2.5, epochs=5, rows=400),
        cell("net2", "drop", 2.0),
        cell("heatnet", "drop", 2.02),
        {"network": "heatnet", "missing": "mask", "error": "a < b"},
    ],
}


def face(shift: float = 0.0, track: int | None = None, radius: float = 1.5) -> Face:
    points = (MEAN_FACE * 100 + (150 + shift, 110)).astype(np.float32)
    return Face((100, 60, 100, 100), 0.9, points, RADIUS / 1.5 * radius, IBUG_68, track)


def faces(scheme: str = "15-point") -> Samples:
    """Upright faces, 60 pixels wide, at slightly different places."""
    shape = mean_points(KAGGLE_15)[0] * 60 + 48
    points = shape[None] + np.arange(N)[:, None, None] * 0.1
    return Samples(
        images=np.arange(N, dtype=np.uint8)[:, None, None] * np.ones((1, 96, 96), np.uint8),
        points=points.astype(np.float32),
        labelled=np.ones((N, K), bool),
        landmarks=KAGGLE_15,
        group=np.arange(N).astype(str),
        names=np.array([EVIL if k == 7 else f"face-{k}" for k in range(N)]),
        scheme=np.zeros(N, np.int16),
        schemes={scheme: KAGGLE_15.names},
    )


def model_with(samples: Samples, error: np.ndarray, radius: float = 2.0) -> Any:
    """A model that is off by `error` (N, K) pixels to the right."""

    def predict(images: np.ndarray) -> SimpleNamespace:
        points = samples.points.copy()
        points[..., 0] += error
        return SimpleNamespace(
            points=points.astype(np.float32),
            radius=np.full(samples.labelled.shape, radius, np.float32),
        )

    return SimpleNamespace(
        landmarks=samples.landmarks,
        predict=predict,
        calibration=uncalibrated("laplace", samples.landmarks),
        name="runs/<b>mine</b>",
    )
