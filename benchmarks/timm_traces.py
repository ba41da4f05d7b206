"""Operator tables of timm's models, traced without weights and kept in a folder outside the project."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import search_spaces.tracing
from search_spaces.errors import NasError
from search_spaces.operators import COLUMNS, OperatorTable

CACHE = Path("/tmp/timm_traces")


def traced(rows: pd.DataFrame, cache: Path) -> tuple[pd.DataFrame, OperatorTable]:
    """The rows that could be traced, and their tables as one batch; says how many could not."""
    folder = cache / _trace_version()
    folder.mkdir(parents=True, exist_ok=True)
    start, fresh, failed = time.perf_counter(), 0, []
    tables: dict[int, OperatorTable] = {}
    for i, (arch, size) in enumerate(zip(rows.arch, rows.img_size, strict=True)):
        path = folder / f"{arch}@{size}.npz"
        if not path.exists():
            try:
                _save(path, trace_model(arch, size))
                fresh += 1
            except NasError as error:
                failed.append(f"{arch} at {size}: {error}")
                continue
        tables[i] = _load(path)
    if fresh:
        print(f"traced {fresh} models in {time.perf_counter() - start:.0f} s; kept in {folder}")
    for line in failed:
        print(f"not traced: {line}")
    return rows.iloc[list(tables)].reset_index(drop=True), _batched(tables.values())


def _trace_version() -> str:
    """Changes with whatever changes a trace."""
    code = b"".join(p.read_bytes() for p in sorted(Path(search_spaces.tracing.__file__).parent.glob("*.py")))
    return hashlib.sha256(code + f"{version('timm')}{version('torch')}".encode()).hexdigest()[:10]


def trace_model(arch: str, size: int) -> OperatorTable:
    """timm's model at an image size, without weights. Raises NasError."""
    import timm
    import torch

    if not timm.is_model(arch):
        raise NasError("timm has no such model")
    own = timm.get_pretrained_cfg(arch, allow_unregistered=False)
    tries: list[dict[str, Any]] = [{}] if own and own.input_size[-1] == size else [{"img_size": size}, {}]
    for options in tries:
        try:
            with torch.device("meta"):
                model = timm.create_model(arch, **options)
            return search_spaces.tracing.trace(model, input_size=(3, size, size))
        except (NasError, TypeError, RuntimeError, NotImplementedError, AssertionError) as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0][:120]
    raise NasError(reason)


def _save(path: Path, table: OperatorTable) -> None:
    np.savez_compressed(path, allow_pickle=False, **{name: table[name] for name in COLUMNS})


def _load(path: Path) -> OperatorTable:
    with np.load(path, allow_pickle=False) as data:
        columns = {name: data[name] for name in COLUMNS}
    return OperatorTable(columns, 1, tuple(f"stage {i}" for i in range(int(columns["stage"].max()) + 1)))


def _batched(tables: Iterable[OperatorTable]) -> OperatorTable:
    """Many tables of one architecture each as one table."""
    parts = list(tables)
    columns = {name: np.concatenate([t[name] for t in parts]) for name in COLUMNS}
    columns["arch"] = np.repeat(np.arange(len(parts)), [len(t) for t in parts])
    return OperatorTable(columns, len(parts), max((t.stages for t in parts), key=len))
