/**
 * Gray images, and the operations of OpenCV that Python uses on them, to the last bit.
 *
 * A gray image is {data: Uint8Array, width, height}, row by row. The arithmetic follows OpenCV 4:
 * cvtColor (15 bits), resize with INTER_LINEAR (11 bits) and INTER_AREA by whole factors, and
 * warpAffine with INTER_LINEAR (1/32 pixel, 15 bits). Equal pixels give equal points: the networks
 * have 8 bits, so a difference of one gray level may move a point.
 */

import { compose, invert, resizeMatrix } from "./affine.js";

const [RED, GREEN, BLUE] = [9798, 19235, 3735]; // of 2^15

/**
 * The gray image of color pixels. Transparent pixels are composited on white.
 *
 * @param {ImageData} image RGBA.
 */
export function toGray({ data, width, height }) {
  const gray = new Uint8Array(width * height);
  let opacity = 255;
  for (let i = 0, p = 0; i < gray.length; i += 1, p += 4) {
    gray[i] = (data[p] * RED + data[p + 1] * GREEN + data[p + 2] * BLUE + 16384) >> 15;
    opacity &= data[p + 3];
  }
  if (opacity !== 255) blendOnWhite(data, gray);
  return { data: gray, width, height };
}

function blendOnWhite(data, gray) {
  let isUsed = false;
  for (let p = 3; p < data.length && !isUsed; p += 4) isUsed = data[p] > 0;
  if (!isUsed) return; // a channel of zeros, as in many BMP files
  const mixed = (value, cover) => Math.floor((value * cover + 255 * (255 - cover) + 127) / 255);
  for (let i = 0, p = 0; i < gray.length; i += 1, p += 4) {
    const cover = data[p + 3];
    if (cover === 255) continue;
    const [red, green, blue] = [0, 1, 2].map((channel) => mixed(data[p + channel], cover));
    gray[i] = (red * RED + green * GREEN + blue * BLUE + 16384) >> 15;
  }
}

/** The part of an image with these rows and columns, each [first, end). */
export function part(image, [top, bottom], [left, right]) {
  const [width, height] = [right - left, bottom - top];
  if (width === image.width && height === image.height) return image;
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y += 1) {
    const start = (top + y) * image.width + left;
    data.set(image.data.subarray(start, start + width), y * width);
  }
  return { data, width, height };
}

/** The image rotated by 90 degrees counterclockwise. */
export function rotated({ data, width, height }) {
  const turned = new Uint8Array(data.length);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) turned[(width - 1 - x) * height + y] = data[y * width + x];
  }
  return { data: turned, width: height, height: width };
}

/** The nearest whole number; halves to the even one, as Python rounds. */
export function roundHalfEven(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}

/**
 * Shrink an image by averaging blocks of `factor` x `factor` pixels. A side of fewer pixels than
 * `factor` becomes one pixel. Otherwise incomplete blocks at the right and lower border are
 * dropped.
 */
export function shrink(image, factor) {
  if (factor === 1) return image;
  const [down, across] = [Math.min(factor, image.height), Math.min(factor, image.width)];
  const [height, width] = [Math.floor(image.height / down), Math.floor(image.width / across)];
  const data = new Uint8Array(width * height);
  if (down === 2 && across === 2) return halved(image, { data, width, height });
  const sums = new Uint32Array(width);
  const share = Math.fround(1 / (down * across));
  for (let y = 0; y < height; y += 1) {
    sums.fill(0);
    for (let row = y * down; row < (y + 1) * down; row += 1) {
      let from = row * image.width;
      for (let x = 0; x < width; x += 1) {
        let sum = 0;
        for (const end = from + across; from < end; from += 1) sum += image.data[from];
        sums[x] += sum;
      }
    }
    const to = y * width;
    for (let x = 0; x < width; x += 1) {
      data[to + x] = roundHalfEven(Math.fround(sums[x] * share));
    }
  }
  return { data, width, height };
}

