from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from facepoints.errors import SettingsError
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
from facepoints.training.augment import AUGMENTS, Augment, FaceBatch, augment, augment_faces

GEOMETRIC = ("rotation", "scale", "shift", "mirror", "perspective", "elastic")
PHOTOMETRIC = ("brightness", "contrast", "gamma", "shade", "blur", "noise", "occlusion")
OFF = Augment()
STRONG = AUGMENTS["strong"]
MIRROR = torch.tensor([1, 0, 2, 4, 3])  # eyes, nose, mouth corners


def only(*names: str) -> Augment:
    """The strong settings of `names`, all else off."""
    return Augment(**{name: getattr(STRONG, name) for name in names})


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def dots(points: Tensor, height: int, width: int, sigma: float = 1.2) -> Tensor:
    """(B, 1, height, width) with a Gaussian dot at the one point (B, 2) of each image."""
    x = torch.arange(width) - points[:, 0, None, None]
    y = torch.arange(height)[:, None] - points[:, 1, None, None]
    return (200 * torch.exp(-(x**2 + y**2) / (2 * sigma**2)))[:, None]


def centroids(images: Tensor) -> Tensor:
    """(B, 2) x and y of the center of mass."""
    height, width = images.shape[-2:]
    weight = images[:, 0] / images.sum((1, 2, 3))[:, None, None]
    x = (weight * torch.arange(width)).sum((1, 2))
    y = (weight * torch.arange(height)[:, None]).sum((1, 2))
    return torch.stack([x, y], -1)


def faces(seed: int, batch: int = 4, height: int = 40, width: int = 56, k: int = 5):
    """Random images with random points, some of them not labeled."""
    source = seeded(seed)
    images = torch.rand(batch, 1, height, width, generator=source) * 255
    labelled = torch.rand(batch, k, generator=source) < 0.7
    points = torch.rand(batch, k, 2, generator=source) * torch.tensor([width - 1, height - 1])
    return images, points * labelled[..., None], labelled


@pytest.mark.parametrize("names", [*((n,) for n in GEOMETRIC), GEOMETRIC], ids="+".join)
@pytest.mark.parametrize("shape", [(96, 96), (72, 120)])
@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    spots=st.lists(
        st.tuples(st.floats(0.25, 0.75), st.floats(0.25, 0.75)), min_size=12, max_size=12
    ),
)
def test_points_stay_on_the_dots_that_they_mark(names, shape, seed, spots):
    height, width = shape
    points = torch.tensor(spots) * torch.tensor([width - 1.0, height - 1.0])
    labelled = torch.ones(len(points), 1, dtype=torch.bool)
    images, moved, kept = augment(
        dots(points, height, width),
        points[:, None],
        labelled,
        only(*names),
        torch.zeros(1, dtype=torch.long),
        seeded(seed),
    )
    assert moved.shape == (len(points), 1, 2)
    moved = moved[:, 0]
    # A dot that is cut off by the edge has its center of mass elsewhere
    whole = kept[:, 0] & ((moved > 6) & (moved < torch.tensor([width - 7, height - 7]))).all(-1)
    off = (centroids(images) - moved).norm(dim=-1)[whole]
    assert (off < 0.1).all(), off


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), height=st.integers(48, 128), width=st.integers(48, 128))
def test_points_move_exactly_with_the_pixels(seed, height, width):
    """Images whose gray values are x or y show the origin of each output pixel."""
    ramp_x = torch.arange(width).float().expand(6, 1, height, width)
    ramp_y = torch.arange(height).float()[:, None].expand(6, 1, height, width)
    points = torch.rand(6, 9, 2, generator=seeded(seed)) * torch.tensor([width - 1, height - 1])
    labelled = torch.ones(6, 9, dtype=torch.bool)
    strong = replace(only(*GEOMETRIC), mirror=0)
    from_x, moved, kept = augment(ramp_x, points, labelled, strong, None, seeded(seed))
    from_y, _, _ = augment(ramp_y, points, labelled, strong, None, seeded(seed))
    inside = kept & ((moved > 1) & (moved < torch.tensor([width - 2, height - 2]))).all(-1)
    # Borders repeat, so only points away from the border of the input can be compared
    inside &= ((points > 2) & (points < torch.tensor([width - 3, height - 3]))).all(-1)
    scale = torch.tensor([2 / width, 2 / height])
    grid = ((moved + 0.5) * scale - 1)[:, None]
    for ramp, axis in ((from_x, 0), (from_y, 1)):
        read = torch.nn.functional.grid_sample(ramp, grid, align_corners=False)[:, 0, 0]
        assert ((read - points[..., axis])[inside].abs() < 0.06).all()


