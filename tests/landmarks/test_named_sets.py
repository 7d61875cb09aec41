"""The points of WFLW, LaPa and COFW: names, mirror partners, conversions, files."""

from __future__ import annotations

import numpy as np
import pytest

from facepoints.landmarks.conversion import convert, convertible
from facepoints.landmarks.known_sets import (
    COFW_29,
    IBUG_68,
    KAGGLE_15,
    KNOWN_SETS,
    LAPA_106,
    NUMBERED_SETS,
    OPENPOSE_70,
    WFLW_98,
    known_or_plain,
    numbered_set,
)
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_face import MEAN_FACE


def pairs(*runs: tuple[int, int, int]) -> dict[int, int]:
    """Mirror partners: runs of (first, last, partner of the first), whose partners count down."""
    partners = {
        k: partner - (k - first) for first, last, partner in runs for k in range(first, last + 1)
    }
    return partners | {partner: k for k, partner in partners.items()}


# The partners (`swap`) in the data set files of MMPose, configs/_base_/datasets/*.py
MMPOSE = {
    "wflw-98": pairs(
        *((0, 15, 32), (33, 37, 46), (38, 41, 50), (55, 56, 59), (60, 64, 72), (65, 67, 75)),
        *((76, 78, 82), (83, 84, 87), (88, 89, 92), (93, 93, 95), (96, 96, 97)),
    ),
    "lapa-106": pairs(
        *((0, 15, 32), (33, 37, 46), (38, 41, 50), (55, 59, 65), (66, 70, 79), (71, 73, 82)),
        *((74, 74, 83), (84, 86, 90), (91, 92, 95), (96, 97, 100), (101, 101, 103)),
        (104, 104, 105),
    ),
    "cofw-29": {
        **{k: k ^ 1 for k in (0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 22, 23)},
        4: 6,
        6: 4,
        5: 7,
        7: 5,
        12: 14,
        14: 12,
        13: 15,
        15: 13,
    },
}

# dlib's 68 points by their numbers in WFLW: the table WFLW_98_TO_DLIB_68 of many programs
DLIB_IN_WFLW = [
    *(*range(0, 33, 2), *range(33, 38), *range(42, 47), *range(51, 60)),
    *(60, 61, 63, 64, 65, 67, 68, 69, 71, 72, 73, 75, *range(76, 96)),
]


@pytest.mark.parametrize("name", MMPOSE)
def test_mirror_partners_are_those_of_mmpose(name: str) -> None:
    known = KNOWN_SETS[name]
    assert len(known) == int(name.partition("-")[2])
    expected = [MMPOSE[name].get(k, k) for k in range(len(known))]
    assert known.mirror.tolist() == expected
    assert known.eyes
    assert {end for edge in known.edges for end in edge} <= set(known.names)


def test_the_68_points_of_wflw_are_at_their_usual_numbers() -> None:
    points = np.arange(2 * 98, dtype=np.float32).reshape(1, 98, 2)
    converted, labelled = convert(points, np.ones((1, 98), bool), WFLW_98, IBUG_68)
    assert labelled.all()
    np.testing.assert_array_equal(converted[0], points[0, DLIB_IN_WFLW])
    pupils = LandmarkSet(OPENPOSE_70.names[68:])
    np.testing.assert_array_equal(
        convert(points, np.ones((1, 98), bool), WFLW_98, pupils)[0][0], points[0, 96:]
    )


def test_lapa_and_cofw_give_the_points_that_they_share() -> None:
    lacking = [
        n for n, k in zip(IBUG_68.names, convertible(LAPA_106, IBUG_68), strict=True) if not k
    ]
    assert sorted(lacking) == sorted(IBUG_68.names[k] for k in (31, 32, 34, 35))
    numbers = [LAPA_106.names.index(name) for name in IBUG_68.names if name in LAPA_106.names]
    brows, bridge = [*range(33, 38), *range(42, 47)], [*range(51, 55), 60]
    eyes = [66, 67, 69, 70, 71, 73, 75, 76, 78, 79, 80, 82]
    assert numbers == [*range(0, 33, 2), *brows, *bridge, *eyes, *range(84, 104)]
    for known in (WFLW_98, LAPA_106, COFW_29):
        assert convertible(known, KAGGLE_15).all()


@pytest.mark.parametrize("known", [WFLW_98, LAPA_106, COFW_29], ids=["wflw", "lapa", "cofw"])
def test_kaggles_points_lie_where_they_should(known: LandmarkSet) -> None:
    mean = MEAN_FACE.astype(np.float32)[None]
    have = np.ones((1, 68), bool)
    points, labelled = convert(mean, have, IBUG_68, known)
    there, through = convert(points, labelled, known, KAGGLE_15)
    direct, _ = convert(mean, have, IBUG_68, KAGGLE_15)
    assert through.sum() >= 10
    assert np.abs(there[through] - direct[through]).max() < 0.02  # of the width of the face


def test_files_that_number_points_get_the_names() -> None:
    for scheme, known in NUMBERED_SETS.items():
        assert numbered_set(len(known)) == (known, scheme)
        assert known_or_plain(known.names[::-1]).edges == known.edges
    assert len({len(known) for known in NUMBERED_SETS.values()}) == len(NUMBERED_SETS)
