"""From what a user asks (budgets as texts, a family, a grid file) to the solver's :class:`Problem`.

A FLOPs budget bounds what the convention counts: MACs (sound), or the released code's FLOPs (released). Budgets are
upper limits: the solver fills them as far as that pays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nas.budget import Budget
from nas.designers.activations import Activations
from nas.designers.deepmad import Convention, Grid, Problem, default_grid, problem_from_json
from nas.designers.deepmad.conventions import CONVENTIONS
from nas.designers.deepmad.families import CONVS
from nas.designers.deepmad.grid import grid_from_json
from nas.designers.deepmad.problem import SKELETONS
from nas.designers.reading import read_json
from nas.devices import device_quantity
from nas.errors import BudgetError, NasError
from search_spaces.convnet.families import ALIASES
from search_spaces.convnet.grammar import MAX_DEPTH, MAX_INNER, MAX_KERNEL, MAX_SIDE, MAX_STAGES, MAX_WIDTH
from search_spaces.errors import unknown_name

FAMILIES = tuple(CONVS)
SOLVER_NAMES = {other: name for name, other in ALIASES.items()}
"""The space's name of a family where the solver has another."""
MOST_VALUES = 1024
"""Widths per grid: eight times finer than the default grid already."""
REFUSED = {
    "memory": "peak memory is a maximum over operators and the solver adds amounts up block by block; design first, "
    "then look at the memory of the result with: nas price",
}
GridLike = str | Path | Mapping[str, Any] | Grid


def problem_of(
    family: str, budget: str | Iterable[str] | Budget | None, *, rho: float | None = None, convention: str = "sound",
    grid: GridLike | None = None, strides: Sequence[int] | None = None, head: int | None = None, img_size: int = 224,
) -> Problem:  # fmt: skip
    """The problem to solve. ``head``: width of the 1x1 head, 0 for none. Raises NasError for whatever is wrong."""
    family, rules = family_of(family), convention_of(convention)
    limits = limits_of(parsed(budget), rules)
    steps, default_head = SKELETONS[family]
    steps = strides_of(strides) if strides is not None else steps
    head = _head(default_head if head is None else head)
    return Problem(
        family, limits, rho_of(rho, family), rules, grid_of(grid) or default_grid(family), steps, head=head,
        resolution=_resolution(img_size, steps), extra=extra_of(family, len(steps), head, limits),
    )  # fmt: skip


def extra_of(family: str, n_stages: int, head: int | None, limits: Iterable[str]) -> dict[str, Activations]:
    """The resources beyond the solver's own that ``limits`` name. Raises BudgetError."""
    if "activations" not in limits:
        return {}
    if family.startswith("mobilenet"):
        raise BudgetError(
            "a budget on activations is possible in the residual families only: a depthwise block has a shortcut only "
            "between equal widths; design first, then look at the activations of the result with: nas price"
        )
    return {"activations": Activations(family, n_stages, head)}


def problem_again(data: Mapping[str, Any]) -> Problem:
    """The problem of a certificate, with the resources that it only names."""
    extra = extra_of(family_of(data["family"]), len(data["strides"]), data["head"], data.get("extra", ()))
    return problem_from_json(data, extra)


def family_of(name: str) -> str:
    """The solver's name of a family. Raises UnknownName."""
    name = SOLVER_NAMES.get(name, name)
    if name not in FAMILIES:
        raise unknown_name("family", str(name)[:40], FAMILIES)
    return name


def convention_of(name: str) -> Convention:
    """The named convention. Raises UnknownName."""
    if name not in CONVENTIONS:
        raise unknown_name("convention", str(name)[:40], CONVENTIONS)
    return CONVENTIONS[name]


def parsed(budget: str | Iterable[str] | Budget | None) -> Budget:
    """The budget as a value; a negative one is called so. Raises BudgetError."""
    texts = (budget,) if isinstance(budget, str) else () if budget is None else budget
    texts = texts.texts if isinstance(texts, Budget) else tuple(texts)
    for text in texts:
        if text.strip().startswith("-"):
            raise BudgetError(f"budget {text[:60]!r} is negative; write for example 1.82GFLOPs, 11.69Mparams")
    return Budget.parse(texts)


