/**
 * The changes on their way to the service: one after another, in order, until each is saved.
 *
 * A change stays in the browser's storage until the service has answered that it is saved. When the
 * service goes away, sending is tried again; when the page is closed before, the next page of the
 * same project sends the rest. Each change has an id, so the service applies it once.
 *
 * Fires "state" with {waiting, gone, conflict, error}, and "saved" with {change, face}.
 */

import { Refused, ServerGone } from "./api.js";

const FIRST_WAIT = 500; // milliseconds until the next try; doubled each time
const LONGEST_WAIT = 5000;

/**
 * A change of a face.
 *
 * @typedef {object} Change
 * @property {string} id unique; a number of this tab at its end.
 * @property {string} face id of the face.
 * @property {string} annotator whose reading it is; "": the service's.
 * @property {number} base version of the face that it was made on.
 * @property {object} body of the request, without `base` and `id`.
 */

/** Sends changes. */
export class Outbox extends EventTarget {
  /**
   * @param {(path: string, body: object) => Promise<object>} post
   * @param {{getItem: Function, setItem: Function, removeItem: Function}} storage
   * @param {string} key of the project in the storage; each tab has a key below it.
   * @param {string} tab unique name of this tab.
   */
  constructor(post, storage, key, tab) {
    super();
    Object.assign(this, { post, storage, tab, key: `${key}/${tab}` });
    this.changes = []; // not saved yet, oldest first
    this.versions = new Map(); // of each face, as this page knows it
    this.conflict = null; // {change, face}: waits for a person
    this.gone = false;
    this.error = "";
    this.wait = FIRST_WAIT;
    this.count = 0;
  }

  /** Changes that an earlier page could not send. They go first. */
  adopt(changes) {
    this.changes.unshift(...changes);
    this.#keep();
    this.#send();
  }

  /** The version of a face that this page shows. Not while changes of it are on their way. */
  know(face, version) {
    if (!this.hasChanges(face)) this.versions.set(face, version);
  }

  /** Whether changes of a face are on their way. */
  hasChanges(face) {
    return this.changes.some((change) => change.face === face);
  }

  get isEmpty() {
    return !this.changes.length;
  }

  /**
   * Send a change.
   *
   * @param {string} face its id.
   * @param {object} body
   * @param {string} annotator
   */
  add(face, body, annotator) {
    const waiting = this.changes.at(-1);
    const nudged = body.action === "nudge" && waiting?.body.action === "nudge" && !waiting.sent;
    if (nudged && waiting.face === face && waiting.body.point === body.point) waiting.body = body;
    else {
      const before = this.changes.filter((change) => change.face === face).length;
      const base = (this.versions.get(face) ?? 0) + before;
      this.changes.push({ id: `${this.tab}-${++this.count}`, face, annotator, base, body });
    }
    this.#keep();
    this.#tell();
    this.#send();
  }

  /**
   * Wait until everything is saved.
   *
   * @throws {Error} the service is gone, or a person has to choose first.
   */
  async settled() {
    while (!this.isEmpty) {
      if (this.conflict) throw new Error("Choose first which version of the face is kept.");
      if (this.gone) throw new ServerGone("moves wait");
      await new Promise((done) => this.addEventListener("state", done, { once: true }));
    }
  }

  /** A person chose: send the changes of the face again, on top of the other version. */
  keepMine() {
    const { face } = this.conflict;
    this.versions.set(face.id, face.version);
    this.#resolved();
  }

  /** A person chose: drop the changes of the face that are not saved. */
  takeTheirs() {
    const { face } = this.conflict;
    this.changes = this.changes.filter((change) => change.face !== face.id);
    this.versions.set(face.id, face.version);
    this.#resolved();
  }

  #resolved() {
    this.conflict = null;
    this.#keep();
    this.#tell();
    this.#send();
  }

  async #send() {
    if (this.sending) return;
    this.sending = true;
    while (this.changes.length && !this.conflict) {
      const [change] = this.changes;
      change.sent = true;
      try {
        this.#saved(change, await this.#sendOne(change));
      } catch (error) {
        await this.#failed(change, error);
      }
    }
    this.sending = false;
    this.#tell();
  }

  #sendOne({ id, face, annotator, base, body }) {
    const who = annotator ? { annotator } : {};
    return this.post(`faces/${face}`, { ...who, ...body, id, base: this.versions.get(face) ?? base });
  }

  #saved(change, face) {
    this.versions.set(face.id, face.version);
    this.changes.shift();
    Object.assign(this, { gone: false, error: "", wait: FIRST_WAIT });
    this.#keep();
    this.#tell();
    this.dispatchEvent(new CustomEvent("saved", { detail: { change, face } }));
  }

  async #failed(change, error) {
    if (error instanceof Refused && error.status === 409 && error.answer?.face) {
      this.conflict = { change, face: error.answer.face };
      this.#tell();
    } else if (error instanceof ServerGone) {
      this.gone = true;
      this.#tell();
      await new Promise((done) => setTimeout(done, this.wait));
      this.wait = Math.min(2 * this.wait, LONGEST_WAIT);
    } else {
      // it can never be saved; what follows on the same face may be
      this.changes.shift();
      this.error = error.message;
      this.#keep();
      this.#tell();
      this.dispatchEvent(new CustomEvent("refused", { detail: { change, error } }));
    }
  }

  #keep() {
    try {
      const plain = this.changes.map(({ sent, ...change }) => change);
      if (plain.length) this.storage.setItem(this.key, JSON.stringify(plain));
      else this.storage.removeItem(this.key);
    } catch {
      // no storage: the changes live as long as the page
    }
  }

  #tell() {
    const { gone, conflict, error } = this;
    const waiting = this.changes.length;
    this.dispatchEvent(new CustomEvent("state", { detail: { waiting, gone, conflict, error } }));
  }
}

/**
 * Take the changes that earlier pages of a project left in the storage.
 *
 * A page that is still open may be among them: the service applies a change once, whoever sends it.
 * What is of another project with the same name stays where it is.
 *
 * @param {Storage} storage
 * @param {string} key of the project.
 * @param {(face: string) => boolean} knows whether the project has a face.
 * @returns {Change[]}
 */
export function leftChanges(storage, key, knows) {
  const found = [];
  try {
    const names = Object.keys(storage).filter((name) => name.startsWith(`${key}/`));
    for (const name of names.sort()) {
      const changes = JSON.parse(storage.getItem(name));
      const others = changes.filter(({ face }) => !knows(face));
      if (others.length) storage.setItem(name, JSON.stringify(others));
      else storage.removeItem(name);
      found.push(...changes.filter(({ face }) => knows(face)));
    }
  } catch {
    // no storage, or not what this page wrote
  }
  return found;
}
