"""The pieces: numbers for people, columns, the drawing, the comparison with published networks, the budget's bars."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from nas.report import Axis, ReportData
from nas.report.columns import default_axes, report_columns
from nas.report.comparison import beside_published, budget_bars
from nas.report.drawing import architecture_svg, family, thumb_svg
from nas.report.formatting import digits_for, duration, percent, short
from nas.report.view import funnel_bars, intro, tiles


@pytest.mark.parametrize(
    ("value", "shown"),
    [(412_345_678, "412 M"), (1.5e9, "1.50 G"), (2304, "2.30 k"), (7, "7"), (0.12345, "0.123"), (0, "0"),
     (math.nan, "–"), (None, "–"), ("160 × 160", "160 × 160"), (-3.2e6, "-3.20 M")],
)  # fmt: skip
def test_short(value: object, shown: str) -> None:
    assert short(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.02, "0.02 s"), (11.8, "11.8 s"), (125, "2 min 05 s"), (3840, "1 h 04 min"), (None, "–")]
)
def test_duration(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


def test_percent_and_digits() -> None:
    assert percent(0.0421, 1, signed=True) == "+4.2 %"
    assert digits_for([598.3]) == 1
    assert digits_for([12.02, 5.1]) == 2
    assert digits_for([]) == 0


def test_columns_start_with_the_objectives_and_keep_neighbours_apart(report: ReportData) -> None:
    columns = report_columns(report)
    assert [column.name for column in columns][:3] == ["capacity", "macs", "params"]
    assert [column.name for column in columns][-2:] == ["zico", "az_nas"]
    assert default_axes(columns) == ("macs", "capacity")
    close = pd.DataFrame({"id": list("abc"), "macs": [500_000_000, 500_010_000, 500_020_000]})
    macs = next(c for c in report_columns(replace(report, front=close, recommended=None, architectures=[])))
    assert len({macs.text(value) for value in close["macs"]}) == 3


def test_only_costs_or_only_one_column(report: ReportData) -> None:
    front = report.front[["id", "macs", "params"]]
    data = replace(report, front=front, objectives=[Axis("params", "Params", "M", "min", 1e6)])
    assert default_axes(report_columns(data)) == ("params", "macs")
    assert default_axes(report_columns(replace(data, front=front[["id", "macs"]]))) == ("macs", "macs")


def test_drawing_is_well_formed_and_says_every_stage(report: ReportData) -> None:
    card = report.architectures[0]
    text = architecture_svg(card)
    root = ET.fromstring(text)
    assert root.tag == "svg"
    for stage in card.stages:
        assert f">{stage.name}</text>" in text
        assert short(stage.macs) in text
    slabs = re.findall(r'class="d-slab" d="([^"]*)"', text)
    assert [path.count("M") for path in slabs] == [stage.depth for stage in card.stages], "one slab per layer"
    assert ET.fromstring(thumb_svg(card)).tag == "svg"


def test_drawing_of_unusual_architectures(report: ReportData) -> None:
    card = report.architectures[0]
    assert architecture_svg(replace(card, stages=[])) == ""
    odd = replace(card.stages[0], depth=48, width=0, resolution=None, macs=0, params=0, kind="mixer")
    text = architecture_svg(replace(card, stages=[odd]))
    assert "48 layers" in text
    assert "nan" not in text
    ET.fromstring(text)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("MBConv", "conv"), ("convolution", "conv"), ("Transformer", "transformer"), ("classifier head", "head"),
     ("patch embedding", "stem"), ("window attention", "transformer"), ("mixer", "other")],
)  # fmt: skip
def test_family(kind: str, expected: str) -> None:
    assert family(kind) == expected


def test_published_networks_are_met_at_no_more_cost(report: ReportData) -> None:
    columns = report_columns(report)
    for row, other in zip(report.published.to_dict("records"), beside_published(report, columns), strict=True):
        assert other is not None
        assert report.front["macs"][other.index] <= row["macs"]
        assert other.gain == pytest.approx(report.front["capacity"][other.index] / row["capacity"] - 1)
    tiny = report.published.assign(macs=1.0)
    assert beside_published(replace(report, published=tiny), columns) == [None] * len(tiny)


@pytest.mark.parametrize(
    ("allowed", "shown"),
    [(600e6, "at most 600 M"), ((400e6, 600e6), "400 M to 600 M"), ((400e6, None), "at least 400 M"),
     ("<= 600 M", "<= 600 M"), (None, "anything")],
)  # fmt: skip
def test_budget_in_words(report: ReportData, allowed: object, shown: str) -> None:
    fact = {"name": "macs", "smallest": 40e6, "typical": 600e6, "largest": 3e9, "allowed": allowed}
    [bar] = budget_bars(replace(report, budget_facts=[fact]), report_columns(report))
    assert bar.allowed == shown
    assert bar.drawn
    assert 0 <= bar.allowed_from <= bar.allowed_to <= 100


def test_funnel_tiles_and_intro(report: ReportData, make_report: Callable[..., ReportData]) -> None:
    bars = funnel_bars(report.funnel)
    assert bars[0].seen_to == 100
    assert all(bar.kept_to <= bar.seen_to for bar in bars)
    assert bars[0].each.endswith("µs each")
    assert dict(tiles(report))["Architectures priced"] == "204,800"
    inherited = replace(report, objectives=(Axis("inherited_accuracy", "Inherited accuracy"),))
    assert dict(tiles(inherited))["Evaluated with trained weights"] == dict(tiles(report))["Scored without training"]
    assert intro(report, report_columns(report)).startswith("40 architectures are on the front: MACs from ")
    flat = make_report(rows=1)
    assert " from " not in intro(flat, report_columns(flat))
    assert funnel_bars([]) == []
    assert not np.isnan(bars[-1].kept_to)
