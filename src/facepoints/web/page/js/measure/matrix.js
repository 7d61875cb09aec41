/**
 * Small dense matrices, as arrays of rows, and a few functions of numbers.
 *
 * The head fit needs 2x2, 3x3 and 6x6 matrices only, so these functions are simple, not fast.
 */

/** Product of two matrices, (n, k) and (k, m). */
export function multiply(a, b) {
  return a.map((row) =>
    b[0].map((_, column) => row.reduce((sum, value, k) => sum + value * b[k][column], 0)),
  );
}

/** Transpose of a matrix. */
export function transpose(a) {
  return a[0].map((_, column) => a.map((row) => row[column]));
}

/** Product of a matrix (n, k) and a vector (k). */
export function transform(a, vector) {
  return a.map((row) => row.reduce((sum, value, k) => sum + value * vector[k], 0));
}

/** Identity matrix of n rows. */
export function identity(n) {
  return Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => Number(i === j)));
}

/** n rows of m zeros. */
export function zeros(n, m) {
  return Array.from({ length: n }, () => new Array(m).fill(0));
}

/**
 * Solution of a x = b for a square matrix, by Gaussian elimination with partial pivoting.
 *
 * @param {number[][]} a (n, n).
 * @param {number[][]} b (n, m).
 * @returns {number[][] | null} (n, m); null if the matrix has no inverse.
 */
export function solve(a, b) {
  const n = a.length;
  const rows = a.map((row, i) => [...row, ...b[i]]);
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let i = column + 1; i < n; i++) {
      if (Math.abs(rows[i][column]) > Math.abs(rows[pivot][column])) pivot = i;
    }
    if (!(Math.abs(rows[pivot][column]) > 0)) return null;
    [rows[column], rows[pivot]] = [rows[pivot], rows[column]];
    for (let i = 0; i < n; i++) {
      if (i === column) continue;
      const factor = rows[i][column] / rows[column][column];
      if (factor === 0) continue;
      for (let j = column; j < rows[i].length; j++) rows[i][j] -= factor * rows[column][j];
    }
  }
  return rows.map((row, i) => row.slice(n).map((value) => value / row[i]));
}

/** Inverse of a square matrix; null if it has none. */
export function inverse(a) {
  return solve(a, identity(a.length));
}

/** Degrees to radians. */
export function radians(degrees) {
  return (degrees * Math.PI) / 180;
}

/** A number limited to [low, high]. */
export function clip(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/** Linear interpolation in increasing `xs`; constant beyond their ends. */
export function interpolate(x, xs, ys) {
  if (x <= xs[0]) return ys[0];
  const last = xs.length - 1;
  if (x >= xs[last]) return ys[last];
  let k = 1;
  while (xs[k] < x) k++;
  return ys[k - 1] + ((x - xs[k - 1]) / (xs[k] - xs[k - 1])) * (ys[k] - ys[k - 1]);
}

/** Sum of numbers. */
export function sum(values) {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** Width and height of the box around points (K, 2). */
export function extent(points) {
  const [low, high] = [[Infinity, Infinity], [-Infinity, -Infinity]];
  for (const point of points) {
    for (const axis of [0, 1]) {
      low[axis] = Math.min(low[axis], point[axis]);
      high[axis] = Math.max(high[axis], point[axis]);
    }
  }
  return [high[0] - low[0], high[1] - low[1]];
}
