/** Name and values of the point under the pointer, and the place in the picture. */

import { byId } from "../app/dom.js";
import { placeText, spoken, stateText } from "./face_panel.js";

const APART = 14; // CSS pixels from the pointer

/**
 * Show what is under the pointer.
 *
 * @param {import("./app.js").LabelApp} app
 * @param {{point: number | null, at: number[] | null, place: number[] | null}} hover point: its
 *     number; at: the place in the picture; place: on the stage.
 */
export function showPointed({ edit, stage, names, radii }, { point, at, place }) {
  const tip = byId("tooltip");
  const named = stage.layers.names && point === stage.current; // its name is beside it
  tip.hidden = point === null || !edit || named;
  if (!tip.hidden) {
    const text = [`${point} ${spoken(names[point])}`, stateText(edit.reading, point)];
    tip.textContent = [...text, placeText(edit.reading.points[point], radii[point])].join("\n");
    const { clientWidth, clientHeight } = stage.host;
    tip.style.left = `${Math.min(place[0] + APART, clientWidth - tip.offsetWidth - 4)}px`;
    tip.style.top = `${Math.min(place[1] + APART, clientHeight - tip.offsetHeight - 4)}px`;
  }
  const inside = at && stage.size && at.every((o, k) => o >= -0.5 && o < stage.size[k] - 0.5);
  byId("readout").textContent = inside ? `x ${at[0].toFixed(1)}, y ${at[1].toFixed(1)}` : "\u00a0";
}
