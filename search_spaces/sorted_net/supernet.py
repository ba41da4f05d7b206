"""The network at full size, of which every sub-model is a part: one checkpoint that truncates to any size."""

from __future__ import annotations

from torch import nn

from search_spaces.architecture import Architecture
from search_spaces.modules.supernet import Supernet
from search_spaces.sorted_net.grammar import size_of
from search_spaces.sorted_net.nest import Nest, shaped


class NestedNet(Supernet):
    """``full`` is the network itself, with its weights; ``activate`` and ``extract`` truncate it."""

    def __init__(self, full: nn.Module, nest: Nest) -> None:
        super().__init__(full, self._part)
        self._nest = nest
        nest.declare(full)

    def _part(self, architecture: Architecture) -> nn.Module:
        return self._nest.build(self.full, size_of(architecture.config, self._nest.extent), shaped)
