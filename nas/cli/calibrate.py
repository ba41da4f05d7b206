"""``nas calibrate``: from trained accuracies to predicted ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.options import Json, Storage

if TYPE_CHECKING:
    from nas.runs.run import Run

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run, such as results/NAME.")]
Results = Annotated[
    Path, typer.Option("--results", metavar="FILE.csv", help="Columns: id (or index, a row of the front), accuracy.")
]


def command(run: RunPath, results: Results, storage: Storage = None, json: Json = False) -> None:
    """Tell a run the accuracies of 10 to 50 of its architectures that you trained; it predicts the others'.

    A Bayesian linear model on depth, width and further figures of the operator table, with 90 % conformal intervals.
    front.csv, the report and the recommendation follow it from then on; an unfinished run that is resumed promotes by
    it. How well it predicts networks it has not seen is printed and stands in the report.

    \b
    Example:
      nas calibrate results/elasticvit-20260101-120000 --results accuracies.csv
    """
    from nas.calibrating import calibrate
    from nas.cli.output import emit
    from nas.runs.calibrated import Calibrated, describe

    done = calibrate(run, results, storage)
    calibrated = Calibrated.of(done)
    assert calibrated is not None  # it was just written
    check = calibrated.check
    if json:
        return emit({"run": str(run), "check": vars(check), "recommended": done.recommended, "front": _rows(done)})
    _show(done, describe(check), calibrated.ranks)


def _rows(run: Run) -> list[dict[str, Any]]:
    from nas.runs.calibrated import PREDICTED, TRAINED

    columns = ["id", "macs", "params", *PREDICTED, TRAINED]
    return [{str(k): v for k, v in row.items()} for row in run.front[columns].to_dict("records")]


def _show(run: Run, checked: str, ranks: bool) -> None:
    from nas.cli.output import console, heading, quantity, table

    out = console()
    out.print(f"calibrated {checked}")
    if not ranks:
        out.print("it does not rank networks it has not seen: nothing is recommended by it; train more of them")
    texts = [
        [f"#{i}", row["id"], quantity("macs", row["macs"], unit=False), quantity("params", row["params"], unit=False),
         quantity("accuracy", row["accuracy"]),
         f"{row['accuracy_low']:.4g} .. {row['accuracy_high']:.4g}", quantity("accuracy", row["accuracy_trained"])]
        for i, row in enumerate(_rows(run))
    ]  # fmt: skip
    titles = ("", "id", heading("macs"), heading("params"), "predicted", "90 % interval", "trained")
    out.print(table(titles, texts, left=("id",)))
    out.print(f"recommended: #{run.recommended}; report: {run.path / 'report.html'}")
