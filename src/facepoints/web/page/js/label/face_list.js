/** The list of faces and of pictures without one. File names are text, whatever they hold. */

import { byId, counted, make } from "../app/dom.js";
import { isOpen } from "./project.js";
import { Thumbnails } from "./thumbnails.js";

const MOST = 400; // lines that are shown at once

/** Shows the list. Fires "open" with {picture, face}. */
export class FaceList extends EventTarget {
  /** @param {import("./project.js").Project} project */
  constructor(project) {
    super();
    this.project = project;
    this.host = byId("items");
    this.rows = new Map();
    this.current = "";
    this.thumbnails = new Thumbnails((id, size) => project.api.picture(id, size));
    project.addEventListener("list", () => this.renew());
    project.addEventListener("project", () => this.#progress());
    for (const id of ["list-filter", "list-order"]) {
      byId(id).addEventListener("change", () => this.renew());
    }
  }

  get filter() {
    return byId("list-filter").value;
  }

  /** The lines as they are sorted and chosen now. */
  get lines() {
    return this.project.lines(this.filter, byId("list-order").value);
  }

  renew() {
    const { lines } = this;
    const shown = lines.slice(0, MOST);
    const rows = shown.map((line) => this.#row(line));
    const old = [...this.host.children];
    if (rows.length !== old.length || rows.some((row, k) => row !== old[k])) {
      const focused = this.host.contains(document.activeElement) ? document.activeElement : null;
      this.host.replaceChildren(...rows);
      focused?.focus();
    }
    const keys = new Set(shown.map(keyOf));
    for (const key of this.rows.keys()) if (!keys.has(key)) this.rows.delete(key);
    this.mark(this.current);
    byId("list-note").textContent = this.#note(lines);
    this.#progress();
  }

  #note(lines) {
    if (lines.length > MOST) return `${lines.length - MOST} more come up as faces are finished.`;
    if (lines.length) return "";
    return {
      open: "Nothing is left to do.",
      worklist: "No face is on the worklist of an audit.",
      finished: "No face is finished yet.",
      all: "No faces yet.",
      empty: "Every picture has a face.",
    }[this.filter];
  }

  #progress() {
    const { counts } = this.project.info;
    const searching = counts.pictures - counts.searched - counts.unreadable;
    const words = [`${counts.finished} of ${counted(counts.faces, "face")} finished`];
    if (searching > 0) words.push(`${counted(searching, "picture")} not searched yet`);
    if (counts.unreadable) words.push(`${counts.unreadable} cannot be read`);
    byId("progress").textContent = words.join(", ");
    byId("progress-bar").value = counts.faces ? counts.finished / counts.faces : 0;
  }

  #row(line) {
    const key = keyOf(line);
    const { face, picture } = line;
    const row = this.rows.get(key) ?? this.#newRow(key, line);
    this.rows.set(key, row);
    const button = row.firstElementChild;
    const { text, kind } = stateOf(line);
    const state = button.querySelector(".state");
    state.textContent = text;
    state.className = `state ${kind}`;
    button.classList.toggle("failed", picture.state === "unreadable");
    if (picture.state === "searched") {
      this.thumbnails.want(button.querySelector("canvas"), picture, face?.box ?? null);
    }
    return row;
  }

  #newRow(key, { face, picture }) {
    const open = () => {
      this.dispatchEvent(new CustomEvent("open", { detail: { picture: picture.id, face: face?.id } }));
    };
    const text = make(
      "span",
      {},
      make("span", { class: "name" }, picture.file),
      make("span", { class: "state" }),
    );
    const picturebox = make("canvas", { "aria-hidden": "true" });
    const attributes = { type: "button", class: "item", title: picture.file, onclick: open };
    return make("li", { "data-key": key }, make("button", attributes, picturebox, text));
  }

  /** Mark the line that is open. */
  mark(key) {
    this.current = key;
    for (const [each, row] of this.rows) {
      const button = row.firstElementChild;
      if (each === key && button.getAttribute("aria-current") !== "true") {
        button.setAttribute("aria-current", "true");
        row.scrollIntoView({ block: "nearest", inline: "nearest" });
      } else if (each !== key) button.removeAttribute("aria-current");
    }
  }
}

/** The id of the face of a line, or of its picture. */
export function keyOf({ face, picture }) {
  return face?.id ?? picture.id;
}

function stateOf({ face, picture }) {
  if (picture.state === "unreadable") return { text: "cannot be read", kind: "" };
  if (picture.state === "waiting") return { text: "not searched yet", kind: "" };
  if (!face) return { text: picture.reviewed ? "no face, checked" : "no face found", kind: "" };
  if (!isOpen(face)) return { text: "✓ finished", kind: "done" };
  if (face.notes) return { text: `on the worklist: ${counted(face.notes, "note")}`, kind: "noted" };
  return { text: face.touched ? "begun" : face.reason || "to do", kind: "" };
}
