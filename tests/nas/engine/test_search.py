"""The search itself, on a space small enough to know the true front, and on ElasticViT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nas
from nas.engine.evolve import advance, restored
from nas.engine.exchange import Exchange
from nas.engine.island import Island
from nas.engine.merge import Archive
from nas.engine.nsga2 import violation
from nas.engine.pareto import non_dominated
from nas.engine.spec import SearchSpec
from nas.engine.survey import survey
from nas.errors import BudgetError, BudgetInfeasible, NasError, RunError, UnknownName
from search_spaces import registry
from search_spaces.pricing import QUANTITIES
from tests.nas.engine.toy import Toy

GOLDEN = Path(__file__).parents[2] / "golden"
pytestmark = pytest.mark.usefixtures("unreported")


@pytest.fixture(autouse=True)
def _toy_space(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the toy space by name."""
    monkeypatch.setitem(registry.BUILT_IN, "toy", "tests.nas.engine.toy:Toy")


def true_front(space: Toy, budget: nas.Budget) -> np.ndarray:
    """(capacity, macs) of the true front, by enumeration."""
    prices = space.price(space.enumerate(), QUANTITIES)
    costs = np.stack([-prices["capacity"], prices["macs"]], axis=1).astype(float)
    costs = costs[violation(prices, budget.intervals) <= 0]
    return np.unique(costs[non_dominated(costs)], axis=0)


def test_a_small_space_is_solved_exactly(tmp_path: Path) -> None:
    """Up to 100,000 combinations are enumerated: the front is the true one."""
    run = nas.search("toy", "1MFLOPs", workers=0, proxies=[], promote=10_000, candidates=1, out=tmp_path)
    found = np.stack([-run.front["capacity"], run.front["macs"]], axis=1)
    expected = true_front(Toy(), nas.Budget.parse("1MFLOPs"))
    assert np.allclose(np.unique(found, axis=0), expected)
    assert (run.front["macs"] <= 1e6).all()


def test_evolution_finds_the_true_front(monkeypatch: pytest.MonkeyPatch) -> None:
    """With enumeration switched off, evolution recovers nearly all of the true front from a fifth of the space."""
    monkeypatch.setattr("nas.engine.island.ENUMERATED", 0)
    space = Toy()
    spec = SearchSpec("toy", budgets=("1MFLOPs",), candidates=800, islands=1, population=40)
    island, archive = Island(spec, 0, space), Archive(spec, space)
    for _ in range(spec.generations + 1):
        commit = island.step()
        archive.add(commit.genomes, commit.prices)
    expected = {tuple(row) for row in true_front(space, spec.budget)}
    assert len(expected & {tuple(row) for row in archive.costs}) >= 0.8 * len(expected)


def test_islands_do_not_depend_on_interruptions(tmp_path: Path) -> None:
    """An island restored from its files after every generation goes the same way as one that never stops."""
    spec = SearchSpec("elasticvit", budgets=("600MFLOPs",), candidates=4 * 2 * 32, population=32, migrate_every=2)
    steady, broken = Exchange(tmp_path / "a"), Exchange(tmp_path / "b")
    islands = [Island(spec, i, spec.search_space) for i in range(2)]
    for _ in range(4):
        for island in islands:
            advance(island, steady)
        for number in (1, 0):  # in another order, too
            advance(restored(spec, number, broken), broken)
    for number in range(2):
        a, b = steady.read(number, 3), broken.read(number, 3)
        assert a is not None
        assert b is not None
        assert (a.survivors == b.survivors).all()


def test_the_archive_does_not_depend_on_the_order() -> None:
    """Merging the same candidates in another order gives the same arrays."""
    space = Toy()
    spec = SearchSpec("toy")
    genomes = space.sample(500, np.random.default_rng(0))
    forward, backward = Archive(spec, space), Archive(spec, space)
    for part in np.split(genomes, 10):
        forward.add(part, space.price(part, QUANTITIES))
    for part in np.split(genomes[::-1], 5):
        backward.add(part, space.price(part, QUANTITIES))
    assert (forward.genomes == backward.genomes).all()
    assert (forward.costs == backward.costs).all()


SEARCHES: dict[str, dict[str, object]] = {
    "elasticvit": {"space": "elasticvit", "budget": "600MFLOPs"},
    "convnet-resnet": {"space": "convnet", "budget": ["1.8GFLOPs", "12Mparams"], "family": "resnet"},
    "convnet-mobilenet_se": {"space": "convnet", "budget": "4.5GFLOPs", "family": "mobilenet_se"},
}


