"""The benchmarks start and describe the machine; their tables are made from their figures."""

from __future__ import annotations

import json
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import accuracy
import acted_events
import blur
import browser
import cluster
import cost
import expressions
import eyes
import gaze
import gpu
import kaggle_like
import label
import load
import numpy as np
import pytest
import radius
import service
import steady
import throughput
import torch
import video
from support import tables
from support.machine import describe_machine, header

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
RESULTS = BENCHMARKS / "results"

TABLES: dict[str, list[Callable[[dict[str, Any]], tables.Cells]]] = {
    "acted_events": [lambda c: acted_events.table(c["clips"])],
    "accuracy": [
        lambda c: accuracy.table(c["rows"], "lfpw"),
        lambda c: accuracy.table(c["rows"], "youtube"),
    ],
    "browser": [browser.table],
    "cluster": [
        lambda c: cluster.side_table(c["comparison"]),
        lambda c: cluster.time_table(c["times"]),
        lambda c: cluster.memory_table(c["memory"]),
    ],
    "cost": [lambda c: cost.table(c["rows"])],
    "expressions": [lambda c: expressions.cells(c["kinds"])],
    "eyes": [eyes.eye_table, eyes.clip_table],
    "blur": [
        lambda c: blur.cover_table(c["sets"], "photos"),
        lambda c: blur.size_table(c["by_size"]),
        lambda c: blur.video_table(c["video"]),
        lambda c: blur.negative_table(c["negatives"]),
    ],
    "gaze": [
        lambda c: gaze.angle_table(c["angles"]),
        lambda c: gaze.camera_table(c["camera"]),
        lambda c: gaze.mirror_table(c["mirrored"]),
    ],
    "gpu": [
        lambda c: gpu.forward_table(c["sections"]["forward"]),
        lambda c: gpu.training_table(c["sections"]["training"]),
        lambda c: gpu.agreement_table(c["sections"]["agreement"]),
    ],
    "kaggle_like": [lambda c: kaggle_like.table(c["rows"])],
    "label": [lambda c: label.table(c["sets"])],
    "load": [load.table],
    "radius": [lambda c: radius.table(c["sets"])],
    "service": [
        lambda c: service.rate_table(c["comparison"]),
        lambda c: service.soak_table(c["soak"]),
    ],
    "steady": [
        lambda c: steady.motion_table(c["motion"]),
        lambda c: steady.identity_table(c["identity"]),
    ],
    "throughput": [lambda c: throughput.table(c["results"])],
    "video": [lambda c: video.table(c["rows"])],
}


@pytest.mark.parametrize("script", sorted(p.name for p in BENCHMARKS.glob("*.py")))
def test_every_benchmark_prints_its_help(
    script: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(BENCHMARKS / script), run_name="__main__")
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "--out" in printed
    assert f"{Path(script).stem}.json and {Path(script).stem}.md" in " ".join(printed.split())


@pytest.mark.parametrize("script", sorted(p.stem for p in BENCHMARKS.glob("*.py")))
def test_every_result_has_figures_and_a_table(script: str) -> None:
    assert json.loads((RESULTS / f"{script}.json").read_text("utf-8"))
    assert "| ---: |" in (RESULTS / f"{script}.md").read_text("utf-8")


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_made_from_the_figures_in_the_json_files(name: str) -> None:
    content = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
    page = (RESULTS / f"{name}.md").read_text("utf-8")
    for make in TABLES[name]:
        assert tables.markdown(make(content)) in page


def test_results_name_the_processor(tmp_path: Path) -> None:
    tables.write(tmp_path, "speed", {"ms": 1}, "| a |\n")
    content = json.loads((tmp_path / "speed.json").read_text("utf-8"))
    assert content["ms"] == 1
    assert content["machine"] == describe_machine()
    page = (tmp_path / "speed.md").read_text("utf-8")
    assert page == f"{header(content['machine'])}\n\n| a |\n"


def test_titled_tables_are_shown_and_make_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    speed, error = [["side", "photos"], ["ours", "12"]], [["side", "error"], ["ours", "3.5"]]
    page = tables.show_titled([("Speed", speed), ("Error", error)], "### ")
    assert page == (
        f"### Speed\n\n{tables.markdown(speed)}\n### Error\n\n{tables.markdown(error)}\n"
    )
    printed = capsys.readouterr().out
    assert printed.index("Speed") < printed.index("12") < printed.index("Error")


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        (
            "processor : 0\nmodel name : Xeon\nflags : fpu avx2 avx512f avx512_vnni amx_tile\n\n"
            "processor : 1\nmodel name : other\n",
            "Xeon: AVX2, AVX-512, VNNI, AMX",
        ),
        ("model name : Core\nflags : sse4_2\n", "Core: no AVX2"),
        ("model name : Core i5\nflags : avx2 avx_vnni\n", "Core i5: AVX2, VNNI"),
        ("CPU part : 0xd0c\nFeatures : fp asimd asimddp i8mm\n", "NEON, dot product, I8MM"),
    ],
)
def test_instruction_sets_are_read_from_the_flags(
    cpuinfo: str, expected: str, tmp_path: Path
) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(cpuinfo)
    machine = describe_machine(file)
    name, _, sets = expected.rpartition(": ")
    assert name in machine["processor"]
    assert f"({sets})" in header(machine)


