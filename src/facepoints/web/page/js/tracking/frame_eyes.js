/**
 * What `VideoTracker` sees of a frame: the detector and the landmark model on it, and how faces and
 * their surroundings look.
 */

import { cropInto } from "../predict/gray_image.js";
import { appearanceDescriptor } from "./appearance.js";
import { similarity } from "./observation.js";

const REACH = 3; // side of the surroundings of a face, in face sizes
const PIXELS = 72; // side of the images of them that are compared

export class FrameEyes {
  /**
   * @param frame of the predictor (`FacePredictor.frame`): gray, detect, predictLandmarks, outputs.
   * @param settings the page's settings.
   * @param {FrameEyes | null} before the eyes of the frame before.
   */
  constructor(frame, settings, before = null) {
    this.frame = frame;
    this.gray = frame.gray;
    this.width = frame.gray.width;
    this.height = frame.gray.height;
    this.settings = settings;
    this.before = before?.gray ?? null;
  }

  /** All detections: {box, score, angle}. */
  detect() {
    return this.frame.detect();
  }

  /** The faces of detections. */
  predictLandmarks(detections) {
    return this.frame.predictLandmarks(detections);
  }

  /** For each crop, {face: the model's output in it, appearance}. */
  async observe(matrices) {
    const outputs = await this.frame.outputs(matrices);
    const [height, width] = this.settings.model.size;
    return outputs.map((face, k) => ({
      face,
      appearance: this.#appearance(this.gray, matrices[k], width, height),
    }));
  }

  /**
   * Appearance similarity of this frame and the one before around a face, [-1, 1]; -1 for the
   * first frame, and after a change of the frame's size.
   *
   * @param {number[]} center pixels.
   * @param {number} size of the face in pixels.
   */
  sceneSimilarity(center, size) {
    const { before } = this;
    if (!before || before.width !== this.width || before.height !== this.height) return -1;
    const scale = PIXELS / (REACH * Math.max(size, 1e-3));
    const [x, y] = [0, 1].map((axis) => (PIXELS - 1) / 2 - scale * center[axis]);
    const [old, now] = [before, this.gray].map((gray) =>
      this.#appearance(gray, [scale, 0, x, 0, scale, y], PIXELS, PIXELS),
    );
    return similarity(old, now);
  }

  #appearance(gray, matrix, width, height) {
    const data = new Uint8Array(width * height);
    cropInto(data, 0, gray, matrix, width, height);
    return appearanceDescriptor({ data, width, height }, this.settings.tracking.appearance.side);
  }
}
