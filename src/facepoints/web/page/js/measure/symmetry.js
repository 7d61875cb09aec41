/** Asymmetry: how much the left half of a face differs from the right half. */

import { inverse } from "./matrix.js";
import { DISC_90 } from "./uncertainty.js";

const Q90 = 1.2815515655446004; // 90th percentile of a standard normal number

/**
 * Procrustes distance between a face, seen from the front, and its mirror image: 0 is a symmetric
 * face, 0.05 is much. The landmarks of the jaw are not used.
 *
 * The radius is a noise floor, not an interval: the 90th percentile of the distance that
 * landmark errors cause in a symmetric face.
 *
 * @param face as for `headPose`.
 * @param pose from `headPose`.
 * @param settings the page's settings; it uses `settings.measures`.
 * @returns {{value: number, radius: number} | null} null where the points have no left and right,
 *   the head is turned too far, or too many points are hidden.
 */
export function asymmetry(face, pose, settings) {
  const { mean_head: head, symmetry, radius_factors: factors } = settings.measures;
  const { columns, partners, max_angle: limit } = symmetry;
  if (columns.length < 6 || Math.max(Math.abs(pose.yaw), Math.abs(pose.pitch)) > limit) return null;
  const isHidden = (k) => Boolean(face.visible) && face.visible[k] < settings.measures.hidden;
  if (columns.filter(isHidden).length > symmetry.max_hidden * columns.length) return null;
  const here = frontal(columns.map((k) => face.points[k]), pose, columns.map((k) => head.points[k][2]));
  const mean = [0, 1].map((axis) => here.reduce((all, p) => all + p[axis], 0) / here.length);
  const centered = here.map(([x, y]) => [x - mean[0], y - mean[1]]);
  const size = Math.sqrt(centered.reduce((all, [x, y]) => all + x * x + y * y, 0));
  if (!(size > 0)) return null;
  const fit = mirrorFit(centered, partners) / size ** 2;
  const sigma = columns.map((k) => face.radius[k] / DISC_90 / pose.scale / size);
  return {
    value: Math.sqrt(Math.max(2 - 2 * Math.min(fit, 1), 0)),
    radius: factors.asymmetry * noise(sigma, partners, pose),
  };
}

/** Landmarks as a camera in front of the face would see them, in units of the mean head. */
function frontal(points, pose, depth) {
  const back = inverse(pose.turn.slice(0, 2).map((row) => row.slice(0, 2)));
  return points.map(([x, y], k) => {
    const across = (x - pose.shift[0]) / pose.scale - depth[k] * pose.turn[0][2];
    const down = (y - pose.shift[1]) / pose.scale - depth[k] * pose.turn[1][2];
    return [back[0][0] * across + back[0][1] * down, back[1][0] * across + back[1][1] * down];
  });
}

/** Size of the sum of products of points with their mirror images, as complex numbers. */
function mirrorFit(points, partners) {
  let [real, imaginary] = [0, 0];
  points.forEach(([x, y], k) => {
    const [a, b] = [-points[partners[k]][0], points[partners[k]][1]];
    real += a * x + b * y;
    imaginary += a * y - b * x;
  });
  return Math.hypot(real, imaginary);
}

/**
 * 90th percentile of the distance that landmark errors cause in a symmetric face: a scaled
 * chi-square of the same mean and variance, by the formula of Wilson and Hilferty.
 */
function noise(sigma, partners, pose) {
  const back = inverse(pose.turn.slice(0, 2).map((row) => row.slice(0, 2)));
  const [across, down] = back.map((row) => row[0] ** 2 + row[1] ** 2);
  let [mean, variance] = [0, 0];
  const add = (part, weight) => {
    mean += part;
    variance += 2 * weight * part ** 2;
  };
  partners.forEach((partner, k) => {
    if (partner === k) {
      // a landmark on the midline differs from its mirror image sideways only, by twice its error
      add(4 * sigma[k] ** 2 * across, 1);
    } else {
      // both rows of a pair differ by both errors
      const pair = sigma[k] ** 2 + sigma[partner] ** 2;
      add(pair * across, 2);
      add(pair * down, 2);
    }
  });
  if (!(mean > 0)) return 0;
  const ninth = variance / mean ** 2 / 9; // of the variance of the cube root
  return Math.sqrt(mean * Math.max(1 - ninth + Q90 * Math.sqrt(ninth), 0) ** 3);
}
