"""Runs that are not like the example: one row, hundreds, no scores, nothing published, hostile names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nas.report import Axis, Recommendation, ReportData, write_report

Make = Callable[..., ReportData]
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \"' ${x} {{ 7*7 }} | `a` $x$ &amp; <!--"


@pytest.fixture
def no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skips drawing front.png, half of the time of a report, where a test looks at the page alone."""

    def blank(data: ReportData, columns: object, path: Path) -> Path:
        path.write_bytes(b"")
        return path

    monkeypatch.setattr("nas.report.figures.front_png", blank)


def embedded(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="report-data">(.*?)</script>', page, flags=re.S)
    assert found
    return json.loads(found.group(1))


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.handlers: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def test_one_architecture(make_report: Make, tmp_path: Path) -> None:
    page = write_report(make_report(rows=1), tmp_path).read_text()
    assert "One architecture is on the front" in page
    assert "All 1 architecture<" in page


@pytest.mark.usefixtures("no_picture")
def test_three_hundred_stay_under_six_megabytes(make_report: Make, tmp_path: Path) -> None:
    path = write_report(make_report(rows=300), tmp_path)
    assert path.stat().st_size < 6_000_000
    assert path.read_text().count("data-row=") == 300
    assert "all of them are in `front.csv`" in (tmp_path / "summary.md").read_text()


@pytest.mark.usefixtures("no_picture")
def test_cards_beyond_the_budget_are_left_out_but_the_recommended_stays(
    make_report: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.report.html.CARD_BUDGET", 30_000)
    data = make_report(rows=12)
    cards = embedded(write_report(data, tmp_path).read_text())["cards"]
    assert isinstance(cards, list)
    assert data.recommended is not None
    assert cards[data.recommended.index]
    assert 2 <= sum(card is not None for card in cards) < 10


def test_nothing_but_a_front(make_report: Make, tmp_path: Path) -> None:
    nothing = pd.DataFrame()
    data = make_report(
        rows=5, cloud=0, published=nothing, history=nothing, funnel=[], recommended=None, architectures=[],
        budget_facts=[], score_columns=[], score_notes={}, facts={}, budgets=[],
        objectives=[Axis("macs", "MACs", "M", "min", 1e6)],
    )  # fmt: skip
    data = replace(data, cloud=nothing, front=data.front[["id", "macs"]])
    page = write_report(data, tmp_path).read_text()
    assert "No recommendation" in page
    assert "Published networks" not in page
    assert "What the budget means" not in page


def test_missing_and_infinite_scores(make_report: Make, tmp_path: Path) -> None:
    data = make_report(rows=12)
    front = data.front.assign(zico=np.nan, az_nas=[np.inf, -np.inf, None, *range(9)])
    page = write_report(replace(data, front=front), tmp_path).read_text()
    columns = embedded(page)["columns"]
    assert isinstance(columns, list)
    names = [column["name"] for column in columns]
    assert "zico" not in names, "a column without any number is no column"
    assert "az_nas" in names
    assert not re.search(r">-?inf<", page)


def test_hostile_strings_stay_text(make_report: Make, make_card: Callable, tmp_path: Path) -> None:
    plain = make_report(rows=3)
    card = make_card(0, HOSTILE, np.random.default_rng(0))
    stages = [replace(stage, name=HOSTILE, kind=HOSTILE, detail=HOSTILE) for stage in card.stages]
    card = replace(card, name=HOSTILE, code=HOSTILE, json_path=HOSTILE, totals={HOSTILE: HOSTILE}, stages=stages)
    data = replace(
        plain, title=HOSTILE, command=HOSTILE, space=HOSTILE, space_size=HOSTILE, budgets=[HOSTILE],
        objectives=[Axis("capacity", HOSTILE, HOSTILE, "max"), Axis("macs", "MACs", "M", "min", 1e6)],
        facts={HOSTILE: HOSTILE}, front=plain.front.assign(id=HOSTILE), score_notes={"zico": HOSTILE},
        published=plain.published.assign(name=HOSTILE), architectures=[card],
        funnel=[replace(plain.funnel[0], name=HOSTILE, note=HOSTILE)],
        recommended=Recommendation(0, HOSTILE, [HOSTILE], HOSTILE, [(1, HOSTILE)]),
        budget_facts=[{"name": HOSTILE, "smallest": 1, "typical": 2, "largest": 3, "allowed": HOSTILE}],
    )  # fmt: skip
    page = write_report(data, tmp_path).read_text()
    ours = Tags(write_report(plain, tmp_path / "plain").read_text())
    tags = Tags(page)
    assert tags.seen.count("script") == ours.seen.count("script") == 2
    assert tags.seen.count("img") == ours.seen.count("img") == 1
    assert tags.handlers == []
    assert "49" not in re.findall(r"<h1>(.*?)</h1>", page, flags=re.S)[0], "a name was run as a template"
    assert embedded(page)["ids"] == [HOSTILE] * 3
    for html in embedded(page)["cards"][:1]:  # type: ignore[index]
        assert set(Tags(html).seen).isdisjoint({"script", "img"})
    summary = re.sub(r"````.*?````|`[^`\n]*`", "", (tmp_path / "summary.md").read_text(), flags=re.S)
    assert "<" not in summary, "mark-up outside code"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recommended": Recommendation(9, "x")}, r"indices \[9\].*rows 0 to 2"),
        ({"recommended": Recommendation(0, "x", neighbours=[(-1, "y")])}, r"indices \[-1\]"),
        ({"front": pd.DataFrame({"id": []})}, "at least one architecture"),
        ({"front": pd.DataFrame({"macs": [1]})}, "needs an 'id' column"),
    ],
)
def test_inconsistent_data_is_refused(make_report: Make, change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(make_report(rows=3), **change)


def test_a_front_without_numbers_is_refused(make_report: Make, tmp_path: Path) -> None:
    data = make_report(rows=2)
    with pytest.raises(ValueError, match="no number to show"):
        write_report(replace(data, front=data.front[["id"]]), tmp_path)


def test_an_axis_says_what_it_expected() -> None:
    with pytest.raises(ValueError, match="expected 'max' or 'min'"):
        Axis("macs", "MACs", direction="lower")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="positive divisor"):
        Axis("macs", "MACs", scale=0)
