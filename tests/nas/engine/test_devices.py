"""Searches under a latency budget, with profiles small enough to read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import nas
from nas.engine.survey import survey
from nas.errors import BudgetInfeasible, NasError
from predictors.latency import load_profile
from predictors.latency.roofline import roofline_profile


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A device of three datasheet numbers, as a file."""
    profile = roofline_profile("phone", "phone", macs_per_s=20e9, bytes_per_s=8e9, overhead_s=2e-6)
    return str(profile.save(tmp_path_factory.mktemp("profiles") / "phone.json"))


@pytest.fixture(scope="module")
def run(phone: str, tmp_path_factory: pytest.TempPathFactory) -> nas.Run:
    """A search for the largest capacity within 1.2 ms."""
    out = tmp_path_factory.mktemp("runs")
    device = f"latency@{phone}"
    return nas.search(
        "elasticvit-small", f"1.2ms@{phone}", objectives=["capacity", device], proxies=[], candidates=2000, workers=0,
        out=out, name="a",
    )  # fmt: skip


def test_the_front_keeps_the_latency_budget(run: nas.Run, phone: str) -> None:
    """Every row is within 1.2 ms, as the profile itself predicts it, and its interval holds it."""
    front, name = run.front, f"latency@{phone}"
    assert (front[name] <= 1.2e6).all()
    assert front[name].max() > 0.9e6
    profile = load_profile(phone)
    for i in (0, len(front) - 1):
        predicted = profile.predict(run.space.operators(run.architecture(i)))
        assert front[name][i] == pytest.approx(predicted.ms[0] * 1e6, abs=200)
        assert front[f"{name}_low"][i] <= front[name][i] <= front[f"{name}_high"][i]


@pytest.mark.usefixtures("unreported")
def test_the_same_seed_gives_the_same_front(run: nas.Run, phone: str, tmp_path: Path) -> None:
    """Latency is a whole number of nanoseconds, so fronts are equal to the byte."""
    again = nas.search(
        "elasticvit-small", f"1.2ms@{phone}", objectives=["capacity", f"latency@{phone}"], proxies=[], candidates=2000,
        workers=0, out=tmp_path, name="b",
    )  # fmt: skip
    assert (again.path / "front.csv").read_bytes() == (run.path / "front.csv").read_bytes()


def test_a_run_keeps_its_profile(run: nas.Run) -> None:
    """The profile is data in the run's folder; the report can be rebuilt when the file it came from is gone."""
    paths = list(json.loads((run.path / "run.json").read_text())["spec"]["devices"].values())
    assert len(paths) == 1
    assert (run.path / paths[0]).is_file()
    opened = nas.load_run(run.path)
    assert opened.spec.profiles.keys() == run.spec.profiles.keys()
    (run.path / paths[0]).rename(run.path / "elsewhere.json")
    try:
        with pytest.raises(NasError, match="missing or damaged"):
            _ = nas.load_run(run.path).spec
    finally:
        (run.path / "elsewhere.json").rename(run.path / paths[0])


def test_the_report_says_where_the_time_goes(run: nas.Run) -> None:
    """A column per stage and the efficiency gap of each architecture."""
    page = (run.path / "report.html").read_text()
    assert "waterline" in page
    assert "Latency on" in page
    assert "90 % interval" in page


def test_what_is_satisfiable_is_said_in_milliseconds(phone: str) -> None:
    """An impossible budget names the nearest value that is possible."""
    with pytest.raises(BudgetInfeasible) as caught:
        nas.search("elasticvit-small", f"0.01ms@{phone}", workers=0)
    assert "0.01 ms" in str(caught.value)
    assert "nearest feasible value is" in str(caught.value)


def test_bounds_are_exact(phone: str) -> None:
    """The smallest and largest latency hold for every sample, and the survey shows them."""
    from nas.engine.spec import SearchSpec

    document = json.loads(Path(phone).read_text())
    spec = SearchSpec("elasticvit-small", budgets=(f"1.2ms@{phone}",), devices={phone: document})
    space, name = spec.search_space, f"latency@{phone}"
    found = space.price(space.sample(2000, np.random.default_rng(1)), (name,))[name]
    low, high = space.bounds(name)
    assert low <= found.min() <= found.max() <= high
    facts = {q.name: q for q in survey(space, spec.budget).quantities}[name]
    assert (facts.smallest, facts.largest) == (low, high)


@pytest.mark.parametrize(
    ("budget", "said"),
    [("15ms@pixl6", "did you mean 'pixel6'"), ("3mJ@pixel6", "no energy"), ("1ms@none.json", "none.json")],
)
def test_devices_that_are_not_there(budget: str, said: str, tmp_path: Path) -> None:
    """One line, and nothing is written."""
    with pytest.raises(NasError) as caught:
        nas.search("elasticvit", budget, workers=0, out=tmp_path)
    assert said in str(caught.value)
    assert not list(tmp_path.iterdir())
