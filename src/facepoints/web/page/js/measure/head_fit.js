/**
 * Fits the mean head to the landmarks of a face, with a camera that is far away (scaled
 * orthographic projection). The fit minimizes the squared distances of the landmarks, weighted,
 * from several starts: a head and its mirror image in depth look alike.
 *
 * A fit is {turn: 3x3 rotation, scale: pixels per unit of the head, shift: [x, y] pixels,
 * covariance: 3x3 of a small further rotation about x, y and z, radians squared}.
 * The input is {points (K, 2), sigma (K) pixels, shape (K, 3), std (K), yaw: {mean, std} degrees}.
 */

import { degrees } from "../predict/affine.js";
import { clip, inverse, multiply, radians, solve, zeros } from "./matrix.js";

const MAX_ITERATIONS = 12; // six or seven are enough for most faces
const SMALL_STEP = 1e-5; // the last: radians, log scale
const MAX_TURN = 0.5; // of one iteration, radians
const MAX_LOG_SCALE = 0.3; // of one iteration
const STARTS = 3; // of the grid, those that fit best

/** Yaw, pitch and roll in degrees of a rotation; the pitch is from -90 to 90 degrees. */
export function angles(turn) {
  const ahead = turn[2][2] < 0 ? -1 : 1;
  return [
    Math.atan2(-turn[2][0], ahead * Math.hypot(turn[2][1], turn[2][2])),
    Math.atan2(ahead * turn[2][1], ahead * turn[2][2]),
    Math.atan2(ahead * turn[1][0], ahead * turn[0][0]),
  ].map(degrees);
}

/**
 * The fit of a head to a face, by weighted least squares.
 *
 * @param input see above.
 * @param start a fit that is nearly right; null: several starts are tried.
 */
export function fitHead(input, start = null) {
  if (start) return refine(start, input);
  const fits = starts(input).map((fit) => refine(fit, input));
  const misfits = fits.map((fit) => misfit(fit, input));
  return fits[misfits.indexOf(Math.min(...misfits))];
}

/** Twice the negative log likelihood of the points and of the yaw. */
function misfit(fit, { points, sigma, shape, std, yaw }) {
  const [[a, b, c], [d, e, f]] = fit.turn;
  let total = unexpected(angles(fit.turn)[0], yaw);
  for (let k = 0; k < shape.length; k += 1) {
    const [p, q, r] = shape[k];
    const right = points[k][0] - (a * p + b * q + c * r) * fit.scale - fit.shift[0];
    const below = points[k][1] - (d * p + e * q + f * r) * fit.scale - fit.shift[1];
    const variance = varianceOf(std[k], sigma[k], fit.scale);
    total += (right * right + below * below) / variance + 2 * Math.log(variance);
  }
  return total;
}

/** Variance of a coordinate of a point about the fitted head, in pixels squared. */
function varianceOf(std, sigma, scale) {
  return Math.max(std * scale, 1e-6) ** 2 + sigma * sigma;
}

/** Squared difference of a yaw and the expected one, in standard deviations. */
export function unexpected(found, yaw) {
  return ((found - yaw.mean) / yaw.std) ** 2;
}

/** Newton's method from a first estimate. */
function refine(fit, input) {
  let equations = null;
  for (let iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
    equations = linearize(fit, input);
    const step = newtonStep(equations);
    if (!step) break;
    fit = move(fit, step);
    if (Math.max(...step.slice(0, 4).map(Math.abs)) < SMALL_STEP) break;
  }
  const full = inverse(equations.information());
  const covariance = full
    ? full.slice(0, 3).map((row) => row.slice(0, 3))
    : [0, 1, 2].map((i) => [0, 1, 2].map((j) => (i === j ? Infinity : 0)));
  return { ...fit, covariance };
}

/**
 * The normal equations of a step (6): small rotations about x, y and z, log scale, shift in x and
 * y. They are made many times for each face, so adding a point makes no arrays.
 */
export class Equations {
  #matrix = new Float64Array(36);
  #moment = new Float64Array(6); // of the errors (rows) and the turned points (columns)

  /** J'We: the way downhill. */
  downhill = new Array(6).fill(0);

