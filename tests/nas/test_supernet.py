"""The rounds of a supernet's search, with an accuracy that needs no training, and what a run says of the supernet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nas.engine.spec import SearchSpec
from nas.objectives import INHERITED
from nas.runs.run import Run
from nas.supernet.evaluating import Evaluate, evaluate_rounds
from nas.supernet.ledger import Ledger
from nas.supernet.provenance import provenance
from nas.supernet.rounds import ROUND
from nas.training.judge import Judge
from nas.training.settings import Settings
from search_spaces import Architecture, get_space

SPACE = get_space("autoformer-small", num_classes=3, in_chans=1)


@pytest.fixture(scope="module", autouse=True)
def _few_proposals() -> Iterator[None]:
    """Optuna takes its time for each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nas.supernet.rounds.PROPOSALS", 16)
        yield


def accuracy(architecture: Architecture) -> float:
    """More with more MACs, and a little of chance."""
    macs = SPACE.price_architecture(architecture)["macs"]
    return 0.5 + 0.1 * float(np.log(macs / 4e6)) + int(architecture.id[:2], 16) / 1e4


def begun(out: Path, name: str, **more: Any) -> Run:
    """A run of which nothing was evaluated yet."""
    options = {"objectives": (INHERITED, "macs"), "proxies": (), "islands": 1, "candidates": 512, "promote": 20, **more}
    return Run.create(SearchSpec(SPACE.name, dict(SPACE.options), **options), out, name=name)


def evaluated(run: Run, evaluate: Evaluate = accuracy) -> Ledger:
    ledger = Ledger(run)
    evaluate_rounds(ledger, evaluate)
    return ledger


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A search that nothing interrupted."""
    run = begun(tmp_path_factory.mktemp("whole"), "run", seed=3)
    evaluated(run)
    return run


def test_every_round_is_recorded(whole: Run) -> None:
    history, sizes = whole.store.history(), whole.store.promoted().groupby("generation").size()
    assert len(history) == len(sizes) > 2
    assert (sizes <= ROUND).all()
    assert history["scored"].tolist() == sizes.cumsum().tolist()
    assert history["scored"].iloc[-1] == 20
    assert history["hypervolume"].is_monotonic_increasing
    assert history["priced"].iloc[-1] == len(whole.store.candidates())


@pytest.mark.parametrize("after", [0, 5, 8, 19])
def test_an_interruption_changes_nothing(after: int, whole: Run, tmp_path: Path) -> None:
    seen: list[Architecture] = []

    def interrupted(architecture: Architecture) -> float:
        if len(seen) == after:
            raise KeyboardInterrupt
        seen.append(architecture)
        return accuracy(architecture)

    with pytest.raises(KeyboardInterrupt):
        evaluated(begun(tmp_path, "cut", seed=3), interrupted)
    known, expected = evaluated(Run.open(tmp_path / "cut")).known(), Ledger(whole).known()
    assert np.array_equal(known.genomes, expected.genomes)
    assert np.array_equal(known.accuracies, expected.accuracies)


@pytest.mark.parametrize(("factor", "fewest"), [(1.0, 1), (1.08, 2)])
def test_a_budget_that_few_meet_ends_when_all_are_evaluated(factor: float, fewest: int, tmp_path: Path) -> None:
    budget = f"{factor * SPACE.bounds('macs')[0] / 1e6 + 1e-6}MFLOPs"
    ledger = evaluated(begun(tmp_path, "run", budgets=(budget,)))
    assert fewest <= len(ledger.known()) < 20
    assert not ledger.waiting()


def test_capacity_is_an_objective_like_any_other(tmp_path: Path) -> None:
    run = begun(tmp_path, "run", objectives=(INHERITED, "capacity", "params"), promote=9)
    assert len(evaluated(run).known()) == 9
    assert run.store.history()["hypervolume"].is_monotonic_increasing


@pytest.mark.parametrize("train", [1, 63, 64, 65, 100, 577, 5000])
def test_a_run_names_the_calibration_images_that_the_judge_uses(train: int) -> None:
    data: Any = SimpleNamespace(facts=SimpleNamespace(train=train))
    facts, settings = {"train": train, "validation": 10}, Settings()
    found = provenance("x", "digits", facts, settings, statistics=True)["calibration"]
    assert found == {"images": Judge(data, settings.calibration).calibration, "batch": 64, "seed": 1}
    assert provenance("x", "digits", facts, settings, statistics=False)["calibration"]["images"] == 0
