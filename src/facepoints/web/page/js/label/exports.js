/** Copies of the labels for other programs, and the report of how far annotators disagree. */

import { byId, make } from "../app/dom.js";
import { download } from "../save/download.js";

const NAMES = { coco: "COCO", cvat: "CVAT", "label-studio": "Label Studio", kaggle: "Kaggle", pts: ".pts" };

/**
 * Offer the formats of the project.
 *
 * @param {import("./project.js").Project} project
 * @param {import("./outbox.js").Outbox} outbox
 */
export function offerExports(project, outbox) {
  const save = async (path, name) => {
    const note = byId("save-note");
    try {
      await outbox.settled();
      const file = await project.api.file(path);
      download(file.blob, file.name || name);
      note.textContent = `Saved ${file.name || name}.`;
    } catch (error) {
      note.textContent = error.message;
    }
  };
  const buttons = project.info.formats.map((format) => {
    const act = () => save(`export/${format}`, `labels.${format}`);
    return make("button", { type: "button", "data-format": format, onclick: act }, NAMES[format] ?? format);
  });
  const report = () => save("disagreement?format=csv", "disagreement.csv");
  const words = { type: "button", id: "disagreement", onclick: report, hidden: true };
  buttons.push(make("button", words, "Disagreement of annotators"));
  byId("exports").replaceChildren(...buttons);
  const offer = () => (byId("disagreement").hidden = project.info.annotators.length < 2);
  project.addEventListener("project", offer);
  offer();
}
