/**
 * The picture that is open, its faces, and everything that is done to them. Nothing here knows what
 * the page looks like.
 *
 * Fires "open" when another picture or face is open, "change" when something of the face changed, and
 * "trouble" with an error.
 */

import { FaceEdit, readingOf } from "./face_edit.js";

/** What is open. */
export class Session extends EventTarget {
  /**
   * @param {import("./project.js").Project} project
   * @param {import("./outbox.js").Outbox} outbox
   * @param {import("./history.js").History} history
   */
  constructor(project, outbox, history) {
    super();
    Object.assign(this, { project, outbox, history });
    this.picture = null; // {id, file, bitmap, reviewed}
    this.faces = []; // FaceEdit, without deleted ones
    this.edit = null; // the one that is open
    this.point = null; // number of the current point
    this.asked = null; // {id, face} of the picture that is being fetched
    outbox.addEventListener("saved", ({ detail }) => this.#saved(detail.face));
    outbox.addEventListener("refused", ({ detail }) => this.#refused(detail));
    project.addEventListener("shape", () => this.#reshape());
    project.addEventListener("faces", ({ detail }) => this.#changed(detail));
  }

  /**
   * Open a picture.
   *
   * @param {string} id
   * @param {string} [face] id of the face to choose; default: its first unfinished one.
   * @param {boolean} [again] also if it is open.
   */
  async open(id, face = undefined, again = false) {
    const ask = { id, face };
    if (this.picture?.id === id && !again) {
      if (this.asked?.id === id) {
        this.asked.face = face ?? this.asked.face; // it is being read again, which goes on
      } else {
        this.asked = null; // another one that is still being fetched is not opened any more
        this.#fire("busy", false);
      }
      this.choose(face ?? this.edit?.face.id);
      return;
    }
    this.asked = ask;
    this.#fire("busy", true);
    try {
      const [found, bitmap] = await Promise.all([
        this.project.openPicture(id),
        this.project.bitmap(id).catch((error) => error),
      ]);
      if (ask !== this.asked) return; // another one was asked for meanwhile
      if (bitmap instanceof Error) throw bitmap;
      this.picture = { id, file: found.file, bitmap, reviewed: found.reviewed };
      this.faces = found.faces.filter(({ deleted }) => !deleted).map((each) => this.#editOf(each));
      const open = this.faces.find(({ reading }) => !reading.finished) ?? this.faces[0];
      this.edit = null;
      this.choose(ask.face ?? open?.face.id);
    } catch (error) {
      if (ask === this.asked) this.#fire("trouble", error);
    } finally {
      if (ask === this.asked) {
        this.asked = null;
        this.#fire("busy", false);
      }
    }
  }

  /** Read again what is open, or is about to be. */
  async reopen() {
    const { id, face } = this.asked ?? { id: this.picture?.id, face: this.edit?.face.id };
    if (id !== undefined) await this.open(id, face, true);
  }

  /** A face to edit. Changes that are not saved yet count more than what the service says. */
  #editOf(face) {
    const edit = new FaceEdit(face, this.project.shape);
    this.outbox.know(face.id, face.version);
    const last = this.outbox.changes.findLast((change) => change.face === face.id);
    if (last?.body.points.length === edit.count) edit.restore(readingOf(last.body));
    return edit;
  }

  /** Choose a face of the picture by its id. */
  choose(id) {
    const edit = this.faces.find(({ face }) => face.id === id) ?? this.faces[0] ?? null;
    if (edit !== this.edit) this.point = null;
    this.edit = edit;
    if (edit?.unplaced().length && !edit.reading.finished) this.point = edit.unplaced()[0];
    this.#fire("open");
  }

  choosePoint(point) {
    this.point = point;
    this.#fire("change", { moved: false });
  }

  /**
   * Change the face that is open, keep the change for undo, and send it.
   *
   * @param {string} action for the journal.
   * @param {number | null} point
   * @param {(edit: FaceEdit) => void} act changes the reading.
   * @returns {boolean} whether something changed.
   */
  change(action, point, act) {
    const { edit } = this;
    if (!edit) return false;
    const before = edit.reading;
    act(edit);
    if (edit.reading === before) return false;
    const picture = this.picture.id;
    const { id } = edit.face;
    this.history.push({ face: id, picture, point, action, before, after: edit.reading });
    this.#send(edit, action, point);
    return true;
  }

  #send(edit, action, point) {
    const { face, reading } = edit;
    this.outbox.add(face.id, { action, point, ...reading }, this.project.api.annotator);
    if (reading.deleted) this.#remove(edit);
    this.project.note({ ...face, ...reading, version: Math.max(1, face.version) });
    this.#fire(reading.deleted ? "open" : "change", { moved: true });
  }

  #remove(edit) {
    this.faces = this.faces.filter((each) => each !== edit);
    if (this.edit === edit) this.edit = this.faces[0] ?? null;
    this.point = null;
  }

  undo() {
    return this.#restore(this.history.undo(), "before", "undo");
  }

  redo() {
    return this.#restore(this.history.redo(), "after", "redo");
  }

  /** Bring back a reading of an entry, on whatever picture it is. Returns the entry. */
  async #restore(entry, which, action) {
    if (!entry) return undefined;
    await this.open(entry.picture, entry.face);
    if (this.picture?.id !== entry.picture) return undefined;
    let edit = this.faces.find(({ face }) => face.id === entry.face);
    if (!edit) {
      // it was deleted
      edit = await this.#fetched(entry.face);
      if (!edit) return undefined;
      this.faces.push(edit);
    }
    edit.restore(entry[which]);
    this.edit = edit;
    this.point = entry.point;
    this.#send(edit, action, entry.point);
    if (!entry[which].deleted) this.#fire("open");
    return entry;
  }

  async #fetched(id) {
    try {
      return this.#editOf(await this.project.api.get(`faces/${id}`));
    } catch (error) {
      this.#fire("trouble", error);
      return null;
    }
  }

