// The audit: filters and orders the faults, remembers the choice at each, and saves the fixes.
(() => {
  const store = document.getElementById("fixes-data");
  if (!store) return;
  const { faults } = JSON.parse(store.textContent);
  const list = document.getElementById("list");
  const cards = [...list.querySelectorAll("article")];
  const controls = document.getElementById("controls");
  const key = `facepoints-audit-${store.dataset.digest}`;

  const choiceOf = (card) => card.querySelector("input:checked").value;
  const choose = (card, value) => {
    const input = card.querySelector(`input[value="${value}"]`);
    if (input) input.checked = true;
  };
  const isShown = (card) => !card.hidden;

  // the browser may keep no memory for files from disk: then choices last while the page is open
  const remember = () => {
    const choices = Object.fromEntries(cards.map((card) => [card.dataset.number, choiceOf(card)]));
    try {
      localStorage.setItem(key, JSON.stringify(choices));
    } catch {}
  };
  const recall = () => {
    try {
      const choices = JSON.parse(localStorage.getItem(key) || "{}");
      for (const card of cards) choose(card, choices[card.dataset.number] ?? choiceOf(card));
    } catch {}
  };

  const values = (id) => document.getElementById(id)?.value ?? "";
  const tell = () => {
    const counts = { mend: 0, drop: 0, keep: 0 };
    for (const card of cards) counts[choiceOf(card)] += 1;
    document.getElementById("state").textContent =
      `${cards.filter(isShown).length} of ${cards.length} faults shown. ` +
      `Chosen: mend ${counts.mend}, leave out ${counts.drop}, keep ${counts.keep}.`;
  };
  const filter = () => {
    const words = values("by-text").toLowerCase().split(/\s+/).filter(Boolean);
    for (const card of cards) {
      const { cause, set, text } = card.dataset;
      card.hidden =
        (values("by-cause") && values("by-cause") !== cause) ||
        (values("by-set") && values("by-set") !== set) ||
        (values("by-choice") && values("by-choice") !== choiceOf(card)) ||
        !words.every((word) => text.includes(word));
    }
    tell();
  };
  const sort = () => {
    const by = values("order");
    const down = by === "confidence" || by === "off" ? -1 : 1;
    const value = (card) => Number(card.dataset[by]);
    cards.sort((a, b) => down * (value(a) - value(b)) || a.dataset.number - b.dataset.number);
    list.append(...cards);
  };
  const chooseShown = (value) => {
    for (const card of cards.filter(isShown)) choose(card, value);
    remember();
    tell();
  };

  const fixesOf = (card) => {
    const { cause, evidence, rows, changes } = faults[card.dataset.number];
    const made = (row, action, value) => {
      const fix = { ...rows[row], cause, action, values: value };
      return evidence ? { ...fix, evidence } : fix;
    };
    if (choiceOf(card) === "mend") return changes.map((change) => made(...change));
    if (choiceOf(card) === "drop") return rows.map((_, row) => made(row, "drop", null));
    return [];
  };
  const save = () => {
    const inOrder = [...cards].sort((a, b) => a.dataset.number - b.dataset.number);
    const fixes = inOrder.flatMap(fixesOf);
    const file = { format: "facepoints fixes", version: 1, fixes };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(
      new Blob([`${JSON.stringify(file, null, 2)}\n`], { type: "application/json" }),
    );
    link.download = "fixes.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    document.getElementById("state").textContent =
      `${fixes.length} ${fixes.length === 1 ? "fix" : "fixes"} saved as fixes.json.`;
  };

  recall();
  controls.hidden = false;
  controls.addEventListener("submit", (event) => event.preventDefault());
  for (const id of ["by-cause", "by-set", "by-choice", "by-text"]) {
    document.getElementById(id)?.addEventListener("input", filter);
  }
  document.getElementById("order").addEventListener("input", sort);
  list.addEventListener("change", () => {
    remember();
    tell();
  });
  document.getElementById("mend-all").addEventListener("click", () => chooseShown("mend"));
  document.getElementById("keep-all").addEventListener("click", () => chooseShown("keep"));
  document.getElementById("save").addEventListener("click", save);
  tell();
})();
