"""``nas resume``: continue an interrupted search or training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.options import Json, RayAddress, Storage, Workers, seconds

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run, such as results/NAME.")]
Time = Annotated[str | None, typer.Option("--time", metavar="T", help="Time limit for the whole run, such as 5m.")]


def command(
    run: RunPath, workers: Workers = None, time: Time = None, ray_address: RayAddress = None, storage: Storage = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Continue an interrupted search or training; a finished one is shown as it is.

    Whatever killed it, the front is the one that an undisturbed run with that seed would have had.

    \b
    Example:
      nas resume results/elasticvit-20260101-120000
    """
    from nas.api import load_run, resume
    from nas.cli.search import conclude, resumable
    from nas.cli.watch import watching

    if (run / "train.json").is_file():
        return _training(run, workers, ray_address, json)
    limit_s = seconds(time)
    if load_run(run, storage).document.get("kind") == "scale":
        from nas.cli import scale

        return scale.proceed(run, workers, json)
    if load_run(run, storage).is_stitched:
        from nas.cli import stitch

        return stitch.proceed(run, workers, ray_address, json)
    with watching(json) as watch, resumable() as started:
        started(load_run(run, storage))
        done = resume(run, workers=workers, ray_address=ray_address, storage=storage, time_s=limit_s, on_update=watch)
    conclude(done, json)


def _training(folder: Path, workers: int | None, ray_address: str | None, as_json: bool) -> None:
    """A folder of ``nas train`` or ``nas finetune``."""
    from nas.cli.training import conclude, continuable, watching
    from nas.training.api import continue_training

    with watching(as_json) as watch, continuable(as_json) as started:
        job = continue_training(folder, workers=workers, ray_address=ray_address, on_start=started, on_step=watch)
    conclude(job, as_json)
