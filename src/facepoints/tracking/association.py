"""Assigns observations to tracks: conflicts, occlusion and faces that return."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from facepoints.detection import overlap_of_smaller
from facepoints.imaging import affine
from facepoints.tracking.config import AssociationConfig, TrackerConfig
from facepoints.tracking.observation import Observation, appearance_similarity
from facepoints.tracking.pose2d import pose_difference
from facepoints.tracking.track import Track

__all__ = [
    "is_crowded",
    "is_expected_track",
    "is_part_of",
    "is_same_face",
    "reidentify",
    "reject_occlusion_drift",
    "resolve_conflicts",
]


def is_same_face(a: Observation, b: Observation, config: AssociationConfig) -> bool:
    """True if two observations of a frame have nearly the same place and size: one face."""
    in_place = _distance(a, b) < config.same_face_distance * min(a.size, b.size)
    return in_place and bool(abs(a.pose[2] - b.pose[2]) < config.same_face_log_scale)


def _distance(a: Observation, b: Observation) -> float:
    """Distance of two faces in pixels."""
    (x, y), (u, v) = a.place, b.place
    return math.hypot(x - u, y - v)


def is_part_of(track: Track, observation: Observation, config: TrackerConfig) -> bool:
    """True if a young track was probably a part of this new face, taken for a whole one.

    This happens in the first frames of a full profile: the face is framed too closely, and the
    score falls until the track is lost. Then the whole face continues the track.
    """
    inside = overlap_of_smaller(
        affine.bounding_box(track.observation.points), affine.bounding_box(observation.points)
    )
    return (
        inside > config.association.part_overlap
        and track.observation.size < observation.size
        and track.observations < config.recrop.young_observations
        and track.observation.score < config.acceptance.instant_score
    )


def resolve_conflicts(
    tracks: Sequence[Track],
    observations: Sequence[Observation | None],
    time: float,
    config: AssociationConfig,
) -> list[Observation | None]:
    """Make sure that no two tracks have the same face.

    If several tracks have one face, the track with the best match score keeps it (a track that
    was visible in the last frame gets a small bonus), and the others get None. If the faces of
    two near tracks fit clearly better the other way round, the tracks swap them.

    Args:
        observations: one per track; None where the track has no face.

    Returns:
        The same, corrected.
    """
    out = list(observations)
    order = [n for n, observation in enumerate(out) if observation is not None]
    for place, a in enumerate(order):
        for b in order[place + 1 :]:
            first, second = out[a], out[b]
            if first is None or second is None:
                continue
            if is_same_face(first, second, config):
                fit_a = tracks[a].match_score(first, time)
                fit_b = tracks[b].match_score(second, time)
                fit_a += config.visible_bonus * (not tracks[a].is_lost)
                fit_b += config.visible_bonus * (not tracks[b].is_lost)
                out[b if fit_a >= fit_b else a] = None
            elif _is_near(first, second, config):
                mean_a, mean_b = tracks[a].mean_appearance, tracks[b].mean_appearance
                straight = appearance_similarity(mean_a, first.appearance)
                straight += appearance_similarity(mean_b, second.appearance)
                crossed = appearance_similarity(mean_a, second.appearance)
                crossed += appearance_similarity(mean_b, first.appearance)
                if crossed > straight + 2 * config.swap_margin:
                    out[a], out[b] = second, first
    return out


def reject_occlusion_drift(
    tracks: Sequence[Track],
    observations: Sequence[Observation | None],
    time: float,
    config: AssociationConfig,
) -> list[Observation | None]:
    """Drop observations whose landmarks have drifted to another face.

    When one face begins to hide another, the landmarks of the hidden face drift to the one in
    front: they jump, spread or shrink, while those of the face in front do not. (If the camera
    jolts, both jump alike.) Such an observation would spoil the prediction of the hidden face.

    Args:
        observations: one per track; None where the track has no face.

    Returns:
        The same, with None in place of those that drift.
    """
    out = list(observations)
    for n, (track, observation) in enumerate(zip(tracks, observations, strict=True)):
        if observation is None or track.is_lost or not track.was_alone:
            continue
        for other, beside in zip(tracks, observations, strict=True):
            if beside is None or beside is observation:
                continue
            if not _is_near(observation, beside, config):
                continue
            scale = observation.pose_scale
            mine = pose_difference(observation.pose, track.predict_pose(time)) / scale
            theirs = pose_difference(beside.pose, other.predict_pose(time)) / scale
            # errors of place and log size: difference between the faces, this face, other face
            apart, my_error, their_error = (
                np.array([np.hypot(*error[:2]), abs(error[2])])
                for error in (mine - theirs, mine, theirs)
            )
            drifts = ((apart > config.drift_threshold) & (my_error > their_error)).any()
            if drifts and not is_same_face(observation, beside, config):
                out[n] = None
    return out


def is_crowded(
    observation: Observation, others: Sequence[Observation], config: AssociationConfig
) -> bool:
    """True if another face is so near that it may hide a part of this one."""
    return any(
        other is not observation and _is_near(observation, other, config) for other in others
    )


def _is_near(a: Observation, b: Observation, config: AssociationConfig) -> bool:
    return _distance(a, b) < config.near_distance * (a.size + b.size)


def reidentify(
    observation: Observation,
    lost: Sequence[Track],
    time: float,
    others: Sequence[Observation],
    config: AssociationConfig,
) -> Track | None:
    """The lost track that a new face belongs to, or None if it is somebody new.

    A face that comes out from behind another is only half visible and resembles nobody. At the
    predicted place of a lost track it needs less similarity.

    Args:
        others: the other visible faces.
    """
    crowded = is_crowded(observation, others, config)
    max_log_scale = config.crowded_reid_log_scale if crowded else config.reid_log_scale
    best, best_fit = None, -np.inf
    for track in lost:
        size = max(track.observation.size, 1e-3)
        expected = track.predict_pose(time)
        distance = np.hypot(*(observation.pose - expected)[:2]) / size
        reach = config.reid_distance + config.reid_distance_growth * (time - track.last_seen)
        log_scale = abs(observation.pose[2] - expected[2])
        similarity = appearance_similarity(track.mean_appearance, observation.appearance)
        in_place = crowded and distance < config.crowded_reid_distance
        least = config.crowded_reid_similarity if in_place else config.reid_similarity
        if distance > reach or log_scale > max_log_scale or similarity < least:
            continue
        fit = similarity - config.reid_distance_weight * distance
        if fit > best_fit:
            best, best_fit = track, fit
    return best


def is_expected_track(
    observation: Observation,
    lost: Sequence[Track],
    time: float,
    others: Sequence[Observation],
    config: AssociationConfig,
) -> bool:
    """True if a face without a track is probably a part of a hidden face, not somebody new.

    This is so if it is crowded and a lost track is expected near it.

    Args:
        others: the other visible faces.
    """
    return is_crowded(observation, others, config) and any(
        np.hypot(*(observation.pose - track.predict_pose(time))[:2])
        < config.reid_distance * track.observation.size
        for track in lost
    )
