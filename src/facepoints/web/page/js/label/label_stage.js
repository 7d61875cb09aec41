/** The picture with the face that is labeled: points can be chosen, dragged and put. */

import { PictureView } from "../app/picture_view.js";
import { drawCrossHair, drawCurrent, drawFace, drawOther, drawQuietFace, drawStroke } from "./draw_label.js";
import { Loupe } from "./loupe.js";

const SHARP = 10; // zoom from which single pixels are shown as squares
const NEAR = 16; // CSS pixels from a point at which the pointer takes it
const NEAR_FINGER = 28;
const STILL = 3; // CSS pixels that a pointer may move before it drags

/**
 * What is shown.
 *
 * @typedef {object} Scene
 * @property {ImageBitmap} source
 * @property {string} key of the picture; the same picture keeps the zoom.
 * @property {object[]} others faces that are not chosen: {id, points, box}.
 * @property {import("./draw_label.js").DrawnFace | null} face that is labeled.
 */

/**
 * Shows a scene. Fires "choose" {point} or {face}, "drag" and "drop" {point, at}, "line" {line}, "tap"
 * {at}, "hover" {point, at, place}.
 */
export class LabelStage extends PictureView {
  /**
   * @param {HTMLElement} host
   * @param {HTMLCanvasElement} picture below.
   * @param {HTMLCanvasElement} overlay above; the points.
   * @param {HTMLCanvasElement} loupe
   */
  constructor(host, picture, overlay, loupe) {
    super(host, picture, overlay);
    this.picture = picture.getContext("2d", { alpha: false });
    this.overlay = overlay.getContext("2d");
    this.loupe = new Loupe(loupe);
    this.layers = { edges: true, radii: true, names: true, loupe: true };
    this.original = false;
    this.names = [];
    this.edges = [];
    this.scene = null;
    this.current = null; // number of the current point
    this.placing = false; // whether a click on the picture puts something
    this.clicking = false; // whether a click never takes a point
    this.drawing = false; // whether the pointer draws a line; with Shift it always does
    this.stroke = null; // the line that is drawn, in pixels of the picture
    this.marks = []; // places of cross hairs
    this.other = null; // points of another reading
    this.light = { brightness: 1, contrast: 1 };
  }

  /** @param {Scene | null} scene */
  show(scene) {
    const keep = scene && scene.key === this.scene?.key;
    this.scene = scene;
    this.size = scene ? [scene.source.width, scene.source.height] : null;
    if (!keep) {
      this.turn = 0;
      this.fit();
      this.stroke = null; // it belongs to the picture before
    }
    this.redraw();
  }

  /** Called before a frame is drawn. */
  frame() {}

  draw() {
    this.frame();
    this.#drawPicture();
    this.#drawPoints();
  }

