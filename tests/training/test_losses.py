"""Losses: their values and gradients, over labeled points only."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from facepoints.models.networks import RawOutput
from facepoints.training.distributed import DistributedContext
from facepoints.training.losses import LOSSES, MaskedLoss, masked_mean
from facepoints.training.losses import masked_loss as masked_loss_of

ALONE = DistributedContext(0, 1, torch.device("cpu"))

NAMES = sorted(LOSSES)
LIKELIHOODS = ["gaussian", "laplace"]
GARBAGE = [math.nan, math.inf, -math.inf, 3e38, -3e38, 1e19, 0.0, 55.5]


def masked_loss(name: str, predicted: RawOutput, target: Tensor, mask: Tensor) -> MaskedLoss:
    """The loss as the training computes it in one process."""
    return masked_loss_of(LOSSES[name], predicted, target, mask, ALONE)


seeds = st.integers(0, 2**31 - 1)
faces = st.tuples(st.integers(1, 5), st.integers(1, 6), seeds)


def example(
    batch: int, count: int, seed: int, chance: float = 0.6
) -> tuple[RawOutput, Tensor, Tensor]:
    """Predictions with gradients, true points, and where they are labeled."""
    generator = torch.Generator().manual_seed(seed)
    true = torch.rand(batch, count, 2, generator=generator) * 96
    points = true + torch.randn(batch, count, 2, generator=generator) * 8
    scale = torch.rand(batch, count, generator=generator) * 5 + 0.05
    mask = torch.rand(batch, count, generator=generator) < chance
    return (
        RawOutput(points.requires_grad_(), scale.requires_grad_(), torch.ones(len(points))),
        true,
        mask,
    )


def off_by(x: float, y: float, scale: float = 1.0) -> tuple[RawOutput, Tensor]:
    """One prediction that misses by (x, y) pixels."""
    points = torch.tensor([[[40.0 + x, 50.0 + y]]])
    return RawOutput(points, torch.full((1, 1), scale), torch.ones(1)), torch.tensor(
        [[[40.0, 50.0]]]
    )


def value(name: str, x: float, y: float, scale: float = 1.0) -> float:
    return LOSSES[name].per_point(*off_by(x, y, scale)).item()


def gradients(loss: Tensor, predicted: RawOutput) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss, (predicted.points, predicted.scale))


def test_the_command_line_reference_names_every_loss():
    page = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
    listed = set(re.findall(r"--loss \{(.*?)\}", page.read_text("utf-8")))
    assert [sorted(names.split(",")) for names in listed] == [NAMES]
    assert NAMES == ["gaussian", "laplace", "mse", "rmse", "smooth_l1", "wing"]
    assert [name for name in NAMES if LOSSES[name].root] == ["rmse"]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(face=faces, garbage=st.lists(st.sampled_from(GARBAGE), min_size=1, max_size=8), seed=seeds)
def test_targets_without_a_label_have_no_influence(name, face, garbage, seed):
    predicted, true, mask = example(*face)
    choice = torch.randint(len(garbage), true.shape, generator=torch.Generator().manual_seed(seed))
    other = torch.where(mask[..., None], true, torch.tensor(garbage)[choice])
    plain = masked_loss(name, predicted, true, mask)
    filled = masked_loss(name, predicted, other, mask)
    assert torch.equal(plain.value, filled.value)
    for one, two in zip(
        gradients(plain.objective, predicted), gradients(filled.objective, predicted), strict=True
    ):
        assert one.isfinite().all()
        assert torch.equal(one, two)
        assert (one[~mask] == 0).all()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(face=faces)
def test_value_and_gradient_are_those_of_the_plain_loss_over_the_labelled_points(name, face):
    predicted, true, mask = example(*face)
    mask[0, 0] = True
    labelled = RawOutput(predicted.points[mask][None], predicted.scale[mask][None], torch.ones(1))
    mean = LOSSES[name].per_point(labelled, true[mask][None]).mean()
    plain = mean.sqrt() if LOSSES[name].root else mean
    masked = masked_loss(name, predicted, true, mask)
    torch.testing.assert_close(masked.value.float(), plain.detach())
    assert not masked.value.requires_grad
    expected = gradients(plain, predicted)
    torch.testing.assert_close(
        gradients(masked.objective, predicted), expected, rtol=1e-4, atol=1e-7
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_without_labels_has_no_loss_and_no_pull(name):
    predicted, true, mask = example(3, 4, 0)
    loss = masked_loss(name, predicted, true * math.nan, torch.zeros_like(mask))
    assert loss.objective.item() == 0
    assert loss.value.item() == pytest.approx(0, abs=1e-5)
    for gradient in gradients(loss.objective, predicted):
        assert (gradient == 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_exact_predictions_have_finite_gradients(name):
    predicted, _, mask = example(3, 4, 0)
    loss = masked_loss(name, predicted, predicted.points.detach(), torch.ones_like(mask))
    for gradient in gradients(loss.objective, predicted):
        assert gradient.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, deadline=None)
@given(face=faces)
def test_every_loss_pulls_each_labelled_point_towards_its_label(name, face):
    predicted, true, mask = example(*face)
    (pull, _) = gradients(masked_loss(name, predicted, true, mask).objective, predicted)
    outwards = (pull * (predicted.points - true)).sum(dim=-1)
    assert (outwards[mask] > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_scale_always_has_a_gradient_and_only_likelihoods_use_it(name):
    predicted, true, mask = example(4, 5, 1)
    (_, of_scale) = gradients(masked_loss(name, predicted, true, mask).objective, predicted)
    assert bool((of_scale != 0).any()) == (name in LIKELIHOODS)


def test_squared_error_is_the_mean_of_both_coordinates():
    assert value("mse", 3, -1) == pytest.approx(5)


def test_the_root_is_taken_once_over_all_labelled_coordinates():
    points = torch.tensor([[[3.0, 1.0], [0.0, 0.0]]])
    predicted = RawOutput(points, torch.ones(1, 2), torch.ones(1))
    loss = masked_loss("rmse", predicted, torch.zeros(1, 2, 2), torch.ones(1, 2) > 0)
    assert loss.value.item() == pytest.approx(math.sqrt(10 / 4))


def test_smooth_l1_is_a_parabola_within_a_pixel():
    assert value("smooth_l1", 0.5, 0) == pytest.approx(0.125 / 2)
    assert value("smooth_l1", 3, -3) == pytest.approx(2.5)


def test_wing_follows_the_paper():
    meet = 10 - 10 * math.log(6)
    assert value("wing", 4, 0) == pytest.approx(10 * math.log(3) / 2)
    assert value("wing", -30, 30) == pytest.approx(30 - meet)
    assert value("wing", 9.9999, 0) == pytest.approx(value("wing", 10.0001, 0), abs=1e-3)


@pytest.mark.parametrize("name", LIKELIHOODS)
@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_likelihoods_are_half_the_log_of_a_density_over_the_plane(name, scale):
    step = 0.05
    line = torch.arange(-25, 25, step)
    grid = torch.cartesian_prod(line, line)[None] + step / 2
    predicted = RawOutput(
        torch.zeros_like(grid), torch.full(grid.shape[:2], scale), torch.ones(len(grid))
    )
    density = torch.exp(-2 * LOSSES[name].per_point(predicted, grid).double())
    assert (density.sum() * step**2).item() == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("name", LIKELIHOODS)
@settings(max_examples=40, deadline=None)
@given(face=faces)
def test_the_best_scale_is_that_of_the_errors(name, face):
    predicted, true, mask = example(*face)
    mask[0, 0] = True
    gap = (predicted.points.detach() - true)[mask]
    best = gap.norm(dim=-1).mean() if name == "laplace" else gap.square().mean().sqrt()

    def loss_at(factor: float) -> float:
        scale = torch.full(mask.shape, best.item() * factor)
        alike = RawOutput(predicted.points.detach(), scale, predicted.score)
        return masked_loss(name, alike, true, mask).value.item()

    assert loss_at(1) < min(loss_at(0.9), loss_at(1.1))


@pytest.mark.parametrize("name", LIKELIHOODS)
@settings(max_examples=30, deadline=None)
@given(angle=st.floats(0, 2 * math.pi))
def test_likelihoods_do_not_depend_on_the_direction_of_an_error(name, angle):
    turned = value(name, 5 * math.cos(angle), 5 * math.sin(angle), scale=3)
    assert turned == pytest.approx(value(name, 5, 0, scale=3), rel=1e-4)


def test_a_masked_mean_ignores_nan_at_unlabelled_entries():
    values = torch.tensor([[1.0, math.nan], [math.inf, 5.0]], requires_grad=True)
    mean = masked_mean(values, torch.tensor([[True, False], [False, True]]))
    (gradient,) = torch.autograd.grad(mean, values)
    assert mean.item() == 3
    assert gradient.tolist() == [[0.5, 0], [0, 0.5]]
