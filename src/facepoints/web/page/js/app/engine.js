/** The page's side of the worker: it asks, the worker answers. */

const SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15,
  253, 98, 11,
]); // the smallest program that needs 128-bit instructions

/**
 * Why this browser cannot run the models.
 *
 * @returns {string} "" if it can.
 */
export function missingFeature() {
  if (typeof WebAssembly !== "object") {
    return (
      "This browser has no WebAssembly, or it is switched off (as in Lockdown Mode). " +
      "The models need it: switch it on, or use another browser."
    );
  }
  if (!WebAssembly.validate(SIMD)) {
    return "This browser's WebAssembly is too old (it has no SIMD). Update it, or use another one.";
  }
  if (typeof OffscreenCanvas === "undefined" || typeof Worker === "undefined") {
    return "This browser is too old for this page: it has no workers that draw. Update it.";
  }
  return "";
}

/** Runs the models in a worker. */
export class Engine {
  constructor() {
    this.waiting = new Map();
    this.next = 0;
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => this.#answer(data);
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.failure = `The program of the page could not be loaded: ${event.message || "a file is missing"}.`;
      for (const id of this.waiting.keys()) this.#answer({ id, error: this.failure });
    };
  }

  /**
   * Load models and settings.
   *
   * @returns {Promise<object>} the settings.
   */
  async load() {
    return this.#ask("load");
  }

  /** Let the models run once, so that the first picture is as quick as all others. */
  async warmUp() {
    await this.#ask("warmUp").catch(() => {}); // a fault shows with the first picture
  }

  /**
   * The faces of a photo.
   *
   * @param {ImageData} image; its pixels move to the worker.
   * @param {object} options of `FacePredictor.predict`.
   * @returns {Promise<{faces: object[], ms: number}>} ms: time of the models and the geometry.
   */
  predict(image, options) {
    return this.#ask("predict", { image, options }, [image.data.buffer]);
  }

  /**
   * The faces of the next frame, with track numbers and smoothed points.
   *
   * @param {ImageData} image; its pixels move to the worker.
   * @param {number} seconds since the first frame.
   * @param {{options: object, restart: boolean, axes: boolean}} how restart: forget all tracks.
   * @returns {Promise<{faces: object[], ms: number}>}
   */
  track(image, seconds, how) {
    return this.#ask("track", { image, seconds, ...how }, [image.data.buffer]);
  }

  /**
   * The measures of a face: a list of {name, value, radius, unit, definition, points}.
   *
   * @param {object} face
   * @param {{width: number, height: number}} size of the picture.
   * @param {string} convention data set whose marks are followed; "": none.
   */
  measure(face, size, convention) {
    return this.#ask("measure", { face, size, convention });
  }

  #ask(task, data = {}, transfer = []) {
    if (this.failure) return Promise.reject(new Error(this.failure));
    const id = (this.next += 1);
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, task, ...data }, transfer);
    });
  }

  #answer({ id, result, error }) {
    const { resolve, reject } = this.waiting.get(id) ?? {};
    this.waiting.delete(id);
    if (error === undefined) resolve?.(result);
    else reject?.(new Error(error));
  }
}
