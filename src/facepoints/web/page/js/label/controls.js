/** Buttons, sliders and keys of the label page. */

import { byId, make } from "../app/dom.js";
import { listenForKeys } from "../app/shortcuts.js";

const LAYERS = {
  edges: ["Edges", "e"],
  radii: ["Radii", "r"],
  names: ["Names", "g"],
  loupe: ["Loupe", "l"],
};
const PAN = 60; // CSS pixels of an arrow key without a point
const NUDGE = 0.1; // pixels of the picture
const NUDGE_MORE = 1; // with Shift
const TURN = 15; // degrees of a press
const ARROWS = { arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, -1], arrowdown: [0, 1] };

/**
 * Listen for everything.
 *
 * @param {import("./app.js").LabelApp} app
 */
export function listenForControls(app) {
  const { stage, placing } = app;
  const layers = layerButtons(stage);
  const clicks = {
    undo: () => app.undo(),
    redo: () => app.redo(),
    "new-face": () => placing.toggle("eyes"),
    "draw-line": () => placing.toggle("draw"),
    finish: () => app.finishOrReopen(),
    "next-face": () => app.openNext(1),
    "no-more": () => app.session.markReviewed(),
    "start-over": () => app.startOver(),
    "delete-face": () => app.deleteFace(),
    confirm: () => app.confirm(),
    hide: () => hide(app),
    absent: () => setAbsent(app),
    release: () => release(app),
    "turn-left": () => stage.turnTo(stage.turn - TURN),
    "turn-right": () => stage.turnTo(stage.turn + TURN),
    "turn-upright": () => app.turnUpright(),
    "zoom-out": () => stage.zoomBy(-2),
    "zoom-in": () => stage.zoomBy(2),
    "zoom-fit": () => stage.fit(),
    "zoom-face": () => app.zoomToFace(),
  };
  for (const [id, act] of Object.entries(clicks)) {
    byId(id).addEventListener("click", (event) => {
      act();
      // keys go on from the picture after a click of the mouse
      if (event.detail) byId("stage").focus({ preventScroll: true });
    });
  }
  stage.addEventListener("zoom", ({ detail }) => {
    byId("zoom").textContent = `${Math.round(100 * detail)} %`;
    const turn = Math.round(stage.turn);
    byId("turn").textContent = `${turn > 180 ? turn - 360 : turn}°`;
  });
  listenForSliders(app);
  const help = byId("help-dialog");
  byId("help").addEventListener("click", () => help.showModal());
  byId("help-close").addEventListener("click", () => help.close());
  listenForTab(app);
  listenForKeys(shortcutsOf(app, layers, clicks), () => Boolean(app.session.picture));
}

function layerButtons(stage) {
  const made = {};
  for (const [layer, [label, key]] of Object.entries(LAYERS)) {
    const toggle = () => {
      stage.layers[layer] = !stage.layers[layer];
      made[layer].setAttribute("aria-pressed", String(stage.layers[layer]));
      stage.redraw();
    };
    const attributes = { type: "button", title: `${label} (key ${key.toUpperCase()})`, onclick: toggle };
    const pressed = { "aria-pressed": String(stage.layers[layer]), "data-layer": layer };
    made[layer] = make("button", { ...attributes, ...pressed }, label);
  }
  byId("layers").replaceChildren(...Object.values(made));
  return made;
}

function listenForSliders(app) {
  const { stage } = app;
  const set = (name, value) => {
    stage.light = { ...stage.light, [name]: value };
    byId(`${name}-value`).textContent = `${Math.round(100 * value)} %`;
    stage.redraw();
  };
  for (const name of ["brightness", "contrast"]) {
    byId(name).addEventListener("input", () => set(name, Number(byId(name).value)));
  }
  byId("light-reset").addEventListener("click", () => {
    for (const name of ["brightness", "contrast"]) {
      byId(name).value = "1";
      set(name, 1);
    }
  });
  const doubt = () => {
    const value = Number(byId("doubt").value);
    byId("doubt-value").textContent = `${value} % of eye distance`;
    byId("doubt").setAttribute("aria-valuetext", `${value} % of the eye distance`);
  };
  byId("doubt").addEventListener("input", () => {
    doubt();
    if (app.session.picture) app.show(false);
  });
  doubt();
}

/**
 * Tab on the picture goes to the next doubtful point. After Escape, and when no doubtful point is
 * left, it leaves the picture as everywhere else.
 */
function listenForTab(app) {
  const host = byId("stage");
  let free = false;
  host.addEventListener("blur", () => (free = false));
  host.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !byId("keys-on").checked) return;
    if (event.key === "Escape") {
      free = true;
      app.placing.end();
      if (app.session.point !== null) app.session.choosePoint(null);
    } else if (event.key === "Tab" && !free && app.nextDoubtful(event.shiftKey ? -1 : 1)) {
      event.preventDefault();
    } else if (event.key !== "Tab" && event.key !== "Shift") free = false;
  });
}

function hide(app) {
  const { point } = app.session;
  if (point === null || !app.edit?.reading.points[point]) return;
  app.change("hide", point, (edit) => edit.setHidden(point, !edit.reading.hidden[point]));
  app.sayPoint();
}

