"""The released structure lists and the authors' own counting (reference sections 2.6 and 2.7).

A list holds one object per super-block: ``{"class", "in", "out", "k", "s", "btn", "L"}``; the stem (and the 1x1 head
of the depthwise families) is a ``ConvKXBNRELU`` without ``btn`` and ``L``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from search_spaces.convnet.grammar import check, fail, whole
from search_spaces.errors import SpaceError
from search_spaces.operators import Kind, OperatorTable, Role

CONV = "ConvKXBNRELU"
CLASSES = {
    "SuperResK1KXK1": "resnet", "SuperResKXKX": "basic", "SuperResK1DWK1": "mobilenet",
    "SuperResK1DWSEK1": "mobilenet_se",
}  # fmt: skip
FIELDS = {"in": "in", "out": "out", "k": "kernel", "s": "stride"}
STAGE_FIELDS = {**FIELDS, "btn": "bottleneck", "L": "depth"}


def _row(where: str, row: Any, fields: Mapping[str, str]) -> dict[str, Any]:
    if not isinstance(row, Mapping) or set(row) != {"class", *fields}:
        raise fail(where, f"an object with the keys class, {', '.join(fields)}", row)
    return {name: row[field] for field, name in fields.items()}


def _kind(where: str, row: Any) -> str:
    """The family of a super-block, or ``conv``."""
    name = row.get("class") if isinstance(row, Mapping) else None
    if name != CONV and (not isinstance(name, str) or name not in CLASSES):
        raise fail(f"{where}.class", f"one of {', '.join((CONV, *CLASSES))}", name if isinstance(row, Mapping) else row)
    return "conv" if name == CONV else CLASSES[name]


def read(raw: Any, resolution: int | None = None) -> dict[str, Any]:
    """The structure (see ``grammar``) of a released list; ``resolution`` defaults to 224. Raises SpaceError."""
    if not isinstance(raw, (list, tuple)) or len(raw) < 2:
        raise fail("a released structure", "a list of a stem and at least one super-block", raw)
    kinds = [_kind(f"structure[{i}]", row) for i, row in enumerate(raw)]
    last = len(raw) - 1 if kinds[-1] == "conv" else len(raw)
    families = set(kinds[1:last])
    if kinds[0] != "conv" or len(families) != 1 or "conv" in families:
        raise SpaceError(
            f"convnet: a released structure is a stem, super-blocks of one class and at most one 1x1 head, got "
            f"{', '.join(kinds)[:80]}"
        )
    stem = _row("structure[0]", raw[0], FIELDS)
    whole("structure[0].in", stem.pop("in"), 1, 4096)
    stages = [_row(f"structure[{i}]", raw[i], STAGE_FIELDS) for i in range(1, last)]
    head = _row(f"structure[{last}]", raw[last], FIELDS) if last < len(raw) else None
    config = {"family": families.pop(), "stem": stem, "stages": stages, "head": head}
    return check({**config, "resolution": 224 if resolution is None else resolution})


def paper_flops(table: OperatorTable) -> int:
    """FLOPs as the released code counts them, to check published figures with (reference section 2.7).

    MACs + 2 per output element of a BN + 1 per element of a ReLU (one behind a projection too) + 1 per input element
    of a shortcut's pool. Neither squeeze-excitation nor the classifier counts. Equal to the released number where the
    strides divide the resolution: the released code divides on in fractions, where real maps are rounded up.
    """
    c = table.columns
    counted = ~np.isin(c["role"], (Role.GATE, Role.HEAD))
    read_, written = c["c_in"] * c["h_in"] * c["w_in"], c["c_out"] * c["h_out"] * c["w_out"]
    beside = c["role"] == Role.SHORTCUT
    elements = np.select(
        [c["kind"] == Kind.BATCH_NORM, c["kind"] == Kind.ACTIVATION, (c["kind"] == Kind.POOL) & beside],
        [np.where(beside, 3, 2) * written, written, read_], 0,
    )  # fmt: skip
    return int((table.row_macs + elements)[counted].sum())


def paper_params(table: OperatorTable) -> int:
    """Parameters without the classifier, as the released budgets bound them."""
    return int(table["params"][table["role"] != Role.HEAD].sum())
