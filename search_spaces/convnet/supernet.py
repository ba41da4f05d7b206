"""The supernet of a searched grid: its largest network, of which every other one is a part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from search_spaces.architecture import Architecture
from search_spaces.convnet.model import ConvNetModel
from search_spaces.errors import SpaceError
from search_spaces.modules.supernet import Supernet

if TYPE_CHECKING:
    from search_spaces.convnet.space import ConvNet

NESTED = ("out", "bottleneck", "kernel", "depth")


def _check_fits(config: dict[str, Any], limit: dict[str, Any]) -> None:
    """SpaceError naming what differs in kind, or the first size above its limit."""
    skeletons = [(c["family"], bool(c["head"]), [s["stride"] for s in c["stages"]]) for c in (config, limit)]
    if skeletons[0] != skeletons[1]:
        raise SpaceError(f"convnet: family, head and strides are {skeletons[0]}, the supernet's {skeletons[1]}")
    pairs = [("stem", config["stem"], limit["stem"]), ("head", config["head"] or {}, limit["head"] or {})]
    pairs += [(f"stages[{i}]", *p) for i, p in enumerate(zip(config["stages"], limit["stages"], strict=True))]
    for where, layer, most in pairs:
        for field in (f for f in NESTED if f in layer and layer[f] > most[f]):
            raise SpaceError(f"convnet: {where}.{field} is {layer[field]}, the supernet has at most {most[field]}")


class ConvNetSupernet(Supernet):
    """See :class:`search_spaces.modules.supernet.Supernet`; ``activate`` takes any architecture that fits.

    First-n channels of every layer, the first blocks of every stage, the centre of the largest kernel. The first
    block of a stage keeps its place, and with it its projection.
    """

    def __init__(self, space: ConvNet) -> None:
        config = space.decode(space.cardinalities - 1).config
        super().__init__(ConvNetModel(config, **space.options), self._model)
        self.space = space
        self.num_classes, self.in_chans = space.options["num_classes"], space.options["in_chans"]

    def _model(self, architecture: Architecture) -> nn.Module:
        config = self.space.checked(architecture)
        _check_fits(config, self.full.config)  # type: ignore[arg-type]
        return ConvNetModel(config, **self.space.options)
