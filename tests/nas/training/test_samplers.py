"""Samplers: what they plan, and that they plan it again from the same state."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
import torch

from nas.errors import NasError
from nas.training.samplers import SAMPLERS, Moment, make_sampler
from nas.training.samplers.banks import Bank
from nas.training.samplers.complexity import REGIONS, levels, pools, smallest_networks, walk
from nas.training.samplers.elasticvit import ConflictAware
from nas.training.samplers.extremes import is_depth, largest, smallest
from nas.training.samplers.multi_arch import MultiArchitectural
from nas.training.samplers.nested import exits, nested
from nas.training.samplers.preference import Preference
from search_spaces import SearchSpace, get_space


def moment(step: int, steps: int = 100, per_epoch: int = 10) -> Moment:
    return Moment(step, steps, per_epoch)


@pytest.mark.parametrize("name", SAMPLERS)
def test_plans_are_valid_and_depend_on_the_generator_only(name: str, elastic: SearchSpace) -> None:
    first, second = make_sampler(name, elastic), make_sampler(name, elastic)
    for step in range(12):
        plans = [s.plan(moment(step), np.random.default_rng([7, step])) for s in (first, second)]
        assert plans[0] == plans[1]
        assert plans[0]
        for item in plans[0]:
            assert item.architecture is not None
            assert elastic.contains(item.architecture)
            assert 0 <= item.share[0] < item.share[1]
        assert abs(sum(i.weight for i in plans[0]) - 1) < 1e-9
        for sampler in (first, second):
            sampler.hear([1.0] * len(plans[0]))


def test_unknown_sampler() -> None:
    with pytest.raises(NasError, match="did you mean 'sandwich'"):
        make_sampler("sandwhich", get_space("elasticvit-small"))


def test_sandwich_distils_the_largest_into_the_others(elastic: SearchSpace) -> None:
    plan = make_sampler("sandwich", elastic).plan(moment(0), np.random.default_rng(0))
    assert [i.target for i in plan] == ["truth", "first", "first", "first"]
    assert plan[0].architecture == largest(elastic)
    assert plan[1].architecture == smallest(elastic)


@pytest.mark.parametrize("name", ["elasticvit-small", "autoformer-small", "vit_resnas-small", "convnet"])
def test_the_ends_of_a_space_are_its_ends(name: str) -> None:
    space = get_space(name)
    low, high = space.bounds("macs")
    assert space.price_architecture(smallest(space))["macs"] == low
    assert space.price_architecture(largest(space))["macs"] == high


def test_levels_of_elasticvit_are_the_published_ones() -> None:
    assert [f / 1e6 for f in levels(get_space("elasticvit"))] == [100, 200, 300, 400, 500, 700, 900, 1200]


def test_levels_and_pools(elastic: SearchSpace) -> None:
    low, high = elastic.bounds("macs")
    found = levels(elastic)
    assert len(found) == 8
    assert low < found[0]
    assert found[-1] < high
    assert all(b > a for a, b in pairwise(found))
    for level, pool in zip(found, pools(elastic, np.random.default_rng(0)), strict=True):
        macs = elastic.price(pool, ("macs",))["macs"]
        assert elastic.valid(pool).all()
        assert macs.min() >= level
        assert macs.max() <= level * 1.2


def test_smallest_network_of_each_region(elastic: SearchSpace) -> None:
    genomes = np.stack(smallest_networks(elastic))
    macs = elastic.price(genomes, ("macs",))["macs"]
    assert macs[0] == elastic.bounds("macs")[0]
    assert len({g.tobytes() for g in genomes}) <= len(REGIONS)
    assert (np.diff(macs) >= 0).all()
    assert (macs <= levels(elastic)).all()


def test_the_walk_moves_by_at_most_one_level() -> None:
    rng = np.random.default_rng(0)
    path = [0]
    for _ in range(3000):
        path.append(walk(path[-1], 8, rng))
    steps = np.diff(path)
    assert set(steps) == {-1, 0, 1}
    inside = steps[(np.array(path[:-1]) > 0) & (np.array(path[:-1]) < 7)]
    assert all(abs((inside == s).mean() - 1 / 3) < 0.05 for s in (-1, 0, 1))
    assert set(path) == set(range(8))


@pytest.mark.slow
def test_conflict_aware_step(elastic: SearchSpace) -> None:
    sampler = ConflictAware(elastic)
    for step in range(30):
        plan = sampler.plan(moment(step), np.random.default_rng(step))
        assert [(i.target, i.divergence) for i in plan] == [("truth", "ce")] * 3 + [("mean", "alpha")]
        macs = [elastic.price_architecture(i.architecture)["macs"] for i in plan if i.architecture]
        assert max(macs[:3]) <= 1.25 * min(macs[:3])
        assert macs[3] <= min(macs[:3])
        sampler.hear([0.5, 0.4, 0.3, 9.9])
    state = json.loads(json.dumps(sampler.state()))
    other = ConflictAware(elastic)
    other.restore(state)
    assert other.state() == sampler.state()
    assert other.plan(moment(30), np.random.default_rng(1)) == sampler.plan(moment(30), np.random.default_rng(1))


def test_scores_are_renewed_at_the_start_of_an_epoch_and_at_its_quarters(elastic: SearchSpace) -> None:
    sampler = ConflictAware(elastic)
    for step in range(6):
        sampler.plan(moment(step), np.random.default_rng(step))
        sampler.hear([1.0, 1.0, 1.0, 1.0])
    asked = sampler.asks(moment(10))
    assert len(asked) == 18
    sampler.answer([0.25] * len(asked))
    assert {s for bank in sampler.state()["banks"] for s in bank["scores"]} == {-0.25}
    assert sampler.asks(moment(13)) == []
    assert len(sampler.asks(moment(15))) < len(asked)


def test_a_bank_keeps_the_best() -> None:
    bank = Bank(3)
    for i, score in enumerate([-3.0, -1.0, -2.0, -0.5, -5.0]):
        bank.add(np.array([i], dtype=np.uint8), score)
    assert sorted(bank.scores) == [-2.0, -1.0, -0.5]
    assert bank.best is not None
    assert bank.best[0] == 3
    drawn = [int(bank.draw(np.random.default_rng(i))[0]) for i in range(300)]
    assert drawn.count(3) > drawn.count(1) > drawn.count(2) > 0


def test_wide_and_shallow_is_preferred(elastic: SearchSpace) -> None:
    """Of two networks of similar MACs, the one that spends them on widths has the lower score."""
    preference = Preference(elastic)
    base = np.zeros(len(elastic.choices), dtype=np.uint8)
    wide, deep = base.copy(), base.copy()
    for gene, index in elastic.gene_index.items():
        stage, _, leaf = gene.partition(".")
        if stage.startswith("T"):
            wide[index] = elastic.cardinalities[index] - 1 if leaf == "width" else 0
            deep[index] = elastic.cardinalities[index] - 1 if leaf == "depth" else 0
    scores = preference(np.stack([wide, deep, base]), base)
    assert scores[0] < 0 < scores[1]
    assert scores[2] == 0


def test_choices_open_up_from_the_largest(elastic: SearchSpace) -> None:
    sampler = MultiArchitectural(elastic)
    start = sampler.plan(moment(0), np.random.default_rng(0))
    assert {i.architecture for i in start} == {largest(elastic)}
    assert sorted(i.share for i in start) == [(i, 4) for i in range(4)]
    assert (sampler.open_choices(moment(0)) == 1).all()
    assert (sampler.open_choices(moment(25)) == elastic.cardinalities).all()
    later = sampler.plan(moment(50), np.random.default_rng(0))
    assert len({i.architecture for i in later}) == 4
    assert sampler.sorts(moment(0))
    assert sampler.sorts(moment(20))
    assert not sampler.sorts(moment(21))
    assert not sampler.sorts(moment(30))


@pytest.mark.parametrize("name", ["elasticvit-small", "autoformer-small", "vit_resnas-small"])
def test_exits_cut_the_largest_network(name: str) -> None:
    space = get_space(name)
    macs = [space.price_architecture(a)["macs"] for a in exits(space)]
    assert len(macs) >= 2
    assert all(b > a for a, b in pairwise(macs))
    assert macs[-1] == space.bounds("macs")[1]


@pytest.mark.parametrize(
    ("name", "least"),
    [("elasticvit-small", 160), ("autoformer-small", 120), ("vit_resnas-small", 160), ("autoformer", 150)],
)
def test_nested_submodels_are_chains_along_width_heads_and_depth(name: str, least: int) -> None:
    """For any two there is one in the family that holds both, and one that both hold."""
    space = get_space(name)
    found = nested(space)
    genomes = np.stack([space.encode(a) for a in found]).astype(int)
    assert least <= len(genomes) == len(set(found)) <= 160
    assert any((g == space.cardinalities - 1).all() for g in genomes)
    leaf = [c.name.rpartition(".")[2] for c in space.choices]
    removable = np.array([c.values[0] == 0 for c in space.choices])
    depth = np.array([is_depth(x) for x in leaf])
    heads = np.array(["heads" in x for x in leaf])
    whole = (genomes[:, removable] > 0).all(1)  # where a layer is left out, its sizes are not there to compare
    for part, rows in ((depth, genomes), (heads, genomes[whole]), (~depth & ~heads, genomes[whole])):
        rows = rows[(rows[:, depth] == (space.cardinalities - 1)[depth]).all(1)] if part is not depth else rows
        chain = np.unique(rows[:, part], axis=0)
        chain = chain[np.argsort(chain.sum(1))]
        assert (np.diff(chain, axis=0) >= 0).all()
        assert len(chain) > 1 or not part.any() or part is depth
    present = np.unique(genomes[:, removable] > 0, axis=0)
    assert (np.diff(present[np.argsort(present.sum(1))].astype(int), axis=0) >= 0).all()


def test_nested_submodels_hold_the_first_units_of_larger_ones(elastic: SearchSpace) -> None:
    """Every tensor of a smaller sub-model is a part of the larger one's tensor of the same name."""
    found = nested(elastic)
    genomes = np.stack([elastic.encode(a) for a in found]).astype(int)
    rng = np.random.default_rng(0)
    pairs = [(i, j) for i in rng.permutation(160)[:12] for j in np.flatnonzero((genomes[i] <= genomes).all(1))[:1]]
    assert pairs
    with torch.device("meta"):
        for i, j in pairs:
            small, large = (dict(elastic.model(found[k]).named_parameters()) for k in (i, j))
            assert small.keys() <= large.keys()
            for path, tensor in small.items():
                assert all(a <= b for a, b in zip(tensor.shape, large[path].shape, strict=True)), path
