/** Small pictures of faces for the list, made when they come into view. */

const SIDE = 52; // CSS pixels
const SOURCE = 480; // longest side of the small copy that faces are cut from
const ROOM = 1.5; // of the box of a face
const KEPT = 60; // small copies in memory

/** Draws thumbnails on the canvases of the list. */
export class Thumbnails {
  /** @param {(id: string, size: number) => Promise<ImageBitmap>} picture */
  constructor(picture) {
    this.picture = picture;
    this.copies = new Map(); // by picture: promises
    this.wanted = new WeakMap(); // canvas: {picture, box}
    this.watcher = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) if (isIntersecting) this.#draw(target);
    });
  }

  /**
   * Show a part of a picture on a canvas.
   *
   * @param {HTMLCanvasElement} canvas
   * @param {{id: string, width: number, height: number}} picture
   * @param {number[] | null} box [x, y, width, height] of a face; null: the whole picture.
   */
  want(canvas, picture, box) {
    const before = this.wanted.get(canvas);
    if (before?.picture === picture.id && String(before.box) === String(box)) return;
    this.wanted.set(canvas, { picture: picture.id, width: picture.width, box });
    this.watcher.unobserve(canvas);
    this.watcher.observe(canvas);
  }

  async #draw(canvas) {
    this.watcher.unobserve(canvas);
    const { picture, width, box } = this.wanted.get(canvas);
    let copy;
    try {
      copy = await this.#copy(picture);
    } catch {
      return; // it stays blank
    }
    const scale = copy.width / (width || copy.width);
    const [x, y, w, h] = box ? box.map((side) => side * scale) : [0, 0, copy.width, copy.height];
    const side = Math.max(w, h) * (box ? ROOM : 1);
    const density = devicePixelRatio || 1;
    canvas.width = canvas.height = Math.round(SIDE * density);
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    const [left, top] = [x + w / 2 - side / 2, y + h / 2 - side / 2];
    context.drawImage(copy, left, top, side, side, 0, 0, canvas.width, canvas.height);
  }

  #copy(picture) {
    const found = this.copies.get(picture) ?? this.picture(picture, SOURCE);
    this.copies.delete(picture);
    this.copies.set(picture, found);
    found.catch(() => this.copies.delete(picture));
    for (const old of [...this.copies.keys()].slice(0, -KEPT)) this.copies.delete(old);
    return found;
  }
}
