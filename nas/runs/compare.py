"""Runs side by side: hypervolume against one reference point, and the front that all of them make together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nas.engine.pareto import hypervolume, non_dominated
from nas.errors import RunError
from nas.objectives import Objective, get_objectives
from nas.runs.run import Run


@dataclass(frozen=True)
class Standing:
    """One run in a comparison.

    ``hypervolume`` is the share of the box between the reference point and the best values of all runs.
    ``contributes`` rows of its front stand on the merged front, ``alone`` of them in no other run. ``best`` is its best
    value of each objective.
    """

    path: Path
    space: str
    budget: str
    seed: int
    front_size: int
    hypervolume: float
    contributes: int
    alone: int
    best: dict[str, float]


@dataclass(frozen=True)
class Comparison:
    """``merged``: the common front, with the columns ``id``, ``runs`` (indices into ``standings``), objectives."""

    objectives: tuple[Objective, ...]
    reference: dict[str, float]
    standings: tuple[Standing, ...]
    merged: pd.DataFrame
    fronts: tuple[pd.DataFrame, ...]


def compare(paths: Sequence[Path | str]) -> Comparison:
    """Compare finished runs by the objectives they share. Raises RunError."""
    runs = [Run.open(path) for path in dict.fromkeys(Path(p) for p in paths)]
    if len(runs) < 2:
        raise RunError("a comparison needs at least two different runs")
    fronts = tuple(run.front for run in runs)
    objectives = _shared(runs, fronts)
    costs = [np.stack([f[o.name].to_numpy(float) * o.sign for o in objectives], axis=1) for f in fronts]
    ideal, nadir = _box(np.concatenate(costs), objectives)
    merged = _merged(fronts, costs, objectives)
    standings = tuple(
        _standing(i, run, fronts[i], costs[i], objectives, (ideal, nadir), merged) for i, run in enumerate(runs)
    )
    reference = {o.name: float(v * o.sign) for o, v in zip(objectives, nadir, strict=True)}
    return Comparison(objectives, reference, standings, merged, fronts)


def _shared(runs: Sequence[Run], fronts: Sequence[pd.DataFrame]) -> tuple[Objective, ...]:
    """The objectives of the first run that every run had; capacity and MACs, which every front holds, if none."""
    chosen = [o for o in runs[0].spec.objectives if all(o in run.spec.objectives for run in runs)]
    objectives = get_objectives(chosen or None)
    for run, front in zip(runs, fronts, strict=True):
        if not len(front) or any(o.name not in front or front[o.name].isna().any() for o in objectives):
            raise RunError(f"{run.path}/front.csv is damaged: no value for {', '.join(o.name for o in objectives)}")
    return objectives


def _box(
    costs: NDArray[np.float64], objectives: Sequence[Objective]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(best, reference) of all fronts: reference is 0 for gains, the largest cost (counted in) for costs."""
    worst = costs.max(axis=0)
    gains = np.array([o.direction == "max" for o in objectives])
    nadir = np.where(gains, np.maximum(0.0, worst), worst + np.maximum(1e-4 * np.abs(worst), 1e-12))
    return np.where(gains, costs.min(axis=0), np.minimum(0.0, costs.min(axis=0))), nadir


def _merged(
    fronts: Sequence[pd.DataFrame], costs: Sequence[NDArray[np.float64]], objectives: Sequence[Objective]
) -> pd.DataFrame:
    names = [o.name for o in objectives]
    rows = pd.concat([f[["id", *names]].assign(run=i) for i, f in enumerate(fronts)], ignore_index=True)
    rows = rows[non_dominated(np.concatenate(costs))]
    runs = rows.groupby("id")["run"].agg(lambda r: sorted(set(r)))
    merged = rows.drop_duplicates("id").drop(columns="run").assign(runs=lambda f: f["id"].map(runs))
    return merged.sort_values([names[0], "id"], ascending=objectives[0].direction == "min").reset_index(drop=True)


def _standing(
    index: int, run: Run, front: pd.DataFrame, costs: NDArray[np.float64], objectives: Sequence[Objective],
    box: tuple[NDArray[np.float64], NDArray[np.float64]], merged: pd.DataFrame,
) -> Standing:  # fmt: skip
    ideal, nadir = box
    span = np.maximum(nadir - ideal, 1e-12)
    best: dict[str, Any] = {o.name: getattr(front[o.name], o.direction)() for o in objectives}
    on_it = [r for r in merged["runs"] if index in r]
    return Standing(
        run.path, run.spec.space, ", ".join(run.spec.budgets) or "none", run.spec.seed, len(front),
        hypervolume((costs - ideal) / span, (nadir - ideal) / span), len(on_it), sum(len(r) == 1 for r in on_it), best,
    )  # fmt: skip
