/** Starts the page: it loads the models, and keeps what a person asks for until they are there. */

import { byId } from "./dom.js";
import { Engine, missingFeature } from "./engine.js";
import { listenForChoice, listenForFiles } from "./intake.js";
import { alertPerson } from "./messages.js";
import { offerThemes } from "./theme.js";

/** Start the page. */
async function start() {
  byId("unstarted").remove();
  offerThemes();
  const missing = missingFeature();
  if (missing) {
    byId("loading").textContent = "";
    alertPerson("", missing);
    return;
  }
  const engine = new Engine();
  const waiting = listenForStart();
  let settings;
  let App;
  try {
    const parts = import("./app.js"); // while the models are loading
    settings = await engine.load();
    ({ App } = await parts);
  } catch (error) {
    byId("loading").textContent = "";
    alertPerson("", `The models could not be loaded. ${error.message} Reload the page to try again.`);
    return;
  }
  const app = new App(engine, settings);
  byId("loading").textContent = "";
  byId("version").textContent = settings.version;
  document.body.dataset.ready = "true";
  if (!(await waiting(app))) engine.warmUp();
}

/**
 * Listen for files, buttons and the camera from the first moment.
 *
 * @returns {(app: import("./app.js").App) => Promise<number>} does what was asked for while the models
 *     were loading, and everything from then on; gives the number of things that were asked for.
 */
function listenForStart() {
  const asked = [];
  let act = (task) => {
    asked.push(task);
    byId("loading").textContent = "Loading the models; your files are opened then …";
  };
  const on = {
    files: (files) => act((app) => app.open(files)),
    refused: (message) => alertPerson("", message),
  };
  listenForFiles(on, byId("drop-veil"));
  listenForChoice(byId("file-input"), on);
  listenForChoice(byId("folder-input"), on);
  const actions = {
    files: () => byId("file-input").click(),
    folder: () => byId("folder-input").click(),
    camera: () => act((app) => app.cameraControls.start()),
    example: () => act((app) => openExample(app)),
  };
  for (const button of document.querySelectorAll("[data-action]")) {
    button.addEventListener("click", () => actions[button.dataset.action]());
  }
  return async (app) => {
    act = (task) => task(app);
    for (const task of asked) await task(app);
    return asked.length;
  };
}

async function openExample(app) {
  try {
    const answer = await fetch("example/astronaut.jpg");
    if (!answer.ok) throw new Error(String(answer.status));
    const file = new File([await answer.blob()], "astronaut.jpg", { type: "image/jpeg" });
    await app.open([{ file, name: file.name, quiet: false }]);
  } catch {
    alertPerson("", "The example could not be loaded: the network is cut, or the server stopped.");
  }
}

start();
