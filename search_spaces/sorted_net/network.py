"""A network seen once: its nest and its templates."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from search_spaces.errors import NasError, SpaceError
from search_spaces.imports import split_path
from search_spaces.operators import OperatorTable
from search_spaces.sorted_net.labelled import described
from search_spaces.sorted_net.names import create
from search_spaces.sorted_net.nest import blank, examine
from search_spaces.sorted_net.own import check_classes
from search_spaces.sorted_net.sizes import Size
from search_spaces.sorted_net.template import Template, make_template
from search_spaces.tracing import trace
from search_spaces.tracing.meta import meta_copy


class Network:
    """What a space knows of its network: no weights, only shapes. Raises SpaceError where it cannot be nested."""

    def __init__(self, name: str, module: nn.Module, input_size: Sequence[int]) -> None:
        self.name, self.input_size = name, tuple(input_size)
        self._skeleton = meta_copy(module)
        nest = examine(self._skeleton, self.input_size, name)
        try:
            self.nest = described(nest, self._skeleton, self.input_size)
        except Exception as error:  # a stranger's forward pass on a size that it does not like
            raise self._refused(error) from None
        self._templates: dict[tuple[int, ...], Template] = {}

    def _refused(self, error: Exception) -> SpaceError:
        text = (str(error).splitlines() or [type(error).__name__])[0]
        return SpaceError(f"sorted_net: {self.name} cannot be nested: its sub-models do not run: {text[:200]}")

    def table(self, size: Size) -> OperatorTable:
        """The table (size 1) of a sub-model; its stages are the network's top-level children."""
        if size.depths not in self._templates:
            try:
                self._templates[size.depths] = make_template(self.nest, self._skeleton, size.depths, self.input_size)
            except SpaceError:
                raise
            except Exception as error:
                raise self._refused(error) from None
        return self._templates[size.depths](size.units)

    def check(self, size: Size) -> None:
        """Trace a sub-model itself. Raises SpaceError where it does not run or is not what its table says."""
        table = self.table(size)
        try:
            traced = trace(self.nest.build(self._skeleton, size, blank), input_size=self.input_size)
        except NasError as error:
            raise self._refused(error) from None
        if (traced.macs, traced.params) != (table.macs, table.params):
            raise SpaceError(f"sorted_net: {self.name} cannot be nested: a sub-model is not what its table says")


@lru_cache(maxsize=16)
def named_network(name: str, num_classes: int, in_chans: int, img_size: int) -> Network:
    """The network of a timm name or an import path, cached. Raises UnknownName or SpaceError."""
    own, size = split_path(name), (in_chans, img_size, img_size)
    # Of a user's own code nobody knows whether it runs on the meta device.
    with torch.random.fork_rng(devices=[]), torch.device("cpu" if own else "meta"):
        module = create(name, num_classes=num_classes, in_chans=in_chans, img_size=img_size)
    if own:
        check_classes(module, own[0], num_classes, size)
    return Network(own[0] if own else name, module, size)


def shaped_as_timm(module: Any, num_classes: int, in_chans: int, img_size: int) -> Any:
    """``module`` with what training reads: attributes where it lacks them, its configuration as it is."""
    for name, value in (("num_classes", num_classes), ("in_chans", in_chans), ("img_size", img_size)):
        if not hasattr(module, name):
            setattr(module, name, value)
    actual = {"input_size": (in_chans, img_size, img_size), "num_classes": num_classes}
    for name in ("pretrained_cfg", "default_cfg"):
        config = getattr(module, name, None)
        if isinstance(config, dict):
            setattr(module, name, config | actual)
    return module
