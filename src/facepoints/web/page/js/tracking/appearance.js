/** What a face looks like, as a vector: to recognize it after it was hidden. */

import { shrink } from "../predict/gray_image.js";

/**
 * A gray crop as a vector of length 1 for comparing faces, nearly independent of lighting.
 *
 * @param {{data: Uint8Array, width: number, height: number}} crop gray, with the face upright.
 * @param {number} side side in pixels of the small image that the crop is reduced to.
 * @returns {Float32Array} (side * side).
 */
export function appearanceDescriptor(crop, side) {
  const small = Float32Array.from(reduce(crop, side));
  // gradual changes across the crop come from lighting, so they are removed
  const light = blur(small, side, side / 4);
  let mean = 0;
  for (let k = 0; k < small.length; k += 1) {
    small[k] -= light[k];
    mean += small[k] / small.length;
  }
  let squares = 0;
  for (let k = 0; k < small.length; k += 1) {
    small[k] -= mean;
    squares += small[k] ** 2;
  }
  const norm = Math.max(Math.sqrt(squares), 1e-6);
  return small.map((value) => value / norm);
}

/** The crop reduced to `side` x `side` pixels, each the mean of those that it covers. */
function reduce(crop, side) {
  const { data, width, height } = crop;
  if (width === height && width % side === 0) return shrink(crop, width / side).data;
  const [rows, columns] = [shares(height, side), shares(width, side)];
  return Float32Array.from({ length: side * side }, (_, k) => {
    let total = 0;
    for (const [y, down] of rows[Math.floor(k / side)]) {
      for (const [x, across] of columns[k % side]) total += down * across * data[y * width + x];
    }
    return Math.round(total);
  });
}

/** For each new pixel of a side, the old ones that it covers, and the share of each. */
function shares(before, after) {
  const step = before / after;
  return Array.from({ length: after }, (_, k) => {
    const covered = [];
    for (let old = Math.floor(k * step); old < Math.min((k + 1) * step, before); old += 1) {
      const part = Math.min(old + 1, (k + 1) * step) - Math.max(old, k * step);
      if (part > 1e-9) covered.push([old, part / step]);
    }
    return covered;
  });
}

/** Gaussian blur of a square image; its border is mirrored without repeating the edge. */
function blur(image, side, sigma) {
  const reach = Math.floor(Math.round(sigma * 8 + 1) / 2);
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, k) =>
    Math.exp(-((k - reach) ** 2) / (2 * sigma * sigma)),
  );
  const total = kernel.reduce((sum, weight) => sum + weight, 0);
  const places = Array.from({ length: side + 2 * reach }, (_, k) => mirrored(k - reach, side));
  const pass = (from, along, across) => {
    const to = new Float32Array(side * side);
    for (let line = 0; line < side; line += 1) {
      for (let k = 0; k < side; k += 1) {
        let sum = 0;
        for (let tap = 0; tap < kernel.length; tap += 1) {
          sum += kernel[tap] * from[line * across + places[k + tap] * along];
        }
        to[line * across + k * along] = sum / total;
      }
    }
    return to;
  };
  return pass(pass(image, 1, side), side, 1);
}

/** A place along a side, mirrored into it as often as it takes. */
function mirrored(place, side) {
  if (side === 1) return 0;
  const period = 2 * (side - 1);
  const k = ((place % period) + period) % period;
  return Math.min(k, period - k);
}