  /**
   * Add a point.
   *
   * @param across, down derivatives (6) of its pixel.
   * @param {number} right, below its error in pixels.
   * @param {number} weight
   */
  add(across, down, right, below, weight) {
    for (let m = 0; m < 6; m += 1) {
      this.downhill[m] += (across[m] * right + down[m] * below) * weight;
      for (let n = 0; n <= m; n += 1) {
        this.#matrix[6 * m + n] += (across[m] * across[n] + down[m] * down[n]) * weight;
      }
    }
  }

  /** Add how the derivatives of a turned point change with the rotation. */
  addCurvature(x, y, z, right, below, weight) {
    const moment = this.#moment;
    moment[0] += right * weight * x;
    moment[1] += right * weight * y;
    moment[2] += right * weight * z;
    moment[3] += below * weight * x;
    moment[4] += below * weight * y;
    moment[5] += below * weight * z;
  }

  /** Add what the expected yaw tells. */
  addExpectedYaw(fit, yaw) {
    const [found, , roll] = angles(fit.turn).map(radians);
    const axis = [-Math.sin(roll), Math.cos(roll), 0];
    const share = 1 / radians(yaw.std) ** 2;
    const lacking = share * (radians(yaw.mean) - found);
    for (let m = 0; m < 3; m += 1) {
      this.downhill[m] += axis[m] * lacking;
      for (let n = 0; n <= m; n += 1) this.#matrix[6 * m + n] += axis[m] * axis[n] * share;
    }
  }

  /** J'WJ (6, 6). `damping`: its diagonal is larger by this share. */
  information(damping = 0) {
    return zeros(6, 6).map((row, m) =>
      row.map(
        (_, n) =>
          this.#matrix[6 * Math.max(m, n) + Math.min(m, n)] * (m === n ? 1 + damping : 1),
      ),
    );
  }

  /** The information with the curvature of the rotation. */
  curved(damping = 0) {
    const matrix = this.information(damping);
    for (let i = 0; i < 2; i += 1) {
      for (let j = 0; j < 3; j += 1) {
        matrix[i][j] -= this.#moment[3 * i + j] / 2;
        matrix[j][i] -= this.#moment[3 * i + j] / 2;
      }
    }
    for (let i = 0; i < 3; i += 1) matrix[i][i] += this.#moment[0] + this.#moment[4];
    return matrix;
  }
}

/** The step (6) of Newton's method; of Gauss-Newton where it would make the fit worse; null if there
 * is none. */
export function newtonStep(equations, damping = 0) {
  const right = equations.downhill.map((value) => [value]);
  const step = solve(equations.curved(damping), right)?.map((row) => row[0]);
  const gain = step?.reduce((all, value, k) => all + value * equations.downhill[k], 0);
  if (gain > 0) return step;
  return solve(equations.information(damping), right)?.map((row) => row[0]) ?? null;
}

/** A fit after a step (6), which is cut to MAX_TURN and MAX_LOG_SCALE. */
export function move(fit, step) {
  const vector = step.slice(0, 3).map((value) => clip(value, -MAX_TURN, MAX_TURN));
  return {
    turn: multiply(rotation(vector), fit.turn),
    scale: fit.scale * Math.exp(clip(step[3], -MAX_LOG_SCALE, MAX_LOG_SCALE)),
    shift: [fit.shift[0] + step[4], fit.shift[1] + step[5]],
  };
}

/** The equations of a step before a far camera. */
function linearize(fit, { shape, points, sigma, std, yaw }) {
  const { scale, shift } = fit;
  const [[a, b, c], [d, e, f], [g, h, i]] = fit.turn;
  const equations = new Equations();
  const [across, down] = [new Float64Array(6), new Float64Array(6)];
  for (let k = 0; k < shape.length; k += 1) {
    const [p, q, r] = shape[k];
    const x = (a * p + b * q + c * r) * scale;
    const y = (d * p + e * q + f * r) * scale;
    const z = (g * p + h * q + i * r) * scale;
    const weight = 1 / varianceOf(std[k], sigma[k], scale);
    [across[1], across[2], across[3], across[4]] = [z, -y, x, 1];
    [down[0], down[2], down[3], down[5]] = [-z, x, y, 1];
    const right = points[k][0] - x - shift[0];
    const below = points[k][1] - y - shift[1];
    equations.add(across, down, right, below, weight);
    equations.addCurvature(x, y, z, right, below, weight);
  }
  equations.addExpectedYaw(fit, yaw);
  return equations;
}

