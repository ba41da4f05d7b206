"""Reading tables of measurements: CSV files, gzipped or not, whose every problem is named with its line."""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from predictors.latency.errors import MeasurementError
from search_spaces.errors import unknown_name
from search_spaces.operators import COLUMNS, FUNCTIONS, FloatArray, Kind, OperatorTable, Role

MAX_ROWS = 1_000_000
LATENCY, ENERGY = "latency_ms", "energy_mj"
_NAMED = {"kind": Kind, "role": Role}


@dataclass(frozen=True)
class CsvTable:
    """A CSV file: its ``header``, its ``rows`` as text, and the line of the file on which each row ends."""

    path: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def column(self, name: str) -> list[str]:
        """The texts of one column. Raises MeasurementError, with a suggestion, where the file has no such column."""
        if name not in self.header:
            raise MeasurementError(f"{self.path}: {unknown_name('column', name, self.header)}", path=self.path)
        i = self.header.index(name)
        return [row[i] for row in self.rows]

    def positive(self, name: str) -> FloatArray:
        """A column of finite numbers above 0, shape (rows,). Raises MeasurementError with the line."""
        return np.array([self._positive(name, text, n) for n, text in enumerate(self.column(name))])

    def _positive(self, name: str, text: str, row: int) -> float:
        try:
            value = float(text)
        except ValueError:
            raise self.error(row, f"{name} must be a number, got {text!r:.40}") from None
        if not math.isfinite(value) or value <= 0:
            raise self.error(row, f"{name} must be a finite number above 0, got {text}")
        return value

    def error(self, row: int, message: str) -> MeasurementError:
        """An error at a row of the table."""
        line = self.lines[row]
        return MeasurementError(f"{self.path}, line {line}: {message}", path=self.path, line=line)

    def where(self, column: str, value: str) -> CsvTable:
        """The rows whose ``column`` holds ``value``. Raises MeasurementError where there is none."""
        texts = self.column(column)
        kept = [i for i, text in enumerate(texts) if text == value]
        if not kept:
            raise MeasurementError(f"{self.path}: {unknown_name(column, value, set(texts))}", path=self.path)
        return CsvTable(self.path, self.header, tuple(self.rows[i] for i in kept), tuple(self.lines[i] for i in kept))


def read_csv(path: str | Path) -> CsvTable:
    """The table in a CSV file with a header line; ``.gz`` is unpacked. Raises MeasurementError."""
    name = str(path)
    rows: list[tuple[str, ...]] = []
    lines: list[int] = []
    with _opened(name) as stream:
        reader = csv.reader(stream)
        header = tuple(next(reader, ()))
        if not header or len(set(header)) != len(header):
            raise MeasurementError(f"{name} has no header line of distinct column names", path=name)
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                message = f"{len(row)} fields, but the header has {len(header)} (is the file cut off?)"
                raise MeasurementError(f"{name}, line {reader.line_num}: {message}", path=name, line=reader.line_num)
            if len(rows) == MAX_ROWS:
                raise MeasurementError(f"{name} has more than {MAX_ROWS:,} rows", path=name)
            rows.append(tuple(row))
            lines.append(reader.line_num)
    if not rows:
        raise MeasurementError(f"{name} has no rows below its header", path=name)
    return CsvTable(name, header, tuple(rows), tuple(lines))


@contextmanager
def _opened(name: str) -> Iterator[IO[str]]:
    """The file as text; whatever goes wrong while it is read becomes one line."""
    try:
        opener = gzip.open if name.endswith(".gz") else open
        with opener(name, "rt", encoding="utf-8", newline="") as stream:  # type: ignore[operator]
            yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise MeasurementError(f"{name} is no gzip file, or cut off", path=name) from None
    except OSError as error:
        raise MeasurementError(f"{name} cannot be read: {error.strerror or error}", path=name) from None
    except UnicodeDecodeError:
        raise MeasurementError(f"{name} is not a text file", path=name) from None
    except csv.Error as error:
        raise MeasurementError(f"{name} is no CSV file: {error}", path=name) from None


def operator_table(table: CsvTable) -> OperatorTable:
    """Every row as an architecture of one operator; columns are those of OperatorTable, missing ones as 1 (or 0).

    ``kind``, ``role`` and ``function`` may be names (``conv``, ``main``, ``relu``) or numbers. Raises MeasurementError.
    """
    size = len(table.rows)
    table.column("kind")
    columns = {name: np.ones(size, dtype=np.int64) for name in COLUMNS}
    for name in ("stage", "role", "function", "params", "held"):
        columns[name] = np.zeros(size, dtype=np.int64)
    for name in (n for n in COLUMNS if n in table.header and n not in ("arch", "stage")):
        columns[name] = np.array([_whole(table, name, text, i) for i, text in enumerate(table.column(name))])
    columns["arch"] = np.arange(size)
    wrong = np.flatnonzero((columns["c_in"] % columns["groups"]) | (columns["c_out"] % columns["groups"]))
    if len(wrong):
        raise table.error(int(wrong[0]), "c_in and c_out must be multiples of groups")
    return OperatorTable(columns, size, ("measured",))


def _whole(table: CsvTable, name: str, text: str, row: int) -> int:
    known = _names(name)
    if known and text.lower() in known:
        return known[text.lower()]
    low, high = (0 if name in ("params", "held", *known, "kind", "role", "function") else 1), 2**31
    if not text.isdecimal() or not low <= int(text) <= (max(known.values()) if known else high):
        expected = f"one of {', '.join(n for n in known if n)}" if known else f"a whole number of at least {low}"
        raise table.error(row, f"{name} must be {expected}, got {text!r:.40}")
    return int(text)


def _names(column: str) -> Mapping[str, int]:
    if column == "function":
        return {name: i for i, name in enumerate(FUNCTIONS)}
    return {member.name.lower(): int(member) for member in _NAMED[column]} if column in _NAMED else {}


def write_csv(path: str | Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table, gzipped where the name ends in ``.gz``. Raises MeasurementError where that is not possible."""
    name = str(path)
    try:
        opener = gzip.open if name.endswith(".gz") else open
        with opener(name, "wt", encoding="utf-8", newline="") as stream:  # type: ignore[operator]
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
    except OSError as error:
        raise MeasurementError(f"{name} cannot be written: {error.strerror or error}", path=name) from None
