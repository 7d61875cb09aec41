"""facepoints predict --ray on a cluster of two nodes in this machine: a node that dies, workers
that die, errors in one line, S3 as source and destination."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
from ray_tasks import Deadly, Failing, Gpu, Refusing
from s3_server import S3Server, s3_server
from skimage import data
from waiting import PATIENCE, wait_until

import facepoints
from facepoints import _version
from facepoints._util.console import PlainConsole
from facepoints.api import FaceModel
from facepoints.cli.main import main
from facepoints.commands import ray_pool
from facepoints.commands.part_job import prepare
from facepoints.commands.predict_parts import predict_parts
from facepoints.commands.predict_ray import predict_ray
from facepoints.commands.ray_connection import connected
from facepoints.commands.ray_pool import RayPool, gpu_share
from facepoints.errors import DataError, MissingExtraError, SettingsError
from facepoints.results.parts import iter_parts
from facepoints.video.writer import VideoWriter

pytest.importorskip("ray", reason="needs facepoints[cluster]")
pytest.importorskip("av", reason="needs facepoints[video]")

pytestmark = pytest.mark.slow

PHOTO = data.astronaut()
PICTURES, FRAMES = 30, 10
PART_SIZE = 5
LEAN: dict[str, Any] = {"object_store_memory": 80_000_000, "include_log_monitor": False}


def picture(number: int) -> np.ndarray:
    """A part of the photo, (300, 300, 3), in which the face lies elsewhere in each picture."""
    x, y = 60 + number % 8 * 8, number // 8 * 3
    return np.ascontiguousarray(PHOTO[y : y + 300, x : x + 300])


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, two of them broken."""
    folder = tmp_path_factory.mktemp("source")
    for number in range(PICTURES):
        cv2.imwrite(str(folder / f"{number:03}.jpg"), picture(number)[..., ::-1])
    (folder / "013.jpg").write_bytes(b"no picture")
    (folder / "029.jpg").write_bytes((folder / "028.jpg").read_bytes()[:500])
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    with VideoWriter(path, 30) as writer:
        for number in range(FRAMES):
            writer.add(picture(number), number / 30)
    return path


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def cluster(s3: S3Server) -> Iterator[Any]:
    """A cluster whose head does no work, with two nodes of one processor that know the S3 server.
    Each node tells Ray that it has a GPU. In fact there is none."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3.environment().items():
            patch.setenv(name, value)
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))  # ray_tasks
        patch.setenv("RAY_worker_niceness", "0")
        started = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "include_dashboard": False, **LEAN},
        )
        for _ in range(2):
            started.add_node(num_cpus=1, num_gpus=1, **LEAN)
        yield started
        started.shutdown()


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return facepoints.load(threads=1)


def parts_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("part-*"))}


def kill_a_working_node(cluster: Any, folder: Path, killed: list[Any]) -> None:
    """Kill a node whose worker has begun a part, once two other parts are done."""
    node, worker = wait_until(lambda: a_busy_worker(cluster), pause=0.002)
    worker.suspend()  # it does not end its part before
    wait_until(lambda: len(list(folder.glob("part-*"))) >= 2)
    for process, _ in processes_of(node):  # as when the power fails
        with suppress(psutil.Error):
            process.kill()
    cluster.remove_node(node, allow_graceful=False)
    killed.append(node)


def a_busy_worker(cluster: Any) -> tuple[Any, psutil.Process] | None:
    """A node with its process that computes a part; None if there is none."""
    for node in list(cluster.worker_nodes):
        for process, command in processes_of(node):
            if "Worker.do" in command:
                return node, process
    return None


def processes_of(node: Any) -> list[tuple[psutil.Process, str]]:
    """The processes of a node that still run, each with its command."""
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    found = []
    for process in [*raylet.children(recursive=True), raylet]:
        with suppress(psutil.Error):
            found.append((process, " ".join(process.cmdline())))
    return found


def test_a_node_dies_and_the_parts_are_those_of_one_process(
    cluster: Any,
    source: Path,
    clip: Path,
    model: FaceModel,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    inputs = [str(source), str(clip)]
    predict_parts(model, prepare(model, inputs, str(alone), part_size=PART_SIZE))
    prepared = prepare(model, inputs, str(shared), part_size=PART_SIZE)
    killed: list[Any] = []
    killer = threading.Thread(target=kill_a_working_node, args=(cluster, shared, killed))
    killer.start()
    report = predict_ray(
        model, prepared, cluster.address, console=PlainConsole(stderr=True, width=200)
    )
    killer.join()
    cluster.add_node(num_cpus=1, num_gpus=1, **LEAN)

    assert len(killed) == 1
    shown = capsys.readouterr()
    assert "lost the worker on" in shown.err
    assert not shown.out
    assert parts_of(shared) == parts_of(alone)
    assert len(parts_of(shared)) == PICTURES // PART_SIZE + 1 == report.done
    assert report.unreadable == 2
    results = list(iter_parts(shared))
    assert sorted(Path(r.file).name for r in results if r.error) == ["013.jpg", "029.jpg"]
    frames = [result for result in results if result.file.endswith(".mp4")]
    assert [result.frame for result in frames] == list(range(FRAMES))
    assert {face.track_id for result in frames for face in result.faces} == {0}


def test_a_store_as_source_and_destination(
    cluster: Any, s3: S3Server, source: Path, model: FaceModel, tmp_path: Path
) -> None:
    fsspec = pytest.importorskip("fsspec")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3.environment().items():
            patch.setenv(name, value)
        store = fsspec.filesystem("s3", skip_instance_cache=True)
        store.mkdir("ray")
        store.put_file(str(source / "000.jpg"), "ray/in/000.jpg")
        store.put_file(str(source / "013.jpg"), "ray/in/013.jpg")
        s3.throttled = 2
        inputs = ["s3://ray/in/"]
        report = predict_ray(
            model, prepare(model, inputs, "s3://ray/out/", part_size=1), cluster.address
        )
        predict_parts(model, prepare(model, inputs, "s3://ray/alone/", part_size=1))
        assert (report.images, report.faces, report.unreadable) == (2, 1, 1)
        for part in ("part-00000.parquet", "part-00001.parquet"):
            assert store.cat_file(f"ray/out/{part}") == store.cat_file(f"ray/alone/{part}")


def test_a_node_that_does_not_see_the_folder_is_refused(
    cluster: Any, source: Path, model: FaceModel, tmp_path: Path
) -> None:
    prepared = prepare(model, [str(source)], str(tmp_path / "out"), part_size=PART_SIZE)
    elsewhere = replace(prepared, job=replace(prepared.job, folder=str(tmp_path / "none")))
    with pytest.raises(SettingsError, match=r"it sees no .*none.manifest\.json; use an address"):
        predict_ray(model, elsewhere, cluster.address, workers=1)


@pytest.mark.parametrize(
    ("workers", "gpus", "share"),
    [(None, 8, 1), (8, 8, 1), (9, 8, 0.5), (16, 8, 0.5), (3, 1, 0.3333), (4, 0, 1)],
)
def test_workers_share_gpus_if_there_are_more_of_them(
    workers: int | None, gpus: int, share: float
) -> None:
    assert gpu_share(workers, gpus) == share
    assert gpus == 0 or share * (workers or gpus) <= gpus


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--ray", "--ray-workers", "0"], "a Ray cluster needs 1 worker or more, got 0"),
        (["--ray", "--device", "cuda:1"], "with Ray, the device is cpu, cuda or tensorrt"),
        (["--ray=somewhere"], "a Ray cluster is local, auto, HOST:PORT or ray://HOST:PORT; got"),
        (["--ray", "127.0.0.1:9"], "could not connect to Ray (127.0.0.1:9): [Errno"),
    ],
)
def test_what_cannot_work_is_one_line(
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    expected: str,
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["predict", str(source), "--out", f"{tmp_path / 'out'}/", *words])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith(f"error: {expected}")
    assert len(said.splitlines()) == 1


def test_auto_does_not_wait_for_a_cluster_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("127.0.0.1:9")
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    refused = r"could not connect to Ray \(auto\): .*refused"
    with pytest.raises(SettingsError, match=refused), connected("auto", cores=1):
        pass


def test_without_ray_the_extra_is_named(
    source: Path, model: FaceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    prepared = prepare(model, [str(source)], str(tmp_path / "out"), part_size=PART_SIZE)
    with pytest.raises(MissingExtraError, match=r"pip install 'facepoints\[cluster\]'"):
        predict_ray(model, prepared)


def test_a_stopped_run_is_finished_without_ray(
    source: Path, model: FaceModel, tmp_path: Path
) -> None:
    words = [str(source), "--part-size", "1", "--out"]
    command = [sys.executable, "-m", "facepoints", "predict", *words]
    stopped = subprocess.Popen(
        [*command, str(tmp_path / "out") + "/", "--ray", "--ray-workers", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: any((tmp_path / "out").glob("part-*")), stopped)
    os.killpg(stopped.pid, signal.SIGINT)  # as Ctrl-C in a terminal does
    out, err = stopped.communicate(timeout=PATIENCE)
    done = len(parts_of(tmp_path / "out"))
    assert stopped.returncode == 130
    said = re.match(rf"stopped: (\d+) of {PICTURES} parts are done and stay", err.splitlines()[-1])
    assert said is not None, err
    assert int(said[1]) <= done <= int(said[1]) + 1  # the worker may finish what it does
    assert "Traceback" not in err
    assert not out
    assert 0 < done < PICTURES

    subprocess.run([*command, str(tmp_path / "out") + "/"], check=True, capture_output=True)
    predict_parts(model, prepare(model, [str(source)], str(tmp_path / "alone"), part_size=1))
    assert parts_of(tmp_path / "out") == parts_of(tmp_path / "alone")


# Workers of one connection. These tests are the last: others connect themselves.


@pytest.fixture(scope="module")
def ray(cluster: Any) -> Iterator[Any]:
    with connected(cluster.address, cores=1) as connection:
        yield connection


def test_errors_of_the_task_are_results(ray: Any) -> None:
    outcomes = dict(RayPool[int, int](ray, Failing(), workers=1).run(range(4)))
    assert {item: outcomes[item] for item in (0, 2)} == {0: 0, 2: 2}
    assert [str(outcomes[item]) for item in (1, 3)] == ["1 is odd", "3 is odd"]
    assert isinstance(outcomes[1], DataError)


def test_an_item_that_ends_its_workers_is_named(ray: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_pool, "_TRIES", 2)
    said: list[str] = []
    pool = RayPool[int, int](ray, Deadly(), workers=1, say=said.append)
    results = pool.run([0, 7])
    assert next(results) == (0, 0)
    with pytest.raises(SettingsError, match=r"^7 was given to 2 workers, and all died; the last"):
        next(results)
    assert len(said) == 2


def test_a_worker_of_a_gpu_task_has_a_gpu(ray: Any) -> None:
    assert dict(RayPool[int, str](ray, Gpu(), gpu=True).run([0])) == {0: "0"}


def test_nodes_that_cannot_do_the_work_are_refused(
    ray: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match=r"worker on .* cannot do the work: it is Monday"):
        list(RayPool[int, int](ray, Refusing()).run([0]))
    version = _version.__version__
    monkeypatch.setattr(_version, "__version__", "0.0.1")
    wrong = f"it has facepoints {version}, and this command is of 0.0.1; install one version"
    with pytest.raises(SettingsError, match=wrong):
        list(RayPool[int, int](ray, Failing()).run([0]))


def test_a_head_that_is_gone_is_one_line(ray: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    results = RayPool[int, int](ray, Failing(), workers=1).run([0, 2])
    assert next(results) == (0, 0)
    monkeypatch.setattr(ray_pool, "head_answers", lambda ray: False)
    monkeypatch.setattr(ray_pool, "_RESOURCES", 0.01)
    with pytest.raises(SettingsError, match="the head of the Ray cluster does not answer"):
        next(results)
