/**
 * A picture on the screen: zoom, pan, turn, and what a pointer does on it.
 *
 * A view maps pixels of the picture to CSS pixels of the stage: screen = zoom * turn * pixel + offset,
 * where a pixel's top-left corner counts. Points count from pixel centers, half a pixel more.
 */

const MOST_ZOOM = 64; // CSS pixels per pixel of the picture
const STEP = 1.25; // of one press of + or -
const ROOM = 60; // CSS pixels of the picture that stay in view
const STILL = 3; // CSS pixels that a pointer may move in a click

/**
 * Base of the stages. A subclass draws in `draw`, and may take the pointer with `grab`, `drag` and
 * `drop`; what it does not take pans the picture. Fires "zoom" with the zoom.
 */
export class PictureView extends EventTarget {
  /**
   * @param {HTMLElement} host gets the size of the stage; it contains the canvases.
   * @param {...HTMLCanvasElement} canvases each as large as the stage.
   */
  constructor(host, ...canvases) {
    super();
    this.host = host;
    this.canvases = canvases;
    this.size = null; // [width, height] of the picture
    this.zoom = 1;
    this.turn = 0; // degrees, clockwise
    this.offset = [0, 0];
    this.fitted = true;
    this.pointers = new Map();
    this.held = null;
    new ResizeObserver(() => this.resize()).observe(host);
    this.#listen();
  }

  /** Draw the picture and what is on it; called at most once a frame. */
  draw() {}

  /** What a pointer holds at a place of the stage; null: nothing, so that it pans. */
  grab() {
    return null;
  }

  /** The pointer moves what it holds: (held, place, event). */
  drag() {}

  /** The pointer lets go: (held, place, {tapped, cancelled}). */
  drop() {}

  /** A click on the stage: (place, event). */
  tap() {}

  /** The pointer moves without being pressed: (place), null when it leaves. */
  hover() {}

