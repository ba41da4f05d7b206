// Fronts as a Plotly plot, in the colours of the page: one or several, with published networks as diamonds.
import { $, known, shown } from "./dom.js";

const SHAPES = ["circle", "square", "triangle-up", "x", "cross", "pentagon", "star-triangle-down", "hexagon"];
const CONFIG = {
  displaylogo: false, responsive: true, doubleClick: "reset", scrollZoom: false,
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "sendDataToCloud", "sendChartToCloud", "zoomIn2d", "zoomOut2d"],
};

// What a colour of the style sheet is just now: light-dark() is resolved by an element only.
export function colour(name) {
  const probe = document.createElement("i");
  probe.className = `probe c-${name}`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

const better = (column) => (column.better === "min" ? "lower is better" : column.better === "max" ? "higher is better" : "");
const heading = (column) => (better(column) ? `${column.heading}, ${better(column)}` : column.heading);
const escaped = (text) => String(text).replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);

function pairs(values, view, columns) {
  const [cx, cy] = [columns.get(view.x), columns.get(view.y)];
  const [xs, ys] = [values[view.x] ?? [], values[view.y] ?? []];
  return xs.map((x, row) => ({ row, x, y: ys[row] })).filter((p) => known(p.x) && known(p.y))
    .map((p) => ({ row: p.row, x: p.x / cx.scale, y: p.y / cy.scale }));
}

// The steps through what nothing else beats in these two columns alone.
function steps(points, cx, cy) {
  const [sx, sy] = [cx.better === "max" ? -1 : 1, cy.better === "min" ? -1 : 1];
  let best = -Infinity;
  return [...points].sort((a, b) => sx * (a.x - b.x) || sy * (b.y - a.y))
    .filter((p) => (sy * p.y > best ? ((best = sy * p.y), true) : false));
}

function tip(series, row, columns) {
  const lines = [...columns.values()].filter((c) => known(series.values[c.name]?.[row]))
    .map((c) => `${escaped(c.label)} ${shown(c, series.values[c.name][row])}`);
  return [`${escaped(series.ids ? `#${row} ${series.ids[row]}` : series.names[row])}`, ...lines].join("<br>");
}

// Traces of one front: its steps, its points, the recommended one.
function traces(series, view, columns, index, many) {
  const ink = colour(many ? `series-${index % 8}` : "accent");
  const points = pairs(series.values, view, columns);
  const marks = points.map((p) => p.row);
  const line = steps(points, columns.get(view.x), columns.get(view.y));
  const best = points.filter((p) => p.row === series.recommended);
  const named = many ? { name: series.name } : {};
  const base = { mode: "markers", hoverinfo: "text", showlegend: false };
  const turn = columns.get(view.x).better === "max" ? "vh" : "hv";
  return [
    { x: line.map((p) => p.x), y: line.map((p) => p.y), mode: "lines", hoverinfo: "skip", showlegend: false,
      line: { shape: turn, color: ink, width: 1.5 }, opacity: 0.4 },
    { ...base, ...named, x: points.map((p) => p.x), y: points.map((p) => p.y), text: marks.map((row) => tip(series, row, columns)),
      meta: { series: index, rows: marks },
      marker: { color: ink, size: marks.length > 120 ? 8 : 10, symbol: SHAPES[many ? index % 8 : 0], line: { color: colour("surface"), width: 1.2 } } },
    { ...base, x: best.map((p) => p.x), y: best.map((p) => p.y), text: best.map((p) => tip(series, p.row, columns)),
      meta: { series: index, rows: best.map((p) => p.row) },
      marker: { color: many ? ink : colour("best"), size: 19, symbol: "star", line: { color: colour("surface"), width: 1.5 } } },
  ];
}

function diamonds(published, view, columns, narrow) {
  // Larger networks cost more and are better: a rising row of diamonds leaves room below on the right, a falling one above.
  const rising = columns.get(view.x).better !== columns.get(view.y).better;
  const points = pairs(published.values, view, columns);
  return {
    x: points.map((p) => p.x), y: points.map((p) => p.y), mode: "markers+text", hoverinfo: "text", showlegend: false,
    text: points.map((p) => brief(published.names, p.row)), hovertext: points.map((p) => tip(published, p.row, columns)),
    textposition: rising ? "bottom right" : "top right", textfont: { color: colour("ink"), size: narrow ? 11 : 12 }, cliponaxis: false,
    marker: { color: colour("surface"), size: 11, symbol: "diamond", line: { color: colour("ink"), width: 1.6 } },
  };
}

// The part that all names share goes: ElasticViT-T1, ElasticViT-S1 become T1, S1.
function brief(names, row) {
  const full = names[row];
  const same = (end) => names.length > 1 && names.every((one) => one.slice(0, end) === full.slice(0, end) && one.length > end);
  return full.slice(Math.max(0, ...[...full.matchAll(/[-_ ]/g)].map((m) => m.index + 1).filter(same)));
}

function ring(series, row, view, columns) {
  const points = pairs(series.values, view, columns).filter((p) => p.row === row);
  return {
    x: points.map((p) => p.x), y: points.map((p) => p.y), mode: "markers", hoverinfo: "skip", showlegend: false,
    marker: { color: "rgba(0,0,0,0)", size: 24, symbol: "circle", line: { color: colour("ink"), width: 1.8 } },
  };
}

function layout(box, view, columns) {
  const [ink, soft, line] = [colour("ink"), colour("soft"), colour("line")];
  const axis = (column, title) => ({
    title: { text: title, font: { color: ink, size: 13 }, standoff: 12 }, gridcolor: line, linecolor: line, zeroline: false,
    tickfont: { color: soft, size: 12 }, automargin: true, separatethousands: true, nticks: box.clientWidth < 520 ? 5 : 9, fixedrange: coarse(),
  });
  return {
    autosize: true, height: box.clientWidth < 520 ? 380 : 470, margin: { l: 54, r: 20, t: 26, b: 48 },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: getComputedStyle(document.body).fontFamily, color: soft, size: 12 },
    xaxis: axis(columns.get(view.x), heading(columns.get(view.x))), yaxis: axis(columns.get(view.y), heading(columns.get(view.y))),
    hovermode: "closest", hoverdistance: 24, dragmode: coarse() ? false : "zoom", showlegend: false,
    hoverlabel: { bgcolor: colour("surface"), bordercolor: colour("line"), font: { color: ink, size: 12.5 }, align: "left" },
    uirevision: `${view.x}|${view.y}`,
  };
}