def test_mirror_flips_the_image_and_swaps_points_and_mask():
    images, points, labelled = faces(1, batch=64)
    width = images.shape[-1]
    changed, moved, kept = augment(images, points, labelled, only("mirror"), MIRROR, seeded())
    flipped = ~torch.isclose(changed, images, atol=1e-2).all(-1).all(-1)[:, 0]
    assert 10 < flipped.sum() < 54
    torch.testing.assert_close(changed[flipped], images[flipped].flip(-1), atol=1e-2, rtol=0)
    assert (kept[flipped] == labelled[flipped][:, MIRROR]).all()
    expected = points[flipped][:, MIRROR]
    expected[..., 0] = width - 1 - expected[..., 0]
    known = kept[flipped]
    torch.testing.assert_close(moved[flipped][known], expected[known], atol=1e-3, rtol=0)
    torch.testing.assert_close(moved[~flipped], points[~flipped], atol=1e-3, rtol=0)
    assert (kept[~flipped] == labelled[~flipped]).all()


@pytest.mark.parametrize("landmarks", [KAGGLE_15, IBUG_68])
def test_left_stays_left_under_every_mirror(landmarks):
    """A left point lies right of its partner in a frontal image, mirrored or not."""
    mirror = torch.from_numpy(landmarks.mirror)
    left = torch.tensor(["left" in n and "right" not in n for n in landmarks.names])
    right = torch.tensor(["right" in n and "left" not in n for n in landmarks.names])
    points = torch.full((32, len(landmarks), 2), 20.0)
    points[:, left, 0], points[:, right, 0] = 30.0, 10.0
    labelled = torch.ones(32, len(landmarks), dtype=torch.bool)
    images = torch.zeros(32, 1, 41, 41)
    _, moved, _ = augment(images, points, labelled, only("mirror"), mirror, seeded())
    torch.testing.assert_close(moved, points)


def test_nothing_is_mirrored_without_a_known_mirror():
    images, points, labelled = faces(2, batch=32)
    changed, moved, kept = augment(images, points, labelled, only("mirror"), None, seeded())
    torch.testing.assert_close(changed, images, atol=1e-2, rtol=0)
    torch.testing.assert_close(moved, points, atol=1e-3, rtol=0)
    assert (kept == labelled).all()


def test_settings_that_are_all_off_change_nothing():
    images, points, labelled = faces(3)
    changed = augment(images, points, labelled, OFF, MIRROR, seeded())
    for after, before in zip(changed, (images, points, labelled), strict=True):
        assert torch.equal(after, before)


@pytest.mark.parametrize("name", AUGMENTS)
def test_augmentation_does_not_change_its_input(name):
    batch = faces(4)
    before = [t.clone() for t in batch]
    augment(*batch, AUGMENTS[name], MIRROR, seeded())
    assert all(torch.equal(a, b) for a, b in zip(batch, before, strict=True))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), name=st.sampled_from(["light", "default", "strong"]))
