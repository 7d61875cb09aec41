"""Runs MediaPipe's face detectors in the peers' environment, without facepoints.

    python detect_worker.py 0|1          # model: 0 short range, 1 full range

Each line of standard input is the name of an image file. It writes a line of JSON,
{"seconds": s, "faces": [[x, y, width, height, score, angle], ...]}: the time of the detector
without reading the file, boxes in pixels (the center of the top-left pixel is (0, 0)), and the
angle of the line through the eyes in degrees clockwise.
"""

# pyright: reportMissingImports=false
# The peers live in another environment than the one that is type-checked.

from __future__ import annotations

import math
import sys
import time
from typing import Any

from worker_loop import serve


def main(model: int) -> None:
    """Serve one of both detectors."""
    import cv2
    from mediapipe import solutions

    detector = solutions.face_detection.FaceDetection(
        model_selection=model, min_detection_confidence=0.5
    )

    def respond(file: str) -> dict[str, Any]:
        image = cv2.imread(file)
        if image is None:
            raise SystemExit(f"could not read image {file!r}")
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        start = time.perf_counter()
        detections = detector.process(image).detections or []
        seconds = time.perf_counter() - start
        height, width = image.shape[:2]
        faces = []
        for face in detections:
            box, (right, left) = (
                face.location_data.relative_bounding_box,
                face.location_data.relative_keypoints[:2],
            )
            angle = math.atan2((left.y - right.y) * height, (left.x - right.x) * width)
            corner = [box.xmin * width - 0.5, box.ymin * height - 0.5]
            size = [box.width * width, box.height * height]
            faces.append([*corner, *size, face.score[0], math.degrees(angle)])
        return {"seconds": seconds, "faces": faces}

    serve(respond)


if __name__ == "__main__":
    main(int(sys.argv[1]))
