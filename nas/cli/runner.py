"""``nas runner``: carry out the jobs of a service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.options import RayAddress, Workers

Storage = Annotated[
    str | None,
    typer.Option(
        "--storage", metavar="URL", envvar="NAS_STORAGE",
        help="The jobs' database: postgresql+psycopg://USER@HOST/NAME or sqlite:///FILE. [default: DATA/jobs.sqlite]",
    ),
]  # fmt: skip
Data = Annotated[Path, typer.Option("--data", metavar="FOLDER", help="Folder of the runs; shared by all runners.")]
Slots = Annotated[int, typer.Option("--slots", metavar="N", help="Jobs at a time, each in a process of its own.")]
Lease = Annotated[
    float, typer.Option("--lease", metavar="SECONDS", help="Silence after which others take over this runner's jobs.")
]
Roots = Annotated[
    list[str] | None,
    typer.Option("--data-root", metavar="NAME=FOLDER", help="Folder in which requests may name data; repeatable."),
]
RunnerName = Annotated[str | None, typer.Option("--name", metavar="NAME", help="Its name; default: host and process.")]


def command(
    storage: Storage = None, data: Data = Path("results/service"), slots: Slots = 1, lease: Lease = 30.0,
    data_root: Roots = None, ray_address: RayAddress = None, workers: Workers = None, name: RunnerName = None,
) -> None:  # fmt: skip
    """Carry out the jobs of a service ('nas serve'), until stopped; any number of runners on any hosts share them.

    A job is held by a lease that heartbeats extend. Where a runner dies, another resumes its jobs from their folders,
    so runners have to share --data. SIGTERM or Ctrl-C: the jobs go back to the queue at once.

    \b
    Examples:
      nas runner --storage postgresql+psycopg://nas@db/nas --data /shared/nas
      nas runner --data /shared/nas --slots 4 --data-root imagenet=/srv/imagenet
      nas runner --storage postgresql+psycopg://nas@db/nas --data /shared/nas --ray-address auto
    """
    from nas.service.runner.runner import serve_jobs
    from nas.service.runner.settings import RunnerSettings, default_name
    from nas.service.security.roots import DataRoots

    data.mkdir(parents=True, exist_ok=True)
    where = data.resolve()
    serve_jobs(
        RunnerSettings(
            storage or f"sqlite:///{where / 'jobs.sqlite'}", where, slots=slots, lease_s=lease,
            ray_address=ray_address, workers=workers, data_roots=DataRoots.of(data_root or []).folders,
            name=name or default_name(),
        )
    )  # fmt: skip
