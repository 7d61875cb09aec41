/**
 * Head pose: yaw, pitch and roll of the mean head fitted to the landmarks of a face. All angles are 0 for a face that looks straight at the camera.
 *
 * - yaw: degrees toward the subject's left, which is the image's right; 90 in profile.
 * - pitch: degrees up.
 * - roll: degrees clockwise on the screen; the head leans to the subject's left.
 */

import { degrees, wrapDegrees } from "../predict/affine.js";
import { angles, fitHead } from "./head_fit.js";
import {
  clip, extent, interpolate, inverse, multiply, radians, transform, transpose,
} from "./matrix.js";
import { DISC_90, INTERVAL_90 } from "./uncertainty.js";

export const ANGLES = ["yaw", "pitch", "roll"];

/**
 * The pose of a head.
 *
 * @param face as in a record of `facepoints predict`: points (K, 2), radius (K), visible (K) or
 *   undefined, in pixels.
 * @param {{width: number, height: number}} size of the image in pixels.
 * @param settings the page's settings; it uses `settings.measures`.
 * @returns {object | null} null where the points do not give a pose. Else:
 *   yaw, pitch, roll: degrees;
 *   radius: 90 % error radii (3) in degrees, of the landmarks and of how heads differ;
 *   pointRadius: the part of it that the landmarks' errors cause;
 *   turn, scale, shift: the fitted head: rotation (3, 3), pixels per unit, and origin in pixels;
 *   axes: three lines to draw from the origin, each {name, from, to}: x toward the subject's left,
 *   y to the chin, z out of the face.
 */
export function headPose(face, size, settings) {
  const input = fitInput(face, settings);
  if (!input) return null;
  const pose = poseOf(fitHead(input), settings.measures);
  return { ...pose, axes: axes(pose) };
}

/** The three axes of a head as lines in the image, one unit of the mean head long. */
function axes({ turn, scale, shift }) {
  const ends = { x: [1, 0, 0], y: [0, 1, 0], z: [0, 0, 1] };
  return Object.entries(ends).map(([name, end]) => {
    const [x, y] = transform(turn, end);
    return { name, from: [...shift], to: [shift[0] + scale * x, shift[1] + scale * y] };
  });
}

/** The pose of a fitted head. */
function poseOf(fit, measures) {
  const { slopes, level_pitch: level, model_yaws: yaws, model_radius: model } = measures.pose;
  const found = angles(fit.turn);
  const [yaw, pitch, roll] = found.map(
    (angle, k) => (angle - (k === 1 ? level : 0)) * slopes[ANGLES[k]],
  );
  const fromPoints = landmarkRadii(fit, found, measures.radius_factors);
  const own = fromPoints.map((radius, k) => radius * slopes[ANGLES[k]]);
  const whole = own.map((radius, k) =>
    Math.hypot(radius, interpolate(Math.abs(yaw), yaws, model[ANGLES[k]])),
  );
  return {
    yaw: wrapDegrees(yaw),
    pitch: clip(pitch, -90, 90),
    roll: wrapDegrees(roll),
    radius: whole.map((radius) => Math.min(radius, 180)),
    pointRadius: own.map((radius) => Math.min(radius, 180)),
    turn: fit.turn,
    scale: fit.scale,
    shift: fit.shift,
  };
}

/**
 * The landmarks of a face that its pose is fitted to, as the input of `fitHead`; null if they are
 * too few, not finite, or on a line.
 */
export function fitInput(face, settings) {
  const { mean_head: head, pose } = settings.measures;
  const columns = head.fixed.flatMap((fixed, k) => (fixed ? [k] : []));
  if (columns.length < pose.min_points) return null;
  const points = columns.map((k) => face.points[k]);
  const radius = columns.map((k) => face.radius[k]);
  if (![...points.flat(), ...radius].every(Number.isFinite) || isLine(points)) return null;
  const shape = columns.map((k) => head.points[k]);
  const std = columns.map((k) => head.std[k]);
  const input = { points, shape, std, sigma: radius.map((r) => r / DISC_90), yaw: noYaw() };
  return face.visible ? withVisibility(input, columns.map((k) => face.visible[k]), pose) : input;
}

function noYaw() {
  return { mean: 0, std: Infinity };
}

/** Lowers the weights of hidden points, and expects the yaw at which they would be hidden. */
function withVisibility(input, visible, pose) {
  // a guess may be farther off than its radius says
  const size = Math.max(...extent(input.points)) / Math.max(...extent(input.shape));
  const sigma = input.sigma.map((s, k) => {
    const people = (input.std[k] * size) ** 2;
    return Math.sqrt((people + s ** 2) / Math.max(visible[k], pose.least_visible) ** 2 - people);
  });
  return { ...input, sigma, yaw: expectedYaw(visible, input.shape, pose) };
}

/** Expected yaw by what is visible of both halves of the face. */
function expectedYaw(visible, shape, pose) {
  const mean = (inHalf) => {
    const half = visible.filter((_, k) => inHalf(shape[k][0]));
    return half.length ? half.reduce((all, v) => all + v, 0) / half.length : null;
  };
  const [right, left] = [mean((x) => x < -1e-3), mean((x) => x > 1e-3)];
  if (right === null || left === null) return noYaw();
  const near = right - left; // the right half is seen: turned to the left
  return {
    mean: near < 0 ? -pose.profile_yaw : pose.profile_yaw,
    std: pose.profile_std / Math.max(near ** 2, 1e-6), // far above 180 if both are seen alike
  };
}

/** True if points (K, 2) lie on a line, or in one place. */
function isLine(points) {
  const mean = [0, 1].map((axis) => points.reduce((all, p) => all + p[axis], 0) / points.length);
  let [xx, xy, yy] = [0, 0, 0];
  for (const [x, y] of points) {
    xx += (x - mean[0]) ** 2;
    xy += (x - mean[0]) * (y - mean[1]);
    yy += (y - mean[1]) ** 2;
  }
  const smaller = (xx + yy) / 2 - Math.hypot((xx - yy) / 2, xy);
  return !(Math.sqrt(Math.max(smaller, 0)) > 1e-3);
}

/** 90 % radii (3) in degrees of the angles of a fitted head, from the landmarks' errors. */
function landmarkRadii(fit, found, factors) {
  const [yaw, , roll] = found.map(radians);
  // derivative of a small rotation about x, y, z (rows) by yaw, pitch, roll (columns)
  const jacobian = transpose([
    [-Math.sin(roll), Math.cos(roll), 0],
    [Math.cos(roll) * Math.cos(yaw), Math.sin(roll) * Math.cos(yaw), -Math.sin(yaw)],
    [0, 0, 1],
  ]);
  const back = inverse(jacobian);
  // in full profile, pitch and roll are the same rotation
  const variance = back
    ? multiply(multiply(back, fit.covariance), transpose(back)).map((row, k) => row[k])
    : new Array(3).fill(Math.PI ** 2);
  return variance.map(
    (value, k) => degrees(INTERVAL_90 * Math.sqrt(Math.max(value, 0))) * factors[ANGLES[k]],
  );
}
