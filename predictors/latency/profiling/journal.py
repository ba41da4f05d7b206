"""What has been measured so far, one JSON line each, appended as it happens: nothing is lost when we are killed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from predictors.latency.errors import MeasurementError
from search_spaces.operators import COLUMNS, FloatArray, OperatorTable

FIT, CHECK = "fit", "check"


@dataclass(frozen=True)
class Entry:
    """One network measured. ``row_ms`` (rows,) only where it serves the fit; ``reference_ms`` before and after."""

    split: str
    source: str
    name: str
    table: OperatorTable
    latency_ms: float
    reference_ms: tuple[float, ...]
    elapsed_s: float
    row_ms: FloatArray | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """One line."""
        columns = {name: self.table[name].tolist() for name in COLUMNS if name != "arch"}
        return json.dumps(
            {
                "split": self.split, "source": self.source, "name": self.name, "latency_ms": self.latency_ms,
                "reference_ms": self.reference_ms, "elapsed_s": round(self.elapsed_s, 3), "facts": dict(self.facts),
                "row_ms": None if self.row_ms is None else [float(f"{v:.5g}") for v in self.row_ms],
                "stages": self.table.stages, "columns": columns,
            }
        )  # fmt: skip

    @classmethod
    def from_json(cls, line: str) -> Entry:
        """Read :meth:`to_json`'s line. Raises KeyError, TypeError or ValueError where it is cut off or not one."""
        d = json.loads(line)
        columns = {name: np.array(values, dtype=np.int64) for name, values in d["columns"].items()}
        columns["arch"] = np.zeros(len(columns["kind"]), dtype=np.int64)
        table = OperatorTable({name: columns[name] for name in COLUMNS}, 1, tuple(d["stages"]))
        row_ms = None if d["row_ms"] is None else np.array(d["row_ms"], dtype=np.float64)
        return cls(
            d["split"], d["source"], d["name"], table, float(d["latency_ms"]), tuple(d["reference_ms"]),
            float(d["elapsed_s"]), row_ms, d["facts"],
        )  # fmt: skip


class Journal:
    """The file of entries, whose first line says with which settings they were measured."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path, self.settings = path, dict(settings)
        self.entries: list[Entry] = []
        if path.exists() and path.stat().st_size:
            self._read()
        else:
            self._append(json.dumps(self.settings))

    @property
    def elapsed_s(self) -> float:
        """Seconds of measuring that the entries took."""
        return sum(e.elapsed_s for e in self.entries)

    def add(self, entry: Entry) -> None:
        """Append one entry; it is on disk when this returns. Raises OSError where it cannot be written."""
        self._append(entry.to_json())
        self.entries.append(entry)

    def _append(self, line: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _read(self) -> None:
        """Entries of an earlier session; a last line that was cut off is dropped."""
        text = self.path.read_text(encoding="utf-8", errors="replace")
        whole, _, cut = text.rpartition("\n")
        if cut:
            self.path.write_text(whole + "\n" if whole else "", encoding="utf-8")
        first, *lines = whole.split("\n")
        try:
            found = json.loads(first)
            self.entries = [Entry.from_json(line) for line in lines]
        except (ValueError, KeyError, TypeError) as error:
            raise MeasurementError(f"{self.path} is no record of a profiling session ({error})") from None
        if found != self.settings:
            changed = sorted(k for k in {*found, *self.settings} if found.get(k) != self.settings.get(k))
            raise MeasurementError(
                f"{self.path} was measured with another {', '.join(changed)}: choose another --out, or remove that file"
            )