// On a touch screen a drag scrolls the page.
const coarse = () => matchMedia("(pointer: coarse)").matches;

// Draws `fronts` ({name, values, ids, recommended}) by `view` ({x, y, published, chosen}); `pick(series, row)` on a click.
export async function draw(box, fronts, published, view, columns, pick) {
  if (!window.Plotly || !columns.has(view.x) || !columns.has(view.y)) return;
  const many = fronts.length > 1;
  const all = view.published && published?.names.length ? [diamonds(published, view, columns, box.clientWidth < 520)] : [];
  fronts.forEach((series, index) => all.push(...traces(series, view, columns, index, many)));
  if (view.chosen) all.push(ring(fronts[view.chosen.series], view.chosen.row, view, columns));
  const first = !box.classList.contains("js-plotly-plot");
  await window.Plotly.react(box, all, layout(box, view, columns), CONFIG);
  if (first) box.on("plotly_click", ({ points: [point] }) => { if (point.data.meta) pick(point.data.meta.series, point.data.meta.rows[point.pointIndex]); });
}

export function onTheme(again) {
  addEventListener("themechange", again);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
}

// Columns that a front or the published networks can be drawn by, by name.
export function columnMap(lists) {
  const found = new Map();
  lists.flat().forEach((column) => { if (!found.has(column.name)) found.set(column.name, column); });
  return found;
}

export function fillAxes(columns, view, changed) {
  [["#axis-x", "x"], ["#axis-y", "y"]].forEach(([id, key]) => {
    const box = $(id);
    const wanted = [...columns.values()].map((c) => c.name).join();
    if (box.dataset.columns !== wanted) {
      box.replaceChildren(...[...columns.values()].map((c) => new Option(c.heading, c.name)));
      box.dataset.columns = wanted;
    }
    box.value = view[key];
    box.onchange = () => { view[key] = box.value; changed(); };
  });
}

export const shape = (index) => SHAPES[index % 8];
