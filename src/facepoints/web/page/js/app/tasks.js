/** What the worker does for the page: it loads the models, finds, tracks and measures faces. */

import { headPose, measureFace } from "../measure/measure.js";
import { FacePredictor } from "../predict/predictor.js";
import { VideoTracker } from "../tracking/video_tracker.js";

const PAGE = new URL("../../", import.meta.url).href; // the page's folder

let settings = null;
let predictor = null;
let tracker = null;

/** What the page can ask for. */
export const TASKS = {
  async load() {
    predictor = await FacePredictor.load(PAGE);
    settings = predictor.settings;
    return settings;
  },

  /** Run both models once on gray pixels: the first run of each takes several times as long. */
  async warmUp() {
    const blank = new ImageData(new Uint8ClampedArray(4 * 320 * 320).fill(128), 320, 320);
    await predictor.predict(blank);
    await predictor.follow(blank, [{ points: settings.model.canonical_points }]);
  },

  /** The faces of a photo, each with the axes of its head. */
  async predict({ image, options }) {
    const started = performance.now();
    const faces = await predictor.predict(image, options);
    return { faces: faces.map((face) => withAxes(face, image)), ms: performance.now() - started };
  },

  /** The faces of the next frame of a video or camera, with track numbers. */
  async track({ image, seconds, options, restart, axes }) {
    const started = performance.now();
    if (restart || !tracker) tracker = new VideoTracker(settings);
    const faces = await tracker.update(predictor.frame(image, options), seconds);
    const shown = axes ? faces.map((face) => withAxes(face, image)) : faces;
    return { faces: shown, ms: performance.now() - started };
  },

  /** The measures of a face, in a convention; "": in none. */
  async measure({ face, size, convention }) {
    return measureFace(face, size, settings, undefined, convention);
  },
};

/** A face with `axes`: the origin of its head and the ends of its axes x, y and z, in pixels. */
function withAxes(face, size) {
  const pose = headPose(face, size, settings);
  return pose ? { ...face, axes: [pose.axes[0].from, ...pose.axes.map(({ to }) => to)] } : face;
}
