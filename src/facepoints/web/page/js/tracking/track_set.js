/**
 * The tracks of a video: which observation belongs to which track, and when tracks begin and end.
 * It follows `facepoints.tracking.tracker.FaceTracker`, without the detector and the model:
 * `VideoTracker` brings the observations.
 */

import { boundingBox } from "../predict/affine.js";
import { iou } from "../predict/detections.js";
import { asRecord } from "../predict/record.js";
import {
  isCrowded, isExpectedTrack, isPartOf, isSameFace, reidentify, rejectOcclusionDrift,
  resolveConflicts,
} from "./association.js";
import { distance, similarity } from "./observation.js";
import { Track } from "./track.js";

export class TrackSet {
  /**
   * @param settings the page's settings.
   * @param {(center: number[], size: number) => number} sceneSimilarity appearance similarity of
   *   the last two frames around a face, [-1, 1]; the default knows nothing, -1.
   */
  constructor(settings, sceneSimilarity = () => -1) {
    this.settings = settings;
    this.config = settings.tracking;
    this.sceneSimilarity = sceneSimilarity;
    this.minScore = settings.predictor.min_score; // of a face, [0, 1]
    this.tracks = [];
    this.nextId = 0; // identity of the next new person
    this.size = null;
    this.time = this.previousTime = -Infinity; // of this frame and of the one before
  }

  /**
   * Begin the next frame: tracks end after a long gap, and where the scene has another shape.
   *
   * @param {number} time seconds. If it is before the last frame's, all tracks end.
   * @param {{width: number, height: number} | null} size of the frame; null: unknown.
   */
  begin(time, size = null) {
    if (!Number.isFinite(time)) throw new RangeError(`a frame needs a time in seconds, got ${time}`);
    if (time < this.time) this.tracks = [];
    [this.previousTime, this.time] = [this.time, time];
    if (size) this.#resize(size);
    this.tracks = this.tracks.filter((track) => time - track.time < this.config.max_frame_gap);
  }

