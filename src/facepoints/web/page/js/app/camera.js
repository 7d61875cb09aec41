/** The camera: faces in every frame, as fast as the models run; pictures and recordings. */

import { CanvasRecorder } from "../save/recorder.js";
import { byId } from "./dom.js";

const WANTED = { video: { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "user" } };

/** Why the camera does not start, by the name of the browser's error. */
const REASONS = {
  NotAllowedError:
    "The camera was refused. Allow it for this page in the browser's address bar or settings, " +
    "then try again.",
  NotFoundError: "No camera was found. Connect one, then try again.",
  NotReadableError: "The camera cannot be read. Close other programs that use it, then try again.",
  OverconstrainedError: "The camera does not offer a usable picture size.",
  AbortError: "The camera was stopped by the system. Try again.",
};

/** Runs the camera. Fires "frame" for each analyzed frame. */
export class Camera extends EventTarget {
  /**
   * @param {import("./engine.js").Engine} engine
   * @param {() => object} options of the prediction.
   * @param {() => boolean} axes whether head axes are shown.
   */
  constructor(engine, options, axes) {
    super();
    Object.assign(this, { engine, options, axes, stream: null });
    // the frame that is shown with its faces, and the one that is analyzed meanwhile
    this.canvas = document.createElement("canvas");
    this.ahead = document.createElement("canvas");
  }

  /**
   * Start the camera.
   *
   * @returns {Promise<object>} the item to show.
   * @throws {Error} it does not start; the message says why and what to do.
   */
  async start() {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error(
        "The camera is only offered to pages from https or from this computer (localhost). " +
          "Open the page that way.",
      );
    }
    try {
      this.stream = await navigator.mediaDevices.getUserMedia(WANTED);
    } catch (error) {
      throw new Error(REASONS[error.name] ?? `The camera does not start: ${error.message}`);
    }
    this.video = document.createElement("video");
    Object.assign(this.video, { muted: true, playsInline: true, srcObject: this.stream });
    await this.video.play();
    const size = [this.video.videoWidth, this.video.videoHeight];
    for (const canvas of [this.canvas, this.ahead]) [canvas.width, canvas.height] = size;
    this.item = { id: "camera", name: "camera", kind: "camera", state: "done", error: "" };
    Object.assign(this.item, { width: size[0], height: size[1], faces: [] });
    this.stream.getVideoTracks()[0].addEventListener("ended", () => this.#ended());
    byId("camera-controls").hidden = false;
    this.restart = true;
    this.began = performance.now();
    this.times = [];
    this.#loop(this.stream);
    return this.item;
  }

  /** The camera was unplugged or taken away. */
  #ended() {
    if (this.stream) this.dispatchEvent(new CustomEvent("lost"));
  }

  async stop() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    byId("camera-controls").hidden = true;
    byId("rate").textContent = "";
  }

  async #loop(stream) {
    while (this.stream === stream) {
      await this.#nextFrame();
      if (this.stream !== stream) return;
      const seconds = (performance.now() - this.began) / 1000;
      const context = this.ahead.getContext("2d", { willReadFrequently: true });
      context.drawImage(this.video, 0, 0);
      const pixels = context.getImageData(0, 0, this.ahead.width, this.ahead.height);
      const recording = Boolean(this.recording);
      const how = { options: this.options(), restart: this.restart, axes: this.axes() || recording };
      this.restart = false;
      try {
        const { faces } = await this.engine.track(pixels, seconds, how);
        if (this.stream !== stream) return;
        this.item.faces = faces;
        [this.canvas, this.ahead] = [this.ahead, this.canvas];
      } catch (error) {
        this.dispatchEvent(new CustomEvent("lost", { detail: error.message }));
        return;
      }
      this.#showRate(performance.now());
      this.#keep(seconds);
      this.dispatchEvent(new CustomEvent("frame", { detail: this.item }));
    }
  }

  #nextFrame() {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, 500); // hidden pages get no frames
      const go = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(go);
      else requestAnimationFrame(go);
    });
  }

  #showRate(now) {
    this.times.push(now);
    while (this.times.length > 31) this.times.shift();
    const seconds = (now - this.times[0]) / 1000;
    this.rate = this.times.length > 5 ? (this.times.length - 1) / seconds : 0;
    if (this.times.length % 10 === 1 && this.rate) {
      byId("rate").textContent = `${this.rate.toFixed(0)} frames per second`;
    }
  }

  /** Begin to record the drawn camera and the faces. */
  startRecording(draw) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [this.canvas.width & ~1, this.canvas.height & ~1];
    const context = canvas.getContext("2d");
    draw(context, this.canvas, this.item);
    this.recording = { recorder: new CanvasRecorder(canvas), context, draw, frames: [], began: null };
    this.restart = true; // tracks of a recording begin with it
  }

  #keep(seconds) {
    if (!this.recording) return;
    const { frames, context, draw, recorder } = this.recording;
    this.recording.began ??= seconds;
    const time = seconds - this.recording.began;
    frames.push({ frame: frames.length, time, faces: this.item.faces });
    draw(context, this.canvas, this.item);
    recorder.frame();
  }

  /** End the recording: {blob, suffix, frames, size}. */
  async stopRecording() {
    const { recorder, frames } = this.recording;
    this.recording = null;
    const blob = await recorder.stop();
    return { blob, suffix: recorder.suffix, frames, size: [this.item.width, this.item.height] };
  }

  /** The picture of the camera as it is now, as a PNG file. */
  picture() {
    return new Promise((resolve) => this.canvas.toBlob(resolve, "image/png"));
  }
}
