// How the search went: hypervolume and size of the front over time, generations or architectures priced.
const OVER = { elapsed_s: "time (s)", generation: "generation", priced: "architectures priced" };
const LINE = { height: 250, left: 62, right: 18, top: 14, bottom: 46 };

function drawLine(box, over, name, label) {
  const xs = DATA.history[over] ?? [];
  const ys = DATA.history[name] ?? [];
  const track = xs.map((x, i) => ({ x, y: ys[i] ?? null })).filter((p) => known(p.x) && known(p.y));
  if (track.length < 2) {
    box.replaceChildren();
    el("p", { class: "empty" }, box, `This run recorded no ${label.toLowerCase()} over time.`);
    return;
  }
  const { root, width, height } = canvas(box, LINE.height, `${label} over ${OVER[over]}`);
  const [spanX, spanY] = [extent(track.map((p) => p.x)), extent(track.map((p) => p.y), 0.06)];
  const x = linear(spanX, [LINE.left, width - LINE.right]);
  const y = linear(spanY, [height - LINE.bottom, LINE.top]);
  const floor = height - LINE.bottom;
  ticks(...spanX, Math.min(6, width / 90)).forEach(({ value, text }) =>
    svg("text", { x: x(value), y: floor + 17, "text-anchor": "middle" }, root, text));
  ticks(...spanY, 4).forEach(({ value, text }) => {
    svg("path", { class: "grid", d: `M${LINE.left} ${y(value)}H${width - LINE.right}` }, root);
    svg("text", { x: LINE.left - 9, y: y(value) + 4, "text-anchor": "end" }, root, text);
  });
  svg("text", { x: width - LINE.right, y: height - 2, "text-anchor": "end" }, root, OVER[over]);
  // Steps: between two generations nothing was known to be better.
  const d = track.map((p, i) => (i ? `H${x(p.x).toFixed(1)}V${y(p.y).toFixed(1)}` : `M${x(p.x).toFixed(1)} ${y(p.y).toFixed(1)}`)).join("");
  svg("path", { class: "area", d: `${d}V${floor}H${x(track[0].x)}z` }, root);
  svg("path", { class: "line", d }, root);
  const mark = svg("circle", { class: "mark", r: 4.5, cx: -20, cy: -20 }, root);
  root.addEventListener("pointermove", (event) => {
    const at = x.invert(event.clientX - root.getBoundingClientRect().left);
    const near = track.reduce((a, b) => (Math.abs(b.x - at) < Math.abs(a.x - at) ? b : a));
    mark.setAttribute("cx", x(near.x));
    mark.setAttribute("cy", y(near.y));
    const figure = near.y.toLocaleString("en-US", { maximumSignificantDigits: 6 });
    const when = near.x.toLocaleString("en-US", { maximumFractionDigits: 1 });
    tip(event, label, [[OVER[over], when], [label, figure]]);
  });
  root.addEventListener("pointerleave", (event) => { mark.setAttribute("cx", -20); tip(event, null); });
}

function drawHistory() {
  const over = $("#history-x").value || "elapsed_s";
  drawLine($("#volume"), over, "hypervolume", "Hypervolume");
  drawLine($("#size"), over, "front_size", "Front size");
}

function setUpHistory() {
  const choice = $("#history-x");
  Object.entries(OVER).filter(([name]) => (DATA.history[name] ?? []).some(known))
    .forEach(([name, text]) => el("option", { value: name }, choice, text));
  choice.parentElement.hidden = choice.options.length < 2;
  choice.addEventListener("change", drawHistory);
  redrawn($("#volume"), drawHistory);
}
