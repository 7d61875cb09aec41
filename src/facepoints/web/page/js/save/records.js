/**
 * Results as the records of a results file, one per photo or video frame, and as JSON lines.
 *
 * The keys and values are those of `facepoints predict`: see docs/reference/file-formats.md.
 * Coordinates are pixels; the center of the top-left pixel is (0, 0).
 */

/**
 * The records of an item.
 *
 * @param {object} item photo: {name, width, height, faces}; video: {name, width, height, frames},
 *     frames of {frame, time, faces}; unreadable: {name, error}.
 * @param {string|string[]} landmarks name of a known landmark set, or the names of the points.
 * @returns {object[]} a record per photo or frame.
 */
export function recordsOf(item, landmarks) {
  if (item.error) return [{ file: item.name, error: item.error }];
  const frames = item.frames ?? [{ frame: 0, faces: item.faces ?? [] }];
  return frames.map(({ frame, time, faces }) => ({
    file: item.name,
    frame,
    ...(time === undefined ? {} : { time: Math.round(time * 1e6) / 1e6 }),
    width: item.width,
    height: item.height,
    ...(faces.length ? { landmarks } : {}),
    faces: faces.map(faceRecord),
  }));
}

/** The face of a record: the keys of the format in its order, and no others. */
function faceRecord(face) {
  const { box, score, points, radius, visible } = face;
  return {
    box,
    score,
    track: face.track ?? null,
    points,
    radius,
    ...(visible ? { visible } : {}),
  };
}

/**
 * Records as JSON lines.
 *
 * @param {object[]} records
 * @returns {string} a line of JSON for each.
 */
export function toJsonLines(records) {
  return records.map((record) => `${harmlessJson(record)}\n`).join("");
}

/** Characters that JSON may hold, but that control a terminal or the direction of writing. */
const UNSAFE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * JSON text in which no character controls a terminal.
 *
 * @param {unknown} data
 * @returns {string}
 */
export function harmlessJson(data) {
  const escape = (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(data).replace(UNSAFE, escape);
}
