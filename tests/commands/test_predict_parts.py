"""Parts: each file depends on its number alone, whoever computes it and whatever is interrupted."""

from __future__ import annotations

import errno
import itertools
import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fakes import MeanModel
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from facepoints._util.progress import Stopped
from facepoints.commands import image_files
from facepoints.commands.merge import merge
from facepoints.commands.part_job import Shard, prepare
from facepoints.commands.predict_parts import PartsReport, predict_parts
from facepoints.commands.predict_video import predict_videos
from facepoints.detection import FullImageDetector
from facepoints.errors import DataError, SettingsError, WriteError
from facepoints.inference import batches
from facepoints.inference.face import Face
from facepoints.inference.landmark_model import LandmarkOutput
from facepoints.inference.predictor import Predictor
from facepoints.landmarks.known_sets import KAGGLE_15
from facepoints.results.formats import read_faces
from facepoints.results.parts import MANIFEST, Manifest, read_manifest
from facepoints.sources import CredentialsError, StoreError, read_part
from facepoints.tracking.config import TrackerConfig
from facepoints.video.source import find_inputs

pytest.importorskip("pyarrow")
COUNT = 11


class Known(MeanModel):
    """A model of a file, whose points depend on the size of the image alone."""

    file, checksum = "mean.onnx", "0123456789abcdef"


def predictor(**settings: Any) -> Predictor:
    return Predictor(Known(), FullImageDetector(), **settings)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Eleven images of different sizes, of which one is broken."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(COUNT):
        image = np.full((40 + number, 30 + 2 * number), 9 * number, np.uint8)
        cv2.imwrite(str(folder / f"{number:02}.png"), image)
    (folder / "04.png").write_bytes(b"no image")
    return folder


def fill(photos: Path, out: object, shard: str = "1/1", **options: Any) -> PartsReport:
    """Compute parts of two images each."""
    options = {"part_size": 2, "shard": Shard.parse(shard)} | options
    model = options.pop("model", None) or predictor()
    return predict_parts(model, prepare(model, [str(photos)], str(out), **options))


def contents(folder: Path) -> dict[str, bytes]:
    """All files but the manifest, by name."""
    return {f.name: f.read_bytes() for f in sorted(folder.iterdir()) if f.name != MANIFEST}


def manifest_of(folder: object) -> Manifest:
    manifest = read_manifest(str(folder))
    assert manifest is not None
    return manifest


# The same bytes


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_the_bytes_of_a_part_do_not_depend_on_shards_or_their_order(
    photos: Path, tmp_path: Path, format: str
) -> None:
    fill(photos, tmp_path / "one", format=format)
    whole = contents(tmp_path / "one")
    assert list(whole) == [f"part-{n:05}.{format}" for n in range(6)]
    for shards in (2, 5):
        out = tmp_path / f"of-{shards}"
        for shard in random.Random(shards).sample(range(1, shards + 1), shards):
            fill(photos, out, f"{shard}/{shards}", format=format)
        assert contents(out) == whole
        assert manifest_of(out).run == manifest_of(tmp_path / "one").run


class Slower(Known):
    """Takes longer for the first pictures, which are small."""

    def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
        time.sleep(0.02 * max(0, 6 - self.calls))
        self.calls += 1
        return super().__call__(crops)

    calls = 0


