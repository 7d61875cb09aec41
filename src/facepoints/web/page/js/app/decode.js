/** Photos as pixels: the picture as a person sees it, with its EXIF turn. */

import { kindOf, tooLarge } from "./kinds.js";

/** A file cannot be used. The message says what was expected, what came and what to do. */
export class FileError extends Error {}

const CONVERT = "Convert it to JPEG or PNG, or use “facepoints predict” on the command line.";

/**
 * Check a file before it is decoded.
 *
 * @param {Blob} file
 * @returns {Promise<{kind: "photo"|"video", format: string}>}
 * @throws {FileError} it is empty, neither photo nor video, or too large.
 */
export async function checkFile(file) {
  if (file.size === 0) throw new FileError("The file is empty (0 bytes).");
  let known;
  try {
    known = await kindOf(file);
  } catch {
    throw new FileError("The file cannot be read. It may have been moved or changed.");
  }
  if (known.kind === "video") return known;
  if (known.kind !== "photo") {
    const what = known.format ? `It is an ${known.format} drawing` : "Its content is something else";
    throw new FileError(`This is not a photo or a video. ${what}. ${CONVERT}`);
  }
  const reason = tooLarge(known.size, file.size);
  if (reason) throw new FileError(reason);
  return known;
}

/**
 * Decode a photo.
 *
 * @param {Blob} file
 * @param {string} format for messages.
 * @returns {Promise<ImageBitmap>} in the colors to show.
 * @throws {FileError} the browser cannot read it.
 */
export async function decodePhoto(file, format) {
  try {
    return checkedSize(await createImageBitmap(file), file);
  } catch (error) {
    if (error instanceof FileError) throw error;
    const reads = ["HEIC", "TIFF", "AVIF"].includes(format);
    throw new FileError(
      reads
        ? `This browser cannot read ${format} pictures. ${CONVERT}`
        : `The picture is damaged or cut off: this browser cannot read the ${format} file.`,
    );
  }
}

function checkedSize(bitmap, file) {
  const reason = tooLarge([bitmap.width, bitmap.height], file.size);
  if (!reason) return bitmap;
  bitmap.close();
  throw new FileError(reason);
}

/**
 * The pixels of a photo for the models: as stored, without the conversion of colors that screens
 * need, so that they are those that the Python package reads. Transparent pixels become white.
 *
 * @param {Blob} file
 * @returns {Promise<ImageData>}
 */
export async function photoPixels(file) {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
  const pixels = pixelsOf(bitmap, bitmap.width, bitmap.height);
  bitmap.close();
  return pixels;
}

/**
 * The pixels of something that can be drawn, on white.
 *
 * @param {CanvasImageSource} source
 * @param {number} width
 * @param {number} height
 * @returns {ImageData}
 */
export function pixelsOf(source, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new FileError("The picture is too large for the memory of this browser.");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(source, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}