/** Fill an image with the averages of blocks of 2 x 2 pixels, where OpenCV rounds halves up. */
function halved({ data: from, width: stride }, half) {
  for (let y = 0, to = 0; y < half.height; y += 1) {
    let upper = 2 * y * stride;
    let lower = upper + stride;
    for (let x = 0; x < half.width; x += 1, to += 1, upper += 2, lower += 2) {
      half.data[to] = (from[upper] + from[upper + 1] + from[lower] + from[lower + 1] + 2) >> 2;
    }
  }
  return half;
}

/** For each new pixel along a side: the two old ones and their weights, of 2^11. Beyond the
 * border, OpenCV gives the border's pixel all weight in a row, but not in a column. */
function linearTaps(before, after, isRow) {
  const scale = before / after;
  const taps = { low: new Int32Array(after), high: new Int32Array(after) };
  const weights = { low: new Int32Array(after), high: new Int32Array(after) };
  for (let k = 0; k < after; k += 1) {
    const place = Math.fround((k + 0.5) * scale - 0.5);
    let first = Math.floor(place);
    let rest = Math.fround(place - first);
    if (isRow && (first < 0 || first >= before - 1)) {
      [first, rest] = [first < 0 ? 0 : before - 1, 0];
    }
    taps.low[k] = Math.max(first, 0);
    taps.high[k] = Math.min(first + 1, before - 1);
    weights.low[k] = roundHalfEven(Math.fround(Math.fround(1 - rest) * 2048));
    weights.high[k] = roundHalfEven(Math.fround(rest * 2048));
  }
  return { taps, weights };
}

/** Resize an image with linear interpolation, without averaging. */
export function resizeLinear(image, width, height) {
  const columns = linearTaps(image.width, width, true);
  const rows = linearTaps(image.height, height, false);
  const data = new Uint8Array(width * height);
  const across = (row) => {
    const [start, line] = [row * image.width, new Int32Array(width)];
    const { taps, weights } = columns;
    for (let x = 0; x < width; x += 1) {
      const low = image.data[start + taps.low[x]] * weights.low[x];
      line[x] = (low + image.data[start + taps.high[x]] * weights.high[x]) >> 4;
    }
    return line;
  };
  let [above, below, known] = [null, null, [-1, -1]];
  for (let y = 0; y < height; y += 1) {
    const [low, high] = [rows.taps.low[y], rows.taps.high[y]];
    const next = low === known[1] ? below : low === known[0] ? above : across(low);
    below = high === low ? next : high === known[1] ? below : across(high);
    above = next;
    known = [low, high];
    const [first, second] = [rows.weights.low[y], rows.weights.high[y]];
    for (let x = 0; x < width; x += 1) {
      const sum = ((first * above[x]) >> 16) + ((second * below[x]) >> 16);
      data[y * width + x] = Math.min(255, (sum + 2) >> 2);
    }
  }
  return { data, width, height };
}

/** Side in pixels of the blocks that are averaged into one pixel. A last digit of the shrinking
 * must not decide it. */
function blocks(shrinking) {
  return Math.max(1, Math.ceil(0.5 * shrinking - 1e-9));
}

/**
 * The part of an image that `warp` reads, and the map from there.
 *
 * @param {{width: number, height: number}} image
 * @param {number[]} matrix from image pixels to pixels of the result.
 * @param {number} width of the result.
 * @param {number} height of the result.
 * @returns {{rows: number[], columns: number[], matrix: number[]}}
 */
function neededRegion(image, matrix, width, height) {
  const [a, b, right, c, d, down] = invert(matrix);
  const block = blocks(Math.sqrt(Math.abs(a * d - b * c)));
  const range = (along, across, shift, limit) => {
    const at = (x, y) => along * x + across * y + shift;
    const ends = [at(-1, -1), at(-1, height), at(width, -1), at(width, height)];
    const low = Math.floor(Math.min(...ends)) - 2 * block;
    const first = Math.min(Math.max(low, 0), limit - 1);
    const high = Math.ceil(Math.max(...ends)) + 2 * block + 1;
    const last = Math.min(Math.max(high, first + 1), limit);
    const rest = (((first - last) % block) + block) % block;
    return [first, Math.min(last + rest, limit)];
  };
  const columns = range(a, b, right, image.width);
  const rows = range(c, d, down, image.height);
  const moved = [...matrix];
  moved[2] += matrix[0] * columns[0] + matrix[1] * rows[0];
  moved[5] += matrix[3] * columns[0] + matrix[4] * rows[0];
  return { rows, columns, matrix: moved };
}

