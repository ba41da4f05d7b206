"""``nas report``: rebuild a run's report from its directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.options import Json, Storage

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run, such as results/NAME.")]


def command(run: RunPath, storage: Storage = None, json: Json = False) -> None:
    """Rebuild front.csv, architectures/, report.html, front.png and summary.md of a run, and show its outcome.

    Works on an interrupted run too: the report then shows what was judged so far.

    \b
    Example:
      nas report results/elasticvit-20260101-120000
    """
    from nas.api import load_run
    from nas.cli.search import conclude
    from nas.runs.finish import finish

    opened = load_run(run, storage)
    if opened.document.get("kind") == "design":
        return _designs(run, json)
    if opened.document.get("kind") == "scale":
        from nas.cli import scale

        return scale.report(run, json)
    finish(opened)
    conclude(opened, json)


def _designs(run: Path, as_json: bool) -> None:
    """A folder of ``nas design``: its designs are all there is to show."""
    from nas.cli.output import emit
    from nas.designers.folder import load, rebuild

    page = rebuild(run)
    if as_json:
        return emit({"run": str(run), "designs": [design.document() for design in load(run)]})
    typer.echo(str(page))