def test_the_bytes_do_not_depend_on_how_many_batches_are_predicted_at_once(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_BATCH", 2)
    fill(photos, tmp_path / "one", part_size=COUNT)
    for at_once in (2, 5):
        monkeypatch.setattr(image_files, "batches_at_once", lambda *_, count=at_once: count)
        out = tmp_path / f"at-once-{at_once}"
        model = Predictor(Slower(), FullImageDetector())
        prepared = prepare(model, [str(photos)], str(out), part_size=COUNT)
        report = predict_parts(model, prepared)
        assert (report.images, report.unreadable) == (COUNT, 1)
        assert contents(out) == contents(tmp_path / "one")


def test_rows_come_back_in_the_order_of_the_source_with_their_errors(
    photos: Path, tmp_path: Path
) -> None:
    report = fill(photos, tmp_path / "out")
    assert (report.images, report.faces, report.unreadable) == (COUNT, COUNT - 1, 1)
    assert report.summary().startswith("6 of 6 parts done; 11 images: 10 faces, 1 unreadable; ")
    results = read_faces(tmp_path / "out")
    assert [Path(one.file).name for one in results] == [f"{n:02}.png" for n in range(COUNT)]
    assert "04.png is not an image of a known kind" in results[4].error
    assert results[7].size == (47, 44)
    (face,) = results[7].faces
    (wanted,) = predictor()(photos / "07.png")
    np.testing.assert_array_equal(face.points, wanted.points)


def test_the_manifest_says_what_the_parts_come_from(photos: Path, tmp_path: Path) -> None:
    fill(photos, tmp_path / "out", "2/4", command="facepoints predict photos")
    manifest = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert manifest["model"] == {"file": "mean.onnx", "checksum": "0123456789abcdef"}
    assert manifest["settings"]["min_score"] == 0.5
    assert (manifest["part_size"], manifest["format"]) == (2, "parquet")
    assert manifest["pictures"] == [[2, 5], [1, 1]]  # five parts of two, one of one
    read = manifest_of(tmp_path / "out")
    assert read.pictures == [2, 2, 2, 2, 2, 1]
    assert read.shard_command(1, 4) == "facepoints predict photos --shard 2/4"
    assert list(contents(tmp_path / "out")) == ["part-00001.parquet", "part-00005.parquet"]


@given(of=st.integers(1, 300), part=st.integers(0, 10**6))
def test_each_part_belongs_to_exactly_one_shard(of: int, part: int) -> None:
    owners = [k for k in range(1, of + 1) if Shard(k, of).has(part)]
    assert owners == [part % of + 1]


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2", "1/2/3", ""])
def test_a_shard_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="a shard is K/N with K from 1 to N"):
        Shard.parse(text)


# Going on


def test_a_folder_in_the_place_of_a_part_is_no_part(photos: Path, tmp_path: Path) -> None:
    fill(photos, tmp_path / "out")
    part = tmp_path / "out" / "part-00003.parquet"
    part.unlink()
    part.mkdir()
    with pytest.raises(WriteError, match=r"part-00003.parquet"):
        fill(photos, tmp_path / "out")


def test_a_rerun_computes_what_is_missing(photos: Path, tmp_path: Path) -> None:
    fill(photos, tmp_path / "out")
    whole = contents(tmp_path / "out")
    (tmp_path / "out" / "part-00003.parquet").unlink()
    report = fill(photos, tmp_path / "out")
    assert contents(tmp_path / "out") == whole
    assert report.images == 2
    assert report.summary().startswith("6 of 6 parts done, 5 of them before; 2 images: 2 faces; ")


def changed_source(photos: Path) -> None:
    cv2.imwrite(str(photos / "extra.png"), np.zeros((20, 20), np.uint8))


class OtherModel(Known):
    file, checksum = "other.onnx", "fedcba9876543210"


DIFFERENT: list[tuple[str, dict[str, Any]]] = [
    ("min_score is 0.5 there and 0.7 here", {"model": predictor(min_score=0.7)}),
    (
        "the model is mean.onnx .0123456789ab. there and other.onnx .fedcba987654. here",
        {"model": Predictor(OtherModel(), FullImageDetector())},
    ),
    ("the landmark set is ibug-68 there and kaggle-15 here", {"landmarks": KAGGLE_15}),
    ("part_size is 2 there and 3 here", {"part_size": 3}),
    ("format is parquet there and jsonl here", {"format": "jsonl"}),
    ("facepoints is 0.0.1 there and", {}),
    (r"the source .*photos has changed since", {}),
]


