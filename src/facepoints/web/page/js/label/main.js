/** Starts the label page. */

import { byId } from "../app/dom.js";
import { alertPerson } from "../app/messages.js";
import { offerThemes } from "../app/theme.js";
import { Api, ServerGone } from "./api.js";
import { LabelApp } from "./app.js";
import { listenForControls } from "./controls.js";
import { offerExports } from "./exports.js";
import { History } from "./history.js";
import { leftChanges, Outbox } from "./outbox.js";
import { isOpen, Project } from "./project.js";
import { sayTrouble, showSavedState } from "./saved_state.js";
import { Session } from "./session.js";

const ANNOTATOR = "facepoints-label-annotator";
const CHANGES = "facepoints-label-changes";

/**
 * Start the page.
 *
 * @returns {Promise<LabelApp | null>} null: the service does not answer.
 */
async function start() {
  byId("unstarted").remove();
  offerThemes();
  const api = new Api(localStorage.getItem(ANNOTATOR) ?? "");
  const project = new Project(api);
  try {
    await project.load();
  } catch (error) {
    const gone = error instanceof ServerGone;
    byId("saved").textContent = "Not loaded";
    byId("saved").dataset.state = "gone";
    const message = gone ? "The service does not answer." : error.message;
    alertPerson("", `${message} Start “facepoints label” again, and reload the page.`);
    return null;
  }
  const { info } = project;
  const key = `${CHANGES}/${info.id ?? info.title}`;
  const tab = Math.random().toString(36).slice(2, 12);
  const outbox = new Outbox((path, body) => api.post(path, body), localStorage, key, tab);
  const session = new Session(project, outbox, new History());
  const app = new LabelApp(session);
  showSavedState(app, outbox);
  const faces = new Set(project.queue.map(({ id }) => id));
  outbox.adopt(leftChanges(localStorage, key, (face) => faces.has(face)));
  listenForControls(app);
  listenForAnnotator(app, outbox);
  offerExports(project, outbox);
  new MutationObserver(() => app.stage.repaint()).observe(document.documentElement, { attributes: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => app.stage.repaint());
  chooseFilter(project);
  app.list.renew();
  project.renew(info);
  const [first] = app.list.lines;
  if (first) await app.openLine({ picture: first.picture.id, face: first.face?.id });
  project.watch();
  document.body.dataset.ready = "true";
  return app;
}

/** The worklist first, if there is one; everything, if nothing is left to do. */
function chooseFilter(project) {
  const todo = {
    worklist: ({ face }) => isOpen(face),
    open: () => true,
    all: () => true,
    empty: () => true,
  };
  const filled = Object.keys(todo).filter((each) => project.lines(each, "worth").some(todo[each]));
  const filter = filled[0] ?? "open";
  byId("list-filter").value = filter;
}

/** Let a person say who labels. */
function listenForAnnotator(app, outbox) {
  const input = byId("annotator");
  const { project, session } = app;
  input.value = project.api.annotator || project.info.annotator;
  input.addEventListener("change", async () => {
    const name = input.value.trim();
    try {
      await outbox.settled();
      project.api.annotator = name;
      await project.load();
      if (name) localStorage.setItem(ANNOTATOR, name);
      else localStorage.removeItem(ANNOTATOR);
      session.history.clear();
      outbox.versions.clear();
      await session.reopen();
    } catch (error) {
      sayTrouble(error);
    }
    input.value = project.api.annotator || project.info.annotator;
  });
}

/** The page, once it is ready; for tests and benchmarks. */
export const started = start();
