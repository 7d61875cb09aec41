/**
 * Measures of a face: head pose, openings of eyes and mouth, asymmetry, distances and ratios, each
 * with a 90 % error radius. They equal those of `facepoints measure`. Nothing here is a diagnosis.
 *
 * All constants come from the settings (`settings.measures`), which Python writes.
 */

import { FORMULAS } from "./definitions.js";
import { headTransform } from "./head_position.js";
import { ANGLES, headPose } from "./pose.js";
import { asymmetry } from "./symmetry.js";
import { measurePoints } from "./uncertainty.js";

export { headPose, headTransform };

/**
 * All measures of a face that its points give, in the order of the table of `facepoints measure`.
 * Measures of hidden points, and distances across a head that is turned too far, are left out.
 *
 * @param face as in a record of `facepoints predict`: points (K, 2), radius (K), visible (K) or
 *   undefined, in pixels.
 * @param {{width: number, height: number}} size of the image in pixels.
 * @param settings the page's settings.
 * @param [pose] from `headPose`, if it is known already.
 * @param {string} [convention] name in `settings.measures.conventions`: give values as the
 *   annotators of this data set would have them; "": without a bias taken off.
 * @returns {{name: string, value: number, radius: number, unit: string, definition: string,
 *   source: string, points: string[]}[]} value and radius in `unit`: "px", "ratio" or "degrees";
 *   `definition` in words; `points`: names of the landmarks that it is computed from.
 * @throws {RangeError} the face has not as many points as the settings name, or one is not finite.
 */
export function measureFace(face, size, settings, pose = undefined, convention = "") {
  checkFace(face, settings);
  const values = new Map();
  const head = pose === undefined ? headPose(face, size, settings) : pose;
  if (head) {
    ANGLES.forEach((name, k) => values.set(name, { value: head[name], radius: head.radius[k] }));
    const measured = asymmetry(face, head, settings);
    if (measured) values.set("asymmetry", measured);
  }
  const { definitions, names } = settings.measures;
  const turn = head ? Math.max(Math.abs(head.yaw), Math.abs(head.pitch)) : 0;
  for (const name of names) {
    const { formula, columns, across } = definitions[name];
    if (!formula || !columns || isHidden(face, columns, settings)) continue;
    if (across && turn > settings.measures.symmetry.max_angle) continue;
    const points = columns.map((k) => face.points[k]);
    const measured = measurePoints(FORMULAS[formula], points, columns.map((k) => face.radius[k]));
    values.set(name, calibrated(name, measured, settings, convention));
  }
  return names.filter((name) => values.has(name)).map((name) => {
    const { meaning, source, unit, points } = definitions[name];
    return { name, ...values.get(name), unit, definition: meaning, source, points };
  });
}

/** A measure with its 90 % radius, as `calibrated` of `facepoints.measurement.conventions`. */
function calibrated(name, raw, settings, convention) {
  const { definitions, radius_factors: factors, systematic, conventions } = settings.measures;
  const { relative, unit } = definitions[name];
  const follows = conventions[convention];
  let { value } = raw;
  let [factor, part] = [factors[name], systematic[name]];
  if (follows && name in follows.bias) {
    value = relative ? value / (1 + follows.bias[name]) : value - follows.bias[name];
    if (unit === "ratio") value = Math.max(value, 0); // a closed eye or mouth has no opening below 0
    [factor, part] = [follows.factors[name], follows.scatter[name]];
  }
  return { value, radius: Math.hypot(raw.radius * factor, relative ? part * Math.abs(value) : part) };
}

/** True if one of the points of a measure is hidden. */
function isHidden(face, columns, settings) {
  return Boolean(face.visible) && columns.some((k) => face.visible[k] < settings.measures.hidden);
}

function checkFace(face, settings) {
  const names = settings.measures.landmarks;
  for (const [what, list] of [["points", face.points], ["radii", face.radius]]) {
    if (list.length !== names.length) {
      throw new RangeError(`a face to measure needs ${names.length} ${what}, got ${list.length}`);
    }
  }
  const bad = names.findIndex(
    (_, k) => ![...face.points[k], face.radius[k]].every(Number.isFinite),
  );
  if (bad >= 0) {
    throw new RangeError(`a face to measure needs finite points and radii; ${names[bad]} has none`);
  }
}
