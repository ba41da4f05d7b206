"""What lies in the folder after `write_report`, and whether a reader finds everything in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nas.report import ReportData, write_report


@pytest.fixture(scope="module")
def folder(report: ReportData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "made" / "on demand"
    assert write_report(report, path) == path / "report.html"
    return path


def test_exactly_the_three_files(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["front.png", "report.html", "summary.md"]


def test_picture_is_a_real_png_of_the_front(folder: Path) -> None:
    from matplotlib.image import imread

    pixels = imread(folder / "front.png")
    assert (folder / "front.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert pixels.shape[0] >= 800
    assert pixels.shape[1] >= 1200
    blue = (abs(pixels[..., :3] - [0, 0.447, 0.698]) < 0.05).all(axis=-1).sum()
    assert blue > 2000, "the points of the front are not visible"


def test_page_loads_nothing(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    body = re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.S)
    loads = re.findall(r"""(?:src|href|action|poster|data)\s*=\s*["']([^"']*)""", body)
    assert all(one.startswith(("#", "data:")) for one in loads), loads
    assert "@import" not in body
    assert not re.search(r"url\((?!#)", body)
    assert not re.search(r"(?<!\.)\b(fetch|XMLHttpRequest|WebSocket|eval)\(", body)
    assert len(page) < 2_000_000


def test_page_holds_every_row_with_units(folder: Path, report: ReportData) -> None:
    page = (folder / "report.html").read_text()
    table = page[page.index('id="front-table"') :].split("</table>")[0]
    assert table.count("data-row=") == len(report.front)
    for identity in report.front["id"]:
        assert identity in table
    assert "MACs (M)" in table
    assert "Peak memory (MB)" in table
    assert f"{report.front['macs'].iloc[-1] / 1e6:.1f}" in table
    assert "–" in table, "a missing score shows as a dash"
    assert "nan" not in table.lower().replace("az_nas", "")


def test_page_says_what_a_reader_asks_first(folder: Path, report: ReportData) -> None:
    page = (folder / "report.html").read_text()
    best = report.recommended
    assert best is not None
    for text in (best.headline, *best.reasons, best.confidence, report.command, *report.facts.values()):
        assert text.replace("<", "&lt;") in page
    assert "204,800" in page
    assert "can be met" in page
    assert "Kendall tau 0.41" in page
    assert page.index(best.headline) < page.index('id="front"'), "the recommendation comes first"


def test_no_inline_style_or_handler_that_the_policy_would_block(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    assert "unsafe-inline" not in page
    assert not re.search(r"<[^>]+\sstyle=", page)
    assert not re.search(r"<[^>]+\son[a-z]+=", page)


def test_same_data_same_bytes(folder: Path, report: ReportData, tmp_path: Path) -> None:
    write_report(report, tmp_path)
    for name in ("report.html", "front.png", "summary.md"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_summary_reads_well(folder: Path, report: ReportData) -> None:
    text = (folder / "summary.md").read_text()
    best = report.recommended
    assert best is not None
    assert text.startswith("# elasticvit under 600 MFLOPs\n")
    assert f"## Recommended: #{best.index}" in text
    assert "](front.png)" in text
    assert "nas.create_model" in text
    for identity in report.front["id"]:
        assert f"`{identity}`" in text
    assert "| Table | 204,800 | 1,931 | 11.8 s |" in text
    assert "at most 600 M" in text
