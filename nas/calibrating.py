"""``nas.calibrate``: a run learns the accuracies of those of its architectures that were trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import NasError
from search_spaces.errors import unknown_name

if TYPE_CHECKING:
    import pandas as pd

    from nas.runs.run import Run

ID_COLUMNS = ("id", "architecture")
MOST_BYTES = 1_000_000


def calibrate(path: str | Path, results: str | Path, storage: str | None = None) -> Run:
    """Fit predicted accuracies, with intervals, to trained ones, and rebuild the run's files with them.

    ``results`` is a CSV file with a column ``accuracy`` (all in percent, or all as fractions) and either ``id`` (an
    architecture's) or ``index`` (its row of the front), for 10 networks or more. It replaces what an earlier call told
    the run. From then on ``front.csv`` has the columns ``accuracy``, ``accuracy_low``, ``accuracy_high`` (a 90 %
    conformal interval) and ``accuracy_trained``, the recommendation follows them, and an unfinished run that is resumed
    promotes by them. Raises NasError or RunError; nothing is written then.
    """
    from nas.runs.calibrated import KEY, Calibrated
    from nas.runs.finish import finish
    from nas.runs.run import Run

    run = Run.open(path, storage)
    accuracies = read_results(Path(results), run)
    source = Path(results).name
    _ = Calibrated(run, accuracies, source).check  # whatever is wrong with them is found before anything is written
    run.update(**{KEY: {"accuracies": accuracies, "source": source}})
    finish(run)
    return run


def read_results(path: Path, run: Run) -> dict[str, float]:
    """Accuracies by architecture id. Raises NasError that names the offending lines."""
    table = _read(path)
    ids = _ids(table, run, path)
    accuracies = _numbers(table["accuracy"], "accuracy", path)
    known = set(run.store.promoted()["architecture"])
    for line, found in enumerate(ids, start=2):
        if found not in known:
            raise unknown_name(f"architecture (line {line} of {path.name}) of {run.path}", found, sorted(known))
    _no_duplicates(ids, path)
    _one_unit(accuracies, path)
    return dict(zip(ids, accuracies, strict=True))


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        if path.stat().st_size > MOST_BYTES:
            raise NasError(f"{path} has {path.stat().st_size:,} bytes; a table of trained accuracies is far smaller")
        table = pd.read_csv(path, dtype=str, skipinitialspace=True)
    except OSError as error:
        raise NasError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise NasError(f"{path} is no CSV table: {str(error).splitlines()[0]}") from None
    table.columns = [str(c).strip().lower() for c in table.columns]
    if "accuracy" not in table or not {*ID_COLUMNS, "index"} & set(table.columns):
        raise NasError(f"{path} needs a column 'accuracy' and a column 'id' or 'index'; it has {_list(table.columns)}")
    return table


def _ids(table: pd.DataFrame, run: Run, path: Path) -> list[str]:
    """The architecture of each line, by id or by row of the front."""
    named = next((c for c in ID_COLUMNS if c in table), None)
    if named is not None:
        return [str(text).strip() for text in table[named]]
    front, rows = run.front["id"], _numbers(table["index"], "index", path)
    for line, row in enumerate(rows, start=2):
        if not (row.is_integer() and 0 <= row < len(front)):
            raise NasError(f"line {line} of {path.name}: index must be 0..{len(front) - 1} (the front), got {row:g}")
    return [str(front.iloc[int(row)]) for row in rows]


def _numbers(column: pd.Series, name: str, path: Path) -> list[float]:
    found = []
    for line, text in enumerate(column, start=2):
        try:
            value = float(text)
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value):
            raise NasError(f"line {line} of {path.name}: {name} must be a number, got {text!r}")
        found.append(value)
    return found


def _no_duplicates(ids: Sequence[str], path: Path) -> None:
    twice = sorted({found for found in ids if ids.count(found) > 1})
    if twice:
        raise NasError(f"{path.name} names {_list(twice)} more than once; give one accuracy each (a mean, say)")


def _one_unit(accuracies: Sequence[float], path: Path) -> None:
    low, high = min(accuracies, default=0.0), max(accuracies, default=0.0)
    if low < 0 or high > 100:
        raise NasError(f"{path.name}: accuracies lie in 0..100 (percent) or 0..1, these in {low:g}..{high:g}")
    if high > 1 and 0 < low <= 1:
        raise NasError(f"{path.name}: accuracies from {low:g} to {high:g}; give all in percent or all as fractions")


def _list(names: Sequence[object]) -> str:
    shown = ", ".join(repr(str(n)) for n in list(names)[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "none"
