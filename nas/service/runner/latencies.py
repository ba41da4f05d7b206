"""What architectures take on every device that there is a profile of: all of a front at once, which is much faster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from predictors.latency import DeviceProfile
    from search_spaces import OperatorTable

COVERED = 0.995
"""Share of the time in operators like measured ones from which nothing needs to be said."""


def latencies(tables: Sequence[OperatorTable]) -> list[list[dict[str, Any]]]:
    """For each table (of one architecture): ``device``, ``title``, ``ms`` and its 90 % interval, ``notes``."""
    from predictors.latency import ProfileError, list_profiles, load_profile

    found: list[list[dict[str, Any]]] = [[] for _ in tables]
    if not tables:
        return found
    table = joined(tables)
    for device in list_profiles():
        profile = load_profile(device)
        try:
            rows = _predicted(profile, table)
        except ProfileError:
            continue  # it has no latency
        for row, mine in zip(rows, found, strict=True):
            mine.append({"device": device, "title": profile.title, **row})
    return found


def joined(tables: Sequence[OperatorTable]) -> OperatorTable:
    """Tables of one architecture each as one of them all."""
    import numpy as np

    from search_spaces import OperatorTable

    columns = {name: np.concatenate([t.columns[name] for t in tables]) for name in tables[0].columns}
    columns["arch"] = np.repeat(np.arange(len(tables)), [len(t) for t in tables])
    return OperatorTable(columns, len(tables), max((t.stages for t in tables), key=len))


def _predicted(profile: DeviceProfile, table: OperatorTable) -> list[dict[str, Any]]:
    said = profile.predict(table, "latency")
    figures = zip(said.ms, said.low, said.high, said.coverage, strict=True)
    return [
        {"ms": _short(ms), "low": _short(low), "high": _short(high), "notes": _notes(float(coverage))}
        for ms, low, high, coverage in figures
    ]


def _notes(coverage: float) -> list[str]:
    if coverage >= COVERED:
        return []
    return [f"{coverage:.0%} of it in operators like those that were measured, the rest is extrapolated"]


def _short(value: Any) -> float:
    return float(f"{float(value):.6g}")
