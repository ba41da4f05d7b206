// Several fronts in one plot; a click opens the architecture on its job's page.
import { $, data } from "./dom.js";
import { columnMap, draw, fillAxes, onTheme } from "./plot.js";

const { columns: list, axes, fronts, published } = data("comparison");
const columns = columnMap([list]);
const view = { x: axes[0], y: axes[1], published: true, chosen: null };

function show() {
  if (!fronts.length || !columns.size) return;
  fillAxes(columns, view, show);
  const drawable = published.names.length > 0 && [view.x, view.y].every((name) => published.values[name]);
  $("#published-label").hidden = !drawable;
  draw($("#plot"), fronts, drawable ? published : null, view, columns, (series, row) => {
    location.href = `/jobs/${fronts[series].job}?chosen=${row}#architecture`;
  });
}

$("#show-published")?.addEventListener("change", (event) => { view.published = event.target.checked; show(); });
$("#picker")?.addEventListener("change", () => {
  const boxes = [...document.querySelectorAll("#picker input")];
  const full = boxes.filter((box) => box.checked).length >= 8;
  boxes.forEach((box) => { box.disabled = full && !box.checked; });
});
onTheme(show);
show();
