"""Resource-constrained sampling: groups of equal cost, each drawn equally often."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from nas.training.samplers import Moment, make_sampler
from nas.training.samplers.ros import GAP, ResourceConstrained, cost_groups
from search_spaces import get_space
from search_spaces.stitching import Stitching
from tests.nas.stitching import space

AT = Moment(0, 10, 5)


def test_the_groups_are_the_published_ones() -> None:
    """SN-Net v2 between DeiT3-S and B: 13 groups, the anchors alone in theirs."""
    whole = Stitching(anchors="deit3_small_patch16_224,deit3_base_patch16_224", rule="v2")
    groups = cost_groups(whole)
    assert [len(g) for g in groups] == [1, *[12] * 11, 1]
    assert [whole.decode(groups[n][0]).config["path"] for n in (0, -1)] == [[0], [1]]


@pytest.mark.parametrize("name", ["elasticvit-small", "autoformer-small"])
def test_a_group_is_as_wide_as_the_gap_at_most(name: str) -> None:
    """Also where the space is too large to enumerate."""
    some = get_space(name)
    groups = cost_groups(some)
    macs = [some.price(g, ("macs",))["macs"] for g in groups]
    width = GAP * (macs[-1].max() - macs[0].min())
    assert all(m.max() - m.min() <= width for m in macs)
    assert all(a.max() < b.min() for a, b in pairwise(macs))
    assert all(b.min() - a.min() > width for a, b in pairwise(macs))


def test_every_cost_is_drawn_equally_often() -> None:
    whole = space(rule="v2")
    sampler = make_sampler("ros", whole)
    assert isinstance(sampler, ResourceConstrained)
    group_of = {whole.decode(g).id: n for n, group in enumerate(sampler.groups) for g in group}
    drawn = [sampler.plan(AT, np.random.default_rng([1, step])) for step in range(2000)]
    assert all(len(plan) == 1 for plan in drawn)
    counts = Counter(group_of[plan[0].architecture.id] for plan in drawn if plan[0].architecture)
    expected = 2000 / len(sampler.groups)
    assert set(counts) == set(range(len(sampler.groups)))
    assert all(abs(c - expected) < 5 * expected**0.5 for c in counts.values())


@pytest.mark.parametrize("name", ["ros", "uniform"])
def test_only_what_is_left_of_a_space_is_drawn(name: str) -> None:
    whole = space()
    whole.restrict([3, 5, 6])
    allowed = {whole.of_route(whole.routes[n]) for n in (3, 5, 6)}
    sampler = make_sampler(name, whole)
    assert {sampler.plan(AT, np.random.default_rng(n))[0].architecture for n in range(60)} == allowed
    assert whole.size == 3