def limits_of(budget: Budget, rules: Convention) -> dict[str, float]:
    """Upper limits by the solver's names. Raises BudgetError for what it cannot hold."""
    limits = {}
    for quantity, interval in budget.intervals.items():
        if device_quantity(quantity) is not None:
            raise BudgetError(
                f"a budget on {quantity} is not possible here: the solver bounds counts, and a device profile is no "
                "count; design by FLOPs and parameters, then ask 'nas predict' what the design takes on the device"
            )
        if quantity in REFUSED:
            raise BudgetError(f"a budget on {quantity} is not possible here: {REFUSED[quantity]}")
        if interval.low > 0 or math.isinf(interval.high):
            raise BudgetError(
                f"a design takes upper limits, and {', '.join(budget.texts)} has a lower one on {quantity}; "
                f"write for example 1.82GFLOPs, 11.69Mparams"
            )
        limits[rules.flops if quantity == "macs" else quantity] = interval.high
    if not limits:
        raise BudgetError("a design needs a budget; write for example 1.82GFLOPs, 11.69Mparams")
    return limits


def rho_of(rho: float | None, family: str) -> float:
    """The paper's: 0.3 for residual nets, 0.5 for the depthwise ones."""
    if rho is None:
        return 0.5 if family.startswith("mobilenet") else 0.3
    if isinstance(rho, bool) or not isinstance(rho, int | float) or not 0 < rho <= 2:
        raise NasError(f"rho must be above 0 and at most 2 (published designs: 0.3 to 0.5), got {rho!r:.40}")
    return float(rho)


def strides_of(strides: Sequence[int]) -> tuple[int, ...]:
    """Three stages or more, each of stride 1 or 2."""
    steps = tuple(strides)
    if not 3 <= len(steps) <= MAX_STAGES or any(isinstance(s, bool) or s not in (1, 2) for s in steps):
        raise NasError(f"strides must be 3 to {MAX_STAGES} numbers, each 1 or 2, such as 2,2,2,1,2; got {steps!s:.60}")
    return steps


def _head(width: int | None) -> int | None:
    if width is not None and (isinstance(width, bool) or not isinstance(width, int) or not 0 <= width <= MAX_WIDTH):
        raise NasError(f"head must be a whole number from 0 (none) to {MAX_WIDTH}, got {width!r:.40}")
    return width or None


def _resolution(size: int, strides: Sequence[int]) -> int:
    """Every stride must halve the map exactly, so that the closed forms are those of the network."""
    step = 2 * math.prod(strides)
    if isinstance(size, bool) or not isinstance(size, int) or not 0 < size <= MAX_SIDE or size % step:
        near = max(step, min(MAX_SIDE // step, round(size / step)) * step) if isinstance(size, int) else 224
        raise NasError(f"img_size must be a multiple of {step} up to {MAX_SIDE}, got {size!r:.40}; nearest: {near}")
    return size


def grid_of(grid: GridLike | None) -> Grid | None:
    """A grid from a file, its JSON form, or itself; None is the family's default. Raises NasError."""
    if grid is None:
        return None
    where = f"grid {grid}: " if isinstance(grid, str | Path) else ""
    data = read_json(grid, "grid") if isinstance(grid, str | Path) else grid
    try:
        made = data if isinstance(data, Grid) else grid_from_json(data)
    except (ArithmeticError, NasError) as error:
        raise NasError(f"{where}{error}") from None
    _check_grid(made, where)
    return made


def _check_grid(grid: Grid, where: str) -> None:
    """Within what the space can build, and of a size that fits into memory."""
    most = {"out": MAX_WIDTH, "stem": MAX_WIDTH, "bottleneck": MAX_INNER, "kernel": MAX_KERNEL}
    for name, limit in most.items():
        values = getattr(grid, name)
        if values[-1] > limit or len(values) > MOST_VALUES:
            raise NasError(f"{where}{name!r} must list at most {MOST_VALUES} values up to {limit}")
    if any(isinstance(v, bool) for name in most for v in getattr(grid, name)):
        raise NasError(f"{where}widths and kernels must be whole numbers")
    if any(k % 2 == 0 for k in grid.kernel):
        raise NasError(f"{where}kernels must be odd, got {list(grid.kernel)}")
    if max(grid.depth_max, grid.first_depth_max) > MAX_DEPTH:
        raise NasError(f"{where}depths go up to {MAX_DEPTH}")
