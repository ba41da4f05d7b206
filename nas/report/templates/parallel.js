// Parallel coordinates: one pole per column, better is up, a drag along a pole keeps a range.
const POLES = { height: 330, top: 52, bottom: 34, side: 58 };
const brushes = new Map();
// A column without spread has nothing to choose by; it would only be a knot in every line.
const poles = DATA.columns.filter((c) => new Set((DATA.front[c.name] ?? []).filter(known)).size > 1);

function poleScales() {
  return new Map(poles.map((column) => {
    const [low, high] = extent(DATA.front[column.name].map((v) => (known(v) ? v / column.scale : null)));
    const [from, to] = [POLES.height - POLES.bottom, POLES.top];
    return [column.name, column.direction === "max" ? linear([low, high], [from, to]) : linear([high, low], [from, to])];
  }));
}

function drawParallel() {
  const box = $("#parallel");
  if (poles.length < 2) {
    box.replaceChildren();
    el("p", { class: "empty" }, box, "There is nothing to trade off: the front does not vary in two columns.");
    return;
  }
  const { root, width } = canvas(box, POLES.height, "Parallel coordinates of the front");
  const place = (i) => POLES.side + (i * (width - 2 * POLES.side)) / (poles.length - 1);
  const scales = poleScales();
  const order = [...ROWS].sort((a, b) => weight(a) - weight(b));
  order.forEach((row) => svg("path", { class: strand(row), d: strandPath(row, scales, place), "data-row": row }, root));
  poles.forEach((column, i) => drawPole(root, column, place(i), scales.get(column.name)));
  root.addEventListener("pointermove", (event) => hoverStrand(root, event));
  root.addEventListener("pointerleave", (event) => { lift(root, null); tip(event, null); });
  root.addEventListener("click", (event) => {
    const row = event.target.dataset?.row;
    if (known(row)) change({ chosen: Number(row) });
  });
}

const weight = (row) => (row === state.chosen ? 3 : row === DATA.recommended ? 2 : state.kept.has(row) ? 1 : 0);
const strand = (row) => (row === state.chosen && row === DATA.recommended ? "strand best" : ["strand out", "strand", "strand best", "strand chosen"][weight(row)]);

// A missing score breaks the line there instead of inventing a value.
function strandPath(row, scales, place) {
  let pen = "M";
  return poles.map((column, i) => {
    const value = DATA.front[column.name][row];
    if (!known(value)) { pen = "M"; return ""; }
    const step = `${pen}${place(i).toFixed(1)} ${scales.get(column.name)(value / column.scale).toFixed(1)}`;
    pen = "L";
    return step;
  }).join("");
}

function drawPole(root, column, x, scale) {
  const [top, bottom] = [POLES.top, POLES.height - POLES.bottom];
  svg("path", { class: "pole", d: `M${x} ${top}V${bottom}` }, root);
  const half = column.heading.length * 3.8; // about: a long heading at either end moves inwards
  const at = Math.min(Math.max(x, half), root.viewBox.baseVal.width - half);
  svg("text", { class: "axis-title", x: at, y: 18, "text-anchor": "middle" }, root, column.heading);
  const digits = Math.min(column.digits, 2 + Math.max(0, column.digits - 3));
  svg("text", { x, y: top - 12, "text-anchor": "middle" }, root, number(scale.invert(top), digits));
  svg("text", { x, y: bottom + 20, "text-anchor": "middle" }, root, number(scale.invert(bottom), digits));
  const brush = brushes.get(column.name);
  if (brush) {
    const ends = brush.map(scale).sort((a, b) => a - b);
    svg("rect", { class: "brush", x: x - 8, y: ends[0], width: 16, height: Math.max(2, ends[1] - ends[0]) }, root);
  }
  const hit = svg("rect", { class: "pole-hit", x: x - 16, y: top - 6, width: 32, height: bottom - top + 12 }, root);
  hit.addEventListener("pointerdown", (event) => startBrush(event, root, column.name, scale, hit));
}

function startBrush(event, root, name, scale, hit) {
  event.preventDefault();
  const clamp = (e) => Math.min(POLES.height - POLES.bottom, Math.max(POLES.top, e.clientY - root.getBoundingClientRect().top));
  const from = clamp(event);
  const mark = svg("rect", { class: "brush", x: Number(hit.getAttribute("x")) + 8, width: 16 }, root);
  hit.setPointerCapture(event.pointerId);
  hit.onpointermove = (move) => {
    mark.setAttribute("y", Math.min(from, clamp(move)));
    mark.setAttribute("height", Math.abs(clamp(move) - from));
  };
  hit.onpointerup = (up) => {
    const to = clamp(up);
    if (Math.abs(to - from) < 4) brushes.delete(name);
    else brushes.set(name, [scale.invert(from), scale.invert(to)].sort((a, b) => a - b));
    change({ kept: keptRows() });
  };
}

function keptRows() {
  const inside = (row) => [...brushes].every(([name, [low, high]]) => {
    const value = DATA.front[name][row];
    const scaledValue = known(value) ? value / COLUMNS.get(name).scale : null;
    return known(scaledValue) && scaledValue >= low - 1e-12 && scaledValue <= high + 1e-12;
  });
  return new Set(ROWS.filter(inside));
}

function lift(root, line) {
  $$(".near", root).forEach((node) => node.classList.remove("near"));
  if (line) line.classList.add("near");
}

function hoverStrand(root, event) {
  const line = event.target.classList?.contains("strand") ? event.target : null;
  lift(root, line);
  if (!line) return tip(event, null);
  const row = Number(line.dataset.row);
  tip(event, `#${row} ${DATA.ids[row]}`, DATA.columns.map((c) => [c.label, shown(c.name, DATA.front[c.name]?.[row])]));
}
