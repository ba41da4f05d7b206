"""A front of designs: one limit takes several values, and each gets its own solve and its own gap."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from nas.budget import NUMBER, PREFIXES, UNITS, compact
from nas.designers.deepmad import InfeasibleDesign, Problem
from nas.designers.deepmad.search import Progress
from nas.designers.design import Design
from nas.errors import BudgetError, NasError

EXAMPLE = "params=5M..50M:8"
PATTERN = re.compile(
    rf"(?P<name>[a-z]+)=(?P<low>{NUMBER})(?P<p>[kmgbt]?)\.\.(?P<high>{NUMBER})(?P<q>[kmgbt]?):(?P<n>\d{{1,3}})", re.I
)
SWEPT = ("macs", "params")
MOST = 100
OnPoint = Callable[[int, float], Progress]


@dataclass(frozen=True)
class Range:
    """The limits that a sweep gives to one quantity: ``n`` values at equal ratios, both ends included."""

    quantity: str
    low: float
    high: float
    n: int

    @classmethod
    def parse(cls, text: str) -> Range:
        """Read ``params=5M..50M:8`` or ``macs=0.5G..5G:6``. Raises BudgetError."""
        match = PATTERN.fullmatch(text.replace(" ", ""))
        quantity = UNITS.get(match["name"].lower()) if match else None
        if match is None or quantity not in SWEPT:
            raise BudgetError(f"sweep {text[:60]!r} cannot be read; write for example {EXAMPLE} or macs=0.5G..5G:6")
        low, high = (float(match[a]) * PREFIXES[match[b].lower()] for a, b in (("low", "p"), ("high", "q")))
        n = int(match["n"])
        if not (0 < low < high < math.inf and 2 <= n <= MOST):
            raise BudgetError(f"sweep {text[:60]!r}: ends must rise from above 0, and take 2 to {MOST} values")
        return cls(quantity, low, high, n)

    @property
    def values(self) -> tuple[float, ...]:
        """From low to high."""
        ratio = self.high / self.low
        return (*(self.low * ratio ** (i / (self.n - 1)) for i in range(self.n - 1)), self.high)

    def text(self, index: int) -> str:
        """One of them as a budget."""
        return f"{self.values[index]:.0f}{'FLOPs' if self.quantity == 'macs' else 'params'}"

    def __str__(self) -> str:
        unit = "FLOPs" if self.quantity == "macs" else "params"
        return f"{compact(self.low)}{unit} to {compact(self.high)}{unit} in {self.n} steps"


@dataclass(frozen=True)
class Sweep:
    """``designs`` is the front, best objective first; ``left_out`` says (limit, why) where there is no design."""

    swept: Range
    designs: tuple[Design, ...]
    left_out: tuple[tuple[float, str], ...]
    interrupted: bool


def sweep_designs(
    problem: Problem, swept: Range, *, gap: float, time_s: float, seed: int, workers: int | None,
    on_point: OnPoint | None = None,
) -> Sweep:  # fmt: skip
    """Solve ``problem`` for every value of ``swept``, each for ``time_s`` seconds at most.

    ``on_point(index, limit)`` gives the watcher of one solve. An interrupt ends the sweep with what it has.
    Raises InfeasibleDesign where no value is feasible.
    """
    name = problem.convention.flops if swept.quantity == "macs" else swept.quantity
    found: list[Design] = []
    left_out: list[tuple[float, str]] = []
    for i, limit in enumerate(swept.values):
        point = dataclasses.replace(problem, budgets={**problem.budgets, name: limit})
        watch = on_point(i, limit) if on_point else None
        try:
            found.append(_solve(point, gap, time_s, seed, workers, watch))
        except InfeasibleDesign as error:
            left_out.append((limit, str(error)))
        except KeyboardInterrupt:
            return Sweep(swept, front(found, swept), tuple(left_out), True)
        if found and found[-1].interrupted:
            return Sweep(swept, front(found, swept), tuple(left_out), True)
    if not found:
        raise InfeasibleDesign(f"no value of the sweep is feasible: {left_out[-1][1]}", left_out=left_out)
    return Sweep(swept, front(found, swept), tuple(left_out), False)


def _solve(
    problem: Problem, gap: float, time_s: float, seed: int, workers: int | None, watch: Progress | None
) -> Design:
    from nas.designing import answer

    return answer(problem, gap=gap, time_s=time_s, seed=seed, workers=workers, on_progress=watch)


def front(designs: list[Design], swept: Range) -> tuple[Design, ...]:
    """Those that no other design beats in the objective at no more of the swept amount; best objective first."""
    kept: list[Design] = []
    for design in sorted(designs, key=lambda d: (getattr(d, swept.quantity), -d.objective)):
        if not kept or design.objective > kept[-1].objective:
            kept.append(design)
    return tuple(reversed(kept))


def check_sweep(problem: Problem, budgets: list[str], swept: Range) -> None:
    """NasError where the swept quantity has a budget too."""
    from nas.budget import Budget

    if swept.quantity in Budget.parse(budgets).intervals:
        raise NasError(f"--sweep gives {swept.quantity} its limits: leave out the --budget on it")
