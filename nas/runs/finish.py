"""From a run's database to its results: the front, its files and the report. Idempotent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nas.engine.nsga2 import violation
from nas.engine.pareto import non_dominated
from nas.errors import RunFailed
from nas.objectives import costs_of
from nas.runs.calibrated import Calibrated
from nas.runs.run import Run
from nas.runs.store import genomes_of


def judged(run: Run) -> pd.DataFrame:
    """Every promoted architecture: ``id``, ``genome``, table quantities, proxy scores (NaN where there is none).

    With a calibration also predicted and trained accuracies (see ``nas.runs.calibrated``).
    """
    promoted = run.store.promoted()
    genomes = genomes_of(promoted, len(run.space.choices))
    frame = pd.DataFrame({"id": promoted["architecture"]} | run.space.price(genomes, run.space.quantities))
    frame["genome"] = list(genomes)
    scores = run.store.scores()
    for proxy in run.spec.judges:
        values = scores[(scores["proxy"] == proxy) & (scores["status"] == "ok")].set_index("architecture")["value"]
        frame[proxy] = frame["id"].map(values).astype(float)
    calibrated = Calibrated.of(run)
    if calibrated is not None:
        frame = calibrated.predict(frame)
    inside = violation({q: frame[q].to_numpy() for q in run.space.quantities}, run.spec.budget.intervals) <= 0
    return frame[inside].reset_index(drop=True)


def front_of(run: Run) -> pd.DataFrame:
    """The non-dominated judged architectures under the run's objectives, best of the first objective first."""
    frame = judged(run)
    objectives = run.spec.objective_list
    if len(frame):
        frame = frame[frame[[o.name for o in objectives]].notna().all(axis=1)]
    if not len(frame):
        raise RunFailed(f"{run.path}: nothing survived to the front (see its database)", path=str(run.path))
    costs = costs_of(objectives, frame)
    keep = np.flatnonzero(non_dominated(costs))
    ids = frame["id"].to_numpy()
    order = sorted(keep, key=lambda i: (*costs[i], ids[i]))
    return frame.iloc[order].reset_index(drop=True)


def with_intervals(run: Run, front: pd.DataFrame) -> pd.DataFrame:
    """``front`` with the 90 % interval of what devices predict, in the columns ``NAME_low`` and ``NAME_high``."""
    quantities = run.spec.device_quantities
    if not quantities:
        return front
    tables = [run.space.operators(run.space.decode(genome)) for genome in front["genome"]]
    for name, quantity in quantities.items():
        profile = run.spec.profiles[quantity.device]
        found = [profile.predict(table, quantity.measure) for table in tables]
        for end in ("low", "high"):
            front[f"{name}_{end}"] = [round(float(getattr(p, end)[0]) * quantity.scale) for p in found]
    return front


def finish(run: Run) -> Path:
    """Write ``front.csv``, ``architectures/*.json`` and the report; returns the path of ``report.html``."""
    front = with_intervals(run, front_of(run))
    folder = run.path / "architectures"
    folder.mkdir(exist_ok=True)
    for stale in folder.glob("*.json"):
        stale.unlink()
    for row in front.itertuples():
        (folder / f"{row.id}.json").write_text(run.space.decode(row.genome).to_json())
    front["architecture"] = [f"architectures/{a}.json" for a in front["id"]]
    write_csv(front.drop(columns="genome"), run.path / "front.csv")
    return report(run)


def write_csv(front: pd.DataFrame, path: Path) -> None:
    """Bytes depend on the values only: integers as they are, floats at their shortest, one kind of line end."""
    temporary = path.with_suffix(".tmp")
    front.to_csv(temporary, index=False, lineterminator="\n")
    temporary.replace(path)


def report(run: Run) -> Path:
    """Write ``report.html``, ``front.png`` and ``summary.md`` from ``front.csv`` and the database."""
    from nas.report import write_report
    from nas.runs.report_data import report_data

    data = report_data(run)
    fields: dict[str, Any] = {"recommended": data.recommended.index} if data.recommended else {}
    if fields.get("recommended") != run.document.get("recommended"):
        run.update(**fields)
    return write_report(data, run.path)
