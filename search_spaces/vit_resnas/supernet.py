"""ViT-ResNAS's supernet: the largest network of a grid, of which every smaller one is a part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from search_spaces.architecture import Architecture
from search_spaces.errors import SpaceError
from search_spaces.modules.supernet import Supernet
from search_spaces.vit_resnas.model import VitResNASModel

if TYPE_CHECKING:
    from search_spaces.vit_resnas.space import VitResNAS

NESTED = ("heads", "mlp")


def _skeleton(config: dict[str, Any]) -> tuple[Any, ...]:
    return (config["resolution"], config["patch_size"], config["mid"] is None, len(config["stages"]))


def _check_fits(name: str, config: dict[str, Any], limit: dict[str, Any]) -> None:
    """SpaceError naming what differs in kind, or the first size above its limit."""
    if _skeleton(config) != _skeleton(limit):
        raise SpaceError(
            f"{name}: resolution, patch size, linear patches and number of stages are {_skeleton(config)}, the "
            f"supernet's {_skeleton(limit)}"
        )
    sizes = [("mid", config["mid"] or 0, limit["mid"] or 0)]
    for s, (stage, most) in enumerate(zip(config["stages"], limit["stages"], strict=True)):
        where = f"stages[{s}]"
        sizes += [(f"{where}.embed_dim", stage["embed_dim"], most["embed_dim"])]
        sizes += [(f"number of blocks in {where}", len(stage["blocks"]), len(most["blocks"]))]
        for i, (block, largest) in enumerate(zip(stage["blocks"], most["blocks"], strict=False)):
            if block and block["head_dim"] != largest["head_dim"]:
                raise SpaceError(
                    f"{name}: {where}.blocks[{i}].head_dim is {block['head_dim']}, the supernet's {largest['head_dim']}"
                )
            sizes += [(f"{where}.blocks[{i}].{key}", block[key], largest[key]) for key in NESTED if block]
    for where, value, most in sizes:
        if value > most:
            raise SpaceError(f"{name}: {where} is {value}, the supernet has at most {most}")


class VitResNASSupernet(Supernet):
    """See :class:`search_spaces.modules.supernet.Supernet`; ``activate`` takes any architecture that fits.

    First-n of the widths, the heads and the hidden units of each block; a block that is left out leaves the others in
    their places. The published supernet masks channels instead of cutting them, with norms that know of the masks:
    the same function.
    """

    def __init__(self, space: VitResNAS) -> None:
        config = space.decode(space.cardinalities - 1).config
        super().__init__(VitResNASModel(config, **space.options), self._model)
        self.space = space
        self.num_classes, self.in_chans = space.options["num_classes"], space.options["in_chans"]

    def _model(self, architecture: Architecture) -> nn.Module:
        config = self.space.checked(architecture)
        _check_fits(self.space.name, config, self.full.config)  # type: ignore[arg-type]
        return VitResNASModel(config, **self.space.options)
