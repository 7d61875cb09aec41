/**
 * Formulas of the measures that are computed from a few landmarks: openings, distances, ratios and
 * slants. Which landmarks, in which order, and the meaning and source of each measure stand in
 * the settings (`settings.measures.definitions`).
 */

function between(p, a, b) {
  return Math.hypot(p[a][0] - p[b][0], p[a][1] - p[b][1]);
}

/** Distance of two points. */
function distance(p) {
  return between(p, 0, 1);
}

/** Distance of the first two points, divided by the distance of the next two. */
function ratio(p) {
  return between(p, 0, 1) / Math.max(between(p, 2, 3), 1e-9);
}

/** Eye opening: mean height over width. The points: two corners, two pairs of lid points. */
function eyeOpening(p) {
  return (between(p, 2, 3) + between(p, 4, 5)) / (2 * Math.max(between(p, 0, 1), 1e-9));
}

/** Mean of the openings of two eyes. */
function bothOpenings(p) {
  return (eyeOpening(p.slice(0, 6)) + eyeOpening(p.slice(6))) / 2;
}

/** Mouth opening: mean height over width. The points: two corners, three pairs of lip points. */
function mouthOpening(p) {
  const heights = between(p, 2, 3) + between(p, 4, 5) + between(p, 6, 7);
  return heights / (3 * Math.max(between(p, 0, 1), 1e-9));
}

/**
 * Slant of the line from the first to the second point, in degrees upward. It is relative to the
 * line through the inner corners of the subject's left eye (third point) and right eye (fourth).
 */
function slant(p) {
  const level = [p[2][0] - p[3][0], p[2][1] - p[3][1]];
  const eye = [p[1][0] - p[0][0], p[1][1] - p[0][1]];
  const along = Math.abs(level[0] * eye[0] + level[1] * eye[1]);
  const above = level[1] * eye[0] - level[0] * eye[1];
  return (Math.atan2(above, along) * 180) / Math.PI;
}

/** The formulas by the names that the settings use. Each computes a number from points (K, 2). */
export const FORMULAS = {
  distance,
  ratio,
  eye_opening: eyeOpening,
  both_openings: bothOpenings,
  mouth_opening: mouthOpening,
  slant,
};
