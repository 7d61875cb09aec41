/** The score of a face: what the landmark model and the detector think of it, as Python's
 * `inference/face_score.py`. */

import { compose } from "./affine.js";

/**
 * Scores of faces. Those that are not sure are looked at again in the mirrored crop.
 *
 * @param {LandmarkModel} model
 * @param {object} gray
 * @param {{matrix: number[], score: number, detection: object|null}[]} faces for each face its
 *   crop, the model's score in it, and its detection; null: the model alone decides.
 * @param {object} settings "predictor" of the page's settings.
 * @returns {Promise<number[]>}
 */
export async function faceScores(model, gray, faces, settings) {
  const scores = faces.map((face) => combinedScore(face, settings));
  const [low, high] = settings.unsure;
  const again = scores.flatMap((score, k) => (low < score && score < high ? [k] : []));
  const mirror = [-1, 0, model.description.size[1] - 1, 0, 1, 0];
  const matrices = again.map((k) => compose(faces[k].matrix, mirror));
  const mirrored = await model.predict(gray, matrices);
  again.forEach((k, row) => {
    scores[k] = combinedScore(faces[k], settings, mirrored[row].score);
  });
  return scores;
}

/** True if the landmark model can make a detection a face of this minimum score. */
export function canBeFace(detection, minScore, settings) {
  const { hope } = settings;
  return combinedScore({ score: hope, detection }, settings) >= Math.min(minScore, hope);
}

/** The model's score, lowered where the detector is not sure. With the score of the mirrored crop,
 * both log odds are averaged. */
function combinedScore({ score, detection }, settings, mirrored = null) {
  const { box, score: detected } = detection ?? { box: [0, 0, Infinity, Infinity], score: 1 };
  const isSmall = Math.max(box[2], box[3]) < settings.small_face;
  const sure = isSmall ? settings.sure_of_small : settings.sure_detector;
  if (mirrored === null && detected >= sure) return score;
  let odds = logOdds(score);
  if (mirrored !== null) odds = (odds + logOdds(mirrored)) / 2;
  const short = Math.max(0, logOdds(sure) - logOdds(detected));
  return 1 / (1 + Math.exp(settings.detector_weight * short - odds));
}

function logOdds(score) {
  const known = Math.min(Math.max(score, 1e-4), 1 - 1e-4);
  return Math.log(known / (1 - known));
}
