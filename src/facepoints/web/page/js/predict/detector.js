/** The built-in face detector, as Python's `detection/builtin.py` and `detection/views.py`. */

import { decode } from "./decode.js";
import { mapDetection } from "./detections.js";
import { cropInto, part, resizeLinear, roundHalfEven, shrink } from "./gray_image.js";
import { isSameFace, search } from "./search.js";

const BATCH = 16; // windows that go through the network at once

/** Finds faces rotated by up to 45 degrees, in several passes with more and more pixels. */
export class FaceDetector {
  /**
   * @param {object} model the ONNX file (`OnnxModel`).
   * @param {object} settings "detector" of the page's settings.
   */
  constructor(model, settings) {
    this.model = model;
    this.settings = settings;
  }

  /** The detections in a gray image, most confident first. */
  detect(gray) {
    return search(this, gray, this.settings);
  }

  /** The detections in a gray image that is resized to a side. */
  async whole(gray, side, minScore) {
    const { image, scale } = this.#resized(gray, side);
    if (Math.max(image.width, image.height) <= this.settings.tile) {
      return this.#found(image, minScore, scale);
    }
    const faces = [];
    for (const [rows, columns] of tiles(image, this.settings)) {
      const found = await this.#found(part(image, rows, columns), minScore, scale);
      const shift = [columns[0] / scale[0], rows[0] / scale[1]];
      for (const { box, ...rest } of found) {
        faces.push({ ...rest, box: [box[0] + shift[0], box[1] + shift[1], box[2], box[3]] });
      }
    }
    return this.#once(faces);
  }

  /** The detections in the middle of each window of a gray image. */
  async windows(gray, windows, minScore) {
    const side = this.settings.window;
    const middle = (side - 1) / 2;
    const matrices = windows.map(({ x, y, zoom }) => [
      zoom, 0, middle - zoom * x,
      0, zoom, middle - zoom * y,
    ]);
    const found = [];
    for (let start = 0; start < matrices.length; start += BATCH) {
      const some = matrices.slice(start, start + BATCH);
      const images = new Uint8Array(some.length * side * side);
      some.forEach((matrix, k) => cropInto(images, k * side * side, gray, matrix, side, side));
      const { cells } = await this.model.run(images, [some.length, side, side]);
      const size = cells.data.length / some.length;
      some.forEach((matrix, k) => {
        const own = cells.data.subarray(k * size, (k + 1) * size);
        const faces = decode(own, [side, side], minScore, [1, 1], this.settings);
        const isCentral = ({ box: [x, y, width, height] }) =>
          Math.hypot(x + width / 2 - middle, y + height / 2 - middle) < side / 4;
        found.push(faces.filter(isCentral).map((face) => mapDetection(face, matrix)));
      });
    }
    return found;
  }

  async #found(image, minScore, scale) {
    const { cells } = await this.model.run(image.data, [1, image.height, image.width]);
    return decode(cells.data, [image.height, image.width], minScore, scale, this.settings);
  }

  /** An image of about `side` pixels, padded to multiples of the network's coarsest stride, and the
   * factors [x, y] of the resizing. Shrinking by a whole number is preferred: it is faster. */
  #resized(gray, side) {
    const { multiple, padding, resize_tolerance: tolerance } = this.settings;
    const longest = Math.max(gray.width, gray.height);
    const factor = Math.max(1, Math.floor(longest / side));
    let small = shrink(gray, factor);
    const [across, down] = [Math.min(factor, gray.width), Math.min(factor, gray.height)];
    let scale = [1 / across, 1 / down];
    const over = longest / (side * factor);
    if (over < 1 / tolerance || over > tolerance) {
      const { width, height } = small;
      const share = side / Math.max(width, height);
      const fit = (length) => Math.max(1, roundHalfEven(length * share));
      small = resizeLinear(small, fit(width), fit(height));
      scale = [small.width / (width * across), small.height / (height * down)];
    }
    return { image: padded(small, multiple, padding), scale };
  }

  /** Each face once, most confident first. */
  #once(faces) {
    const kept = [];
    for (const face of faces.sort((a, b) => b.score - a.score)) {
      if (!kept.some((other) => isSameFace(face, other, this.settings))) kept.push(face);
    }
    return kept;
  }
}

function padded(image, multiple, padding) {
  const fitted = (length) => Math.ceil(length / multiple) * multiple;
  const [width, height] = [fitted(image.width), fitted(image.height)];
  if (width === image.width && height === image.height) return image;
  const data = new Uint8Array(width * height).fill(padding);
  for (let y = 0; y < image.height; y += 1) {
    data.set(image.data.subarray(y * image.width, (y + 1) * image.width), y * width);
  }
  return { data, width, height };
}

/** Overlapping parts, [rows, columns], that cover an image. */
function tiles({ width, height }, { tile, tile_overlap: overlap, multiple }) {
  const ranges = [height, width].map((length) => {
    const count = Math.max(1, Math.ceil((length - overlap) / (tile - overlap)));
    const step = Math.ceil((length - overlap) / (count * multiple)) * multiple;
    return Array.from({ length: count }, (_, k) => [
      k * step,
      Math.min(k * step + step + overlap, length),
    ]);
  });
  return ranges[0].flatMap((rows) => ranges[1].map((columns) => [rows, columns]));
}
