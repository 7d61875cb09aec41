/** COCO keypoints, as `facepoints predict --out faces.json` writes them. */

import { harmlessJson } from "./records.js";

/**
 * An image per record and an annotation per face, with score, radius, visible (if it is known)
 * and track besides the fields of the format. The flag of a point is 2, or 1 if it is hidden.
 *
 * @param {object[]} records of `recordsOf`.
 * @param {{names: string[], edges: number[][]}} landmarks edges are pairs of columns from 0.
 * @param {number} hiddenBelow points with a smaller probability to be visible are hidden.
 * @returns {string}
 */
export function toCoco(records, landmarks, hiddenBelow) {
  const readable = records.filter((record) => !record.error);
  const images = readable.map((record, index) => ({
    id: index + 1,
    file_name: record.file,
    width: record.width,
    height: record.height,
    frame: record.frame,
  }));
  const faces = readable.flatMap((record, index) =>
    record.faces.map((face) => ({ face, image: index + 1 })),
  );
  const category = {
    id: 1,
    name: "face",
    supercategory: "person",
    keypoints: landmarks.names,
    skeleton: landmarks.edges.map(([a, b]) => [a + 1, b + 1]),
  };
  return `${harmlessJson({
    images,
    annotations: faces.map(({ face, image }, index) =>
      annotation(face, index + 1, image, hiddenBelow),
    ),
    categories: [category],
    facepoints: { unreadable: records.filter((record) => record.error) },
  })}\n`;
}

function annotation(face, id, image, hiddenBelow) {
  const flag = (k) => (face.visible && face.visible[k] < hiddenBelow ? 1 : 2);
  return {
    id,
    image_id: image,
    category_id: 1,
    iscrowd: 0,
    keypoints: face.points.flatMap(([x, y], k) => [x, y, flag(k)]),
    num_keypoints: face.points.length,
    bbox: face.box,
    area: face.box[2] * face.box[3],
    score: face.score,
    radius: face.radius,
    ...(face.visible ? { visible: face.visible } : {}),
    track: face.track,
  };
}
