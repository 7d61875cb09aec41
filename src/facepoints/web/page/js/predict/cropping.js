/**
 * Cuts face crops and runs the landmark model on them, as Python's `inference/cropping.py` and
 * `inference/refinement.py`: the first crop of a face follows its detection, a refined crop the
 * landmarks of the crop before.
 */

import { apply, degrees, fitSimilarity, invert, scaleOf } from "./affine.js";
import { cropInto, roundHalfEven } from "./gray_image.js";

const BATCH = 16; // crops that go through the model at once

/** The landmark model of an ONNX file with its description. */
export class LandmarkModel {
  /**
   * @param {object} onnx the file (`OnnxModel`).
   * @param {object} description "model" of the page's settings.
   */
  constructor(onnx, description) {
    this.onnx = onnx;
    this.description = description;
  }

  /**
   * Landmarks in crops of a gray image, in its pixels.
   *
   * @param {object} gray
   * @param {number[][]} matrices of the crops, similarities from image pixels to crop pixels.
   * @returns {Promise<object[]>} for each crop {points, radius, score, visible}: K points, K radii
   *   in pixels, the model's face score, and K visibilities, or null if it does not know them.
   */
  async predict(gray, matrices) {
    const [height, width] = this.description.size;
    const found = [];
    for (let start = 0; start < matrices.length; start += BATCH) {
      const some = matrices.slice(start, start + BATCH);
      const crops = new Uint8Array(some.length * height * width);
      some.forEach((matrix, k) => cropInto(crops, k * height * width, gray, matrix, width, height));
      const output = await this.onnx.run(crops, [some.length, height, width]);
      some.forEach((matrix, k) => found.push(mappedBack(output, k, matrix)));
    }
    return found;
  }
}

/** The output for one crop in pixels of the image. */
function mappedBack({ points, radius, score, visible }, row, matrix) {
  const count = radius.dims[1];
  const back = invert(matrix);
  const scale = Math.fround(scaleOf(matrix));
  const own = (output) => Array.from(output.data.subarray(row * count, (row + 1) * count));
  const moved = Array.from({ length: count }, (_, k) => {
    const place = 2 * (row * count + k);
    return apply(back, [points.data[place], points.data[place + 1]]).map(Math.fround);
  });
  return {
    points: moved,
    radius: own(radius).map((value) => Math.fround(value / scale)),
    score: score.data[row],
    visible: visible ? own(visible) : null,
  };
}

/** The crop that puts a detected box where the model's training crops have it, upright. */
export function initialCrop({ face_box: [left, top, across, down] }, { box, angle }) {
  const [x, y, width, height] = box;
  const [centerX, centerY] = [x + width / 2, y + height / 2];
  const scale = Math.max(across, down) / Math.max(width, height, 1e-6);
  const turn = (-angle * Math.PI) / 180;
  const [cos, sin] = [scale * Math.cos(turn), scale * Math.sin(turn)];
  return [
    cos, -sin, left + across / 2 - cos * centerX + sin * centerY,
    sin, cos, top + down / 2 - sin * centerX - cos * centerY,
  ];
}

/**
 * Predict landmarks in crops, and again in crops refined by the landmarks.
 *
 * @param {LandmarkModel} model
 * @param {object} gray
 * @param {number[][]} matrices first crop of each face.
 * @param {number} minScore score that the caller asks of a face. Faces far below it are left out.
 * @param {object} config "crop" of the page's settings.
 * @returns {Promise<{index: number, matrix: number[], output: object}[]>} for each face that is
 *   left, the index of its first crop, its last crop, and the output there
 *   (`LandmarkModel.predict`).
 */
