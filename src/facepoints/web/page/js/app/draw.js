/**
 * Faces drawn on a canvas: points, edges, radii, numbers, boxes, track numbers and head axes.
 *
 * The same function draws on the screen and on a saved picture. A point that is visible, or whose
 * visibility is unknown, is a filled dot; a hidden one is a ring, and its edges are pale.
 */

const INK = "rgb(8 12 20)";
const TURN = 2 * Math.PI;
const AXES = [
  { color: "#ff6b5e", name: "x" }, // to the subject's left
  { color: "#5ee07a", name: "y" }, // to the chin
  { color: "#6aa8ff", name: "z" }, // out of the face
];

/** What is drawn. `numbers` are those of the points, from 0. */
export const LAYERS = {
  points: true,
  edges: true,
  radii: false,
  numbers: false,
  boxes: false,
  tracks: true,
  axes: false,
};

/**
 * The color of a track; faces without a track have the first.
 *
 * @param {number | null | undefined} track
 * @param {number[][]} colors RGB, 0 to 255.
 * @param {number} opacity 0 to 1.
 * @returns {string} of CSS.
 */
export function trackColor(track, colors, opacity = 1) {
  const [red, green, blue] = colors[(track ?? 0) % colors.length];
  return `rgb(${red} ${green} ${blue} / ${opacity})`;
}

/** Size of a face in pixels: the square root of the area of its box. */
function extentOf(face) {
  return Math.sqrt(Math.max(1, face.box[2]) * Math.max(1, face.box[3]));
}

/**
 * Widths in pixels of the picture: they suit faces of 60 pixels and of 2000, and the zoom.
 *
 * @param {object} face
 * @param {{size: number[], zoom: number}} view zoom: screen pixels per pixel of the picture, or 0
 *     for a saved picture, whose widths do not depend on the screen.
 */
function penOf(face, view) {
  const extent = Math.min(extentOf(face), 4 * Math.max(...view.size));
  const shown = Math.min(...view.size);
  let line = Math.max(0.5, 0.5 * (extent / 100) ** 0.85, Math.min(shown / 2500, extent / 100));
  if (view.zoom) line = Math.min(Math.max(line * view.zoom, 0.9), 2.2) / view.zoom;
  const tall = Math.min(Math.max(8, 1.7 * shown ** 0.3, 0.07 * extent), 0.05 * shown + 6);
  // dots do not touch their neighbors on an edge
  const dot = Math.min(1.9 * line, Math.max(0.8 * line, 0.28 * medianEdge(face, view.edges)));
  return { line, dot, rim: 0.5 * line, text: view.zoom ? 13 / view.zoom : tall };
}

function medianEdge({ points }, edges) {
  const lengths = edges.map(([a, b]) =>
    Math.hypot(points[a][0] - points[b][0], points[a][1] - points[b][1]),
  );
  lengths.sort((a, b) => a - b);
  return lengths.length ? lengths[lengths.length >> 1] : Infinity;
}

/**
 * Draw faces. The canvas must map pixels of the picture to its own: (0, 0) is the center of the
 * top-left pixel.
 *
 * @param {CanvasRenderingContext2D} canvas
 * @param {object[]} faces as in a line of faces.jsonl; `axes`, if known, is a list of four (x, y):
 *     the origin of the head and the ends of its three axes.
 * @param {object} view {size: [width, height], zoom, layers, edges, colors, hiddenBelow, selected}.
 */
export function drawFaces(canvas, faces, view) {
  const sorted = faces.map((face, index) => ({ face, index }));
  sorted.sort((a, b) => extentOf(b.face) - extentOf(a.face)); // small ones on top
  for (const { face } of sorted) drawFace(canvas, face, view);
  for (const { face, index } of sorted) drawLabels(canvas, face, index, view);
}

function drawFace(canvas, face, view) {
  const { layers } = view;
  const pen = penOf(face, view);
  const color = trackColor(face.track, view.colors);
  canvas.save();
  canvas.lineCap = canvas.lineJoin = "round";
  if (layers.radii) drawRadii(canvas, face, pen, view);
  if (layers.boxes) rimmed(canvas, boxPath(face.box), pen, color);
  if (layers.edges) drawEdges(canvas, face, pen, view);
  if (layers.points) drawPoints(canvas, face, pen, view);
  if (layers.axes && face.axes) drawAxes(canvas, face.axes, pen);
  canvas.restore();
}

function boxPath([x, y, width, height]) {
  const path = new Path2D();
  path.rect(x, y, width, height);
  return path;
}

/** A line with a dark rim, so that it shows on light and dark pictures. */
function rimmed(canvas, path, pen, color) {
  canvas.strokeStyle = "rgb(8 12 20 / 0.6)";
  canvas.lineWidth = pen.line + 2 * pen.rim;
  canvas.stroke(path);
  canvas.strokeStyle = color;
  canvas.lineWidth = pen.line;
  canvas.stroke(path);
}

function isHidden(face, k, view) {
  return Boolean(face.visible) && face.visible[k] < view.hiddenBelow;
}

function drawEdges(canvas, face, pen, view) {
  const [seen, hidden] = [new Path2D(), new Path2D()];
  for (const [a, b] of view.edges) {
    const path = isHidden(face, a, view) || isHidden(face, b, view) ? hidden : seen;
    path.moveTo(...face.points[a]);
    path.lineTo(...face.points[b]);
  }
  canvas.globalAlpha = 0.4;
  rimmed(canvas, hidden, pen, trackColor(face.track, view.colors));
  canvas.globalAlpha = 0.9;
  rimmed(canvas, seen, pen, trackColor(face.track, view.colors));
  canvas.globalAlpha = 1;
}

