"""Look-ups price what the whole table is predicted to cost, for any architecture, and leave the space as it was."""

from __future__ import annotations

import time

import numpy as np
import pytest

from predictors.latency import ProfileError, load_profile
from predictors.latency.lookup import LatencyTable, device_cost
from predictors.latency.units import Fusion
from search_spaces import get_space
from tests.predictors.latency.toy import profile

CASES = [("elasticvit", "blocks"), ("elasticvit-small", "kernels"), ("convnet", "blocks")]


@pytest.mark.parametrize(("name", "fusion"), CASES)
def test_look_ups_equal_the_whole_tables_prediction(name: str, fusion: Fusion) -> None:
    space = get_space(name, **({"img_size": 128} if name == "elasticvit" else {}))
    toy = profile(fusion)
    table = LatencyTable.compile(space, toy)
    genomes = space.sample(25, np.random.default_rng(3))
    found = [toy.predict(space.operators(space.decode(g))) for g in genomes]
    np.testing.assert_allclose(table(genomes), [p.ms[0] for p in found], atol=5e-5)
    low, high = table.interval(genomes)
    np.testing.assert_allclose(low, [p.low[0] for p in found], rtol=1e-4, atol=5e-6)
    np.testing.assert_allclose(high, [p.high[0] for p in found], rtol=1e-4, atol=5e-6)
    assert not space.costs


def test_a_shipped_profile_prices_a_hundred_thousand_a_second() -> None:
    space = get_space("elasticvit", img_size=128)
    table = LatencyTable.compile(space, load_profile("pixel6"))
    genomes = space.sample(50_000, np.random.default_rng(0))
    table(genomes[:1000])
    start = time.process_time()
    ms = table(genomes)
    assert len(genomes) / (time.process_time() - start) > 100_000
    assert (ms > 1).all()
    assert (ms < 500).all()
    exact = load_profile("pixel6").predict(space.operators(space.decode(genomes[0])))
    assert ms[0] == pytest.approx(exact.ms[0], abs=5e-5)


def test_a_space_prices_the_cost_in_whole_nanoseconds() -> None:
    space, toy = get_space("elasticvit", img_size=128), profile(energy=True)
    space.attach(device_cost(toy), device_cost(toy, "energy"))
    genomes = space.sample(5, np.random.default_rng(0))
    priced = space.price(genomes, ("latency@toy", "energy@toy"))
    expected = [toy.predict(space.operators(space.decode(g))).ms[0] * 1e6 for g in genomes]
    np.testing.assert_allclose(priced["latency@toy"], expected, atol=50)
    assert priced["energy@toy"].dtype == np.int64
    low, high = space.bounds("latency@toy")
    assert low <= priced["latency@toy"].min() <= priced["latency@toy"].max() <= high


def test_energy_needs_a_model() -> None:
    with pytest.raises(ProfileError, match="no energy model"):
        device_cost(profile(), "energy")
