"""Which rows of a traced module are its main path, which shortcuts, gates and classifier.

DeepMAD measures the main path only. No module says where it runs, so it is read off the dataflow: the main path is the
chain from input to output with the most convolutions and linears (of equally long ones that with more entropy). A
gate is what scales a map through a smaller or squashed operand of a product; the head is what follows the last
global pool, or whatever else works on single positions at the end. All else, dead ends too, is a shortcut.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import log

from search_spaces.operators import FUNCTIONS, Kind, Role

Row = Mapping[str, int]
LAYERS = (Kind.CONV, Kind.LINEAR)
SQUASHING = tuple(FUNCTIONS.index(name) for name in ("sigmoid", "hard_sigmoid", "tanh"))
GLOBAL = FUNCTIONS.index("global")


class Flow:
    """From which rows each row takes its data; storages that have no row of their own hand it on."""

    def __init__(self) -> None:
        self.parents: dict[int, frozenset[int]] = {}
        self._writers: dict[int, frozenset[int]] = {}

    def writers(self, storages: Iterable[int]) -> frozenset[int]:
        """The rows that the storages' contents come from."""
        return frozenset().union(*(self._writers.get(s, frozenset()) for s in storages))

    def follow(self, rows: Iterable[int], reads: Iterable[int], writes: Iterable[int]) -> None:
        """One operator reads storages, has these rows (perhaps none) one behind the other, and writes storages."""
        origin = self.writers(reads)
        for row in rows:
            self.parents[row], origin = origin, frozenset({row})
        for storage in writes:
            self._writers[storage] = origin


def infer(rows: Sequence[Row], flow: Flow, outputs: frozenset[int]) -> list[Role]:
    """The role of every row; ``outputs`` are the rows that the module's outputs come from."""
    parents = {row: _open_parents(rows, row, above) for row, above in flow.parents.items()}
    path = _longest(rows, parents, outputs)
    gated = _reached(flow.parents, outputs) - _reached(parents, outputs)
    head = set(path[_head_start(rows, path) :])
    roles = []
    for i, row in enumerate(rows):
        if i in head:
            roles.append(Role.HEAD)
        elif i in path or row["kind"] == Kind.PARAMETER:
            roles.append(Role.MAIN)
        else:
            roles.append(Role.GATE if i in gated else Role.SHORTCUT)
    return roles


def _area(row: Row) -> int:
    return row.get("h_out", 1) * row.get("w_out", 1)


def _open_parents(rows: Sequence[Row], row: int, above: frozenset[int]) -> list[int]:
    """A row's parents in order, without the gates where it is a product."""
    if rows[row]["kind"] != Kind.MUL or len(above) < 2:
        return sorted(above)
    size = (_area(rows[row]), rows[row]["c_out"])
    full = [p for p in above if (_area(rows[p]), rows[p]["c_out"]) == size] or list(above)
    return sorted([p for p in full if rows[p].get("function") not in SQUASHING] or full)


def _longest(rows: Sequence[Row], parents: Mapping[int, list[int]], outputs: frozenset[int]) -> list[int]:
    """The rows of the chain with the most layers, then the most entropy, in order. Rows stand in execution order."""
    best: dict[int, tuple[int, float]] = {}
    for i in sorted(parents):
        layers, entropy = max((best[p] for p in parents[i]), default=(0, 0.0))
        row = rows[i]
        if row["kind"] in LAYERS:
            fan_in = row["c_in"] // row.get("groups", 1) * row.get("kernel_h", 1) * row.get("kernel_w", 1)
            layers, entropy = layers + 1, entropy + log(max(fan_in, 1))
        best[i] = (layers, entropy)
    path, above = [], sorted(outputs)
    while above:
        path.append(max(above, key=best.__getitem__))
        above = parents[path[-1]]
    return path[::-1]


def _reached(parents: Mapping[int, Collection[int]], outputs: frozenset[int]) -> set[int]:
    """Rows that the outputs depend on."""
    seen, waiting = set(outputs), list(outputs)
    while waiting:
        fresh = [p for p in parents[waiting.pop()] if p not in seen]
        seen.update(fresh)
        waiting += fresh
    return seen


def _head_start(rows: Sequence[Row], path: Sequence[int]) -> int:
    """Position in ``path`` of the head's first row; its length where there is no head."""
    pools = [n for n, i in enumerate(path) if rows[i]["kind"] == Kind.POOL and rows[i].get("function") == GLOBAL]
    layers = [n for n, i in enumerate(path) if rows[i]["kind"] in LAYERS]
    whole = [n for n in layers if _covers_map(rows[path[n]])]
    if pools or whole:
        return min([*pools[-1:], *whole[-1:]])
    if layers and all(_area(rows[path[n]]) == 1 for n in layers):
        return layers[-1]
    start = len(path)
    while start > 0 and _area(rows[path[start - 1]]) == 1:
        start -= 1
    return start


def _covers_map(row: Row) -> bool:
    """Whether a convolution's kernel is as large as its map: a fully connected layer (VGG's first, in timm)."""
    taps = row.get("kernel_h", 1) * row.get("kernel_w", 1)
    return _area(row) == 1 and taps == row.get("h_in", 1) * row.get("w_in", 1) > 1
