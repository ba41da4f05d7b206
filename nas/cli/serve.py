"""``nas serve``: searches, designs and trainings over HTTP, with a page to watch them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.options import RayAddress

Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Address to listen on; 0.0.0.0: every one.")]
Port = Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="Port; 0: any that is free.")]
Data = Annotated[Path, typer.Option("--data", metavar="FOLDER", help="Folder of the runs and of the job store.")]
JobStorage = Annotated[
    str | None,
    typer.Option(
        "--storage", metavar="URL", envvar="NAS_STORAGE",
        help="Job store: postgresql://USER:PASSWORD@HOST/NAME; default: SQLite in --data.",
    ),
]  # fmt: skip
DataRoot = Annotated[
    list[str] | None,
    typer.Option("--data-root", metavar="NAME=FOLDER", help="Folder in which requests may name files, repeatable."),
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option("--allow-host", metavar="NAME", help="Another name that clients use for this server, repeatable."),
]
Slots = Annotated[int, typer.Option("--slots", metavar="N", min=1, help="Jobs that its own runner does at a time.")]
NoRunner = Annotated[bool, typer.Option("--no-runner", help="Only serve; 'nas runner' does the jobs.")]


def command(
    host: Host = "127.0.0.1", port: Port = 8000, data: Data = Path("results/service"), storage: JobStorage = None,
    data_root: DataRoot = None, allow_host: AllowHost = None, slots: Slots = 1, no_runner: NoRunner = False,
    ray_address: RayAddress = None,
) -> None:  # fmt: skip
    """Serve searches, designs and trainings over HTTP, with a page to watch them.

    Without options it serves this machine alone, at http://127.0.0.1:8000, and does the jobs itself. To be reached
    from others it needs a token in its store (nas token create), and in front of it something that speaks TLS.
    Ctrl-C or SIGTERM stop it: jobs that run go back to the queue, and are continued by whoever serves the store next.

    \b
    Examples:
      nas serve
      nas serve --data-root imagenet=/srv/imagenet
      nas token create ada --scope admin && nas serve --host 0.0.0.0 --allow-host nas.example.org
      nas serve --storage postgresql://nas:secret@db/nas --no-runner
    """
    from nas.cli.output import console
    from nas.service.runner_child import RunnerChild
    from nas.service.security.roots import DataRoots
    from nas.service.serving import serve
    from nas.service.settings import Settings

    settings = Settings(
        data=data, storage=storage, host=host, port=port, hosts=tuple(allow_host or ()),
        data_roots=DataRoots.of(data_root or ()).folders,
    )  # fmt: skip
    out = console()
    serve(
        settings, None if no_runner else RunnerChild(settings, slots, ray_address),
        told=lambda address: out.print(f"nas serves at {address} (Ctrl-C stops it)", soft_wrap=True),
    )  # fmt: skip
