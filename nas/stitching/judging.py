"""After training: every route's accuracy into the run's database, and ``routes.csv``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nas.runs.finish import write_csv
from nas.runs.run import Run
from nas.supernet.evaluating import evaluate_chosen, inherited_accuracy
from nas.supernet.ledger import Ledger
from nas.supernet.rounds import Round
from nas.training.job import Job

if TYPE_CHECKING:
    from nas.engine.driver import OnUpdate


def judge_routes(run: Run, job: Job, on_update: OnUpdate | None = None) -> None:
    """Judge the routes that were kept, those that have no accuracy yet. All routes are priced."""
    ledger = Ledger(run)
    if ledger.last_round < 0:
        ledger.begin(0, _routes(run))
    evaluate_chosen(ledger, inherited_accuracy(job), on_update)


def _routes(run: Run) -> Round:
    """All of them, of which those that were kept are chosen."""
    space: Any = run.space
    genomes = space.enumerate()
    kept = {space.of_route(space.routes[n]) for n in run.document["stitching"]["routes"]}
    return Round(genomes, genomes[[space.decode(g) in kept for g in genomes]])


def route_table(run: Run) -> pd.DataFrame:
    """One row per route: number in the paper's list, architecture, cost, residual, accuracies, on the front or not.

    ``accuracy_random`` and ``accuracy_fitted`` are from before training, on fewer images (see the report); NaN where a
    route was not judged.
    """
    space: Any = run.space
    stitching = run.document["stitching"]
    initial, kept = stitching["initial"], set(stitching["routes"])
    accuracies = run.store.scores().set_index("architecture")["value"]
    front, rows = set(run.front["id"]), []
    for n, route in enumerate(space.routes):
        if not route.used:
            continue
        architecture = space.of_route(route)
        price = space.price_architecture(architecture)
        rows.append({
            "route": n, "id": architecture.id, "type": route.kind, "path": "-".join(map(str, route.path)),
            "stitches": " ".join(f"{s.stage}:{s.i}>{s.j}" for s in route.stitches), "macs": price["macs"],
            "params": price["params"], "residual": initial["residuals"][str(n)],
            "accuracy_random": initial["random"].get(str(n), np.nan),
            "accuracy_fitted": initial["accuracies"][str(n)],
            "accuracy": accuracies.get(architecture.id, np.nan), "kept": int(n in kept),
            "front": int(architecture.id in front),
        })  # fmt: skip
    return pd.DataFrame(rows)


def write_routes(run: Run) -> None:
    """``routes.csv``."""
    write_csv(route_table(run), run.path / "routes.csv")
