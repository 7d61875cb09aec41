/** A video with a scrubber: plays, steps, analyzes every frame, and records the drawn video. */

import { CanvasRecorder } from "../save/recorder.js";
import { byId } from "./dom.js";
import { alertPerson } from "./messages.js";
import { VideoSource } from "./video_source.js";

/** Plays one video. Fires "frame" whenever another frame is shown, with its faces. */
export class Player extends EventTarget {
  /**
   * @param {import("./engine.js").Engine} engine
   * @param {() => object} options of the prediction.
   */
  constructor(engine, options) {
    super();
    this.engine = engine;
    this.options = options;
    this.source = null;
    this.work = null; // {stopped} of what is done meanwhile
    byId("play").addEventListener("click", () => this.toggle());
    byId("step-back").addEventListener("click", () => this.step(-1));
    byId("step-on").addEventListener("click", () => this.step(1));
    byId("scrubber").addEventListener("input", () => this.#scrub());
    byId("analyze").addEventListener("click", () => this.#analyzeOrStop());
  }

  /**
   * Open the video of an item.
   *
   * @param {import("./items.js").Item} item
   * @throws {import("./decode.js").FileError} the browser cannot play it.
   */
  async open(item) {
    this.close();
    const source = new VideoSource(item.file);
    this.item = item;
    this.source = source;
    this.restart = true;
    try {
      await source.open();
    } catch (error) {
      if (this.source !== source) return;
      this.close();
      throw error;
    }
    if (this.source !== source) return; // another one was opened meanwhile
    [item.width, item.height] = source.size;
    byId("player").hidden = false;
    this.#label();
    byId("scrubber").max = String(source.video.duration);
    byId("scrubber").step = String(1 / source.fps);
    source.video.addEventListener("ended", () => this.#shown());
    await this.#analyzeShown();
  }

  close() {
    if (this.work) this.work.stopped = true;
    this.work = null; // what is still on its way changes nothing any more
    this.source?.close();
    this.source = null;
    this.item = null;
    byId("player").hidden = true;
  }

  toggle() {
    if (!this.source || this.work) return;
    const { video } = this.source;
    if (video.paused) this.#play();
    else video.pause();
    this.#shown();
  }

  async step(frames) {
    if (!this.source || this.work) return;
    this.source.video.pause();
    await this.#goto(() => this.source.seekFrame(this.source.frame + frames));
  }

  async #scrub() {
    if (!this.source || this.work) return;
    this.source.video.pause();
    this.wanted = Number(byId("scrubber").value);
    if (this.scrubbing) return; // the loop below takes the last wish
    this.scrubbing = true;
    while (this.wanted !== null && this.source) {
      const frame = Math.floor(this.wanted * this.source.fps + 1e-3);
      this.wanted = null;
      await this.#goto(() => this.source.seekFrame(frame));
    }
    this.scrubbing = false;
  }

  async #goto(seek) {
    const { source } = this;
    await seek().catch(() => {});
    if (this.source === source && source) await this.#analyzeShown();
  }

  async #play() {
    const { source } = this;
    const ended = source.video.ended || source.frame >= source.count - 1;
    if (ended) await source.seek(0).catch(() => {});
    await source.video.play().catch(() => {}); // it was paused or closed at once
    this.#shown();
    const onFrame = async (mediaTime) => {
      if (this.source !== source || this.work) return;
      source.grab(mediaTime);
      await this.#analyzeShown();
      if (!source.video.paused) source.next(onFrame);
    };
    source.next(onFrame);
  }

