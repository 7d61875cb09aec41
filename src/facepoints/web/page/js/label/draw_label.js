/**
 * A face that is labeled, drawn on a canvas.
 *
 * A point that is not confirmed is a dot in amber, in a disc that holds the true point in 90 % of
 * cases. A confirmed one is a teal dot with a white rim and no disc. Hidden ones are hollow. The
 * current one has a ring of four arcs and its name.
 */

const TURN = 2 * Math.PI;
const INK = "rgb(8 12 20 / 0.7)";
const COLORS = {
  predicted: "#ffc247",
  along: "#ffc247",
  confirmed: "#35e0c8",
  other: "#ff8ad8", // another reading, to compare
};
const QUIET = "rgb(255 255 255 / 0.75)"; // other faces

/**
 * What is drawn of a face.
 *
 * @typedef {object} DrawnFace
 * @property {(number[] | null)[]} points
 * @property {string[]} state
 * @property {boolean[]} hidden
 * @property {(number | null)[]} radii
 */

/**
 * Draw the face that is labeled. The canvas maps pixels of the picture to its own.
 *
 * @param {CanvasRenderingContext2D} canvas
 * @param {DrawnFace} face
 * @param {{zoom: number, edges: number[][], layers: object, current: number | null}} view
 */
export function drawFace(canvas, face, view) {
  const unit = 1 / view.zoom; // a CSS pixel
  canvas.save();
  canvas.lineCap = canvas.lineJoin = "round";
  if (view.layers.edges) drawEdges(canvas, face.points, view.edges, unit, "rgb(235 245 250 / 0.8)");
  if (view.layers.radii) drawRadii(canvas, face, unit);
  for (const state of ["predicted", "along", "confirmed"]) drawDots(canvas, face, state, unit);
  canvas.restore();
}

/**
 * Draw another reading of the face, to compare it.
 *
 * @param {CanvasRenderingContext2D} canvas
 * @param {(number[] | null)[]} points
 * @param {{zoom: number, edges: number[][]}} view
 */
export function drawOther(canvas, points, view) {
  const unit = 1 / view.zoom;
  canvas.save();
  drawEdges(canvas, points, view.edges, unit, COLORS.other);
  const crosses = new Path2D();
  for (const at of points) {
    if (at) cross(crosses, at, 3.5 * unit);
  }
  rimmed(canvas, crosses, 1.8 * unit, COLORS.other);
  canvas.restore();
}

/** Draw a face that is not chosen: thin edges and a box. */
export function drawQuietFace(canvas, { points, box }, view) {
  const unit = 1 / view.zoom;
  canvas.save();
  canvas.setLineDash([4 * unit, 4 * unit]);
  const frame = new Path2D();
  frame.rect(...box);
  rimmed(canvas, frame, unit, QUIET);
  canvas.setLineDash([]);
  drawEdges(canvas, points, view.edges, unit, QUIET);
  canvas.restore();
}

/** Ring the current point and write its name beside it. */
export function drawCurrent(canvas, at, name, view) {
  const unit = 1 / view.zoom;
  canvas.save();
  canvas.translate(...at);
  canvas.rotate((-view.turn * Math.PI) / 180);
  const ring = new Path2D();
  for (let quarter = 0; quarter < 4; quarter++) {
    const from = (quarter * TURN) / 4 + 0.35;
    ring.moveTo(11 * unit * Math.cos(from), 11 * unit * Math.sin(from));
    ring.arc(0, 0, 11 * unit, from, from + TURN / 4 - 0.7);
  }
  rimmed(canvas, ring, 2 * unit, "#ffffff");
  if (name) tag(canvas, name, 16 * unit, unit);
  canvas.restore();
}

/** Draw the line that a person draws. */
export function drawStroke(canvas, line, view) {
  const path = new Path2D();
  for (const at of line) path.lineTo(...at);
  canvas.save();
  canvas.lineCap = canvas.lineJoin = "round";
  rimmed(canvas, path, 1.8 / view.zoom, "#ffffff");
  canvas.restore();
}

/** A cross hair, where the next click would be: by keyboard, or the first of two eyes. */
export function drawCrossHair(canvas, at, view) {
  const unit = 1 / view.zoom;
  const path = new Path2D();
  for (const [x, y] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    path.moveTo(at[0] + 4 * unit * x, at[1] + 4 * unit * y);
    path.lineTo(at[0] + 16 * unit * x, at[1] + 16 * unit * y);
  }
  rimmed(canvas, path, 2 * unit, "#ffffff");
}

function drawEdges(canvas, points, edges, unit, color) {
  const path = new Path2D();
  for (const [a, b] of edges) {
    if (!points[a] || !points[b]) continue;
    path.moveTo(...points[a]);
    path.lineTo(...points[b]);
  }
  rimmed(canvas, path, 1.1 * unit, color);
}

function drawRadii(canvas, { points, radii }, unit) {
  const discs = new Path2D();
  points.forEach((at, k) => {
    if (!at || !radii[k]) return;
    discs.moveTo(at[0] + radii[k], at[1]);
    discs.arc(...at, radii[k], 0, TURN);
  });
  canvas.fillStyle = "rgb(255 194 71 / 0.16)";
  canvas.fill(discs);
  canvas.strokeStyle = "rgb(255 194 71 / 0.55)";
  canvas.lineWidth = 0.8 * unit;
  canvas.stroke(discs);
}

function drawDots(canvas, { points, state, hidden }, wanted, unit) {
  const [full, hollow] = [new Path2D(), new Path2D()];
  const radius = (wanted === "confirmed" ? 3.4 : 2.8) * unit;
  points.forEach((at, k) => {
    if (!at || state[k] !== wanted) return;
    const path = hidden[k] ? hollow : full;
    path.moveTo(at[0] + radius, at[1]);
    path.arc(...at, radius, 0, TURN);
  });
  canvas.fillStyle = COLORS[wanted];
  canvas.lineWidth = 2.6 * unit;
  canvas.strokeStyle = INK;
  canvas.stroke(full);
  if (wanted === "confirmed") {
    canvas.lineWidth = 1.8 * unit;
    canvas.strokeStyle = "#ffffff";
    canvas.stroke(full);
  }
  canvas.fill(full);
  rimmed(canvas, hollow, 1.6 * unit, COLORS[wanted]);
}

/** A line with a dark rim, so that it shows on light and dark pictures. */
function rimmed(canvas, path, width, color) {
  canvas.strokeStyle = INK;
  canvas.lineWidth = 2.2 * width;
  canvas.stroke(path);
  canvas.strokeStyle = color;
  canvas.lineWidth = width;
  canvas.stroke(path);
}

function cross(path, [x, y], arm) {
  path.moveTo(x - arm, y - arm);
  path.lineTo(x + arm, y + arm);
  path.moveTo(x - arm, y + arm);
  path.lineTo(x + arm, y - arm);
}

function tag(canvas, text, x, unit) {
  canvas.font = `600 ${12.5 * unit}px system-ui, sans-serif`;
  canvas.textBaseline = "middle";
  const width = canvas.measureText(text).width;
  canvas.beginPath();
  canvas.roundRect(x, -10 * unit, width + 12 * unit, 20 * unit, 5 * unit);
  canvas.fillStyle = "rgb(8 12 16 / 0.85)";
  canvas.fill();
  canvas.fillStyle = "#ffffff";
  canvas.fillText(text, x + 6 * unit, 0.5 * unit);
}
