"""What a report says, as plain frozen values: the engine fills them in, the renderers only read them.

Nothing here knows torch, a search space or a database, so that a report can be rebuilt from a run directory alone.
Every quantity is in its base unit (MACs, parameters, bytes); scaling for display belongs to :class:`Axis`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

Direction = Literal["max", "min"]


@dataclass(frozen=True)
class Axis:
    """One objective: a column of the front, how to write it, and which way is better."""

    name: str
    label: str
    unit: str = ""
    direction: Direction = "max"
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.direction not in ("max", "min"):
            raise ValueError(f"axis {self.name!r}: direction is {self.direction!r}, expected 'max' or 'min'")
        if not self.scale > 0:
            raise ValueError(f"axis {self.name!r}: scale is {self.scale}, expected a positive divisor")


@dataclass(frozen=True)
class FunnelLevel:
    """One level of the fidelity cascade: how many candidates it saw, how many it passed on, and at what cost."""

    name: str
    seen: int
    kept: int
    seconds: float
    note: str = ""


@dataclass(frozen=True)
class Recommendation:
    """The architecture to train first (``index`` is a row of the front), and the argument for it."""

    index: int
    headline: str
    reasons: Sequence[str] = ()
    confidence: str = ""
    neighbours: Sequence[tuple[int, str]] = ()


@dataclass(frozen=True)
class StageRow:
    """One stage of an architecture; ``resolution`` is (height, width) of its output, None where it has no map."""

    name: str
    kind: str
    depth: int
    width: int
    resolution: tuple[int, int] | None
    macs: float
    params: float
    detail: str = ""


@dataclass(frozen=True)
class OperatorBar:
    """One operator on a device: what it takes, and what its arithmetic alone would take at peak (``ideal``)."""

    stage: str
    kind: str
    amount: float
    ideal: float
    title: str

    @property
    def efficiency(self) -> float:
        """``ideal / amount``."""
        return self.ideal / self.amount if self.amount > 0 else 0.0


@dataclass(frozen=True)
class DeviceView:
    """Where the time of one architecture goes on one device; amounts in ``unit``.

    ``kinds`` are (kind of operator, amount), dearest first; ``notes`` say what the peak is and what was not measured.
    """

    label: str
    unit: str
    total: float
    low: float
    high: float
    bars: Sequence[OperatorBar]
    kinds: Sequence[tuple[str, float]]
    notes: Sequence[str] = ()

    @property
    def waterline(self) -> float:
        """Efficiency of the whole."""
        return sum(bar.ideal for bar in self.bars) / self.total if self.total > 0 else 0.0

    def stage_amount(self, stage: str) -> float:
        """What the operators of a stage take together."""
        return sum(bar.amount for bar in self.bars if bar.stage == stage)


@dataclass(frozen=True)
class ArchitectureCard:
    """All that is shown of one architecture: ``index`` is its row of the front, ``totals`` extra label/value pairs."""

    index: int
    id: str
    name: str
    stages: Sequence[StageRow]
    totals: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""
    json_path: str = ""
    devices: Sequence[DeviceView] = ()


@dataclass(frozen=True)
class ReportData:
    """Everything a report shows.

    ``front``, ``cloud`` and ``published`` share the columns ``macs, params, activations, memory, capacity`` and the
    proxy scores (``score_columns``); any of them may be absent or NaN, except ``front["id"]``. ``published`` has a
    ``name``. ``history`` has ``generation, elapsed_s, priced, scored, front_size, hypervolume``.

    ``evaluated`` has every architecture whose accuracy with trained weights was measured, with the same columns and
    ``id``; None for a run that measures none.

    ``costs`` are columns that every count of this run has beside those, such as the latency on a device.

    A budget fact is a mapping ``name, smallest, typical, largest, allowed, satisfiable`` where ``allowed`` is an upper
    bound, a ``(low, high)`` pair whose ends may be None, or a text; only numbers can be drawn.
    """

    title: str
    command: str
    space: str
    space_size: str
    budgets: Sequence[str]
    objectives: Sequence[Axis]
    facts: Mapping[str, str]
    front: pd.DataFrame
    score_columns: Sequence[str]
    score_notes: Mapping[str, str]
    cloud: pd.DataFrame
    published: pd.DataFrame
    history: pd.DataFrame
    funnel: Sequence[FunnelLevel]
    recommended: Recommendation | None
    architectures: Sequence[ArchitectureCard]
    budget_facts: Sequence[Mapping[str, Any]] = ()
    costs: Sequence[Axis] = ()
    evaluated: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        rows = len(self.front)
        if not rows:
            raise ValueError("a report needs a front of at least one architecture; this one is empty")
        if "id" not in self.front.columns:
            raise ValueError(f"the front needs an 'id' column; it has {', '.join(map(str, self.front.columns))}")
        pointed = [card.index for card in self.architectures]
        if self.recommended is not None:
            pointed += [self.recommended.index, *(index for index, _ in self.recommended.neighbours)]
        wrong = sorted({index for index in pointed if not 0 <= index < rows})
        if wrong:
            raise ValueError(f"indices {wrong} are not rows of the front, which has rows 0 to {rows - 1}")