export async function predictRefined(model, gray, matrices, minScore, config) {
  const { description } = model;
  const first = matrices.map((matrix) => rounded(matrix, description.size, config.first_steps));
  const outputs = await model.predict(gray, first);
  const faces = outputs
    .map((output, index) => ({ index, output, matrix: first[index] }))
    .filter(({ output }) => output.score >= minScore * config.retry_score);
  let pending = faces;
  const passes = description.refinement_passes;
  const most = passes ? Math.max(passes, config.turned_passes) : 0;
  for (let done = 0; done < most; done += 1) {
    const closer = new Map(
      pending.map((face) => {
        const crop = recrop(description, face, config);
        return [face, rounded(crop, description.size, config.refined_steps)];
      }),
    );
    pending = pending.filter((face) => wantsPass(description, face, closer.get(face), done, config));
    if (!pending.length) break;
    for (const face of pending) face.matrix = closer.get(face);
    const again = await model.predict(gray, pending.map(({ matrix }) => matrix));
    pending.forEach((face, k) => (face.output = again[k]));
  }
  return faces;
}

/** True if a face is to be predicted in the crop `closer`, too, after `done` refinements. */
function wantsPass(description, { matrix, output }, closer, done, config) {
  const turned = isTurned(output, config);
  if (done >= (turned ? config.turned_passes : description.refinement_passes)) return false;
  if (!turned && output.score < config.sure_score) return true;
  const factor = turned ? config.turned_tolerance : 1;
  return !isNear(matrix, closer, description.size[1], config, factor);
}

/** True if the model takes so many landmarks for hidden that the head must be turned. */
function isTurned({ visible }, config) {
  if (!visible) return false;
  const hidden = visible.filter((value) => value < config.hidden).length;
  return hidden / visible.length >= config.turned_share;
}

/** The crop in which landmarks come closest to the model's canonical points. A model that knows
 * which landmarks are hidden weighs all alike; else a landmark weighs 1 / radius^2. */
export function recrop(description, { matrix, output }, config) {
  const { points, radius, visible } = output;
  const weights = visible ? undefined : radius.map((value) => 1 / Math.max(value, 1e-3) ** 2);
  const closer = fitSimilarity(points, description.canonical_points, weights);
  if (!closer) return matrix;
  const zoom = scaleOf(closer) / scaleOf(matrix);
  return zoom > 1 / config.max_zoom && zoom < config.max_zoom ? closer : matrix;
}

/**
 * A crop with rounded scale, rotation and place, so that the last digits of a processor do not move
 * its pixels.
 *
 * @param {number[]} matrix a similarity.
 * @param {number[]} size [height, width] of the crop.
 * @param {{scale: number, turn: number, place: number}} steps `CropSteps` of Python.
 */
function rounded(matrix, [height, width], steps) {
  const [a, , , b] = matrix;
  if (!matrix.every(Number.isFinite) || !(a || b)) return matrix;
  const [right, down] = [(width - 1) / 2, (height - 1) / 2];
  const center = apply(invert(matrix), [right, down]);
  const nearest = (value, step) => roundHalfEven(value / step) * step;
  const scale = 2 ** nearest(Math.log2(Math.hypot(a, b)), steps.scale);
  const turn = nearest(Math.atan2(b, a), steps.turn);
  const [x, y] = center.map((place) => nearest(place, steps.place / scale));
  const [cos, sin] = [scale * Math.cos(turn), scale * Math.sin(turn)];
  return [cos, -sin, right - cos * x + sin * y, sin, cos, down - sin * x - cos * y];
}

/** True if two crops of `side` pixels, both similarities, agree within the tolerances times a
 * factor. */
function isNear([a, , x, b, , y], [c, , u, d, , v], side, config, factor) {
  const size = a * a + b * b;
  // the second over the first, as complex numbers
  const [cos, sin] = [(c * a + d * b) / size, (d * a - c * b) / size];
  const middle = (side - 1) / 2;
  const right = cos * (middle - x) - sin * (middle - y) + u - middle;
  const down = sin * (middle - x) + cos * (middle - y) + v - middle;
  return (
    Math.abs(degrees(Math.atan2(sin, cos))) <= config.rotation_tolerance * factor &&
    Math.abs(Math.log(Math.hypot(sin, cos))) <= config.scale_tolerance * factor &&
    Math.max(Math.abs(right), Math.abs(down)) <= config.shift_tolerance * factor * side
  );
}
