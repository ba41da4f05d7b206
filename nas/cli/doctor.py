"""``nas doctor``: is this machine fit, and if not, what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.options import Json, Out

StartRay = Annotated[bool, typer.Option("--ray", help="Also start Ray and run a task (some 15 s).")]


def command(out: Out = Path("results"), ray: StartRay = False, json: Json = False) -> None:
    """Check versions, torch against torchvision, solvers, devices, disk, shared memory and (--ray) Ray.

    Each line is ok, warn or fail, with one thing to try. Exit code 1 if anything failed.

    \b
    Examples:
      nas doctor
      nas doctor --ray
    """
    from nas.cli.output import console, emit
    from nas.doctor import diagnose

    screen = console()
    checks = []
    for check in diagnose(out=out, start_ray=ray):
        checks.append(check)
        if not json:
            screen.print(f"{check.status:4}  {check.name}: {check.detail}")
            if check.hint:
                screen.print(f"      try: {check.hint}", soft_wrap=True)
    if json:
        emit([vars(check) for check in checks])
    if any(check.status == "fail" for check in checks):
        raise typer.Exit(1)
