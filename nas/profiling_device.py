"""``nas profile --device``: measure this machine, showing how far it is, and go on where an earlier session stopped."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import NasError
from search_spaces.errors import unknown_name

if TYPE_CHECKING:
    from predictors.latency import DeviceProfile
    from predictors.latency.profiling import Progress

LEAST_MINUTES, MOST_MINUTES = 0.5, 24 * 60
RUNTIMES = ("torch",)


def profile_device(
    device: str, out: str, *, minutes: float = 10.0, runtime: str = "torch", threads: int = 1
) -> DeviceProfile:
    """Measure, fit and check a profile of this machine; measurements are kept beside it (:func:`journal_path`).

    Raises NasError for a device or runtime that cannot be profiled here.
    """
    from predictors.latency.measuring import Setting
    from predictors.latency.profile import check_name
    from predictors.latency.profiling import profile_cpu

    if runtime not in RUNTIMES:
        raise unknown_name("runtime that can be profiled", runtime, RUNTIMES)
    Setting(device=device, threads=threads)
    if device != "cpu":
        raise NasError(f"device {device} can be measured ('nas measure') but not yet profiled; use --device cpu")
    if not LEAST_MINUTES <= minutes <= MOST_MINUTES:
        raise NasError(f"--minutes must be from {LEAST_MINUTES:g} to {MOST_MINUTES:,}, got {minutes:g}")
    name = check_name("--out", Path(out).stem if out.endswith(".json") else out)
    path = journal_path(out)
    try:
        with _bar(minutes) as listener:
            return profile_cpu(name, path, minutes=minutes, threads=threads, listener=listener)
    except OSError as error:
        raise NasError(f"{path} cannot be written: {error.strerror or error}") from None
    except KeyboardInterrupt:
        print(f"measurements are kept in {path}; the same command goes on from there", file=sys.stderr)
        raise


def journal_path(out: str) -> Path:
    """Where the measurements of a profile are kept, beside the profile."""
    from predictors.latency.store import user_folder

    beside = Path(out) if out.endswith(".json") else user_folder() / f"{out}.json"
    return beside.with_suffix(".measurements.jsonl")


@contextmanager
def _bar(minutes: float) -> Iterator[Callable[[Progress], None]]:
    """A bar with the time left on a terminal; elsewhere a line now and then. On stderr."""
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from nas.cli.output import console

    screen = console(stderr=True)
    if not sys.stderr.isatty():
        last = [-1]

        def tell(state: Progress) -> None:
            tenth = int(10 * state.elapsed_s / state.budget_s)
            if tenth > last[0]:
                last[0] = tenth
                screen.print(f"[{state.elapsed_s:5.0f} s of {state.budget_s:.0f}] {_counts(state)}")

        yield tell
        return
    columns = (
        TextColumn("measuring"), BarColumn(bar_width=30), TaskProgressColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )  # fmt: skip
    with Bar(*columns, console=screen) as bar:
        task = bar.add_task("measuring", total=60 * minutes, note="starting")

        def update(state: Progress) -> None:
            bar.update(task, completed=state.elapsed_s, total=state.budget_s, note=f"{_counts(state)}: {state.name}")
            if state.elapsed_s >= state.budget_s:
                bar.update(task, note=f"{_counts(state)}: fitting and checking")

        yield update


def _counts(state: Progress) -> str:
    return f"{state.fitted} networks timed, {state.checked} checks"