/**
 * Cut a crop of `width` x `height` pixels out of an image into `target`, from its index `offset`.
 * Pixels outside the image repeat its border. Shrinking by more than two averages first.
 *
 * @param {number[]} matrix a similarity from image pixels to crop pixels.
 */
export function cropInto(target, offset, image, matrix, width, height) {
  const region = neededRegion(image, matrix, width, height);
  const [a, b, , c, d] = matrix;
  const scale = Math.sqrt(Math.abs(a * d - b * c));
  let [source, origin, moved] = [image, [region.columns[0], region.rows[0]], region.matrix];
  let size = [region.columns[1] - origin[0], region.rows[1] - origin[1]];
  if (scale > 0 && scale < 0.5) {
    const factor = blocks(1 / scale);
    source = shrink(part(image, region.rows, region.columns), factor);
    const back = resizeMatrix(Math.min(factor, size[0]), Math.min(factor, size[1]));
    moved = compose(back, moved);
    [origin, size] = [[0, 0], [source.width, source.height]];
  }
  warpInto({ target, offset, width, height }, source, origin, size, moved);
}

/** The inverse of a matrix with the operations of OpenCV in their order. */
function invertForWarp([a, b, x, c, d, y]) {
  const size = a * d - b * c;
  const factor = size !== 0 ? 1 / size : 0;
  const [e, f, g, h] = [d * factor, b * -factor, c * -factor, a * factor];
  return [e, f, -e * x - f * y, g, h, -g * x - h * y];
}

const WEIGHTS = bilinearWeights();

/** Weights, of 2^15, of four pixels for each of 32 x 32 places between them. */
function bilinearWeights() {
  const weights = new Int32Array(32 * 32 * 4);
  for (let y = 0, k = 0; y < 32; y += 1) {
    for (let x = 0; x < 32; x += 1, k += 4) {
      const [right, below] = [x / 32, y / 32];
      weights[k] = roundHalfEven((1 - right) * (1 - below) * 32768);
      weights[k + 1] = roundHalfEven(right * (1 - below) * 32768);
      weights[k + 2] = roundHalfEven((1 - right) * below * 32768);
      weights[k + 3] = roundHalfEven(right * below * 32768);
    }
  }
  return weights;
}

/** OpenCV's warpAffine of the region of `image` at `origin` of `size`, with a repeated border. */
function warpInto(out, image, [left, top], [across, down], matrix) {
  const [a, b, x, c, d, y] = invertForWarp(matrix);
  const { data, width: stride } = image;
  const columns = new Int32Array(2 * out.width);
  for (let column = 0; column < out.width; column += 1) {
    columns[2 * column] = roundHalfEven(a * column * 1024);
    columns[2 * column + 1] = roundHalfEven(c * column * 1024);
  }
  const [lastX, lastY] = [across - 1, down - 1];
  let to = out.offset;
  for (let row = 0; row < out.height; row += 1) {
    const startX = roundHalfEven((b * row + x) * 1024) + 16;
    const startY = roundHalfEven((d * row + y) * 1024) + 16;
    for (let column = 0; column < out.width; column += 1, to += 1) {
      const placeX = (startX + columns[2 * column]) >> 5;
      const placeY = (startY + columns[2 * column + 1]) >> 5;
      const [x0, y0] = [placeX >> 5, placeY >> 5];
      const near = top + Math.min(Math.max(y0, 0), lastY);
      const far = top + Math.min(Math.max(y0 + 1, 0), lastY);
      const here = left + Math.min(Math.max(x0, 0), lastX);
      const there = left + Math.min(Math.max(x0 + 1, 0), lastX);
      const k = ((placeY & 31) * 32 + (placeX & 31)) * 4;
      const [upper, lower] = [near * stride, far * stride];
      const sum =
        data[upper + here] * WEIGHTS[k] +
        data[upper + there] * WEIGHTS[k + 1] +
        data[lower + here] * WEIGHTS[k + 2] +
        data[lower + there] * WEIGHTS[k + 3];
      out.target[to] = (sum + 16384) >> 15;
    }
  }
}