  redraw() {
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = 0;
      this.draw();
    });
  }

  resize() {
    const { clientWidth, clientHeight } = this.host;
    const density = devicePixelRatio || 1;
    for (const canvas of this.canvases) {
      canvas.width = Math.max(1, Math.round(clientWidth * density));
      canvas.height = Math.max(1, Math.round(clientHeight * density));
    }
    if (this.fitted) this.fit();
    this.draw();
  }

  /** Cosine and sine of the turn. */
  get #axes() {
    const angle = (this.turn * Math.PI) / 180;
    return this.turn % 360 ? [Math.cos(angle), Math.sin(angle)] : [1, 0];
  }

  /** A place of the picture (from its top-left corner), zoomed and turned about that corner. */
  #turned([x, y]) {
    const [cos, sin] = this.#axes;
    return [this.zoom * (cos * x - sin * y), this.zoom * (sin * x + cos * y)];
  }

  /** Least and greatest x and y of the picture, zoomed and turned about its top-left corner. */
  #extent() {
    const [width, height] = this.size;
    const corners = [[0, 0], [width, 0], [0, height], [width, height]].map((at) => this.#turned(at));
    return [0, 1].map((k) => {
      const along = corners.map((corner) => corner[k]);
      return [Math.min(...along), Math.max(...along)];
    });
  }

  get #middle() {
    return [this.host.clientWidth / 2, this.host.clientHeight / 2];
  }

  /** Put a place of the picture (from its top-left corner) into the middle of the stage. */
  #center(at) {
    const [x, y] = this.#turned(at);
    this.offset = [this.#middle[0] - x, this.#middle[1] - y];
  }

  /** Show the whole picture. Small ones are enlarged up to four times. */
  fit() {
    if (!this.size) return;
    this.zoom = 1;
    const [[left, right], [top, bottom]] = this.#extent();
    const { clientWidth, clientHeight } = this.host;
    this.zoom = Math.min(clientWidth / (right - left), clientHeight / (bottom - top), 4);
    this.#center(this.size.map((side) => side / 2));
    this.fitted = true;
    this.#changed();
  }

  /**
   * Set the zoom. The pixel at a place of the stage stays there.
   *
   * @param {number} zoom CSS pixels per pixel of the picture.
   * @param {number[]} place default: the middle of the stage.
   */
  zoomTo(zoom, place = this.#middle) {
    if (!this.size) return;
    const [width, height] = this.size;
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

  /** Turn the picture to an angle in degrees, clockwise. What is in the middle stays there. */
  turnTo(degrees) {
    if (!this.size) return;
    const [x, y] = this.toPicture(this.#middle);
    this.turn = ((degrees % 360) + 360) % 360;
    if (this.fitted) this.fit();
    else this.#center([x + 0.5, y + 0.5]);
    this.#changed();
  }

  /** Move the picture by CSS pixels. */
  pan(x, y) {
    this.offset = [this.offset[0] + x, this.offset[1] + y];
    this.fitted = false;
    this.#keepVisible();
    this.#changed();
  }

  /** Zoom to a box [x, y, width, height] with some room around it. */
  zoomToBox([x, y, width, height], room = 1.6) {
    const { clientWidth, clientHeight } = this.host;
    this.zoomTo(Math.min(clientWidth / width, clientHeight / height) / room);
    this.#center([x + width / 2, y + height / 2]);
    this.#changed();
  }

  /** At the least a corner of the picture stays in view. */
  #keepVisible() {
    const extent = this.#extent();
    const sides = [this.host.clientWidth, this.host.clientHeight];
    this.offset = this.offset.map((o, k) => {
      const [low, high] = extent[k];
      const room = Math.min(ROOM, high - low);
      return Math.min(Math.max(o, room - high), sides[k] - room - low);
    });
  }

  #changed() {
    this.redraw();
    this.dispatchEvent(new CustomEvent("zoom", { detail: this.zoom }));
  }

  /** Coordinates in the picture (points' convention) of a place in CSS pixels. */
  toPicture([x, y]) {
    const [cos, sin] = this.#axes;
    const [dx, dy] = [(x - this.offset[0]) / this.zoom, (y - this.offset[1]) / this.zoom];
    return [cos * dx + sin * dy - 0.5, cos * dy - sin * dx - 0.5];
  }

  /** The place in CSS pixels of a point of the picture. */
  toStage([x, y]) {
    const [dx, dy] = this.#turned([x + 0.5, y + 0.5]);
    return [dx + this.offset[0], dy + this.offset[1]];
  }

  /**
   * Clear a canvas, and let it draw in pixels of the picture from its top-left corner.
   *
   * @param {CanvasRenderingContext2D} context
   */
  prepare(context) {
    const density = devicePixelRatio || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    const [cos, sin] = this.#axes.map((part) => part * this.zoom * density);
    context.setTransform(cos, sin, -sin, cos, ...this.offset.map((o) => o * density));
  }

  #listen() {
    const { host } = this;
    host.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    host.addEventListener("pointerdown", (event) => this.#down(event));
    host.addEventListener("pointermove", (event) => this.#move(event));
    for (const kind of ["pointerup", "pointercancel"]) {
      host.addEventListener(kind, (event) => this.#up(event));
    }
    host.addEventListener("pointerleave", () => this.hover(null));
  }

  /** Where an event is on the stage, in CSS pixels. */
  place(event) {
    const frame = this.host.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  }

  #wheel(event) {
    if (!this.size) return;
    event.preventDefault();
    const lines = event.deltaMode === 0 ? event.deltaY / 100 : event.deltaY / 3;
    this.zoomBy(-Math.min(Math.max(lines, -4), 4), this.place(event));
  }

  #down(event) {
    if (event.button > 0) return;
    const place = this.place(event);
    this.pointers.set(event.pointerId, place);
    this.moved = 0;
    this.host.setPointerCapture(event.pointerId);
    if (this.pointers.size === 1 && this.size) this.held = this.grab(place, event);
    else this.#letGo(place, { cancelled: true }); // a second finger zooms
  }

  #letGo(place, how) {
    const { held } = this;
    this.held = null;
    if (held) this.drop(held, place, how);
  }

  #move(event) {
    const place = this.place(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      this.hover(place);
      return;
    }
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId);
    this.pointers.set(event.pointerId, place);
    this.moved += Math.hypot(place[0] - before[0], place[1] - before[1]);
    if (this.held) this.drag(this.held, place, event);
    else if (!this.size) return;
    else if (others.length) this.#pinch(before, place, others[0][1]);
    else if (this.moved > STILL) this.pan(place[0] - before[0], place[1] - before[1]);
  }

  #pinch(before, now, other) {
    const apart = (a) => Math.max(1, Math.hypot(a[0] - other[0], a[1] - other[1]));
    const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
    this.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    this.zoomTo((this.zoom * apart(now)) / apart(before), middle);
  }

  #up(event) {
    const tapped = this.pointers.delete(event.pointerId) && this.moved <= STILL;
    const place = this.place(event);
    if (this.held) this.#letGo(place, { tapped, cancelled: event.type === "pointercancel" });
    else if (tapped && this.size) this.tap(place, event);
  }
}
