/** Readings of the same face by other annotators: shown beside one's own, or taken. */

import { sayTrouble } from "./saved_state.js";

/**
 * Show another annotator's reading; or not, if it is shown.
 *
 * @param {import("./app.js").LabelApp} app
 * @param {string} annotator
 */
export async function compare(app, annotator) {
  app.compared = app.compared === annotator ? "" : annotator;
  app.stage.other = app.compared ? ((await readingOf(app, annotator))?.points ?? null) : null;
  app.show(false);
}

/** Put all points where another annotator has them. */
export async function take(app, annotator) {
  const { edit } = app;
  const theirs = await readingOf(app, annotator);
  if (theirs && app.edit === edit) app.change("other", null, () => edit.suggest(theirs.points));
}

async function readingOf(app, annotator) {
  try {
    return await app.project.api.get(`faces/${app.edit.face.id}`, { annotator });
  } catch (error) {
    sayTrouble(error);
    return null;
  }
}
