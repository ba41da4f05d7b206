"""Options that several commands share, and readers for what people type."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

Json = Annotated[
    bool, typer.Option("--json", help="For machines: one JSON document on stdout, everything else on stderr.")
]
Out = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder that holds the runs.")]
Storage = Annotated[
    str | None,
    typer.Option("--storage", metavar="URL", help="Database URL for shared use; default: SQLite in the run."),
]
RayAddress = Annotated[
    str | None,
    typer.Option("--ray-address", metavar="ADDRESS", help="Ray cluster: ray://head:10001 or auto."),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", metavar="N", help="CPUs to use; default all. 0: this process only, without Ray."),
]
NumClasses = Annotated[int | None, typer.Option("--num-classes", metavar="N", help="Classes (a space option).")]
ImgSize = Annotated[
    int | None,
    typer.Option("--img-size", metavar="PIXELS", help="Keep one input resolution (a space option)."),
]
InChans = Annotated[int | None, typer.Option("--in-chans", metavar="N", help="Image channels (a space option).")]
Family = Annotated[
    str | None,
    typer.Option("--family", metavar="NAME", help="Block family, where a space has several (a space option)."),
]
Option = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="NAME=VALUE", help="Another option of the space, repeatable."),
]
Arch = Annotated[
    str,
    typer.Argument(
        metavar="ARCH",
        help="SPACE:NAME (or :smallest, :largest), RUN, RUN#INDEX, FILE.json, or a folder of 'nas build --out'.",
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option("--weights", metavar="FILE", help="Weights: .safetensors, or a PyTorch state dict."),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Seed; the same seed gives the same result.")]

UNITS_S = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def space_options(
    num_classes: int | None, img_size: int | None, in_chans: int | None, family: str | None,
    others: list[str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Those that were given; a space that lacks one says so. Raises NasError for an option that cannot be read.

    An import path among them was typed by the user, and so may be imported.
    """
    from search_spaces.permits import allow_named

    given = {"num_classes": num_classes, "img_size": img_size, "in_chans": in_chans, "family": family}
    named = dict(map(_assignment, others or []))
    allow_named(named)
    return {name: value for name, value in given.items() if value is not None} | named


def _assignment(text: str) -> tuple[str, Any]:
    """``NAME=VALUE``; a value that is a JSON number or boolean is one, all else is text."""
    import json

    from nas.errors import NasError

    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise NasError(f"--option {text[:60]!r}: write NAME=VALUE, for example size=small")
    try:
        read = json.loads(value)
    except ValueError:
        return name, value
    return name, read if isinstance(read, (bool, int, float)) else value


def seconds(text: str | None) -> float | None:
    """``90``, ``90s``, ``5m``, ``1h``, ``1h30m`` as seconds. Raises NasError."""
    if text is None:
        return None
    from nas.errors import NasError

    compact = text.replace(" ", "").lower()
    if re.fullmatch(r"\d+(\.\d+)?", compact):
        compact += "s"
    parts = re.findall(r"(\d+(?:\.\d+)?)(min|[hms])", compact)
    if not parts or "".join(n + u for n, u in parts) != compact:
        raise NasError(f"--time {text!r} is no duration; write for example 90s, 5m, 1h or 1h30m")
    total = sum(float(number) * UNITS_S[unit] for number, unit in parts)
    if total <= 0:
        raise NasError(f"--time {text!r} leaves no time; write for example 90s, 5m or 1h")
    return total
