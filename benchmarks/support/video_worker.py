"""Runs MediaPipe's tracking mode on a clip in the peers' environment, without facepoints.

python video_worker.py CLIP FACES       # prints {"frames": n, "faces": n, "seconds": s}
python video_worker.py CLIP 0           # decoding alone
python video_worker.py CLIP FACES each  # prints {"each": [faces of every frame]}
"""

# pyright: reportMissingImports=false
# The peers live in another environment than the one that is type-checked.

from __future__ import annotations

import json
import sys
import time


def main(clip: str, faces: int, each: bool) -> None:
    """Process all frames and print the time it took. Loading is not counted: the first frame is
    processed once before, unless the faces of every frame are wanted."""
    import cv2

    process = None
    if faces:
        import mediapipe

        mesh = mediapipe.solutions.face_mesh.FaceMesh(
            static_image_mode=False, max_num_faces=faces, refine_landmarks=False
        )
        process = mesh.process
    capture = cv2.VideoCapture(clip, cv2.CAP_FFMPEG)
    done, image = capture.read()
    if not done:
        raise SystemExit(f"could not read {clip}")
    if process is not None and not each:
        process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    if each:
        capture = cv2.VideoCapture(clip, cv2.CAP_FFMPEG)
    counts: list[int] = []
    frames = detected = 0
    start = time.perf_counter()
    while True:
        done, image = capture.read()
        if not done:
            break
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        if process is not None:
            counts.append(len(process(rgb).multi_face_landmarks or []))
            detected += counts[-1]
        frames += 1
    seconds = time.perf_counter() - start
    print(json.dumps({"each": counts} if each else
                     {"frames": frames, "faces": detected, "seconds": seconds}))  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), "each" in sys.argv[3:])