function setAbsent(app) {
  const { point } = app.session;
  if (point === null || !app.edit) return;
  const on = app.edit.reading.state[point] !== "absent";
  const waited = app.placing.unplaced !== null;
  app.change("absent", point, (edit) => edit.setAbsent(point, on));
  const [next] = app.edit.unplaced();
  if (on && waited && next !== undefined) app.choosePoint(next);
  else app.sayPoint();
}

function release(app) {
  const { point } = app.session;
  if (point === null) return;
  app.change("other", point, (edit) => edit.release(point));
  app.sayPoint();
}

/** An arrow key: it moves the cross hair, the current point, or the picture. */
function arrow(app, event) {
  const [x, y] = ARROWS[event.key.toLowerCase()];
  const { session, stage, edit } = app;
  const at = edit && session.point !== null ? edit.reading.points[session.point] : null;
  if (app.placing.waits) app.placing.moveCross(x, y, event.shiftKey);
  else if (at) {
    const step = event.shiftKey ? NUDGE_MORE : NUDGE;
    // along the screen, also when the picture is turned
    const angle = (-stage.turn * Math.PI) / 180;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const to = [at[0] + step * (cos * x - sin * y), at[1] + step * (sin * x + cos * y)];
    app.change("nudge", session.point, () => edit.place(session.point, to));
    app.sayPoint();
  } else stage.pan(-PAN * x, -PAN * y);
}

function enter(app, event) {
  if (event.shiftKey) app.finish();
  else if (app.placing.waits) app.placing.clickCross();
  else if (app.placing.mode === "join" && app.session.point !== null) app.placing.choose(app.session.point);
  else app.confirm();
}

function nextPoint(app, step) {
  const count = app.names.length;
  if (!app.edit || !count) return;
  const here = app.session.point ?? (step > 0 ? -1 : 0);
  app.choosePoint((here + step + count) % count, true);
}

function shortcutsOf(app, layers, clicks) {
  const { stage, session } = app;
  const original = (on) => {
    stage.original = on;
    stage.redraw();
  };
  const nextFace = (step) => {
    const here = session.faces.indexOf(app.edit) + step;
    if (session.faces[here]) session.choose(session.faces[here].face.id);
    else app.openNext(step);
  };
  const plain = (key, does, act, more = {}) => ({ keys: [key.toLowerCase()], label: key, does, act, ...more });
  const [undo, redo] = [{ keys: ["z"], ctrl: true }, { keys: ["y"], ctrl: true }];
  return [
    { keys: [], label: "Tab", does: "The next doubtful point; with Shift the one before. Escape, then Tab: leave the picture", act: () => {} },
    { keys: ["enter", " "], label: "Enter Space", does: "The point looks right; Shift: the whole face is right", onPicture: true, act: (event) => enter(app, event) },
    { keys: Object.keys(ARROWS), label: "← → ↑ ↓", does: "Move the point by a tenth of a pixel, with Shift by a pixel; without a point, move the picture", onPicture: true, act: (event) => arrow(app, event) },
    plain("P", "Next point in the order of the set; with Shift the one before", (event) => nextPoint(app, event.shiftKey ? -1 : 1)),
    plain("H", "The point is hidden, or not", clicks.hide),
    plain("X", "The point is absent, or not", clicks.absent),
    plain("U", "Take the confirmation back", clicks.release),
    { ...undo, label: "Ctrl Z", does: "Undo; with Shift: redo", act: (event) => (event.shiftKey ? app.redo() : app.undo()) },
    { ...redo, label: "Ctrl Y", does: "Redo", act: () => app.redo() },
    plain("D", "Draw along a row of points, such as the jaw: they go to the line; Shift and drag draws at any time", clicks["draw-line"]),
    plain("N", "New face: click both eyes; by keyboard: arrow keys and Enter", clicks["new-face"]),
    { keys: ["delete"], label: "Delete", does: "Delete the face", onPicture: true, act: clicks["delete-face"] },
    plain("F", "Next face; with Shift the one before", (event) => nextFace(event.shiftKey ? -1 : 1)),
    { keys: ["pagedown"], label: "PgDn", does: "Next line of the list", onPicture: true, act: () => app.openNext(1) },
    { keys: ["pageup"], label: "PgUp", does: "Line before", onPicture: true, act: () => app.openNext(-1) },
    { keys: ["o"], label: "O", does: "The picture without points, as long as the key is held", act: () => original(true), release: () => original(false) },
    ...Object.entries(LAYERS).map(([layer, [label, key]]) =>
      plain(key.toUpperCase(), `${label} on or off`, () => layers[layer].click()),
    ),
    { keys: ["+", "="], label: "+", does: "Zoom in", act: () => stage.zoomBy(1) },
    plain("-", "Zoom out", () => stage.zoomBy(-1), { label: "−" }),
    plain("0", "The whole picture", () => stage.fit()),
    plain("Z", "Zoom to the face", () => app.zoomToFace()),
    plain(",", "Turn to the left", clicks["turn-left"]),
    plain(".", "Turn to the right", clicks["turn-right"]),
    plain("T", "Turn the face upright, or back", clicks["turn-upright"]),
    plain("?", "This help", () => byId("help-dialog").showModal()),
  ];
}
