/** The page's parts, and what happens when a person does something. */

import { facesToHide, hideFaces } from "../save/hide.js";
import { paintPicture } from "../save/picture.js";
import { Camera } from "./camera.js";
import { CameraControls } from "./camera_controls.js";
import { byId, counted } from "./dom.js";
import { Items, thumbnailOf } from "./items.js";
import { ListView } from "./list_view.js";
import { alertPerson, announce, stageMessage } from "./messages.js";
import { Player } from "./player.js";
import { ResultsPanel, summaryOf } from "./results_panel.js";
import { Saving } from "./saving.js";
import { Stage } from "./stage.js";
import { Tooltip } from "./tooltip.js";
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
    this.cameraControls = new CameraControls(this);
    this.tooltip = new Tooltip(settings.landmarks.names);
    this.saving = new Saving(this);
    listenForViews(this);
    this.#listen();
  }

  #listen() {
    const { items, player, camera, panel, stage } = this;
    items.addEventListener("choose", ({ detail }) => this.#open(detail));
    items.addEventListener("change", ({ detail }) => detail === items.current && this.show());
    items.addEventListener("idle", () => this.#announceAll());
    items.addEventListener("list", () => this.renew());
    for (const moving of [player, camera]) {
      moving.addEventListener("frame", ({ detail }) => detail === items.current && this.show());
    }
    player.addEventListener("analyzed", ({ detail }) => this.#analyzed(detail));
    panel.addEventListener("face", ({ detail }) => this.select(detail));
    panel.addEventListener("mark", ({ detail }) => stage.mark(detail));
    stage.addEventListener("choose", ({ detail }) => this.select(detail));
    stage.addEventListener("hover", ({ detail }) => this.tooltip.show(detail, items.current));
    byId("any-angle").addEventListener("change", () => {
      items.again();
      if (items.current?.kind === "video") this.#open(items.current, true);
    });
    byId("convention").addEventListener("change", () => this.select(this.selected));
    for (const id of ["hide-preview", "hide-style"]) {
      byId(id).addEventListener("change", () => this.show());
    }
    byId("clear").addEventListener("click", () => items.clear());
  }

  /** Open files that came in. */
  async open(files) {
    const others = await this.items.add(files);
    if (others) {
      alertPerson("", `${counted(others, "file")} of the folder passed over: neither photo nor video.`);
    }
    if (!others && !files.length) alertPerson("", "The folder holds no photo and no video.");
  }

  /** Show the start or the workspace, as something is open. */
  renew() {
    const empty = !this.items.list.length && !this.camera.stream;
    document.body.classList.toggle("empty", empty);
    if (!empty) this.stage.resize();
  }

  async #open(item, again = false) {
    if (item?.kind !== "camera") await this.cameraControls.stop();
    this.selected = 0;
    this.player.close();
    this.renew();
    if (item?.kind === "video" && !item.error) {
      if (again) delete item.frames;
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
    const now = { key: item?.id, moving: item?.kind !== "photo", faces, selected: this.selected };
    this.stage.show(picture && { ...now, ...this.#scene(picture) });
    byId("points-section").hidden = byId("hide-section").hidden = !faces.length;
    this.panel.show(faces, this.selected, item ? summaryOf(item) : "Nothing is open.");
    byId("stage").setAttribute("aria-label", item ? `${item.name}: ${summaryOf(item)}` : "Picture");
    if (item?.error) stageMessage(`${item.name}: ${item.error}`, true);
    else if (item?.state === "done" && item.kind === "photo" && !faces.length) stageMessage(NO_FACE);
    else if (item?.kind === "camera" && item.frames) {
      stageMessage("The video was saved to your downloads. Save its points in the panel.", true);
    } else stageMessage("");
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
      const size = { width: item.width, height: item.height };
      const measures = await this.engine.measure(face, size, byId("convention").value);
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
    const frame = this.player.source?.shown;
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

  #announceAll() {
    const photos = this.items.list.filter((item) => item.kind === "photo");
    const faces = photos.reduce((sum, item) => sum + item.faces.length, 0);
    const failed = photos.filter((item) => item.error).length;
    const read = counted(photos.length - failed, "photo");
    const first = photos.length === 1 ? photos[0].name : read;
    const errors = failed ? ` ${counted(failed, "file")} could not be read.` : "";
    announce(`${first}: ${counted(faces, "face")} found.${errors}`);
  }

  #analyzed(item) {
    this.items.changed(item);
    const tracks = new Set(item.frames.flatMap(({ faces }) => faces.map((face) => face.track)));
    announce(`${item.name}: ${counted(item.frames.length, "frame")}, ${counted(tracks.size, "track")}.`);
  }
}
