"""How many batches are predicted at a time, and how large they are."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import DiscModel, FixedDetector
from hypothesis import given
from hypothesis import strategies as st

from facepoints.detection import BuiltinDetector, FullImageDetector
from facepoints.inference.batches import batch_size, batches_at_once
from facepoints.inference.landmark_model import LandmarkModel


@pytest.fixture(scope="module")
def model() -> LandmarkModel:
    return LandmarkModel.load(threads=5)


def test_each_thread_has_a_batch_if_all_may_be_called_from_threads(model: LandmarkModel) -> None:
    assert batches_at_once(model, FullImageDetector()) == 5
    assert batches_at_once(model, BuiltinDetector.load(threads=2)) == 2
    many: Any = replace(model, _session=SimpleNamespace(threads=64, on_gpu=False))
    assert batches_at_once(many, FullImageDetector()) == 8

    class Own(FullImageDetector):
        """A detector of a user, who may count on being called by one thread."""

    assert batches_at_once(model, Own()) == 1
    assert batches_at_once(model, FixedDetector([])) == 1
    assert batches_at_once(DiscModel(), FullImageDetector()) == 1


@given(images=st.integers(0, 500), at_once=st.integers(1, 9), on_gpu=st.booleans())
def test_few_images_are_shared_out(images: int, at_once: int, on_gpu: bool) -> None:
    size = batch_size(SimpleNamespace(on_gpu=on_gpu), images, at_once)
    most = batch_size(SimpleNamespace(on_gpu=on_gpu))
    assert most == (64 if on_gpu else 8)
    assert 1 <= size <= most
    assert size == most or size * at_once >= images  # none is left for a second turn
