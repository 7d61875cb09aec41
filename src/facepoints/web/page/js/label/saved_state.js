/** Says whether everything is saved, and lets a person choose after a conflict. */

import { byId, counted } from "../app/dom.js";
import { alertPerson, announce } from "../app/messages.js";
import { ServerGone } from "./api.js";

/** Show an error of the service. */
export function sayTrouble(error) {
  const gone = "The service does not answer. Start “facepoints label” again if it was stopped.";
  alertPerson("", error instanceof ServerGone ? gone : error.message);
}

/**
 * Keep the saved state up to date.
 *
 * @param {import("./app.js").LabelApp} app
 * @param {import("./outbox.js").Outbox} outbox
 */
export function showSavedState(app, outbox) {
  const { project, session } = app;
  let state = { waiting: 0, gone: false, conflict: null };
  const update = () => {
    const { kind, text } = describe(state, project.info);
    const host = byId("saved");
    if (host.textContent !== text) host.textContent = text;
    host.dataset.state = kind;
  };
  outbox.addEventListener("state", ({ detail }) => {
    state = detail;
    update();
    showConflict(app, detail.conflict);
  });
  project.addEventListener("project", update);
  addEventListener("beforeunload", (event) => {
    if (!outbox.isEmpty) event.preventDefault();
  });
  byId("conflict-mine").addEventListener("click", () => {
    outbox.keepMine();
    announce("Your version is kept.");
    byId("stage").focus();
  });
  byId("conflict-theirs").addEventListener("click", () => {
    session.take(outbox.conflict.face);
    announce("The other version is taken.");
    byId("stage").focus();
  });
}

function describe({ waiting, gone, conflict }, info) {
  const moves = counted(waiting, "move");
  if (conflict) return { kind: "conflict", text: "Not saved: this face was changed elsewhere" };
  if (gone) return { kind: "gone", text: `Not saved: the service is gone. ${moves} will be sent again` };
  if (waiting) return { kind: "saving", text: "Saving …" };
  if (info?.save_error) return { kind: "gone", text: `Saved in the journal only: ${info.save_error}` };
  return { kind: "saved", text: "Saved" };
}

/** Show both versions of a face, and ask. */
function showConflict(app, conflict) {
  const face = conflict?.face ?? null;
  if (app.conflict === face) return;
  app.conflict = face;
  app.stage.other = face && face.id === app.edit?.face.id ? face.points : null;
  byId("conflict").hidden = !face;
  if (face) {
    const { file } = app.project.pictures.get(face.picture) ?? { file: "" };
    byId("conflict-title").textContent = `This face of ${file} was changed elsewhere`;
    byId("conflict-text").textContent =
      "Another tab of the same annotator saved a change meanwhile. Its version is drawn in pink with crosses.";
    app.session.open(face.picture, face.id);
    byId("conflict-mine").focus();
  }
  app.stage.redraw();
}
