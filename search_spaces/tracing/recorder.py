"""The dispatch mode that turns a forward pass on the ``meta`` device into rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from search_spaces.operators import COLUMNS, Kind, OperatorTable
from search_spaces.tracing.liveness import Liveness
from search_spaces.tracing.roles import Flow, infer
from search_spaces.tracing.rules import NORM_RULES, OTHER_RULES, PRODUCT_RULES, Call, Row
from search_spaces.tracing.shapes import outcome

RULES = PRODUCT_RULES | NORM_RULES | OTHER_RULES
COPIES = frozenset({"clone", "_to_copy", "copy", "contiguous", "mul", "div", "add", "sub", "neg", "roll"})
"""Without a row of their own, these move or scale data: runtimes fold them, so they take no memory."""


def _key(tensor: Tensor) -> int:
    """Identity of a storage, which views share."""
    return int(tensor.untyped_storage()._cdata)


class Recorder(TorchDispatchMode):
    """Follows, storage by storage, what depends on the inputs and which parameters everything else comes from."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing here is compiled; the default would import torch._dynamo, which takes seconds."""
        return False

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.children = [name for name, _ in module.named_children()]
        self.root = type(module).__name__
        self.rows: list[Row] = []
        self.names: list[str] = []
        self.live = Liveness()
        self.flow = Flow()
        self._path = [""]
        self._keep: list[Tensor] = []  # storages must not be freed, or their identities would be used again
        self._data: set[int] = set()
        self._sources: dict[int, frozenset[str]] = {}
        self._product: dict[int, int] = {}  # storage -> the product row that wrote it
        self._numel = {name: p.numel() for name, p in module.named_parameters()}
        self._unowned = dict.fromkeys(self._numel)
        for name, parameter in module.named_parameters():
            self._keep.append(parameter)
            self._sources[_key(parameter)] = frozenset({name})
        for name, part in module.named_modules():
            part.register_forward_pre_hook(self._enter(name))
            part.register_forward_hook(self._leave, always_call=True)

    def _enter(self, name: str) -> Any:
        def hook(_module: nn.Module, args: Any) -> None:
            if len(self._path) == 1:
                self._start([a for a in tree_leaves(args) if isinstance(a, Tensor)])
            self._path.append(name)

        return hook

    def _leave(self, *_: Any) -> None:
        self._path.pop()

    def _start(self, inputs: list[Tensor]) -> None:
        for x in inputs:
            self._keep.append(x)
            self._data.add(_key(x))
            self.live.born(_key(x), x.numel(), 0)

    # ---- one operator ------------------------------------------------------------------------------------------

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator and write down its rows."""
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        name = name[:-1] if name.endswith("_") and not name.endswith("__") else name
        if name not in RULES:
            with self:
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        out = outcome(func, name, args)
        if out is None:
            out = func(*args, **kwargs)
        inputs = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        outputs = [t for t in tree_leaves(out) if isinstance(t, Tensor)]
        if outputs:
            self._record(Call(name, args, out, lambda t: _key(t) in self._data), inputs, outputs)
        return out

    def _record(self, call: Call, inputs: list[Tensor], outputs: list[Tensor]) -> None:
        keys = [_key(t) for t in inputs]
        depends = any(k in self._data for k in keys)
        sources = frozenset().union(*(self._sources.get(k, frozenset()) for k in keys))
        first = len(self.rows)
        if call.name in PRODUCT_RULES or (depends and call.name in NORM_RULES):
            self._append(RULES[call.name](call), sources)
        elif depends and not self._folded_bias(call, sources):
            self._parameter_rows(sources)
            self._append(RULES[call.name](call) if call.name in RULES else [], frozenset())
        self._follow(call, keys, outputs, depends, sources, first)

    def _follow(
        self, call: Call, keys: list[int], outputs: list[Tensor], depends: bool, sources: frozenset[str], first: int
    ) -> None:
        """Hand provenance and lifetimes on to the outputs."""
        wrote = len(self.rows) > first
        row = len(self.rows) - 1 if wrote else len(self.rows)
        data = [k for k in keys if k in self._data]
        for k in data:
            self.live.used(k, row)
        for out in outputs:
            self._keep.append(out)
            key = _key(out)
            if depends and key not in self._data:
                moved = not wrote and call.name in COPIES and data
                self.live.alias(key, data[0]) if moved else self.live.born(key, out.numel(), row)
                self._data.add(key)
            elif not depends and key not in keys:
                self._sources[key] = sources
            if key not in keys:
                self._product.pop(key, None)
            if wrote and call.name in PRODUCT_RULES:
                self._product[key] = row
        mine = [i for i in range(first, len(self.rows)) if self.rows[i]["kind"] != Kind.PARAMETER]
        self.flow.follow(mine, data, [_key(o) for o in outputs])
        if wrote:
            self.live.wrote(first, row, data, [_key(o) for o in outputs[:1]])

    # ---- rows --------------------------------------------------------------------------------------------------

    def _append(self, rows: list[Row], sources: frozenset[str]) -> None:
        for i, row in enumerate(rows):
            row["params"] = self._own(sources) if i == 0 else 0
            self._add(row, self._path[-1])

    def _add(self, row: Row, name: str) -> None:
        head = name.partition(".")[0]
        stage = self.children.index(head) if head in self.children else len(self.children)
        self.rows.append({"stage": stage, **row})
        self.names.append(name or self.root)

    def _own(self, sources: frozenset[str]) -> int:
        """Number of the parameters among ``sources`` that no row has owned yet; they are owned from now on."""
        mine = [name for name in sources if name in self._unowned]
        for name in mine:
            del self._unowned[name]
        return sum(self._numel[name] for name in mine)

    def _parameter_rows(self, sources: frozenset[str]) -> None:
        for name in [n for n in self._unowned if n in sources]:
            self._add({"kind": int(Kind.PARAMETER), "params": self._own(frozenset({name}))}, name)

    def _folded_bias(self, call: Call, sources: frozenset[str]) -> bool:
        """Whether this adds a bias vector to a product, as ``nn.Linear`` may: it then belongs to the product's row."""
        if call.name != "add" or len(call.args) < 2 or not isinstance(call.args[1], Tensor) or not sources:
            return False
        x, bias = call.args[0], call.args[1]
        row = self._product.get(_key(x)) if isinstance(x, Tensor) else None
        if row is None or bias.dim() != 1 or len(bias) != self.rows[row]["c_out"] or _key(bias) in self._data:
            return False
        self.rows[row]["params"] += self._own(sources)
        return True

    def table(self, output: Any) -> OperatorTable:
        """The finished table; ``output`` is what the module returned."""
        self._parameter_rows(frozenset(self._unowned))
        rows = self.rows
        results = [_key(t) for t in tree_leaves(output) if isinstance(t, Tensor)]
        for key in results:
            self.live.used(key, len(rows))
        roles = infer(rows, self.flow, self.flow.writers(results))
        for row, held, role in zip(rows, self.live.held(rows), roles, strict=True):
            row["held"], row["role"] = held, int(role)
        defaults: Row = dict.fromkeys(COLUMNS, 1) | {"arch": 0, "role": 0, "function": 0, "params": 0, "held": 0}
        columns = {c: np.array([row.get(c, defaults[c]) for row in rows], dtype=np.int64) for c in COLUMNS}
        outside = any(row["stage"] == len(self.children) for row in rows)
        stages = (*self.children, self.root) if outside or not self.children else tuple(self.children)
        return OperatorTable(columns, 1, stages, tuple(self.names))