  #drawPicture() {
    const { picture, scene, zoom, turn, offset, light } = this;
    const look = [scene?.key, zoom, turn, offset, picture.canvas.width, picture.canvas.height];
    const wanted = JSON.stringify([...look, light, devicePixelRatio]);
    if (wanted === this.drawn) return; // while a point is dragged, only the points change
    this.drawn = wanted;
    this.prepare(picture);
    this.fill ??= getComputedStyle(this.host);
    picture.save();
    picture.setTransform(1, 0, 0, 1, 0, 0);
    picture.fillStyle = this.fill.backgroundColor;
    picture.fillRect(0, 0, picture.canvas.width, picture.canvas.height);
    picture.restore();
    if (!scene) return;
    picture.imageSmoothingEnabled = zoom < SHARP;
    picture.imageSmoothingQuality = zoom < 1 ? "high" : "low";
    picture.filter = this.filter;
    picture.drawImage(scene.source, 0, 0);
    picture.filter = "none";
  }

  /** Brightness and contrast as a CSS filter. */
  get filter() {
    const { brightness, contrast } = this.light;
    return brightness === 1 && contrast === 1 ? "none" : `brightness(${brightness}) contrast(${contrast})`;
  }

  /** The colors of the page changed. */
  repaint() {
    this.drawn = "";
    this.redraw();
  }

  #drawPoints() {
    const { overlay, scene } = this;
    this.prepare(overlay);
    if (!scene) return;
    overlay.translate(0.5, 0.5);
    if (!this.original) {
      for (const face of scene.others) drawQuietFace(overlay, face, this);
      if (this.other) drawOther(overlay, this.other, this);
      if (scene.face) drawFace(overlay, scene.face, this);
      const at = scene.face?.points[this.current];
      const name = this.layers.names ? this.names[this.current] : "";
      if (at) drawCurrent(overlay, at, this.held ? "" : name, this);
    }
    if (this.stroke) drawStroke(overlay, this.stroke, this);
    for (const at of this.marks) drawCrossHair(overlay, at, this);
    this.loupe.draw(this);
  }

  grab(place, event) {
    if (this.original || !this.scene || this.clicking) return null;
    if (this.scene.face && (this.drawing || event.shiftKey)) {
      this.stroke = [this.toPicture(place)];
      return { line: true };
    }
    const found = this.#pointAt(place, event.pointerType === "touch" ? NEAR_FINGER : NEAR);
    if (found === null) return null;
    const at = this.toStage(this.scene.face.points[found]);
    return { point: found, apart: [at[0] - place[0], at[1] - place[1]], start: place, moving: false };
  }

  drag(held, place, event) {
    if (held.line) {
      if (!this.stroke) return;
      this.stroke.push(this.toPicture(place));
      this.loupe.follow(this.stroke.at(-1), place);
      this.#fire("hover", { point: null, at: this.stroke.at(-1), place });
      this.redraw();
      return;
    }
    const far = Math.hypot(place[0] - held.start[0], place[1] - held.start[1]);
    if (!held.moving && far <= STILL) return;
    if (!held.moving) this.#fire("choose", { point: held.point });
    held.moving = true;
    // Alt: a tenth of the way, for the last pixel
    const slow = event.altKey ? 0.1 : 1;
    const last = held.last ?? held.start;
    const now = held.now ?? held.start;
    held.now = now.map((o, k) => o + slow * (place[k] - last[k]));
    held.last = place;
    const at = this.toPicture(held.now.map((o, k) => o + held.apart[k]));
    this.loupe.follow(at, held.now);
    this.#fire("drag", { point: held.point, at });
  }

  drop(held, place, { tapped, cancelled }) {
    this.loupe.follow(null);
    if (held.line) {
      const line = this.stroke;
      this.stroke = null;
      if (tapped) this.#tapInsteadOfLine(place);
      else if (line && !cancelled) this.#fire("line", { line });
      this.redraw();
      return;
    }
    if (!held.moving) {
      if (this.placing) this.tap(place);
      else if (!cancelled) this.#fire("choose", { point: held.point });
    } else {
      const at = this.toPicture(held.now.map((o, k) => o + held.apart[k]));
      this.#fire("drop", { point: held.point, at, cancelled: Boolean(cancelled) });
    }
    this.redraw();
  }

  /** A click where a line could have been drawn: it chooses, and with Shift it puts a point. */
  #tapInsteadOfLine(place) {
    const point = this.placing ? null : this.#pointAt(place, NEAR);
    if (point !== null) this.#fire("choose", { point });
    else if (!this.placing || !this.drawing) this.tap(place);
  }

  tap(place) {
    const at = this.toPicture(place);
    const inside = at.every((o, k) => o >= -0.5 && o <= this.size[k] - 0.5);
    const face = this.placing ? undefined : this.#faceAt(at);
    if (face) this.#fire("choose", { face });
    else if (inside) this.#fire("tap", { at });
  }

  hover(place) {
    const free = place && this.scene && !this.original && !this.clicking;
    const point = free ? this.#pointAt(place, NEAR) : null;
    const at = place && this.scene ? this.toPicture(place) : null;
    this.host.classList.toggle("on-point", point !== null);
    this.loupe.follow(this.layers.loupe && this.placing ? at : null, place);
    if (this.placing || this.loupe.shown) this.redraw();
    this.#fire("hover", { point, at, place });
  }

  /** The number of the point nearest to a place; the current one wins. Null: none is near. */
  #pointAt([x, y], near) {
    let [best, least] = [null, near];
    (this.scene.face?.points ?? []).forEach((point, k) => {
      if (!point) return;
      const at = this.toStage(point);
      const far = Math.hypot(at[0] - x, at[1] - y) - (k === this.current ? 4 : 0);
      if (far < least) [best, least] = [k, far];
    });
    return best;
  }

  /** The id of the smallest face that is not chosen, whose box holds a place. */
  #faceAt([x, y]) {
    const inside = this.scene.others.filter(
      ({ box }) => x >= box[0] && y >= box[1] && x <= box[0] + box[2] && y <= box[1] + box[3],
    );
    inside.sort((a, b) => a.box[2] * a.box[3] - b.box[2] * b.box[3]);
    return inside[0]?.id;
  }

  #fire(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
