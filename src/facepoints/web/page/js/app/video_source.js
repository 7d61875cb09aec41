/**
 * A video file in the browser: opening, exact steps, and the frame that is shown as pixels.
 *
 * Browsers do not tell a video's frame rate. It is measured by playing its first half second, and
 * taken as constant.
 */

import { FileError } from "./decode.js";

const PATIENCE = 15_000; // ms until an operation of the browser counts as failed
const PAINT = 200; // ms that a frame may take to be painted after a seek
const LOOK = 4; // ms between looks at what is painted
const MISSES = 3; // frames not painted in this time, after which nobody waits for them any more
const SAMPLE = 600; // ms that are played to measure the frame rate
const COMMON = [10, 12, 12.5, 15, 20, 24000 / 1001, 24, 25, 30000 / 1001, 30, 48, 50, 60000 / 1001, 60, 120];
const GUESS = 30; // frames per second where it cannot be measured

const CODECS =
  "The browser does not know its codec, or the file is damaged. Convert it, for example with " +
  "“ffmpeg -i video -c:v libx264 -pix_fmt yuv420p video.mp4”, or use “facepoints predict”.";

/** An open video file. */
export class VideoSource {
  /** @param {Blob} file */
  constructor(file) {
    this.address = URL.createObjectURL(file);
    this.video = document.createElement("video");
    Object.assign(this.video, { muted: true, playsInline: true, preload: "auto" });
    // the frame that is shown with its faces, and the one that is analyzed meanwhile
    this.canvas = document.createElement("canvas");
    this.ahead = document.createElement("canvas");
    this.fps = GUESS;
    this.missed = 0; // frames whose time was not the one that was sought
  }

  /**
   * Open it and show its first frame.
   *
   * @throws {FileError} the browser cannot play it.
   */
  async open() {
    const { video } = this;
    const ready = happening(video, "loadeddata");
    video.src = this.address;
    await ready;
    if (!video.videoWidth) {
      throw new FileError(`The video has no pictures that this browser can show. ${CODECS}`);
    }
    if (!Number.isFinite(video.duration)) await this.#findEnd();
    this.size = [video.videoWidth, video.videoHeight];
    for (const canvas of [this.canvas, this.ahead]) [canvas.width, canvas.height] = this.size;
    await this.#measureRate();
    await this.seek(0);
  }

  /** Recordings of browsers do not hold their length; a jump behind the end finds it. */
  async #findEnd() {
    const found = happening(this.video, "seeked");
    this.video.currentTime = 1e7;
    await found;
  }

  async #measureRate() {
    const { video } = this;
    if (!video.requestVideoFrameCallback) return;
    const times = [];
    const note = (_, { mediaTime }) => {
      times.push(mediaTime);
      this.asked = video.requestVideoFrameCallback(note);
    };
    this.asked = video.requestVideoFrameCallback(note);
    try {
      await video.play();
      const ended = happening(video, "ended").catch(() => {});
      await Promise.race([new Promise((resolve) => setTimeout(resolve, SAMPLE)), ended]);
    } catch {
      // it may not play by itself: the guess stays
    }
    video.pause();
    video.cancelVideoFrameCallback(this.asked);
    this.fps = frameRate(times) ?? GUESS;
  }

  /** Number of frames, at least 1. */
  get count() {
    return Math.max(1, Math.round(this.video.duration * this.fps));
  }

  /** The number of the frame that is shown. */
  get frame() {
    return Math.min(Math.floor(this.video.currentTime * this.fps + 1e-3), this.count - 1);
  }

  /** Go to a frame, and take its pixels. */
  async seekFrame(number) {
    const inside = Math.min(Math.max(number, 0), this.count - 1);
    await this.seek(Math.min((inside + 0.5) / this.fps, this.video.duration - 1e-3));
  }

  /** Go to the frame at a time in seconds, and take its pixels. */
  async seek(seconds) {
    const there = happening(this.video, "seeked");
    this.video.currentTime = Math.max(0, seconds);
    await there;
    await this.#painted(Math.max(0, seconds));
    this.grab();
  }

  /**
   * Wait until the frame at a time is painted. On a busy machine, Chromium says "seeked" while a
   * canvas still gets the frame before. Videos whose frames have other times than their numbers
   * say (a varying rate, a late start) are waited for a few times only.
   */
  async #painted(seconds) {
    const end = performance.now() + PAINT;
    while (this.missed < MISSES && this.video.hasAttribute("src")) {
      const time = paintedTime(this.video);
      if (time === null) return;
      const frames = (seconds - time) * this.fps; // 0.5 of the frame at this time
      if (-0.25 < frames && frames < 1.25) return;
      if (performance.now() > end) {
        this.missed += 1;
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK));
    }
  }

  /**
   * Take the pixels of the video's frame. `canvas` shows them after `turn`.
   *
   * @param {number} [mediaTime] of the frame in seconds, if the browser tells it. While a video
   *     plays, its own time may be that of a later frame already.
   */
  grab(mediaTime) {
    const context = this.ahead.getContext("2d", { willReadFrequently: true });
    context.drawImage(this.video, 0, 0, ...this.size);
    this.grabbed =
      mediaTime === undefined ? this.frame : Math.min(frameAt(mediaTime, this.fps), this.count - 1);
  }

  /** The pixels that were taken. */
  pixels() {
    const context = this.ahead.getContext("2d", { willReadFrequently: true });
    return context.getImageData(0, 0, ...this.size);
  }

  /** Show what was taken: its faces are known. */
  turn() {
    [this.canvas, this.ahead] = [this.ahead, this.canvas];
    this.shown = this.grabbed;
  }

  /**
   * Call back when the next frame of the playing video is there.
   *
   * @param {(mediaTime?: number) => void} callback gets the time of the frame, as `grab` does.
   */
  next(callback) {
    const { video } = this;
    if (video.requestVideoFrameCallback) {
      video.requestVideoFrameCallback((_, { mediaTime }) => callback(mediaTime));
    } else requestAnimationFrame(() => callback());
  }

  /** The sound, for a recording. */
  sound() {
    const stream = this.video.captureStream?.() ?? this.video.mozCaptureStream?.();
    return stream?.getAudioTracks() ?? [];
  }

  close() {
    this.video.pause();
    this.video.removeAttribute("src");
    this.video.load();
    URL.revokeObjectURL(this.address);
  }
}

