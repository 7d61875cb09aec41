/** Small helpers for the document. Text is always text: nothing is parsed as HTML. */

/**
 * An element with attributes and children.
 *
 * @param {string} tag
 * @param {Record<string, unknown>} attributes `on*` are listeners; true and false switch an
 *     attribute; others are set as text.
 * @param {...(Node|string)} children strings become text.
 * @returns {HTMLElement}
 */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...children);
  return made;
}

/**
 * The element with an id. It must exist: the page is broken without it.
 *
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element "${id}"`);
  return found;
}

/**
 * A count with its noun: "1 face", "2 faces".
 *
 * @param {number} count
 * @param {string} noun
 * @param {string} plural
 */
export function counted(count, noun, plural = `${noun}s`) {
  return `${count} ${count === 1 ? noun : plural}`;
}
