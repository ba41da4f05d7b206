// The table of the front: sorted by its headings, following the filters, downloaded as the CSV that the run wrote.
const table = $("#front-table");
const body = $("tbody", table);

// Rows without a value stay at the end in both directions.
function sortBy(name, ascending) {
  const value = name === "#" ? (row) => row : name === "id" ? (row) => DATA.ids[row] : (row) => DATA.front[name]?.[row];
  const turn = ascending ? 1 : -1;
  const compare = (a, b) => {
    const [va, vb] = [value(a), value(b)];
    if (!known(va) || !known(vb)) return known(vb) - known(va) || a - b;
    return (va < vb ? -turn : va > vb ? turn : 0) || a - b;
  };
  const lines = new Map($$("tr", body).map((line) => [Number(line.dataset.row), line]));
  body.append(...[...lines.keys()].sort(compare).map((row) => lines.get(row)));
}

function setUpTable() {
  table.addEventListener("click", (event) => {
    const button = event.target.closest("[data-sort]");
    if (button) {
      const head = button.closest("th");
      const name = button.dataset.sort;
      // The first click shows the best on top: large first where more is better.
      const first = COLUMNS.get(name)?.direction === "max" ? "descending" : "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === first ? other : first;
      $$("th", table).forEach((one) => one.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      return sortBy(name, order === "ascending");
    }
    const line = event.target.closest("tr[data-row]");
    if (line && !event.target.closest("a")) change({ chosen: Number(line.dataset.row) });
  });
  $("#download").addEventListener("click", () => {
    const url = URL.createObjectURL(new Blob([DATA.csv], { type: "text/csv" }));
    el("a", { href: url, download: "front.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  });
  onChange(showTable);
  showTable();
}

function showTable() {
  $$("tr", body).forEach((line) => {
    const row = Number(line.dataset.row);
    line.hidden = !state.kept.has(row);
    line.setAttribute("aria-selected", String(row === state.chosen));
  });
  const all = state.kept.size === ROWS.length;
  $("#shown").textContent = all ? "" : `${state.kept.size} of ${ROWS.length} inside the filters`;
  $("#clear").hidden = all && !brushes.size;
}
