/**
 * Affine maps and the coordinate convention, as in Python's `imaging/affine.py`.
 *
 * Points are [x, y] in pixels; the center of the top-left pixel is [0, 0]. A matrix is
 * [a, b, x, c, d, y]: it maps [px, py] to [a px + b py + x, c px + d py + y].
 */

/** The map that changes nothing. */
export const IDENTITY = Object.freeze([1, 0, 0, 0, 1, 0]);

/** Map a point. */
export function apply(matrix, [px, py]) {
  const [a, b, x, c, d, y] = matrix;
  return [px * a + py * b + x, px * c + py * d + y];
}

/** The map that applies `first`, then `second`. */
export function compose(first, second) {
  const [a, b, x, c, d, y] = first;
  const [e, f, u, g, h, v] = second;
  return [
    e * a + f * c, e * b + f * d, e * x + f * y + u,
    g * a + h * c, g * b + h * d, g * x + h * y + v,
  ];
}

/**
 * The map that undoes a map.
 *
 * @throws {RangeError} it maps the plane onto a line or a point.
 */
export function invert([a, b, x, c, d, y]) {
  const size = a * d - b * c;
  if (!size) throw new RangeError("an affine map with the scale 0 cannot be inverted");
  const [e, f, g, h] = [d / size, -b / size, -c / size, a / size];
  return [e, f, -e * x - f * y, g, h, -g * x - h * y];
}

/** The map to the pixels of the image that is resized by these factors. */
export function resizeMatrix(scaleX, scaleY) {
  return [scaleX, 0, (scaleX - 1) / 2, 0, scaleY, (scaleY - 1) / 2];
}

/** Factor that a similarity enlarges by. */
export function scaleOf(matrix) {
  return Math.hypot(matrix[0], matrix[3]);
}

/** Degrees that a similarity rotates by, [-180, 180]; positive is clockwise on the screen. */
export function rotationOf(matrix) {
  return degrees(Math.atan2(matrix[3], matrix[0]));
}

/** Radians as degrees. */
export function degrees(radians) {
  return radians * (180 / Math.PI);
}

/** An angle in degrees, wrapped into [-180, 180). */
export function wrapDegrees(angle) {
  return ((((angle + 180) % 360) + 360) % 360) - 180;
}

/**
 * The similarity that maps points closest to others, by least squares (Umeyama 1991). It never
 * mirrors.
 *
 * @param {number[][]} source K points.
 * @param {number[][]} target K points.
 * @param {number[]} [weights] K numbers, 0 or more; all equal if left out.
 * @returns {number[]|null} null if no two source points of positive weight differ.
 */
export function fitSimilarity(source, target, weights) {
  const share = weights ?? source.map(() => 1);
  const total = Math.max(share.reduce((sum, value) => sum + value, 0), 1e-300);
  const mean = (points, axis) =>
    points.reduce((sum, point, k) => sum + (share[k] / total) * point[axis], 0);
  const [x, y] = [mean(source, 0), mean(source, 1)];
  const [u, v] = [mean(target, 0), mean(target, 1)];
  let [extent, real, imaginary] = [0, 0, 0];
  source.forEach((point, k) => {
    const [dx, dy] = [point[0] - x, point[1] - y];
    const [du, dv] = [target[k][0] - u, target[k][1] - v];
    const weight = share[k] / total;
    extent += weight * (dx * dx + dy * dy);
    real += weight * (dx * du + dy * dv);
    imaginary += weight * (dx * dv - dy * du);
  });
  if (!(extent > 0)) return null;
  const [cos, sin] = [real / extent, imaginary / extent];
  return [cos, -sin, u - cos * x + sin * y, sin, cos, v - sin * x - cos * y];
}

/** The box [x, y, width, height] around points. */
export function boundingBox(points) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of points) {
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return [left, top, right - left, bottom - top];
}
