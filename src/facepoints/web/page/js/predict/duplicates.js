/** Each face once, as Python's `inference/duplicates.py`. */

import { fitSimilarity, rotationOf, wrapDegrees } from "./affine.js";
import { overlapOfSmaller } from "./detections.js";

/**
 * The best of every group of faces that are the same, highest score first.
 *
 * @param {object[]} faces
 * @param {number[][]} canonical the points of an upright face.
 * @param {object} settings "predictor" of the page's settings.
 */
export function withoutDuplicates(faces, canonical, settings) {
  const rank = ({ score, radius, box }) => {
    const mean = radius.reduce((sum, value) => sum + value, 0) / radius.length;
    return score - mean / Math.max(box[2], box[3], 1e-6);
  };
  const ranked = faces
    .map((face) => ({ face, rank: rank(face), direction: directionOf(face, canonical) }))
    .sort((a, b) => b.rank - a.rank);
  const kept = [];
  for (const one of ranked) {
    if (!kept.some((other) => isSame(one, other, settings))) kept.push(one);
  }
  return kept.map(({ face }) => face).sort((a, b) => b.score - a.score);
}

function isSame(one, other, settings) {
  const turned = Math.abs(wrapDegrees(one.direction - other.direction)) > settings.turned;
  const limit = turned ? settings.turned_overlap : settings.same_overlap;
  return overlapOfSmaller(one.face.box, other.face.box) > limit;
}

/** Degrees that a face is turned clockwise against the upright face; 0 if it has no direction. */
function directionOf({ points }, canonical) {
  const matrix = fitSimilarity(canonical, points);
  return matrix ? rotationOf(matrix) : 0;
}
