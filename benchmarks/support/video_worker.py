"""Runs MediaPipe's tracking mode on a clip in the peers' environment, without facepoints.

python video_worker.py CLIP FACES     # prints {"frames": n, "faces": n, "seconds": s}
python video_worker.py CLIP 0         # decoding alone
"""

# pyright: reportMissingImports=false
# The peers live in another environment than the one that is type-checked.

from __future__ import annotations

import json
import sys
import time


def main(clip: str, faces: int) -> None:
    """Process all frames and print the time it took. Loading is not counted: the first frame is
    processed once before."""
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
    if process is not None:
        process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    frames = detected = 0
    start = time.perf_counter()
    while True:
        done, image = capture.read()
        if not done:
            break
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        if process is not None:
            detected += len(process(rgb).multi_face_landmarks or [])
        frames += 1
    seconds = time.perf_counter() - start
    print(json.dumps({"frames": frames, "faces": detected, "seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
