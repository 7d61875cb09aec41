/** Single keys as shortcuts. They can be switched off, and rest while a person types or chooses. */

import { byId, make } from "./dom.js";

/**
 * A shortcut.
 *
 * @typedef {object} Shortcut
 * @property {string[]} keys values of `KeyboardEvent.key`, in lower case.
 * @property {string} label of the keys in the list of help.
 * @property {string} does in words.
 * @property {(event: KeyboardEvent) => void} act
 * @property {(event: KeyboardEvent) => void} [release]
 * @property {boolean} [onPicture] only while the picture has the focus, or nothing.
 * @property {boolean} [ctrl] with the key Ctrl, or Command on a Mac. It cannot be switched off.
 */

/**
 * Listen for shortcuts, and list them in the help.
 *
 * @param {Shortcut[]} shortcuts
 * @param {() => boolean} ready whether there is something to act on.
 */
export function listenForKeys(shortcuts, ready) {
  const find = (event) => {
    const { target } = event;
    const ctrl = event.ctrlKey || event.metaKey;
    if (event.altKey || event.defaultPrevented) return null;
    if (!(ctrl || byId("keys-on").checked) || !ready()) return null;
    if (document.querySelector("dialog[open]")) return null;
    if (target.closest?.("input:not([type=checkbox], [type=radio]), select, textarea")) return null;
    const free = target === document.body || target.id === "stage" || target.id === "content";
    const key = event.key.toLowerCase();
    const found = shortcuts.find((each) => each.keys.includes(key) && Boolean(each.ctrl) === ctrl);
    return found?.onPicture && !free ? null : found;
  };
  addEventListener("keydown", (event) => {
    const shortcut = find(event);
    if (!shortcut || (event.repeat && shortcut.release)) return;
    event.preventDefault();
    shortcut.act(event);
  });
  addEventListener("keyup", (event) => find(event)?.release?.(event));
  const list = shortcuts.flatMap(({ label, does }) => [
    make("dt", {}, ...label.split(" ").map((key) => make("kbd", {}, key))),
    make("dd", {}, does),
  ]);
  byId("keys").replaceChildren(...list);
}
