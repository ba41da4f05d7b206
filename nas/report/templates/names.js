// What is written around the points of the front: names that keep out of each other's way, and the legend.
const star = (cx, cy, r) => "M" + Array.from({ length: 10 }, (_, i) => {
  const [angle, radius] = [(Math.PI / 5) * i - Math.PI / 2, i % 2 ? r * 0.45 : r];
  return `${(cx + radius * Math.cos(angle)).toFixed(1)} ${(cy + radius * Math.sin(angle)).toFixed(1)}`;
}).join("L") + "z";

// Names avoid each other and, as far as they can, the points; the recommended one chooses first.
function drawNames(root, width) {
  const taken = spots.map(({ px, py }) => ({ left: px - 5, right: px + 5, top: py - 5, bottom: py + 5, soft: true }));
  const best = spots.find((spot) => known(DATA.recommended) && spot.row === DATA.recommended);
  if (best) name(root, taken, "recommended", best, width, "best-name");
  spots.filter((spot) => known(spot.published)).forEach((spot) =>
    name(root, taken, brief(DATA.published.names[spot.published], width), spot, width, "named"));
}

// On a narrow screen the part that all names share goes: ElasticViT-T1, ElasticViT-S1 become T1, S1.
function brief(full, width) {
  const names = DATA.published.names;
  if (width > 600 || names.length < 2) return full;
  const same = (end) => names.every((one) => one.slice(0, end) === full.slice(0, end) && one.length > end);
  const ends = [...full.matchAll(/[-_ ]/g)].map((found) => found.index + 1).filter(same);
  return full.slice(Math.max(0, ...ends));
}

function name(root, taken, full, { px, py }, width, style) {
  const text = full.length > 22 ? `${full.slice(0, 21)}…` : full;
  const long = text.length * (style === "best-name" ? 8.2 : 7);
  const places = [[14, 18, "start"], [12, 4, "start"], [-12, -10, "end"], [10, -12, "start"], [-12, 18, "end"], [16, 34, "start"]]
    .map(([dx, dy, anchor]) => {
      const left = anchor === "start" ? px + dx : px + dx - long;
      return { x: px + dx, y: py + dy, anchor, left, right: left + long, top: py + dy - 11, bottom: py + dy + 3 };
    })
    .filter((at) => at.left >= PLOT.left && at.right <= width && at.top >= PLOT.top - 8 && at.bottom <= PLOT.height - PLOT.bottom);
  const meets = (a) => (b) => a.left < b.right && a.right > b.left && a.top < b.bottom && a.bottom > b.top;
  const free = places.find((at) => !taken.some(meets(at))) ?? places.find((at) => !taken.filter((o) => !o.soft).some(meets(at)));
  if (!free) return; // no room: the tip still has the name
  taken.push(free);
  svg("text", { class: style, x: free.x, y: free.y, "text-anchor": free.anchor }, root, text);
}

function legend({ front, cloud, evaluated, named }) {
  const list = $("#scatter-legend");
  list.replaceChildren();
  const item = (mark, text) => {
    const key = svg("svg", { viewBox: "0 0 14 14", "aria-hidden": "true" }, el("li", {}, list));
    svg(mark[0], mark[1], key);
    key.after(text);
  };
  item(["circle", { class: "dot", cx: 7, cy: 7, r: 5.5 }], "on the front");
  if (known(DATA.recommended)) item(["path", { class: "star", d: star(7, 7, 7) }], "recommended");
  if (named.length) item(["path", { class: "diamond", d: "M7 1l6 6l-6 6l-6 -6z" }], "published");
  if (evaluated.length) item(["circle", { class: "evaluated", cx: 7, cy: 7, r: 4 }], `evaluated (${number(evaluated.length, 0)})`);
  if (cloud.length) item(["path", { class: "cloud", d: "M4 5h0M9 8h0M5 11h0" }], "explored");
  if (front.length > 1) item(["path", { class: "stairs", d: "M0 11H6V4H14" }], "not beaten in these two");
  const missing = ROWS.length - front.length;
  if (missing) el("li", {}, list, `${missing} without a value here`);
}
