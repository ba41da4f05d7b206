"""AutoFormer's supernet: the largest network of a grid, of which every smaller one is a part (weight entanglement)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from search_spaces.architecture import Architecture
from search_spaces.autoformer.grammar import hidden_widths
from search_spaces.autoformer.model import AutoFormerModel
from search_spaces.errors import SpaceError
from search_spaces.modules.supernet import Supernet

if TYPE_CHECKING:
    from search_spaces.autoformer.space import AutoFormer

FIXED = ("resolution", "patch_size", "head_dim")


def _check_fits(name: str, config: dict[str, Any], limit: dict[str, Any]) -> None:
    """SpaceError naming what differs in kind, or the first size above its limit."""
    for field in FIXED:
        if config[field] != limit[field]:
            raise SpaceError(f"{name}: {field} is {config[field]}, the supernet's {limit[field]}")
    sizes = [("embed_dim", config["embed_dim"], limit["embed_dim"])]
    sizes += [("depth", len(config["heads"]), len(limit["heads"]))]
    sizes += [(f"heads[{i}]", *pair) for i, pair in enumerate(zip(config["heads"], limit["heads"], strict=False))]
    hidden = zip(hidden_widths(config), hidden_widths(limit), strict=False)
    sizes += [(f"hidden width of layer {i}", *pair) for i, pair in enumerate(hidden)]
    for where, value, most in sizes:
        if value > most:
            raise SpaceError(f"{name}: {where} is {value}, the supernet has at most {most}")


class AutoFormerSupernet(Supernet):
    """See :class:`search_spaces.modules.supernet.Supernet`; ``activate`` takes any architecture that fits.

    First-n of the width, the heads (each keeps its own rows of q, k and v, and their biases), the hidden units and the
    layers. It is the largest network of the grid: the released ones are a little wider than any of their subnets
    (256 for 240, 640 for 624), which adds parameters that no subnet uses.
    """

    def __init__(self, space: AutoFormer) -> None:
        config = space.decode(space.cardinalities - 1).config
        super().__init__(AutoFormerModel(config, **space.options), self._model)
        self.space = space
        self.num_classes, self.in_chans = space.options["num_classes"], space.options["in_chans"]

    def _model(self, architecture: Architecture) -> nn.Module:
        config = self.space.checked(architecture)
        _check_fits(self.space.name, config, self.full.config)  # type: ignore[arg-type]
        return AutoFormerModel(config, **self.space.options)
