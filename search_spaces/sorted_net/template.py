"""The table of any sub-model, from one trace: each number in it is bound to the groups that it depends on.

The network is traced twice on the meta device, at full size and at labelled sizes (see ``labelled``). The second says
what each length, parameter and lifetime depends on; evaluated at the full size it must give the first, to the integer.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from search_spaces.errors import SpaceError
from search_spaces.operators import COLUMNS, IntArray, OperatorTable
from search_spaces.sorted_net.labelled import Monomials, labelled, read
from search_spaces.sorted_net.nest import Nest, blank
from search_spaces.sorted_net.sizes import Size
from search_spaces.tracing import _plain_attention, trace
from search_spaces.tracing.liveness import Liveness
from search_spaces.tracing.meta import meta_copy
from search_spaces.tracing.recorder import Recorder

LENGTHS = ("c_in", "c_out", "kernel_h", "kernel_w", "groups", "h_in", "w_in", "h_out", "w_out")
SHAPES = ("kind", "c_in", "h_in", "w_in", "c_out", "h_out", "w_out")


@dataclass(frozen=True)
class Template:
    """The table of a network with so many blocks, for any number of units of its groups.

    ``owned`` are the sizes of the parameters, ``owners`` the row of each; ``stored`` the sizes of the activations in
    the order of ``live``, which knows when each is written and last read.
    """

    table: OperatorTable
    lengths: dict[str, Monomials]
    owned: Monomials
    owners: IntArray
    stored: Monomials
    live: Liveness

    def __call__(self, units: Sequence[int]) -> OperatorTable:
        """The table (size 1) at so many units."""
        columns = dict(self.table.columns) | {name: found(units) for name, found in self.lengths.items()}
        params = np.zeros(len(self.table), dtype=np.int64)
        np.add.at(params, self.owners, self.owned(units))
        columns |= {"params": params, "held": self._held(columns, units)}
        return OperatorTable(columns, 1, self.table.stages, self.table.names)

    def _held(self, columns: dict[str, IntArray], units: Sequence[int]) -> IntArray:
        live = copy.copy(self.live)
        live._size = dict(zip(self.live._size, self.stored(units).tolist(), strict=True))
        values = zip(*(columns[name].tolist() for name in SHAPES), strict=True)
        return np.array(live.held([dict(zip(SHAPES, row, strict=True)) for row in values]), dtype=np.int64)


def make_template(nest: Nest, module: nn.Module, depths: Sequence[int], input_size: Sequence[int]) -> Template:
    """The template of ``module`` (on the meta device) cut to ``depths``. Raises SpaceError where it cannot be bound."""
    extent = nest.extent
    full = Size(extent.full.widths, extent.full.heads, tuple(depths))
    recorder, table, bits = _record(labelled(nest, module, depths), input_size)
    groups = len(full.units)
    owners = np.array([row for row, mask in enumerate(bits) for _ in range(mask.bit_count())], dtype=np.int64)
    sizes = list(recorder.sizes.values())
    owned = [sizes[i] for mask in bits for i in range(mask.bit_length()) if mask >> i & 1]
    expected = trace(nest.build(module, full, blank), input_size=input_size)
    template = Template(
        OperatorTable(expected.columns, 1, expected.stages, expected.names),
        {name: read(table[name].tolist(), groups) for name in LENGTHS}, read(owned, groups), owners,
        read(list(recorder.live._size.values()), groups), recorder.live,
    )  # fmt: skip
    _check(template(full.units) if table.names == expected.names else table, expected)
    return template


def _check(got: OperatorTable, expected: OperatorTable) -> None:
    """Refuse, by name, the first row that is not what the trace at full size says."""
    if got.names != expected.names:
        raise SpaceError("sorted_net: the network runs other operators at other widths, so its table cannot be bound")
    for column in COLUMNS:
        wrong = np.flatnonzero(got[column] != expected[column])
        if len(wrong):
            name, row = expected.names[wrong[0]], wrong[0]
            raise SpaceError(
                f"sorted_net: {column} of {name} cannot be bound to channel groups: {got[column][row]} where the "
                f"trace says {expected[column][row]}"
            )


class _Owners(Recorder):
    """Writes into ``params`` which parameters a row owns, one bit each, in the place of how many they are."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__(module)
        self.sizes = dict(self._numel)
        self._numel = {name: 1 << i for i, name in enumerate(self._numel)}

    def taken(self) -> list[int]:
        """The bits of every row, which are then left out of the table."""
        self._parameter_rows(frozenset(self._unowned))
        bits = [int(row.get("params", 0)) for row in self.rows]
        for row in self.rows:
            row["params"] = 0
        return bits


def _record(module: nn.Module, input_size: Sequence[int]) -> tuple[_Owners, OperatorTable, list[int]]:
    copied = meta_copy(module)
    recorder = _Owners(copied)
    with torch.no_grad(), torch.device("meta"), _plain_attention(), recorder:
        output: Any = copied(torch.empty(1, *input_size))
    bits = recorder.taken()
    return recorder, recorder.table(output), bits
