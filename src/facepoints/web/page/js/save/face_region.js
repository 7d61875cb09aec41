/**
 * The region of a picture that a face covers, from the chin to the hair line, as
 * `facepoints blur` hides it. All numbers come from the settings (`settings.drawing.region`).
 */

/**
 * A convex region around a face.
 *
 * @typedef {object} Region
 * @property {number[][]} polygon corners in pixels.
 * @property {number[]} center in pixels.
 * @property {number} size longer side of the box of the face's points, in pixels.
 */

/**
 * The region of a face: its points with their 90 % radii, the forehead, and a margin.
 *
 * @param {object} face as in a line of faces.jsonl.
 * @param {object} settings of the page.
 * @returns {Region}
 */
export function faceRegion(face, settings) {
  const { region } = settings.drawing;
  const { points } = face;
  const size = Math.max(1, widest(points));
  const radius = face.radius.map((r) => Math.min(Math.max(r, 0), region.max_radius * size));
  const head = fittedHead(face, radius, size, region);
  const spots = [...points, ...head];
  const around = [...radius, ...head.map(() => median(radius))];
  const margin = region.margin + (head.length ? 0 : region.unknown_margin);
  const center = [0, 1].map((k) => {
    const [low, high] = extent(spots.map((spot) => spot[k]));
    return (low + high) / 2;
  });
  return { polygon: polygonOf(center, spots, around, margin * size, region), center, size };
}

/** Corners of the region whose edges, one for each direction, touch all spots. */
function polygonOf(center, spots, around, margin, region) {
  const count = region.directions;
  const step = (2 * Math.PI) / count;
  const normals = Array.from({ length: count }, (_, k) => [Math.cos(k * step), Math.sin(k * step)]);
  const reach = normals.map(([a, b]) => {
    const each = spots.map(([x, y], k) => (x - center[0]) * a + (y - center[1]) * b + around[k]);
    return Math.max(...each) + margin;
  });
  return normals.map(([a, b], k) => {
    const along = (reach[(k + 1) % count] - reach[k] * Math.cos(step)) / Math.sin(step);
    return [center[0] + reach[k] * a - along * b, center[1] + reach[k] * b + along * a];
  });
}

/** The mean head with its forehead in pixels, as the face's points lie; [] if they do not tell. */
function fittedHead(face, radius, size, region) {
  const { columns, shape, std } = region;
  if (columns.length < 4) return [];
  const unit = size / Math.max(widest(shape), 1e-3);
  const weights = columns.map((column, k) => {
    const doubt = Math.hypot(radius[column], Math.max(std[k], 0.01) * unit);
    const seen = face.visible ? Math.max(face.visible[column], region.least_visible) : 1;
    return (seen / doubt) ** 2;
  });
  const rows = shape.map((point) => [...point, 1]);
  const camera = leastSquares(rows, columns.map((k) => face.points[k]), weights);
  if (!camera) return [];
  const fitted = region.head.map((point) =>
    [0, 1].map((k) => [...point, 1].reduce((sum, value, i) => sum + value * camera[i][k], 0)),
  );
  return widest(fitted) < region.largest_head * size ? fitted : [];
}

/** The longer side of the box around points, seen from the front. */
function widest(points) {
  const sides = [0, 1].map((k) => extent(points.map((point) => point[k])));
  return Math.max(...sides.map(([low, high]) => high - low));
}

/** The 4 x 2 matrix that takes rows (K, 4) to points (K, 2) best; null if they are degenerate. */
function leastSquares(rows, points, weights) {
  const normal = [0, 1, 2, 3].map((i) => [
    ...[0, 1, 2, 3].map((j) => sumOf(rows, (row, k) => weights[k] * row[i] * row[j])),
    ...[0, 1].map((c) => sumOf(rows, (row, k) => weights[k] * row[i] * points[k][c])),
  ]);
  for (let i = 0; i < 4; i += 1) {
    const larger = (a, b) => (Math.abs(normal[b][i]) > Math.abs(normal[a][i]) ? b : a);
    const best = [0, 1, 2, 3].slice(i).reduce(larger);
    [normal[i], normal[best]] = [normal[best], normal[i]];
    if (Math.abs(normal[i][i]) < 1e-12) return null;
    for (let j = 0; j < 4; j += 1) {
      if (j === i) continue;
      const factor = normal[j][i] / normal[i][i];
      normal[j] = normal[j].map((value, k) => value - factor * normal[i][k]);
    }
  }
  return normal.map((row, i) => [row[4] / row[i], row[5] / row[i]]);
}

const sumOf = (rows, term) => rows.reduce((sum, row, k) => sum + term(row, k), 0);
const extent = (values) => [Math.min(...values), Math.max(...values)];

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
