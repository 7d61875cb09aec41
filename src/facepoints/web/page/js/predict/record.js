/** Faces as they stand in files: the keys, values and digits of `facepoints predict`. */

/**
 * A face as in a line of faces.jsonl.
 *
 * @param {object} face
 * @param {number|null} [track] number of the person in a video.
 */
export function asRecord({ box, score, points, radius, visible }, track = null) {
  return {
    box: box.map(shortest),
    score: shortest(score),
    track,
    points: points.map((point) => point.map(shortest)),
    radius: radius.map(shortest),
    ...(visible ? { visible: visible.map((value) => Number(value.toFixed(2))) } : {}),
  };
}

/** A number with the fewest digits that restore it as a float of 32 bits. */
function shortest(value) {
  const single = Math.fround(value);
  for (let digits = 6; digits < 9; digits += 1) {
    const short = Number(single.toPrecision(digits));
    if (Math.fround(short) === single) return short;
  }
  return Number(single.toPrecision(9));
}
