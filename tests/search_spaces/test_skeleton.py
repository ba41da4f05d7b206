"""Subnets without storage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from search_spaces import get_space


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["autoformer-small", "elasticvit-small", "vit_resnas-small"])
def test_a_supernets_weights_may_be_as_large_as_they_like(name: str) -> None:
    """``trunc_normal_`` draws until weights are within its bounds: it must not meet those of a supernet."""
    space = get_space(name, num_classes=3, in_chans=1)
    supernet: Any = space.supernet().eval()
    images = torch.zeros(2, 1, 28, 28)
    with torch.no_grad():
        for parameter in supernet.parameters():
            parameter.fill_(3.0)
        for genome in space.sample(4, np.random.default_rng(0)):
            supernet.activate(space.decode(genome))
            supernet(images)
    assert all(bool((p == 3.0).all()) for p in supernet.parameters())
