"""ConvNet's modules as backbones, and on sides that no stride divides."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.search_spaces.test_models import case_of


@pytest.mark.parametrize("family", ["resnet", "mobilenet_se"])
def test_a_map_per_scale(family: str) -> None:
    """The stage that keeps the scale has the last word on it."""
    model: Any = case_of(f"convnet-{family}").model()
    info = model.features().feature_info
    assert info.channels() == [8, 16, 24]
    assert info.reduction() == [2, 4, 8]
    assert info.module_name() == ["stem", "S2", "S3"]


def test_other_image_sizes() -> None:
    """Rectangles and odd sides run; an odd side rounds up on both branches."""
    model: Any = case_of("convnet-resnet").model()
    with torch.no_grad():
        assert model(torch.zeros(1, 1, 35, 61)).shape == (1, 10)
