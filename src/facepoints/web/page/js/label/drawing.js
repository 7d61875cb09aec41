/** A line that was drawn on the picture moves the row of points that it shows. */

import { announce, stageMessage } from "../app/messages.js";
import { spoken } from "./face_panel.js";
import { rowAlong, rowsOf, smoothed } from "./lines.js";

const NO_ROW = "No row of points is near this line. Draw along one, such as the jaw, from end to end.";
const ALL_FIXED = "All points along this line are confirmed, so they stay. Press U on a point to let it move.";
const NO_EDGES = "These points are not joined, so no line can be drawn along them. Open Point set, Join points.";

/**
 * Move points to a drawn line.
 *
 * @param {import("./app.js").LabelApp} app
 * @param {number[][]} line corners in pixels of the picture.
 */
export function drawLine(app, line) {
  const { edit, names, project, stage } = app;
  if (!edit) return;
  const drawn = smoothed(line, stage.zoom);
  if (drawn.length < 2) return;
  const shape = project.shape?.mean_shape ?? edit.reading.points;
  const rows = rowsOf(project.info.points.edges, shape);
  const found = rowAlong(rows, edit.reading.points, drawn);
  if (!found) {
    const message = rows.length ? NO_ROW : NO_EDGES;
    stageMessage(message);
    announce(message);
    return;
  }
  const { row, ends } = found;
  if (!row.some((k) => edit.isFree(k))) {
    stageMessage(ALL_FIXED);
    announce(ALL_FIXED);
    return;
  }
  app.change("draw", null, () => edit.draw(row, drawn, ends));
  announce(`Line drawn from ${spoken(names[row[0]])} to ${spoken(names[row.at(-1)])}`);
}