def test_values_are_in_range_and_the_same_seed_gives_the_same_output(seed, name):
    batch = faces(seed)
    chosen = AUGMENTS[name]
    images, points, labelled = augment(*batch, chosen, MIRROR, seeded(seed))
    again = augment(*batch, chosen, MIRROR, seeded(seed))
    other = augment(*batch, chosen, MIRROR, seeded(seed + 1))
    assert all(torch.equal(a, b) for a, b in zip((images, points, labelled), again, strict=True))
    assert not torch.equal(images, other[0])
    assert images.shape == batch[0].shape
    assert images.dtype == torch.float32
    assert images.min() >= 0
    assert images.max() <= 255
    x, y = points[labelled].unbind(-1)
    assert ((x >= -0.5) & (x <= 55.5) & (y >= -0.5) & (y <= 39.5)).all()
    assert (points[~labelled] == 0).all()
    # No label is added, in either order of the columns
    swapped = batch[2][:, MIRROR]
    assert (((labelled & ~batch[2]).sum(1) == 0) | ((labelled & ~swapped).sum(1) == 0)).all()


def test_a_point_is_masked_only_if_it_leaves_the_image():
    width, height = 60, 40
    x = torch.linspace(0, width - 1, 60)
    points = torch.stack([x, torch.full_like(x, 20.0)], -1).expand(16, 60, 2)
    labelled = torch.ones(16, 60, dtype=torch.bool)
    labelled[:, ::7] = False
    chosen = Augment(shift=0.3)
    images = torch.zeros(16, 1, height, width)
    _, moved, kept = augment(images, points, labelled, chosen, None, seeded(5))
    shifts = torch.stack(
        [(moved[i] - points[i])[kept[i]].median(0).values for i in range(len(images))]
    )
    target = points + shifts[:, None]
    limits = torch.tensor([width - 0.5, height - 0.5])
    inside = ((target >= -0.5) & (target <= limits)).all(-1)
    assert (kept == (labelled & inside)).all()
    assert (labelled & ~kept).any(1).sum() > 10


