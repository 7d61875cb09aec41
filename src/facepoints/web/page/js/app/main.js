/** The page: its parts, and what happens when a person does something. */

import { hideFaces } from "../save/hide.js";
import { download, fileName } from "../save/download.js";
import { facesToHide } from "../save/hide.js";
import { paintPicture } from "../save/picture.js";
import { Camera } from "./camera.js";
import { byId, counted } from "./dom.js";
import { Engine, missingFeature } from "./engine.js";
import { listenForChoice, listenForFiles } from "./intake.js";
import { Items, thumbnailOf } from "./items.js";
import { ListView } from "./list_view.js";
import { alertPerson, announce, stageMessage } from "./messages.js";
import { Player } from "./player.js";
import { pointName, ResultsPanel, summaryOf } from "./results_panel.js";
import { Saving } from "./saving.js";
import { Stage } from "./stage.js";
import { offerThemes } from "./theme.js";
import { listenForViews } from "./view_controls.js";

const NO_FACE =
  "No face was found. Faces of about 20 pixels and more are found; tick “Also find faces that lie " +
  "on their side” for turned ones.";
const MEASURE_EVERY = 200; // ms between measures of a moving picture

/** The whole page. */
export class App {
  constructor(engine, settings) {
    this.engine = engine;
    this.settings = settings;
    this.selected = 0;
    const options = () => ({ anyAngle: byId("any-angle").checked });
    this.items = new Items(engine, options);
    this.list = new ListView(this.items);
    this.stage = new Stage(byId("stage"), byId("canvas"));
    this.stage.use({
      edges: settings.landmarks.edges,
      colors: settings.drawing.track_colors,
      hiddenBelow: settings.predictor.hidden,
    });
    this.panel = new ResultsPanel(settings);
    this.player = new Player(engine, options);
    this.camera = new Camera(engine, options, () => this.stage.layers.axes);
    this.saving = new Saving(this);
    listenForViews(this);
    this.#listen();
  }

