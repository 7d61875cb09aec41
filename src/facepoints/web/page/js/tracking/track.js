/** One tracked face: its motion, its shape and its appearance (`facepoints.tracking.track`). */

import { apply, invert } from "../predict/affine.js";
import { PoseKalmanFilter } from "./kalman.js";
import { distance, poseScale, rescaled, similarity } from "./observation.js";
import { OneEuroFilter } from "./one_euro.js";
import { meanPoint, measurementStd, poseDifference, poseToSimilarity } from "./pose2d.js";

export class Track {
  /**
   * @param observation first observation of the face.
   * @param {number} time of the first observation, in seconds.
   * @param settings the page's settings.
   */
  constructor(observation, time, settings) {
    this.trackId = null; // the identity; null while the track is tentative
    this.observations = 1;
    this.time = time;
    this.lastSeen = time;
    this.missedDetections = 0; // runs of the detector in a row that did not confirm this track
    this.wasAlone = false; // true after an observation with no other face near
    this.config = settings.tracking;
    this.limits = {
      leastVisible: settings.tracking.least_visible,
      hidden: settings.predictor.hidden,
    };
    this.center = meanPoint(settings.model.canonical_points);
    this.#startFilters(observation);
    this.lastSizeAndTurn = observation.pose.slice(2); // while no other face was near
    this.meanAppearance = observation.appearance;
    this.observation = observation;
  }

  /** True if the face was not visible in the last frame. */
  get isLost() {
    return this.lastSeen < this.time;
  }

  /** The pose (4) to expect at a time in seconds. */
  predictPose(time) {
    const [steady, agile] = [this.steady, this.agile].map((motion) =>
      motion.predict(time - this.time, this.isLost),
    );
    // a jittering crop makes landmarks jitter: use the agile prediction only if it differs
    const change = poseDifference(agile, steady);
    const scale = poseScale(this.observation);
    const threshold = this.config.kalman.agile_threshold;
    const apart = change.reduce((all, value, k) => all + (value / scale[k] / threshold) ** 2, 0);
    return steady.map((value, k) => value + change[k] * Math.min(apart, 1));
  }

  /** The matrix from the image to a crop in which the face should lie as in training crops. */
  expectedCrop(time) {
    return invert(poseToSimilarity(this.predictPose(time), this.center));
  }

  /** Score of an observation's appearance and place for this track; larger is better. */
  matchScore(observation, time) {
    const config = this.config.association;
    const far = distance(observation.pose, this.predictPose(time)) / Math.max(this.observation.size, 1e-3);
    const cost = Math.min(far, config.match_max_distance);
    const alike = similarity(this.meanAppearance, observation.appearance);
    return alike - config.match_distance_weight * cost;
  }

  /**
   * True if an observation lies where this face is expected and resembles it more than the face of
   * another track.
   */
  fitsBetter(other, observation, time) {
    const far = distance(observation.pose, this.predictPose(time));
    const mine = similarity(this.meanAppearance, observation.appearance);
    const theirs = similarity(other.meanAppearance, observation.appearance);
    return far < this.config.association.same_face_distance * observation.size && mine > theirs;
  }

  /**
   * Update the track with the observation of a frame.
   *
   * @param {boolean} alone no other face is near. If false, the appearance is not learned, and
   *   size and rotation only slowly.
   */
  update(observation, time, alone = true) {
    const seconds = Math.max(time - this.time, 0);
    if (this.isLost) {
      const [x, y] = this.agile.smoothedVelocity;
      this.#startFilters(observation);
      for (const motion of [this.steady, this.agile]) motion.resetVelocity([x, y, 0, 0]);
    } else {
      const std = this.#measurementStd(observation);
      this.steady.update(observation.pose, std, seconds, alone);
      this.agile.update(observation.pose, std, seconds, alone);
      const { points, radius } = this.#ownFrame(observation);
      this.shape.update(points, radius, seconds, observation.visible);
    }
    this.#learn(observation, seconds, alone);
    this.observation = observation;
    this.observations += 1;
    this.time = this.lastSeen = time;
  }

  /** Advance by a frame in which the face is not visible. */
  markMissed(time) {
    for (const motion of [this.steady, this.agile]) {
      motion.predictWithoutMeasurement(Math.max(time - this.time, 0), this.lastSizeAndTurn);
    }
    this.time = time;
  }

  /** Smoothed landmarks (K, 2) in pixels. */
  points() {
    const matrix = poseToSimilarity(this.steady.pose, this.center);
    return this.shape.points.map((point) => apply(matrix, point));
  }

  /** Continue in frames of another resolution, `factor` times as large. */
  rescale(factor) {
    this.steady.rescale(factor);
    this.agile.rescale(factor);
    this.lastSizeAndTurn[0] += Math.log(factor);
    this.observation = rescaled(this.observation, factor);
  }

  #startFilters(observation) {
    const { kalman, one_euro: oneEuro } = this.config;
    const std = this.#measurementStd(observation);
    const { pose, size } = observation;
    // two estimates: a steady one for the output, an agile one to predict where to crop next
    this.steady = new PoseKalmanFilter(pose, std, size, kalman);
    this.agile = new PoseKalmanFilter(pose, std, size, kalman, { agile: true });
    const shape = this.#ownFrame(observation).points;
    this.shape = new OneEuroFilter(shape, oneEuro, observation.visible, this.limits);
  }

  /** Remember size, rotation and appearance, to recognize the face after it was hidden. */
  #learn(observation, seconds, alone) {
    const { kalman, appearance } = this.config;
    const change = poseDifference(observation.pose, [0, 0, ...this.lastSizeAndTurn]).slice(2);
    const share = alone ? 1 : 1 - Math.exp(-seconds / kalman.crowded_size_seconds);
    this.lastSizeAndTurn = this.lastSizeAndTurn.map((value, k) => value + share * change[k]);
    this.wasAlone ||= alone;
    if (!alone || !observation.appearance) return;
    const weight = 1 - Math.exp(-seconds / appearance.averaging_seconds);
    const old = this.meanAppearance ?? observation.appearance;
    const mean = old.map((value, k) => value + weight * (observation.appearance[k] - value));
    const norm = Math.max(Math.sqrt(mean.reduce((all, value) => all + value * value, 0)), 1e-6);
    this.meanAppearance = mean.map((value) => value / norm);
  }

  #measurementStd({ radius, size, visible }) {
    const fraction = this.config.kalman.initial_measurement_std;
    return measurementStd(radius, size, fraction, visible, this.limits.leastVisible);
  }

  /** Landmarks and radii in the frame of the canonical shape. */
  #ownFrame({ points, radius, pose }) {
    const scale = Math.exp(-pose[2]);
    const back = invert(poseToSimilarity(pose, this.center));
    return {
      points: Array.from(points, (point) => apply(back, point)),
      radius: Array.from(radius, (r) => r * scale),
    };
  }
}
