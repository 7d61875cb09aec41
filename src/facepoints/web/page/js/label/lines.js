/**
 * Lines that a person draws along the points of a face, such as the jaw from ear to ear.
 *
 * `footOf` and `rowsOf` do the same as `facepoints.labeling.drawn_lines`.
 */

const NEAR = 0.2; // of the length of the row that is meant, between it and the drawn line
const SPACING = 6; // CSS pixels between corners of a drawn line, so that its direction is smooth

const apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);

/**
 * The nearest place of a drawn line, and the direction of the line there.
 *
 * @param {number[][]} line corners, at least two.
 * @returns {number[]} [x, y, angle], clockwise from the x axis in radians.
 */
export function footOf(line, [x, y]) {
  let [best, least] = [null, Infinity];
  for (let k = 0; k + 1 < line.length; k++) {
    const [[a, b], [c, d]] = [line[k], line[k + 1]];
    const [dx, dy] = [c - a, d - b];
    const square = dx * dx + dy * dy;
    if (!square) continue;
    const along = Math.min(Math.max(((x - a) * dx + (y - b) * dy) / square, 0), 1);
    const foot = [a + along * dx, b + along * dy];
    const far = apart(foot, [x, y]);
    if (far < least) [best, least] = [[...foot, Math.atan2(dy, dx)], far];
  }
  return best;
}

/** Follow edges that are left, and take them away, until a point without exactly two edges. */
function walk(start, next, joined, left) {
  const row = [start];
  let [here, there] = [start, next];
  const key = () => `${Math.min(here, there)} ${Math.max(here, there)}`;
  while (left.delete(key())) {
    row.push(there);
    const others = joined.get(there);
    if (others.length !== 2) break;
    [here, there] = [there, others[0] === here ? others[1] : others[0]];
  }
  return row;
}

/** A loop as two rows, parted at its two points that are farthest from each other. */
function halves(loop, shape) {
  let [ends, most] = [[0, 1], -1];
  loop.forEach((a, i) =>
    loop.slice(0, i).forEach((b, j) => {
      const far = apart(shape[a], shape[b]);
      if (far > most) [ends, most] = [[j, i], far];
    }),
  );
  const [first, second] = ends;
  return [loop.slice(first, second + 1), [...loop.slice(second), ...loop.slice(0, first + 1)]];
}

/**
 * The rows of points along which a line can be drawn: see the module in Python.
 *
 * @param {number[][]} edges pairs of point numbers.
 * @param {number[][]} shape places of the points, which part loops such as the eyes.
 * @returns {number[][]} point numbers of each row, at least three.
 */
export function rowsOf(edges, shape) {
  const joined = new Map();
  const left = new Set();
  for (const pair of edges) {
    const [a, b] = [Math.min(...pair), Math.max(...pair)];
    if (a === b || left.has(`${a} ${b}`)) continue;
    left.add(`${a} ${b}`);
    joined.set(a, [...(joined.get(a) ?? []), b]);
    joined.set(b, [...(joined.get(b) ?? []), a]);
  }
  const points = [...joined.keys()].sort((a, b) => a - b);
  const rows = points.flatMap((start) => {
    const others = joined.get(start);
    return others.length === 2 ? [] : others.map((other) => walk(start, other, joined, left));
  });
  for (const start of points) {
    const loop = walk(start, joined.get(start)[0], joined, left).slice(0, -1);
    if (loop.length > 3 && loop.every((k) => shape[k])) rows.push(...halves(loop, shape));
  }
  return rows.filter((row) => row.length > 2);
}

/**
 * The row of points that a drawn line means: the nearest one.
 *
 * @param {number[][]} rows as `rowsOf` gives them.
 * @param {(number[] | null)[]} points where the points are now.
 * @param {number[][]} line corners of the drawn line.
 * @returns {{row: number[], ends: boolean[]} | null} the points from the line's start to its end, and
 *   whether its ends are those of the row: a line may show a piece of a row. Points without a place are
 *   left out. Null: no row is near.
 */
export function rowAlong(rows, points, line) {
  let [best, least] = [null, NEAR];
  for (const all of rows) {
    const present = all.filter((k) => points[k]);
    if (present.length < 2) continue;
    const places = present.map((k) => points[k]);
    const length = places.slice(1).reduce((sum, at, k) => sum + apart(at, places[k]), 0);
    const [first, last] = [line[0], line.at(-1)].map((end) => nearest(places, end));
    if (first === last || !length) continue;
    const [from, to] = [Math.min(first, last), Math.max(first, last)];
    const covered = places.slice(from, to + 1);
    const away = [
      ...line.map((at) => apart(footOf(covered, at), at)),
      ...covered.map((at) => apart(footOf(line, at), at)),
    ];
    const mean = away.reduce((sum, far) => sum + far, 0) / away.length / length;
    if (mean >= least) continue;
    const row = present.slice(from, to + 1);
    const ends = [row[0] === all[0], row.at(-1) === all.at(-1)];
    least = mean;
    best = first < last ? { row, ends } : { row: row.reverse(), ends: ends.reverse() };
  }
  return best;
}

function nearest(places, at) {
  const far = places.map((place) => apart(place, at));
  return far.indexOf(Math.min(...far));
}

/** Corners of a drawn line, without those that are so close that they only show the hand's tremor. */
export function smoothed(line, zoom) {
  const kept = [line[0]];
  for (const at of line) if (apart(kept.at(-1), at) * zoom >= SPACING) kept.push(at);
  if (kept.length > 1) kept[kept.length - 1] = line.at(-1);
  return kept.map((at, k) => {
    if (k === 0 || k === kept.length - 1) return at;
    const near = [kept[k - 1], kept[k + 1]].every((other) => apart(other, at) * zoom < 3 * SPACING);
    if (!near) return at; // a fast hand: the mean would cut the corner
    return at.map((o, axis) => (kept[k - 1][axis] + 2 * o + kept[k + 1][axis]) / 4);
  });
}
