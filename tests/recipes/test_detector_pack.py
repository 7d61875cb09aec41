"""The detector's photos in one file."""

from pathlib import Path

import numpy as np
from detector_pack import OTHERS, read_pack, write_pack
from detector_photos import LabelledPhoto, Material


def _photo(name: str, width: int, height: int, faces: int) -> LabelledPhoto:
    across = np.linspace(0, 255, width)
    image = np.repeat(across[None], height, axis=0).astype(np.uint8)
    points = np.random.default_rng(faces).uniform(0, min(width, height), (faces, 68, 2))
    return LabelledPhoto(image, points, name)


def test_photos_and_points_come_back(tmp_path: Path) -> None:
    large, small, none = (
        _photo("large", 2 * OTHERS, OTHERS, 2),
        _photo("small", 90, 80, 1),
        _photo("none", 64, 48, 0),
    )
    material = Material(
        {"helen": [large, none, small]}, {"cfp": [small]}, [none.image], [small.image] * 2
    )
    write_pack(tmp_path / "photos.npz", material)
    read = read_pack(tmp_path / "photos.npz")
    back = read.training["helen"]
    assert [photo.name for photo in back] == ["large", "none", "small"]
    assert [photo.image.shape for photo in back] == [(OTHERS // 2, OTHERS), (48, 64), (80, 90)]
    # the outer edges agree: pixel centers lie a quarter of a small pixel off
    np.testing.assert_allclose(back[0].points, large.points / 2 - 0.25, atol=1e-3)
    np.testing.assert_allclose(back[2].points, small.points, atol=1e-4)
    assert len(back[1].points) == 0
    difference = back[2].image.astype(float) - small.image
    assert np.abs(difference).mean() < 3
    assert list(read.validation) == ["cfp"]
    assert len(read.empty) == 1
    assert len(read.empty_held) == 2
