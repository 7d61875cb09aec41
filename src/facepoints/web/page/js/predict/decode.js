/**
 * Reads the output of the detector's network, as `decode` in Python's `detection/builtin.py`, where
 * the 16 values of a cell are described.
 */

import { degrees } from "./affine.js";
import { iou, overlapOfSmaller } from "./detections.js";

/**
 * The faces in the output, each once, most confident first.
 *
 * @param {Float32Array} cells 16 x N values of one image.
 * @param {number[]} size [height, width] of that image in pixels.
 * @param {number} minScore minimum score of a cell.
 * @param {number[]} scale factors [x, y] by which the image was resized to `size`. The result is
 *   in pixels of the image before.
 * @param {object} settings "detector" of the page's settings.
 * @returns {object[]} detections.
 */
export function decode(cells, size, minScore, scale, settings) {
  const found = candidates(cells, size, minScore, scale, settings);
  const faces = [];
  let left = found;
  while (left.length) {
    const [best] = left;
    const overlaps = left.map(({ box }) => [iou(box, best.box), overlapOfSmaller(box, best.box)]);
    const isSame = overlaps.map(
      ([united, smaller], k) =>
        k === 0 || united > settings.same_iou || smaller > settings.same_overlap,
    );
    const isNear = (_, k) => k === 0 || (isSame[k] && overlaps[k][0] > settings.mean_iou);
    const near = left.filter(isNear);
    faces.push(detection(averageFrame(near), best.score, settings.mean_box));
    left = left.filter((_, k) => !isSame[k]);
  }
  return faces;
}

/** Cells with a face as {score, frame, box}, most confident first. A frame is the face's center
 * x, y, and the vector along the brows, as long as the longer side of its box. */
function candidates(cells, size, minScore, scale, settings) {
  const odds = minScore < 1 ? Math.log(minScore / (1 - minScore)) : Infinity;
  const found = [];
  let number = 0;
  const count = cells.length / 16;
  for (const stride of settings.strides) {
    const [rows, columns] = [Math.floor(size[0] / stride), Math.floor(size[1] / stride)];
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1, number += 1) {
        if (!(cells[number] >= odds)) continue;
        const values = Array.from({ length: 16 }, (_, k) => cells[k * count + number]);
        // a network whose training diverged may give NaN, or a zero vector: no face there
        if (!values.every(Number.isFinite) || (values[4] === 0 && values[5] === 0)) continue;
        const place = [(column + 0.5) * stride, (row + 0.5) * stride];
        found.push(candidate(values, place, scale));
      }
    }
  }
  return found.sort((a, b) => b.odds - a.odds);
}

function candidate(values, [x, y], scale) {
  const length = Math.exp(Math.min(Math.max(values[3], -1), 9));
  const factor = length / Math.max(Math.hypot(values[4], values[5]), 1e-4);
  const frame = [
    (values[1] + x) / scale[0] - 0.5,
    (values[2] + y) / scale[1] - 0.5,
    (values[4] * factor) / scale[0],
    (values[5] * factor) / scale[1],
  ];
  const side = Math.hypot(frame[2], frame[3]);
  const box = [frame[0] - side / 2, frame[1] - side / 2, side, side];
  return { odds: values[0], score: 1 / (1 + Math.exp(-values[0])), frame, box };
}

/** The mean frame, weighted by the scores: more exact than the most confident cell alone. */
function averageFrame(near) {
  const total = near.reduce((sum, { score }) => sum + score, 0);
  return [0, 1, 2, 3].map(
    (k) => near.reduce((sum, { score, frame }) => sum + score * frame[k], 0) / total,
  );
}

function detection([x, y, across, down], score, meanBox) {
  const size = Math.hypot(across, down);
  const [width, height] = [meanBox[2] * size, meanBox[3] * size];
  return {
    box: [x - width / 2, y - height / 2, width, height],
    score,
    angle: degrees(Math.atan2(down, across)),
  };
}
