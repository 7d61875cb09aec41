"""Draws the features of a synthetic face at its points."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.synthetic.canvas import Canvas, blob, curve, noise
from facepoints.datasets.synthetic.shape import CROWN, Projection

__all__ = ["Look", "beard", "brows", "eyes", "folds", "head", "mouth", "nose", "outline"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """The appearance of a person in all images. Tones are gray levels [0, 255].

    Attributes:
        skin, hair, iris: tones.
        lips: tone of the lips over that of the skin.
        brow: thickness of the brows in head units.
        lashes: line width of the upper lid, in pixels of an image of 96.
        style: of the hair: "short", "long", "bald", "fringe" or "cap".
        beard: density [0, 1].
        lines: depth [0, 1] of the folds beside the mouth and under the eyes.
        glasses: "", "thin", "thick" or "dark".
        fringe: height of the hairline above the eyes, in head units.
    """

    skin: float
    hair: float
    iris: float
    lips: float
    brow: float
    lashes: float
    style: str
    beard: float
    lines: float
    glasses: str
    fringe: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Look:
        """Choose a random appearance."""
        u, n = rng.random(10), np.clip(rng.normal(size=4), -2, 2)
        skin = 70 + 140 * u[0] ** 0.7
        gray = u[1] < 0.25
        hair = (120 + 90 * u[2]) if gray else (15 + 0.45 * skin * u[2])
        feminine = u[3] < 0.5
        styles = (
            ("long", "long", "fringe", "short") if feminine else ("short", "short", "bald", "cap")
        )
        style = styles[int(u[4] * 4)]
        return cls(
            skin=skin,
            hair=hair,
            iris=25 + 70 * u[5] * (skin / 210),
            lips=float(np.clip((0.66 if feminine else 0.78) + 0.08 * n[0], 0.45, 0.95)),
            brow=float(np.clip((0.05 if feminine else 0.065) + 0.012 * n[1], 0.03, 0.1)),
            lashes=1.5 if feminine else 1.0,
            style=style,
            beard=0.0 if feminine or u[6] < 0.5 else float(0.25 + 0.75 * u[7]),
            lines=float(u[8] ** 2),
            glasses="" if u[9] > 0.24 else ("thin", "thick", "thin", "dark")[int(u[9] / 0.06)],
            fringe=float(0.82 + 0.14 * n[2]),
        )


def outline(points: Array, project: Projection) -> Array:
    """The outline of the face (M, 2): along the points of the jaw, then over the forehead."""
    crown = project(CROWN)
    # The ends of the forehead are moved to the ends of the jaw, which depend on the pose.
    share = np.linspace(0, 1, len(CROWN))[:, None]
    ends = project(np.array([(1.11, -0.17, -1.0), (-1.11, -0.17, -1.0)]))
    crown = crown + (1 - share) ** 3 * (points[16] - ends[0]) * 0.6
    crown = crown + share**3 * (points[0] - ends[1]) * 0.6
    return curve(np.concatenate([points[:17], crown]), 3, closed=True)


def head(canvas: Canvas, points: Array, project: Projection, look: Look) -> Array:
    """Draw neck, ears and the bare face. Returns the outline of the face."""
    unit = project.scale
    neck = project(
        np.array([(0.72, 1.1, -0.9), (0.75, 2.6, -0.9), (-0.75, 2.6, -0.9), (-0.72, 1.1, -0.9)])
    )
    canvas.fill(neck, look.skin * 0.62)
    ears = project(np.array([(1.16, 0.26, -1.15), (-1.16, 0.26, -1.15)]))
    for ear in ears:
        canvas.fill(blob(ear, 0.15 * unit, 0.33 * unit), look.skin * 0.82)
        canvas.fill(blob(ear, 0.08 * unit, 0.22 * unit), look.skin * 0.6)
    face = outline(points, project)
    canvas.fill(face, look.skin)
    # The edge of the jaw is visible even against a neck or a hand of the same tone.
    canvas.line(curve(points[:17], 3), look.skin * 0.84, 0.5)
    return face


def _eye(canvas: Canvas, lid: Array, look: Look, gaze: Array, closed: float, out: int) -> None:
    """Draw an eye at its six points `lid`; `out` is the index of the outer corner."""
    inner = 3 - out
    wide = float(np.hypot(*(lid[3] - lid[0])))
    across = (lid[out] - lid[inner]) / max(wide, 1e-6)
    down = np.array([-across[1], across[0]]) * (1 if across[0] > 0 else -1)
    upper = curve(lid[[0, 1, 2, 3]], 5)
    lower = curve(lid[[3, 4, 5, 0]], 5)
    opening = np.concatenate([upper, lower[1:-1]])
    canvas.line(upper - down * wide * (0.17 - 0.1 * closed), look.skin * 0.72, 0.6)
    canvas.line(lower + down * wide * 0.10, look.skin * (0.90 - 0.15 * look.lines), 0.5)
    where = canvas.window(opening)
    whole, cover = canvas.pixels, canvas.mask(opening)[where]
    canvas.pixels = np.full_like(whole, 0)
    inside = canvas.pixels
    inside[where] = int(min(150 + 0.32 * look.skin, 235))
    middle = lid.mean(axis=0) + gaze * wide
    radius = wide * 0.24
    canvas.fill(blob(middle, radius, radius), look.iris)
    canvas.fill(blob(middle, radius * 0.45, radius * 0.45), 8)
    canvas.fill(blob(lid[inner] + across * wide * 0.06, wide * 0.06, wide * 0.05), look.skin * 0.7)
    canvas.pixels = whole
    canvas.blend(cover, inside[where], where)
    dark = min(look.hair, look.skin * 0.35) * 0.6
    canvas.line(lower, look.skin * 0.62, 0.5)
    canvas.line(upper, dark, look.lashes)
    if closed < 0.6:
        aside = np.copysign(
            0.4, gaze[0]
        )  # on the side of the gaze, so that pupils stay centered on average
        light = middle + (across * aside - down * 0.62) * radius
        canvas.fill(blob(light, wide * 0.03, wide * 0.03), 230)


def eyes(
    canvas: Canvas, points: Array, look: Look, gaze: Array, closed: tuple[float, float]
) -> None:
    """Draw the eyes; `gaze` shifts the pupils from the mean of the six points, in eye widths: (2,)
    for both eyes, or (2, 2) for the right and the left one.

    `closed` is how far the right and the left eye are closed, [0, 1].
    """
    right, left = np.broadcast_to(gaze, (2, 2))
    _eye(canvas, points[36:42], look, right, closed[0], 0)
    _eye(canvas, points[42:48], look, left, closed[1], 3)


def brows(canvas: Canvas, points: Array, look: Look, unit: float) -> None:
    """Draw tapered brows, centered on their five points; `unit`: pixels per head unit."""
    tone = min(look.hair, look.skin * 0.75) * 0.8 + look.skin * 0.12
    taper = np.array([0.35, 0.8, 1.0, 1.0, 0.8])
    for five, thick in ((points[17:22], taper), (points[22:27], taper[::-1])):
        along = np.gradient(five, axis=0)
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
        across = np.stack([-along[:, 1], along[:, 0]], axis=1) * (thick * look.brow * unit)[:, None]
        edge = np.concatenate([curve(five - across, 3), curve(five + across, 3)[::-1]])
        canvas.fill(edge, tone)


def nose(canvas: Canvas, points: Array, look: Look, unit: float) -> None:
    """Draw the wings of the nose, the nostrils and the lower edge."""
    right, left, base = points[31], points[35], points[33]
    dark = look.skin * 0.30
    for wing, inner, sign in ((right, points[32], -1), (left, points[34], 1)):
        arc = wing + np.array([(0, -0.16), (sign * 0.06, -0.096), (0, 0)]) * unit
        canvas.line(curve(arc, 4), look.skin * 0.62, 0.6)
        hole = inner * 0.7 + wing * 0.3 - np.array([0, 0.025]) * unit
        reach = max(float(np.hypot(*(wing - inner))) * 0.5, 0.02 * unit)
        canvas.fill(blob(hole, reach, 0.034 * unit, sign * -0.25), dark)
    canvas.line(curve(np.stack([points[32], base, points[34]]), 4), look.skin * 0.55, 0.6)
    tip = points[30]
    canvas.fill(blob(tip, 0.055 * unit, 0.045 * unit), min(look.skin * 1.14 + 6, 250))


def mouth(canvas: Canvas, points: Array, look: Look, unit: float) -> None:
    """Draw the lips between the outer and the inner points, and the open mouth."""
    outer, inner = points[48:60], points[60:68]
    top, bottom = curve(outer[:7], 3), curve(outer[[6, 7, 8, 9, 10, 11, 0]], 3)
    inner_top = curve(inner[:5], 3)
    inner_bottom = curve(inner[[4, 5, 6, 7, 0]], 3)
    tone = look.skin * look.lips
    canvas.fill(np.concatenate([top, bottom[1:-1]]), tone * 0.90)
    canvas.fill(np.concatenate([inner_bottom[::-1], bottom[::-1]]), tone * 1.04)
    gap = np.concatenate([inner_top, inner_bottom[1:-1]])
    canvas.fill(gap, look.skin * 0.16)
    height = float(np.hypot(*(inner[6] - inner[2])))
    if height > 0.05 * unit:
        depth = min(0.6, 0.11 * unit / height)
        teeth = inner_top[2:-2] + (inner_bottom[::-1][2:-2] - inner_top[2:-2]) * depth
        canvas.fill(np.concatenate([inner_top[2:-2], teeth[::-1]]), 150 + look.skin * 0.35)
    else:
        canvas.line((inner_top + inner_bottom[::-1]) / 2, look.skin * 0.30, 0.6)
    for corner, sign in ((outer[0], -1), (outer[6], 1)):
        canvas.fill(blob(corner, 0.03 * unit, 0.02 * unit, 0.3 * sign), look.skin * 0.42)


def folds(canvas: Canvas, points: Array, look: Look, smile: float) -> None:
    """Draw the folds from the wings of the nose past the corners of the mouth."""
    depth = float(np.clip(0.16 * look.lines + 0.13 * max(smile, 0), 0, 0.24))
    if depth < 0.04:
        return
    for wing, corner in ((points[31], points[48]), (points[35], points[54])):
        out = (corner - points[[48, 54]].mean(axis=0)) * 0.30
        path = np.array([wing + out * 0.5, wing * 0.45 + corner * 0.55 + out, corner + out])
        canvas.line(curve(path, 4), look.skin * (1 - depth), 0.8)


def beard(canvas: Canvas, points: Array, look: Look, unit: float, rng: np.random.Generator) -> None:
    """Draw a beard below the cheeks and above the lip. Lips are drawn over it later."""
    if look.beard <= 0:
        return
    chin = np.array([0, 0.06 * look.beard]) * unit
    cheek = [points[i] * 0.6 + points[j] * 0.4 for i, j in ((4, 48), (12, 54))]
    lip = points[[48, 50, 51, 52, 54]] + (0, -0.06 * unit)
    low = points[2:15] + chin * np.sin(np.linspace(0, np.pi, 13))[:, None]
    hairy = np.concatenate([low, cheek[1:], lip[::-1], cheek[:1]])
    cover = canvas.mask(hairy)
    where = canvas.window(hairy, 4)
    soft = cv2.GaussianBlur(cover[where], (0, 0), 0.07 * unit * canvas.fine)
    h, w = soft.shape
    grain = look.hair * 0.8 + 12 * noise("strands", h, w, rng)
    canvas.blend(soft * (0.8 * look.beard), grain, where)
