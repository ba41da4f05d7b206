"""A design, or a sweep of them: ``nas.design``. A solve that was stopped begins again."""

from __future__ import annotations

import math
from typing import Any

from nas.service.jobs import Result
from nas.service.requests import DesignRequest
from nas.service.runner.describing import result_of
from nas.service.runner.task import Task
from nas.service.runner.work.engine import has_begun


def run(request: DesignRequest, task: Task) -> Result:
    """See ``nas.designing``. Raises NasError."""
    from nas.runs.run import Run

    if not has_begun(task):
        _solve(request, task)
    return result_of(Run.open(task.folder))


def _solve(request: DesignRequest, task: Task) -> None:
    from nas.designers.folder import save
    from nas.designers.sweep import Range, sweep_designs
    from nas.designing import answer

    limits: dict[str, Any] = {"gap": request.gap, "time_s": request.time_s, "seed": request.seed, "workers": 0}
    command = request.command_line()
    if request.sweep is None:
        found = answer(request.problem(), on_progress=_Moves(task, request, 0), **limits)
        save([found], task.runs, task.job, command=command)
        return
    swept = Range.parse(request.sweep)
    sweep = sweep_designs(
        request.problem(), swept, on_point=lambda index, limit: _Moves(task, request, index), **limits
    )  # fmt: skip
    notes = {"Sweep": str(swept)} | {f"Infeasible at {limit:,.0f}": why for limit, why in sweep.left_out}
    save(sweep.designs, task.runs, task.job, swept=swept.quantity, command=command, notes=notes)


class _Moves:
    """The watcher of one solve."""

    def __init__(self, task: Task, request: DesignRequest, index: int) -> None:
        self._task, self._index, self._points, self._time_s = task, index, request.points(), request.time_s
        self._tell(0.0, "starting")

    def __call__(self, seconds: float, objective: float | None, bound: float, gap: float) -> None:
        """See ``nas.designers.deepmad.search.Progress``."""
        if objective is None:
            return
        known = f", no network exceeds {bound:,.2f} (gap {gap:.2%})" if math.isfinite(gap) else ""
        self._tell(seconds, f"objective {objective:,.2f}{known}", objective=float(f"{objective:.6g}"))

    def _tell(self, seconds: float, message: str, **more: float) -> None:
        done = self._index + min(seconds / self._time_s, 1.0)
        self._task.progress(
            "solving", round(done, 3), self._points, message, eta_s=(self._points - done) * self._time_s, **more
        )  # fmt: skip