  #listen() {
    const { items, player, camera, panel, stage } = this;
    items.addEventListener("choose", ({ detail }) => this.#open(detail));
    items.addEventListener("change", ({ detail }) => detail === items.current && this.show());
    items.addEventListener("idle", () => this.#announceAll());
    items.addEventListener("list", () => this.#counted());
    for (const moving of [player, camera]) {
      moving.addEventListener("frame", ({ detail }) => detail === items.current && this.show());
    }
    player.addEventListener("analyzed", ({ detail }) => this.#analyzed(detail));
    camera.addEventListener("lost", ({ detail }) => this.#cameraLost(detail));
    panel.addEventListener("face", ({ detail }) => this.select(detail));
    panel.addEventListener("mark", ({ detail }) => stage.mark(detail));
    stage.addEventListener("choose", ({ detail }) => this.select(detail));
    stage.addEventListener("hover", ({ detail }) => this.#hover(detail));
    byId("any-angle").addEventListener("change", () => {
      items.again();
      if (items.current?.kind === "video") this.#open(items.current, true);
    });
    for (const id of ["hide-preview", "hide-style"]) {
      byId(id).addEventListener("change", () => this.show());
    }
    byId("clear").addEventListener("click", () => items.clear());
    byId("camera-stop").addEventListener("click", () => this.stopCamera());
    byId("snapshot").addEventListener("click", () => this.#takePicture());
    byId("record").addEventListener("click", () => this.#record());
  }

  /** Open files that came in. */
  async open(files) {
    const others = await this.items.add(files);
    if (others) {
      alertPerson("", `${counted(others, "file")} of the folder passed over: neither photo nor video.`);
    }
    if (!others && !files.length) alertPerson("", "The folder holds no photo and no video.");
  }

  #counted() {
    const empty = !this.items.list.length && !this.camera.stream;
    document.body.classList.toggle("empty", empty);
    if (!empty) this.stage.resize();
  }

  async #open(item, again = false) {
    if (item?.kind !== "camera") await this.stopCamera();
    this.selected = 0;
    this.player.close();
    this.#counted();
    if (item?.kind === "video" && !item.error) {
      if (again) delete item.frames;
      byId("analyze").disabled = Boolean(item.frames);
      byId("analyze").textContent = item.frames ? "Analyzed" : "Analyze all frames";
      byId("busy").hidden = false;
      try {
        await this.player.open(item);
        if (this.player.item === item) {
          const { canvas, size } = this.player.source;
          item.thumbnail ??= thumbnailOf(canvas, ...size);
        }
      } catch (error) {
        this.items.fail(item, error);
      }
      this.items.changed(item);
    }
    await this.show();
  }

  /** Show the current item as it is now. */
  async show() {
    const item = this.items.current;
    byId("busy").hidden = item?.state !== "working" && item?.state !== "waiting";
    const picture = item && !item.error ? await this.shownPicture().catch(() => null) : null;
    if (item !== this.items.current) return; // another one was chosen meanwhile
    const faces = item?.faces ?? [];
    this.selected = Math.min(this.selected, Math.max(0, faces.length - 1));
    this.stage.show(picture && { key: item.id, ...this.#scene(picture), faces, selected: this.selected });
    this.panel.show(faces, this.selected, item ? summaryOf(item) : "Nothing is open.");
    byId("stage").setAttribute("aria-label", item ? `${item.name}: ${summaryOf(item)}` : "Picture");
    if (item?.error) stageMessage(`${item.name}: ${item.error}`, true);
    else if (item?.state === "done" && item.kind === "photo" && !faces.length) stageMessage(NO_FACE);
    else stageMessage("");
    await this.#measure(item, faces[this.selected]);
  }

  /** What the stage shows: the picture, with its faces hidden if a person asks for that. */
  #scene({ item, source, size }) {
    if (!byId("hide-preview").checked || !item.faces.length) return { source, size };
    const canvas = new OffscreenCanvas(...size);
    const context = canvas.getContext("2d");
    context.drawImage(source, 0, 0, ...size);
    const { hide } = this.look();
    hideFaces(context, source, size, this.hiddenFaces(item), { style: hide, settings: this.settings });
    return { source: canvas, size };
  }

  async #measure(item, face) {
    if (!face) return;
    const moving = item.kind !== "photo";
    if (this.measuring || (moving && performance.now() - (this.measured ?? 0) < MEASURE_EVERY)) {
      this.late = !moving;
      return;
    }
    this.measuring = true;
    this.measured = performance.now();
    try {
      const measures = await this.engine.measure(face, { width: item.width, height: item.height });
      if (item === this.items.current) {
        this.panel.showMeasures(measures);
        this.stage.mark(this.panel.marked());
      }
    } finally {
      this.measuring = false;
    }
    if (this.late) {
      this.late = false;
      await this.#measure(this.items.current, this.items.current?.faces[this.selected]);
    }
  }

  /** The picture that is shown, in full size: {item, source, size}; null: there is none. */
  async shownPicture() {
    const item = this.items.current;
    if (!item || item.error) return null;
    if (item.kind === "camera" && !item.frames) {
      return { item, source: this.camera.canvas, size: [item.width, item.height] };
    }
    if (item.kind === "video") {
      const { source } = this.player;
      return source?.size ? { item, source: source.canvas, size: source.size } : null;
    }
    if (item.kind === "camera") return null;
    const source = await this.items.bitmapOf(item);
    return { item, source, size: [source.width, source.height] };
  }

  /** How pictures are painted to be saved. */
  look() {
    const hide = byId("hide-preview").checked ? byId("hide-style").value : "";
    return { settings: this.settings, hide: hide || (byId("hide-preview").checked ? "blur" : "") };
  }

  /** The faces of an item that are hidden: in analyzed videos, also of frames just before and after. */
  hiddenFaces(item) {
    const frame = this.player.source?.frame;
    return item.kind === "video" && item.frames ? facesToHide(item.frames, frame) : item.faces;
  }

  /** A function that paints a frame of a video or of the camera as the stage shows it. */
  videoPainter() {
    return (context, source, item) => {
      const look = { ...this.look(), layers: this.stage.layers, hidden: this.hiddenFaces(item) };
      paintPicture(context, source, [item.width, item.height], item.faces, look);
    };
  }

  /** Choose a face of the picture. */
  select(number) {
    this.selected = number;
    this.measured = 0;
    this.show();
  }

  /** Choose the next face, or the one before (-1). */
  selectNext(steps = 1) {
    const count = this.items.current?.faces.length ?? 0;
    if (!count) return;
    this.select((this.selected + steps + count) % count);
    announce(`Face ${this.selected + 1} of ${count}`);
  }

  /** Open the next file, or the one before (-1). */
  openNext(steps = 1) {
    const { list, current } = this.items;
    const next = list[list.indexOf(current) + steps];
    if (next) this.items.choose(next);
  }

  #hover({ point, at, place }) {
    const tip = byId("tooltip");
    const item = this.items.current;
    tip.hidden = !point;
    if (point && item) {
      const face = item.faces[point.face];
      const k = point.column;
      const [x, y] = point.at.map((number) => number.toFixed(1));
      const seen = face.visible ? `\nvisible: ${Math.round(100 * face.visible[k])} %` : "";
      const name = pointName(k, this.settings.landmarks.names[k]);
      tip.textContent = `${name}\nx ${x}, y ${y} ± ${face.radius[k].toFixed(1)} px${seen}`;
      const { clientWidth, clientHeight } = byId("stage");
      tip.style.left = `${Math.min(place[0] + 14, clientWidth - tip.offsetWidth - 4)}px`;
      tip.style.top = `${Math.min(place[1] + 14, clientHeight - tip.offsetHeight - 4)}px`;
    }
    const inside = at && item?.width && at.every((v, k) => v >= -0.5 && v < [item.width, item.height][k] - 0.5);
    byId("readout").textContent = inside ? `x ${at[0].toFixed(1)}, y ${at[1].toFixed(1)}` : "\u00a0";
  }

  #announceAll() {
    const photos = this.items.list.filter((item) => item.kind === "photo");
    const faces = photos.reduce((sum, item) => sum + item.faces.length, 0);
    const failed = photos.filter((item) => item.error).length;
    const first = photos.length === 1 ? photos[0].name : counted(photos.length, "photo");
    const errors = failed ? ` ${counted(failed, "file")} could not be read.` : "";
    announce(`${first}: ${counted(faces, "face")} found.${errors}`);
  }

  #analyzed(item) {
    this.items.changed(item);
    const tracks = new Set(item.frames.flatMap(({ faces }) => faces.map((face) => face.track)));
    announce(`${item.name}: ${counted(item.frames.length, "frame")}, ${counted(tracks.size, "track")}.`);
  }

  /** Start the camera. */
  async startCamera() {
    if (this.camera.stream || this.starting) return;
    this.starting = true;
    try {
      const item = await this.camera.start();
      this.items.choose(item);
      announce("The camera runs.");
    } catch (error) {
      alertPerson("", error.message);
    } finally {
      this.starting = false;
    }
  }

  async stopCamera() {
    if (!this.camera.stream) return;
    if (this.camera.recording) await this.#record();
    await this.camera.stop();
    if (this.items.current?.kind === "camera") this.items.choose(this.items.list.at(-1) ?? null);
    this.#counted();
  }

  #cameraLost(reason) {
    this.stopCamera();
    alertPerson("", reason ?? "The camera was disconnected.");
  }

  async #takePicture() {
    this.pictures = (this.pictures ?? 0) + 1;
    const blob = await this.camera.picture();
    await this.stopCamera();
    await this.items.addBlob(blob, `camera-${this.pictures}.png`);
  }