function drawPoints(canvas, face, pen, view) {
  const [seen, hidden] = [new Path2D(), new Path2D()];
  face.points.forEach(([x, y], k) => {
    const path = isHidden(face, k, view) ? hidden : seen;
    path.moveTo(x + pen.dot, y);
    path.arc(x, y, pen.dot, 0, TURN);
  });
  const pale = palerColor(face.track, view.colors);
  canvas.strokeStyle = "rgb(8 12 20 / 0.65)";
  canvas.lineWidth = 2 * pen.rim;
  canvas.stroke(seen);
  canvas.lineWidth = 0.8 * pen.line + 2 * pen.rim;
  canvas.stroke(hidden);
  canvas.fillStyle = canvas.strokeStyle = pale;
  canvas.fill(seen);
  canvas.lineWidth = 0.8 * pen.line;
  canvas.stroke(hidden);
}

function palerColor(track, colors) {
  const mixed = colors[(track ?? 0) % colors.length].map((c) => Math.round(c + (255 - c) * 0.7));
  return `rgb(${mixed.join(" ")})`;
}

/** Discs that hold the true point in 90 % of cases. Together they are one layer, no blot. */
function drawRadii(canvas, face, pen, view) {
  const [discs, rings] = [new Path2D(), new Path2D()];
  face.points.forEach(([x, y], k) => {
    const radius = Math.min(face.radius[k], Math.max(...view.size));
    for (const path of [discs, rings]) {
      path.moveTo(x + radius, y);
      path.arc(x, y, radius, 0, TURN);
    }
  });
  canvas.fillStyle = trackColor(face.track, view.colors, 0.26);
  canvas.fill(discs);
  canvas.strokeStyle = trackColor(face.track, view.colors, 0.55);
  canvas.lineWidth = 0.7 * pen.line;
  canvas.stroke(rings);
}

/** The axes of the head, from a point between the eyes: x, y and z, the way it faces. */
function drawAxes(canvas, [origin, ...ends], pen) {
  AXES.forEach(({ color, name }, k) => {
    const path = new Path2D();
    path.moveTo(...origin);
    path.lineTo(...ends[k]);
    rimmed(canvas, path, { line: 2 * pen.line, rim: pen.rim }, color);
    writeText(canvas, name, ends[k][0] + pen.text * 0.3, ends[k][1], pen.text, color);
  });
}

/** Text with a dark rim. */
function writeText(canvas, text, x, y, size, color) {
  canvas.font = `600 ${size}px system-ui, sans-serif`;
  canvas.lineJoin = "round";
  canvas.lineWidth = size / 4;
  canvas.strokeStyle = INK;
  canvas.strokeText(text, x, y);
  canvas.fillStyle = color;
  canvas.fillText(text, x, y);
}

/** Numbers of points, and the tag of a track or of the selected face. */
function drawLabels(canvas, face, index, view) {
  const pen = penOf(face, view);
  canvas.save();
  if (view.layers.numbers) {
    const size = Math.min(pen.text * 0.8, view.zoom ? Infinity : 0.05 * extentOf(face));
    face.points.forEach(([x, y], k) => {
      writeText(canvas, String(k), x + pen.dot * 1.3, y - pen.dot, size, "white");
    });
  }
  const tagged = view.layers.tracks && typeof face.track === "number";
  if (tagged) drawTag(canvas, `${face.track}`, face, pen, view);
  else if (view.selected === index && faces(view) > 1) {
    drawTag(canvas, `face ${index + 1}`, face, pen, view);
  }
  canvas.restore();
}

const faces = (view) => view.count ?? 1;

/** A tag above the face, moved into the picture. */
function drawTag(canvas, text, face, pen, view) {
  canvas.font = `600 ${pen.text}px system-ui, sans-serif`;
  const pad = 0.4 * pen.text;
  const [width, height] = [canvas.measureText(text).width + 2 * pad, pen.text + 1.4 * pad];
  const x = Math.min(Math.max(face.box[0], 0), Math.max(0, view.size[0] - width));
  const above = face.box[1] - height - 0.5 * pen.text;
  const y = Math.min(Math.max(above, 0), Math.max(0, view.size[1] - height));
  canvas.beginPath();
  canvas.roundRect(x, y, width, height, pad);
  canvas.fillStyle = trackColor(face.track, view.colors, 0.92);
  canvas.fill();
  canvas.fillStyle = INK;
  canvas.textBaseline = "middle";
  canvas.fillText(text, x + pad, y + height / 2);
}

/**
 * Ring the points that a measure is computed from, and join them in pairs.
 *
 * @param {CanvasRenderingContext2D} canvas
 * @param {number[][]} points (x, y) of the points.
 * @param {{zoom: number, lines: boolean}} view lines: whether pairs of points are distances.
 */
export function drawMeasure(canvas, points, { zoom, lines }) {
  canvas.save();
  canvas.lineCap = "round";
  const pen = { line: 2 / zoom, rim: 1 / zoom };
  const path = new Path2D();
  for (let k = 0; lines && k + 1 < points.length; k += 2) {
    path.moveTo(...points[k]);
    path.lineTo(...points[k + 1]);
  }
  for (const [x, y] of points) {
    path.moveTo(x + 6 / zoom, y);
    path.arc(x, y, 6 / zoom, 0, TURN);
  }
  rimmed(canvas, path, pen, "#ffffff");
  canvas.restore();
}
