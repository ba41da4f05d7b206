"""The predictor of a supernet's search: what it says of its own error."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nas.engine.surrogate import FEWEST, held_out_error
from nas.runs.trained import inherited_note, predictor_note
from search_spaces import SearchSpace, get_space
from search_spaces.space import Genomes


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return get_space("autoformer-small", num_classes=3, in_chans=1)


@pytest.fixture(scope="module")
def genomes(space: SearchSpace) -> Genomes:
    return space.sample(40, np.random.default_rng(0))


def accuracies(space: SearchSpace, genomes: Genomes) -> Any:
    return 0.5 + 0.05 * np.log(space.price(genomes, ("macs",))["macs"] / 1e6)


def test_what_follows_from_macs_is_predicted(space: SearchSpace, genomes: Genomes) -> None:
    error = held_out_error(space, genomes, accuracies(space, genomes), 0)
    assert error is not None
    assert error.n == 40
    assert error.tau is not None
    assert error.tau > 0.9
    assert error.mae < 0.2 * error.mae_of_mean


def test_what_follows_from_nothing_is_not(space: SearchSpace, genomes: Genomes) -> None:
    """Each value is predicted without itself, so chance is not mistaken for skill."""
    noise = np.random.default_rng(1).normal(0.8, 0.02, len(genomes))
    error = held_out_error(space, genomes, noise, 0)
    assert error is not None
    assert error.mae > 0.8 * error.mae_of_mean
    assert error.tau is None or abs(error.tau) < 0.5


def test_no_error_is_told_where_none_can_be(space: SearchSpace, genomes: Genomes) -> None:
    assert held_out_error(space, genomes[: FEWEST - 1], np.ones(FEWEST - 1), 0) is None
    constant = held_out_error(space, genomes[:FEWEST], np.full(FEWEST, 0.5), 0)
    assert constant is not None
    assert (constant.tau, constant.mae_of_mean) == (None, 0.0)


def run(**document: Any) -> Any:
    return SimpleNamespace(document=document)


def test_the_report_says_what_the_predictor_is_worth() -> None:
    assert predictor_note(run()) == predictor_note(run(predictor=None)) == ""
    error = {"n": 64, "folds": 10, "mae": 0.0081, "mae_of_mean": 0.0213, "tau": 0.712}
    assert predictor_note(run(predictor=error)) == (
        "mean absolute error 0.81 points (predicting the mean: 2.13), Kendall tau 0.71 (1: the same order, 0: none), "
        "on 64 evaluations, each held out of the fit (10-fold cross-validation); for a subnet it has not seen it is "
        "62% closer than guessing the mean accuracy. It only chose which subnets to evaluate: every accuracy shown is "
        "measured"
    )
    assert "hardly better than guessing the mean" in predictor_note(run(predictor=error | {"mae": 0.0212}))
    for useless in (0.0213, 0.03):
        assert "no better than guessing the mean" in predictor_note(run(predictor=error | {"mae": useless}))
    assert "Kendall tau not defined" in predictor_note(run(predictor=error | {"tau": None}))


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (512, "statistics are reset and re-estimated as the cumulative average over the same 512 training images "
              "(drawn with seed 1, batches of 64, no augmentation)"),
        (0, "the networks keep no batch statistics"),
    ],
)  # fmt: skip
def test_the_report_says_how_batch_statistics_were_estimated(images: int, words: str) -> None:
    supernet = {
        "data": "digits", "sampler": "sandwich", "epochs": 20, "validation": 143,
        "calibration": {"images": images, "batch": 64, "seed": 1},
    }  # fmt: skip
    assert words in inherited_note(run(supernet=supernet))
