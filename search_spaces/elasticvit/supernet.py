"""ElasticViT's supernet: the largest network of the space, at the largest resolution, with 5x5 kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from search_spaces.architecture import Architecture
from search_spaces.elasticvit import grammar
from search_spaces.elasticvit.model import ElasticViTModel
from search_spaces.errors import SpaceError
from search_spaces.modules.supernet import Supernet

if TYPE_CHECKING:
    from search_spaces.elasticvit.space import ElasticViT

RELEASED_RESOLUTION = 256


def largest_config(space: ElasticViT) -> dict[str, Any]:
    """The structure with the largest value of every choice."""
    return space.decode(space.cardinalities - 1).config


def _check_fits(where: str, value: Any, limit: Any) -> None:
    """SpaceError naming the first size above its limit, or the first list with too many layers."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_fits(f"{where}.{key}" if where else key, inner, limit[key])
    elif isinstance(value, list):
        if len(value) > len(limit):
            raise SpaceError(f"elasticvit: {where} has {len(value)} layers, the supernet {len(limit)}")
        for i, inner in enumerate(value):
            _check_fits(f"{where}[{i}]", inner, limit[i])
    elif value > limit:
        raise SpaceError(f"elasticvit: {where} is {value}, the supernet has at most {limit}")


class ElasticViTSupernet(Supernet):
    """See :class:`search_spaces.modules.supernet.Supernet`; ``activate`` takes any architecture that fits.

    Layers may differ within a stage, and widths need not lie on the grid. As published: first-n channels and layers,
    the centre of 5x5 kernels, one batch norm cut to size, and one table of position biases for all resolutions.
    ``released=True`` shares weights as the released code does (see :class:`ElasticViTModel`), with its position
    tables for 256 pixels whatever the space's resolutions.
    """

    def __init__(self, space: ElasticViT, *, released: bool = False) -> None:
        self._options = {**space.options, "released": released, "strides": space.grid.strides}
        config = largest_config(space)
        if released:
            config["resolution"] = RELEASED_RESOLUTION
        super().__init__(ElasticViTModel(config, **self._options), self._model)
        self.space = space
        self.num_classes, self.in_chans = space.options["num_classes"], space.options["in_chans"]

    def _model(self, architecture: Architecture) -> nn.Module:
        self.space.check_options(architecture)
        config = grammar.check(architecture.config)
        _check_fits("", config, self.full.config)
        return ElasticViTModel(config, **self._options)