@pytest.mark.parametrize(("message", "options"), DIFFERENT, ids=lambda each: str(each)[:20])
def test_another_run_is_refused_with_what_differs(
    photos: Path, tmp_path: Path, message: str, options: dict[str, Any]
) -> None:
    out = tmp_path / "out"
    fill(photos, out, "6/6")
    if "changed" in message:
        changed_source(photos)
    if message.startswith("facepoints"):
        text = json.loads((out / MANIFEST).read_text()) | {"facepoints": "0.0.1"}
        (out / MANIFEST).write_text(json.dumps(text))
    before = contents(out)
    with pytest.raises(WriteError, match=f"{out} holds parts of another run: {message}") as refused:
        fill(photos, out, **options)
    assert "\n" not in str(refused.value)
    assert contents(out) == before


def test_overwrite_begins_again(photos: Path, tmp_path: Path) -> None:
    out, other = tmp_path / "out", {"min_score": 0.7}
    fill(photos, out, format="jsonl")
    fill(photos, out, model=predictor(**other), overwrite=True)
    fill(photos, tmp_path / "fresh", model=predictor(**other))
    assert contents(out) == contents(tmp_path / "fresh")
    assert manifest_of(out).run == manifest_of(tmp_path / "fresh").run


def test_overwrite_of_the_same_run_begins_the_shard_again(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    fill(photos, out)
    (out / "part-00000.parquet").write_bytes(b"of shard 1")
    (out / "part-00001.parquet").write_bytes(b"of shard 2")
    fill(photos, out, "2/2", overwrite=True)
    assert (out / "part-00000.parquet").read_bytes() == b"of shard 1"
    assert (out / "part-00001.parquet").read_bytes() != b"of shard 2"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_other_files_is_refused(photos: Path, tmp_path: Path, overwrite: bool) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "holiday.txt").write_text("mine")
    with pytest.raises(WriteError, match=r"holds 1 file .holiday.txt. and no manifest"):
        fill(photos, out, overwrite=overwrite)
    assert os.listdir(out) == ["holiday.txt"]


