"""The page in a real browser: as somebody uses it, with a mouse, with the keyboard, without scripts."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.browsing import Watched, chromium, served

pytest.importorskip("fastapi")

from nas.service.app.factory import create_app
from nas.service.settings import Settings
from tests.nas.service import seeded

WIDTHS = {"wide": 1440, "narrow": 390}
MORE_LOOKS = (("wide", "light"), ("wide", "dark"), ("narrow", "light"))
LOOKS = [("narrow", "dark"), *(pytest.param(*look, marks=pytest.mark.slow) for look in MORE_LOOKS)]
DRAWN = """() => document.getElementById("plot")?._fullData?.find((trace) => trace.meta?.rows?.length)?.meta.rows"""
"""Rows of the front that its plot shows as points; nothing before there are any."""
PLACE = """(row) => {
  const plot = document.getElementById("plot");
  const trace = plot._fullData.find((one) => one.meta?.rows?.includes(row));
  const at = trace.meta.rows.indexOf(row);
  const { xaxis, yaxis } = plot._fullLayout;
  const box = plot.getBoundingClientRect();
  return [box.x + xaxis._offset + xaxis.l2p(trace.x[at]), box.y + yaxis._offset + yaxis.l2p(trace.y[at])];
}"""
SCREENSHOTS = os.environ.get("NAS_SCREENSHOTS")
"""Folder to keep pictures in, for people to look at."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with jobs in every state, and nobody who runs them."""
    folder = tmp_path_factory.mktemp("page")
    store = seeded.open_store(folder)
    seeded.finished(store)
    seeded.finished(store, seed=1)
    seeded.failed(store, seed=2)
    seeded.running(store, 3, seed=3)
    with served(create_app(Settings(data=folder), store)) as address:
        yield address


@contextmanager
def page(browser: Any, base: str, **options: Any) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": WIDTHS["wide"], "height": 900}, **options)
    try:
        yield Watched(context.new_page(), base)
    finally:
        context.close()


