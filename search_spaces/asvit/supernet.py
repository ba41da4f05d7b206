"""As-ViT's supernet: the largest seed, of which every other one is a part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from search_spaces.architecture import Architecture
from search_spaces.asvit import grammar
from search_spaces.asvit.model import AsViTModel
from search_spaces.errors import SpaceError
from search_spaces.modules.supernet import Supernet

if TYPE_CHECKING:
    from search_spaces.asvit.space import AsViT


def _check_fits(config: dict[str, Any], limit: dict[str, Any]) -> None:
    """SpaceError naming the first size above its limit."""
    sizes = [("width", config["width"], limit["width"])]
    for i, (stage, most) in enumerate(zip(config["stages"], limit["stages"], strict=True)):
        sizes += [(f"stages[{i}].{key}", stage[key], most[key]) for key in ("kernel", "expand", "depth")]
    for where, value, most in sizes:
        if value > most:
            raise SpaceError(f"asvit: {where} is {value}, the supernet has at most {most}")


class AsViTSupernet(Supernet):
    """See :class:`search_spaces.modules.supernet.Supernet`; ``activate`` takes any architecture that fits.

    First-n channels of every layer, and of queries, keys and values each. A merging's patch of kernel k is the same
    positions in every larger one; the patch embedding's is the middle of the largest (an odd kernel within an even
    one lies one pixel towards the upper left). Windows and heads cut nothing: every seed has the same inner width.
    """

    def __init__(self, space: AsViT) -> None:
        config = space.decode(space.cardinalities - 1).config
        super().__init__(AsViTModel(config, **space.options), self._model)
        self.space = space
        self.num_classes, self.in_chans = space.options["num_classes"], space.options["in_chans"]

    def _model(self, architecture: Architecture) -> nn.Module:
        self.space.check_options(architecture)
        config = grammar.check(architecture.config)
        _check_fits(config, self.full.config)  # type: ignore[arg-type]
        return AsViTModel(config, **self.space.options)
