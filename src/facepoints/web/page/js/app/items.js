/** The opened files, and the queue in which photos are analyzed. */

import { checkFile, decodePhoto, FileError, photoPixels } from "./decode.js";

const KEPT = 4; // decoded photos in memory; others are decoded again when they are shown
const THUMBNAIL = 96; // pixels
const SOME = 25; // files after which the list is shown again while many are opened

/**
 * An opened file.
 *
 * @typedef {object} Item
 * @property {number} id
 * @property {string} name as it is shown and saved.
 * @property {"photo"|"video"|"camera"} kind
 * @property {"waiting"|"working"|"done"|"failed"} state
 * @property {string} error why it cannot be used; "" if it can.
 * @property {number} width
 * @property {number} height
 * @property {object[]} faces of a photo, or of the frame that is shown.
 * @property {object[]} [frames] of a video: {frame, time, faces}.
 * @property {HTMLCanvasElement} [thumbnail]
 */

/** The list of items. Fires "change" with an item, "list" and "idle" with counts. */
export class Items extends EventTarget {
  /**
   * @param {import("./engine.js").Engine} engine
   * @param {() => object} options of `FacePredictor.predict`, asked for each photo.
   */
  constructor(engine, options) {
    super();
    this.engine = engine;
    this.options = options;
    this.list = [];
    this.current = null;
    this.bitmaps = new Map();
    this.next = 0;
  }

  /**
   * Open files. The first one is shown.
   *
   * @param {import("./intake.js").Incoming[]} files
   * @returns {Promise<number>} how many files of folders are no photos or videos.
   */
  async add(files) {
    let others = 0;
    let first = null;
    for (const { file, name, quiet } of files) {
      const known = await checkFile(file).catch((error) => error);
      if (known instanceof Error && quiet && /not a photo/.test(known.message)) {
        others += 1;
        continue;
      }
      const item = this.#make(name, known.kind ?? "photo", { file, format: known.format });
      if (known instanceof Error) this.#fail(item, known);
      if (item.kind === "video") item.state = "done";
      this.list.push(item);
      first ??= item;
      if (item === first || this.list.length % SOME === 0) this.#fire("list");
      if (item === first) this.choose(first);
      this.run(); // while the others are checked
    }
    this.#fire("list");
    return others;
  }

  /** A photo that was taken with the camera. */
  async addBlob(blob, name) {
    return this.add([{ file: new File([blob], name, { type: blob.type }), name, quiet: false }]);
  }

  /** A recording of the camera, whose frames are known. */
  addRecording(name, size, frames) {
    const item = this.#make(name, "camera", { frames, width: size[0], height: size[1] });
    item.state = "done";
    this.list.push(item);
    this.#fire("list");
    return item;
  }

  #make(name, kind, more) {
    this.next += 1;
    const basis = { id: this.next, name, kind, state: "waiting", error: "", faces: [] };
    return { ...basis, width: 0, height: 0, ...more };
  }

  /** Show an item; null: nothing. */
  choose(item) {
    this.current = item;
    this.#fire("choose", item);
  }

  /** Close all items. */
  clear() {
    for (const bitmap of this.bitmaps.values()) bitmap.close();
    this.bitmaps.clear();
    this.list = [];
    this.#fire("list");
    this.choose(null);
  }

  /** Analyze all photos again, with other options. */
  again() {
    for (const item of this.list) {
      if (item.kind === "photo" && !item.error) item.state = "waiting";
    }
    this.run();
  }

  /** Analyze the photos that wait, the one that is shown first. */
  async run() {
    if (this.running) return;
    this.running = true;
    let done = 0;
    for (;;) {
      const waits = (item) => item?.state === "waiting" && item.kind === "photo";
      const item = waits(this.current) ? this.current : this.list.find(waits);
      if (!item) break;
      await this.#analyze(item);
      done += 1;
    }
    this.running = false;
    if (done) this.#fire("idle", done);
  }

  async #analyze(item) {
    item.state = "working";
    this.#fire("change", item);
    try {
      const bitmap = await this.bitmapOf(item);
      item.width = bitmap.width;
      item.height = bitmap.height;
      item.thumbnail ??= thumbnailOf(bitmap, bitmap.width, bitmap.height);
      this.#fire("change", item);
      const { faces, ms } = await this.engine.predict(await photoPixels(item.file), this.options());
      Object.assign(item, { faces, ms, state: item.state === "waiting" ? "waiting" : "done" });
    } catch (error) {
      this.#fail(item, error);
    }
    this.#fire("change", item);
  }

  #fail(item, error) {
    item.state = "failed";
    item.error =
      error instanceof FileError ? error.message : `It could not be analyzed: ${error.message}`;
  }

  /** A file turned out to be unusable. */
  fail(item, error) {
    this.#fail(item, error);
    this.#fire("change", item);
  }

  /** An item has changed. */
  changed(item) {
    this.#fire("change", item);
  }

  /**
   * The decoded photo of an item.
   *
   * @param {Item} item
   * @returns {Promise<ImageBitmap>}
   */
  async bitmapOf(item) {
    let bitmap = this.bitmaps.get(item.id);
    this.bitmaps.delete(item.id);
    bitmap ??= await decodePhoto(item.file, item.format);
    this.bitmaps.set(item.id, bitmap); // the last is the newest
    for (const [id, old] of this.bitmaps) {
      if (this.bitmaps.size <= KEPT) break;
      if (id === item.id || id === this.current?.id) continue;
      old.close();
      this.bitmaps.delete(id);
    }
    return bitmap;
  }

  #fire(type, detail = undefined) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * A small square picture for the list: the middle of a large one.
 *
 * @param {CanvasImageSource} source
 * @param {number} width
 * @param {number} height
 * @returns {HTMLCanvasElement}
 */
export function thumbnailOf(source, width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = THUMBNAIL;
  const side = Math.min(width, height);
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, THUMBNAIL, THUMBNAIL);
  const corner = [(width - side) / 2, (height - side) / 2];
  context.drawImage(source, ...corner, side, side, 0, 0, THUMBNAIL, THUMBNAIL);
  return canvas;
}