def first_done(site: str) -> str:
    """The path of a finished job's page."""
    import httpx

    jobs = httpx.get(f"{site}/v1/jobs?state=done").json()
    return f"/jobs/{jobs['jobs'][-1]['id']}"


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """``nas serve`` as somebody starts it on a laptop, with its own runner."""
    command = [sys.executable, "-m", "nas", "serve", "--port", "0", "--data", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, line
        yield found[0]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def search_and_take_out(browser: Any, folder: Path, more: dict[str, str], patience_s: int) -> None:
    """Ask for a search, watch it, choose a point, download its ONNX, run that."""
    with serving(folder / "data") as base, page(browser, base, accept_downloads=True) as watched:
        sheet = watched.goto("/")
        sheet.get_by_role("link", name="New job").click()
        sheet.get_by_label("Budget").fill("600MFLOPs")
        sheet.get_by_text("More options").click()
        for label, value in more.items():
            sheet.get_by_label(label, exact=True).fill(value)
        sheet.get_by_text("of 2.17 × 10¹⁶ architectures fit").wait_for()
        assert "nas search --budget 600MFLOPs" in sheet.locator(".ask-side code").inner_text()
        sheet.get_by_role("button", name="Start the search").click()
        sheet.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}$"))
        assert "elasticvit within 600MFLOPs" in sheet.locator("h1").inner_text()
        patience = patience_s * 1000
        sheet.wait_for_function(DRAWN, timeout=patience)
        sheet.locator(".pill-done").wait_for(timeout=patience)
        sheet.locator(".card .drawing").wait_for()
        choose_with_the_mouse(sheet, sheet.locator("#front-table tr[data-row]").count() // 2)
        with sheet.expect_download(timeout=patience) as waited:
            sheet.get_by_role("link", name="ONNX").click()
        waited.value.save_as(folder / "net.onnx")
        runs(folder / "net.onnx")
        watched.check()


def choose_with_the_mouse(sheet: Any, wanted: int) -> None:
    """Click a point of the plot: its card comes."""
    sheet.locator("#plot").scroll_into_view_if_needed()
    sheet.mouse.click(*sheet.evaluate(PLACE, sheet.evaluate(DRAWN)[wanted]))
    sheet.wait_for_url(re.compile(r"\?chosen=\d+$"))
    row = re.search(r"chosen=(\d+)", sheet.url)[1]  # type: ignore[index]
    sheet.locator(f'.card[data-index="{row}"]').wait_for()
    assert sheet.locator("#peek h3").inner_text().startswith(f"Architecture #{row}")
    assert sheet.locator(f'#front-table tr[data-row="{row}"]').get_attribute("aria-selected") == "true"
    assert sheet.locator(".card .d-name").count() >= 5
    assert "pixel6" in sheet.locator(".latencies").inner_text()


def runs(file: Path) -> None:
    """The file is a network that runs."""
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    shape = [1 if not isinstance(n, int) else n for n in entry.shape]
    out = session.run(None, {entry.name: np.zeros(shape, dtype=np.float32)})[0]
    assert out.shape == (1, 1000)
    assert np.isfinite(out).all()


@pytest.mark.timeout(1500)
def test_search_watch_choose_download(browser: Any, tmp_path: Path) -> None:
    few = {"Architectures to price": "4000", "Survivors to judge": "4", "Judges": "none"}
    search_and_take_out(browser, tmp_path, few, 600)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_search_watch_choose_download_at_full_size(browser: Any, tmp_path: Path) -> None:
    search_and_take_out(browser, tmp_path, {}, 1200)


def test_keyboard_only(browser: Any, site: str) -> None:
    with page(browser, site) as watched:
        sheet = watched.goto("/")
        sheet.keyboard.press("Tab")
        assert sheet.evaluate("document.activeElement.className") == "skip"
        sheet.keyboard.press("Enter")
        tab_to(sheet, "a.job-title", times=30)
        watched.goto(first_done(site))
        sheet.wait_for_function(DRAWN)
        tab_to(sheet, "#plot", times=60)
        before = sheet.locator("#peek h3").inner_text()
        sheet.keyboard.press("ArrowLeft")
        sheet.wait_for_url(re.compile(r"\?chosen=\d+$"))
        assert sheet.locator("#peek h3").inner_text() != before
        sheet.keyboard.press("Enter")
        assert sheet.evaluate("document.activeElement.id") == "architecture"
        tab_to(sheet, ".downloads a", times=5)
        watched.goto("/new")
        tab_to(sheet, "#budget", times=40)
        sheet.keyboard.type("700MFLOPs")
        sheet.get_by_text("--budget 700MFLOPs").wait_for()
        watched.check()


def tab_to(sheet: Any, selector: str, times: int) -> None:
    """Press Tab until something that fits has the focus, and can be seen to have it."""
    for _ in range(times):
        sheet.keyboard.press("Tab")
        if sheet.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"{selector} was not reached in {times} presses of Tab")


def test_a_wrong_field_says_so_where_it_stands(browser: Any, site: str) -> None:
    with page(browser, site) as watched:
        sheet = watched.goto("/new?space=elasticvit-small")
        sheet.get_by_label("Budget").fill("1kFLOPs")
        error = sheet.locator("#budget-error")
        sheet.locator("#budget-error", has_text="nearest feasible value").wait_for()
        assert sheet.get_by_label("Budget").get_attribute("aria-invalid") is not None
        assert "budget-error" in (sheet.get_by_label("Budget").get_attribute("aria-describedby") or "")
        sheet.get_by_label("Budget").fill("20MFLOPs")
        sheet.get_by_text("architectures fit").wait_for()
        assert error.inner_text() == ""
        watched.check()


