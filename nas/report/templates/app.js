// Joins the parts: the chosen architecture's card and summary, controls, links, the keyboard, the theme.
function showCard() {
  const card = DATA.cards[state.chosen];
  // Cards were rendered and escaped by the report's own template; the page's policy runs no script inside them.
  if (card) $("#card").innerHTML = card;
  else {
    $("#card").replaceChildren();
    const why = "This card was left out to keep the page small; the run's architectures folder has its file.";
    el("p", { class: "empty panel" }, $("#card"), `#${state.chosen} ${DATA.ids[state.chosen]}: ${why}`);
  }
}

function showPeek() {
  const [box, row] = [$("#peek"), state.chosen];
  box.replaceChildren();
  const title = el("h3", {}, box, `Architecture #${row}`);
  if (row === DATA.recommended) el("span", { class: "tag" }, title, "recommended");
  el("code", {}, box, DATA.ids[row]);
  const drawing = $("#card .drawing");
  if (drawing) {
    // The same drawing, cropped to its slabs.
    const [, , width] = drawing.getAttribute("viewBox").split(" ").map(Number);
    const small = drawing.cloneNode(true);
    $$("text, .d-hit", small).forEach((node) => node.remove());
    small.setAttribute("viewBox", `76 4 ${width - 76} 144`);
    small.setAttribute("class", "thumb");
    box.append(small);
  }
  const list = el("dl", {}, box);
  DATA.columns.forEach((column) => {
    const line = el("div", {}, list);
    el("dt", {}, line, column.label);
    el("dd", {}, line, shown(column.name, DATA.front[column.name]?.[row]));
  });
  el("a", { href: "#architecture" }, box, "See it stage by stage");
}

function showChosen() {
  showCard();
  showPeek();
  $("#chooser").value = String(state.chosen);
  $("#previous").disabled = state.chosen === 0;
  $("#next").disabled = state.chosen === ROWS.length - 1;
}

function setUpControls() {
  for (const [id, key] of [["#axis-x", "x"], ["#axis-y", "y"]]) {
    DATA.columns.forEach((column) => el("option", { value: column.name }, $(id), column.heading));
    $(id).value = view[key];
    $(id).addEventListener("change", () => { view[key] = $(id).value; drawScatter(); });
  }
  ["cloud", "evaluated", "published"].forEach((key) => {
    const box = $(`#show-${key}`);
    box.addEventListener("change", () => { view[key] = box.checked; drawScatter(); });
  });
  ROWS.forEach((row) => el("option", { value: row }, $("#chooser"), `#${row} ${DATA.ids[row]}${row === DATA.recommended ? " (recommended)" : ""}`));
  $("#chooser").addEventListener("change", (event) => change({ chosen: Number(event.target.value) }));
  $("#previous").addEventListener("click", () => change({ chosen: Math.max(0, state.chosen - 1) }));
  $("#next").addEventListener("click", () => change({ chosen: Math.min(ROWS.length - 1, state.chosen + 1) }));
  $("#clear").addEventListener("click", () => { brushes.clear(); change({ kept: new Set(ROWS) }); });
}

function setUpLinks() {
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("[data-pick]");
    if (link) change({ chosen: Number(link.dataset.pick) });
    const button = event.target.closest("[data-copy]");
    if (button) button.textContent = (await copy(button.closest(".code").querySelector("code"))) ? "Copied" : "Press Ctrl+C";
    if (button) setTimeout(() => { button.textContent = "Copy"; }, 1600);
  });
}

async function copy(node) {
  try {
    await navigator.clipboard.writeText(node.textContent);
    return true;
  } catch {
    // A page opened from disk may not write the clipboard: leave the text selected for the reader to copy.
    getSelection().selectAllChildren(node);
    return false;
  }
}

function setUpKeyboard() {
  const box = $("#scatter");
  box.tabIndex = 0;
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "The front. Arrow keys choose the next architecture, Enter goes to its card.");
  box.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 };
    if (event.key === "Enter") location.hash = "architecture";
    if (!(event.key in steps)) return;
    event.preventDefault();
    const order = points(DATA.front, ROWS.length).sort((a, b) => a.x - b.x).map((p) => p.i);
    const at = order.indexOf(state.chosen) + steps[event.key];
    if (order.length) change({ chosen: order[Math.max(0, Math.min(order.length - 1, at))] });
  });
}

function setUpTheme() {
  const [button, themes] = [$("#theme"), ["auto", "light", "dark"]];
  button.addEventListener("click", () => {
    const next = themes[(themes.indexOf(document.documentElement.dataset.theme ?? "auto") + 1) % 3];
    document.documentElement.dataset.theme = next;
    button.textContent = `Theme: ${next}`;
  });
}

function setUpNav() {
  const links = new Map($$(".nav a").map((link) => [link.getAttribute("href").slice(1), link]));
  const seen = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
    links.forEach((link) => link.removeAttribute("aria-current"));
    links.get(entry.target.id)?.setAttribute("aria-current", "true");
  }), { rootMargin: "-20% 0px -70% 0px" });
  links.forEach((_, id) => { const part = document.getElementById(id); if (part) seen.observe(part); });
}

document.documentElement.classList.add("scripted");
setUpControls();
setUpLinks();
setUpKeyboard();
setUpTheme();
setUpNav();
setUpHistory();
setUpTable();
showChosen();
redrawn($("#scatter"), drawScatter);
redrawn($("#parallel"), drawParallel);
onChange((part) => {
  if ("chosen" in part) showChosen();
  drawScatter();
  drawParallel();
});
