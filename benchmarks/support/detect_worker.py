"""Runs MediaPipe's face detectors in the peers' own environment; it knows nothing of facepoints.

    python detect_worker.py 0|1          # model: 0 short range, 1 full range

For every line on standard input, the name of a picture file: one line on standard output, JSON
{"seconds": of the detector's call, the picture read before; "faces": [[x, y, width, height,
score, angle], ...]} with boxes in pixels, the centre of the top-left pixel at (0, 0), and the
angle of the line through the eyes, degrees clockwise.
"""

# pyright: reportMissingImports=false
# The peers live in another environment than the one that is type-checked.

from __future__ import annotations

import json
import math
import sys
import time


def main(model: int) -> None:
    import cv2
    from mediapipe import solutions

    detector = solutions.face_detection.FaceDetection(
        model_selection=model, min_detection_confidence=0.5
    )
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        picture = cv2.imread(line.rstrip("\n"))
        if picture is None:
            raise SystemExit(f"could not read image {line!r}")
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        start = time.perf_counter()
        found = detector.process(picture).detections or []
        seconds = time.perf_counter() - start
        height, width = picture.shape[:2]
        faces = []
        for face in found:
            box, (right, left) = (
                face.location_data.relative_bounding_box,
                face.location_data.relative_keypoints[:2],
            )
            angle = math.atan2((left.y - right.y) * height, (left.x - right.x) * width)
            place = [box.xmin * width - 0.5, box.ymin * height - 0.5]
            size = [box.width * width, box.height * height]
            faces.append([*place, *size, face.score[0], math.degrees(angle)])
        print(json.dumps({"seconds": seconds, "faces": faces}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
