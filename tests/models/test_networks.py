"""Networks: number of parameters, shapes and units of the output; they learn from pixels."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from facepoints import weights
from facepoints.errors import SettingsError
from facepoints.models.networks import (
    NETWORKS,
    BackboneOptions,
    KeypointModel,
    RawOutput,
    build_model,
)
from facepoints.models.networks.heatnet import HeatNet
from facepoints.training.distributed import DistributedContext
from facepoints.training.losses import LOSSES, masked_loss

pytestmark = pytest.mark.usefixtures("one_thread")

SMALLEST = {"lenet5": 16, "naimishnet": 27, "vggface": 32, "net2": 48, "deepcnn": 32}
PARAMETERS = {  # of the backbone at 96x96 for 15 points
    "lenet5": 862_126,
    "naimishnet": 7_516_990,
    "vggface": 50_496_222,
    "net2": 4_837_386,
    "deepcnn": 7_264_318,
}
LIGHT = sorted(set(NETWORKS) - {"vggface"})
FEATURES = {"lenet5": 7056, "naimishnet": 6400, "vggface": 4608, "net2": 4096, "deepcnn": 4608}


def gray(batch: int, height: int, width: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, 1, height, width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def objective(loss: str, output: RawOutput, target: Tensor) -> Tensor:
    """The mean loss over all points."""
    mask = torch.ones(target.shape[:2], dtype=torch.bool)
    ctx = DistributedContext(0, 1, torch.device("cpu"))
    return masked_loss(LOSSES[loss], output, target, mask, ctx).objective


def build_meta(name: str) -> nn.Module:
    """A backbone without memory for its weights."""
    with torch.device("meta"):
        return NETWORKS[name](15, (96, 96))


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


class Fixed(nn.Module):
    """A backbone that predicts the same raw values for every image."""

    def __init__(self, raw: Tensor) -> None:
        super().__init__()
        self.raw = nn.Parameter(raw)

    def forward(self, x: Tensor) -> Tensor:
        return self.raw.expand(len(x), *self.raw.shape)


def decoded(raw: list[list[float]], height: int, width: int) -> KeypointModel:
    values = torch.tensor(raw)
    return KeypointModel(Fixed(values), len(raw), (height, width), mean=100, std=50)


def test_the_guide_to_training_names_every_network():
    assert set(NETWORKS) == {*PARAMETERS, "heatnet"}
    guide = Path(__file__).parents[2] / "docs" / "how-to" / "train.md"
    (row,) = re.findall(r"^\| `--network` .*$", guide.read_text("utf-8"), re.MULTILINE)
    assert set(re.findall(r"`([a-z][a-z0-9_-]*)`", row)) == set(NETWORKS)


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_parameter_counts_at_the_size_of_the_competition(name):
    backbone = build_meta(name)
    assert parameters(backbone) == PARAMETERS[name]
    dense = [layer for layer in backbone.modules() if isinstance(layer, nn.Linear)]
    assert dense[0].in_features == FEATURES[name]


def test_heatnet_is_small_enough_to_ship():
    """Points, annotators and outputs are those of the built-in model in 8 bits."""
    with torch.device("meta"):
        model = build_model("heatnet", 70, (96, 96), 120, 60, BackboneOptions(True, 7, True, True))
    assert parameters(model) < min(parameters(build_meta(name)) for name in ("net2", "deepcnn"))
    assert parameters(model) < 1_300_000
    assert weights.POINTS.stat().st_size < 2_000_000


@pytest.mark.parametrize("name", sorted(NETWORKS))
@settings(max_examples=4, deadline=None)
@given(points=st.integers(1, 98), height=st.integers(48, 256), width=st.integers(48, 256))
def test_any_number_of_points_and_any_size(name, points, height, width):
    with torch.device("meta"):
        model = build_model(name, points, (height, width), 120, 60)
        output = model(torch.empty(2, 1, height, width))
    assert output.points.shape == (2, points, 2)
    assert output.scale.shape == (2, points)


@pytest.mark.parametrize("name", LIGHT)
@pytest.mark.parametrize("points", [15, 68])
@pytest.mark.parametrize("size", [(96, 96), (64, 80), (128, 128)])
def test_points_start_inside_the_image_with_a_scale(name, points, size):
    torch.manual_seed(0)
    output = build_model(name, points, size, 127.5, 74).eval()(gray(2, *size))
    assert output.points.shape == (2, points, 2)
    assert output.points.dtype == output.scale.dtype == torch.float32
    assert (output.points > -0.5).all()
    assert (output.points < torch.tensor([size[1], size[0]])).all()
    assert (output.scale > 0.5).all()
    assert (output.scale <= max(size)).all()


@pytest.mark.parametrize("name", sorted(SMALLEST))
def test_the_error_for_too_small_images_names_the_minimum(name):
    smallest = SMALLEST[name]
    with torch.device("meta"):
        NETWORKS[name](2, (smallest, smallest))
        for size in ((smallest - 1, 96), (96, smallest - 1)):
            message = f"{name} needs .* at least {smallest}x{smallest} .* got {size[1]}x{size[0]}"
            with pytest.raises(SettingsError, match=message):
                NETWORKS[name](2, size)


@pytest.mark.parametrize("name", LIGHT)
@pytest.mark.parametrize("loss", ["mse", "laplace"])
def test_every_parameter_learns(name, loss):
    torch.manual_seed(0)
    model = build_model(name, 5, (48, 56), 127.5, 74)
    target = torch.rand(4, 5, 2) * 48
    objective(loss, model(gray(4, 48, 56)), target).backward()
    for label, parameter in model.named_parameters():
        assert parameter.grad is not None, label
        assert parameter.grad.isfinite().all(), label
    still = {n for n, p in model.named_parameters() if p.grad is not None and (p.grad == 0).all()}
    still -= {"backbone.heat.bias"}  # a softmax ignores what all its inputs share
    assert all("log_scale" in label for label in still)
    assert loss == "mse" or not still


def test_vggface_predicts_and_every_parameter_has_a_gradient():
    torch.manual_seed(0)
    model = build_model("vggface", 3, (32, 32), 127.5, 74)
    output = model(gray(2, 32, 32))
    assert output.points.shape == (2, 3, 2)
    objective("laplace", output, torch.zeros(2, 3, 2)).backward()
    for label, parameter in model.named_parameters():
        assert parameter.grad is not None, label
        assert parameter.grad.isfinite().all(), label
        assert (parameter.grad != 0).any(), label


@pytest.mark.parametrize("name", LIGHT)
def test_gray_values_may_be_whole_numbers_or_floats(name):
    model = build_model(name, 4, (64, 64), 127.5, 74).eval()
    images = gray(2, 64, 64)
    for whole, real in zip(model(images)[:3], model(images.float())[:3], strict=True):
        assert torch.equal(whole, real)


@pytest.mark.parametrize("name", LIGHT)
def test_predictions_repeat_and_do_not_depend_on_the_rest_of_the_batch(name):
    model = build_model(name, 4, (64, 64), 127.5, 74).eval()
    images = gray(3, 64, 64)
    first, again, alone = model(images), model(images), model(images[1:2])
    assert torch.equal(first.points, again.points)
    torch.testing.assert_close(first.points[1:2], alone.points, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(first.scale[1:2], alone.scale, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("name", LIGHT)
def test_gray_values_are_normalized_by_mean_and_std(name):
    torch.manual_seed(0)
    plain = build_model(name, 4, (64, 64), 0, 1).eval()
    model = KeypointModel(plain.backbone, 4, (64, 64), mean=90, std=40).eval()
    images = gray(2, 64, 64)
    torch.testing.assert_close(model(images).points, plain((images.float() - 90) / 40).points)


@pytest.mark.parametrize("name", LIGHT)
def test_weights_load_into_a_fresh_model(name):
    model = build_model(name, 4, (64, 64), 101.5, 33).eval()
    other = build_model(name, 4, (64, 64), 0, 1).eval()
    other.load_state_dict(model.state_dict())
    images = gray(2, 64, 64)
    for one, two in zip(model(images)[:3], other(images)[:3], strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize("name", LIGHT)
def test_mixed_precision_still_gives_full_precision_pixels(name):
    torch.manual_seed(0)
    model = build_model(name, 4, (48, 48), 127.5, 74).eval()
    full = model(gray(1, 48, 48))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = model(gray(1, 48, 48))
    assert mixed.points.dtype == mixed.scale.dtype == torch.float32
    torch.testing.assert_close(mixed.points, full.points, atol=1.0, rtol=0)


@pytest.mark.parametrize("name", sorted({*LIGHT} - {"heatnet", "lenet5"}))
@pytest.mark.slow
def test_the_model_exports_as_one_graph_for_any_batch(name):
    """test_onnx_export.py exports the others, as ONNX files."""
    model = build_model(name, 4, (64, 64), 127.5, 74).eval()
    batch = torch.export.Dim("batch", min=1, max=512)
    graph = torch.export.export(model, (gray(2, 64, 64),), dynamic_shapes=({0: batch},)).module()
    images = gray(5, 64, 64)
    torch.testing.assert_close(tuple(graph(images)), tuple(model(images)))


@pytest.mark.parametrize("name", sorted(SMALLEST.keys() - {"vggface"}))
def test_training_can_start_at_the_mean_face(name):
    model = build_model(name, 3, (64, 80), 120, 60).eval()
    start = torch.tensor([[10.0, 50.0], [70.5, 3.25], [math.nan, math.nan]])
    model.start_at(start)
    blank = torch.full((1, 1, 64, 80), 120, dtype=torch.uint8)  # the mean gray only
    start[2] = torch.tensor([39.5, 31.5])
    torch.testing.assert_close(model(blank).points[0], start, atol=1e-3, rtol=0)


def test_heatnet_predicts_its_scale_and_ignores_the_mean_face():
    model = build_model("heatnet", 3, (64, 64), 120, 60).eval()
    before = model(gray(2, 64, 64)).points
    model.start_at(torch.zeros(3, 2))
    assert torch.equal(model(gray(2, 64, 64)).points, before)
    assert "log_scale" not in model.state_dict()


@settings(max_examples=50, deadline=None)
@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    x=st.floats(-1.5, 1.5, width=32),
    y=st.floats(-1.5, 1.5, width=32),
)
def test_coordinates_span_the_outer_edges_and_mirror(height, width, x, y):
    model = decoded([[x, y], [-x, y], [-1, -1], [1, 1], [0, 0]], height, width)
    plain, mirrored, first, last, middle = model(gray(1, height, width)).points[0].tolist()
    assert mirrored == pytest.approx([width - 1 - plain[0], plain[1]], abs=1e-3)
    assert first == pytest.approx([-0.5, -0.5])
    assert last == pytest.approx([width - 0.5, height - 0.5])
    assert middle == pytest.approx([(width - 1) / 2, (height - 1) / 2])


@settings(max_examples=50, deadline=None)
@given(height=st.integers(32, 300), width=st.integers(32, 300), part=st.floats(0.03, 0.4))
def test_scale_is_in_half_sides(height, width, part):
    model = decoded([[0, 0, math.log(part)]], height, width)
    scale = model(gray(1, height, width)).scale.item()
    half = (width / 2 + height / 2) / 2
    # Within 3 %: near the upper limit, two half sides, it bends.
    assert scale == pytest.approx(part * half, rel=0.03)


def test_scale_stays_within_its_limits_with_gradients_left():
    logs = [-1e4, -30.0, -9.0, -6.9, 0.0, 0.7, 5.0, 1e4]
    model = decoded([[0, 0, log] for log in logs], 96, 128)
    scale = model(gray(1, 96, 128)).scale[0]
    assert scale.tolist() == sorted(scale.tolist())
    assert scale[0].item() == pytest.approx(0.05, rel=1e-4)
    assert scale[-1].item() == pytest.approx(128, rel=1e-4)
    scale.log().sum().backward()
    raw = model.backbone.raw
    assert isinstance(raw, Tensor)
    assert raw.grad is not None
    assert raw.grad.isfinite().all()
    assert (raw.grad[3:6, 2] > 0.05).all()


def test_a_network_learns_where_a_dot_is():
    torch.manual_seed(0)
    model = build_model("lenet5", 1, (24, 32), 20, 50)
    rows, columns = torch.meshgrid(torch.arange(24.0), torch.arange(32.0), indexing="ij")

    def dots(count: int) -> tuple[Tensor, Tensor]:
        at = torch.rand(count, 1, 2) * torch.tensor([25.0, 17.0]) + 3
        square = (columns - at[..., :1, None]) ** 2 + (rows - at[..., 1:, None]) ** 2
        return 255 * torch.exp(-square / 8), at

    images, at = dots(64)
    untrained = (model.eval()(images).points - at).norm(dim=-1).mean()
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(60):
        images, at = dots(32)
        loss = objective("laplace", model(images), at)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    images, at = dots(64)
    assert (model.eval()(images).points - at).norm(dim=-1).mean() < untrained / 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "resnet"}, "no network 'resnet'; choose one of: lenet5, "),
        ({"points": 0}, "at least 1 point"),
        ({"mean": 300.0}, r"mean gray value in \[0, 255\]"),
        ({"mean": math.nan}, r"mean gray value in \[0, 255\]"),
        ({"std": 0.0}, "all images of one color"),
    ],
)
def test_bad_settings_are_one_clear_line(change, message):
    good = {"network": "lenet5", "points": 2, "size": (32, 32), "mean": 120.0, "std": 60.0}
    with pytest.raises(SettingsError, match=message) as caught:
        build_model(**{**good, **change})
    assert "\n" not in str(caught.value)


def test_a_backbone_for_another_number_of_points_is_refused():
    with pytest.raises(SettingsError, match=r"for 3 points must give \(B, 3, 2\)"):
        KeypointModel(Fixed(torch.zeros(2, 2)), 3, (32, 32), mean=120, std=60)


def test_mirrored_prediction_is_symmetric_except_for_the_mirror_bias() -> None:
    model = build_model("lenet5", 3, (32, 40), 120.0, 60.0).eval()
    mirror = torch.tensor([1, 0, 2])
    model.mirror_bias.copy_(torch.tensor([[1.0, 0.5], [1.0, 0.25], [-2.0, 0.0]]))
    images = torch.randint(0, 256, (4, 1, 32, 40), dtype=torch.uint8)
    with torch.inference_mode():
        here, there = (
            model.predict_mirrored(images, mirror),
            model.predict_mirrored(images.flip(-1), mirror),
        )
        plain = model(images)
    back = (there.points - model.mirror_bias)[:, mirror]
    back[..., 0] = 39 - back[..., 0]
    torch.testing.assert_close(back + model.mirror_bias, here.points)
    torch.testing.assert_close(there.scale[:, mirror], here.scale)
    assert not torch.allclose(plain.points, here.points)


def test_annotator_bias_adds_the_offset_of_the_probable_annotator():
    torch.manual_seed(0)
    plain = build_model("heatnet", 3, (64, 64), 120, 60).eval()
    model = build_model("heatnet", 3, (64, 64), 120, 60, BackboneOptions(annotators=2)).eval()
    loaded = model.load_state_dict(plain.state_dict(), strict=False)
    assert all(".annotator_bias." in name for name in loaded.missing_keys)
    images = gray(4, 64, 64)
    before = plain(images)
    torch.testing.assert_close(model(images).points, before.points)  # no offset at first
    assert isinstance(model.backbone, HeatNet)
    bias = model.backbone.annotator_bias
    assert bias is not None
    with torch.no_grad():
        bias.bias[1, 0] = 0.25  # the second puts the first point 8 pixels further right
        bias.weight[1, 3, 5] = 0.5  # and the third lower, the lower the second point is
        for logits, share in (([100.0, -100.0], 0.0), ([-100.0, 100.0], 1.0), ([0.0, 0.0], 0.5)):
            bias.annotator_logits.weight.zero_()
            bias.annotator_logits.bias.copy_(torch.tensor(logits))
            moved = model(images)
            expected = before.points.clone()
            expected[:, 0, 0] += share * 8
            expected[:, 2, 1] += share * 0.5 * (before.points[:, 1, 1] + 0.5 - 32)
            torch.testing.assert_close(moved.points, expected, atol=1e-3, rtol=0)
            torch.testing.assert_close(moved.scale, before.scale)


def test_only_heatnet_has_an_annotator_bias():
    with pytest.raises(SettingsError, match="heatnet"):
        build_model("lenet5", 3, (64, 64), 120, 60, BackboneOptions(annotators=2))


def test_visibility_is_a_probability_of_each_point_and_is_mirrored_with_the_image():
    torch.manual_seed(0)
    model = build_model(
        "heatnet", 3, (64, 64), 120, 60, BackboneOptions(has_visibility=True)
    ).eval()
    assert model.has_visibility
    assert isinstance(model.backbone, HeatNet)
    assert model.backbone.visibility is not None
    with torch.no_grad():
        model.backbone.visibility.weight.normal_()
    images, mirror = gray(4, 64, 64), torch.tensor([1, 0, 2])
    here, there = model(images).visible, model(images.flip(-1)).visible
    assert here.shape == (4, 3)
    assert ((here > 0) & (here < 1)).all()
    both = model.predict_mirrored(images, mirror).visible
    torch.testing.assert_close(both, (here + there[:, mirror]) / 2)
    assert build_model("heatnet", 3, (64, 64), 120, 60)(images).visible is None


def test_a_scale_gain_multiplies_all_scales_of_a_face_alike():
    torch.manual_seed(0)
    plain = build_model("heatnet", 3, (64, 64), 120, 60).eval()
    model = build_model(
        "heatnet", 3, (64, 64), 120, 60, BackboneOptions(has_scale_gain=True)
    ).eval()
    model.load_state_dict(plain.state_dict(), strict=False)
    assert isinstance(model.backbone, HeatNet)
    gain = model.backbone.log_scale_gain
    assert gain is not None
    images = gray(4, 64, 64)
    with torch.no_grad():
        gain.weight.zero_()
        gain.bias.fill_(0.2)
        torch.testing.assert_close(model(images).points, plain(images).points)
        ratio = model(images).scale / plain(images).scale
    torch.testing.assert_close(ratio, torch.full_like(ratio, 1.2214), rtol=2e-2, atol=0)
