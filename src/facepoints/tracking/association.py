"""Which detected face belongs to which track."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facepoints.tracking.track import (
    _AS_LARGE,
    _DRAWN,
    _HALF_KNOWN,
    _KNOWN,
    _REACH,
    _REACH_GROWS,
    _RESIZED,
    _SAME_PLACE,
    _SWAP,
    _THERE,
    Observation,
    Track,
    _off,
    appearance_similarity,
)

__all__ = [
    "is_crowded",
    "is_expected_track",
    "reidentify",
    "reject_occlusion_drift",
    "resolve_conflicts",
    "same_place",
]


def same_place(a: Observation, b: Observation) -> bool:
    """Whether two sights are of one face."""
    size = min(a.size, b.size)
    return bool(np.hypot(*(a.pose - b.pose)[:2]) < _SAME_PLACE * size) and (
        abs(a.pose[2] - b.pose[2]) < 0.6
    )


def resolve_conflicts(
    tracks: Sequence[Track], sights: Sequence[Observation | None], time: float
) -> list[Observation | None]:
    """What each track really sees: no face twice, none by the wrong track.

    Where several tracks came to one face, it is that of the track which it fits best (an
    older one if it hardly matters); the others see nothing. Two tracks whose faces fit
    better the other way round change them.
    """
    out = list(sights)
    order = [n for n, sight in enumerate(out) if sight is not None]
    for place, a in enumerate(order):
        for b in order[place + 1 :]:
            first, second = out[a], out[b]
            if first is None or second is None:
                continue
            if same_place(first, second):
                a_fits, b_fits = (
                    tracks[a].match_score(first, time),
                    tracks[b].match_score(second, time),
                )
                a_fits += 0.05 * (not tracks[a].is_lost)
                b_fits += 0.05 * (not tracks[b].is_lost)
                out[b if a_fits >= b_fits else a] = None
            elif _near(first, second):
                straight = appearance_similarity(tracks[a].mean_appearance, first.appearance)
                straight += appearance_similarity(tracks[b].mean_appearance, second.appearance)
                crossed = appearance_similarity(tracks[a].mean_appearance, second.appearance)
                crossed += appearance_similarity(tracks[b].mean_appearance, first.appearance)
                if crossed > straight + 2 * _SWAP:
                    out[a], out[b] = second, first
    return out


def reject_occlusion_drift(
    tracks: Sequence[Track], sights: Sequence[Observation | None], time: float
) -> list[Observation | None]:
    """What each track sees, without what is half another face.

    Where one face begins to hide another, points of the other are drawn to it: they jump, or
    spread or shrink, and the face beside does not. (When a camera jolts, both jump alike.) Who
    believed them would expect the hidden face in a wrong place.
    """
    out = list(sights)
    for n, (track, sight) in enumerate(zip(tracks, sights, strict=True)):
        if sight is None or track.is_lost or not track.seen_whole:
            continue
        mine = _off(sight.pose, track.expected(time)) / sight.unit
        for other, beside in zip(tracks, sights, strict=True):
            if beside is None or beside is sight or not _near(sight, beside):
                continue
            its = _off(beside.pose, other.expected(time)) / sight.unit
            apart, far, its_far = (
                np.array([np.hypot(*off[:2]), abs(off[2])]) for off in (mine - its, mine, its)
            )
            if ((apart > _DRAWN) & (far > its_far)).any() and not same_place(sight, beside):
                out[n] = None
    return out


def is_crowded(sight: Observation, others: Sequence[Observation]) -> bool:
    """Whether another face may hide a part of this one."""
    return any(other is not sight and _near(sight, other) for other in others)


def _near(a: Observation, b: Observation) -> bool:
    reach = 0.6 * (a.size + b.size)
    return bool(np.hypot(*(a.pose - b.pose)[:2]) < reach)


def reidentify(
    sight: Observation, hidden: Sequence[Track], time: float, others: Sequence[Observation] = ()
) -> Track | None:
    """The hidden track that a newly found face belongs to; None: it is somebody new.

    A face that comes out from behind another is only half seen and looks like nobody yet. If
    it is where a hidden one should be, it is that one.

    Args:
        others: faces that are seen besides.
    """
    beside = is_crowded(sight, others)
    best, fit = None, -np.inf
    for track in hidden:
        size = max(track.observation.size, 1e-3)
        off = np.hypot(*(sight.pose - track.expected(time))[:2]) / size
        reach = _REACH + _REACH_GROWS * (time - track.last_seen)
        resized = abs(sight.pose[2] - track.expected(time)[2])
        alike = appearance_similarity(track.mean_appearance, sight.appearance)
        known = _HALF_KNOWN if beside and off < _THERE else _KNOWN
        if off > reach or resized > (_AS_LARGE if beside else _RESIZED) or alike < known:
            continue
        if alike - 0.2 * off > fit:
            best, fit = track, alike - 0.2 * off
    return best


def is_expected_track(
    sight: Observation, hidden: Sequence[Track], time: float, others: Sequence[Observation]
) -> bool:
    """Whether a sight that is nobody's is too likely a part of a hidden face, or half another,
    to be somebody new.

    Args:
        others: faces that are seen besides.
    """
    return is_crowded(sight, others) and any(
        np.hypot(*(sight.pose - track.expected(time))[:2]) < _REACH * track.observation.size
        for track in hidden
    )