/** Time in seconds of the frame that a canvas would get; null if the browser does not tell. */
function paintedTime(video) {
  if (typeof VideoFrame === "undefined") return null;
  try {
    const frame = new VideoFrame(video);
    const { timestamp } = frame;
    frame.close();
    return timestamp / 1e6;
  } catch {
    return null;
  }
}

const FAULTS = ["error", "emptied"]; // emptied: it was closed meanwhile

/** Wait for an event of a video. */
function happening(video, name) {
  return new Promise((resolve, reject) => {
    const end = (act) => () => {
      clearTimeout(timer);
      video.removeEventListener(name, good);
      for (const fault of FAULTS) video.removeEventListener(fault, bad);
      act();
    };
    const good = end(resolve);
    const bad = end(() => reject(new FileError(`This browser cannot play this video. ${CODECS}`)));
    const timer = setTimeout(bad, PATIENCE);
    video.addEventListener(name, good);
    for (const fault of FAULTS) video.addEventListener(fault, bad);
  });
}

/**
 * The number by which `seekFrame` finds the frame that is shown from a time on.
 *
 * It seeks frame n at (n + 0.5) / fps. So this is the first n whose time is not before the frame's,
 * also where the rate varies, the video starts late, or its frames were left out.
 *
 * @param {number} mediaTime in seconds, of the frame in the file.
 * @param {number} fps
 * @returns {number} at least 0.
 */
export function frameAt(mediaTime, fps) {
  return Math.max(0, Math.ceil(mediaTime * fps - 0.5 - 1e-3));
}

/**
 * Frames per second from the times of frames that were shown, of which some may be missing.
 *
 * @param {number[]} times in seconds.
 * @returns {number | null} null if they are too few.
 */
export function frameRate(times) {
  const steps = times.slice(1).map((time, k) => time - times[k]).filter((step) => step > 1e-4);
  if (steps.length < 3) return null;
  const middle = steps.toSorted((a, b) => a - b)[Math.floor((steps.length - 1) / 2)];
  const single = steps.filter((step) => step < 1.5 * middle);
  const rough = single.reduce((sum, step) => sum + step, 0) / single.length;
  const counts = steps.map((step) => Math.max(1, Math.round(step / rough)));
  const seconds = steps.reduce((sum, step) => sum + step, 0);
  const rate = counts.reduce((sum, count) => sum + count, 0) / seconds;
  const near = COMMON.toSorted((a, b) => Math.abs(a - rate) - Math.abs(b - rate))[0];
  return Math.abs(near - rate) < 0.01 * rate ? near : rate;
}
