/** Observations: the model's output for the faces of one frame, before they get a track. */

import { boundingBox } from "../predict/affine.js";
import { fitPose } from "./pose2d.js";

/**
 * An observation of a face, or null where its points give no pose.
 *
 * @param face {points (K, 2), radius (K), score, visible (K) or undefined}, in pixels.
 * @param settings the page's settings.
 * @param {Float32Array | null} appearance from `appearanceDescriptor`; null: unknown.
 * @returns {object | null} {face, points, radius, score, visible, pose (4), size: longer side of
 *   the points' box in pixels, box: [x, y, width, height], appearance}.
 */
export function observe(face, settings, appearance = null) {
  const { points, radius, score } = face;
  const visible = face.visible ?? null;
  if (!points.every(([x, y]) => Number.isFinite(x) && Number.isFinite(y))) return null;
  const shape = settings.model.canonical_points;
  const pose = fitPose(points, radius, shape, visible, settings.tracking.least_visible);
  if (!pose) return null;
  const box = boundingBox(points);
  const size = Math.max(box[2], box[3]);
  return { face, points, radius, score, visible, pose, size, box, appearance };
}

/** The same observation in a frame of another resolution, `factor` times as large. */
export function rescaled(observation, factor) {
  const { points, radius, pose: [x, y, logScale, rotation], size, box } = observation;
  return {
    ...observation,
    points: points.map(([px, py]) => [px * factor, py * factor]),
    radius: radius.map((value) => value * factor),
    pose: [x * factor, y * factor, logScale + Math.log(factor), rotation],
    size: size * factor,
    box: box.map((value) => value * factor),
  };
}

/** Divisor (4) that turns the pixels of a difference of poses into face sizes. */
export function poseScale({ size }) {
  const side = Math.max(size, 1e-3);
  return [side, side, 1, 1];
}

/** Distance of two poses in pixels. */
export function distance(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}

/** Correlation of two appearance descriptors, [-1, 1]. An unknown one resembles every other. */
export function similarity(a, b) {
  if (!a || !b) return 1;
  let total = 0;
  for (let k = 0; k < a.length; k++) total += a[k] * b[k];
  return total;
}
