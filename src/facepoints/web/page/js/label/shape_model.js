/**
 * One move mends many: a point that is placed moves the other points as faces do.
 *
 * The same as `facepoints.labeling.face_state`, which says what is computed and why: the conditional
 * mean of the errors of a prediction given the points that were placed, and their conditional
 * covariance. A drag computes its gain once; then each frame is one product per point.
 */

import { extent } from "../measure/matrix.js";
import { fitSimilarity } from "../predict/affine.js";
import { footOf } from "./lines.js";

const MIN_RADIUS = 1e-4; // of the face's size, so that no division by zero follows
const ROUNDS = 3; // times that points look for the nearest place of a drawn line

/** True for a place [x, y] of finite numbers. */
function isPlace(place) {
  return Array.isArray(place) && Number.isFinite(place[0]) && Number.isFinite(place[1]);
}

/** The nearest place on the straight line through [x, y] with an angle. */
function ontoLine(at, [x, y, angle]) {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const along = cos * (at[0] - x) + sin * (at[1] - y);
  return [x + along * cos, y + along * sin];
}

/** Symmetric matrix of side n, row by row, from its lower triangle. */
function symmetric(lower, n) {
  if (lower.length !== (n * (n + 1)) / 2) {
    throw new RangeError(`a covariance of ${n} numbers has ${(n * (n + 1)) / 2} entries`);
  }
  const matrix = new Float64Array(n * n);
  let next = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      matrix[i * n + j] = lower[next];
      matrix[j * n + i] = lower[next];
      next++;
    }
  }
  return matrix;
}

/**
 * Turn and size of a face: the similarity that maps the mean shape closest to its points.
 *
 * @returns {{cos: number, sin: number, size: number}} rotation from the upright frame to the picture,
 *   and the longer side of the mean shape's box in pixels.
 */
function faceFrame(points, meanShape, known) {
  const side = Math.max(...extent(meanShape), 1e-9);
  const [from, to] = [meanShape, points].map((places) => places.filter((_, k) => known[k]));
  if (from.length > 1 && Math.max(...extent(from)) > 0) {
    const [a, , , b] = fitSimilarity(from, to);
    const scale = Math.hypot(a, b);
    if (scale > 0) return { cos: a / scale, sin: b / scale, size: scale * side };
  }
  return { cos: 1, sin: 0, size: 1 };
}

/** One face while it is labeled. */
export class ShapeModel {
  #shape;
  #start;
  #radius;
  #known;
  #frame;
  #covariance; // of the prediction's errors, (2K, 2K) row by row
  #traces; // of each point's block in it
  #mean; // conditional mean, (2K), in radii, upright
  #now; // conditional covariance
  #placed = new Map(); // number of the point -> {place, how}
  #lines = new Map(); // number of the point -> [x, y, angle] of the line on which it lies
  #skipped = new Set();
  #drag = null; // {index, mean, gain, placed}

