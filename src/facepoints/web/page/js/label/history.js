/** Undo and redo without end. An entry is a face's reading before and after a change. */

const PAUSE = 1200; // milliseconds; nudges of a point that follow each other closer are one entry

/**
 * An entry.
 *
 * @typedef {object} Entry
 * @property {string} face its id.
 * @property {number | null} point that was changed.
 * @property {string} action such as "drag".
 * @property {object} before reading of the face.
 * @property {object} after reading of the face.
 */

/** The changes of this tab, over all faces. */
export class History {
  /** @param {() => number} now milliseconds. */
  constructor(now = () => performance.now()) {
    this.now = now;
    this.done = [];
    this.undone = [];
    this.last = -Infinity;
  }

  /** @param {Entry} entry */
  push(entry) {
    const before = this.done.at(-1);
    const near = this.now() - this.last < PAUSE;
    const same = ["action", "face", "point"].every((key) => before?.[key] === entry[key]);
    if (entry.action === "nudge" && near && same) before.after = entry.after;
    else this.done.push({ ...entry });
    this.undone = [];
    this.last = this.now();
  }

  /** @returns {Entry | undefined} whose `before` is to be restored. */
  undo() {
    return this.#move(this.done, this.undone);
  }

  /** @returns {Entry | undefined} whose `after` is to be restored. */
  redo() {
    return this.#move(this.undone, this.done);
  }

  #move(from, to) {
    const entry = from.pop();
    if (entry) to.push(entry);
    this.last = -Infinity;
    return entry;
  }

  clear() {
    this.done = [];
    this.undone = [];
  }

  /** Forget the changes of a face: another version of it was taken. */
  forget(face) {
    this.done = this.done.filter((entry) => entry.face !== face);
    this.undone = this.undone.filter((entry) => entry.face !== face);
  }
}
