/**
 * Gives the faces of a video's or camera's frames track numbers and steady points, from the faces
 * alone: each frame was searched for faces on its own. `VideoTracker` is faster, because it
 * searches only when it must.
 */

import { distance, observe } from "./observation.js";
import { TrackSet } from "./track_set.js";

/**
 * Tracks faces by their place, size and motion.
 *
 * The points are smoothed as those of `facepoints predict` for cameras: the filters use the frames
 * before only, so nothing comes later.
 */
export class LiveTracker {
  /** @param settings the page's settings. */
  constructor(settings) {
    this.settings = settings;
    this.tracks = new TrackSet(settings);
  }

  /**
   * The faces of the next frame, oldest track first. A face with a low score appears when it was
   * seen three times, so that a false one does not flash.
   *
   * @param {object[]} faces of the frame, as `FacePredictor.predict` returns them.
   * @param {number} seconds time of the frame. If it is before the last frame's, tracks start anew.
   * @param {{width: number, height: number}} [size] of the frame. If its shape changes, tracks
   *   start anew; if only its resolution does, they go on.
   * @returns {object[]} the faces with `track` (the number of the person), and with smoothed
   *   `points` and their `box`.
   * @throws {RangeError} the time is not a number.
   */
  update(faces, seconds, size = null) {
    const { tracks } = this;
    tracks.begin(seconds, size);
    const observations = faces.map((face) => observe(face, this.settings)).filter(Boolean);
    const chosen = this.#match(observations);
    tracks.assign(tracks.tracks.map((_, n) => chosen[n] ?? null));
    const taken = new Set(tracks.tracks.map((track) => track.observation));
    tracks.addFaces(
      observations.filter((each) => !taken.has(each) && !tracks.isTracked(each.box)),
    );
    return tracks.faces();
  }

  /** The nearest observation for each track; visible tracks choose before lost ones. */
  #match(observations) {
    const all = this.tracks.tracks;
    const pairs = all.flatMap((track, n) => {
      const expected = track.predictPose(this.tracks.time);
      return observations.map((observation) => ({
        n,
        observation,
        lost: track.isLost,
        cost:
          distance(observation.pose, expected) / Math.max(track.observation.size, 1e-3) +
          Math.abs(observation.pose[2] - expected[2]),
      }));
    });
    pairs.sort((a, b) => Number(a.lost) - Number(b.lost) || a.cost - b.cost);
    const [chosen, taken] = [new Array(all.length), new Set()];
    const { max_distance: far, max_log_scale: grown } = this.settings.tracking.acceptance;
    for (const { n, observation, cost } of pairs) {
      if (chosen[n] || taken.has(observation) || cost > far + grown) continue;
      chosen[n] = observation;
      taken.add(observation);
    }
    return chosen;
  }
}
