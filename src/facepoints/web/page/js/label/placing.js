/**
 * What a click on the picture does beside dragging: it puts a point that has no place yet, the two
 * eyes of a new face, or a new point of the set; or it joins points. By keyboard, a cross hair is
 * moved by the arrow keys and Enter clicks.
 */

import { byId } from "../app/dom.js";
import { announce, stageMessage } from "../app/messages.js";
import { spoken } from "./face_panel.js";

const STEP = 8; // CSS pixels of an arrow key
const FINE = 1; // with Shift

/** The mode of the stage: "", "eyes", "add" (points of the set), "join" (points by edges) or "draw". */
export class Placing {
  /** @param {import("./app.js").LabelApp} app */
  constructor(app) {
    this.app = app;
    this.mode = "";
    this.eyes = [];
    this.cross = null; // of the keyboard
    this.from = null; // first point of an edge
  }

  /** Whether a click puts something. */
  get waits() {
    return ["eyes", "add"].includes(this.mode) || this.unplaced !== null;
  }

  /** The current point, if it has no place. */
  get unplaced() {
    const { session, edit } = this.app;
    return edit && session.point !== null && edit.reading.state[session.point] === "unplaced" ? session.point : null;
  }

  /** Begin a mode, or end it if it is on. */
  toggle(mode) {
    const on = this.mode !== mode;
    this.end();
    if (!on) return;
    this.mode = mode;
    if (["eyes", "draw"].includes(mode) && !this.app.session.picture) this.mode = "";
    this.show();
    announce(byId("stage-message").textContent);
    byId("stage").focus();
  }

  end() {
    Object.assign(this, { mode: "", eyes: [], cross: null, from: null });
    this.show();
  }

  /** Show what the next click does. */
  show() {
    const { stage } = this.app;
    for (const [id, mode] of [["new-face", "eyes"], ["draw-line", "draw"], ["set-click", "add"], ["set-join", "join"]]) {
      byId(id).setAttribute("aria-pressed", String(this.mode === mode));
    }
    stage.placing = this.waits;
    stage.drawing = this.mode === "draw";
    stage.clicking = ["eyes", "add"].includes(this.mode);
    if (!this.waits) stage.loupe.follow(null);
    stage.marks = [...this.eyes, ...(this.cross ? [this.cross] : [])];
    byId("stage").classList.toggle("placing", this.waits || stage.drawing);
    stageMessage(this.#message());
    stage.redraw();
  }

  #message() {
    const { app } = this;
    if (this.mode === "eyes") return this.eyes.length ? "Click the other eye" : "Click one eye of the new face";
    if (this.mode === "add") return app.edit ? "Click where the new point is" : "Mark the face first: click one eye";
    if (this.mode === "join") return this.from === null ? "Choose two points to join or part" : "Choose the other point";
    if (this.mode === "draw") return "Draw along a row of points, such as the jaw, from end to end";
    if (this.unplaced !== null) return `Click: ${spoken(app.names[this.unplaced])} (X: absent)`;
    if (app.session.picture && !app.edit) return "No face was found here. New face: click both eyes (key N).";
    return "";
  }

  /** A click on the picture, at a place in its pixels. */
  put(at) {
    if (this.mode === "eyes" || (this.mode === "add" && !this.app.edit)) this.#putEye(at);
    else if (this.mode === "add") this.app.setPanel.addAt(at);
    else if (this.unplaced !== null) this.#putPoint(at);
  }

  async #putEye(at) {
    this.eyes.push(at);
    const { eyes, mode } = this;
    this.cross = null;
    if (eyes.length < 2) {
      this.show();
      announce(byId("stage-message").textContent);
      return;
    }
    this.end();
    await this.app.session.addFace(eyes);
    announce("New face");
    if (mode === "add") this.toggle("add");
  }

  #putPoint(at) {
    const { app } = this;
    const k = this.unplaced;
    this.cross = null;
    app.change("place", k, (edit) => edit.place(k, at));
    const [next] = app.edit.unplaced();
    if (next === undefined) {
      app.sayPoint();
      return;
    }
    app.session.choosePoint(next);
    announce(`Next: ${spoken(app.names[next])}`);
  }

  /** A point was chosen on the picture. */
  choose(k) {
    byId("tooltip").hidden = true; // the name of the current point is beside it
    if (this.mode !== "join") {
      this.app.choosePoint(k);
      return;
    }
    if (this.from === null || this.from === k) this.from = this.from === null ? k : null;
    else {
      this.app.setPanel.toggleEdge(this.from, k);
      this.from = k; // lines go on
    }
    this.app.session.choosePoint(k);
    this.show();
  }

  /** Move the cross hair of the keyboard by steps; the first time it appears in the middle. */
  moveCross(x, y, fine) {
    const { stage } = this.app;
    const middle = [stage.host.clientWidth / 2, stage.host.clientHeight / 2];
    const place = this.cross ? stage.toStage(this.cross) : middle;
    const step = fine ? FINE : STEP;
    this.cross = stage.toPicture([place[0] + x * step, place[1] + y * step]);
    this.show();
  }

  /** Click where the cross hair is. */
  clickCross() {
    const { cross } = this;
    if (cross) this.put(cross);
    else this.moveCross(0, 0, true);
  }
}
