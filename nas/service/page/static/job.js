// One job: its state and front follow the server's events; a point, a row or an arrow key chooses an architecture.
import { $, $$, calmly, data, el, fetched, known, setUpConfirming, setUpCopying, setUpDownloads, shown } from "./dom.js";
import { listen, refresh } from "./live.js";
import { columnMap, draw, fillAxes, onTheme } from "./plot.js";

const live = $("#live");
const job = live.dataset.job;
const address = `/jobs/${job}`;
const markers = data("markers");
let front = data("points");
let columns = new Map();
const view = { x: "", y: "", published: true, chosen: null };
let chosenId = null; // of the architecture: rows move while the front grows
let own = new URLSearchParams(location.search).has("chosen"); // by the reader, not by this page

function showPlot() {
  const box = $("#plot");
  if (!box || !front || !front.ids.length) return;
  columns = columnMap([front.columns]);
  if (!columns.has(view.x) || !columns.has(view.y)) [view.x, view.y] = front.axes;
  $("#plot-empty").hidden = true;
  ["#controls", "#plot-help", "#with-front"].forEach((part) => { $(part).hidden = false; });
  fillAxes(columns, view, showPlot);
  const drawable = markers.names.length > 0 && [view.x, view.y].every((name) => markers.values[name]);
  $("#published-label").hidden = !drawable;
  draw(box, [front], drawable ? markers : null, view, columns, (_, row) => choose(row));
  legend(drawable && view.published);
}

function legend(published) {
  const items = [["dot", "on the front"], known(front.recommended) && ["star", "recommended"], published && ["diamond", "published"]];
  $("#legend").replaceChildren(...items.filter(Boolean).map(([mark, text]) => {
    const item = el("li", {}, null);
    el("i", { class: `mark-${mark}`, "aria-hidden": "true" }, item);
    item.append(text);
    return item;
  }));
}

function showPeek(row) {
  const box = $("#peek");
  box.replaceChildren();
  const title = el("h3", {}, box, `Architecture #${row}`);
  if (row === front.recommended) el("span", { class: "tag" }, title, "recommended");
  el("code", {}, box, front.ids[row]);
  const list = el("dl", {}, box);
  front.columns.forEach((column) => {
    const line = el("div", {}, list);
    el("dt", {}, line, column.label);
    el("dd", {}, line, shown(column, front.values[column.name][row]));
  });
  el("a", { href: "#architecture" }, box, "See it stage by stage");
}

function mark(row) {
  $$("#front-table tr[data-row]").forEach((line) => line.setAttribute("aria-selected", String(Number(line.dataset.row) === row)));
}

let asked = null;
async function showCard(row) {
  asked?.abort();
  asked = new AbortController();
  const answer = await fetched(`${address}/architectures/${row}?part=card`, { signal: asked.signal });
  // Rendered and escaped by the service's own template; the page's policy runs no script inside it.
  if (answer) $("#architecture").innerHTML = await answer.text();
}

function choose(row, { quiet = false } = {}) {
  if (!front || row < 0 || row >= front.ids.length) return;
  const changed = chosenId !== front.ids[row];
  chosenId = front.ids[row];
  view.chosen = { series: 0, row };
  showPeek(row);
  mark(row);
  showPlot();
  if (!quiet || changed) showCard(row);
  if (quiet) return;
  own = true;
  history.replaceState(null, "", `?chosen=${row}`);
}

async function refreshFront() {
  const answer = await fetched(`${address}/points`);
  const fresh = answer && await answer.json();
  if (!fresh || (front && fresh.version === front.version && fresh.final === front.final)) return;
  front = fresh;
  $("#spans").textContent = fresh.spans;
  $("#front-table").innerHTML = fresh.table;
  const row = own ? front.ids.indexOf(chosenId) : front.recommended ?? front.ids.indexOf(chosenId);
  if (row >= 0 && !fresh.final) { view.chosen = { series: 0, row }; showPeek(row); mark(row); showPlot(); }
  else choose(row >= 0 ? row : front.recommended ?? 0, { quiet: true });
}

async function refreshStatus() {
  const page = await refresh(live, `${address}/status`);
  const state = page?.querySelector(".pill")?.className ?? "";
  if (/done|failed|cancelled/.test(state)) { source?.close(); live.dataset.final = "yes"; await refreshFront(); if (chosenId) showCard(view.chosen.row); }
}

function setUpKeys() {
  const box = $("#plot");
  box?.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (event.key === "Enter") { $("#architecture").focus(); $("#architecture").scrollIntoView(); }
    if (!by || !front) return;
    event.preventDefault();
    const values = front.values[view.x];
    const order = front.ids.map((_, row) => row).filter((row) => known(values[row])).sort((a, b) => values[a] - values[b]);
    const at = order.indexOf(view.chosen?.row ?? -1) + by;
    choose(order[Math.max(0, Math.min(order.length - 1, at))]);
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-pick]");
    const line = event.target.closest("#front-table tr[data-row]");
    if (!link && !line || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    choose(Number(link ? link.dataset.pick : line.dataset.row));
    if (link) $("#architecture").scrollIntoView();
  });
}

const [soonStatus, soonFront] = [calmly(refreshStatus, 500), calmly(refreshFront, 900)];
const source = live.dataset.final === "yes" ? null : listen(`/v1/jobs/${job}/events`, { job: soonStatus, front: soonFront, deleted: () => { location.href = "/"; } });
if (!source || live.dataset.final === "no") setInterval(soonStatus, 30000);

setUpKeys();
setUpCopying();
setUpDownloads();
setUpConfirming();
onTheme(showPlot);
$("#show-published")?.addEventListener("change", (event) => { view.published = event.target.checked; showPlot(); });
if (front?.ids.length) {
  const first = Number($("#architecture .card")?.dataset.index ?? front.recommended ?? 0);
  [chosenId, view.chosen] = [front.ids[first], { series: 0, row: first }];
  showPeek(first);
  mark(first);
  showPlot();
}
