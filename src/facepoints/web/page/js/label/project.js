/**
 * What the service knows, as far as the page needs it: the project, the list of faces, the shape
 * model, and the pictures at hand. Fires "project", "list", "shape", and "faces" with the ids of
 * faces that somebody else changed.
 */

import { ServerGone } from "./api.js";

const POLL = 2000; // milliseconds between two questions for changes
const KEPT = 6; // decoded pictures in memory

/** The project as the page knows it. */
export class Project extends EventTarget {
  /** @param {import("./api.js").Api} api */
  constructor(api) {
    super();
    this.api = api;
    this.info = null; // the answer of GET project
    this.shape = null;
    this.shapeRevision = 0;
    this.pictures = new Map(); // by id
    this.queue = []; // of faces, most worth labeling first
    this.bitmaps = new Map(); // by picture: promises
    this.revision = 0;
    this.said = ""; // what the last "project" was about
  }

  /** Read everything, such as at the start or for another annotator. */
  async load() {
    const { api } = this;
    // the revision before the lists, so that no change between them is missed
    this.info = await api.get("project");
    this.revision = this.info.revision;
    await Promise.all([this.loadList(), this.loadShape(this.info.shape)]);
    this.#fire("project");
  }

  /** Read the pictures and the order of faces. */
  async loadList() {
    const [{ pictures }, { faces }] = await Promise.all([
      this.api.get("pictures"),
      this.api.get("queue"),
    ]);
    this.pictures = new Map(pictures.map((picture) => [picture.id, picture]));
    this.queue = faces;
    this.#fire("list");
  }

  /** Read the shape model unless its revision is the one at hand. */
  async loadShape(revision) {
    if (revision === this.shapeRevision && this.shape) return;
    const { model, revision: now } = await this.api.get("shape");
    this.shape = model;
    this.shapeRevision = now;
    this.#fire("shape");
  }

  /** Take a new answer of GET project, as after a change of the point set. */
  renew(info) {
    const same = info.points.names.length === this.info.points.names.length;
    if (!same) this.shape = null; // of another number of points
    this.info = info;
    this.#fire("project");
  }

  /** Ask for changes again and again. A service that is gone is asked on. */
  watch() {
    setTimeout(async () => {
      try {
        if (!document.hidden) await this.#poll();
      } catch (error) {
        if (!(error instanceof ServerGone)) this.#fire("trouble", error);
      }
      this.watch();
    }, POLL);
  }

  async #poll() {
    const { api, info } = this;
    const changes = await api.get("changes", { since: this.revision });
    const more = changes.points || changes.faces.length; // names, or another annotator
    const now = more ? await api.get("project") : info;
    if (info !== this.info) return; // the set or the annotator was changed here meanwhile
    const other = JSON.stringify(now.points) !== JSON.stringify(info.points);
    const { counts, refit, saved, save_error } = changes;
    this.info = Object.assign(now, { counts, refit, saved, save_error });
    this.revision = changes.revision;
    if (other) this.shape = null; // it is of other points
    await this.loadShape(changes.shape);
    if (other || changes.faces.length || changes.pictures.length) await this.loadList();
    if (JSON.stringify({ ...this.info, revision: 0 }) !== this.said) this.#fire("project");
    this.said = JSON.stringify({ ...this.info, revision: 0 });
    if (other || changes.faces.length) this.#fire("faces", { ...changes, points: other });
  }

  /** @returns {Promise<object>} a picture with its faces. */
  openPicture(id) {
    return this.api.get(`pictures/${id}`);
  }

  /** @returns {Promise<ImageBitmap>} the pixels of a picture; the last ones are kept. */
  bitmap(id) {
    const known = this.bitmaps.get(id);
    this.bitmaps.delete(id);
    const found = known ?? this.api.picture(id);
    this.bitmaps.set(id, found); // the newest is last
    found.catch(() => this.bitmaps.delete(id));
    for (const old of [...this.bitmaps.keys()].slice(0, -KEPT)) this.bitmaps.delete(old);
    return found;
  }

  /**
   * The lines of the list.
   *
   * @param {"open" | "worklist" | "finished" | "all" | "empty"} filter
   * @param {"worth" | "file"} order
   * @returns {{face: object | null, picture: object}[]}
   */
  lines(filter, order) {
    const picture = (face) => this.pictures.get(face.picture);
    const empty = [...this.pictures.values()].filter(({ faces }) => !faces);
    if (filter === "empty") return empty.map((each) => ({ face: null, picture: each }));
    const tests = {
      open: isOpen,
      worklist: (face) => face.notes > 0,
      finished: (face) => face.finished,
      all: () => true,
    };
    const lines = this.queue.filter((face) => picture(face) && tests[filter](face));
    const found = lines.map((face) => ({ face, picture: picture(face) }));
    if (order === "file") {
      const places = new Map([...this.pictures.keys()].map((id, k) => [id, k]));
      found.sort((a, b) => places.get(a.picture.id) - places.get(b.picture.id));
    }
    return found;
  }

  /** Note in the list what was done to a face, before the service lists it. */
  note(face) {
    const line = this.queue.find(({ id }) => id === face.id);
    const { counts } = this.info; // the service's come with the next answer
    counts.finished += Number(face.finished && !face.deleted) - Number(line?.finished ?? false);
    counts.faces += Number(!face.deleted) - Number(Boolean(line));
    if (face.deleted) this.queue = this.queue.filter(({ id }) => id !== face.id);
    else if (line) Object.assign(line, { finished: face.finished, touched: face.version > 0 });
    else this.queue.unshift(lineOf(face));
    const picture = this.pictures.get(face.picture);
    if (picture) {
      const own = this.queue.filter((each) => each.picture === picture.id);
      picture.faces = own.length;
      picture.finished = own.filter(({ finished }) => finished).length;
    }
    this.#fire("list");
  }

  #fire(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** Whether a face of the list is to do: not finished, or on the worklist and not looked at yet. */
export function isOpen({ finished, notes, touched }) {
  return !finished || (notes > 0 && !touched);
}

function lineOf({ id, picture, box, worth, reason, finished, notes, version }) {
  return { id, picture, box, worth, reason, finished, notes: notes.length, touched: version > 0 };
}
