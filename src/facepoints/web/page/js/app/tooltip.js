/** The name and values of the point under the pointer, and the place in the picture. */

import { byId } from "./dom.js";
import { pointName } from "./results_panel.js";

const APART = 14; // CSS pixels from the pointer

/** Follows the pointer over the stage. */
export class Tooltip {
  /** @param {string[]} names of the points. */
  constructor(names) {
    this.names = names;
  }

  /**
   * Show what is under the pointer.
   *
   * @param {{point: object | null, at: number[] | null, place: number[] | null}} hover point:
   *     {face, column, at}; at: the place in the picture; place: on the stage.
   * @param {import("./items.js").Item | null} item
   */
  show({ point, at, place }, item) {
    const face = point && item?.faces[point.face];
    const tip = byId("tooltip");
    tip.hidden = !face;
    if (face) {
      tip.textContent = this.#text(face, point.column);
      const { clientWidth, clientHeight } = byId("stage");
      const within = (value, most) => `${Math.max(0, Math.min(value + APART, most - 4))}px`;
      tip.style.left = within(place[0], clientWidth - tip.offsetWidth);
      tip.style.top = within(place[1], clientHeight - tip.offsetHeight);
    }
    const sides = [item?.width ?? 0, item?.height ?? 0];
    const inside = at?.every((value, k) => value >= -0.5 && value < sides[k] - 0.5);
    byId("readout").textContent = inside ? `x ${at[0].toFixed(1)}, y ${at[1].toFixed(1)}` : "\u00a0";
  }

  #text(face, column) {
    const [x, y] = face.points[column].map((number) => number.toFixed(1));
    const seen = face.visible ? `\nvisible: ${Math.round(100 * face.visible[column])} %` : "";
    const radius = face.radius[column].toFixed(1);
    return `${pointName(column, this.names[column])}\nx ${x}, y ${y} ± ${radius} px${seen}`;
  }
}
