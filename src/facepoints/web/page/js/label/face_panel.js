/** What stands beside the picture about the face and the current point. */

import { byId, counted, make } from "../app/dom.js";

const STATES = {
  unplaced: "not placed",
  predicted: "predicted",
  along: "moved along",
  confirmed: "confirmed",
  absent: "absent",
};

/** A point's name as people read it. */
export function spoken(name) {
  return name.replaceAll("_", " ");
}

/** State of a point in words. */
export function stateText({ state, hidden }, k) {
  return STATES[state[k]] + (hidden[k] ? ", hidden" : "");
}

/**
 * Shows the face that is open. Fires "point", "face" and "mend" with the number of a point, a face of
 * the picture and a note; "compare" and "take" with the name of another annotator.
 */
export class FacePanel extends EventTarget {
  constructor() {
    super();
    this.rows = [];
    this.names = [];
  }

  /**
   * Show a face.
   *
   * @param {object | null} view {edit, faces, names, current, radii, doubtful, file, compared,
   *     reviewed}; edit: the `FaceEdit`; null: no face is open.
   */
  show(view) {
    const edit = view?.edit ?? null;
    for (const id of ["finish", "start-over", "delete-face"]) byId(id).disabled = !edit;
    byId("no-more").disabled = !view || view.reviewed;
    byId("no-more").textContent = view?.reviewed ? "No more faces: checked" : "No more faces here";
    this.#summary(view);
    this.#faces(view);
    this.#notes(edit?.face.notes ?? []);
    this.#readings(edit?.face.readings ?? [], view?.compared ?? "");
    this.#point(view);
    this.#table(view);
  }

  #summary(view) {
    const { edit } = view ?? {};
    byId("finish").textContent = edit?.isDone ? "Reopen" : "Face is right";
    byId("face-summary").textContent = edit ? summaryOf(view) : view ? "No face is here yet." : "No face is open.";
  }

  #faces(view) {
    const faces = view && view.faces.length > 1 ? view.faces : [];
    const chips = faces.map((face, k) => {
      const chosen = face === view.edit;
      const done = face.reading.finished ? " ✓" : "";
      const act = () => this.#fire("face", k);
      const attributes = { type: "button", "aria-pressed": String(chosen), onclick: act };
      return make("button", attributes, `Face ${k + 1}${done}`);
    });
    replace(byId("faces"), chips);
  }

  #notes(notes) {
    const items = notes.map((note, k) => {
      const sure = note.confidence ? ` (${Math.round(100 * note.confidence)} % sure)` : "";
      const mend = make("button", { type: "button", onclick: () => this.#fire("mend", k) }, "Mend as suggested");
      return make("li", {}, make("span", {}, note.text + sure), ...(note.suggestion ? [mend] : []));
    });
    replace(byId("notes"), items);
  }

  #readings(readings, compared) {
    const lines = readings.map(({ annotator, finished, moves }) => {
      const shown = annotator === compared;
      const text = `${annotator}: ${finished ? "finished" : "begun"}, ${counted(moves, "move")}`;
      const compare = { type: "button", "aria-pressed": String(shown), onclick: () => this.#fire("compare", annotator) };
      const take = { type: "button", onclick: () => this.#fire("take", annotator) };
      const buttons = [make("button", compare, "Show"), make("button", take, "Take")];
      return make("div", {}, make("span", {}, text), make("span", { class: "group" }, ...buttons));
    });
    replace(byId("readings"), lines);
  }

  #point(view) {
    const k = view?.current ?? null;
    const reading = view?.edit?.reading;
    const chosen = Boolean(reading) && k !== null;
    const state = chosen ? reading.state[k] : "";
    for (const id of ["confirm", "hide", "absent", "release"]) byId(id).disabled = !chosen;
    byId("hide").setAttribute("aria-pressed", String(chosen && reading.hidden[k]));
    byId("absent").setAttribute("aria-pressed", String(state === "absent"));
    byId("hide").disabled ||= !reading.points[k];
    byId("confirm").disabled ||= !reading.points[k] || state === "confirmed";
    byId("release").disabled ||= state !== "confirmed";
    if (!chosen) {
      byId("point-text").textContent = "No point is chosen. Tab goes to the next doubtful one.";
      return;
    }
    byId("point-text").replaceChildren(
      make("strong", {}, `${k} ${spoken(view.names[k])}`),
      `: ${stateText(reading, k)}`,
      make("br"),
      placeText(reading.points[k], view.radii[k]),
    );
  }

  #table(view) {
    const host = byId("points");
    const names = view?.edit ? view.names : [];
    if (String(names) !== String(this.names) || names.length !== this.rows.length) {
      this.names = names;
      this.rows = names.map((name, k) => this.#tableRow(name, k));
      host.replaceChildren(...this.rows);
    }
    if (!view?.edit || !byId("points-details").open) return;
    const { reading } = view.edit;
    this.rows.forEach((row, k) => {
      const [state, radius] = row.querySelectorAll("td");
      setText(state, stateText(reading, k));
      setText(radius, view.radii[k] ? view.radii[k].toFixed(1) : "");
      row.classList.toggle("chosen", k === view.current);
      row.querySelector("button").setAttribute("aria-current", String(k === view.current));
      row.classList.toggle("hidden-point", reading.hidden[k]);
    });
  }

  #tableRow(name, k) {
    const button = make("button", { type: "button", onclick: () => this.#fire("point", k) }, `${k} ${spoken(name)}`);
    return make("tr", {}, make("th", { scope: "row" }, button), make("td"), make("td", { class: "number" }));
  }

  #fire(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

function summaryOf({ edit, faces, doubtful, file }) {
  const { state } = edit.reading;
  const number = faces.length > 1 ? `Face ${faces.indexOf(edit) + 1} of ${faces.length} in ${file}. ` : `${file}. `;
  if (edit.isDone) return `${number}Finished.`;
  const settled = state.filter((each) => ["confirmed", "absent"].includes(each)).length;
  const missing = state.filter((each) => each === "unplaced").length;
  const left = missing ? `${missing} to place` : `${doubtful.length} doubtful`;
  return `${number}${settled} of ${counted(state.length, "point")} settled, ${left}.`;
}

/** Place and radius of a point in words. */
export function placeText(at, radius) {
  if (!at) return "no place";
  const [x, y] = at.map((value) => value.toFixed(1));
  return `x ${x}, y ${y}${radius ? ` ± ${radius.toFixed(1)} px` : ""}`;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Replace children unless nothing changes, so that the focus stays. */
function replace(host, children) {
  const look = (nodes) => [...nodes].map((node) => node.outerHTML).join();
  if (look(children) === host.dataset.look) return;
  const place = [...host.querySelectorAll("button")].indexOf(document.activeElement);
  host.dataset.look = look(children);
  host.replaceChildren(...children);
  if (place >= 0) host.querySelectorAll("button")[place]?.focus();
}
