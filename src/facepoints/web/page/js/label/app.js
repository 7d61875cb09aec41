/** The label page: what is open, what is shown of it, and what a person does to it. */

import { byId, counted } from "../app/dom.js";
import { announce, stageMessage } from "../app/messages.js";
import { drawLine } from "./drawing.js";
import { FaceList, keyOf } from "./face_list.js";
import { FacePanel, placeText, spoken, stateText } from "./face_panel.js";
import { LabelStage } from "./label_stage.js";
import { compare, take } from "./other_readings.js";
import { Placing } from "./placing.js";
import { showPointed } from "./pointed.js";
import { isOpen } from "./project.js";
import { sayTrouble } from "./saved_state.js";
import { SetPanel } from "./set_panel.js";

const FACE_ROOM = 1.25; // of the box of a face with its points, around it
const BOX_ROOM = 1.8; // of the box alone, which ends at the brows and the chin
const SMALLEST_FACE = 12; // pixels; a face's box is shown at least as large

/** Everything on the page. */
export class LabelApp {
  /** @param {import("./session.js").Session} session */
  constructor(session) {
    this.session = session;
    this.project = session.project;
    this.stage = new LabelStage(byId("stage"), ...["picture", "overlay", "loupe"].map(byId));
    this.list = new FaceList(this.project);
    this.panel = new FacePanel();
    this.placing = new Placing(this);
    this.setPanel = new SetPanel(this);
    this.compared = ""; // the annotator whose reading is shown beside
    this.conflict = null;
    this.preview = null; // {point, at} while a point is dragged
    this.#listen();
  }

  get edit() {
    return this.session.edit;
  }

  get names() {
    return this.project.info.points.names;
  }

  #listen() {
    const { session, stage, list, panel, project } = this;
    session.addEventListener("open", () => this.#opened());
    session.addEventListener("change", ({ detail }) => this.show(detail.moved));
    session.addEventListener("busy", ({ detail }) => (byId("busy").hidden = !detail));
    session.addEventListener("trouble", ({ detail }) => sayTrouble(detail));
    project.addEventListener("trouble", ({ detail }) => sayTrouble(detail));
    project.addEventListener("project", () => this.#projectChanged());
    list.addEventListener("open", ({ detail }) => {
      byId("stage").focus({ preventScroll: true }); // keys go on from the picture
      this.openLine(detail);
    });
    stage.frame = () => this.#frame();
    stage.addEventListener("choose", ({ detail }) => {
      if (detail.face) session.choose(detail.face);
      else this.placing.choose(detail.point);
    });
    stage.addEventListener("drag", ({ detail }) => {
      this.preview = detail;
      byId("tooltip").hidden = true;
      stage.redraw();
    });
    stage.addEventListener("drop", ({ detail }) => this.#drop(detail));
    stage.addEventListener("line", ({ detail }) => drawLine(this, detail.line));
    stage.addEventListener("tap", ({ detail }) => this.placing.put(detail.at));
    stage.addEventListener("hover", ({ detail }) => showPointed(this, detail));
    panel.addEventListener("point", ({ detail }) => this.choosePoint(detail, true));
    panel.addEventListener("face", ({ detail }) => session.choose(session.faces[detail]?.face.id));
    panel.addEventListener("mend", ({ detail }) => this.mend(detail));
    panel.addEventListener("compare", ({ detail }) => compare(this, detail));
    panel.addEventListener("take", ({ detail }) => take(this, detail));
    byId("points-details").addEventListener("toggle", () => this.show(false));
  }

  #projectChanged() {
    const { info } = this.project;
    byId("title").textContent = info.title;
    this.stage.names = info.points.names;
    this.stage.edges = info.points.edges;
    this.setPanel.show();
    this.show(false);
  }

  openLine({ picture, face }) {
    return this.session.open(picture, face);
  }

  #opened() {
    const key = this.edit?.face.id ?? this.session.picture?.id ?? "";
    const same = key === this.list.current;
    this.list.mark(key);
    if (same) {
      this.show(true); // read again; the view and what is at hand stay
      return;
    }
    this.compared = "";
    const theirs = this.conflict?.id === key ? this.conflict.points : null;
    this.stage.other = theirs ?? this.#suggestion();
    this.placing.end();
    this.show(true);
    this.zoomToFace();
    this.#preload();
    if (document.activeElement === document.body) byId("stage").focus({ preventScroll: true }); // Tab goes to a point
  }

