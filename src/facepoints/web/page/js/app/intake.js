/** Files that come in: dropped, pasted, or chosen. */

const MOST_FILES = 5000; // at once; more would fill the list and the memory
const TOO_MANY =
  `Only the first ${MOST_FILES} files are opened at once. For more, use “facepoints predict”.`;

/**
 * A file that came in.
 *
 * @typedef {{file: File, name: string, quiet: boolean}} Incoming name: to show and to save, below
 *     the folder; quiet: it came with a folder, so it is passed over if it is no photo or video.
 */

/**
 * Listen for files on the whole page.
 *
 * @param {object} on
 * @param {(files: Incoming[]) => void} on.files
 * @param {(message: string) => void} on.refused something without a file came.
 * @param {HTMLElement} veil shown while a file is over the page.
 */
export function listenForFiles({ files, refused }, veil) {
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0;
  const over = (change) => {
    depth = Math.max(0, depth + change);
    veil.hidden = depth === 0;
  };
  addEventListener("dragenter", (event) => carries(event) && over(1));
  addEventListener("dragleave", (event) => carries(event) && over(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", async (event) => {
    event.preventDefault();
    over(-depth);
    if (!carries(event)) refused("Drop files, not text or links: this page loads nothing from elsewhere.");
    else {
      const dropped = await droppedFiles(event.dataTransfer);
      if (dropped.length > MOST_FILES) refused(TOO_MANY);
      files(dropped.slice(0, MOST_FILES));
    }
  });
  addEventListener("paste", (event) => {
    if (event.target.closest?.("input:not([type=checkbox]), textarea")) return;
    const pasted = [...(event.clipboardData?.files ?? [])];
    if (!pasted.length) refused("The clipboard holds no picture.");
    else files(pasted.map((file) => ({ file, name: pastedName(file), quiet: false })));
  });
}

let pastes = 0;

function pastedName(file) {
  const generic = /^image\.(png|jpe?g)$/i.exec(file.name); // as browsers name copied pixels
  if (!generic) return file.name;
  pastes += 1;
  return `pasted-${pastes}.${generic[1]}`;
}

/** The files of a drop, with those in folders. */
async function droppedFiles(transfer) {
  // entries must be taken before the first await: the list is emptied after the event
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.());
  const plain = [...transfer.files];
  if (!entries.some((entry) => entry?.isDirectory)) {
    return plain.map((file) => ({ file, name: file.name, quiet: false }));
  }
  const found = [];
  for (const entry of entries) if (entry) await collect(entry, "", entry.isDirectory, found);
  return found;
}

async function collect(entry, folder, quiet, found) {
  if (found.length > MOST_FILES || entry.name.startsWith(".")) return;
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (file) found.push({ file, name: folder + file.name, quiet });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return;
    some.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
    for (const inner of some) await collect(inner, `${folder}${entry.name}/`, quiet, found);
  }
}

/**
 * Let a person choose files.
 *
 * @param {HTMLInputElement} input of files or of a folder.
 * @param {{files: (files: Incoming[]) => void, refused: (message: string) => void}} on
 */
export function listenForChoice(input, { files, refused }) {
  const take = () => {
    if ((input.files?.length ?? 0) > MOST_FILES) refused(TOO_MANY);
    const chosen = [...(input.files ?? [])].slice(0, MOST_FILES).map((file) => ({
      file,
      name: file.webkitRelativePath || file.name,
      quiet: Boolean(file.webkitRelativePath),
    }));
    input.value = ""; // so that the same file can be chosen again
    if (chosen.length) files(chosen);
  };
  input.addEventListener("change", take);
  if (input.files?.length) take(); // chosen before this module was loaded
}