def test_the_list_follows_the_server(browser: Any, tmp_path: Path) -> None:
    store = seeded.open_store(tmp_path)
    with served(create_app(Settings(data=tmp_path), store)) as base, page(browser, base) as watched:
        sheet = watched.goto("/")
        sheet.get_by_text("No jobs yet").wait_for()
        job, claim = seeded.running(store, None)
        sheet.get_by_role("link", name="elasticvit within 600MFLOPs").wait_for()
        sheet.get_by_text("700 of 2,000").wait_for()
        store.heartbeat(claim, 600.0, progress={"phase": "exploring", "done": 1400, "total": 2000})
        sheet.get_by_text("1,400 of 2,000").wait_for()
        watched.goto(f"/jobs/{job.id}")
        sheet.get_by_text("The first architectures appear here").wait_for()
        for rows in (2, 4):
            store.heartbeat(claim, 600.0, front=seeded.begun(rows))
            sheet.locator(f'#front-table tr[data-row="{rows - 1}"]').wait_for()
            sheet.wait_for_function(f"() => ({DRAWN})()?.length === {rows}")
        store.fail(claim, {"title": "The run failed", "detail": "the disk is full"})
        sheet.get_by_text("the disk is full").wait_for()
        watched.check()


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_looks(browser: Any, site: str, width: str, theme: str) -> None:
    """No page is wider than the screen, and none complains; with NAS_SCREENSHOTS, pictures to look at."""
    done = first_done(site)
    paths = {"jobs": "/", "new": "/new?budget=600MFLOPs", "job": done, "architecture": f"{done}/architectures/0",
             "compare": f"/compare?runs={done.split('/')[-1]}", "devices": "/devices", "device": "/devices/pixel6",
             "proxies": "/proxies", "login": "/login"}  # fmt: skip
    with page(browser, site, color_scheme=theme) as watched:
        watched.page.set_viewport_size({"width": WIDTHS[width], "height": 900})
        for name, path in paths.items():
            sheet = watched.goto(path)
            if name in ("job", "compare"):
                sheet.locator(".scatterlayer .point").first.wait_for()
            wider = sheet.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wider <= 0, name
            assert unnamed(sheet) == [], name
            if SCREENSHOTS:
                sheet.wait_for_timeout(1500)
                sheet.screenshot(path=Path(SCREENSHOTS) / f"{name}-{width}-{theme}.png", full_page=True)
        watched.check()


UNNAMED = """() => {
  const controls = "a[href], button, input, select, textarea, [role=region], [role=group], [role=img]";
  const named = (node) =>
    node.getAttribute("aria-label") || node.labels?.length || node.textContent.trim() || node.title;
  return [...document.querySelectorAll(controls)]
    .filter((node) => node.type !== "hidden" && !node.closest("[aria-hidden=true], .modebar") && !named(node))
    .map((node) => node.outerHTML.slice(0, 120));
}"""


def unnamed(sheet: Any) -> list[str]:
    """Controls without a name that a screen reader could say."""
    found: list[str] = sheet.evaluate(UNNAMED)
    return found


def test_without_scripts_everything_can_be_read_and_asked(browser: Any, site: str) -> None:
    with page(browser, site, java_script_enabled=False) as watched:
        sheet = watched.goto(first_done(site))
        assert sheet.locator(".card .d-name").count() >= 5
        sheet.locator("#front-table a.pick").first.click()
        assert sheet.locator("h1").inner_text() == "Architecture #0"
        watched.goto("/new")
        sheet.get_by_label("Budget").fill("1kFLOPs")
        sheet.get_by_role("button", name="Start the search").click()
        assert "nearest feasible value" in sheet.locator("#budget-error").inner_text()
        sheet.get_by_label("Budget").fill("650MFLOPs")
        sheet.get_by_role("button", name="Start the search").click()
        assert "elasticvit within 650MFLOPs" in sheet.locator("h1").inner_text()
        sheet.get_by_role("button", name="Cancel").click()
        assert "cancelled" in sheet.locator(".pill").inner_text()
        assert watched.foreign == []
