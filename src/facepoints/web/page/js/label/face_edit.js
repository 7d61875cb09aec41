/**
 * One face while it is labeled: its reading (places, states and flags of all points), and how a move
 * of one point moves the others.
 *
 * A point is "unplaced" (nobody knows where), "predicted" (by the model), "along" (moved along with
 * another point), "confirmed" (by a person) or "absent". Confirmed points never move by themselves.
 */

import { footOf } from "./lines.js";
import { ShapeModel } from "./shape_model.js";

const MOVED = 1e-3; // pixels

/**
 * The reading of a face.
 *
 * @typedef {object} Reading
 * @property {(number[] | null)[]} points places in pixels of the picture.
 * @property {string[]} state of each point.
 * @property {boolean[]} hidden of each point.
 * @property {boolean} finished
 * @property {boolean} deleted
 * @property {(number[] | null)[]} lines of each point: the drawn line on which it lies, [x, y, angle].
 */

/** @returns {Reading} of a face as the service sends it. */
export function readingOf({ points, state, hidden, finished, deleted, lines }) {
  const flags = { finished: Boolean(finished), deleted: Boolean(deleted) };
  return { points, state, hidden, ...flags, lines: lines?.length ? lines : points.map(() => null) };
}

const farther = (a, b) => Boolean(a && b) && Math.hypot(a[0] - b[0], a[1] - b[1]) > MOVED;

/** A face that is edited. Its methods change `reading`, never the objects in it. */
export class FaceEdit {
  /**
   * @param {object} face as the service sends it.
   * @param {object | null} shape of the shape model; null: each point moves alone.
   */
  constructor(face, shape) {
    this.face = face;
    this.shape = shape;
    this.reading = readingOf(face);
    this.given = this.reading;
    this.model = null; // made when it is needed
  }

  /** Whether the annotator has a reading of the face, and does not only see another one. */
  get isOwn() {
    return this.face.version > 0 || this.reading !== this.given;
  }

  /** Whether nothing is left to do, also not on the worklist. */
  get isDone() {
    return this.reading.finished && (this.isOwn || !this.face.notes.length);
  }

  get count() {
    return this.reading.points.length;
  }

  /** Take another reading, as undo does. */
  restore(reading) {
    this.reading = reading;
    this.model = null;
  }

  /** Take what the service says about the face beside its reading, such as a new prediction. */
  renew(face) {
    const same = JSON.stringify(face.prediction) === JSON.stringify(this.face.prediction);
    this.face = face;
    if (!same) this.model = null;
  }

  /** Take another shape model. */
  use(shape) {
    this.shape = shape;
    this.model = null;
  }

