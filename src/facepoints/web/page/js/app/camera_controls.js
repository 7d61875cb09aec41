/** The buttons of the camera: start, stop, take a picture, record. */

import { download, fileName } from "../save/download.js";
import { byId } from "./dom.js";
import { thumbnailOf } from "./items.js";
import { alertPerson, announce } from "./messages.js";

/** Lets a person use the camera. */
export class CameraControls {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    this.camera = app.camera;
    this.camera.addEventListener("lost", ({ detail }) => this.#lost(detail));
    byId("camera-stop").addEventListener("click", () => this.stop());
    byId("snapshot").addEventListener("click", () => this.#takePicture());
    byId("record").addEventListener("click", () => this.#record());
  }

  /** Start the camera. */
  async start() {
    if (this.camera.stream || this.starting) return;
    this.starting = true;
    try {
      const item = await this.camera.start();
      byId("alerts").replaceChildren();
      this.app.items.choose(item);
      announce("The camera runs.");
    } catch (error) {
      alertPerson("", error.message);
    } finally {
      this.starting = false;
    }
  }

  async stop() {
    if (!this.camera.stream) return;
    if (this.camera.recording) await this.#record();
    await this.camera.stop();
    if (this.app.items.current?.kind === "camera") this.app.items.choose(this.app.items.list.at(-1) ?? null);
    this.app.renew();
  }

  #lost(reason) {
    this.stop();
    alertPerson("", reason ?? "The camera was disconnected.");
  }

  async #takePicture() {
    this.pictures = (this.pictures ?? 0) + 1;
    const blob = await this.camera.picture();
    await this.stop();
    await this.app.items.addBlob(blob, `camera-${this.pictures}.png`);
  }

  async #record() {
    const button = byId("record");
    if (!this.camera.recording) {
      try {
        this.camera.startRecording(this.app.videoPainter());
      } catch (error) {
        alertPerson("", error.message);
        return;
      }
      button.textContent = "Stop recording";
      button.setAttribute("aria-pressed", "true");
      return;
    }
    button.textContent = "Record";
    button.setAttribute("aria-pressed", "false");
    const { blob, suffix, frames, size } = await this.camera.stopRecording();
    this.recordings = (this.recordings ?? 0) + 1;
    const name = `recording-${this.recordings}${suffix}`;
    download(blob, fileName(name, suffix));
    const item = this.app.items.addRecording(name, size, frames);
    item.thumbnail = thumbnailOf(this.camera.canvas, ...size);
    this.app.items.changed(item);
    announce(`Saved ${item.name}. Its points can be saved as well.`);
  }
}
