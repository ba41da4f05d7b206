// What every chart shares: the data, small SVG helpers, scales, the chosen row and the rows that filters keep.
const DATA = JSON.parse(document.getElementById("report-data").textContent);
const COLUMNS = new Map(DATA.columns.map((column) => [column.name, column]));
const ROWS = DATA.ids.map((_, row) => row);
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

const state = { chosen: DATA.recommended ?? 0, kept: new Set(ROWS) };
const listeners = [];
const onChange = (listener) => listeners.push(listener);
function change(part) {
  Object.assign(state, part);
  listeners.forEach((listener) => listener(part));
}

// Elements are made by name and filled by text, never from strings: an id or a name cannot become markup.
function el(tag, attributes = {}, parent = null, text = null) {
  const node = document.createElement(tag);
  Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
  if (text !== null) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

function svg(tag, attributes = {}, parent = null, text = null) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
  if (text !== null) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

function canvas(box, height, label) {
  box.replaceChildren();
  const style = getComputedStyle(box);
  const width = Math.max(260, box.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight));
  const size = { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label };
  return { root: svg("svg", size, box), width, height };
}

const known = (value) => value !== null && value !== undefined;
const number = (value, digits) =>
  value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

function shown(name, value) {
  const column = COLUMNS.get(name);
  if (!known(value)) return "–";
  return number(value / column.scale, column.digits) + (column.unit ? ` ${column.unit}` : "");
}

function ticks(low, high, wanted) {
  const raw = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(i * step);
  const digits = Math.min(8, Math.max(0, -Math.floor(Math.log10(step) + 1e-9) + (step / power === 2.5 ? 1 : 0)));
  return found.map((value) => ({ value, text: number(value, digits) }));
}

function extent(values, pad = 0) {
  const real = values.filter(known);
  if (!real.length) return [0, 1];
  let [low, high] = [Math.min(...real), Math.max(...real)];
  if (low === high) [low, high] = [low - (Math.abs(low) * 0.1 || 1), high + (Math.abs(high) * 0.1 || 1)];
  return [low - (high - low) * pad, high + (high - low) * pad];
}

function linear([low, high], [from, to]) {
  const scale = (value) => from + ((value - low) / (high - low)) * (to - from);
  scale.invert = (place) => low + ((place - from) / (to - from)) * (high - low);
  return scale;
}

// A tip holds [label, value] lines under a heading and stays inside the window.
function tip(event, heading, lines) {
  const box = $("#tip");
  box.hidden = !heading;
  if (!heading) return;
  box.replaceChildren();
  el("strong", {}, box, heading);
  lines.forEach(([label, value]) => {
    const line = el("div", {}, box);
    el("span", {}, line, label);
    el("b", {}, line, value);
  });
  const { width, height } = box.getBoundingClientRect();
  const left = event.clientX + 16 + width > innerWidth ? event.clientX - width - 12 : event.clientX + 16;
  box.style.left = `${Math.max(6, left)}px`;
  box.style.top = `${Math.max(6, Math.min(event.clientY + 14, innerHeight - height - 6))}px`;
}

// Charts are drawn at the width of their box, so that their text keeps its size; again when that width changes.
function redrawn(box, draw) {
  let width = 0;
  const again = () => { if (box.clientWidth !== width) { width = box.clientWidth; draw(); } };
  new ResizeObserver(again).observe(box);
  again();
}
