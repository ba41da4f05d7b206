"""``nas evaluate``: what subnets are worth with a supernet's weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.options import Json

Supernet = Annotated[Path, typer.Argument(metavar="SUPERNET", help="Folder of 'nas train --space'.")]
Archs = Annotated[
    list[str],
    typer.Argument(metavar="ARCH...", help="smallest, largest, SPACE:NAME, RUN, RUN#INDEX or FILE.json."),
]
Part = Annotated[str, typer.Option("--part", metavar="PART", help="Images to judge on: test or validation.")]


def command(supernet: Supernet, archs: Archs, part: Part = "test", json: Json = False) -> None:
    """Accuracy of subnets with inherited weights.

    Batch statistics are reset and re-estimated on training images before each judgement, so it does not depend on
    which subnets were judged before.

    \b
    Examples:
      nas evaluate results/SUPERNET smallest largest
      nas evaluate results/SUPERNET results/RUN#0 results/RUN#1 --part validation
    """
    from nas.cli.output import console, emit, quantity, table
    from nas.training.api import evaluate

    rows = evaluate(supernet, archs, part=part)
    if json:
        return emit({"supernet": supernet, "part": part, "judged": rows})
    shown = [
        [r["name"], r["id"], quantity("macs", r["macs"], unit=False), quantity("params", r["params"], unit=False),
         f"{r['accuracy']:.2%}", f"{r['loss']:.3f}"]
        for r in rows
    ]  # fmt: skip
    columns = ("architecture", "id", "MACs (M)", "Params (M)", "accuracy", "loss")
    console().print(table(columns, shown, left=("id",)))
    note = f"on {rows[0]['images']:,} {part} images, weights inherited from {supernet}"
    if rows[0]["calibrated"]:
        note += f"; batch statistics re-estimated on {rows[0]['calibrated']} training images"
    console().print(note, soft_wrap=True)
