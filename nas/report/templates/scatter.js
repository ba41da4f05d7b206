// The front in two chosen columns, over what was explored and evaluated, and beside the published networks.
const view = { x: DATA.axes[0], y: DATA.axes[1], cloud: true, evaluated: true, published: true };
const PLOT = { height: 470, left: 62, right: 18, top: 34, bottom: 48 };
let spots = [];

const better = (column) => (column.direction === "min" ? "lower is better" : "higher is better");

function scaled(source, name) {
  const column = COLUMNS.get(name);
  return (source[name] ?? []).map((value) => (known(value) ? value / column.scale : null));
}

function points(source, size) {
  const [xs, ys] = [scaled(source, view.x), scaled(source, view.y)];
  return Array.from({ length: size }, (_, i) => ({ i, x: xs[i] ?? null, y: ys[i] ?? null }))
    .filter((point) => known(point.x) && known(point.y));
}

// What can be drawn in the two columns, nothing where its box is not ticked; the box goes where there is nothing to show.
function among(key, source) {
  const found = points(source, Math.max(0, ...Object.values(source).map((values) => values.length)));
  $(`#${key}-count`).textContent = `(${number(found.length, 0)})`;
  $(`#show-${key}`).parentElement.hidden = !found.length;
  return view[key] ? found : [];
}

// The middle 98 % of the cloud: a few wild samples must not squeeze the front into a corner.
function middle(values) {
  const sorted = values.filter(known).sort((a, b) => a - b);
  return [sorted[Math.floor(sorted.length * 0.01)], sorted[Math.floor(sorted.length * 0.99)]];
}

function drawScatter() {
  const box = $("#scatter");
  const [cx, cy] = [COLUMNS.get(view.x), COLUMNS.get(view.y)];
  const front = points(DATA.front, ROWS.length);
  const named = among("published", DATA.published.values);
  const cloud = among("cloud", DATA.cloud);
  const evaluated = among("evaluated", DATA.evaluated.values);
  const { root, width, height } = canvas(box, PLOT.height, `${cy.label} against ${cx.label}: ${front.length} architectures`);
  const span = (key) => extent([...front, ...named].map((p) => p[key]).concat(...[cloud, evaluated].map((some) => middle(some.map((p) => p[key])))), 0.05);
  const x = linear(span("x"), [PLOT.left, width - PLOT.right]);
  const y = linear(span("y"), [height - PLOT.bottom, PLOT.top]);
  drawAxes(root, x, y, span("x"), span("y"), width, height, cx, cy);
  const clip = svg("clipPath", { id: "plot-area" }, svg("defs", {}, root));
  const area = { x: PLOT.left, y: PLOT.top, width: width - PLOT.left - PLOT.right, height: height - PLOT.top - PLOT.bottom };
  svg("rect", area, clip);
  const path = cloud.map((p) => `M${x(p.x).toFixed(1)} ${y(p.y).toFixed(1)}h0`).join("");
  svg("path", { class: "cloud", d: path, "clip-path": "url(#plot-area)" }, root);
  evaluated.forEach((p) => svg("circle", { class: "evaluated", cx: x(p.x), cy: y(p.y), r: 4, "clip-path": "url(#plot-area)" }, root));
  drawLimits(root, x, span("x"), cx);
  svg("path", { class: "stairs", d: stairs(front, cx, cy, x, y) }, root);
  spots = [];
  front.forEach((p) => drawDot(root, p, x, y));
  named.forEach((p) => drawDiamond(root, p, x, y));
  evaluated.forEach((p) => spots.push({ px: x(p.x), py: y(p.y), evaluated: p.i }));
  drawChosen(root);
  drawNames(root, width);
  listen(root);
  legend({ front, cloud, evaluated, named });
}

