/** The list of opened files. File names are text, whatever they hold. */

import { byId, counted, make } from "./dom.js";

/** Shows the items and lets a person choose one. */
export class ListView {
  /** @param {import("./items.js").Items} items */
  constructor(items) {
    this.items = items;
    this.host = byId("items");
    this.rows = new Map();
    items.addEventListener("list", () => this.renew());
    items.addEventListener("change", ({ detail }) => this.update(detail));
    items.addEventListener("choose", () => this.mark());
  }

  renew() {
    const known = new Set(this.items.list.map((item) => item.id));
    for (const [id, row] of this.rows) {
      if (known.has(id)) continue;
      row.remove();
      this.rows.delete(id);
    }
    for (const item of this.items.list) {
      if (this.rows.has(item.id)) continue;
      const row = make("li");
      this.rows.set(item.id, row);
      this.host.append(row);
      this.update(item);
    }
  }

  update(item) {
    const row = this.rows.get(item.id);
    if (!row) return;
    let button = row.firstElementChild;
    if (!button) {
      button = make(
        "button",
        { type: "button", class: "item", title: item.name, onclick: () => this.items.choose(item) },
        make("span", { class: "blank", "aria-hidden": "true" }),
        make("span", {}, make("span", { class: "name" }, item.name), make("span", { class: "state" })),
      );
      row.append(button);
    }
    button.classList.toggle("failed", item.state === "failed");
    button.querySelector(".state").textContent = stateText(item);
    if (item.thumbnail && button.firstElementChild !== item.thumbnail) {
      item.thumbnail.setAttribute("aria-hidden", "true");
      button.firstElementChild.replaceWith(item.thumbnail);
    }
  }

  mark() {
    for (const [id, row] of this.rows) {
      const current = id === this.items.current?.id;
      const button = row.firstElementChild;
      if (current) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
      if (current) row.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }
}

/**
 * The state of an item in words.
 *
 * @param {import("./items.js").Item} item
 */
export function stateText(item) {
  if (item.state === "failed") return "cannot be read";
  if (item.frames) return counted(item.frames.length, "frame");
  if (item.kind === "video") return "video";
  if (item.state === "waiting") return "waiting";
  if (item.state === "working") return "working …";
  return item.faces.length ? counted(item.faces.length, "face") : "no face";
}
