"""Every proxy against a second implementation that shares no code with it: float64, 1e-5 relative."""

import pytest
import torch

from predictors.testing import NETWORKS, random_batch
from predictors.training_free import Probe, get_proxy, list_proxies
from predictors.training_free.isolation import one_thread
from predictors.training_free.probe import Batch
from tests.predictors.training_free import references

OURS = [n for n in list_proxies() if get_proxy(n).function.__module__.startswith("predictors.training_free.proxies")]
ELSEWHERE = {"depth_width"}
"""Tested where they are defined."""


@pytest.mark.parametrize("given", [True, False], ids=["batch", "drawn"])
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", [n for n in OURS if n not in ELSEWHERE])
def test_agrees(name: str, network: str, given: bool) -> None:
    proxy = get_proxy(name)
    probe = Probe(NETWORKS[network](), double(random_batch()) if given else None, seed=1, key="second",
                  wanted=proxy.uses, dtype=torch.float64)  # fmt: skip
    with one_thread():
        found = proxy(probe)
    expected = getattr(references, name)(probe)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-12)


def double(batch: Batch) -> Batch:
    return Batch(batch.images.double(), batch.labels)
