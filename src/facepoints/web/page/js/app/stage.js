/** The picture on the screen, with the faces on it. */

import { drawFaces, drawMeasure, LAYERS } from "./draw.js";
import { PictureView } from "./picture_view.js";

const SHARP = 3; // zoom from which single pixels are shown as squares
const NEAR = 14; // CSS pixels from a point at which it is named

/** Shows a picture with faces. Fires "hover" with {point, at, place} and "choose" with a face. */
export class Stage extends PictureView {
  /**
   * @param {HTMLElement} host gets the size of the stage; it contains the canvas.
   * @param {HTMLCanvasElement} canvas
   */
  constructor(host, canvas) {
    super(host, canvas);
    this.context = canvas.getContext("2d");
    this.layers = { ...LAYERS };
    this.original = false;
    this.scene = null; // {source, size, faces, selected}
    host.addEventListener("dblclick", (event) => {
      const face = this.#faceAt(this.place(event));
      if (face >= 0) this.zoomToBox(this.scene.faces[face].box);
      else this.fit();
    });
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
    this.size = scene?.size ?? null;
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

  draw() {
    const { context, scene } = this;
    this.prepare(context);
    if (!scene) return;
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

  tap(place) {
    const face = this.#faceAt(place);
    if (face >= 0) this.dispatchEvent(new CustomEvent("choose", { detail: face }));
    this.hover(place);
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

  hover(place) {
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
