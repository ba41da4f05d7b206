"""``nas token``: who may use a server, and for what."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.options import Json
from nas.cli.serve import Data, JobStorage

if TYPE_CHECKING:
    from nas.service.jobs import Token
    from nas.service.store import JobStore

app = typer.Typer(
    name="token", rich_markup_mode=None, add_completion=False, no_args_is_help=True,
    help="""Who may use a server, and for what.

\b
  nas token create ada                      may submit, and read
  nas token create monitor --scope read     may only read
  nas token list
  nas token revoke ada

A token's secret is shown once and kept as a hash. Scopes: read, submit (reads too, and cancels or deletes its own
jobs), admin (everything, anybody's).""",
)  # fmt: skip

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user: letters, digits and ._@-.")]
Scope = Annotated[list[str] | None, typer.Option("--scope", metavar="SCOPE", help="read, submit or admin; repeatable.")]
Expires = Annotated[
    str | None, typer.Option("--expires", metavar="T", help="For how long it is valid: 12h, 90d. [default: for ever]")
]
Candidates = Annotated[
    int | None, typer.Option("--candidates", metavar="N", min=1, help="Most candidates of one of its searches.")
]
Seconds = Annotated[
    float | None, typer.Option("--seconds", metavar="S", min=1, help="Most computing time of one of its jobs.")
]
Running = Annotated[int | None, typer.Option("--running", metavar="N", min=1, help="Jobs of it that run at a time.")]
Queued = Annotated[int | None, typer.Option("--queued", metavar="N", min=1, help="Jobs of it that may wait.")]
UNITS = {"h": "hours", "d": "days", "w": "weeks"}
MOST_HOURS = 24 * 366 * 100


@app.command()
def create(
    name: Name, scope: Scope = None, expires: Expires = None, candidates: Candidates = None, seconds: Seconds = None,
    running: Running = None, queued: Queued = None, data: Data = Path("results/service"), storage: JobStorage = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Make a token and show its secret, this once.

    \b
    Examples:
      nas token create ada --scope submit --expires 90d
      nas token create ci --candidates 100000 --running 2
      nas token create root --scope admin --storage postgresql://nas:secret@db/nas
    """
    from datetime import UTC, datetime

    from nas.cli.output import console, emit
    from nas.service.jobs import Limits

    until = None if expires is None else datetime.now(UTC) + lifetime(expires)
    store = _store(data, storage)
    scopes = scope or ["submit"]
    secret = store.create_token(
        name,
        scopes,
        expires=until,
        limits=Limits(candidates=candidates, seconds=seconds, running=running, queued=queued),
    )
    store.audit("local", "token create", name, "done")
    if json:
        return emit({"name": name, "token": secret, "scopes": scopes, "expires": until and until.isoformat()})
    out = console()
    out.print(secret, soft_wrap=True)
    console(stderr=True).print(
        f"the token of {name} ({', '.join(scopes)}); it is not shown again. Use it as NAS_TOKEN, as "
        "'Authorization: Bearer TOKEN', or on the page's login.", soft_wrap=True,
    )  # fmt: skip


@app.command(name="list")
def list_tokens(data: Data = Path("results/service"), storage: JobStorage = None, json: Json = False) -> None:
    """List the tokens, without their secrets."""
    from nas.cli.output import console, emit, table

    rows = [_row(token) for token in _store(data, storage).tokens()]
    if json:
        return emit(rows)
    if not rows:
        console().print("no tokens; make one with: nas token create NAME")
        return
    columns = ("name", "scopes", "created", "expires", "limits")
    texts = [
        [r["name"], ", ".join(r["scopes"]), r["created"][:16], (r["expires"] or "never")[:16], _limits(r["limits"])]
        for r in rows
    ]
    console().print(table(columns, texts, left=columns))


@app.command()
def revoke(name: Name, data: Data = Path("results/service"), storage: JobStorage = None) -> None:
    """Make a token worthless, within two seconds on servers that run. Its jobs stay."""
    from nas.cli.output import console
    from search_spaces.errors import unknown_name

    store = _store(data, storage)
    known = [token.name for token in store.tokens()]
    if not store.revoke(name):
        raise unknown_name("token", name, known)
    store.audit("local", "token revoke", name, "done")
    console().print(f"{name} is revoked")


def lifetime(text: str) -> timedelta:
    """``12h``, ``90d``, ``4w``. Raises NasError."""
    from nas.errors import NasError

    match = re.fullmatch(r"(\d{1,6})([hdw])", text.strip().lower())
    found = timedelta(**{UNITS[match[2]]: int(match[1])}) if match else timedelta()
    if not timedelta() < found <= timedelta(hours=MOST_HOURS):
        raise NasError(f"--expires {text!r} is no duration; write for example 12h, 90d or 4w")
    return found


def _store(data: Path, storage: str | None) -> JobStore:
    from nas.service.settings import Settings
    from nas.service.store import JobStore

    settings = Settings(data=data, storage=storage)
    settings.ready_folders()
    return JobStore.open(settings.url, migrate=True)


def _row(token: Token) -> dict[str, Any]:
    return {
        "name": token.name, "scopes": sorted(token.scopes), "created": token.created, "expires": token.expires,
        "limits": {k: v for k, v in vars(token.limits).items() if v is not None},
    }  # fmt: skip


def _limits(limits: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:,g}" for name, value in limits.items()) or "–"
