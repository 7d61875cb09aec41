/**
 * Faces made unrecognizable, in the styles of `facepoints blur`: blurred, pixelated, masked or
 * covered by a box. What is left of a face does not depend on its size in pixels.
 */

import { faceRegion } from "./face_region.js";

/** The styles and their names for a person. */
export const STYLES = { blur: "Blur", pixelate: "Pixelate", mask: "Mask", box: "Box" };

const GROWN = 1; // pixels around the region, so that its soft edge lies outside of it

/**
 * Hide faces. The canvas must show the picture in its full size.
 *
 * @param {CanvasRenderingContext2D} context one unit is a pixel of the picture.
 * @param {CanvasImageSource} source the picture.
 * @param {number[]} pictureSize [width, height].
 * @param {object[]} faces
 * @param {{style: string, settings: object}} how
 */
export function hideFaces(context, source, pictureSize, faces, { style, settings }) {
  const regions = faces.map((face) => faceRegion(face, settings));
  regions.sort((a, b) => a.size - b.size); // large ones last, the strongest
  for (const region of regions) {
    const part = partOf(region, pictureSize, style);
    if (!part) continue;
    context.save();
    context.clip(pathOf(region, style));
    if (style === "blur" || style === "pixelate") {
      const { sigma, cell, cell_sigma: cellSigma, fine } = settings.drawing.blur;
      const side = Math.max(2, region.size * cell);
      const spread = style === "blur" ? region.size * sigma : side * cellSigma;
      const smooth = filtered(source, pictureSize, part, spread, fine / region.size);
      if (style === "blur") drawBack(context, smooth, part);
      else drawCells(context, smooth, region, part, side);
    } else {
      context.fillStyle = "black";
      context.fillRect(part[0], part[1], part[2] - part[0], part[3] - part[1]);
    }
    context.restore();
  }
}

/** The corners of what is hidden, in canvas coordinates: half a pixel more than points. */
function cornersOf({ polygon, center }, style) {
  const corners = polygon.map(([x, y]) => {
    const far = Math.hypot(x - center[0], y - center[1]) || 1;
    const grow = 1 + GROWN / far;
    return [center[0] + (x - center[0]) * grow + 0.5, center[1] + (y - center[1]) * grow + 0.5];
  });
  if (style !== "box") return corners;
  const [xs, ys] = [0, 1].map((k) => corners.map((corner) => corner[k]));
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
}

function pathOf(region, style) {
  const path = new Path2D();
  cornersOf(region, style).forEach((corner, k) => (k ? path.lineTo(...corner) : path.moveTo(...corner)));
  path.closePath();
  return path;
}

/** The part [x0, y0, x1, y1] of the picture around a region; null if it is outside. */
function partOf(region, [width, height], style) {
  const corners = cornersOf(region, style);
  const [xs, ys] = [0, 1].map((k) => corners.map((corner) => corner[k]));
  const within = (value, most) => Math.min(Math.max(value, 0), most);
  const part = [
    within(Math.floor(Math.min(...xs)) - 1, width),
    within(Math.floor(Math.min(...ys)) - 1, height),
    within(Math.ceil(Math.max(...xs)) + 1, width),
    within(Math.ceil(Math.max(...ys)) + 1, height),
  ];
  return part[0] < part[2] && part[1] < part[3] ? part : null;
}

/**
 * The picture after a Gaussian filter, small: enough pixels for its smooth result.
 *
 * @returns {{canvas: OffscreenCanvas, pixels: ImageData, from: number[], scale: number[]}} from:
 *     top-left corner in the picture; scale: small pixels per pixel, across and down.
 */
function filtered(source, [width, height], [x0, y0, x1, y1], spread, factor) {
  const room = Math.round(3 * spread) + 1;
  const from = [Math.max(0, x0 - room), Math.max(0, y0 - room)];
  const large = [Math.min(width, x1 + room) - from[0], Math.min(height, y1 + room) - from[1]];
  const small = large.map((side) => Math.max(1, Math.round(side * Math.min(1, factor))));
  const scale = small.map((side, k) => side / large[k]);
  const canvas = halved(source, from, large, small);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const pixels = context.getImageData(0, 0, ...small);
  blurLine(pixels, small[0], small[1], 4, 4 * small[0], spread * scale[0]);
  blurLine(pixels, small[1], small[0], 4 * small[0], 4, spread * scale[1]);
  context.putImageData(pixels, 0, 0);
  return { canvas, pixels, from, scale };
}