  /** Find the faces of the frame in the canvas, unless they are known. */
  async #analyzeShown() {
    const { source, item } = this;
    const frame = source.grabbed;
    if (!item.frames) {
      const jumped = this.last === undefined || Math.abs(frame - this.last) > source.fps;
      const how = { options: this.options(), restart: this.restart || jumped, axes: true };
      this.restart = false;
      this.last = frame;
      const { faces } = await this.engine.track(source.pixels(), frame / source.fps, how);
      if (this.source !== source) return;
      item.faces = faces;
    } else {
      item.faces = item.frames[Math.min(frame, item.frames.length - 1)].faces;
    }
    source.turn();
    this.#shown();
  }

  #shown() {
    if (!this.source) return;
    const { video } = this.source;
    byId("play").textContent = video.paused || video.ended ? "Play" : "Pause";
    if (!this.scrubbing) byId("scrubber").value = String(video.currentTime);
    byId("scrubber").setAttribute("aria-valuetext", timeText(video.currentTime));
    byId("time").textContent = `${timeText(video.currentTime)} / ${timeText(video.duration)}`;
    this.dispatchEvent(new CustomEvent("frame", { detail: this.item }));
  }

  async #analyzeOrStop() {
    if (this.work) {
      this.work.stopped = true;
      return;
    }
    try {
      await this.analyze();
    } catch (error) {
      alertPerson(this.item?.name ?? "", `The video could not be analyzed. ${error.message}`);
    }
  }

  /**
   * Find and track the faces in every frame. A person can stop it; then nothing is kept.
   *
   * @returns {Promise<boolean>} true if all frames are known.
   */
  async analyze() {
    const { source, item } = this;
    if (item.frames) return true;
    const frames = [];
    const whole = await this.#doing("Stop", async (work) => {
      const text = byId("time");
      for (let frame = 0; frame < source.count && !work.stopped; frame += 1) {
        await source.seekFrame(frame);
        const seconds = frame / source.fps;
        const how = { options: this.options(), restart: frame === 0, axes: true };
        const { faces } = await this.engine.track(source.pixels(), seconds, how);
        if (this.work !== work) return; // the video was closed
        frames.push({ frame, time: seconds, faces });
        item.faces = faces;
        source.turn();
        this.#shown();
        text.textContent = `Analyzing ${frame + 1} of ${source.count}`;
      }
    });
    if (this.source === source) this.restart = true;
    if (!whole) return false;
    item.frames = frames;
    this.#label();
    await this.#goto(() => source.seek(0));
    this.dispatchEvent(new CustomEvent("analyzed", { detail: item }));
    return this.source === source; // else it was closed meanwhile
  }

  /**
   * Do something during which the controls wait; the button, or closing the video, stops it.
   *
   * @param {string} label of the button.
   * @param {(work: {stopped: boolean}) => Promise<void>} act
   * @returns {Promise<boolean>} false if it was stopped.
   */
  async #doing(label, act) {
    const button = byId("analyze");
    const work = { stopped: false };
    this.work = work;
    this.source.video.pause();
    button.textContent = label;
    button.disabled = false;
    try {
      await act(work);
    } catch (error) {
      if (this.work === work) throw error; // else it was closed meanwhile
    } finally {
      if (this.work === work) {
        this.work = null;
        this.#label();
      }
    }
    return !work.stopped;
  }

  /** Say on the button what it does. */
  #label() {
    const known = Boolean(this.item?.frames);
    byId("analyze").disabled = known;
    byId("analyze").textContent = known ? "Analyzed" : "Analyze all frames";
  }

  /**
   * The video with its faces, as a file. It is played once, so it takes as long as the video.
   *
   * @param {(canvas: CanvasRenderingContext2D, source: CanvasImageSource, item: object) => void}
   *     draw draws a frame with its faces.
   * @returns {Promise<{blob: Blob, suffix: string} | null>} null if it was stopped.
   */
  async record(draw) {
    if (!(await this.analyze())) return null;
    const { source, item } = this;
    const canvas = document.createElement("canvas");
    // codecs need even sides
    [canvas.width, canvas.height] = source.size.map((side) => side - (side % 2));
    const context = canvas.getContext("2d");
    let recorder = null;
    const whole = await this.#doing("Stop", async (work) => {
      await source.seek(0);
      recorder = new CanvasRecorder(canvas, source.sound());
      const show = (mediaTime) => {
        source.grab(mediaTime);
        item.faces = item.frames[Math.min(source.grabbed, item.frames.length - 1)].faces;
        source.turn();
        draw(context, source.canvas, item);
        recorder.frame();
        this.#shown();
        byId("time").textContent = `Recording ${timeText(source.video.currentTime)}`;
      };
      show();
      await source.video.play();
      while (!source.video.ended && !work.stopped) {
        const mediaTime = await new Promise((resolve) => {
          source.next(resolve);
          for (const end of ["ended", "emptied"]) {
            source.video.addEventListener(end, () => resolve(), { once: true });
          }
        });
        if (!work.stopped) show(mediaTime);
      }
      source.video.pause();
    });
    const blob = await recorder?.stop();
    this.#shown();
    return !whole ? null : { blob, suffix: recorder.suffix };
  }
}

/** Seconds as 1:02.50. */
export function timeText(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(2).padStart(5, "0")}`;
}