def test_unlabelled_entries_may_hold_anything():
    images, points, labelled = faces(6)
    wild = torch.where(labelled[..., None], points, torch.nan)
    expected = augment(images, points, labelled, STRONG, MIRROR, seeded())
    augmented = augment(images, wild, labelled, STRONG, MIRROR, seeded())
    for a, b in zip(augmented, expected, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", PHOTOMETRIC)
def test_light_changes_the_image_and_not_the_labels(name):
    images, points, labelled = faces(7, batch=16)
    changed, moved, kept = augment(images, points, labelled, only(name), MIRROR, seeded())
    assert torch.equal(moved, points)
    assert torch.equal(kept, labelled)
    assert not torch.allclose(changed, images, atol=1)
    assert changed.min() >= 0
    assert changed.max() <= 255


def test_light_stays_within_the_limits_of_its_settings():
    gray = torch.full((400, 1, 8, 8), 100.0)
    none = torch.zeros(400, 1, 2), torch.zeros(400, 1, dtype=torch.bool)

    def values(chosen: Augment) -> Tensor:
        return augment(gray, *none, chosen, None, seeded())[0].mean((1, 2, 3))

    brighter = values(Augment(brightness=30)) - 100
    assert brighter.abs().max() <= 30.01
    assert brighter.min() < -25
    assert brighter.max() > 25
    torch.testing.assert_close(values(Augment(contrast=0.5)), gray[:, 0, 0, 0])
    power = (values(Augment(gamma=0.4)) / 255).log() / torch.tensor(100 / 255).log()
    assert power.log().abs().max() <= 0.401
    assert power.log().max() > 0.35
    torch.testing.assert_close(values(Augment(blur=2)), gray[:, 0, 0, 0])


def test_contrast_scales_about_the_mean():
    images = torch.rand(200, 1, 16, 16, generator=seeded()) * 100 + 80
    labels = torch.zeros(200, 1, 2), torch.zeros(200, 1, dtype=torch.bool)
    changed = augment(images, *labels, Augment(contrast=0.3), None, seeded())[0]
    torch.testing.assert_close(changed.mean((1, 2, 3)), images.mean((1, 2, 3)), atol=0.01, rtol=0)
    gain = changed.std((1, 2, 3)) / images.std((1, 2, 3))
    assert 0.699 < gain.min() < 0.75
    assert 1.25 < gain.max() < 1.301


def test_blur_and_noise_reach_their_maximum_sigma():
    point = torch.full((64, 2), 20.0)
    labels = torch.zeros(64, 1, 2), torch.zeros(64, 1, dtype=torch.bool)
    before = dots(point, 41, 41, sigma=2.0)
    blurred = augment(before, *labels, Augment(blur=2.0), None, seeded())[0]
    weight = blurred / blurred.sum((2, 3), keepdim=True)
    variance = (weight[:, 0].sum(1) * (torch.arange(41) - 20) ** 2).sum(1) - 4
    sigma = variance.clamp(min=0).sqrt()
    assert 1.7 < sigma.max() < 2.05
    assert sigma.min() < 0.3
    gray = torch.full((64, 1, 41, 41), 128.0)
    noise = augment(gray, *labels, Augment(noise=10), None, seeded())[0].std((1, 2, 3))
    assert 9 < noise.max() < 10.5
    assert noise.min() < 1


def test_occlusion_covers_part_of_the_set_fraction_of_images():
    images = torch.full((400, 1, 40, 40), 300.0 / 2)
    labels = torch.zeros(400, 1, 2), torch.zeros(400, 1, dtype=torch.bool)
    changed = augment(images, *labels, Augment(occlusion=0.5), None, seeded())[0]
    part = (changed != 150).float().mean((1, 2, 3))
    assert 0.4 < (part > 0).float().mean() < 0.6
    assert part.max() < 0.3


def test_shade_is_light_from_one_side():
    gray = torch.full((300, 1, 33, 33), 60.0)
    labels = torch.zeros(300, 1, 2), torch.zeros(300, 1, dtype=torch.bool)
    lit = augment(gray, *labels, Augment(shade=0.8), None, seeded())[0][:, 0]
    torch.testing.assert_close(lit[:, 16, 16], gray[:, 0, 16, 16])  # not in the middle
    right = (lit[:, 16, 32] / 60).log()
    torch.testing.assert_close((lit[:, 16, 0] / 60).log(), -right)
    below = (lit[:, 32, 16] / 60).log()
    strength = torch.hypot(right, below)
    assert 0.7 < strength.max() <= 0.801
    assert strength.min() < 0.1
    for side in (right, below):  # from everywhere
        assert side.min() < -0.5
        assert side.max() > 0.5


def test_a_cover_can_show_another_image():
    images = torch.arange(200.0)[:, None, None, None].expand(-1, 1, 40, 40) + 20
    labels = torch.zeros(200, 1, 2), torch.zeros(200, 1, dtype=torch.bool)
    chosen = Augment(occlusion=1, borrowed=1)
    changed = augment(images, *labels, chosen, None, seeded())[0]
    other = images.roll(1, dims=0)
    assert ((changed == images) | (changed == other)).all()
    part = (changed == other).float().mean((1, 2, 3))
    assert (part > 0).float().mean() > 0.95
    assert part.max() < 0.3
    # the patch comes from any column: gray values are column numbers
    images = torch.arange(40.0)[None, None, None].expand(200, 1, 40, -1) + 100
    changed = augment(images, *labels, chosen, None, seeded())[0]
    moved = (changed - images)[changed != images] % 40
    assert len(moved.unique()) > 30


def test_random_values_of_one_change_do_not_depend_on_the_others():
    images, points, labelled = faces(8)
    few = augment(images, points, labelled, only("rotation", "shift"), None, seeded())
    more = augment(
        images, points, labelled, only("rotation", "shift", "noise", "blur"), None, seeded()
    )
    assert torch.equal(few[1], more[1])
    assert torch.equal(few[2], more[2])


def test_all_settings_advance_the_generator_equally():
    states = []
    for chosen in AUGMENTS.values():
        source = seeded()
        augment(*faces(9), chosen, MIRROR, source)
        states.append(source.get_state())
    assert all(torch.equal(states[0], state) for state in states)


def test_presets_get_stronger_in_order_and_only_none_changes_nothing():
    assert AUGMENTS["none"] == OFF
    for weak, strong in (("none", "light"), ("light", "default"), ("default", "strong")):
        pairs = [
            (getattr(AUGMENTS[weak], f.name), getattr(AUGMENTS[strong], f.name))
            for f in fields(Augment)
        ]
        assert all(a <= b for a, b in pairs)
        assert any(a < b for a, b in pairs)


@pytest.mark.parametrize(
    ("name", "value"),
    [("rotation", -1.0), ("mirror", 1.5), ("perspective", 0.5), ("blur", float("nan"))],
)
def test_settings_out_of_range_are_one_clear_line(name, value):
    with pytest.raises(SettingsError, match=f"'{name}' must be from 0") as caught:
        Augment(**{name: value})
    assert "\n" not in str(caught.value)


def test_lowered_precision_elsewhere_does_not_move_the_sampling():
    batch = faces(10)
    expected = augment(*batch, STRONG, MIRROR, seeded())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        augmented = augment(*batch, STRONG, MIRROR, seeded())
    for a, b in zip(augmented, expected, strict=True):
        assert torch.equal(a, b)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_gpu_moves_points_as_the_cpu_does():
    batch = faces(11)
    chosen = replace(STRONG, noise=0, occlusion=0)  # the noise is the device's own
    expected = augment(*batch, chosen, MIRROR, seeded())
    images, points, labelled = (t.cuda() for t in batch)
    augmented = augment(images, points, labelled, chosen, MIRROR, seeded())
    for a, b, far in zip(augmented, expected, (0.5, 1e-3, 0), strict=True):
        assert a.is_cuda
        torch.testing.assert_close(a.cpu(), b, atol=far, rtol=0)


def test_visibility_is_mirrored_with_the_points():
    images, points, labelled = faces(0, batch=3)
    visibility = torch.tensor([[1, 0, -1, 1, 0]] * 3, dtype=torch.int8)
    batch = FaceBatch(images, points, labelled, visibility)
    changed = augment_faces(batch, Augment(mirror=1.0), MIRROR, seeded())
    assert changed.visibility is not None
    assert changed.visibility.tolist() == [[0, 1, -1, 0, 1]] * 3


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_points_under_a_cover_become_hidden_and_no_others(seed: int):
    points = torch.cartesian_prod(torch.arange(0.0, 64), torch.arange(0.0, 64))[None]
    images = torch.full((1, 1, 64, 64), 200.0)
    labelled = torch.ones(points.shape[:2], dtype=torch.bool)
    visible = torch.ones(points.shape[:2], dtype=torch.int8)
    chosen = Augment(occlusion=1.0)
    batch = FaceBatch(images, points, labelled, visible)
    changed = augment_faces(batch, chosen, None, seeded(seed))
    assert changed.visibility is not None
    x, y = points[0].long().unbind(-1)
    covered = (changed.images - images)[0, 0, y, x] != 0
    assert covered.any()
    assert torch.equal(changed.visibility[0] == 0, covered)


def test_visibility_does_not_alter_the_images():
    images, points, labelled = faces(1)
    visibility = torch.ones(labelled.shape, dtype=torch.int8)
    batch = FaceBatch(images, points, labelled, visibility)
    with_it = augment_faces(batch, STRONG, MIRROR, seeded())
    without = augment(images, points, labelled, STRONG, MIRROR, seeded())
    for one, two in zip(with_it[:3], without, strict=True):
        assert torch.equal(one, two)
