"""``nas.design``: a network by mathematical programming, with a proven optimality gap. No torch is imported."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from nas.budget import Budget
from nas.designers.deepmad import InfeasibleDesign, Problem, solve
from nas.designers.deepmad.infeasible import explain
from nas.designers.deepmad.search import Progress
from nas.designers.design import Design
from nas.designers.infeasible import explained, hopeless
from nas.designers.question import GridLike, problem_of
from nas.errors import NasError
from search_spaces.errors import unknown_name

METHODS = ("deepmad",)
MOST_WORKERS = 8
"""More processes than this share little work."""


def design(
    method: str = "deepmad", *, family: str = "resnet", budget: str | Iterable[str] | Budget | None = None,
    rho: float | None = None, convention: str = "sound", grid: GridLike | None = None, gap: float = 0.005,
    time_s: float = 60.0, strides: Sequence[int] | None = None, head: int | None = None, img_size: int = 224,
    seed: int = 0, workers: int | None = None, on_progress: Progress | None = None,
) -> Design:  # fmt: skip
    """Design a CNN: the largest entropy objective under the budgets, and how far from the optimum it can be.

    ``family``: resnet, resnet_basic (or basic), mobilenet, mobilenet_se. ``budget``: upper limits such as
    ``["1.82GFLOPs", "11.69Mparams"]``. ``rho``: depth per width, in (0, 2]; default 0.3, in the depthwise families
    0.5, as the paper's. ``convention``: ``sound``, or ``released`` (objective and counting of the released code: FLOPs
    as it counts them, parameters without the classifier). ``grid``: a file, its JSON form or a ``Grid``; default
    every multiple of 8. Ends when the gap is at most ``gap`` (0: proven optimal) or after ``time_s`` seconds.
    ``head``: width of the 1x1 head, 0 for none. ``on_progress(seconds, objective, bound, gap)``.

    An interrupt (Ctrl-C) returns the best so far, with ``interrupted`` set. Raises NasError subclasses:
    BudgetError, UnknownName, InfeasibleDesign (which limits conflict, and the nearest value of each that does not).
    """
    if method not in METHODS:
        raise unknown_name("designer", str(method)[:40], METHODS)
    question = problem_of(
        family, budget, rho=rho, convention=convention, grid=grid, strides=strides, head=head, img_size=img_size
    )
    return answer(question, gap=gap, time_s=time_s, seed=seed, workers=workers, on_progress=on_progress)


def answer(
    problem: Problem, *, gap: float, time_s: float, seed: int, workers: int | None, on_progress: Progress | None = None
) -> Design:
    """Solve one problem. Raises NasError."""
    count = min(os.cpu_count() or 1, MOST_WORKERS) if workers is None else workers
    for name, value in (("workers", count), ("seed", seed)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise NasError(f"{name} must be a whole number of at least 0, got {value!r:.40}")
    if not 0 <= gap < 1:
        raise NasError(f"gap must be at least 0 (prove it optimal) and below 1, such as 0.005 for 0.5 %, got {gap!r}")
    if hopeless(problem):
        raise explained(problem, explain(problem, proven=True, seed=seed), seed)
    try:
        return Design.of(
            problem, solve(problem, gap=gap, time_s=time_s, on_progress=on_progress, workers=count, seed=seed)
        )
    except InfeasibleDesign as error:
        raise explained(problem, error, seed) from None