function drawAxes(root, x, y, spanX, spanY, width, height, cx, cy) {
  const floor = height - PLOT.bottom;
  ticks(...spanX, Math.min(8, width / 90)).forEach(({ value, text }) => {
    svg("path", { class: "grid", d: `M${x(value)} ${PLOT.top}V${floor}` }, root);
    svg("text", { x: x(value), y: floor + 18, "text-anchor": "middle" }, root, text);
  });
  ticks(...spanY, 7).forEach(({ value, text }) => {
    svg("path", { class: "grid", d: `M${PLOT.left} ${y(value)}H${width - PLOT.right}` }, root);
    svg("text", { x: PLOT.left - 9, y: y(value) + 4, "text-anchor": "end" }, root, text);
  });
  const across = { class: "axis-title", x: width - PLOT.right, y: height - 8, "text-anchor": "end" };
  svg("text", across, root, `${cx.heading}, ${better(cx)} →`);
  svg("text", { class: "axis-title", x: 4, y: 16 }, root, `↑ ${cy.heading}, ${better(cy)}`);
}

function drawLimits(root, x, [low, high], column) {
  (DATA.limits[column.name] ?? []).filter(known).map((limit) => limit / column.scale).forEach((limit) => {
    if (limit < low || limit > high) return;
    svg("path", { class: "limit", d: `M${x(limit)} ${PLOT.top}V${PLOT.height - PLOT.bottom}` }, root);
    svg("text", { class: "halo", x: x(limit) - 6, y: PLOT.height - PLOT.bottom - 8, "text-anchor": "end" }, root, "budget");
  });
}

// The line through what no other point beats in these two columns alone.
function stairs(front, cx, cy, x, y) {
  const [sx, sy] = [cx.direction === "min" ? 1 : -1, cy.direction === "max" ? 1 : -1];
  let best = -Infinity;
  const steps = [...front].sort((a, b) => sx * (a.x - b.x) || sy * (b.y - a.y))
    .filter((p) => (sy * p.y > best ? ((best = sy * p.y), true) : false));
  return steps.map((p, i) => (i ? `H${x(p.x).toFixed(1)}V${y(p.y).toFixed(1)}` : `M${x(p.x).toFixed(1)} ${y(p.y).toFixed(1)}`)).join("");
}

function drawDot(root, p, x, y) {
  const [px, py] = [x(p.x), y(p.y)];
  const radius = ROWS.length > 120 ? 4 : 5.5;
  svg("circle", { class: state.kept.has(p.i) ? "dot" : "dot out", cx: px, cy: py, r: radius, "data-row": p.i }, root);
  spots.push({ px, py, row: p.i });
}

function drawDiamond(root, p, x, y) {
  const [px, py] = [x(p.x), y(p.y)];
  svg("path", { class: "diamond", d: `M${px} ${py - 6}l6 6l-6 6l-6 -6z` }, root);
  spots.push({ px, py, published: p.i });
}

function drawChosen(root) {
  const best = spots.find((spot) => known(DATA.recommended) && spot.row === DATA.recommended);
  if (best) svg("path", { class: "star", d: star(best.px, best.py, 11) }, root);
  const chosen = spots.find((spot) => spot.row === state.chosen);
  if (chosen) svg("circle", { class: "ring", cx: chosen.px, cy: chosen.py, r: 13 }, root);
}

function nearest(root, event) {
  const frame = root.getBoundingClientRect();
  const zoom = PLOT.height / frame.height;
  const [mx, my] = [(event.clientX - frame.left) * zoom, (event.clientY - frame.top) * zoom];
  const far = (spot) => (spot.px - mx) ** 2 + (spot.py - my) ** 2;
  const found = spots.reduce((a, b) => (a && far(a) <= far(b) ? a : b), null);
  return found && far(found) < 26 ** 2 ? found : null;
}

function listen(root) {
  root.addEventListener("pointermove", (event) => {
    const spot = nearest(root, event);
    if (!spot) return tip(event, null);
    const other = known(spot.published) ? DATA.published : DATA.evaluated;
    const values = known(spot.row) ? DATA.front : other.values;
    const at = spot.row ?? spot.published ?? spot.evaluated;
    const heading = known(spot.row) ? `#${at} ${DATA.ids[at]}` : other.names[at];
    const lines = DATA.columns.filter((c) => values[c.name]).map((c) => [c.label, shown(c.name, values[c.name][at])]);
    tip(event, heading, lines);
  });
  root.addEventListener("pointerleave", (event) => tip(event, null));
  root.addEventListener("click", (event) => {
    const spot = nearest(root, event);
    if (spot && known(spot.row)) change({ chosen: spot.row });
  });
}