def search_elasticvit(folder: Path, **changes: object) -> nas.Run:
    """A quick search by table objectives only, exact on every machine."""
    settings = {"candidates": 2000, "proxies": [], "workers": 0, "name": "run", "out": folder} | changes
    return nas.search("elasticvit", "600MFLOPs", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SEARCHES)
def test_golden_front(tmp_path: Path, name: str) -> None:
    """A seeded search gives the recorded bytes; whoever moves them must say why in the changelog."""
    settings = SEARCHES[name] | {"candidates": 4000, "proxies": [], "workers": 0, "out": tmp_path}
    run = nas.search(**settings)  # type: ignore[arg-type]
    assert (run.path / "front.csv").read_text() == (GOLDEN / f"{name}.csv").read_text()


def test_same_seed_same_front(tmp_path: Path) -> None:
    """Two runs with one seed agree to the byte, with another seed they do not; a finished run is not run again."""
    a, b, c = (search_elasticvit(tmp_path / n, seed=s, candidates=1000) for n, s in (("a", 1), ("b", 1), ("c", 2)))
    texts = [(r.path / "front.csv").read_bytes() for r in (a, b, c)]
    assert texts[0] == texts[1] != texts[2]
    before = (a.path / "front.csv").stat().st_mtime_ns
    assert nas.resume(a.path).status == "done"
    assert (a.path / "front.csv").stat().st_mtime_ns == before
    with pytest.raises(RunError, match="exists already"):
        search_elasticvit(tmp_path / "a", candidates=1000)


@pytest.mark.parametrize("budget", [["100..120MFLOPs", "9Mparams"], ["3MB", "300MFLOPs"], "500..MFLOPs"])
def test_every_result_honours_the_budget(tmp_path: Path, budget: str | list[str]) -> None:
    """No architecture of a front lies outside, whatever the budget is on."""
    run = nas.search("elasticvit", budget, candidates=2000, proxies=[], workers=0, out=tmp_path)
    assert len(run.front)
    for quantity, interval in nas.Budget.parse(budget).intervals.items():
        assert interval.contains(run.front[quantity].to_numpy()).all()


def test_survey_says_what_a_budget_means() -> None:
    """Sizes, exact extremes, and the nearest feasible value where there is none within."""
    space = registry.get_space("elasticvit")
    facts = survey(space, nas.Budget.parse("1MFLOPs"))
    assert not facts.satisfiable
    assert "38,286,208" in facts.reason
    macs = next(q for q in facts.quantities if q.name == "macs")
    assert (macs.smallest, macs.largest, macs.nearest) == (38_286_208, 3_213_102_592, 38_286_208)
    half = survey(space, nas.Budget.parse("600MFLOPs"))
    share = (space.price(space.sample(20_000, np.random.default_rng(1)))["macs"] <= 600e6).mean()
    assert half.within / half.size == pytest.approx(share, rel=0.02)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"space": "elastic"}, UnknownName),
        ({"budget": "1MFLOPs"}, BudgetInfeasible),
        ({"budget": ["60MFLOPs", "20..Mparams"]}, BudgetInfeasible),
        ({"budget": "600MFLOPS/s"}, BudgetError),
        ({"objectives": ["capcity"]}, UnknownName),
        ({"proxies": ["nope"]}, UnknownName),
        ({"candidates": 0}, NasError),
        ({"workers": -1}, NasError),
        ({"time_s": -3.0}, NasError),
        ({"img_size": 225}, NasError),
        ({"colour": "red"}, NasError),
        ({"name": "../outside"}, RunError),
    ],
)
def test_bad_input_writes_nothing(tmp_path: Path, arguments: dict[str, object], error: type[NasError]) -> None:
    """One line, the right class, and no trace on disk."""
    settings = {"space": "elasticvit", "budget": "600MFLOPs", "out": tmp_path / "out", "workers": 0} | arguments
    with pytest.raises(error) as caught:
        nas.search(**settings)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_time_limit_is_kept_and_recorded(tmp_path: Path) -> None:
    """A time-limited run ends early, has a front, and says that it cannot be repeated."""
    run = search_elasticvit(tmp_path, candidates=50_000_000, time_s=1.5)
    assert len(run.front)
    assert run.document["reproducible"] is False
    assert run.store.last_generation() < run.spec.generations


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 1}', '{"format": 99, "spec": {}}'])
def test_a_corrupt_run_is_refused(tmp_path: Path, text: str) -> None:
    """A damaged run.json is one clear error."""
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunError) as caught:
        nas.load_run(tmp_path)
    assert "\n" not in str(caught.value)
