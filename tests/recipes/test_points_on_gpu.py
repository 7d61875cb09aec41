"""Teachers and students are trained from packed faces; here without a GPU."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pack_batches
import points_on_gpu
import pytest
import torch
from guides import Guides
from points_pack import encoded, write_faces

from facepoints.datasets.samples import Samples
from facepoints.landmarks.known_sets import OPENPOSE_70
from facepoints.training.batches import Batch

SETS = ("lfpw", "cfp")
SIDE = 112


def faces(count: int) -> Samples:
    rng = np.random.default_rng(count)
    scheme = (np.arange(count) % 2).astype(np.int16)
    labelled = np.ones((count, 70), bool)
    labelled[scheme == 1, 40:] = False
    points = rng.uniform(20, SIDE - 20, (count, 70, 2)) * labelled[..., None]
    return Samples(
        images=rng.integers(0, 255, (count, SIDE, SIDE), dtype=np.uint8),
        points=points.astype(np.float32),
        labelled=labelled,
        landmarks=OPENPOSE_70,
        group=np.arange(count).astype(str),
        names=np.arange(count).astype(str),
        scheme=scheme,
        schemes={name: tuple(OPENPOSE_70.names) for name in SETS},
        visibility=labelled.astype(np.int8),
    )


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as `points_pack` writes it, of few small faces."""
    folder = tmp_path / "pack"
    folder.mkdir()
    write_faces(folder / "faces.npz", faces(8), 80, repeated=np.ones(8, int))
    write_faces(folder / "made-0.npz", faces(4), 80)
    number = np.array([0, 1, 0, 1])
    write_faces(folder / "held.npz", faces(4), 80, sets=np.array(SETS), number=number)
    images, ends = encoded(faces(5).images, 80)
    np.savez(folder / "negatives.npz", images=images, ends=ends)
    about = {
        "schemes": SETS,
        "mirror": np.asarray(OPENPOSE_70.mirror).tolist(),
        "eyes": OPENPOSE_70.eye_columns,
        "mean": 110.0,
        "std": 60.0,
    }
    (folder / "about.json").write_text(json.dumps(about))
    monkeypatch.setattr(pack_batches, "TOGETHER", 8)
    monkeypatch.setattr(points_on_gpu, "TEACHER", (8, 8, 8, 8))
    tiny = points_on_gpu.StudentKind(widths=(4, 8, 8, 8), start=None)
    monkeypatch.setattr(points_on_gpu, "STUDENTS", {"narrow": tiny})
    return folder


def train(monkeypatch: pytest.MonkeyPatch, *options: object) -> None:
    given = ["--minutes", "0.005", "--batch", "16", "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", ["points_on_gpu", *map(str, options), *given])
    points_on_gpu.main()


@pytest.mark.usefixtures("one_thread")
def test_a_student_learns_from_the_teachers_in_a_folder(
    packed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    teachers, students = packed.parent / "teachers", packed.parent / "students"
    for seed in (0, 1):
        out = teachers / str(seed)
        train(monkeypatch, "teacher", "--pack", packed, "--out", out, "--seed", seed)
    train(monkeypatch, "student", "--pack", packed, "--teachers", teachers, "--out", students)
    assert "mean of the teachers {'lfpw'" in capsys.readouterr().out
    pack = pack_batches.Pack(packed, torch.device("cpu"))
    student = points_on_gpu.new_model(pack, (4, 8, 8, 8), students / "narrow.pt").eval()
    other = points_on_gpu.new_model(pack, (4, 8, 8, 8)).eval()
    images = torch.zeros(1, 1, 96, 96)
    with torch.no_grad():
        points = student(images).points
        assert bool(torch.isfinite(points).all())
        assert not torch.allclose(other(images).points, points)
        points_on_gpu.mix(other, student, 1.0)
        torch.testing.assert_close(other(images).points, points)


def test_guides_are_the_mean_of_the_teachers(packed: Path) -> None:
    pack = pack_batches.Pack(packed, torch.device("cpu"))
    models = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        model = points_on_gpu.new_model(pack, (8, 8, 8, 8)).eval()
        backbone = model.backbone
        assert isinstance(backbone, points_on_gpu.HeatNet)
        assert backbone.annotator_bias is not None
        torch.nn.init.normal_(backbone.annotator_bias.bias, std=0.1)
        models.append(model)
    batch: Batch = next(pack.batches(0, False, 16))
    images = batch.images[:16]
    with torch.no_grad():
        expected = torch.stack([model(images).points for model in models]).mean(0)
    every = Guides(models, torch.tensor([True, True]))
    every(batch)
    torch.testing.assert_close(every.points, expected, atol=1e-3, rtol=0)
    first = Guides(models, torch.tensor([True, False]))
    first(batch)
    assert float((first.points - expected).abs().max()) > 0.5, "the habit of the first set alone"