  #model() {
    const { points, radius } = this.face.prediction;
    if (this.model || this.shape?.names.length !== this.count) return this.model;
    const placed = [];
    const skipped = [];
    const lines = this.reading.lines.flatMap((line, k) => (line ? [[k, ...line]] : []));
    this.reading.state.forEach((state, k) => {
      const at = this.reading.points[k];
      if (state === "confirmed") placed.push([k, ...at, farther(at, points[k]) ? "placed" : "confirmed"]);
      if (state === "absent") skipped.push(k);
    });
    this.model = ShapeModel.of(this.shape, { points, radius }, { placed, skipped, lines });
    return this.model;
  }

  isFree(k) {
    return ["predicted", "along"].includes(this.reading.state[k]);
  }

  /** Where all points are while one is dragged; the reading stays. */
  drag(k, at) {
    const moved = this.#model()?.drag(k, at);
    return this.reading.points.map((before, n) => {
      if (n === k) return at;
      return (this.isFree(n) && moved?.[n]) || before;
    });
  }

  /** Put a point to a place, where it stays. */
  place(k, at) {
    const model = this.#model();
    this.#set(k, at, "confirmed");
    model?.skip(k, false);
    model?.place(k, at);
    this.#follow();
  }

  /**
   * Draw a line along a row of points: they go to it, and can still move along it. Confirmed points
   * stay, those at the ends, too.
   *
   * @param {number[]} row numbers of the points, from the line's start to its end.
   * @param {number[][]} line corners in pixels.
   * @param {boolean[]} ends whether the first and the last point lie at the ends of the line.
   */
  draw(row, line, ends) {
    const model = this.#model();
    const free = row.filter((k) => this.isFree(k));
    const { state } = this.reading;
    const placed = [row[0], row.at(-1)].map((k, side) => ends[side] && state[k] !== "confirmed");
    if (placed[0]) this.#set(row[0], line[0], "confirmed");
    if (placed[1]) this.#set(row.at(-1), line.at(-1), "confirmed");
    model?.draw(row, line, placed);
    for (const k of free.filter((each) => this.isFree(each))) {
      this.#set(k, footOf(line, this.reading.points[k]).slice(0, 2), "along", model?.lineOf(k) ?? null);
    }
    this.#follow();
  }

  /** A point looks right where it is. */
  confirm(k) {
    const at = this.reading.points[k];
    if (!at || this.reading.state[k] === "confirmed") return;
    const model = this.#model();
    this.#set(k, at, "confirmed");
    if (farther(model?.points[k], at) || !model?.points[k]) model?.place(k, at);
    else model.confirm(k);
    this.#follow();
  }

  /** Take a confirmation back: the point moves with the others again. */
  release(k) {
    if (this.reading.state[k] !== "confirmed" && !this.reading.lines[k]) return;
    const model = this.#model();
    const known = this.face.prediction.points[k];
    this.#set(k, known ?? null, known ? "predicted" : "unplaced");
    model?.release(k);
    this.#follow();
  }

  /** The point is covered, by hair or a hand; its place is where it would be. */
  setHidden(k, on) {
    const hidden = [...this.reading.hidden];
    hidden[k] = on;
    this.reading = { ...this.reading, hidden };
  }

  /** The point is not there at all, or outside of the picture. */
  setAbsent(k, on) {
    const known = this.face.prediction.points[k];
    const at = on ? null : (known ?? null);
    const model = this.#model();
    if (model?.isPlaced(k) || model?.lineOf(k)) model.release(k);
    model?.skip(k, on);
    this.#set(k, at, on ? "absent" : at ? "predicted" : "unplaced");
    this.#follow();
  }

  /** Put several points at once, such as an audit suggests them; null leaves a point. */
  suggest(points) {
    const state = this.reading.state.map((was, k) => (points[k] ? "confirmed" : was));
    const places = this.reading.points.map((was, k) => points[k] ?? was);
    const lines = this.reading.lines.map((was, k) => (points[k] ? null : was));
    this.restore({ ...this.reading, points: places, state, lines });
    this.#follow();
  }

  /** Back to the prediction, as if nobody had touched the face. */
  startOver() {
    const { points, hidden } = this.face.prediction;
    const state = points.map((at) => (at ? "predicted" : "unplaced"));
    const lines = points.map(() => null);
    this.restore({ ...this.reading, points, state, lines, finished: false, hidden: hidden ?? this.reading.hidden });
  }

  /**
   * The face is right: all its points are confirmed where they are.
   *
   * @returns {number[]} points without a place; then nothing is changed.
   */
  finish() {
    const missing = this.unplaced();
    if (missing.length) return missing;
    const state = this.reading.state.map((was) => (was === "absent" ? was : "confirmed"));
    this.restore({ ...this.reading, state, lines: state.map(() => null), finished: true });
    return [];
  }

  reopen() {
    this.reading = { ...this.reading, finished: false };
  }

  /** @param {boolean} on whether this is no face, or should not be in the labels. */
  setDeleted(on) {
    this.reading = { ...this.reading, deleted: on };
  }

  unplaced() {
    return this.reading.state.flatMap((state, k) => (state === "unplaced" ? [k] : []));
  }

  /** 90 % radius of each point in pixels: 0 if confirmed, null if unknown. */
  get radii() {
    const now = this.#model()?.radii ?? this.face.prediction.radius;
    return this.reading.state.map((state, k) => {
      if (state === "confirmed") return 0;
      return this.isFree(k) && Number.isFinite(now[k]) ? now[k] : null;
    });
  }

  /**
   * The points to look at, in the order in which looking helps most.
   *
   * @param {number} least radius in pixels from which a point is doubtful.
   */
  doubtful(least = 0) {
    const radii = this.radii;
    const asked = (k) => this.isFree(k) && (radii[k] ?? Infinity) > least;
    const rest = radii.flatMap((_, k) => (asked(k) ? [k] : []));
    rest.sort((a, b) => (radii[b] ?? Infinity) - (radii[a] ?? Infinity) || a - b);
    const first = this.#model()?.next();
    const best = rest.includes(first) ? [first, ...rest.filter((k) => k !== first)] : rest;
    return [...this.unplaced(), ...best];
  }

  #set(k, at, state, line = null) {
    const places = [...this.reading.points];
    const states = [...this.reading.state];
    const lines = [...this.reading.lines];
    [places[k], states[k], lines[k]] = [at, state, line];
    this.reading = { ...this.reading, points: places, state: states, lines };
  }

  /** Let the free points go where the shape model has them. */
  #follow() {
    const now = this.#model()?.points;
    if (!now) return;
    const { prediction } = this.face;
    const places = this.reading.points.map((was, k) => (this.isFree(k) && now[k]) || was);
    const state = this.reading.state.map((was, k) => {
      if (!this.isFree(k)) return was;
      return farther(places[k], prediction.points[k]) ? "along" : "predicted";
    });
    this.reading = { ...this.reading, points: places, state };
  }
}
