/** Files that the person keeps: the browser's own download, nothing leaves the device. */

/**
 * Offer a file as a download.
 *
 * @param {Blob} blob
 * @param {string} name of the file.
 */
export function download(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/**
 * A file name made of another one: folders and suffix go, so do characters that some systems
 * refuse.
 *
 * @param {string} name such as "trip/a<b>.jpg".
 * @param {string} ending such as ".faces.jsonl".
 * @returns {string} such as "a_b_.faces.jsonl".
 */
export function fileName(name, ending) {
  const last = name.split(/[\\/]/).pop() ?? "";
  const stem = last.replace(/(.)\.[^.]*$/, "$1").replace(/[<>:"|?*\p{Cc}\p{Cf}]/gu, "_");
  return `${stem.slice(0, 120) || "faces"}${ending}`;
}
