"""The page in a real browser: no errors on its console, nothing wider than a phone, and what clicks and keys do.

One browser start loads several reports in frames. Each keeps its own content security policy, which forbids foreign
scripts: the probe runs there only because its hash is added to the policy of these copies.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from nas.report import ReportData, write_report

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((path for path in map(shutil.which, NAMES) if path), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine (apt-get install chromium)")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --enable-logging=stderr --virtual-time-budget=4000 --dump-dom"
)

PROBE = r"""
addEventListener("error", (event) => { (window.failures ??= []).push(String(event.message)); });
addEventListener("load", () => setTimeout(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const cells = (column) => all("#front-table tbody tr").map((line) => line.cells[column]?.textContent);
  const found = { failures: window.failures ?? [], title: document.title };
  found.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  found.wider = all("body *").filter((node) => !node.closest(".scroll, .nav, pre, svg, .skip, .tip, select"))
    .filter((node) => node.getBoundingClientRect().right > innerWidth + 1).map((node) => node.outerHTML.slice(0, 80));
  found.dots = all("#scatter circle.dot").length;
  found.diamonds = all("#scatter path.diamond").length;
  found.strands = all("#parallel .strand").length;
  found.rows = all("#front-table tbody tr").length;
  found.card = document.querySelector("#card h3")?.textContent ?? "";
  all("#front-table tbody tr")[2]?.click();
  found.cardAfterRow = document.querySelector("#card h3")?.textContent ?? "";
  const dot = document.querySelector("#scatter circle.dot");
  const at = dot?.getBoundingClientRect();
  const middle = at && { bubbles: true, clientX: at.x + at.width / 2, clientY: at.y + at.height / 2 };
  dot?.dispatchEvent(new MouseEvent("click", middle));
  found.cardAfterDot = document.querySelector("#card h3")?.textContent ?? "";
  document.querySelector("#scatter").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
  found.cardAfterKey = document.querySelector("#card h3")?.textContent ?? "";
  document.querySelector('[data-sort="capacity"], [data-sort="macs"]').click();
  found.sorted = cells(2);
  document.querySelector('[data-sort="zico"]')?.click();
  found.lastScores = cells(7).slice(-2);
  const pole = document.querySelector("#parallel .pole-hit");
  if (pole) {
    const box = pole.getBoundingClientRect();
    pole.setPointerCapture = () => {};
    const drag = (type, y) => pole.dispatchEvent(new PointerEvent(type, { clientX: box.x, clientY: y, bubbles: true }));
    drag("pointerdown", box.y + 2); drag("pointermove", box.y + 60); drag("pointerup", box.y + box.height / 2);
    found.kept = all("#front-table tbody tr:not([hidden])").length;
    document.querySelector("#clear").click();
    found.keptAfterClear = all("#front-table tbody tr:not([hidden])").length;
  }
  const select = document.querySelector("#axis-x");
  select.value = select.options[select.options.length - 1].value;
  select.dispatchEvent(new Event("change"));
  found.dotsAfterAxis = all("#scatter circle.dot").length;
  parent.postMessage(found, "*");
}, 150));
"""
SHOWN = {  # frame: which report, at what width
    "wide": ("usual", 1440), "narrow": ("usual", 390), "hostile": ("hostile", 390),
    "one": ("one", 390), "bare": ("bare", 1000),
}  # fmt: skip
FRAME = """<iframe name="{name}" src="{src}" width="{width}" height="900"></iframe>"""
COLLECT = r"""<pre id="found"></pre><script>
const found = {};
addEventListener("message", ({ data, source }) => {
  const frame = [...document.querySelectorAll("iframe")].find((one) => one.contentWindow === source);
  found[frame.name] = data;
  document.querySelector("#found").textContent = JSON.stringify(found);
});
</script>"""


def browse(url: str, profile: Path) -> tuple[str, list[str]]:
    """The page's document after its scripts ran, and what it wrote to the console."""
    assert BROWSER
    command = [BROWSER, *FLAGS.split(), f"--user-data-dir={profile}", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def with_probe(page: str) -> str:
    """The page with the probe inside, allowed by its hash beside the page's own script."""
    allowed = base64.b64encode(hashlib.sha256(PROBE.encode()).digest()).decode()
    assert "script-src &#39;sha256-" in page
    page = page.replace("script-src ", f"script-src 'sha256-{allowed}' ", 1)
    return page.replace("<title>", f"<script>{PROBE}</script><title>", 1)


@pytest.fixture(scope="module")
def probed(make_report: Callable[..., ReportData], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """What the probe found in each of several reports."""
    folder = tmp_path_factory.mktemp("browser")
    hostile = "</script><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    few = make_report(rows=4)
    many_cards = [replace(card, name=hostile) for card in few.architectures]
    nothing = pd.DataFrame()
    reports = {
        "usual": make_report(),
        "hostile": replace(few, front=few.front.assign(id=hostile), architectures=many_cards),
        "one": make_report(rows=1, cloud=0, published=nothing, history=nothing, score_columns=[]),
        "bare": make_report(rows=5, cloud=0, architectures=[], recommended=None, funnel=[], budget_facts=[]),
    }
    for name, data in reports.items():
        page = write_report(data, folder / name)
        page.write_text(with_probe(page.read_text()))
    frames = [COLLECT]
    for name, (run, width) in SHOWN.items():
        frames.append(FRAME.format(name=name, src=(folder / run / "report.html").as_uri(), width=width))
    (folder / "all.html").write_text("<!doctype html>" + "".join(frames))
    document, console = browse((folder / "all.html").as_uri(), folder / "profile")
    assert console == [], "errors, or something that the policy blocked"
    match = re.search(r'<pre id="found">(.*?)</pre>', document, flags=re.S)
    assert match
    return json.loads(html.unescape(match.group(1)))


@needs_browser
def test_every_report_runs_without_failures(probed: dict[str, dict]) -> None:
    assert set(probed) == set(SHOWN)
    for found in probed.values():
        assert found["failures"] == []
        assert found["wide"] <= 0, f"the page scrolls sideways because of {found['wider']}"


@needs_browser
def test_everything_is_drawn(probed: dict[str, dict]) -> None:
    for name in ("wide", "narrow"):
        assert probed[name]["dots"] == probed[name]["rows"] == probed[name]["strands"] == 40
        assert probed[name]["diamonds"] == 8
    assert probed["one"]["dots"] == 1
    assert probed["one"]["strands"] == 0
    assert probed["bare"]["dots"] == 5


@needs_browser
def test_clicks_and_keys_choose_an_architecture(probed: dict[str, dict]) -> None:
    for name in ("wide", "narrow"):
        assert probed[name]["card"].startswith("#31 ")
        assert "recommended" in probed[name]["card"]
        assert probed[name]["cardAfterRow"].startswith("#2 ")
        assert re.match(r"#[01] ", probed[name]["cardAfterDot"])
        assert probed[name]["cardAfterKey"] != probed[name]["cardAfterDot"]


@needs_browser
def test_sorting_puts_the_best_first_and_the_unknown_last(probed: dict[str, dict]) -> None:
    capacities = [float(text.replace(",", "")) for text in probed["wide"]["sorted"]]
    assert capacities == sorted(capacities, reverse=True)
    assert probed["wide"]["lastScores"] == ["–", "–"]


@needs_browser
def test_a_drag_filters_and_clear_restores(probed: dict[str, dict]) -> None:
    assert 0 < probed["wide"]["kept"] < 40
    assert probed["wide"]["keptAfterClear"] == 40
    assert probed["wide"]["dotsAfterAxis"] == 40


@needs_browser
def test_a_hostile_name_runs_nothing(probed: dict[str, dict]) -> None:
    assert probed["hostile"]["title"] == "elasticvit under 600 MFLOPs"
    assert "<img src=x" in probed["hostile"]["card"], "the name is shown as text"
