/** The panel beside the picture: faces, measures with radius, unit and definition, and points. */

import { byId, counted, make } from "./dom.js";

const DIGITS = { px: 1, ratio: 3, degrees: 1 };
const UNITS = { px: "px", ratio: "–", degrees: "°" };
const IN_WORDS = { px: "pixels", ratio: "a ratio, without unit", degrees: "degrees" };

/** Shows the results of one picture. Fires "face" with a number and "mark" with columns. */
export class ResultsPanel extends EventTarget {
  /** @param {object} settings of the page. */
  constructor(settings) {
    super();
    this.names = settings.landmarks.names;
    this.hiddenBelow = settings.predictor.hidden;
    this.sources = settings.measures.sources;
    this.definitions = settings.measures.definitions;
    this.chosen = null; // the name of the measure whose points are marked
    byId("points-details").addEventListener("toggle", () => this.#showPoints());
    const choices = Object.entries(settings.measures.conventions);
    byId("convention").append(
      ...choices.map(([name, { title }]) => make("option", { value: name }, title)),
    );
  }

  /**
   * Show the faces of a picture.
   *
   * @param {object[]} faces
   * @param {number} selected
   * @param {string} summary a sentence.
   */
  show(faces, selected, summary) {
    byId("summary").textContent = summary;
    this.face = faces[selected] ?? null;
    this.#chips(faces, selected);
    this.#showPoints();
    if (!this.face) this.showMeasures([]);
  }

  #chips(faces, selected) {
    const host = byId("faces");
    const labels = faces.map((face, k) =>
      typeof face.track === "number" ? `Track ${face.track}` : `Face ${k + 1}`,
    );
    const wanted = faces.length > 1 ? labels : [];
    if (String(wanted) !== String([...host.children].map((chip) => chip.textContent))) {
      const choose = (k) => () => this.dispatchEvent(new CustomEvent("face", { detail: k }));
      host.replaceChildren(
        ...wanted.map((label, k) => make("button", { type: "button", onclick: choose(k) }, label)),
      );
    }
    [...host.children].forEach((chip, k) => {
      chip.setAttribute("aria-pressed", String(k === selected));
      chip.title = `score ${faces[k].score.toFixed(3)}`;
    });
  }

  /**
   * Show the measures of the selected face.
   *
   * @param {object[]} measures of `measureFace`.
   */
  showMeasures(measures) {
    byId("measures-section").hidden = !measures.length;
    const host = byId("measures");
    const names = measures.map((measure) => measure.name);
    if (String(names) !== String([...host.children].map((row) => row.dataset.name))) {
      host.replaceChildren(...measures.map((measure) => this.#measureRow(measure)));
    }
    this.measures = new Map(measures.map((measure) => [measure.name, measure]));
    measures.forEach(({ value, radius, unit }, k) => {
      const [, valueCell, radiusCell] = host.children[k].children;
      valueCell.textContent = value.toFixed(DIGITS[unit] ?? 3);
      radiusCell.textContent = radius.toFixed(DIGITS[unit] ?? 3);
    });
    if (!this.measures.has(this.chosen)) this.chosen = null;
    this.#describe();
  }

  #measureRow({ name, unit }) {
    const pick = () => {
      this.chosen = this.chosen === name ? null : name;
      this.#describe();
      this.dispatchEvent(new CustomEvent("mark", { detail: this.marked() }));
    };
    const label = name.replace(/_px$/, "").replace(/_ratio$/, " / outer canthal").replaceAll("_", " ");
    const button = make("button", { type: "button", "aria-pressed": "false", onclick: pick }, label);
    const row = make(
      "tr",
      {},
      make("th", { scope: "row" }, button),
      make("td", { class: "number" }),
      make("td", { class: "number" }),
      make("td", {}, UNITS[unit] ?? unit),
    );
    row.dataset.name = name;
    return row;
  }

  /** The points of the chosen measure for the stage: {points, lines}, or null. */
  marked() {
    const measure = this.measures?.get(this.chosen);
    if (!measure?.points) return null;
    const points = measure.points.map((name) => this.names.indexOf(name)).filter((k) => k >= 0);
    return { points, lines: measure.unit !== "degrees" || points.length <= 4 };
  }

  #describe() {
    for (const row of byId("measures").children) {
      const chosen = row.dataset.name === this.chosen;
      row.classList.toggle("chosen", chosen);
      row.querySelector("button").setAttribute("aria-pressed", String(chosen));
    }
    const measure = this.measures?.get(this.chosen);
    byId("definition").textContent = measure ? this.#inWords(measure) : "";
    byId("source").textContent = measure?.source ? `Source: ${this.#sources(measure.source)}.` : "";
  }

  #inWords({ name, definition, unit, radius }) {
    const within = `± ${radius.toFixed(DIGITS[unit] ?? 3)}`;
    const meaning = this.definitions[name].radius;
    return `${name}: ${definition}. In ${IN_WORDS[unit] ?? unit}. Radius ${within}: ${meaning}.`;
  }

  /** A source in words: "H; F (en-en)" holds letters that stand for books. */
  #sources(source) {
    const expand = (letters) => this.sources[letters] ?? letters;
    return source.split("; ").map((part) => part.replace(/^\w+/, expand)).join("; ");
  }

  #showPoints() {
    if (!byId("points-details").open) return;
    const host = byId("points");
    if (!this.face) {
      host.replaceChildren();
      return;
    }
    if (host.children.length !== this.names.length) {
      host.replaceChildren(...this.names.map((name, k) => this.#pointRow(name, k)));
    }
    const { points, radius, visible } = this.face;
    [...host.children].forEach((row, k) => {
      const cells = [points[k][0], points[k][1], radius[k]].map((number) => number.toFixed(1));
      cells.push(visible ? `${Math.round(100 * visible[k])} %` : "–");
      cells.forEach((text, column) => (row.children[column + 1].textContent = text));
      row.classList.toggle("hidden-point", Boolean(visible) && visible[k] < this.hiddenBelow);
    });
  }

  #pointRow(name, k) {
    const mark = (detail) => () => this.dispatchEvent(new CustomEvent("mark", { detail }));
    const one = { points: [k], lines: false };
    const listeners = { onfocus: mark(one), onclick: mark(one) };
    const button = make("button", { type: "button", ...listeners }, pointName(k, name));
    const cells = [0, 1, 2, 3].map(() => make("td", { class: "number" }));
    const row = make("tr", {}, make("th", { scope: "row" }, button), ...cells);
    row.addEventListener("pointerenter", mark(one));
    row.addEventListener("pointerleave", () => mark(this.marked())());
    return row;
  }
}

/** A point's number and name in words: "30 nose tip". */
export function pointName(column, name) {
  return `${column} ${name.replaceAll("_", " ")}`;
}

/**
 * A sentence about the faces of a picture.
 *
 * @param {object} item
 * @returns {string}
 */
export function summaryOf(item) {
  if (item.error) return item.error;
  if (item.state !== "done") return "Working …";
  const size = item.width ? `${item.width} × ${item.height} pixels` : "";
  const time = item.ms ? `, ${Math.round(item.ms)} ms` : "";
  const found = item.faces.length ? counted(item.faces.length, "face") : "No face was found";
  return `${found}${size ? ` (${size}${time})` : ""}.`;
}
