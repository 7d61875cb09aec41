/**
 * The picture on the screen: zoom, pan, and the faces on it.
 *
 * `view` maps pixels of the picture to CSS pixels of the stage: screen = zoom * pixel + offset,
 * where a pixel's top-left corner counts. Points count from pixel centers, half a pixel more.
 */

import { drawFaces, drawMeasure, LAYERS } from "./draw.js";

const MOST_ZOOM = 64; // CSS pixels per pixel of the picture
const STEP = 1.25; // of one press of + or -
const SHARP = 3; // zoom from which single pixels are shown as squares
const NEAR = 14; // CSS pixels from a point at which it is named

/** Shows a picture with faces. Fires "hover" with {point, pixel} and "choose" with a face. */
export class Stage extends EventTarget {
  /**
   * @param {HTMLElement} host gets the size of the stage; it contains the canvas.
   * @param {HTMLCanvasElement} canvas
   */
  constructor(host, canvas) {
    super();
    this.host = host;
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.layers = { ...LAYERS };
    this.original = false;
    this.scene = null; // {source, size, faces, selected}
    this.zoom = 1;
    this.offset = [0, 0];
    this.fitted = true;
    this.pointers = new Map();
    new ResizeObserver(() => this.resize()).observe(host);
    this.#listen();
  }

  /** Names, edges, colors and the limit of hidden points, from the settings. */
  use({ edges, colors, hiddenBelow }) {
    Object.assign(this, { edges, colors, hiddenBelow });
  }

  /**
   * Show a picture.
   *
   * @param {{source: CanvasImageSource, size: number[], faces: object[], selected: number,
   *     key: number|string, moving: boolean} | null} scene key: pictures with the same key keep the
   *     zoom; moving: it is drawn faster; null: nothing.
   */
  show(scene) {
    const same = scene && this.scene && String(scene.size) === String(this.scene.size);
    const keep = same && scene.key === this.scene.key;
    this.scene = scene;
    this.highlight = null;
    this.pointed = null;
    if (!keep) this.fit();
    this.redraw();
  }

  /** Mark the points of a measure, or one point: {points: number[], lines: boolean} or null. */
  mark(highlight) {
    this.highlight = highlight;
    this.redraw();
  }