/** A part of the source in a smaller size. It is halved step by step, so that pixels are averaged. */
function halved(source, from, large, small) {
  let canvas = null;
  let size = large;
  do {
    const next = size.map((side, k) => Math.max(small[k], Math.ceil(side / 2)));
    const target = new OffscreenCanvas(...next);
    const context = target.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    context.fillStyle = "white";
    context.fillRect(0, 0, ...next);
    if (canvas) context.drawImage(canvas, 0, 0, ...size, 0, 0, ...next);
    else context.drawImage(source, ...from, ...large, 0, 0, ...next);
    canvas = target;
    size = next;
  } while (size.some((side, k) => side > small[k]));
  return canvas;
}

/**
 * A Gaussian filter along one direction, in place. Edges repeat.
 *
 * @param {ImageData} pixels
 * @param {number} length of a line, in pixels.
 * @param {number} lines
 * @param {number} step from a pixel to the next on the line, in bytes.
 * @param {number} jump from a line to the next, in bytes.
 * @param {number} sigma standard deviation in pixels.
 */
function blurLine({ data }, length, lines, step, jump, sigma) {
  const reach = Math.max(1, Math.ceil(3 * sigma));
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, k) =>
    Math.exp(-((k - reach) ** 2) / (2 * Math.max(sigma, 0.01) ** 2)),
  );
  const total = kernel.reduce((sum, value) => sum + value, 0);
  const line = new Float32Array(length);
  for (let n = 0; n < lines; n += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      const start = n * jump + channel;
      for (let k = 0; k < length; k += 1) line[k] = data[start + k * step];
      for (let k = 0; k < length; k += 1) {
        let sum = 0;
        for (let j = -reach; j <= reach; j += 1) {
          sum += kernel[j + reach] * line[Math.min(Math.max(k + j, 0), length - 1)];
        }
        data[start + k * step] = Math.round(sum / total);
      }
    }
  }
}

function drawBack(context, { canvas, from, scale }) {
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(canvas, ...from, canvas.width / scale[0], canvas.height / scale[1]);
}

/** Square cells of one color each; the middle of a cell is at the region's center. */
function drawCells(context, { pixels, from, scale }, { center }, [x0, y0, x1, y1], side) {
  const { data, width, height } = pixels;
  const first = [x0, y0].map((low, k) => Math.floor((low - center[k]) / side - 0.5));
  const last = [x1, y1].map((high, k) => Math.ceil((high - center[k]) / side + 0.5));
  const at = (value, k, most) =>
    Math.min(Math.max(Math.floor((value + 0.5 - from[k]) * scale[k]), 0), most - 1);
  for (let j = first[1]; j <= last[1]; j += 1) {
    for (let i = first[0]; i <= last[0]; i += 1) {
      const [x, y] = [center[0] + i * side, center[1] + j * side];
      const inside = [Math.min(Math.max(x, x0), x1 - 1), Math.min(Math.max(y, y0), y1 - 1)];
      const place = 4 * (at(inside[1], 1, height) * width + at(inside[0], 0, width));
      context.fillStyle = `rgb(${data[place]} ${data[place + 1]} ${data[place + 2]})`;
      const [left, top] = [x - side / 2 + 0.5, y - side / 2 + 0.5].map(Math.round);
      const [right, bottom] = [x + side / 2 + 0.5, y + side / 2 + 0.5].map(Math.round);
      context.fillRect(left, top, right - left, bottom - top);
    }
  }
}

/**
 * The faces to hide in a frame of a video: its own, and those of tracks that were seen shortly
 * before or after it, where they were seen last.
 *
 * @param {object[]} frames of the video: {frame, time, faces}.
 * @param {number} number of the frame.
 * @param {number} seconds before and after.
 * @returns {object[]} faces.
 */
export function facesToHide(frames, number, seconds = 0.5) {
  const here = frames[Math.min(number, frames.length - 1)];
  const found = [...here.faces];
  const known = new Set(found.map((face) => face.track));
  const near = frames.filter((frame) => Math.abs(frame.time - here.time) <= seconds);
  near.sort((a, b) => Math.abs(a.time - here.time) - Math.abs(b.time - here.time));
  for (const frame of near) {
    for (const face of frame.faces) {
      if (known.has(face.track)) continue;
      known.add(face.track);
      found.push(face);
    }
  }
  return found;
}
