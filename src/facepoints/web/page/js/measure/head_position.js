/**
 * The position of a head in front of the camera, in millimeters.
 *
 * Two assumptions are made: the head is as large as an adult's mean, and the lens has the field of
 * view of a normal one (its focal length in pixels is the longer side of the image). The distance
 * is proportional to both.
 *
 * The pose of a head before a far camera is the start. From there, Newton's method with the damping
 * of Levenberg and Marquardt minimizes the weighted squared distances of the landmarks from the
 * head's points as the camera sees them.
 */

import { angles, Equations, move, newtonStep, rotation, unexpected } from "./head_fit.js";
import { multiply, transform, transpose } from "./matrix.js";
import { fitInput, headPose } from "./pose.js";

const MAX_ITERATIONS = 30; // five are enough for most faces
const SMALL_STEP = 1e-5; // the last: radians, log scale
const DAMPING = 1e-3; // the first, as a share of the diagonal, if a step made the fit worse
const NEAREST = 0.2; // of the distance of the origin: no point is nearer
const TOWARD = [[1, 0, 0], [0, 1, 0], [0, 0, -1]]; // depth of the mean head grows toward the camera

/**
 * The transform (4, 4) from head to camera coordinates, in millimeters, with OpenCV's axes: x to
 * the image's right, y down, z away from the camera.
 *
 * @param face as for `headPose`.
 * @param {{width: number, height: number}} size of the image in pixels.
 * @param settings the page's settings; it uses `settings.measures.mean_head`.
 * @param {number} [focal] focal length in pixels. Default: the longer side of the image.
 * @returns {number[][] | null} null where the points give no head pose.
 */
export function headTransform(face, size, settings, focal = Math.max(size.width, size.height)) {
  const input = fitInput(face, settings);
  const pose = headPose(face, size, settings);
  if (!input || !pose) return null;
  const middle = [(size.width - 1) / 2, (size.height - 1) / 2];
  const relative = ([x, y]) => [x - middle[0], y - middle[1]];
  const pixels = input.points.map(relative);
  const toward = cameraToward(mean(pixels), focal);
  const seen = (pixel) => seenBy(toward, pixel, focal);
  const start = { turn: pose.turn, scale: pose.scale, shift: seen(relative(pose.shift)) };
  const fit = fitNear(start, { ...input, points: pixels.map(seen) }, focal);
  const distance = (focal * settings.measures.mean_head.mm_per_unit) / fit.scale;
  const back = transpose(toward);
  const turn = multiply(back, multiply(TOWARD, multiply(fit.turn, TOWARD)));
  const place = [...fit.shift.map((value) => (value * distance) / focal), distance];
  const shift = transform(back, place);
  return [...turn.map((row, i) => [...row, shift[i]]), [0, 0, 0, 1]];
}

function mean(points) {
  return [0, 1].map((axis) => points.reduce((all, p) => all + p[axis], 0) / points.length);
}

/** Rotation (3, 3) of camera coordinates that puts a pixel, relative to the image's middle, into the
 * middle. There, the pose relative to the line of sight is that relative to the camera. */
function cameraToward([x, y], focal) {
  const away = Math.hypot(x, y);
  const angle = Math.atan2(away, focal) / Math.max(away, 1e-12);
  return rotation([y * angle, -x * angle, 0]);
}

/** A pixel of a rotated camera, relative to the image's middle. */
function seenBy(toward, [x, y], focal) {
  const [u, v, w] = transform(toward, [x, y, focal]);
  const depth = Math.max(w, 1e-3 * focal);
  return [(focal * u) / depth, (focal * v) / depth];
}

/** A head before a near camera, from the fit of a far one. `scale` and `shift` are those of the
 * plane through the head's origin; pixels are relative to the image's middle. */
function fitNear(fit, input, focal) {
  const weights = input.std.map(
    (std, k) => 1 / ((std * fit.scale) ** 2 + input.sigma[k] ** 2),
  );
  let [now, damping] = [linearize(fit, input, weights, focal), 0];
  for (let iteration = 0; iteration < MAX_ITERATIONS; iteration += 1) {
    const step = newtonStep(now.equations, damping);
    if (!step) break;
    const trial = move(fit, step);
    const then = linearize(trial, input, weights, focal);
    const better = then.misfit <= now.misfit;
    if (better) [fit, now] = [trial, then];
    if (Math.max(...step.slice(0, 4).map(Math.abs)) < SMALL_STEP) break;
    damping = better ? damping / 10 : Math.max(damping * 10, DAMPING);
  }
  return fit;
}

/** The misfit of a head before a near camera, and the equations of a step. */
function linearize(fit, { shape, points, yaw }, weights, focal) {
  const equations = new Equations();
  const [across, down] = [new Float64Array(6), new Float64Array(6)];
  const closer = new Float64Array(6); // change of z, over the focal length
  let misfit = unexpected(angles(fit.turn)[0], yaw);
  for (let k = 0; k < shape.length; k += 1) {
    const [x, y, z] = transform(fit.turn, shape[k]).map((value) => value * fit.scale);
    const far = 1 - z / focal; // over the depth of the origin
    const depth = Math.max(far, NEAREST);
    const [u, v] = [(x + fit.shift[0]) / depth, (y + fit.shift[1]) / depth];
    [across[1], across[2], across[3], across[4]] = [z, -y, x, 1];
    [down[0], down[2], down[3], down[5]] = [-z, x, y, 1];
    across[0] = down[1] = 0;
    across[5] = down[4] = 0;
    const near = far < NEAREST ? 0 : 1;
    [closer[0], closer[1], closer[3]] = [y, -x, z].map((value) => (near * value) / focal);
    for (let m = 0; m < 6; m += 1) {
      across[m] = (across[m] + u * closer[m]) / depth;
      down[m] = (down[m] + v * closer[m]) / depth;
    }
    const [right, below] = [points[k][0] - u, points[k][1] - v];
    equations.add(across, down, right, below, weights[k]);
    equations.addCurvature(x, y, z, right, below, weights[k] / depth);
    misfit += (right * right + below * below) * weights[k];
  }
  equations.addExpectedYaw(fit, yaw);
  return { equations, misfit };
}