  redraw() {
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = 0;
      this.#draw();
    });
  }

  resize() {
    const { clientWidth, clientHeight } = this.host;
    const density = devicePixelRatio || 1;
    this.canvas.width = Math.max(1, Math.round(clientWidth * density));
    this.canvas.height = Math.max(1, Math.round(clientHeight * density));
    if (this.fitted) this.fit();
    this.#draw();
  }

  /** Show the whole picture. Small ones are enlarged up to four times. */
  fit() {
    if (!this.scene) return;
    const [width, height] = this.scene.size;
    const { clientWidth, clientHeight } = this.host;
    this.zoom = Math.min(clientWidth / width, clientHeight / height, 4);
    this.offset = [
      (clientWidth - width * this.zoom) / 2,
      (clientHeight - height * this.zoom) / 2,
    ];
    this.fitted = true;
    this.#changed();
  }

  /**
   * Set the zoom. The pixel at a place of the stage stays there.
   *
   * @param {number} zoom CSS pixels per pixel of the picture.
   * @param {number[]} place default: the middle of the stage.
   */
  zoomTo(zoom, place = [this.host.clientWidth / 2, this.host.clientHeight / 2]) {
    if (!this.scene) return;
    const [width, height] = this.scene.size;
    const least = Math.min(0.5, this.host.clientWidth / width, this.host.clientHeight / height);
    const next = Math.min(Math.max(zoom, least / 2), MOST_ZOOM);
    this.offset = this.offset.map((o, k) => place[k] - ((place[k] - o) / this.zoom) * next);
    this.zoom = next;
    this.fitted = false;
    this.#keepVisible();
    this.#changed();
  }

  /** Larger (+1) or smaller (-1) by a step. */
  zoomBy(steps, place = undefined) {
    this.zoomTo(this.zoom * STEP ** steps, place);
  }

  /** Move the picture by CSS pixels. */
  pan(x, y) {
    this.offset = [this.offset[0] + x, this.offset[1] + y];
    this.fitted = false;
    this.#keepVisible();
    this.#changed();
  }

  /** Zoom to a box [x, y, width, height] with some room around it. */
  zoomToBox([x, y, width, height]) {
    const { clientWidth, clientHeight } = this.host;
    this.zoomTo(Math.min(clientWidth / width, clientHeight / height) / 1.6);
    this.offset = [
      clientWidth / 2 - (x + width / 2) * this.zoom,
      clientHeight / 2 - (y + height / 2) * this.zoom,
    ];
    this.#changed();
  }

  /** The part of the picture that shows, at the least a corner of it. */
  #keepVisible() {
    const sides = [this.host.clientWidth, this.host.clientHeight];
    this.offset = this.offset.map((o, k) => {
      const room = Math.min(60, this.scene.size[k] * this.zoom);
      return Math.min(Math.max(o, room - this.scene.size[k] * this.zoom), sides[k] - room);
    });
  }

  #changed() {
    this.redraw();
    this.dispatchEvent(new CustomEvent("zoom", { detail: this.zoom }));
  }

  /** Coordinates in the picture (points' convention) of a place in CSS pixels. */
  toPicture([x, y]) {
    return [(x - this.offset[0]) / this.zoom - 0.5, (y - this.offset[1]) / this.zoom - 0.5];
  }

  #draw() {
    const { context, canvas, scene } = this;
    const density = devicePixelRatio || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!scene) return;
    const scale = this.zoom * density;
    context.setTransform(scale, 0, 0, scale, this.offset[0] * density, this.offset[1] * density);
    context.imageSmoothingEnabled = this.zoom < SHARP;
    context.imageSmoothingQuality = this.zoom < 1 && !scene.moving ? "high" : "low";
    context.fillStyle = "white"; // behind transparent pixels
    context.fillRect(0, 0, ...scene.size);
    context.drawImage(scene.source, 0, 0, ...scene.size);
    if (this.original) return;
    context.translate(0.5, 0.5);
    drawFaces(context, scene.faces, {
      ...this,
      size: scene.size,
      zoom: this.zoom,
      selected: scene.selected,
      count: scene.faces.length,
    });
    this.#drawMarks(context);
  }

  #drawMarks(context) {
    const face = this.scene.faces[this.scene.selected];
    if (this.highlight && face) {
      const points = this.highlight.points.map((k) => face.points[k]);
      drawMeasure(context, points, { zoom: this.zoom, lines: this.highlight.lines });
    }
    if (this.pointed) drawMeasure(context, [this.pointed.at], { zoom: this.zoom, lines: false });
  }

  #listen() {
    const { host } = this;
    host.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    host.addEventListener("pointerdown", (event) => this.#down(event));
    host.addEventListener("pointermove", (event) => this.#move(event));
    for (const kind of ["pointerup", "pointercancel"]) {
      host.addEventListener(kind, (event) => this.#up(event));
    }
    host.addEventListener("pointerleave", () => this.#hover(null));
    host.addEventListener("dblclick", (event) => {
      const face = this.#faceAt(this.#place(event));
      if (face >= 0) this.zoomToBox(this.scene.faces[face].box);
      else this.fit();
    });
  }

  #place(event) {
    const frame = this.host.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  }

  #wheel(event) {
    if (!this.scene) return;
    event.preventDefault();
    const lines = event.deltaMode === 0 ? event.deltaY / 100 : event.deltaY / 3;
    this.zoomBy(-Math.min(Math.max(lines, -4), 4), this.#place(event));
  }

  #down(event) {
    if (event.button > 0) return;
    this.pointers.set(event.pointerId, this.#place(event));
    this.moved = 0;
    this.host.setPointerCapture(event.pointerId);
  }

  #move(event) {
    const place = this.#place(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      this.#hover(place);
      return;
    }
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId);
    this.pointers.set(event.pointerId, place);
    this.moved += Math.hypot(place[0] - before[0], place[1] - before[1]);
    if (others.length) this.#pinch(before, place, others[0][1]);
    else if (this.moved > 3) this.pan(place[0] - before[0], place[1] - before[1]);
  }

  #pinch(before, now, other) {
    const apart = (a) => Math.max(1, Math.hypot(a[0] - other[0], a[1] - other[1]));
    const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
    this.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    this.zoomTo((this.zoom * apart(now)) / apart(before), middle);
  }

  #up(event) {
    const tapped = this.pointers.delete(event.pointerId) && this.moved <= 3;
    if (!tapped || !this.scene) return;
    const place = this.#place(event);
    const face = this.#faceAt(place);
    if (face >= 0) this.dispatchEvent(new CustomEvent("choose", { detail: face }));
    this.#hover(place);
  }

  /** The number of the smallest face whose box holds a place; -1: none. */
  #faceAt(place) {
    const [x, y] = this.toPicture(place);
    const inside = (this.scene?.faces ?? [])
      .map((face, index) => ({ box: face.box, index }))
      .filter(({ box }) => x >= box[0] && y >= box[1] && x <= box[0] + box[2] && y <= box[1] + box[3])
      .sort((a, b) => a.box[2] * a.box[3] - b.box[2] * b.box[3]);
    return inside.length ? inside[0].index : -1;
  }

  #hover(place) {
    const pointed = place && this.scene && !this.original ? this.#pointAt(place) : null;
    if (pointed?.face !== this.pointed?.face || pointed?.column !== this.pointed?.column) {
      this.pointed = pointed;
      this.redraw();
    }
    const inside = place && this.scene ? this.toPicture(place) : null;
    this.dispatchEvent(new CustomEvent("hover", { detail: { point: pointed, at: inside, place } }));
  }

  /** The point nearest to a place: {face, column, at}; null if none is near. */
  #pointAt(place) {
    const [x, y] = this.toPicture(place);
    let best = { far: NEAR / this.zoom, found: null };
    this.scene.faces.forEach((face, index) => {
      face.points.forEach((at, column) => {
        const far = Math.hypot(at[0] - x, at[1] - y);
        if (far < best.far) best = { far, found: { face: index, column, at } };
      });
    });
    return best.found;
  }
}
