/** Buttons and keys for the view: layers, zoom, original, faces and files. */

import { byId, make } from "./dom.js";
import { listenForKeys } from "./shortcuts.js";

const LABELS = {
  points: ["Points", "p"],
  edges: ["Edges", "e"],
  radii: ["Radii", "r"],
  numbers: ["Numbers", "n"],
  boxes: ["Boxes", "b"],
  tracks: ["Tracks", "t"],
  axes: ["Head axes", "h"],
};
const PAN = 60; // CSS pixels of an arrow key

/**
 * Listen for buttons and keys.
 *
 * @param {import("./app.js").App} app
 */
export function listenForViews(app) {
  const { stage } = app;
  const buttons = layerButtons(stage);
  const original = (on) => {
    stage.original = on;
    byId("original").setAttribute("aria-pressed", String(on));
    stage.redraw();
  };
  stage.addEventListener("zoom", ({ detail }) => {
    byId("zoom").textContent = `${Math.round(100 * detail)} %`;
  });
  const clicks = {
    original: () => original(!stage.original),
    "zoom-in": () => stage.zoomBy(2),
    "zoom-out": () => stage.zoomBy(-2),
    "zoom-fit": () => stage.fit(),
    "zoom-one": () => stage.zoomTo(1 / (devicePixelRatio || 1)),
    "zoom-face": () => zoomToFace(app),
  };
  for (const [id, act] of Object.entries(clicks)) byId(id).addEventListener("click", act);
  const help = byId("help-dialog");
  byId("help").addEventListener("click", () => help.showModal());
  byId("help-close").addEventListener("click", () => help.close());
  listenForKeys(shortcutsOf(app, buttons, clicks, original), () => !document.body.matches(".empty"));
}

function layerButtons(stage) {
  const made = {};
  for (const [layer, [label, key]] of Object.entries(LABELS)) {
    const toggle = () => {
      stage.layers[layer] = !stage.layers[layer];
      button.setAttribute("aria-pressed", String(stage.layers[layer]));
      stage.redraw();
    };
    const button = make(
      "button",
      {
        type: "button",
        "aria-pressed": String(stage.layers[layer]),
        title: `${label} (key ${key.toUpperCase()})`,
        "data-layer": layer,
        onclick: toggle,
      },
      label,
    );
    made[layer] = button;
  }
  byId("layers").replaceChildren(...Object.values(made));
  return made;
}

function zoomToFace({ stage, items, selected }) {
  const face = items.current?.faces[selected];
  if (face) stage.zoomToBox(face.box);
}

function shortcutsOf(app, buttons, clicks, original) {
  const { stage, player } = app;
  const layers = Object.entries(LABELS).map(([layer, [label, key]]) => ({
    keys: [key],
    label: key.toUpperCase(),
    does: `${label} on or off`,
    act: () => buttons[layer].click(),
  }));
  const arrows = { arrowleft: [PAN, 0], arrowright: [-PAN, 0], arrowup: [0, PAN], arrowdown: [0, -PAN] };
  return [
    {
      keys: ["o"],
      label: "O",
      does: "The original, as long as the key is held",
      act: () => original(true),
      release: () => original(false),
    },
    ...layers,
    { keys: ["+", "="], label: "+", does: "Zoom in", act: () => stage.zoomBy(1) },
    { keys: ["-"], label: "−", does: "Zoom out", act: () => stage.zoomBy(-1) },
    { keys: ["0"], label: "0", does: "The whole picture", act: () => stage.fit() },
    { keys: ["1"], label: "1", does: "Pixel for pixel", act: clicks["zoom-one"] },
    { keys: ["z"], label: "Z", does: "Zoom to the chosen face", act: () => zoomToFace(app) },
    {
      keys: Object.keys(arrows),
      label: "← → ↑ ↓",
      does: "Move the picture",
      onPicture: true,
      act: (event) => stage.pan(...arrows[event.key.toLowerCase()]),
    },
    {
      keys: ["f"],
      label: "F",
      does: "Next face; with Shift the one before",
      act: (event) => app.selectNext(event.shiftKey ? -1 : 1),
    },
    { keys: ["pagedown"], label: "PgDn", does: "Next file", onPicture: true, act: () => app.openNext(1) },
    { keys: ["pageup"], label: "PgUp", does: "File before", onPicture: true, act: () => app.openNext(-1) },
    { keys: [" "], label: "Space", does: "Play or pause", onPicture: true, act: () => player.toggle() },
    {
      keys: [",", "."],
      label: ", .",
      does: "Frame before, next frame",
      act: (event) => player.step(event.key === "." ? 1 : -1),
    },
    { keys: ["?"], label: "?", does: "This help", act: () => byId("help-dialog").showModal() },
  ];
}