/** Rotation (3, 3) of a head by pitch, then by yaw, in degrees. */
function turned(yaw, pitch) {
  const [sy, cy] = [Math.sin(radians(yaw)), Math.cos(radians(yaw))];
  const [sp, cp] = [Math.sin(radians(pitch)), Math.cos(radians(pitch))];
  return multiply(
    [[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]],
    [[1, 0, 0], [0, cp, -sp], [0, sp, cp]],
  );
}

const GRID = [-90, -60, -30, 0, 30, 60, 90].flatMap((yaw) =>
  [-40, 0, 40].map((pitch) => ({ yaw, turn: turned(yaw, pitch) })),
);

/**
 * First estimates of a fit: the heads of a grid of yaw and pitch that fit best. A head of the grid
 * is rotated in the image, scaled and shifted by linear least squares.
 */
function starts(input) {
  const weights = roughWeights(input);
  const total = weights.reduce((all, weight) => all + weight, 0);
  const shares = weights.map((weight) => weight / total);
  const center = weightedMean(input.points, shares);
  return GRID.map((node) => {
    const { cross, middle, power } = match(node.turn, input, shares, center);
    const gain = ((cross[0] ** 2 + cross[1] ** 2) / power) * total;
    const cost = unexpected(node.yaw, input.yaw) - gain;
    return { node, cost, factor: cross.map((part) => part / power), middle };
  })
    .sort((a, b) => a.cost - b.cost)
    .slice(0, STARTS)
    .map((candidate) => startOf(candidate, center));
}

/** Weighted moments of the points and of the head in one turn, as complex numbers. */
function match([[a, b, c], [d, e, f]], { shape, points }, shares, center) {
  let [real, imaginary, square, right, below] = [0, 0, 0, 0, 0];
  for (let k = 0; k < shape.length; k += 1) {
    const [p, q, r] = shape[k];
    const [u, v] = [a * p + b * q + c * r, d * p + e * q + f * r];
    const [x, y] = [points[k][0] - center[0], points[k][1] - center[1]];
    right += shares[k] * u;
    below += shares[k] * v;
    real += shares[k] * (x * u + y * v);
    imaginary += shares[k] * (y * u - x * v);
    square += shares[k] * (u * u + v * v);
  }
  const power = Math.max(square - right ** 2 - below ** 2, 1e-12);
  return { cross: [real, imaginary], middle: [right, below], power };
}

function startOf({ node, factor: [real, imaginary], middle }, center) {
  const size = Math.hypot(real, imaginary);
  const [cos, sin] = [real, imaginary].map((part) => part / Math.max(size, 1e-12));
  const inImage = [[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]];
  return {
    turn: multiply(inImage, node.turn),
    scale: Math.max(size, 1e-9),
    shift: [
      center[0] - (real * middle[0] - imaginary * middle[1]),
      center[1] - (imaginary * middle[0] + real * middle[1]),
    ],
  };
}

/** Weights (K) of the points for a head of roughly the right size. */
function roughWeights({ points, sigma, shape, std }) {
  const count = shape.length;
  const mean = [0, 1, 2].map((axis) => shape.reduce((all, p) => all + p[axis], 0) / count);
  const squares = shape.reduce(
    (all, p) => all + p.reduce((part, value, axis) => part + (value - mean[axis]) ** 2, 0),
    0,
  );
  const middle = weightedMean(points, new Array(count).fill(1 / count));
  const reach = Math.max(...points.map(([x, y]) => Math.hypot(x - middle[0], y - middle[1])));
  const rough = Math.max(reach / Math.sqrt(squares / count) / 1.5, 1e-9);
  return std.map((value, k) => 1 / ((value * rough) ** 2 + sigma[k] ** 2));
}

function weightedMean(points, shares) {
  return [0, 1].map((axis) => points.reduce((all, p, k) => all + shares[k] * p[axis], 0));
}

/** Rotation about the axis of a vector (3), by its length in radians (Rodrigues' formula). */
export function rotation([x, y, z]) {
  const angle = Math.hypot(x, y, z);
  const cross = [[0, -z, y], [z, 0, -x], [-y, x, 0]];
  const square = multiply(cross, cross);
  const first = angle > 1e-9 ? Math.sin(angle) / angle : 1;
  const second = angle > 1e-9 ? 0.5 * (Math.sin(angle / 2) / (angle / 2)) ** 2 : 0.5;
  return cross.map((row, i) =>
    row.map((value, j) => Number(i === j) + first * value + second * square[i][j]),
  );
}