  /** With the same proportions it is the same scene in another resolution. Else tracks end. */
  #resize(size) {
    const old = this.size;
    this.size = { width: size.width, height: size.height };
    if (!old || (old.width === size.width && old.height === size.height)) return;
    const [across, down] = [size.width / old.width, size.height / old.height];
    if (Math.abs(across - down) < 0.02) for (const track of this.tracks) track.rescale(across);
    else this.tracks = [];
  }

  /**
   * Update all tracks.
   *
   * @param {(object | null)[]} observations one per track, in their order; null: no face.
   * @returns {boolean} true if a track ended, or a face was lost in this frame.
   */
  assign(observations) {
    const { tracks, time, config } = this;
    let kept = observations.map((observation, n) =>
      observation && this.#isPlausible(tracks[n], observation) ? observation : null,
    );
    kept = rejectOcclusionDrift(tracks, kept, time, config.association);
    kept = resolveConflicts(tracks, kept, time, config.association);
    let anyLost = false;
    const visible = kept.filter(Boolean);
    tracks.forEach((track, n) => {
      if (kept[n]) {
        track.update(kept[n], time, !isCrowded(kept[n], visible, config.association));
      } else {
        anyLost ||= !track.isLost && track.trackId !== null;
        track.markMissed(time);
      }
    });
    // tentative tracks end as soon as they are missed once
    this.tracks = tracks.filter(
      (track) =>
        time - track.lastSeen <= (track.trackId === null ? 0 : config.lost_track_seconds),
    );
    return anyLost || this.tracks.length < tracks.length;
  }

  /** True if a box [x, y, width, height] of the detector is a face that is tracked already. */
  isTracked(box) {
    const least = this.config.detection.new_face_iou;
    return this.#visible().some((track) => iou(box, track.observation.box) >= least);
  }

  /**
   * End tracks that the detector does not confirm, if the model has no face score that would end
   * them.
   *
   * @param {number[][]} boxes of all detections in this frame.
   */
  confirm(boxes) {
    if (this.settings.model.has_face_score) return;
    const { confirmation_iou: least, max_missed: most } = this.config.detection;
    for (const track of this.#visible()) {
      const confirmed = boxes.some((box) => iou(box, track.observation.box) > least);
      track.missedDetections = confirmed ? 0 : track.missedDetections + 1;
    }
    this.tracks = this.tracks.filter((track) => track.missedDetections < most);
  }

  /**
   * Start tracks for new faces, and continue lost tracks whose faces return.
   *
   * @param {object[]} observations of detected faces.
   * @returns {boolean} true if there was any.
   */
  addFaces(observations) {
    const { association } = this.config;
    const visible = this.#visible();
    let any = false;
    for (const observation of observations) {
      const others = visible.map((track) => track.observation);
      if (others.some((other) => isSameFace(observation, other, association))) continue;
      const lost = this.tracks.filter((track) => track.isLost);
      let track =
        reidentify(observation, lost, this.time, others, association) ??
        lost.find((each) => this.#wasSeenAs(each, observation));
      if (track) {
        track.update(observation, this.time, !isCrowded(observation, others, association));
      } else if (isExpectedTrack(observation, lost, this.time, others, association)) {
        continue;
      } else {
        track = new Track(observation, this.time, this.settings);
        this.tracks.push(track);
      }
      any = true;
      visible.push(track);
    }
    return any;
  }

  /** The visible faces that have an identity, oldest track first: with `track`, smoothed. */
  faces() {
    const visible = this.#visible();
    for (const track of visible) this.#confirm(track);
    return visible
      .filter((track) => track.trackId !== null)
      .map((track) => {
        const points = track.points();
        const { score, radius, visible } = track.observation;
        const face = { box: boundingBox(points), score, points, radius, visible };
        return asRecord(face, track.trackId);
      });
  }

  #visible() {
    return this.tracks.filter((track) => !track.isLost);
  }

  /** Gives a track its identity: at once if its score is high, else after some observations. */
  #confirm(track) {
    const { instant_score: instant, min_observations: least } = this.config.acceptance;
    const certain = track.observation.score >= instant || !this.settings.model.has_face_score;
    if (track.trackId === null && (certain || track.observations >= least)) {
      track.trackId = this.nextId;
      this.nextId += 1;
    }
  }

  /** True if an observation can be the face of a track. */
  #isPlausible(track, observation) {
    const { acceptance, association } = this.config;
    const expected = track.predictPose(this.time);
    if (!this.#isFace(track, observation) || !this.#isInside(observation.pose)) return false;
    const reach = acceptance.max_distance * Math.max(track.observation.size, 1e-3);
    if (
      observation.size < acceptance.min_size ||
      Math.abs(observation.pose[2] - expected[2]) > acceptance.max_log_scale ||
      distance(observation.pose, expected) > reach
    ) {
      return false;
    }
    if (!track.isLost) return this.#isAlike(track, observation, expected);
    const others = this.#visible();
    if (others.some((other) => other.fitsBetter(track, observation, this.time))) return false;
    const beside = others.map((other) => other.observation);
    return reidentify(observation, [track], this.time, beside, association) !== null;
  }

  #isFace(track, observation) {
    const visible = track.trackId !== null && !track.isLost;
    const factor = visible ? this.config.acceptance.tracked_score_factor : 1;
    return !this.settings.model.has_face_score || observation.score >= this.minScore * factor;
  }

  #isInside([x, y]) {
    if (!this.size) return true;
    const { width, height } = this.size;
    return x >= -0.5 && x < width - 0.5 && y >= -0.5 && y < height - 0.5;
  }

  /** True if an observation resembles the face that was in its place one frame before. */
  #isAlike(track, observation, expected) {
    const alike = similarity(track.observation.appearance, observation.appearance);
    return (
      alike > this.config.acceptance.min_similarity || this.#isInPlace(track, observation, expected)
    );
  }

  /**
   * True if a face lies where one is expected that was seen one frame before, and their
   * surroundings did not change: then it is the same, however its appearance changed.
   */
  #isInPlace(track, observation, expected) {
    const { association } = this.config;
    const { size } = track.observation;
    return (
      track.lastSeen >= this.previousTime &&
      distance(observation.pose, expected) < association.crowded_reid_distance * size &&
      Math.abs(observation.pose[2] - expected[2]) < association.same_face_log_scale &&
      this.#isSameScene(expected, size)
    );
  }

  /**
   * True if a new face is that of a track which was lost in this frame: it lies in its place, or
   * the track was a part of it and there was no cut.
   */
  #wasSeenAs(track, observation) {
    if (track.lastSeen < this.previousTime) return false;
    const expected = track.predictPose(this.time);
    return (
      this.#isInPlace(track, observation, expected) ||
      (isPartOf(track, observation, this.config) &&
        this.#isSameScene(expected, track.observation.size))
    );
  }

  /** True if the surroundings of a face did not change since the frame before. */
  #isSameScene(expected, size) {
    return this.sceneSimilarity(expected, size) >= this.config.acceptance.same_scene_similarity;
  }
}
