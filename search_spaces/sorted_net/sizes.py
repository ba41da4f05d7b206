"""Plain data: what of a network can be cut, and how large a sub-model is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """Channels, or heads, cut together: how many units at full size, and the first tensor that they are an axis of."""

    units: int
    of: str


@dataclass(frozen=True)
class Run:
    """Consecutive residual blocks of one shape: their paths in order, and whether another block leads to the first."""

    blocks: tuple[str, ...]
    before: bool

    @property
    def least(self) -> int:
        """Blocks that always stay: none where the stage has another block in front of the run."""
        return 0 if self.before else 1


@dataclass(frozen=True)
class Size:
    """A sub-model's size: units of each width group, heads of each attention, blocks of each run."""

    widths: tuple[int, ...]
    heads: tuple[int, ...]
    depths: tuple[int, ...]

    @property
    def units(self) -> tuple[int, ...]:
        """Units of all groups, as ``groups.Dim`` indexes them."""
        return self.widths + self.heads


@dataclass(frozen=True)
class Extent:
    """All that can be cut of a network."""

    widths: tuple[Group, ...]
    heads: tuple[Group, ...]
    runs: tuple[Run, ...]

    @property
    def full(self) -> Size:
        """The whole network."""
        widths, heads = (tuple(g.units for g in groups) for groups in (self.widths, self.heads))
        return Size(widths, heads, tuple(len(run.blocks) for run in self.runs))
