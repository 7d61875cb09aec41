/** A magnifier beside the pointer: the finger or the pointer does not cover what it moves. */

const SIDE = 148; // CSS pixels
const APART = 34; // CSS pixels from the pointer
const TIMES = 4; // as large as on the stage
const MOST = 24; // CSS pixels per pixel of the picture

/** Draws a part of the picture, enlarged, with a cross hair. */
export class Loupe {
  /** @param {HTMLCanvasElement} canvas in the stage. */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.at = null;
    this.size = 0;
  }

  get shown() {
    return Boolean(this.at);
  }

  /**
   * Show a place of the picture, or nothing.
   *
   * @param {number[] | null} at in pixels of the picture.
   * @param {number[]} place of the pointer on the stage.
   */
  follow(at, place = this.place) {
    this.at = at;
    this.place = place;
  }

  /** @param {import("./label_stage.js").LabelStage} stage */
  draw(stage) {
    const { canvas, context, at, place } = this;
    const shown = Boolean(at && place && stage.scene && stage.layers.loupe);
    if (canvas.hidden === shown) canvas.hidden = !shown;
    if (!shown) return;
    const density = devicePixelRatio || 1;
    if (this.size !== SIDE * density) {
      this.size = canvas.width = canvas.height = SIDE * density;
    }
    this.#move(stage, place);
    const zoom = Math.max(stage.zoom, Math.min(TIMES * stage.zoom, MOST)) * density;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#0c0f11";
    context.fillRect(0, 0, this.size, this.size);
    context.translate(this.size / 2, this.size / 2);
    context.rotate((stage.turn * Math.PI) / 180);
    context.scale(zoom, zoom);
    context.translate(-at[0] - 0.5, -at[1] - 0.5);
    context.imageSmoothingEnabled = zoom < 6 * density;
    context.filter = stage.filter;
    // only what is seen, so that a large picture costs no more
    const half = (0.75 * this.size) / zoom;
    const [x, y] = at.map((o) => Math.floor(o - half));
    const side = Math.ceil(2 * half) + 2;
    context.drawImage(stage.scene.source, x, y, side, side, x, y, side, side);
    context.filter = "none";
    this.#drawPoints(stage, zoom, density);
    this.#drawCross(density);
  }

  #move(stage, [x, y]) {
    const { clientWidth, clientHeight } = stage.host;
    const left = x + APART + SIDE > clientWidth ? x - APART - SIDE : x + APART;
    const top = y - APART - SIDE < 0 ? y + APART : y - APART - SIDE;
    const within = (value, most) => Math.max(0, Math.min(value, most - SIDE));
    this.canvas.style.translate = `${within(left, clientWidth)}px ${within(top, clientHeight)}px`;
  }

  #drawPoints(stage, zoom, density) {
    const { context } = this;
    context.translate(0.5, 0.5);
    context.fillStyle = "#ffc247";
    (stage.scene.face?.points ?? []).forEach((point, k) => {
      if (!point || k === stage.held?.point) return;
      context.beginPath();
      context.arc(...point, (2.5 * density) / zoom, 0, 2 * Math.PI);
      context.fill();
    });
  }

  #drawCross(density) {
    const { context } = this;
    const middle = this.size / 2;
    context.setTransform(1, 0, 0, 1, 0, 0);
    for (const [color, width] of [["rgb(8 12 20 / 0.7)", 3.4], ["#ffffff", 1.4]]) {
      context.strokeStyle = color;
      context.lineWidth = width * density;
      context.beginPath();
      for (const [x, y] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(middle + 5 * density * x, middle + 5 * density * y);
        context.lineTo(middle + 24 * density * x, middle + 24 * density * y);
      }
      context.stroke();
    }
  }
}
