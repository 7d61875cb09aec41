/**
 * What a dropped file is, by its first bytes, and how large its picture is, before it is decoded.
 */

/** Largest picture in pixels: decoding and drawing it takes about 2 GB. */
export const MOST_PIXELS = 100e6;
/** Largest side in pixels that browsers draw. */
export const LONGEST_SIDE = 16384;
/** Largest photo file in bytes. */
export const MOST_BYTES = 300e6;

const HEAD = 4096; // bytes
const LONG_HEAD = 512 * 1024; // bytes; a JPEG's size can come after a large preview picture

/** Formats by their first bytes: what the page calls them, and whether it is a photo or a video. */
const SIGNATURES = [
  [/^\xff\xd8\xff/, "JPEG", "photo"],
  [/^\x89PNG\r\n\x1a\n/, "PNG", "photo"],
  [/^GIF8[79]a/, "GIF", "photo"],
  [/^RIFF....WEBP/s, "WebP", "photo"],
  [/^BM....\0\0\0\0/s, "BMP", "photo"],
  [/^....ftyp(avif|avis)/s, "AVIF", "photo"],
  [/^....ftyp(heic|heix|hevc|hevx|heim|heis|mif1|msf1)/s, "HEIC", "photo"],
  [/^(II\*\0|MM\0\*)/, "TIFF", "photo"],
  [/^\0\0\x01\0/, "ICO", "photo"],
  [/^....(ftyp|moov|mdat|wide|free|skip)/s, "MP4 or QuickTime", "video"],
  [/^\x1aE\xdf\xa3/, "WebM or Matroska", "video"],
  [/^OggS/, "Ogg", "video"],
  [/^RIFF....AVI /s, "AVI", "video"],
  [/^\0\0\x01[\xb3\xba]/, "MPEG", "video"],
];

/**
 * What a file is.
 *
 * @param {Blob} file
 * @returns {Promise<{kind: "photo"|"video"|"other", format: string, size: number[] | null}>}
 *     format: for messages; size: [width, height] of a photo, null if its header does not tell.
 */
export async function kindOf(file) {
  const head = await headOf(file, HEAD);
  const text = String.fromCharCode(...head.subarray(0, 32)); // a character for each byte
  const found = SIGNATURES.find(([pattern]) => pattern.test(text));
  if (found) {
    const [, format, kind] = found;
    let size = headerSize(format, head);
    if (!size && format === "JPEG") size = headerSize(format, await headOf(file, LONG_HEAD));
    return { kind, format, size };
  }
  const svg = /^\s*<(\?xml|svg|!--)/.test(text) && file.type === "image/svg+xml";
  return { kind: "other", format: svg ? "SVG" : "", size: null };
}

async function headOf(file, bytes) {
  return new Uint8Array(await file.slice(0, bytes).arrayBuffer());
}

/**
 * Width and height in a photo's header.
 *
 * @param {string} format of `kindOf`.
 * @param {Uint8Array} head
 * @returns {number[] | null} [width, height]; null if the format is not known here.
 */
export function headerSize(format, head) {
  if (!READERS[format]) return null;
  const data = new DataView(head.buffer, head.byteOffset, head.byteLength);
  try {
    return READERS[format](data);
  } catch {
    return null; // the header is cut off; the decoder says so
  }
}

const READERS = {
  PNG: (data) => [data.getUint32(16), data.getUint32(20)],
  GIF: (data) => [data.getUint16(6, true), data.getUint16(8, true)],
  BMP: (data) => [data.getInt32(18, true), Math.abs(data.getInt32(22, true))],
  JPEG: jpegSize,
  WebP: webpSize,
};

function jpegSize(data) {
  let at = 2;
  for (;;) {
    while (data.getUint8(at) === 0xff) at += 1;
    const marker = data.getUint8(at);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return [data.getUint16(at + 6), data.getUint16(at + 4)];
    const alone = marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
    at += 1 + (alone ? 0 : data.getUint16(at + 1));
  }
}

function webpSize(data) {
  const kind = data.getUint8(15);
  const uint24 = (at) => data.getUint16(at, true) + (data.getUint8(at + 2) << 16);
  if (kind === 0x58) return [uint24(24) + 1, uint24(27) + 1]; // VP8X
  if (kind === 0x4c) {
    const bits = data.getUint32(21, true); // VP8L
    return [(bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1];
  }
  return [data.getUint16(26, true) & 0x3fff, data.getUint16(28, true) & 0x3fff];
}

/**
 * Why a photo is too large for the page.
 *
 * @param {number[] | null} size [width, height].
 * @param {number} bytes of the file.
 * @returns {string} "" if it is not.
 */
export function tooLarge(size, bytes) {
  const help = "Make it smaller, or use “facepoints predict” on the command line.";
  if (bytes > MOST_BYTES) {
    const millions = Math.round(bytes / 1e6);
    return `The file is too large: ${millions} MB; the page takes ${MOST_BYTES / 1e6} MB. ${help}`;
  }
  if (!size) return "";
  const [width, height] = size;
  if (width * height <= MOST_PIXELS && Math.max(width, height) <= LONGEST_SIDE) return "";
  const most = `${MOST_PIXELS / 1e6} million pixels and ${LONGEST_SIDE} on a side`;
  return `The picture is too large: ${width} × ${height} pixels; the page takes ${most}. ${help}`;
}
