/**
 * The models and all geometry, in a worker, so that the page stays quick while they run.
 *
 * A message is {id, task, ...}; the answer is {id, result} or {id, error}, in the same order.
 */

import { headPose, measureFace } from "../measure/measure.js";
import { FacePredictor } from "../predict/predictor.js";
import { VideoTracker } from "../tracking/video_tracker.js";

let settings = null;
let predictor = null;
let tracker = null;

/** What the page can ask for. */
const TASKS = {
  async load({ base }) {
    const answer = await fetch(new URL("settings.json", base));
    if (!answer.ok) throw new Error(`settings.json could not be loaded (${answer.status})`);
    settings = await answer.json();
    predictor = await FacePredictor.load(base, settings);
    warmUp();
    return settings;
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

  /** The measures of a face. */
  async measure({ face, size }) {
    return measureFace(face, size, settings);
  },
};

/** Run both models once on gray pixels: the first run of each takes several times as long. */
function warmUp() {
  const blank = new ImageData(new Uint8ClampedArray(4 * 320 * 320).fill(128), 320, 320);
  const ignore = () => {}; // a fault shows with the first photo, in its place
  predictor.predict(blank).catch(ignore);
  predictor.follow(blank, [{ points: settings.model.canonical_points }]).catch(ignore);
}

/** A face with `axes`: the origin of its head and the ends of its axes x, y and z, in pixels. */
function withAxes(face, size) {
  const pose = headPose(face, size, settings);
  return pose ? { ...face, axes: [pose.axes[0].from, ...pose.axes.map(({ to }) => to)] } : face;
}

let last = Promise.resolve();

self.onmessage = ({ data }) => {
  last = last.then(async () => {
    try {
      self.postMessage({ id: data.id, result: await TASKS[data.task](data) });
    } catch (error) {
      self.postMessage({ id: data.id, error: String(error?.message ?? error) });
    }
  });
};
