"""``nas doctor``: is this machine fit, and if not, what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli.options import Json, Out

if TYPE_CHECKING:
    from nas.doctor import Check

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
    for check in diagnose(out, [("ray", start_ray)] if ray else ()):
        checks.append(check)
        if not json:
            screen.print(f"{check.status:4}  {check.name}: {check.detail}")
            if check.hint:
                screen.print(f"      try: {check.hint}", soft_wrap=True)
    if json:
        emit([vars(check) for check in checks])
    if any(check.status == "fail" for check in checks):
        raise typer.Exit(1)


def start_ray() -> list[Check]:
    """Whether Ray starts and runs a task."""
    import logging
    import os
    import time

    import ray as library

    from nas.doctor import Check, first_line
    from nas.engine.ray_launcher import OBJECT_STORE_BYTES, QUIET

    os.environ.update({k: os.environ.get(k, v) for k, v in QUIET.items()})
    begin = time.monotonic()
    try:
        library.init(
            address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR,
            object_store_memory=OBJECT_STORE_BYTES,
        )  # fmt: skip
        library.get(library.remote(lambda: "alive").remote(), timeout=120)
    except Exception as error:
        return [Check("ray", "fail", first_line(error), "search with --workers 0, which needs no Ray")]
    finally:
        library.shutdown()
    return [Check("ray", "ok", f"started and ran a task in {time.monotonic() - begin:.0f} s")]
