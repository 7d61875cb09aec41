"""The combination of several networks: means within a part, merged columns of parts."""

from __future__ import annotations

import numpy as np
import pytest

from facepoints.errors import RunError
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.models.ensemble import NetworkOutput, combine, merge, merge_matrix

BOTH, NOSE = LandmarkSet(("nose", "chin")), LandmarkSet(("nose",))


def output(columns: LandmarkSet, points: float, scale: float, score: float = 1) -> NetworkOutput:
    """The same values for two images and every point."""
    k = len(columns)
    return NetworkOutput(
        np.full((2, k, 2), points, np.float32),
        np.full((2, k), scale, np.float32),
        np.full(2, score, np.float32),
    )


def test_parts_replace_or_average_shared_columns() -> None:
    parts = [[output(BOTH, 4, 1)], [output(NOSE, 8, 3)]]
    replaced = combine(parts, merge_matrix([BOTH, NOSE], BOTH, "replace"))
    assert (replaced.points[:, 0] == 8).all()
    assert (replaced.points[:, 1] == 4).all()
    assert replaced.scale.tolist() == [[3, 1]] * 2
    averaged = combine(parts, merge_matrix([BOTH, NOSE], BOTH, "average"))
    assert (averaged.points[:, 0] == 6).all()
    assert averaged.scale.tolist() == [[2, 1]] * 2
    assert {array.dtype for array in averaged[:3]} == {np.dtype(np.float32)}


def test_networks_of_a_part_are_averaged_before_parts_are_merged() -> None:
    parts = [[output(NOSE, 0, 1, 0.0), output(NOSE, 6, 3, 0.5)], [output(NOSE, 9, 6, 1.0)]]
    combined = combine(parts, merge_matrix([NOSE, NOSE], NOSE, "average"))
    assert combined.points[0, 0].tolist() == [6, 6]
    assert combined.scale[0, 0] == 4
    assert combined.score[0] == 0.5  # mean over all networks


def test_columns_come_in_the_order_of_the_result() -> None:
    turned = LandmarkSet(("chin", "nose"))
    assert merge_matrix([BOTH], turned, "replace").tolist() == [[0, 1], [1, 0]]


def test_a_column_without_weight_has_no_influence() -> None:
    tables = [np.array([[np.nan]], np.float32), np.array([[2]], np.float32)]
    assert merge(tables, merge_matrix([NOSE, NOSE], NOSE, "replace")).tolist() == [[2]]


def test_a_column_that_no_network_predicts_is_named() -> None:
    with pytest.raises(RunError, match="none of the 1 networks predicts the point 'chin'"):
        merge_matrix([NOSE], BOTH, "replace")