  async #record() {
    const button = byId("record");
    if (!this.camera.recording) {
      try {
        this.camera.startRecording(this.videoPainter());
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
    const item = this.items.addRecording(name, size, frames);
    announce(`Saved ${item.name}. Its points can be saved as well.`);
  }
}

/** Start the page. */
async function start() {
  byId("unstarted").remove();
  offerThemes();
  const missing = missingFeature();
  if (missing) {
    byId("loading").textContent = "";
    alertPerson("", missing);
    return;
  }
  const engine = new Engine();
  const waiting = listenForStart();
  let settings;
  try {
    settings = await engine.load();
  } catch (error) {
    byId("loading").textContent = "";
    alertPerson("", `The models could not be loaded. ${error.message} Reload the page to try again.`);
    return;
  }
  const app = new App(engine, settings);
  byId("loading").textContent = "";
  byId("version").textContent = settings.version;
  document.body.dataset.ready = "true";
  await waiting(app);
}

/**
 * Listen for files, buttons and the camera from the first moment.
 *
 * @returns {(app: App) => Promise<void>} does what was asked for while the models were loading, and
 *     everything from then on.
 */
function listenForStart() {
  const asked = [];
  let act = (task) => {
    asked.push(task);
    byId("loading").textContent = "Loading the models; your files are opened then …";
  };
  const open = (files) => act((app) => app.open(files));
  listenForFiles(
    { files: open, refused: (message) => alertPerson("", message) },
    byId("drop-veil"),
  );
  listenForChoice(byId("file-input"), open);
  listenForChoice(byId("folder-input"), open);
  const actions = {
    files: () => byId("file-input").click(),
    folder: () => byId("folder-input").click(),
    camera: () => act((app) => app.startCamera()),
    example: () => act((app) => openExample(app)),
  };
  for (const button of document.querySelectorAll("[data-action]")) {
    button.addEventListener("click", () => actions[button.dataset.action]());
  }
  return async (app) => {
    act = (task) => task(app);
    for (const task of asked) await task(app);
  };
}

async function openExample(app) {
  try {
    const answer = await fetch("example/astronaut.jpg");
    if (!answer.ok) throw new Error(String(answer.status));
    const file = new File([await answer.blob()], "astronaut.jpg", { type: "image/jpeg" });
    await app.open([{ file, name: file.name, quiet: false }]);
  } catch {
    alertPerson("", "The example could not be loaded: the network is cut, or the server stopped.");
  }
}

start();
