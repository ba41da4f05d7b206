"""Options that a command takes but does not use in what was asked: refused, so that nobody believes they did."""

from __future__ import annotations

from collections.abc import Iterable

import typer


def refuse_unused(context: typer.Context, names: Iterable[str], why: str) -> None:
    """Raise NasError for the first of the options that was typed, were it with its default."""
    from nas.errors import NasError

    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise NasError(f"--{name.replace('_', '-')} {why}")