  /**
   * @param {object} shape `model` of the service's shape: names, mean_shape, covariance (lower
   *   triangle), placed_noise, confirmed_noise.
   * @param {{points: (number[]|null)[], radius: (number|null)[]}} face the prediction, in pixels. A
   *   point without a prediction is null; it neither moves nor moves others until it is placed.
   */
  constructor(shape, face) {
    const count = shape.names.length;
    if (face.points.length !== count || face.radius.length !== count) {
      throw new RangeError(`a face of this shape model needs ${count} points and radii`);
    }
    this.#shape = shape;
    this.#known = face.points.map((p, k) => isPlace(p) && Number.isFinite(face.radius[k]));
    this.#start = face.points.map((p, k) => (this.#known[k] ? [p[0], p[1]] : null));
    this.#frame = faceFrame(this.#start, shape.mean_shape, this.#known);
    const least = MIN_RADIUS * this.#frame.size;
    this.#radius = face.radius.map((r, k) => Math.max(this.#known[k] ? r : 0, least));
    this.#covariance = symmetric(shape.covariance, 2 * count);
    this.#known.forEach((yes, k) => yes || this.#forget(k));
    this.#traces = this.#tracesOf(this.#covariance);
    [this.#mean, this.#now] = this.#given([], []);
  }

  /** A face with what was done to it, as `snapshot` gives it. */
  static of(shape, face, saved) {
    const model = new ShapeModel(shape, face);
    model.restore(saved);
    return model;
  }

  /** Number of points. */
  get length() {
    return this.#start.length;
  }

  /** Points (K) as far as known: placed ones where they were put; null where nothing is known. */
  get points() {
    return this.#positions(this.#mean, this.#places());
  }

  /** 90 % radii (K) in pixels given the placed points; placing a point never raises them. Null for a
   * point without a prediction, 0 once it is placed. */
  get radii() {
    const now = this.#tracesOf(this.#now);
    return this.#radius.map((radius, k) => {
      if (!this.#known[k]) return this.#placed.has(k) ? 0 : null;
      const share = Math.sqrt(Math.max(now[k], 0) / Math.max(this.#traces[k], 1e-30));
      return radius * Math.min(share, 1);
    });
  }

  /** Numbers of the points that were placed or confirmed, in their order. */
  get placed() {
    return [...this.#placed.keys()];
  }

  isPlaced(index) {
    return this.#placed.has(index);
  }

  /** All points if point `index` were placed at [x, y]; changes nothing. Call it for every frame. */
  drag(index, place) {
    if (this.#drag?.index !== index) this.#drag = this.#begin(index);
    const { mean, gain, placed } = this.#drag;
    const moved = gain ? this.#moved(mean, gain, index, place) : mean;
    return this.#positions(moved, placed.set(index, [place[0], place[1]]));
  }

  /** The same as `drag`. */
  move(index, place) {
    return this.drag(index, place);
  }

  /** Put a point to a place [x, y] in pixels. It stays there; the others follow. */
  place(index, place) {
    this.#settle(index, [place[0], place[1]], "placed");
  }

  /**
   * Draw a line along a row of points. Those between its ends are not placed: they can move along it.
   * Those that were placed before stay where they are.
   *
   * @param {number[]} row numbers of the points in their order along the line.
   * @param {number[][]} line its corners in pixels.
   * @param {boolean[]} ends whether the first and the last point lie at the ends of the line.
   */
  draw(row, line, ends = [true, true]) {
    if (ends[0]) this.#settle(row[0], line[0], "placed");
    if (ends[1]) this.#settle(row.at(-1), line.at(-1), "placed");
    const free = row.filter((k) => this.#known[k] && !this.#placed.has(k));
    for (let round = 0; round < ROUNDS; round++) {
      const here = this.points;
      for (const k of free) this.#lines.set(k, footOf(line, here[k]));
      this.#rebuild();
    }
  }

  /** The line of a point, [x, y, angle]; null: it lies on none. */
  lineOf(index) {
    return this.#lines.get(index) ?? null;
  }

  /** Settle a point where it is. */
  confirm(index) {
    const here = this.points[index];
    if (!here) throw new RangeError(`point ${this.#shape.names[index]} has no place to confirm`);
    if (!this.#placed.has(index)) this.#settle(index, here, "confirmed");
  }

  /** Settle every point that is not skipped where it is. */
  confirmAll() {
    this.points.forEach((place, index) => {
      if (place && !this.#placed.has(index) && !this.#skipped.has(index)) {
        this.#placed.set(index, { place, how: "confirmed" });
        this.#lines.delete(index);
      }
    });
    this.#rebuild();
  }

  /** Take back that a point was placed, or lies on a line: it follows the others again. */
  release(index) {
    this.#placed.delete(index);
    this.#lines.delete(index);
    this.#rebuild();
  }

  /** Pass over a point in `next` and `doubtful`: it is absent, or there is nothing to check. */
  skip(index, on = true) {
    if (on) this.#skipped.add(index);
    else this.#skipped.delete(index);
  }

  /** The point whose confirmation removes most doubt (squared radii of all points); null if all are
   * settled or skipped. */
  next() {
    let [best, most] = [null, -Infinity];
    for (const index of this.doubtful()) {
      const gain = this.#fall(index);
      if (gain > most) [best, most] = [index, gain];
    }
    return best;
  }

  /** Points that are neither settled nor skipped, largest radius first; unknown ones before. */
  doubtful() {
    const radii = this.radii.map((radius, k) => (this.#known[k] ? radius : Infinity));
    const rest = radii.flatMap((_, k) => (this.#placed.has(k) || this.#skipped.has(k) ? [] : [k]));
    return rest.sort((a, b) => (radii[a] === radii[b] ? a - b : radii[b] - radii[a]));
  }

  /** What was done, ready for JSON; `restore` brings it back. */
  snapshot() {
    const placed = [...this.#placed].map(([k, { place, how }]) => [k, place[0], place[1], how]);
    const lines = [...this.#lines].map(([k, line]) => [k, ...line]);
    return { placed, skipped: [...this.#skipped].sort((a, b) => a - b), lines };
  }

  /** Go back, or on, to a snapshot of this face. */
  restore(saved) {
    this.#placed = new Map(saved.placed.map(([k, x, y, how]) => [k, { place: [x, y], how }]));
    this.#skipped = new Set(saved.skipped);
    this.#lines = new Map(saved.lines.map(([k, ...line]) => [k, line]));
    this.#rebuild();
  }

  #forget(k) {
    const n = 2 * this.length;
    for (const row of [2 * k, 2 * k + 1]) {
      for (let j = 0; j < n; j++) {
        this.#covariance[row * n + j] = 0;
        this.#covariance[j * n + row] = 0;
      }
    }
  }

  #tracesOf(covariance) {
    const n = 2 * this.length;
    return this.#start.map((_, k) => {
      const at = 2 * k * n + 2 * k;
      return covariance[at] + covariance[at + n + 1];
    });
  }

  #places() {
    return new Map([...this.#placed].map(([k, { place }]) => [k, place]));
  }

  #positions(mean, placed) {
    const { cos, sin } = this.#frame;
    return this.#start.map((start, k) => {
      const put = placed.get(k);
      if (put) return [put[0], put[1]];
      if (!start) return null;
      const [x, y] = [mean[2 * k] * this.#radius[k], mean[2 * k + 1] * this.#radius[k]];
      const at = [start[0] + cos * x - sin * y, start[1] + sin * x + cos * y];
      return this.#lines.has(k) ? ontoLine(at, this.#lines.get(k)) : at;
    });
  }

  #settle(index, place, how) {
    const again = this.#placed.has(index) || this.#lines.delete(index);
    this.#drag = null;
    this.#placed.set(index, { place, how });
    if (again) this.#rebuild();
    else if (this.#known[index]) {
      [this.#mean, this.#now] = this.#condition(this.#mean, this.#now, index, place, how);
    }
  }

  #rebuild() {
    this.#drag = null;
    [this.#mean, this.#now] = this.#given(this.#placed, this.#lines.keys());
  }

  /** Conditional mean and covariance given placed points and points on lines, from the start. */
  #given(placed, onLines) {
    let [mean, covariance] = [new Float64Array(2 * this.length), this.#covariance];
    for (const [k, { place, how }] of placed) {
      if (this.#known[k]) [mean, covariance] = this.#condition(mean, covariance, k, place, how);
    }
    for (const k of onLines) {
      if (this.#known[k]) [mean, covariance] = this.#conditionOnLine(mean, covariance, k);
    }
    return [mean, covariance];
  }

  /** What stays the same while a point is dragged. */
  #begin(index) {
    const placed = this.#places();
    placed.delete(index);
    let [mean, covariance] = [this.#mean, this.#now];
    if (this.#placed.has(index) || this.#lines.has(index)) {
      const rest = [...this.#placed].filter(([k]) => k !== index);
      [mean, covariance] = this.#given(rest, [...this.#lines.keys()].filter((k) => k !== index));
    }
    const gain = this.#known[index] ? this.#gain(covariance, index, "placed") : null;
    return { index, mean, gain, placed };
  }

  /** Variance of a settled point on each axis, in squared radii. */
  #noise(index, how) {
    const part = how === "placed" ? this.#shape.placed_noise : this.#shape.confirmed_noise;
    return ((part * this.#frame.size) / this.#radius[index]) ** 2;
  }

  /** By how much each number follows an error of a point, (2K, 2) row by row. */
  #gain(covariance, index, how) {
    const n = 2 * this.length;
    const [i, j] = [2 * index * n, (2 * index + 1) * n]; // the rows of the point
    const noise = this.#noise(index, how);
    const p = covariance[i + 2 * index] + noise;
    const b = covariance[i + 2 * index + 1];
    const q = covariance[j + 2 * index + 1] + noise;
    const size = p * q - b * b;
    const gain = new Float64Array(2 * n);
    for (let k = 0; k < n; k++) {
      const [x, y] = [covariance[i + k], covariance[j + k]];
      gain[2 * k] = (q * x - b * y) / size;
      gain[2 * k + 1] = (p * y - b * x) / size;
    }
    return gain;
  }

  /** The conditional mean if a point is at a place. */
  #moved(mean, gain, index, place) {
    const { cos, sin } = this.#frame;
    const [dx, dy] = [place[0] - this.#start[index][0], place[1] - this.#start[index][1]];
    const x = (cos * dx + sin * dy) / this.#radius[index] - mean[2 * index];
    const y = (cos * dy - sin * dx) / this.#radius[index] - mean[2 * index + 1];
    return mean.map((value, k) => value + gain[2 * k] * x + gain[2 * k + 1] * y);
  }

  /** Conditional mean and covariance after one more point is known: a rank-2 update. */
  #condition(mean, covariance, index, place, how) {
    const n = 2 * this.length;
    const gain = this.#gain(covariance, index, how);
    const [i, j] = [2 * index * n, (2 * index + 1) * n];
    const after = new Float64Array(n * n);
    for (let row = 0; row < n; row++) {
      const [g, h] = [gain[2 * row], gain[2 * row + 1]];
      for (let k = 0; k < n; k++) {
        after[row * n + k] = covariance[row * n + k] - g * covariance[i + k] - h * covariance[j + k];
      }
    }
    return [this.#moved(mean, gain, index, place), after];
  }

  /** Conditional mean and covariance after it is known that a point lies on its line: rank 1. */
  #conditionOnLine(mean, covariance, index) {
    const n = 2 * this.length;
    const { cos, sin } = this.#frame;
    const [x, y, angle] = this.#lines.get(index);
    const [start, radius] = [this.#start[index], this.#radius[index]];
    const [dx, dy] = [-Math.sin(angle), Math.cos(angle)]; // across the line
    const error = (dx * (x - start[0]) + dy * (y - start[1])) / radius;
    const [u, v] = [cos * dx + sin * dy, cos * dy - sin * dx]; // upright
    const [i, j] = [2 * index * n, (2 * index + 1) * n];
    const row = Float64Array.from({ length: n }, (_, k) => u * covariance[i + k] + v * covariance[j + k]);
    const size = u * row[2 * index] + v * row[2 * index + 1] + this.#noise(index, "placed");
    const off = (error - u * mean[2 * index] - v * mean[2 * index + 1]) / size;
    const after = covariance.map((value, at) => value - (row[Math.floor(at / n)] * row[at % n]) / size);
    return [mean.map((value, k) => value + row[k] * off), after];
  }

  /** The decrease of the sum of squared radii if a point is confirmed. */
  #fall(index) {
    if (!this.#known[index]) return Infinity;
    const n = 2 * this.length;
    const gain = this.#gain(this.#now, index, "confirmed");
    const [i, j] = [2 * index * n, (2 * index + 1) * n];
    let fall = 0;
    for (let k = 0; k < n; k++) {
      const lower = gain[2 * k] * this.#now[i + k] + gain[2 * k + 1] * this.#now[j + k];
      fall += lower * this.#radius[k >> 1] ** 2;
    }
    return fall;
  }
}
