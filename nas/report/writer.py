"""Writes the three files of a report into a folder."""

from __future__ import annotations

from pathlib import Path

from nas.report.columns import report_columns
from nas.report.data import ReportData


def write_report(data: ReportData, folder: Path) -> Path:
    """Write `report.html`, `front.png` and `summary.md` into `folder` (made if absent); returns the page's path."""
    from nas.report.figures import front_png
    from nas.report.html import render
    from nas.report.markdown import summary

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    columns = report_columns(data)
    if not columns:
        raise ValueError("the front holds no number to show: neither an objective, a count nor a score")
    picture = front_png(data, columns, folder / "front.png")
    (folder / "summary.md").write_text(summary(data, columns), encoding="utf-8")
    page = folder / "report.html"
    page.write_text(render(data, columns, picture.read_bytes()), encoding="utf-8")
    return page
