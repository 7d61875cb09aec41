/** The panel that saves: points, tables, measures, pictures and videos. */

import { toCoco } from "../save/coco.js";
import { toFacesCsv, toMeasuresCsv } from "../save/csv.js";
import { download, fileName } from "../save/download.js";
import { STYLES } from "../save/hide.js";
import { pngOf } from "../save/picture.js";
import { recordingFormat } from "../save/recorder.js";
import { recordsOf, toJsonLines } from "../save/records.js";
import { byId, counted, make } from "./dom.js";

/** Saves results of the app's items. */
export class Saving {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    byId("hide-style").replaceChildren(
      ...Object.entries(STYLES).map(([value, label]) => make("option", { value }, label)),
    );
    for (const button of document.querySelectorAll("[data-save]")) {
      button.addEventListener("click", () => this.save(button.dataset.save, button));
    }
    if (!recordingFormat()) {
      const button = document.querySelector('[data-save="video"]');
      button.disabled = true;
      this.#say("This browser does not record videos (it has no MediaRecorder); all else can be saved.");
    }
  }

  /** Save one kind of file, and say what was saved. */
  async save(kind, button) {
    button.disabled = true;
    this.#say("");
    try {
      this.#say(await this[KINDS[kind]](kind));
    } catch (error) {
      this.#say(error.message);
    } finally {
      button.disabled = false;
    }
  }

  #say(text) {
    byId("save-note").textContent = text;
  }

  /** The items to save. */
  #items() {
    const { current, list } = this.app.items;
    const one = document.querySelector('input[name="scope"]:checked').value === "one";
    const items = one ? [current].filter(Boolean) : list;
    if (!items.length) throw new Error("Nothing is open that could be saved.");
    const busy = items.filter((item) => ["waiting", "working"].includes(item.state));
    if (busy.length) {
      throw new Error(`${counted(busy.length, "picture")} still to be analyzed. Save after that.`);
    }
    return items;
  }

  /** The records of the items. Videos that are not analyzed are left out, with a word. */
  async #records() {
    const items = this.#items();
    const { current, player } = this.app;
    const open = items.find((item) => item === this.app.items.current && item.kind === "video");
    if (open && !open.error && !open.frames) {
      this.#say("Analyzing all frames of the video first …");
      if (!(await player.analyze())) throw new Error("Stopped: the video was not saved.");
    }
    const ready = items.filter((item) => item.kind === "photo" || item.error || item.frames);
    const left = items.length - ready.length;
    if (!ready.length) {
      throw new Error(
        current?.kind === "camera" && !current.frames
          ? "Take a picture or record the camera; then save it."
          : "Open the video and choose “Analyze all frames”; then save it.",
      );
    }
    const { set } = this.app.settings.landmarks;
    const records = ready.flatMap((item) => recordsOf(item, set));
    const name = ready.length === 1 ? ready[0].name : "faces";
    const note = left ? ` Left out: ${counted(left, "video")} not yet analyzed.` : "";
    return { records, name, note };
  }

  async saveTable(kind) {
    const { records, name, note } = await this.#records();
    const { landmarks, predictor } = this.app.settings;
    const makers = {
      jsonl: [() => toJsonLines(records), ".jsonl", "application/jsonl"],
      csv: [() => toFacesCsv(records, landmarks.names), ".csv", "text/csv"],
      coco: [() => toCoco(records, landmarks, predictor.hidden), ".json", "application/json"],
    };
    const [text, suffix, type] = makers[kind];
    return this.#download(new Blob([text()], { type }), fileName(name, suffix), records, note);
  }

  async saveMeasures() {
    const { records, name, note } = await this.#records();
    const convention = byId("convention").value;
    for (const record of records) {
      const size = { width: record.width, height: record.height };
      for (const face of record.faces ?? []) {
        face.measures = await this.app.engine.measure(face, size, convention);
      }
    }
    const text = toMeasuresCsv(records, this.app.settings.measures.names, convention);
    const blob = new Blob([text], { type: "text/csv" });
    return this.#download(blob, fileName(name, ".measures.csv"), records, note);
  }

  #download(blob, name, records, note = "") {
    download(blob, name);
    const faces = records.reduce((sum, record) => sum + (record.faces?.length ?? 0), 0);
    const broken = records.filter((record) => record.error).length;
    const errors = broken ? `, ${counted(broken, "unreadable file")}` : "";
    return `Saved ${name}: ${counted(faces, "face")}${errors}.${note}`;
  }

  /** The picture that is shown, as it is shown: {item, source, size}. */
  async #shown() {
    const scene = await this.app.shownPicture();
    if (!scene) throw new Error("Open a picture first.");
    return scene;
  }

  async savePicture() {
    const { item, source, size } = await this.#shown();
    const look = this.app.look();
    const blob = await pngOf(source, size, item.faces, { ...look, layers: this.app.stage.layers });
    const name = fileName(item.name, ".points.png");
    download(blob, name);
    return `Saved ${name}, with the layers that are shown.`;
  }

  async saveHidden() {
    const { item, source, size } = await this.#shown();
    if (!item.faces.length) throw new Error("No face was found in this picture, so none can be hidden.");
    const hide = byId("hide-style").value;
    const look = { ...this.app.look(), hide, hidden: this.app.hiddenFaces(item) };
    const blob = await pngOf(source, size, item.faces, look);
    const name = fileName(item.name, `.${hide}.png`);
    download(blob, name);
    return `Saved ${name}: ${counted(look.hidden.length, "face")} hidden. Check that none was missed.`;
  }

  async saveVideo() {
    const item = this.app.items.current;
    if (item?.kind !== "video" || item.error) throw new Error("Open a video first.");
    this.#say("The video is played once to be recorded …");
    const made = await this.app.player.record(this.app.videoPainter());
    if (!made) return "Stopped: no video was saved.";
    const name = fileName(item.name, `.points${made.suffix}`);
    download(made.blob, name);
    return `Saved ${name} (${Math.ceil(made.blob.size / 1e3)} kB).`;
  }
}

/** The method for each kind of file. */
const KINDS = {
  jsonl: "saveTable",
  csv: "saveTable",
  coco: "saveTable",
  measures: "saveMeasures",
  png: "savePicture",
  hidden: "saveHidden",
  video: "saveVideo",
};