  /** Make a face from its two eyes, in pixels of the picture. */
  async addFace(eyes) {
    const { picture } = this;
    try {
      const id = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
      const face = await this.project.api.post(`pictures/${picture.id}/faces`, { eyes, id });
      this.project.note(face);
      if (this.picture !== picture) return;
      const edit = this.#editOf(face);
      this.faces.push(edit);
      const after = edit.reading;
      const entry = { face: face.id, picture: picture.id, point: null, action: "new face" };
      this.history.push({ ...entry, before: { ...after, deleted: true }, after });
      this.choose(face.id);
    } catch (error) {
      this.#fire("trouble", error);
    }
  }

  /** The person has looked: no more faces are in this picture. */
  async markReviewed() {
    const { picture } = this;
    try {
      await this.project.api.post(`pictures/${picture.id}`, { reviewed: true });
      picture.reviewed = true;
      this.#fire("change", { moved: false });
    } catch (error) {
      this.#fire("trouble", error);
    }
  }

  #saved(face) {
    const edit = this.faces.find((each) => each.face.id === face.id);
    edit?.renew(face);
  }

  /** The service never takes this change: back to what it has. */
  async #refused({ change, error }) {
    this.#fire("trouble", error);
    this.history.forget(change.face);
    if (!this.outbox.hasChanges(change.face)) await this.#reload(change.face);
  }

  /** Take the other version of a face after a conflict. */
  take(face) {
    this.outbox.takeTheirs();
    this.history.forget(face.id);
    this.#replace(face);
  }

  #replace(face) {
    const k = this.faces.findIndex((each) => each.face.id === face.id);
    if (k < 0) return;
    const edit = this.#editOf(face);
    const open = this.edit === this.faces[k];
    this.faces[k] = edit;
    if (open) this.edit = edit;
    if (face.deleted) this.#remove(edit);
    this.#fire("change", { moved: true });
  }

  async #reload(id) {
    try {
      this.#replace(await this.project.api.get(`faces/${id}`));
    } catch (error) {
      this.#fire("trouble", error);
    }
  }

  /** The set has other points now: faces are read again, and nothing before can be undone. */
  async pointsChanged() {
    this.history.clear();
    await this.project.loadShape(this.project.info.shape).catch((error) => this.#fire("trouble", error));
    await this.reopen();
  }

  /** Somebody else changed faces, or the point set. */
  async #changed({ faces, points }) {
    if (!this.picture) return;
    if (points) {
      await this.pointsChanged();
      return;
    }
    for (const { face } of [...this.faces]) {
      if (!faces.includes(face.id) || this.outbox.hasChanges(face.id)) continue;
      const now = await this.project.api.get(`faces/${face.id}`).catch(() => null);
      const edit = this.faces.find((each) => each.face.id === face.id);
      if (!now || !edit || this.outbox.hasChanges(face.id)) continue;
      if (now.version === edit.face.version && now.by === edit.face.by) {
        // another annotator's state, or a new prediction
        if (!edit.isOwn) this.#replace(now);
        else {
          edit.renew(now);
          this.#fire("change", { moved: true });
        }
      } else {
        this.history.forget(face.id);
        this.#replace(now);
      }
    }
  }

  #reshape() {
    for (const edit of this.faces) edit.use(this.project.shape);
    this.#fire("change", { moved: true });
  }

  #fire(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
