/**
 * The position of a head in front of the camera, in millimeters.
 *
 * Two assumptions are made: the head is as large as an adult's mean, and the lens has the field of
 * view of a normal one (its focal length in pixels is the longer side of the image). The distance
 * is proportional to both.
 */

import { fitHead } from "./head_fit.js";
import { transform } from "./matrix.js";
import { fitInput } from "./pose.js";

const ROUNDS = 8; // of the fit and the depths
const NEAREST = 0.2; // of the distance of the origin: no point is nearer

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
  if (!input) return null;
  const middle = [(size.width - 1) / 2, (size.height - 1) / 2];
  const pixels = input.points.map(([x, y]) => [x - middle[0], y - middle[1]]);
  let fit = fitHead({ ...input, points: pixels });
  for (let round = 0; round < ROUNDS; round++) {
    // what a far camera would see: each pixel times its depth, over the depth of the origin
    const far = pixels.map(([x, y], k) => {
      const toward = transform(fit.turn, input.shape[k])[2];
      const depth = Math.max(1 - (toward * fit.scale) / focal, NEAREST);
      return [x * depth, y * depth];
    });
    fit = fitHead({ ...input, points: far }, fit);
  }
  const scale = (focal * settings.measures.mean_head.mm_per_unit) / fit.scale;
  // depth of the mean head grows toward the camera, that of the camera away from it
  const flip = [1, 1, -1];
  const shift = [(fit.shift[0] * scale) / focal, (fit.shift[1] * scale) / focal, scale];
  const rows = fit.turn.map((row, i) => [...row.map((v, j) => v * flip[i] * flip[j]), shift[i]]);
  return [...rows, [0, 0, 0, 1]];
}
