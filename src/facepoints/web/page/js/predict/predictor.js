/**
 * Finds faces and their landmarks in pixels: the Python package's prediction, in the browser.
 *
 *   const predictor = await FacePredictor.load(baseUrl);
 *   const faces = await predictor.predict(imageData, { anyAngle: false, minScore: 0.5 });
 *
 * It runs where it is called. A page calls it in a module worker, so that the page stays quick
 * (`app/worker.js`): it needs neither document nor window. Calls may overlap; they run one after
 * another.
 *
 * `baseUrl` is the page's folder with settings.json, models/ and runtime/. A face has the keys and
 * values of a face in a line of faces.jsonl: {box, score, track: null, points, radius, visible}.
 * `visible` is absent if the model does not predict it. Radii are always there.
 *
 * Video: `predictor.follow(imageData, faces)` looks only where the faces were in the frame before,
 * without the detector: a third of the time. Faces that are gone are left out. New faces are found
 * by `predict`, which a caller should run some times a second, and whenever a face was lost.
 */

import { IDENTITY, boundingBox, compose, fitSimilarity } from "./affine.js";
import { LandmarkModel, initialCrop, predictRefined } from "./cropping.js";
import { mapDetection, mergeDetections } from "./detections.js";
import { FaceDetector } from "./detector.js";
import { withoutDuplicates } from "./duplicates.js";
import { canBeFace, faceScores } from "./face_score.js";
import { rotated, toGray } from "./gray_image.js";
import { asRecord } from "./record.js";
import { openModels } from "./runtime.js";

/** Finds faces in images. */
export class FacePredictor {
  #detector;
  #model;
  #last = Promise.resolve();

  /**
   * Load the runtime, both models and the settings.
   *
   * @param {string|URL} baseUrl address of the page's folder; it ends with "/".
   * @throws {Error} a file cannot be loaded, or the browser cannot run it.
   */
  static async load(baseUrl) {
    const { settings, detector, points } = await openModels(baseUrl);
    return new FacePredictor(settings, detector, points);
  }

  /**
   * @param {object} settings
   * @param {OnnxModel} detector
   * @param {OnnxModel} model
   */
  constructor(settings, detector, model) {
    this.settings = settings;
    this.#detector = new FaceDetector(detector, settings.detector);
    this.#model = new LandmarkModel(model, settings.model);
  }

  /**
   * The faces in an image, highest score first; an empty list if there is none.
   *
   * @param {ImageData} image RGBA; transparent pixels count as white.
   * @param {object} [options]
   * @param {number} [options.minScore] minimum score of a face, 0 to 1; 0.5 as in Python. Larger:
   *   fewer false faces, more missed ones.
   * @param {boolean} [options.anyAngle] also find faces that lie on their side or are upside down;
   *   takes four times as long.
   * @returns {Promise<object[]>}
   */
  predict(image, options = {}) {
    return this.#next(async () => {
      const gray = toGray(image);
      const detections = await this.#detections(gray, options.anyAngle ?? false);
      const matrices = detections.map((found) => initialCrop(this.settings.model, found));
      return this.#faces(gray, matrices, detections, options);
    });
  }

  /**
   * The faces of the frame before, in the next frame of a video.
   *
   * @param {ImageData} image
   * @param {object[]} faces of the frame before, with their points.
   * @param {{minScore?: number}} [options]
   * @returns {Promise<object[]>} highest score first. A face that is gone is left out.
   */
  follow(image, faces, options = {}) {
    return this.#next(async () => {
      const canonical = this.settings.model.canonical_points;
      const matrices = faces.map(({ points }) => fitSimilarity(points, canonical));
      const known = matrices.filter((matrix) => matrix !== null);
      return this.#faces(toGray(image), known, null, options);
    });
  }

  /**
   * A frame of a video for `tracking/video_tracker.js`, which decides what is looked at.
   *
   * @param {ImageData} image
   * @param {object} [options] as for `predict`.
   * @returns {object} gray, the frame's gray image; minScore; detect() for its detections;
   *   predictLandmarks(detections) for their faces; and outputs(matrices) for the landmark model's
   *   output in crops, {points, radius, score, visible} (`LandmarkModel.predict`).
   */
  frame(image, options = {}) {
    const gray = toGray(image);
    const description = this.settings.model;
    return {
      gray,
      minScore: options.minScore ?? this.settings.predictor.min_score,
      detect: () => this.#next(() => this.#detections(gray, options.anyAngle ?? false)),
      predictLandmarks: (detections) =>
        this.#next(() => {
          const matrices = detections.map((found) => initialCrop(description, found));
          return this.#faces(gray, matrices, detections, options);
        }),
      outputs: (matrices) => this.#next(() => this.#model.predict(gray, matrices)),
    };
  }

  /** Run calls one after another. A call that fails does not stop the next ones. */
  #next(call) {
    const result = this.#last.then(call);
    this.#last = result.catch(() => {});
    return result;
  }

  async #detections(gray, anyAngle) {
    const found = [];
    let [turned, matrix] = [gray, IDENTITY];
    for (let turn = 0; turn < (anyAngle ? 4 : 1); turn += 1) {
      if (turn) {
        // counterclockwise: the right edge becomes the top one
        matrix = compose(matrix, [0, 1, 0, -1, 0, turned.width - 1]);
        turned = rotated(turned);
      }
      const detections = await this.#detector.detect(turned);
      found.push(...detections.map((one) => mapDetection(one, matrix)));
    }
    return mergeDetections(found, this.settings.detector);
  }

  /** The crops that show faces, as faces. Without detections, the model alone decides. */
  async #faces(gray, matrices, detections, { minScore = this.settings.predictor.min_score }) {
    const { model: description, crop, predictor } = this.settings;
    const judges = description.has_face_score;
    const isPossible = (detection) =>
      judges ? canBeFace(detection, minScore, predictor) : detection.score >= minScore;
    const known = matrices
      .map((_, index) => index)
      .filter((k) => !detections || isPossible(detections[k]));
    if (!known.length) return [];
    const first = known.map((index) => matrices[index]);
    const least = judges ? minScore : 0;
    const found = await predictRefined(this.#model, gray, first, least, crop);
    const seen = found.map(({ index, matrix, output }) => ({
      matrix,
      score: output.score,
      detection: detections && detections[known[index]],
    }));
    const scores = judges
      ? await faceScores(this.#model, gray, seen, predictor)
      : seen.map(({ detection }) => detection?.score ?? 1);
    const faces = [];
    for (const [k, { output }] of found.entries()) {
      const score = scores[k];
      const box = boundingBox(output.points);
      if (score >= minScore && output.points.flat().every(Number.isFinite)) {
        faces.push({ ...output, score, box });
      }
    }
    const each = withoutDuplicates(faces, description.canonical_points, predictor);
    return each.map((face) => asRecord(face));
  }
}
