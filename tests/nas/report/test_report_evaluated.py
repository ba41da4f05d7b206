"""A run whose accuracies were measured with trained weights: its evaluated subnets are drawn, and counted as drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from matplotlib.figure import Figure

from nas.report import Axis, ReportData
from nas.report.columns import report_columns
from nas.report.figures import _draw
from nas.report.payload import payload
from nas.runs.trained import building, trained_facts


@pytest.fixture
def trained(make_report: Callable[..., ReportData]) -> ReportData:
    """Accuracy is known of the front and of what was evaluated, and of nothing else."""
    usual = make_report(rows=8)
    front = usual.front.assign(inherited_accuracy=[0.5 + i / 100 for i in range(8)])
    evaluated = front.loc[[0, 1, 2]].assign(macs=9e8)
    axes = [Axis("inherited_accuracy", "Inherited accuracy", "%", "max", 0.01), Axis("macs", "MACs", "M", "min", 1e6)]
    return make_report(rows=8, front=front, evaluated=evaluated, objectives=axes)


def labels(data: ReportData) -> list[str]:
    columns = {column.name: column for column in report_columns(data)}
    axes = Figure().add_subplot()
    _draw(axes, data, columns["macs"], columns[data.objectives[0].name])
    legend = axes.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def test_the_legend_names_what_is_drawn(trained: ReportData) -> None:
    assert labels(trained) == ["evaluated (3)", "front (8)", "recommended"]


def test_other_runs_look_as_before(make_report: Callable[..., ReportData]) -> None:
    assert labels(make_report()) == ["explored (600)", "front (40)", "published", "recommended"]


def test_the_page_has_the_evaluated(trained: ReportData) -> None:
    found = payload(trained, report_columns(trained), [])["evaluated"]
    assert found["names"] == list(trained.front["id"][:3])
    assert found["values"]["inherited_accuracy"] == [0.5, 0.51, 0.52]


def run(**document: Any) -> Any:
    facts = {"path": "/a net", "data": "digits", "validation": 143, "sampler": "sandwich", "epochs": 1,
             "calibration": {"images": 512, "batch": 64, "seed": 1}}  # fmt: skip
    history = {"elapsed_s": SimpleNamespace(max=lambda: 3.0)}
    store = SimpleNamespace(history=lambda: history)
    return SimpleNamespace(
        path=Path("results/found"), is_stitched=False, store=store, document={"supernet": facts} | document
    )


def test_the_trained_weights_are_what_a_user_is_shown() -> None:
    code = building(run(), 3)
    compile(code, "code", "exec")
    assert 'nas.extract("/a net", "results/found#3", "my-model")' in code
    assert "nas extract '/a net' 'results/found#3' --out my-model" in code
    plain: Any = SimpleNamespace(path=Path("results/found"), is_stitched=False, document={})
    assert building(plain, 3) == 'import nas\n\nmodel = nas.create_model("results/found", index=3)'


def test_the_facts_say_how_the_supernet_was_trained_and_its_subnets_judged() -> None:
    facts = trained_facts(run())
    assert facts["Trained"].startswith("1 epoch on digits; sampler sandwich: the largest, the smallest")
    assert "143 images held out" in facts["Subnets judged"]
    assert "cumulative average over the same 512 training images (drawn with seed 1" in facts["Subnets judged"]
