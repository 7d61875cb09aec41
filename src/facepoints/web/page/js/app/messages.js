/** What the page says: errors that stay until they are closed, and news for screen readers. */

import { byId, make } from "./dom.js";

const MOST = 4; // alerts on the page; older ones go

/**
 * Show an error. It is read out at once.
 *
 * @param {string} subject such as a file name; "" for none. It stays text.
 * @param {string} message
 */
export function alertPerson(subject, message) {
  const box = byId("alerts");
  const same = [...box.children].find((old) => old.dataset.text === subject + message);
  same?.remove();
  const close = make("button", { type: "button", "aria-label": "Close the message" }, "×");
  const text = make("p", {}, ...(subject ? [make("strong", {}, subject), " "] : []), message);
  const alert = make("div", { class: "alert" }, text, close);
  alert.dataset.text = subject + message;
  close.addEventListener("click", () => alert.remove());
  box.append(alert);
  while (box.children.length > MOST) box.firstElementChild.remove();
}

/**
 * Say something to screen readers when they are free.
 *
 * @param {string} message
 */
export function announce(message) {
  byId("status").textContent = message;
}

/**
 * Show a message on the picture.
 *
 * @param {string} message "" for none.
 * @param {boolean} whole in the middle, where there is no picture.
 */
export function stageMessage(message, whole = false) {
  const box = byId("stage-message");
  box.hidden = !message;
  box.textContent = message;
  box.classList.toggle("whole", whole);
}
