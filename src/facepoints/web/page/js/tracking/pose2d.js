/**
 * Position, size and rotation of a face in an image, as four numbers: x and y of the center in
 * pixels, natural logarithm of the scale, rotation in radians.
 */

import { apply, fitSimilarity, scaleOf } from "../predict/affine.js";

/** Angle in radians, wrapped into [-pi, pi). */
export function wrapRadians(angle) {
  const turn = 2 * Math.PI;
  return ((((angle + Math.PI) % turn) + turn) % turn) - Math.PI;
}

/** Weights (K) of points by their visibility (K) in [0, 1]: its square, and at least a little. */
export function visibilityWeights(visible, leastVisible) {
  return Array.from(visible, (v) => Math.max(v, leastVisible) ** 2);
}

/** Mean of points (K, 2). */
export function meanPoint(points) {
  const total = [0, 0];
  for (const [x, y] of points) {
    total[0] += x;
    total[1] += y;
  }
  return [total[0] / points.length, total[1] / points.length];
}

/**
 * The pose of a face from its landmarks, weighted by 1 / radius squared and by visibility: the
 * least-squares similarity from the mean shape.
 *
 * @param {number[][]} points (K, 2) pixels.
 * @param {number[]} radius (K) pixels.
 * @param {number[][]} shape (K, 2) the mean shape.
 * @param {number[] | null} visible (K) in [0, 1]; null: unknown.
 * @param {number} leastVisible the visibility that a hidden point counts with.
 * @returns {number[] | null} null if all landmarks coincide.
 */
export function fitPose(points, radius, shape, visible, leastVisible) {
  const seen = visible ? visibilityWeights(visible, leastVisible) : null;
  const weights = Array.from(radius, (r, k) => (seen ? seen[k] : 1) / Math.max(r, 1e-3) ** 2);
  const matrix = fitSimilarity(shape, points, weights);
  const size = matrix ? scaleOf(matrix) : 0;
  if (!(size > 0) || !Number.isFinite(size)) return null;
  const [x, y] = apply(matrix, meanPoint(shape));
  return [x, y, Math.log(Math.max(size, 1e-9)), Math.atan2(matrix[3], matrix[0])];
}

/** The similarity from the shape's frame to pixels, as a matrix of `predict/affine.js`. */
export function poseToSimilarity(pose, center) {
  const size = Math.exp(pose[2]);
  const [cos, sin] = [size * Math.cos(pose[3]), size * Math.sin(pose[3])];
  return [
    cos, -sin, pose[0] - cos * center[0] + sin * center[1],
    sin, cos, pose[1] - sin * center[0] - cos * center[1],
  ];
}

/** `pose` minus `expected`, with the rotation wrapped. */
export function poseDifference(pose, expected) {
  const difference = pose.map((value, k) => value - expected[k]);
  difference[3] = wrapRadians(difference[3]);
  return difference;
}

/**
 * A first guess of the standard deviation (4) of a pose, from the radii of its landmarks.
 *
 * @param {number[]} radius (K) pixels.
 * @param {number} size longer side of the landmarks' box in pixels.
 * @param {number} fraction standard deviation of the position as a fraction of the mean radius.
 * @param {number[] | null} visible (K) in [0, 1]; null: unknown.
 * @param {number} leastVisible as for `fitPose`.
 */
export function measurementStd(radius, size, fraction, visible, leastVisible) {
  const weights = visible ? visibilityWeights(visible, leastVisible) : Array.from(radius, () => 1);
  let [squares, total] = [0, 0];
  radius.forEach((r, k) => {
    squares += weights[k] * r * r;
    total += weights[k];
  });
  const noise = fraction * Math.max(Math.sqrt(squares / total), 1e-3);
  const turn = (noise / Math.max(size, 1e-3)) * 2;
  return [noise, noise, turn, turn];
}
