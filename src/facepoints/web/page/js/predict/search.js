/**
 * The search of an image for faces of all sizes, in passes with more and more pixels. Every pass
 * adds to the faces of the passes before. Python's `detection/search.py` describes the rules.
 */

import { iou, overlapOfSmaller } from "./detections.js";
import { roundHalfEven } from "./gray_image.js";

/**
 * Search a gray image, most confident face first.
 *
 * @param {object} network how the detector's network is run (`FaceDetector`):
 *   whole(gray, side, minScore) resolves to the detections in the image resized to a side;
 *   windows(gray, windows, minScore) to the detections in the middle of each window.
 * @param {object} gray
 * @param {object} settings "detector" of the page's settings.
 * @returns {Promise<object[]>} detections in image pixels.
 */
export async function search(network, gray, settings) {
  const rules = settings.search;
  const longest = Math.max(gray.width, gray.height);
  const least = Math.min(settings.min_score, settings.hint_score);
  const isSure = ({ score }) => score >= settings.sure_score;
  let faces = await firstPasses(network, gray, settings, least);
  let before = Math.min(settings.side, longest);
  if (longest > rules.more_pixels * before && !faces.some(isSure)) {
    const wanted = Math.min(rules.second_part * longest, rules.second_side);
    before = Math.min(longest, Math.max(rules.second_factor * before, wanted));
    const small = (rules.small_face * longest) / before;
    faces = joined(faces, await network.whole(gray, roundHalfEven(before), least), small, settings);
  }
  const last = Math.max(longest, Math.min(rules.most_enlarged * longest, rules.enlarged_side));
  while (last > rules.more_pixels * before && before < rules.largest_side) {
    const enlarged = longest <= rules.more_pixels * before;
    const limit = before < rules.late_side ? rules.small_face : rules.late_small_face;
    const small = ((enlarged ? rules.enlarged_face : limit) * longest) / before;
    const callsForMore = (face) => isSure(face) && longer(face) < small;
    if (!faces.some(callsForMore)) {
      if (enlarged) break;
      faces = await closer(network, gray, faces, small, longest / before, least, settings);
      if (!faces.some(callsForMore)) break;
    }
    before = Math.min(2 * before, before < longest ? longest : last);
    faces = joined(faces, await network.whole(gray, roundHalfEven(before), least), small, settings);
  }
  return faces.filter(({ score }) => score >= settings.min_score);
}

const longer = ({ box }) => Math.max(box[2], box[3]);

/** The first pass; with so many pixels that large faces are too large for the network, passes with
 * fewer pixels before it. */
async function firstPasses(network, gray, settings, minScore) {
  const rules = settings.search;
  const longest = Math.max(gray.width, gray.height);
  const sides = [settings.side];
  while (sides[0] > rules.coarse_side && longest > rules.coarse_side) {
    sides.unshift(Math.floor(sides[0] / 4));
  }
  let faces = [];
  for (const side of sides) {
    const small = ((rules.small_face * longest) / side) * 4;
    const within = Math.min(side, longest);
    faces = joined(faces, await network.whole(gray, within, minScore), small, settings);
  }
  return faces;
}

/**
 * Look again at small faces that are not sure. The new log odds are the mean of both looks; those
 * that are not seen again are dropped.
 *
 * @param {number} small size in image pixels of a face that is looked at again.
 * @param {number} shrunk image pixels per pixel of the last pass.
 */
async function closer(network, gray, faces, small, shrunk, minScore, settings) {
  const rules = settings.search;
  const pixels = (gray.width * gray.height) / shrunk ** 2;
  const most = Math.floor((rules.window_part * pixels) / settings.window ** 2);
  const hints = faces
    .filter((face) => face.score < settings.sure_score && longer(face) < small)
    .slice(0, Math.max(rules.fewest_windows, most));
  if (!hints.length) return faces;
  const windows = hints.map((hint) => windowOf(hint, shrunk, rules));
  const kept = faces.filter((face) => !hints.includes(face));
  const seen = await network.windows(gray, windows, minScore);
  const again = hints.flatMap((hint, k) =>
    seen[k].slice(0, 1).map((face) => ({ ...face, score: meanOdds(hint.score, face.score) })),
  );
  return joined(kept, again.sort(byScore), small, settings);
}

const byScore = (a, b) => b.score - a.score;

/** The score whose log odds are the mean of those of two scores. */
function meanOdds(one, other) {
  const [a, b] = [one, other].map((score) => {
    const known = Math.min(Math.max(score, 1e-6), 1 - 1e-6);
    return known / (1 - known);
  });
  const both = Math.sqrt(a * b);
  return both / (1 + both);
}

/** A square part of an image: center in image pixels, network pixels per image pixel. */
function windowOf(detection, shrunk, rules) {
  const [x, y, width, height] = detection.box;
  const most = Math.min(1, rules.most_zoom / shrunk);
  const wanted = Math.max(rules.window_face / longer(detection), 1 / shrunk);
  return { x: x + width / 2, y: y + height / 2, zoom: Math.min(most, wanted) };
}

/** The faces of two passes. If both found a face, that of the finer pass is kept if the face is
 * smaller than `small` pixels, or if it is sure only there; else that of the coarse pass. */
function joined(coarse, fine, small, settings) {
  const isBetter = (there, here) =>
    longer(here) < small || here.score < Math.min(settings.sure_score, there.score);
  const kept = coarse.filter(
    (face) => !fine.some((other) => isSameFace(face, other, settings) && isBetter(other, face)),
  );
  for (const face of fine) {
    if (!kept.some((other) => isSameFace(face, other, settings))) kept.push(face);
  }
  return kept.sort(byScore);
}

/** True if two boxes show the same face: they overlap, or one lies within the other. */
export function isSameFace(a, b, settings) {
  return (
    overlapOfSmaller(a.box, b.box) > settings.same_overlap || iou(a.box, b.box) > settings.same_iou
  );
}
