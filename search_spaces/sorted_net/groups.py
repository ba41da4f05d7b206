"""Groups of channels that must be cut together: a union-find whose members may be multiples of one another.

A group counts *units*: channels, heads, or the groups of a grouped convolution. An axis of a tensor is a
:class:`Dim`, so many elements per unit: a residual sum ties two axes, a flattened map has one element per channel and
position, queries have ``head_dim`` per head.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Dim:
    """An axis of ``units(group) * times`` elements, each unit's elements side by side."""

    group: int
    times: int = 1


Label = Dim | None
"""What is known of an axis; None where its length is fixed."""


class Groups:
    """Groups in the making. ``tie`` and ``keep`` say what a graph demands; ``find`` what follows."""

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._times: list[int] = []
        self._units: list[int] = []
        self._heads: list[bool] = []
        self._kept: dict[int, str] = {}

    def new(self, units: int, *, heads: bool = False) -> Dim:
        """A group of its own with so many units at full size."""
        self._parent.append(len(self._parent))
        self._times.append(1)
        self._units.append(units)
        self._heads.append(heads)
        return Dim(len(self._parent) - 1)

    def find(self, dim: Dim) -> Dim:
        """The same axis in units of the group that all tied groups share."""
        group, times = dim.group, dim.times
        while self._parent[group] != group:
            times *= self._times[group]
            group = self._parent[group]
        return Dim(group, times)

    def tie(self, a: Label, b: Label, where: str) -> None:
        """Two axes have one length; one of them fixed keeps the other whole. ``where`` names the operator."""
        if a is None or b is None:
            self.keep(a or b, f"{where} (joined to an axis of fixed length)")
            return
        one, two = self.find(a), self.find(b)
        if one.group == two.group:
            return
        if two.times % one.times == 0:
            one, two = two, one
        if one.times % two.times:
            self.keep(one, where)
            self.keep(two, where)
            return
        self._parent[two.group], self._times[two.group] = one.group, one.times // two.times
        self._heads[one.group] |= self._heads[two.group]
        if two.group in self._kept:
            self._kept.setdefault(one.group, self._kept[two.group])

    def keep(self, dim: Label, where: str) -> None:
        """An axis that the graph uses in a way that first-units nesting does not follow stays whole."""
        if dim is not None:
            self._kept.setdefault(self.find(dim).group, where)

    def units(self, dim: Dim) -> int:
        """Units of an axis's group at full size."""
        return self._units[self.find(dim).group]

    def kept(self, dim: Dim) -> str | None:
        """Where an axis is kept whole, None where it may be cut."""
        root = self.find(dim).group
        return self._kept.get(root, "an axis of one unit" if self._units[root] == 1 else None)

    def has_heads(self, dim: Dim) -> bool:
        """Whether the units are attention heads."""
        return self._heads[self.find(dim).group]
