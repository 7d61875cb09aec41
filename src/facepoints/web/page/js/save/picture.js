/** Pictures with faces drawn on them, or hidden, in full size. */

import { drawFaces } from "../app/draw.js";
import { hideFaces } from "./hide.js";

/**
 * Paint a picture with its faces on a canvas of the picture's size.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {CanvasImageSource} source
 * @param {number[]} size [width, height].
 * @param {object[]} faces
 * @param {object} look {layers, settings, hide, hidden}; hide: a style of `hideFaces`, or "" for
 *     none; hidden: the faces to hide, if they are others.
 */
export function paintPicture(context, source, size, faces, look) {
  const { layers, settings, hide, hidden = faces } = look;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = "white";
  context.fillRect(0, 0, ...size);
  context.drawImage(source, 0, 0, ...size);
  if (hide) hideFaces(context, source, size, hidden, { style: hide, settings });
  if (!layers) return;
  context.translate(0.5, 0.5);
  drawFaces(context, faces, {
    size,
    zoom: 0,
    layers,
    edges: settings.landmarks.edges,
    colors: settings.drawing.track_colors,
    hiddenBelow: settings.predictor.hidden,
  });
}

/**
 * A picture with its faces as a PNG file. It holds pixels only: no place, camera or time.
 *
 * @param {CanvasImageSource} source
 * @param {number[]} size [width, height].
 * @param {object[]} faces
 * @param {object} look see `paintPicture`.
 * @returns {Promise<Blob>}
 */
export async function pngOf(source, size, faces, look) {
  const canvas = new OffscreenCanvas(...size);
  paintPicture(canvas.getContext("2d"), source, size, faces, look);
  return canvas.convertToBlob({ type: "image/png" });
}
