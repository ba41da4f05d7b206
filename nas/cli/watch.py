"""Live progress of a search: bars on a terminal, one plain line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nas.cli.output import console, duration

if TYPE_CHECKING:
    from nas.engine.driver import Update

EVERY_S = 3.0
"""Seconds between plain lines."""
EARLY = 0.05
"""Share of the candidates before which no time left is told."""
RAY_STARTS = "; Ray is starting, which takes some 15 s"


@contextmanager
def watching(stderr: bool = False, ray: bool = False) -> Iterator[Callable[[Update], None]]:
    """A watcher for ``on_update``, on stderr where stdout is kept for JSON; ``ray``: say that Ray has to start."""
    if (sys.stderr if stderr else sys.stdout).isatty():
        with _bars(stderr, ray) as live:
            yield live
    else:
        yield PlainLines(stderr, ray)


def figures(update: Update) -> str:
    """Front size, hypervolume and time left, in words."""
    p = update.progress
    # Before Ray runs, the pace says nothing.
    known = update.phase != "exploring" or p.priced >= EARLY * update.candidates
    left = f", about {duration(update.eta_s)} left" if update.eta_s and known else ""
    return f"front {p.front_size:,}, hypervolume {p.hypervolume:.4f}{left}"


class PlainLines:
    """The first update, the first of each phase, then one line every few seconds."""

    def __init__(self, stderr: bool, ray: bool = False) -> None:
        self._stream = sys.stderr if stderr else sys.stdout
        self._last, self._phase, self._note = -EVERY_S, "", RAY_STARTS if ray else ""

    def __call__(self, update: Update) -> None:
        """Print a line if one is due."""
        now = time.monotonic()
        if update.phase == self._phase and now - self._last < EVERY_S:
            return
        self._last, self._phase = now, update.phase
        p = update.progress
        counts = f"priced {p.priced:,} of {update.candidates:,}, scored {p.scored} of {update.to_score}"
        print(
            f"[{p.elapsed_s:5.1f} s] {update.phase}: {counts}, {figures(update)}{self._note}",
            file=self._stream,
            flush=True,
        )
        self._note = ""


@contextmanager
def _bars(stderr: bool, ray: bool) -> Iterator[Callable[[Update], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns: tuple[Any, ...] = (
        TextColumn("{task.description}", markup=False), BarColumn(bar_width=30), MofNCompleteColumn(),
        TimeElapsedColumn(), TextColumn("{task.fields[note]}", markup=False),
    )  # fmt: skip
    with Progress(*columns, console=console(stderr)) as progress:
        priced = progress.add_task("priced", total=None, note=f"starting{RAY_STARTS if ray else ''}")
        scored = progress.add_task("scored", total=None, note="", start=False)

        def update(state: Update) -> None:
            p = state.progress
            progress.update(priced, completed=p.priced, total=state.candidates, note=figures(state))
            if state.to_score:
                progress.start_task(scored)
                progress.update(scored, completed=p.scored, total=state.to_score)

        yield update