  /** Where the audit would put the points of a face that was not looked at yet; null: nowhere. */
  #suggestion() {
    const { edit } = this;
    return edit && !edit.isOwn ? (edit.face.notes.find(({ suggestion }) => suggestion)?.suggestion ?? null) : null;
  }

  /** Get the picture of the next face while this one is labeled. */
  #preload() {
    const next = this.#nextLine(1);
    if (next) this.project.bitmap(next.picture.id).catch(() => {});
  }

  /** Draw and list the face. moved: whether points changed. */
  show(moved = true) {
    const { session, stage, edit } = this;
    const { picture } = session;
    if (moved) this.radii = edit?.radii ?? [];
    this.doubtful = edit && !edit.isDone ? this.#doubtful(edit) : [];
    const others = session.faces.filter((each) => each !== edit);
    stage.current = session.point;
    stage.show(
      picture && {
        source: picture.bitmap,
        key: picture.id,
        others: others.map(({ face, reading }) => ({ id: face.id, points: reading.points, box: face.box })),
        face: edit && { ...edit.reading, radii: this.radii },
      },
    );
    this.panel.show(picture && this.#view());
    this.placing.show();
    const where = edit ? `Face ${session.faces.indexOf(edit) + 1} of ${picture.file}` : picture?.file;
    byId("stage").setAttribute("aria-label", where ?? "No face is open");
    for (const [id, entries] of [["undo", "done"], ["redo", "undone"]]) {
      byId(id).disabled = !session.history[entries].length;
    }
  }

  /** The points to look at: those on the worklist first. */
  #doubtful(edit) {
    const noted = edit.isOwn ? [] : edit.face.notes.flatMap(({ points }) => points);
    const rest = edit.reading.finished ? [] : edit.doubtful(this.leastDoubt());
    return [...new Set([...noted, ...rest])];
  }

  #view() {
    const { session, edit, names, radii, doubtful, compared } = this;
    const { file, reviewed } = session.picture;
    return { edit, faces: session.faces, names, current: session.point, radii, doubtful, compared, file, reviewed };
  }

  /** Radius in pixels from which a point is doubtful. */
  leastDoubt() {
    const share = Number(byId("doubt").value) / 100;
    const { points } = this.edit.face.prediction;
    const eyes = this.project.info.points.eyes?.map((k) => points[k]);
    if (eyes?.every(Boolean)) return share * Math.hypot(...[0, 1].map((k) => eyes[0][k] - eyes[1][k]));
    const [, , width, height] = this.edit.face.box;
    return (share * Math.hypot(width, height)) / 3;
  }

  /** Before a frame is drawn: the points follow the one that is dragged. */
  #frame() {
    const { preview, edit, stage } = this;
    if (!preview || !edit || !stage.scene?.face) return;
    stage.scene.face.points = edit.drag(preview.point, preview.at);
  }

  #drop({ point, at, cancelled }) {
    this.preview = null;
    if (cancelled) this.show();
    else this.change("drag", point, (edit) => edit.place(point, at));
  }

  /** Change the face: see `Session.change`. */
  change(action, point, act) {
    return this.session.change(action, point, act);
  }

  choosePoint(k, into = false) {
    this.session.choosePoint(k);
    if (into) this.bringIntoView(k);
    this.sayPoint();
  }

  /** Move the picture if the point is outside of the stage. */
  bringIntoView(k) {
    const at = this.edit?.reading.points[k];
    if (!at) return;
    const { stage } = this;
    const [x, y] = stage.toStage(at);
    const { clientWidth, clientHeight } = stage.host;
    if (x > 20 && y > 20 && x < clientWidth - 20 && y < clientHeight - 20) return;
    stage.pan(clientWidth / 2 - x, clientHeight / 2 - y);
  }

  /** Say the current point to screen readers. */
  sayPoint(before = "") {
    const { session, edit } = this;
    const k = session.point;
    if (!edit || k === null) return;
    const place = placeText(edit.reading.points[k], this.radii[k]);
    announce(`${before}${k} ${spoken(this.names[k])}: ${stateText(edit.reading, k)}, ${place}`);
  }

  /** Go to the next doubtful point. Returns false if none is left. */
  nextDoubtful(step = 1) {
    const { doubtful, session } = this;
    const rest = doubtful.filter((k) => k !== session.point);
    if (!rest.length) return false;
    const here = doubtful.indexOf(session.point);
    const count = doubtful.length;
    const next = here < 0 ? (step > 0 ? doubtful[0] : doubtful.at(-1)) : doubtful[(here + step + count) % count];
    this.choosePoint(next, true);
    return true;
  }

  /** The current point looks right; go on to the next doubtful one. */
  confirm() {
    const { session, edit } = this;
    const k = session.point;
    if (edit && k !== null && edit.reading.points[k]) {
      this.change("confirm", k, () => edit.confirm(k));
    }
    if (!this.nextDoubtful()) this.sayDone();
  }

  sayDone() {
    const { edit } = this;
    if (!edit || edit.reading.finished) return;
    stageMessage("No doubtful point is left. Shift Enter: the face is right.");
    announce("No doubtful point is left. Shift and Enter finishes the face.");
  }

  /** The button: finish the face, or reopen it. */
  finishOrReopen() {
    const { edit } = this;
    if (edit?.isDone) this.change("reopen", null, () => edit.reopen());
    else this.finish();
  }

  /** The whole face is right: finish it, and go to the next one that is to do. */
  async finish() {
    const { edit } = this;
    if (!edit) return;
    const next = this.#nextOpen();
    let missing = [];
    const done = edit.isDone || this.change("finish", null, () => (missing = edit.finish()));
    if (missing.length) {
      const names = missing.slice(0, 3).map((k) => spoken(this.names[k]));
      const more = missing.length > 3 ? ` and ${missing.length - 3} more` : "";
      this.choosePoint(missing[0], true);
      const message = `Not placed yet: ${names.join(", ")}${more}. Place it, or set it absent (X).`;
      stageMessage(message);
      announce(message);
    } else if (done) {
      announce(`Face finished. ${counted(this.project.lines("open", "worth").length, "face")} to do.`);
      if (next) await this.openNext(1, next);
      else stageMessage("Nothing is left to do in this list.");
    }
  }

  /** The line after (1) or before (-1) the one that is open. */
  #nextLine(step) {
    const { lines } = this.list;
    const here = lines.findIndex((line) => keyOf(line) === this.list.current);
    if (here < 0) return lines[0];
    return lines[here + step] ?? (step > 0 ? lines[0] : lines.at(-1));
  }

  /** The next line that is to do, after this one or from the start of the list. */
  #nextOpen() {
    const { lines } = this.list;
    const here = lines.findIndex((line) => keyOf(line) === this.list.current);
    const rest = [...lines.slice(here + 1), ...lines.slice(0, Math.max(here, 0))];
    return rest.find(({ face }) => face && isOpen(face));
  }

  /** Open the next line of the list. */
  async openNext(step, line = this.#nextLine(step)) {
    if (!line || keyOf(line) === this.list.current) return;
    await this.openLine({ picture: line.picture.id, face: line.face?.id });
  }

  zoomToFace() {
    const { edit, stage, session } = this;
    if (!edit) {
      if (session.picture) stage.fit();
      return;
    }
    const at = edit.reading.points.filter(Boolean);
    const [x, y, width, height] = edit.face.box;
    const corners = [...at, [x, y], [x + width, y + height]];
    const [left, top] = [0, 1].map((k) => Math.min(...corners.map((each) => each[k])));
    const sides = [left, top].map((low, k) =>
      Math.max(Math.max(...corners.map((each) => each[k])) - low, SMALLEST_FACE),
    );
    stage.zoomToBox([left, top, ...sides], at.length > 4 ? FACE_ROOM : BOX_ROOM);
  }

  turnUpright() {
    const turned = Math.abs(this.stage.turn) > 0.01;
    this.stage.turnTo(turned || !this.edit ? 0 : -this.edit.face.angle);
    if (this.edit) this.zoomToFace();
  }

  mend(number) {
    const note = this.edit?.face.notes[number];
    if (!note?.suggestion) return;
    this.stage.other = null;
    this.change("suggest", null, (edit) => edit.suggest(note.suggestion));
  }

  async undo() {
    const entry = await this.session.undo();
    announce(entry ? `Undone: ${entry.action}` : "Nothing to undo");
  }

  async redo() {
    const entry = await this.session.redo();
    announce(entry ? `Done again: ${entry.action}` : "Nothing to do again");
  }

  deleteFace() {
    if (this.change("delete", null, (edit) => edit.setDeleted(true))) {
      announce("Face deleted. Control Z brings it back.");
    }
  }

  startOver() {
    this.change("other", null, (edit) => edit.startOver());
  }
}
