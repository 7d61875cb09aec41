/** CSV tables: a row per face, with its points or its measures. */

const FIRST = ["file", "frame", "face", "track", "score", "box_x", "box_y", "box_w", "box_h"];

/**
 * A table of faces and points, as `facepoints predict --out faces.csv` writes it.
 *
 * Photos without a face, and unreadable files, have no row. Columns of visibility are there if it
 * is known for any face, and a column of the time if a record is a frame of a video.
 *
 * @param {object[]} records of `recordsOf`.
 * @param {string[]} names of the points.
 * @returns {string}
 */
export function toFacesCsv(records, names) {
  const timed = records.some((record) => record.time !== undefined);
  const seen = records.some((record) => (record.faces ?? []).some((face) => face.visible));
  const parts = ["_x", "_y", "_r", ...(seen ? ["_visible"] : [])];
  const header = [...FIRST, ...names.flatMap((name) => parts.map((part) => name + part))];
  if (timed) header.splice(2, 0, "time");
  const rows = records.flatMap((record) =>
    (record.faces ?? []).map((face, number) => {
      const row = [record.file, record.frame, number, face.track, face.score, ...face.box];
      if (timed) row.splice(2, 0, record.time);
      face.points.forEach(([x, y], k) => {
        row.push(x, y, face.radius[k]);
        if (seen) row.push(face.visible?.[k]);
      });
      return row;
    }),
  );
  return toCsv([header, ...rows]);
}

/**
 * A table of measures, with the columns of `facepoints measure` that the page computes: each
 * measure as NAME and NAME_r, its 90 % error radius.
 *
 * @param {object[]} records of `recordsOf`; each face has `measures`, a list of {name, value,
 *     radius}.
 * @param {string[]} names of the measures, in the order of the columns.
 * @param {string} [convention] data set whose marks the measures follow, for a column of its own;
 *     "": none.
 * @returns {string}
 */
export function toMeasuresCsv(records, names, convention = "") {
  const header = ["file", "frame", "time", "face", "track", "score"];
  header.push(...names.flatMap((name) => [name, `${name}_r`]));
  if (convention) header.push("convention");
  const rows = records.flatMap((record) =>
    (record.faces ?? []).map((face, number) => {
      const found = new Map(face.measures.map((measure) => [measure.name, measure]));
      const row = [record.file, record.frame, record.time, number, face.track];
      row.push(significant(face.score, 4));
      for (const name of names) {
        const measure = found.get(name);
        row.push(significant(measure?.value, 6), significant(measure?.radius, 3));
      }
      if (convention) row.push(convention);
      return row;
    }),
  );
  return toCsv([header, ...rows]);
}

/** A number with so many significant digits; blank if it is unknown. */
function significant(value, digits) {
  return Number.isFinite(value) ? Number(value.toPrecision(digits)) : null;
}

/**
 * Rows as CSV text. Texts that a spreadsheet would take for a formula get an apostrophe in front.
 *
 * @param {unknown[][]} rows cells are texts and numbers; null and undefined are blank.
 * @returns {string}
 */
export function toCsv(rows) {
  return rows.map((row) => `${row.map(cellText).join(",")}\n`).join("");
}

function cellText(cell) {
  if (cell === null || cell === undefined) return "";
  if (typeof cell === "number") return String(cell);
  const text = String(cell).toWellFormed?.() ?? String(cell);
  const risky = text.length > 1 && /^'*[=+\-@\t\r]/.test(text);
  const harmless = risky ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
