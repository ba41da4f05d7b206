"""The default score: its value by hand, on tables and modules alike, and what it is worth on rows it has not seen."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from predictors.training_free import DEFAULT_PROXIES, get_proxy, score, score_architecture
from predictors.training_free.aggregate import RESOLUTION, depth_width_score, log_depth, log_width
from search_spaces import get_space, trace


def autoformer(depth=12, width=192, heads=3, ratio=4.0):
    space = get_space("autoformer", relative_position=False)
    config = {"embed_dim": width, "heads": [heads] * depth, "mlp_ratio": [ratio] * depth}
    return space, space.architecture(config)


def test_the_value_by_hand():
    space, architecture = autoformer()
    table = space.operators(architecture)
    assert log_depth(table)[0] == pytest.approx(math.log(4 * 12 + 1))
    assert log_width(table)[0] == pytest.approx(math.log(192))
    exact = 1.5 * math.log(49) + math.log(192)
    assert depth_width_score(table, resolution=0)[0] == pytest.approx(exact)
    assert depth_width_score(table)[0] == pytest.approx(exact, abs=RESOLUTION / 2)


def test_depth_and_width_raise_it_and_heads_and_ratios_do_not():
    def value(**changes):
        space, architecture = autoformer(**changes)
        return depth_width_score(space.operators(architecture), resolution=0)[0]

    assert value() < value(width=216) < value(width=240)
    assert value() < value(depth=13) < value(depth=14)
    assert value() == value(heads=4) == value(ratio=3.5)


def test_within_a_tenth_of_a_nat_networks_are_tied():
    scores = {}
    for depth in (12, 13, 14):
        for width in (192, 216, 240):
            space, architecture = autoformer(depth, width)
            scores[depth, width] = round(depth_width_score(space.operators(architecture))[0], 6)
    assert len(set(scores.values())) == 5
    assert scores[13, 192] == scores[12, 216]


@pytest.mark.parametrize("name", ["autoformer", "convnet", "vit_resnas"])
def test_table_and_module_say_the_same(name):
    space = get_space(name, relative_position=False) if name == "autoformer" else get_space(name)
    architecture = space.decode(space.sample(1, np.random.default_rng(0))[0])
    with torch.device("meta"):
        model = space.model(architecture)
    traced = trace(model, input_size=(3, model.img_size, model.img_size))
    table = space.operators(architecture)
    assert log_depth(traced)[0] == pytest.approx(log_depth(table)[0])
    assert log_width(traced)[0] == pytest.approx(log_width(table)[0])


def test_a_network_without_norms_has_a_width():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 8))
    found = score(model, names=["depth_width"], input_size=(3, 8, 8))["depth_width"]
    assert found.ok
    assert found.value == pytest.approx(round((1.5 * math.log(1) + math.log(8)) / RESOLUTION) * RESOLUTION)


def test_the_default_needs_no_pass_and_no_seed():
    assert DEFAULT_PROXIES == ("depth_width",)
    assert get_proxy("depth_width").cost == "table"
    space = get_space("elasticvit")
    architecture = space.decode(space.sample(1, np.random.default_rng(0))[0])
    a, b = (score_architecture(space, None, architecture, seed=s) for s in (0, 1))
    assert a == b


@pytest.mark.slow
@pytest.mark.parametrize(("space", "least"), [("autoformer", 0.30), ("pit", 0.74)])
def test_it_is_worth_having(space, least, tmp_path):
    """Mean tau over six accuracies, and above params, on the rows of ViT-Bench that are here."""
    from nas.scoring_table import score_table

    folder = Path(os.environ.get("NAS_DATA", Path(__file__).parents[4] / "shared" / "data"))
    path = folder / f"vitbench_{space}.csv"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    rows = score_table(space, path)
    tasks = [c for c in rows if c.endswith("_acc") and "imagenet" not in c]
    params = rows["params_nohead" if space == "autoformer" else "block_params"]
    ours, theirs = (rows[tasks].corrwith(column, method="kendall").mean() for column in (rows["score"], params))
    assert ours >= least
    assert ours > theirs + 0.03
