/**
 * Face detections, as in Python's `detection/base.py`.
 *
 * A detection is {box: [x, y, width, height], score, angle}: the box of the 68 landmarks if the
 * face were upright, a score of 0 to 1, and the degrees that it is rotated clockwise on the screen.
 */

import { apply, invert, rotationOf, scaleOf, wrapDegrees } from "./affine.js";

function sharedArea(a, b) {
  const across = Math.min(a[0] + a[2], b[0] + b[2]) - Math.max(a[0], b[0]);
  const down = Math.min(a[1] + a[3], b[1] + b[3]) - Math.max(a[1], b[1]);
  return across > 0 && down > 0 ? across * down : 0;
}

/** Intersection over union of two boxes. */
export function iou(a, b) {
  const shared = sharedArea(a, b);
  return shared ? shared / (a[2] * a[3] + b[2] * b[3] - shared) : 0;
}

/** Fraction of the smaller of two boxes that lies in the other. */
export function overlapOfSmaller(a, b) {
  const shared = sharedArea(a, b);
  return shared ? shared / Math.min(a[2] * a[3], b[2] * b[3]) : 0;
}

/** A detection in a transformed image, mapped back to the image before. */
export function mapDetection({ box, score, angle }, matrix) {
  const back = invert(matrix);
  const scale = scaleOf(back);
  const [x, y, width, height] = box;
  const center = apply(back, [x + width / 2, y + height / 2]);
  const size = [width * scale, height * scale];
  return {
    box: [center[0] - size[0] / 2, center[1] - size[1] / 2, ...size],
    score,
    angle: wrapDegrees(angle + rotationOf(back)),
  };
}

/** Detections of the same face merged into their mean, most confident face first. */
export function mergeDetections(detections, settings) {
  const groups = [];
  for (const detection of [...detections].sort((a, b) => b.score - a.score)) {
    const group = groups.find(
      ([first]) =>
        Math.abs(wrapDegrees(detection.angle - first.angle)) <= settings.merge_angle &&
        iou(detection.box, first.box) > settings.merge_iou,
    );
    if (group) group.push(detection);
    else groups.push([detection]);
  }
  return groups.map(mean);
}

function mean(group) {
  const [first] = group;
  if (group.length === 1) return first;
  const weights = group.map(({ score }) => score + 1e-6);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const average = (values) =>
    values.reduce((sum, value, k) => sum + value * weights[k], 0) / total;
  const turns = group.map(({ angle }) => wrapDegrees(angle - first.angle));
  return {
    box: [0, 1, 2, 3].map((side) => average(group.map(({ box }) => box[side]))),
    score: first.score,
    angle: wrapDegrees(first.angle + average(turns)),
  };
}
