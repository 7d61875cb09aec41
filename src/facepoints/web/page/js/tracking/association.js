/**
 * Assigns observations to tracks: conflicts, occlusion and faces that return. It equals
 * `facepoints.tracking.association`; `config` is the settings' `tracking.association`.
 */

import { overlapOfSmaller } from "../predict/detections.js";
import { distance, poseScale, similarity } from "./observation.js";
import { poseDifference } from "./pose2d.js";

/** True if two observations of a frame have nearly the same place and size: one face. */
export function isSameFace(a, b, config) {
  const reach = config.same_face_distance * Math.min(a.size, b.size);
  return (
    distance(a.pose, b.pose) < reach &&
    Math.abs(a.pose[2] - b.pose[2]) < config.same_face_log_scale
  );
}

/**
 * True if a young, doubtful track was probably a part of this new face, taken for a whole one.
 *
 * @param config the settings' `tracking`.
 */
export function isPartOf(track, observation, config) {
  const seen = track.observation;
  return (
    overlapOfSmaller(seen.box, observation.box) > config.association.part_overlap &&
    seen.size < observation.size &&
    track.observations < config.recrop.young_observations &&
    seen.score < config.acceptance.instant_score
  );
}

function isNear(a, b, config) {
  return distance(a.pose, b.pose) < config.near_distance * (a.size + b.size);
}

/** True if another face is so near that it may hide a part of this one. */
export function isCrowded(observation, others, config) {
  return others.some((other) => other !== observation && isNear(observation, other, config));
}

/**
 * Makes sure that no two tracks have the same face: the track with the best match score keeps it.
 * If the faces of two near tracks look clearly better the other way round, the tracks swap them.
 *
 * @param tracks
 * @param {(object | null)[]} observations one per track; null where the track has no face.
 * @returns the same, corrected.
 */
export function resolveConflicts(tracks, observations, time, config) {
  const out = [...observations];
  const order = out.flatMap((observation, n) => (observation ? [n] : []));
  order.forEach((a, place) => {
    for (const b of order.slice(place + 1)) {
      const [first, second] = [out[a], out[b]];
      if (!first || !second) continue;
      if (isSameFace(first, second, config)) {
        const fits = [[a, first], [b, second]].map(([n, observation]) => {
          const bonus = tracks[n].isLost ? 0 : config.visible_bonus;
          return tracks[n].matchScore(observation, time) + bonus;
        });
        out[fits[0] >= fits[1] ? b : a] = null;
      } else if (isNear(first, second, config) && swaps(tracks[a], tracks[b], first, second, config)) {
        [out[a], out[b]] = [second, first];
      }
    }
  });
  return out;
}

function swaps(a, b, first, second, config) {
  const straight =
    similarity(a.meanAppearance, first.appearance) + similarity(b.meanAppearance, second.appearance);
  const crossed =
    similarity(a.meanAppearance, second.appearance) + similarity(b.meanAppearance, first.appearance);
  return crossed > straight + 2 * config.swap_margin;
}

/**
 * Drops observations whose landmarks have drifted to another face. When one face begins to hide
 * another, the landmarks of the hidden face jump, spread or shrink; those of the face in front do
 * not.
 *
 * @returns the observations, with null in place of those that drift.
 */
export function rejectOcclusionDrift(tracks, observations, time, config) {
  const errors = tracks.map((track, n) =>
    observations[n] ? poseDifference(observations[n].pose, track.predictPose(time)) : null,
  );
  return observations.map((observation, n) => {
    if (!observation || tracks[n].isLost || !tracks[n].wasAlone) return observation;
    const drifts = observations.some(
      (beside, m) =>
        beside &&
        beside !== observation &&
        isNear(observation, beside, config) &&
        !isSameFace(observation, beside, config) &&
        driftsTo(errors[n], errors[m], poseScale(observation), config.drift_threshold),
    );
    return drifts ? null : observation;
  });
}

/** True if a face's prediction error exceeds that of a near face by the threshold. */
function driftsTo(own, other, scale, threshold) {
  const [mine, theirs] = [own, other].map((error) => error.map((value, k) => value / scale[k]));
  const between = mine.map((value, k) => value - theirs[k]);
  const [apart, me, them] = [between, mine, theirs].map((e) => [Math.hypot(e[0], e[1]), Math.abs(e[2])]);
  return [0, 1].some((k) => apart[k] > threshold && me[k] > them[k]);
}

/**
 * The lost track that a new face belongs to, or null if it is somebody new.
 *
 * @param others the other visible faces.
 */
export function reidentify(observation, lost, time, others, config) {
  const crowded = isCrowded(observation, others, config);
  const maxLogScale = crowded ? config.crowded_reid_log_scale : config.reid_log_scale;
  let [best, bestFit] = [null, -Infinity];
  for (const track of lost) {
    const expected = track.predictPose(time);
    const far = distance(observation.pose, expected) / Math.max(track.observation.size, 1e-3);
    // without looks, a face far from the expected place may be anybody
    const known = track.meanAppearance && observation.appearance;
    const growth = known ? config.reid_distance_growth : 0;
    const reach = config.reid_distance + growth * (time - track.lastSeen);
    const logScale = Math.abs(observation.pose[2] - expected[2]);
    const alike = similarity(track.meanAppearance, observation.appearance);
    const inPlace = crowded && far < config.crowded_reid_distance;
    const least = inPlace ? config.crowded_reid_similarity : config.reid_similarity;
    if (far > reach || logScale > maxLogScale || alike < least) continue;
    const fit = alike - config.reid_distance_weight * far;
    if (fit > bestFit) [best, bestFit] = [track, fit];
  }
  return best;
}

/**
 * True if a face without a track is probably a part of a hidden face, not somebody new: it is
 * crowded and a lost track is expected near it.
 */
export function isExpectedTrack(observation, lost, time, others, config) {
  return (
    isCrowded(observation, others, config) &&
    lost.some(
      (track) =>
        distance(observation.pose, track.predictPose(time)) <
        config.reid_distance * track.observation.size,
    )
  );
}
