"""Batches of any size, with any number of threads, give the same rows."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from facepoints import weights
from facepoints.errors import ModelError
from facepoints.runtime.shared_session import SharedSession

OUTPUTS = ("closed", "seen")


def session(threads: int) -> SharedSession:
    path = Path(weights.EYES)
    return SharedSession(path.read_bytes(), path, threads=threads)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_each_row_of_a_batch_is_as_it_is_alone(threads: int) -> None:
    rows = np.random.default_rng(0).integers(0, 256, (70, 32, 32), dtype=np.uint8)
    alone = session(1)
    each = [alone.run(OUTPUTS, "eyes", rows[[k]]) for k in range(len(rows))]
    model = session(threads)
    for count in (1, 2, 3, 4, 6, 9, 16, 70):
        for _ in range(8):  # with one thread and with all
            for name, values in enumerate(model.run(OUTPUTS, "eyes", rows[:count])):
                wanted = np.concatenate([one[name] for one in each[:count]])
                np.testing.assert_allclose(values, wanted, atol=1e-5)


def test_two_threads_share_two_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    model, rows = session(2), np.zeros((2, 32, 32), np.uint8)
    single, pool = model._single_threaded()
    ran: set[tuple[str, int]] = set()

    class Watched:
        def run(self, outputs: tuple[str, ...], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            ran.add((threading.current_thread().name, len(inputs["eyes"])))
            return [np.asarray(values) for values in single.run(outputs, inputs)]

    monkeypatch.setattr(model, "_parts", (Watched(), pool))
    monkeypatch.setattr(model._choice, "use_all", lambda: True)
    model.run(OUTPUTS, "eyes", rows)
    assert len(ran) == 2
    assert {count for _, count in ran} == {1}
    assert threading.current_thread().name in {name for name, _ in ran}


def test_a_failure_in_a_part_is_an_error_of_the_model() -> None:
    model = session(2)
    for _ in range(4):
        with pytest.raises(ModelError, match="could not be run"):
            model.run(("nothing",), "eyes", np.zeros((2, 32, 32), np.uint8))


@pytest.mark.parametrize("repeatable", [False, True])
def test_a_thread_may_go_on_after_the_main_thread_has_ended(repeatable: bool) -> None:
    code = f"""
import threading, time, numpy as np
from contextlib import nullcontext
from pathlib import Path
from facepoints import weights
from facepoints.runtime.repeatable import repeatable
from facepoints.runtime.shared_session import SharedSession
path = Path(weights.EYES)
model = SharedSession(path.read_bytes(), path, threads=2)
def work():
    threading.main_thread().join()
    time.sleep(0.3)  # the pools are closed a little later
    with repeatable() if {repeatable} else nullcontext():
        for count in (1, 2, 40) * 4:
            values = model.run(("seen",), "eyes", np.zeros((count, 32, 32), np.uint8))
            assert len(values[0]) == count
    print("done")
threading.Thread(target=work).start()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "done\n", done.stderr
