/**
 * The 90 % error radius of a number that is computed from landmarks.
 *
 * To first order, the standard deviation of a number is its slope times that of each landmark
 * (Gauss's law of error propagation). Errors of landmarks are not independent; the factors in the
 * settings, which were measured, correct for that.
 */

import { extent } from "./matrix.js";

/** Radius of the disc that holds 90 % of points with normal errors, in standard deviations. */
export const DISC_90 = Math.sqrt(-2 * Math.log(0.1));
/** Half the interval that holds 90 % of normal numbers, in standard deviations. */
export const INTERVAL_90 = 1.6448536269514722;

const STEP = 1e-4; // of the points' extent, for numerical slopes

/** Change of a number per pixel that each point moves (K). At a kink, both sides count. */
function slopes(formula, points) {
  const step = STEP * Math.max(...extent(points), 1e-6);
  const here = formula(points);
  return points.map((_, k) => {
    let squares = 0;
    for (const axis of [0, 1]) {
      for (const sign of [1, -1]) {
        const moved = points.map((point) => [...point]);
        moved[k][axis] += sign * step;
        squares += (formula(moved) - here) ** 2;
      }
    }
    return Math.sqrt(squares / 2) / step;
  });
}

/**
 * A number computed from points, and its radius for independent errors.
 *
 * @param {(points: number[][]) => number} formula computes the number.
 * @param {number[][]} points (K, 2) pixels.
 * @param {number[]} radius (K) pixels.
 * @returns {{value: number, radius: number}}
 */
export function measurePoints(formula, points, radius) {
  const slope = slopes(formula, points);
  const deviation = Math.sqrt(slope.reduce((all, s, k) => all + (s * radius[k]) ** 2, 0));
  return { value: formula(points), radius: (INTERVAL_90 / DISC_90) * deviation };
}
