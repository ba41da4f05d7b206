"""What each command does where a service was chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nas.cli.remote import Server
from nas.cli.remote.translate import KINDS, request
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.client import Client, RemoteJob

INSTEAD = {
    "resume": "a service resumes its jobs by itself",
    "finetune": "a service trains spaces and architectures: nas train",
}
RUNS = ("search", "scale", "stitch", "train")
"""Kinds whose local command always writes a folder."""


def carry_out(server: Server, name: str, command: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Run a command at ``server``. Raises NasError for one that makes no sense there, ServiceError."""
    from nas.client import Client

    if name not in (*KINDS, "runs", "report"):
        why = INSTEAD.get(name, f"it runs where it is typed: nas {name}")
        raise NasError(
            f"'nas {name}' is not for a service; {why} (those that are: {', '.join([*KINDS, 'runs', 'report'])})"
        )
    with Client(server.url, server.token) as client:
        if name == "runs":
            from nas.cli.remote.show import listing

            return listing(client, server.url, bool(options["json"]))
        if name == "report":
            return _report(client, server, str(options["run"]), bool(options["json"]))
        _run(client, server, KINDS[name], request(KINDS[name], command, options), options)


def _run(client: Client, server: Server, kind: str, fields: dict[str, Any], options: Mapping[str, Any]) -> None:
    """Submit, watch, collect, show."""
    from nas.cli.output import console
    from nas.cli.remote.watch import watching

    as_json, folder = bool(options["json"]), _folder(kind, options)
    client.ready()
    job = client.submit(kind, **fields)
    console(as_json).print(f"job {job.id} at {server.url}: {job.url}", soft_wrap=True)
    with _leaving(job), watching(kind, as_json) as watch:
        for event in job.events():
            if event.name == "job":
                watch(job.job)
        job.wait()
    _collect(job, folder and (folder if options.get("name") else folder / f"{kind}-{job.id}"), as_json)


def _folder(kind: str, options: Mapping[str, Any]) -> Path | None:
    """Where its results go, checked before anything is submitted: with a name OUT/NAME, else OUT; None: nowhere."""
    if kind not in RUNS and not (kind == "design" and (options["out"] or options["name"])):
        return None
    from nas.runs.place import place

    out, name = Path(options["out"] or "results"), options.get("name")
    made = place(out, name or "x")
    return made if name else out


def _report(client: Client, server: Server, identity: str, as_json: bool) -> None:
    """The outcome of a job that was submitted before, by its id; fetched once."""
    job = client.job(Path(identity).name.rpartition("-")[2])
    folder = Path("results") / f"{job.job.kind}-{job.id}"
    _collect(job.wait(timeout_s=0), None if folder.exists() else folder, as_json)


def _collect(job: RemoteJob, folder: Path | None, as_json: bool) -> None:
    from nas.cli.remote.collect import collect
    from nas.cli.remote.show import conclude

    written = collect(job, folder) if folder is not None else None
    conclude(job, written, as_json)


@contextmanager
def _leaving(job: RemoteJob) -> Iterator[None]:
    """Ctrl-C, or a service that is gone, ends the watching only."""
    from nas.client import ServerUnreachable

    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"interrupted; the job goes on, and can be watched or cancelled at {job.url}", err=True)
        raise typer.Exit(130) from None
    except ServerUnreachable as error:
        typer.echo(f"error: {error}; job {job.id} was accepted and goes on when the service is back", err=True)
        raise typer.Exit(1) from None
