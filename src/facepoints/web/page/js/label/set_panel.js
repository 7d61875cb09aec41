/** The editor of the point set: names, mirror pairs, edges and eyes. Each change is saved at once. */

import { byId, make } from "../app/dom.js";
import { announce } from "../app/messages.js";
import { Refused } from "./api.js";
import { spoken } from "./face_panel.js";
import { mirrorOf, opposite } from "./mirror.js";

const LONGEST = 60; // characters of a name

/** Shows the set, and sends changes of it. */
export class SetPanel {
  /** @param {import("./app.js").LabelApp} app */
  constructor(app) {
    this.app = app;
    this.shown = "";
    this.turn = Promise.resolve(); // until the changes before are sent
    this.removals = 0; // of points; the numbers of the points behind change
    byId("set-click").addEventListener("click", () => app.placing.toggle("add"));
    byId("set-join").addEventListener("click", () => app.placing.toggle("join"));
    byId("set-add").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#addNamed(byId("set-name").value.trim());
    });
    for (const id of ["eye-a", "eye-b"]) byId(id).addEventListener("change", () => this.#eyesChosen());
  }

  get #set() {
    return this.app.project.info.points;
  }

  show() {
    const { revision, names, editable } = this.#set;
    const look = JSON.stringify([revision, this.#set]);
    if (look === this.shown) return;
    this.shown = look;
    if (!names.length) byId("set-details").open = true;
    byId("set-note").textContent = noteOf(this.#set);
    for (const id of ["set-click", "set-join", "set-add"]) byId(id).hidden = !editable;
    const focused = document.activeElement?.dataset?.key;
    byId("set-points").replaceChildren(...names.map((name, k) => this.#row(name, k)));
    if (focused) document.querySelector(`[data-key="${focused}"]`)?.focus();
    for (const [slot, id] of ["eye-a", "eye-b"].entries()) {
      const options = names.map((name, k) => make("option", { value: k }, spoken(name)));
      byId(id).replaceChildren(make("option", { value: "" }, "none"), ...options);
      byId(id).value = String(this.#set.eyes?.[slot] ?? "");
      byId(id).disabled = !editable;
    }
  }

  #row(name, k) {
    const { names, mirror, edges, editable } = this.#set;
    const label = `Name of point ${k}`;
    const input = make("input", { type: "text", "aria-label": label, maxlength: LONGEST, spellcheck: "false", "data-key": `name-${k}` });
    input.value = name;
    input.disabled = !editable;
    input.addEventListener("change", () => this.#rename(k, input.value.trim()));
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      input.blur(); // saves
      byId("stage").focus();
    });
    const pair = mirror.find((each) => each.includes(k));
    const partner = pair ? pair.find((each) => each !== k) : null;
    const options = names.flatMap((other, n) => (n === k ? [] : [make("option", { value: n }, spoken(other))]));
    const select = make("select", { "aria-label": `Mirror partner of ${spoken(name)}`, "data-key": `mirror-${k}` });
    select.append(make("option", { value: "" }, "no mirror"), ...options);
    select.value = String(partner ?? "");
    select.disabled = !editable;
    select.addEventListener("change", () => this.#pair(k, select.value === "" ? null : Number(select.value)));
    const remove = make("button", { type: "button", "aria-label": `Remove ${spoken(name)}`, onclick: () => this.#remove(k) }, "×");
    remove.hidden = !editable;
    const joined = edges.filter((edge) => edge.includes(k)).map((edge) => spoken(names[edge.find((n) => n !== k)]));
    const text = joined.length ? [make("span", { class: "edges" }, `joined with ${joined.join(", ")}`)] : [];
    return make("li", {}, make("span", {}, String(k)), input, select, remove, ...text);
  }

  /** A new point of the set at a place of the face that is open. */
  async addAt(at) {
    let k = 0;
    const more = () => {
      k = this.#set.names.length;
      return { names: [...this.#set.names, this.#freeName()] };
    };
    if (!(await this.#send(more))) return;
    const { app } = this;
    app.change("place", k, (edit) => edit.place(k, at));
    app.session.choosePoint(k);
    byId("set-details").open = true;
    const input = document.querySelector(`[data-key="name-${k}"]`);
    input?.focus();
    input?.select();
    input?.scrollIntoView({ block: "nearest" });
  }

  #freeName() {
    const { names } = this.#set;
    let number = names.length + 1;
    while (names.includes(`point_${number}`)) number += 1;
    return `point_${number}`;
  }

  async #addNamed(name) {
    if (!name) {
      this.#say("A point needs a name, such as left_brow.");
      return;
    }
    if (!(await this.#send(() => ({ names: [...this.#set.names, name] })))) return;
    byId("set-name").value = "";
    byId("set-name").focus();
    announce(`${spoken(name)} added`);
  }

  #rename(k, name) {
    if (!name || name === this.#set.names[k]) {
      this.#again();
      return;
    }
    this.#send(() => {
      // pairs follow the names: a new name says anew which side it is on
      const names = this.#set.names.map((old, n) => (n === k ? name : old));
      return { names, mirror: mirrorOf(names, this.#set.mirror) };
    });
  }

  /** Make two points mirror partners; their names then say left and right. */
  #pair(k, partner) {
    this.#send(() => {
      const names = [...this.#set.names];
      const mirror = this.#set.mirror.filter((pair) => !pair.includes(k) && !pair.includes(partner));
      if (partner !== null) {
        mirror.push([Math.min(k, partner), Math.max(k, partner)]);
        if (opposite(names[k]) !== names[partner]) [names[k], names[partner]] = this.#sided(k, partner);
      }
      return { names, mirror };
    });
  }

  /** Names of two partners: the subject's left is at the larger x, unless one says its side. */
  #sided(k, partner) {
    const { names } = this.#set;
    for (const [a, b] of [[k, partner], [partner, k]]) {
      const other = opposite(names[a]);
      if (other !== names[a]) return a === k ? [names[k], other] : [other, names[b]];
    }
    const points = this.app.edit?.reading.points ?? [];
    const left = (points[k]?.[0] ?? 0) >= (points[partner]?.[0] ?? 0);
    return [`${left ? "left" : "right"}_${names[k]}`, `${left ? "right" : "left"}_${names[k]}`];
  }

  #remove(k) {
    const shifted = (n) => (n > k ? n - 1 : n);
    const without = (pairs) => pairs.filter((pair) => !pair.includes(k)).map((pair) => pair.map(shifted));
    this.#send(() => {
      const { names, mirror, edges, eyes } = this.#set;
      this.removals += 1;
      return {
        names: names.filter((_, n) => n !== k),
        mirror: without(mirror),
        edges: without(edges),
        eyes: eyes && !eyes.includes(k) ? eyes.map(shifted) : null,
      };
    });
  }

  /** Join two points by an edge, or part them. */
  toggleEdge(a, b) {
    const edge = [Math.min(a, b), Math.max(a, b)];
    this.#send(() => {
      const { edges } = this.#set;
      const rest = edges.filter((each) => String([...each].sort((x, y) => x - y)) !== String(edge));
      return { edges: rest.length < edges.length ? rest : [...edges, edge] };
    });
  }

  #eyesChosen() {
    const chosen = ["eye-a", "eye-b"].map((id) => byId(id).value);
    if (chosen.some((value) => value === "") || chosen[0] === chosen[1]) {
      if (chosen.every((value) => value === "")) this.#send(() => ({ eyes: null }));
      return; // waits for the other eye
    }
    this.#send(() => ({ eyes: chosen.map(Number) }));
  }

  /**
   * Send a change of the set, after those before.
   *
   * @param {() => object} change what changes in the set as it is then.
   * @returns {Promise<boolean>} whether it was taken.
   */
  #send(change) {
    const { removals } = this;
    const sent = this.turn.then(() => this.#sendNow(change, removals));
    this.turn = sent;
    return sent;
  }

  async #sendNow(change, removals) {
    const { project, session } = this.app;
    this.#say("");
    try {
      await session.outbox.settled();
      if (removals !== this.removals) throw new Error("A point was removed meanwhile. Do this again.");
      const { revision, names, mirror, edges, eyes } = this.#set;
      const body = { base: revision, names, mirror, edges, eyes, ...change() };
      const info = await project.api.post("points", body);
      const more = info.points.names.length !== names.length;
      project.renew(info);
      if (more) await session.pointsChanged();
      return true;
    } catch (error) {
      const now = error instanceof Refused && error.answer?.project;
      if (now) project.renew(now);
      this.#say(now ? "The set was changed elsewhere meanwhile; this is how it is now." : error.message);
      this.#again();
      return false;
    }
  }

  #again() {
    this.shown = "";
    this.show();
  }

  #say(message) {
    byId("set-error").textContent = message;
  }
}

function noteOf({ names, editable, mirrorable }) {
  if (!editable) return "This is a known set; its points have fixed names.";
  if (!names.length) {
    return "No points yet. Click them on a face in their order and name each, or type their names here.";
  }
  if (mirrorable === false) {
    return "Points with left or right in their names need their partner, so that training can mirror faces.";
  }
  return "Left and right are the subject's. A point keeps its labels when it gets another name.";
}
