/** Light and dark: as the system says, until a person chooses. */

import { byId } from "./dom.js";

/** Let a person choose. */
export function offerThemes() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const name = () => (byId("theme").textContent = isDark() ? "Light" : "Dark");
  const label = () => {
    name();
    byId("theme").setAttribute("aria-label", `${byId("theme").textContent} colors`);
  };
  byId("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    label();
  });
  system.addEventListener("change", label);
  label();
}
