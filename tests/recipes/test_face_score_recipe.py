"""The choice of how sure the detector must be of a face."""

from pathlib import Path

import numpy as np
import pytest
from face_score import FALSE, GRID, Candidate, choose, false_faces, install

from facepoints.detection import Detection


def _candidate(detector: float, model: float, side: float) -> Candidate:
    box = (10.0, 10.0, side, 0.9 * side)
    return Candidate(Detection(box, detector), model, model, np.zeros((70, 2), np.float32))


def test_the_lowest_value_that_keeps_false_faces_rare_is_chosen() -> None:
    count = round(1 / FALSE[False]) + 1  # one picture with a face is allowed
    rows = [[_candidate(0.4, 0.97, 60)], [_candidate(0.5, 0.97, 60), _candidate(0.6, 0.99, 12)]]
    rows += [[] for _ in range(count - len(rows))]
    sure = choose(rows, small=False, least=0.5)
    assert false_faces(rows, sure, small=False, least=0.5) == 1
    lower = float(GRID[list(GRID).index(sure) - 1])
    assert false_faces(rows, lower, small=False, least=0.5) == 2
    assert choose(rows, small=True, least=0.5) == GRID[0]


def test_the_numbers_are_written_to_the_package(tmp_path: Path) -> None:
    path = tmp_path / "face_score.py"
    path.write_text("SURE_DETECTOR = 0.5\nSURE_OF_SMALL = 0.6\nOTHER = 0.7\n")
    install({False: 0.8125, True: 0.905}, path)
    values: dict[str, float] = {}
    exec(path.read_text(), values)
    assert values["SURE_DETECTOR"] == pytest.approx(0.812, abs=1e-3)
    assert (values["SURE_OF_SMALL"], values["OTHER"]) == (0.905, 0.7)