def test_a_folder_that_another_run_took_meanwhile_is_left_alone(
    photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    model = predictor()
    prepared = prepare(model, [str(photos)], str(out), part_size=2)
    fill(photos, out, overwrite=True, part_size=5)
    after = contents(out)
    with pytest.raises(WriteError, match=r"manifest.json was replaced by another run"):
        predict_parts(model, prepared)
    assert contents(out) == after


WRONG = {
    "model": 5,
    "settings": [],
    "inputs": [1],
    "pictures": [[1, 10**12]],
    "format": "csv",
    "part_size": "many",
    "landmarks": "none",
    "kinds": None,
    "shards": 0,
}


def test_a_damaged_manifest_is_an_error_of_one_line(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    fill(photos, out, "6/6")
    whole = json.loads((out / MANIFEST).read_text())
    damaged = [json.dumps(whole | {name: value}) for name, value in WRONG.items()]
    for text in ("", "[]", '{"facepoints": 1}', "{", *damaged):
        (out / MANIFEST).write_text(text)
        with pytest.raises(DataError, match=r"manifest.json.*begin again with `over") as refused:
            fill(photos, out)
        assert "\n" not in str(refused.value)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(WriteError, match=r"holds 1 file .notes.txt. and no manifest.json of"):
        fill(photos, out, overwrite=True)
    (out / "notes.txt").unlink()
    fill(photos, out, "5/6", overwrite=True)
    assert list(contents(out)) == ["part-00004.parquet"]  # none of an unknown run is left
    assert manifest_of(out).parts == 6


# Interruptions


def in_child(work: Callable[[], object]) -> int:
    """Do work in a fork of this process; its process id. It ends with 3 after an error."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException:
        os._exit(3)


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@needs_fork
def test_sigkill_at_random_moments_leaves_whole_parts_and_the_rerun_the_same_bytes(
    photos: Path, tmp_path: Path
) -> None:
    fill(photos, tmp_path / "whole")  # its time is not taken: it imports modules as well
    started = time.monotonic()
    fill(photos, tmp_path / "again")
    took = time.monotonic() - started
    whole, manifest = contents(tmp_path / "whole"), (tmp_path / "whole" / MANIFEST).read_bytes()
    chance, killed, number = random.Random(0), 0, 0
    while number < 4 or killed < 2:
        out, number = tmp_path / f"out-{number}", number + 1
        while True:
            child = in_child(lambda out=out: fill(photos, out))
            time.sleep(chance.uniform(0, took))
            os.kill(child, signal.SIGKILL)
            status = ended(child)
            there = contents(out) if out.exists() else {}
            visible = {n: b for n, b in there.items() if not n.startswith(".")}
            assert visible.items() <= whole.items()
            killed += status != 0
            took *= 1 if status else 0.8  # the machine is faster now
            if status == 0 or chance.random() < 0.5:
                break
        fill(photos, out)
        assert (out / MANIFEST).read_bytes() == manifest
        visible = {n: b for n, b in contents(out).items() if not n.startswith(".")}
        assert visible == whole


@needs_fork
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_sigkill_within_the_write_of_a_part_leaves_no_part(
    photos: Path, tmp_path: Path, call: str
) -> None:
    out = tmp_path / "out"
    fill(photos, tmp_path / "whole")

    def killed_in_third_part() -> None:
        real, calls = getattr(os, call), itertools.count()

        def kill(*arguments: Any, **options: Any) -> Any:
            if next(calls) == 3:  # of the manifest, and of two parts before
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        setattr(os, call, kill)
        fill(photos, out)

    assert ended(in_child(killed_in_third_part)) == -signal.SIGKILL
    assert [n for n in contents(out) if n[0] != "."] == ["part-00000.parquet", "part-00001.parquet"]
    assert any(n[0] == "." for n in contents(out))  # what was being written
    assert ended(in_child(lambda: fill(photos, out))) == 0  # a process that has not seen it
    assert contents(out) == contents(tmp_path / "whole")


@needs_fork
def test_two_processes_with_the_same_shard_at_once_do_no_harm(photos: Path, tmp_path: Path) -> None:
    fill(photos, tmp_path / "whole")
    out = tmp_path / "out"
    children = [in_child(lambda: fill(photos, out)) for _ in range(3)]
    assert [ended(child) for child in children] == [0, 0, 0]
    assert contents(out) == contents(tmp_path / "whole")


class Interrupting(Predictor):
    """Presses Ctrl-C while it computes the third batch."""

    batches = 0

    def predict_batch(self, images: Any, names: Any) -> list[list[Face]]:
        self.batches += 1
        if self.batches == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return super().predict_batch(images, names)


def test_ctrl_c_says_what_is_done_and_the_same_command_goes_on(
    photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    model = Interrupting(Known(), FullImageDetector())
    with pytest.raises(Stopped, match=r"^stopped: 2 of 6 parts are done and stay in .*; the same"):
        fill(photos, out, model=model)
    assert list(contents(out)) == ["part-00000.parquet", "part-00001.parquet"]
    report = fill(photos, out)
    assert report.images == COUNT - 4
    fill(photos, tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_full_or_lost_destination_is_one_line_and_what_is_done_stays(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    calls, real = itertools.count(), os.fsync

    def full(file: int) -> None:
        if next(calls) >= 3:
            raise OSError(code, os.strerror(code))
        real(file)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError) as failed:
        fill(photos, tmp_path / "out")
    message = str(failed.value)
    assert message.endswith(
        f"part-00002.parquet: {os.strerror(code)}; 2 of 6 parts are done and stay in "
        f"{tmp_path / 'out'}"
    )
    assert list(contents(tmp_path / "out")) == ["part-00000.parquet", "part-00001.parquet"]
    monkeypatch.undo()
    fill(photos, tmp_path / "out")
    assert len(contents(tmp_path / "out")) == 6


def test_a_part_that_cannot_be_read_now_is_left_out_and_the_others_are_done(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttled(part: Any) -> Any:
        if part.number == 2:
            raise StoreError("s3://bucket answers: slow down")
        return read_part(part)

    monkeypatch.setattr("facepoints.commands.predict_parts.read_part", throttled)
    report = fill(photos, tmp_path / "out")
    assert (report.failed, report.failure) == ([2], "s3://bucket answers: slow down")
    assert "5 of 6 parts done" in report.summary()
    assert "part-00002.parquet" not in contents(tmp_path / "out")
    monkeypatch.undo()
    assert fill(photos, tmp_path / "out").images == 2


def test_refused_credentials_end_the_run_and_what_is_done_stays(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def expired(part: Any) -> Any:
        if part.number == 2:
            raise CredentialsError("access was refused (the token has expired)")
        return read_part(part)

    monkeypatch.setattr("facepoints.commands.predict_parts.read_part", expired)
    out = tmp_path / "out"
    text = rf"the token has expired\); 2 of 6 parts are done and stay in {out}"
    with pytest.raises(CredentialsError, match=text):
        fill(photos, out)
    monkeypatch.undo()
    assert fill(photos, out).done == 4


# Stores and videos


def test_parts_are_written_to_and_read_from_a_store(photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    fill(photos, tmp_path / "local")
    fill(photos, "memory://bucket/faces/", "1/2")
    fill(photos, "memory://bucket/faces/", "2/2")
    local, stored = read_faces(tmp_path / "local"), read_faces("memory://bucket/faces/")
    assert [(r.file, r.error, r.size) for r in stored] == [(r.file, r.error, r.size) for r in local]
    assert [r.faces for r in stored] == [r.faces for r in local]
    with pytest.raises(WriteError, match=r"memory://bucket/faces/ holds parts of another run"):
        fill(photos, "memory://bucket/faces/", part_size=4)
    fill(photos, "memory://bucket/faces/", part_size=4, overwrite=True)
    assert len(read_faces("memory://bucket/faces/")) == COUNT


class Bright:
    """Finds the bright square of a frame."""

    def detect(self, image: NDArray[np.uint8]) -> list[Any]:
        from facepoints.detection import Detection

        rows, columns = np.nonzero(image[..., 0] > 128)
        if not len(rows):
            return []
        x, y = int(columns.min()), int(rows.min())
        size = (float(columns.max() - x), float(rows.max() - y))
        return [Detection((float(x), float(y), *size), 0.95)]

    def __repr__(self) -> str:
        return "Bright()"


def clip(path: Path, start: int) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (96, 80))
    for frame in range(9):
        image = np.zeros((80, 96, 3), np.uint8)
        image[20:60, start + frame : start + frame + 40] = 255
        writer.write(image)
    writer.release()


def test_a_video_is_a_part_with_whole_tracks(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    clip(folder / "a.mp4", 5)
    clip(folder / "b.mp4", 30)
    (folder / "c.mp4").write_bytes((folder / "a.mp4").read_bytes()[:600])
    model = Predictor(Known(), Bright())
    for shard in ("1/2", "2/2"):
        fill(folder, tmp_path / "out", shard, model=model, format="jsonl")
    parts = contents(tmp_path / "out")
    assert len(parts) == 3
    plain = tmp_path / "plain.jsonl"
    predict_videos(model, find_inputs([str(folder)]).videos, out=plain)
    assert b"".join(parts.values()) == plain.read_bytes()
    results = read_faces(tmp_path / "out")
    assert [r.frame for r in results if not r.error] == [*range(9), *range(9)]
    assert {face.track_id for r in results for face in r.faces} == {0}
    assert "c.mp4" in results[-1].error
    merge(str(tmp_path / "out"), tmp_path / "all.csv")
    predict_videos(model, find_inputs([str(folder)]).videos, out=tmp_path / "plain.csv")
    assert (tmp_path / "all.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()
    with pytest.raises(WriteError, match=r"tracking is .* there and .* here"):
        fill(
            folder,
            tmp_path / "out",
            model=model,
            format="jsonl",
            config=TrackerConfig(smooth=False),
        )
