/**
 * Tracks faces through the frames of a camera or video: the detector runs when it must, the
 * landmark model in every frame, on crops where the faces are expected. So it is faster than a
 * search of every frame, and it recognizes faces by their looks. It follows
 * `facepoints.tracking.tracker.FaceTracker` with the live smoother.
 *
 *   const tracker = new VideoTracker(settings);
 *   const faces = await tracker.update(predictor.frame(imageData), seconds);
 */

import { invert } from "../predict/affine.js";
import { FrameEyes } from "./frame_eyes.js";
import { observe } from "./observation.js";
import { meanPoint, poseDifference, poseToSimilarity } from "./pose2d.js";
import { TrackSet } from "./track_set.js";

export class VideoTracker {
  /** @param settings the page's settings. */
  constructor(settings) {
    this.settings = settings;
    this.eyes = null;
    this.tracks = new TrackSet(settings, (center, size) => this.eyes.sceneSimilarity(center, size));
    this.center = meanPoint(settings.model.canonical_points);
    this.detectedTime = -Infinity; // of the detector's last run
    this.interval = 0; // seconds to its next run
  }

  /**
   * The faces of the next frame, oldest track first. A face with a low score appears when it was
   * seen three times.
   *
   * @param frame from `FacePredictor.frame`.
   * @param {number} seconds time of the frame. If it is before the last frame's, tracks start anew.
   * @returns {Promise<object[]>} the faces with `track` (the number of the person), and with
   *   smoothed `points` and their `box`.
   * @throws {RangeError} the time is not a number.
   */
  update(frame, seconds) {
    this.tracks.minScore = frame.minScore;
    return this.track(new FrameEyes(frame, this.settings, this.eyes), seconds);
  }

  /** The same, with other eyes: width, height and the functions of `FrameEyes`. */
  async track(eyes, seconds) {
    const { tracks } = this;
    if (seconds < tracks.time) this.detectedTime = -Infinity;
    this.eyes = eyes;
    tracks.begin(seconds, eyes);
    if (tracks.assign(await this.#observeTracks())) this.interval = 0;
    if (this.#isDetectionDue()) await this.#detect();
    return tracks.faces();
  }

  /** The observation at each track's expected place, or null. */
  async #observeTracks() {
    const all = this.tracks.tracks;
    if (!all.length) return [];
    const { time } = this.tracks;
    const observations = await this.#look(all.map((track) => track.expectedCrop(time)));
    const { young_observations: young, young_factor: factor } = this.settings.tracking.recrop;
    const again = all.flatMap((track, n) => {
      const limit = track.observations < young ? factor : 1;
      const moved = observations[n] && this.#moved(observations[n].pose, track.predictPose(time));
      return moved && moved > limit ? [n] : [];
    });
    const closer = await this.#look(again.map((n) => this.#cropOf(observations[n].pose)));
    again.forEach((n, k) => (observations[n] = closer[k]));
    return observations;
  }

  /** Observations in crops; null where a crop gives no pose. */
  async #look(matrices) {
    if (!matrices.length) return [];
    const found = await this.eyes.observe(matrices);
    return found.map(({ face, appearance }) => observe(face, this.settings, appearance));
  }

  /** The crop that frames a face of this pose as in training. */
  #cropOf(pose) {
    return invert(poseToSimilarity(pose, this.center));
  }

  /** By how much a face lay differently in its crop than faces in training: 1 is the limit. */
  #moved(observed, expected) {
    const { recrop } = this.settings.tracking;
    const error = poseDifference(observed, expected);
    const side = Math.max(...this.settings.model.size) * Math.exp(expected[2]);
    return Math.max(
      Math.hypot(error[0], error[1]) / (recrop.max_offset * side),
      Math.abs(error[2]) / recrop.max_log_scale,
      Math.abs(error[3]) / recrop.max_turn,
    );
  }

  #isDetectionDue() {
    const { detection } = this.settings.tracking;
    const all = this.tracks.tracks;
    const busy = !all.length || all.some((track) => track.isLost);
    const limit = busy ? detection.busy_interval : detection.quiet_interval;
    return this.tracks.time - this.detectedTime >= Math.min(this.interval, limit) - 1e-6;
  }

  /** Start tracks for new faces and continue lost tracks whose faces return. */
  async #detect() {
    const { tracks, eyes } = this;
    const detections = await eyes.detect();
    tracks.confirm(detections.map(({ box }) => box));
    const fresh = detections.filter(({ box }) => !tracks.isTracked(box));
    const any = tracks.addFaces(await this.#observeFaces(await eyes.predictLandmarks(fresh)));
    const longest = this.settings.tracking.detection.quiet_interval;
    const elapsed = Math.min(tracks.time - this.detectedTime, longest);
    this.detectedTime = tracks.time;
    // in every frame while there are new faces, then at intervals that double
    this.interval = any ? 0 : Math.min(2 * Math.max(elapsed, 1e-3), longest);
  }

  /**
   * Observations of detected faces, in new crops framed by their landmarks: the next frames are
   * cropped by the landmarks too.
   */
  async #observeFaces(faces) {
    const known = faces.map((face) => observe(face, this.settings)).filter(Boolean);
    const observations = await this.#look(known.map(({ pose }) => this.#cropOf(pose)));
    const least = this.settings.model.has_face_score ? this.tracks.minScore : 0;
    return observations.filter((each) => each && each.score >= least);
  }
}