def test_without_cpuinfo_the_instruction_sets_are_unknown(tmp_path: Path) -> None:
    machine = describe_machine(tmp_path / "none")
    assert machine["instruction_sets"] is None
    assert machine["processor"]
    assert "instruction sets unknown" in header(machine)


def test_blinks_are_counted_by_their_marks() -> None:
    marked = {"blinks": [[10, 14], [40, 44], [70, 74]], "half": [[90, 92]]}
    found = [(12, 13), (44, 50), (60, 65), (91, 91), (100, 160)]
    kinds = ["blink"] * 4 + ["eyes_closed"]
    rows = [
        {"event": kind, "first_frame": str(first), "last_frame": str(last)}
        for kind, (first, last) in zip(kinds, found, strict=True)
    ]
    counts = {"marked": 3, "found": 2, "false": 1, "eyes_closed": 1}
    assert eyes.counted(rows, marked) == counts


def test_judged_eyes_give_an_area_under_the_curve_and_what_was_not_seen() -> None:
    pairs = [("closed", 0.9), ("open", 0.1), ("open", 0.9), ("open", None), ("unsure", 0.4)]
    result = eyes.judged([*pairs, ("hidden", None), ("hidden", 0.2)])
    assert result["auc"] == pytest.approx(0.75)
    assert (result["open"], result["closed"], result["open_missed"]) == (2, 1, 1)
    assert (result["not_seen"], result["hidden"], result["hidden_not_seen"]) == (1, 2, 1)
    assert eyes.auc(np.array([0.2, 0.3]), np.array([True, False])) == 0.0


def test_the_cost_is_hours_times_price() -> None:
    sides = {"file": {"rate": 40.0}, "parts": {"rate": 36.0}, "large": {"rate": 4.0}}
    sides["ray"] = {"rate": 36.0, "ratio": 0.9}
    measured = {"machine": {"cores": 2}, "comparison": {"sides": sides}}
    machines = [
        cost.Machine("with processors", 10, "any", "", 2.0, ""),
        cost.Machine("with a GPU", 10, "any", "a GPU", 8.0, ""),
    ]
    plain, gpu = cost.estimate(machines, measured, None, 648_000)
    assert plain["small"] == pytest.approx({"photos_per_s": 180, "hours": 1, "usd": 2})
    assert plain["large"] == pytest.approx({"photos_per_s": 18, "hours": 10, "usd": 20})
    assert gpu["small"] == {"photos_per_s": None, "hours": None, "usd": None}
    assert "not measured" in cost.table([gpu])[1]
    gpu = cost.estimate(machines, measured, 360.0, 648_000)[1]
    assert gpu["small"] == pytest.approx({"photos_per_s": 360, "hours": 0.5, "usd": 4})


def test_sections_of_the_gpu_are_kept_and_replaced_and_may_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = {"name": "a card", "torch": "9"}
    kept = {
        "device": card,
        "sections": {
            "forward": [{"batch": 1, "network": "a", "precision": "b", "way": "c", "crops": "d"}]
        },
        "seconds": {},
        "errors": {},
    }
    (tmp_path / "gpu.json").write_text(json.dumps(kept))
    assert gpu.begun(tmp_path / "gpu.json", {**card, "name": "another"})["sections"] == {}
    content = gpu.begun(tmp_path / "gpu.json", card)
    assert content["sections"] == kept["sections"]

    def rows(plan: gpu.Plan):
        yield {"network": "a", "augment": "b", "way": "eager", "batch": 8, "samples_per_s": 12345.6}
        time.sleep(60)

    monkeypatch.setitem(gpu.SECTIONS, "training", rows)
    plan = gpu.Plan(torch.device("cpu"), [1], [8], 0.0, 8, [], 1, 12, 1, 1, [8])
    gpu.measure("training", plan, 1.0, content)
    assert "TimeoutError" in content["errors"]["training"]
    page = gpu.markdown(content)
    assert "| a, b, eager | 12,346 |" in page
    assert "Section training ended early: TimeoutError" in page
    assert "Not measured: agreement, waiting, reach, photos, compile" in page
