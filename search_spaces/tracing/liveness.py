"""How long activations live. The ``held`` column follows: what is alive beside what a row reads and writes."""

from __future__ import annotations

from itertools import accumulate

from search_spaces.operators import IN_PLACE, Kind

Row = dict[str, int]


class Liveness:
    """Lifetimes of storages in rows: from the row that writes one to the last row that reads it."""

    def __init__(self) -> None:
        self._alias: dict[int, int] = {}
        self._size: dict[int, int] = {}
        self._first: dict[int, int] = {}
        self._last: dict[int, int] = {}
        self._operands: dict[int, tuple[list[int], list[int]]] = {}

    def _canonical(self, key: int) -> int:
        return self._alias.get(key, key)

    def born(self, key: int, elements: int, row: int) -> None:
        """Storage ``key`` of so many elements is written by ``row``."""
        self._size[key], self._first[key], self._last[key] = elements, row, row

    def alias(self, key: int, of: int) -> None:
        """``key`` is a copy that a runtime would not make."""
        self._alias[key] = self._canonical(of)

    def used(self, key: int, row: int) -> None:
        """``row`` reads the storage ``key``."""
        key = self._canonical(key)
        if key in self._last:
            self._last[key] = max(self._last[key], row)

    def wrote(self, first: int, last: int, reads: list[int], writes: list[int]) -> None:
        """Rows ``first`` to ``last`` belong to one operator that reads and writes these storages."""
        for row in range(first, last + 1):
            self._operands[row] = ([self._canonical(k) for k in reads], [self._canonical(k) for k in writes])

    def _alive(self, rows: int) -> list[int]:
        change = [0] * (rows + 1)
        for key, size in self._size.items():
            change[min(self._first[key], rows)] += size
            change[min(self._last[key] + 1, rows)] -= size
        return list(accumulate(change))[:rows]

    def _reused(self, row: int, kind: int) -> int:
        """Elements of an output that takes the place of an input which dies here."""
        reads, writes = self._operands.get(row, ([], []))
        if Kind(kind) not in IN_PLACE or not writes or writes[0] in reads or writes[0] not in self._size:
            return 0
        size = self._size[writes[0]]
        dying = any(self._last.get(k) == row and self._size[k] == size for k in reads)
        return size if dying else 0

    def held(self, rows: list[Row]) -> list[int]:
        """Elements alive beside the operands that the row's own shape accounts for, one number per row."""
        out = []
        for i, (row, alive) in enumerate(zip(rows, self._alive(len(rows)), strict=True)):
            if row["kind"] == Kind.PARAMETER:
                out.append(0)
                continue
            read = row["c_in"] * row.get("h_in", 1) * row.get("w_in", 1)
            written = 0 if Kind(row["kind"]) in IN_PLACE else row["c_out"] * row.get("h_out", 1) * row.get("w_out", 1)
            out.append(max(0, alive - self._reused(i, row["kind"]) - read - written))
        return out
