"""Unlabeled faces are labeled where two predictions agree."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest
import second_opinion

from facepoints.datasets import procrustes
from facepoints.landmarks.mean_face import MEAN_FACE


def a_face(x: float, y: float) -> np.ndarray:
    return MEAN_FACE.astype(np.float64) * 80 + (x, y)


@pytest.mark.parametrize("missed", [False, True])
def test_every_unlabelled_face_is_used_even_if_the_labelled_one_was_missed(
    missed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = tmp_path / "three.png"
    cv2.imwrite(str(photo), np.full((200, 600), 90, np.uint8))
    labelled, beside = a_face(100, 100), [a_face(300, 100), a_face(500, 100)]
    predicted = np.array(beside if missed else [beside[0], labelled, beside[1]])
    monkeypatch.setattr(
        second_opinion.peers, "predictions", lambda _peer, files: [predicted] * len(files)
    )
    monkeypatch.setattr(second_opinion.correction, "fit", lambda *_: lambda points: points)

    def model(_image: np.ndarray) -> list[SimpleNamespace]:
        return [SimpleNamespace(score=1.0, points=face.astype(np.float32)) for face in beside]

    target = procrustes.canonical_points(MEAN_FACE.astype(np.float64), 96, 60)
    crops, labels = second_opinion.others(
        [photo], labelled[None], np.array(["somebody"]), cast(Any, model), target, 96
    )
    assert crops.shape == (2, 96, 96)
    assert labels == pytest.approx(np.stack([target, target]), abs=0.01)
