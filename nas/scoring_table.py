"""``nas score --space autoformer|pit --table rows.csv``: training-free scores of networks given as rows of a table.

The columns are those of the ViT-Bench files: ``hidden_dim, depth, num_heads, mlp_ratio`` for AutoFormer (lists of one
value per layer in the last two) and ``base_dim, mlp_ratio, depth, num_heads`` for PiT (lists of one value per stage).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import NasError
from search_spaces.errors import SpaceError, unknown_name

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from predictors.training_free import Outcome
    from search_spaces import SearchSpace

IMG_SIZE, PATCH_SIZE, HEAD_DIM, CLASSES = 224, 16, 64, 100
PIT_STRIDE = 8
COLUMNS = {
    "autoformer": ("hidden_dim", "depth", "num_heads", "mlp_ratio"),
    "pit": ("base_dim", "mlp_ratio", "depth", "num_heads"),
}
MOST_ROWS, MOST_BYTES = 100_000, 100_000_000

OnRow = Callable[[int, int], None]


def score_table(
    space: str, table: str | Path, out: str | Path | None = None, names: Sequence[str] | None = None, *,
    seed: int = 0, on_row: OnRow | None = None,
) -> pd.DataFrame:  # fmt: skip
    """The rows of ``table`` with a column ``score`` (the default's, higher is better) and one column per proxy.

    ``names``: proxies beside the default one, each in its own direction (see ``nas proxies``). Written to ``out`` where
    given. A score that could not be computed is NaN. ``on_row`` is told how many rows are done, of how many. Raises
    NasError for an unknown space or proxy, a table that cannot be read, and a row that is no network.
    """
    from predictors.training_free import DEFAULT_PROXIES, get_proxy

    asked = list(dict.fromkeys([*DEFAULT_PROXIES, *(names or ())]))
    for name in asked:
        get_proxy(name)
    rows = read_rows(space, Path(table))
    networks = [_checked(space, row, line) for line, row in enumerate(rows.to_dict("records"), start=2)]
    outcomes = []
    for done, network in enumerate(networks, start=1):
        outcomes.append(network(asked, seed))
        if on_row is not None:
            on_row(done, len(networks))
    values = {n: [float("nan") if o[n].value is None else o[n].value for o in outcomes] for n in asked}
    scored = rows.assign(score=values[DEFAULT_PROXIES[0]], **values)
    if out is not None:
        _write(scored, Path(out))
    return scored


def read_rows(space: str, path: Path) -> pd.DataFrame:
    """The table, every column as it stands. Raises NasError."""
    import pandas as pd

    if space not in COLUMNS:
        raise unknown_name("space of a table", space, COLUMNS)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise NasError(f"{path} has {path.stat().st_size:,} bytes; at most {MOST_BYTES:,} are read")
        rows = pd.read_csv(path)
    except OSError as error:
        raise NasError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise NasError(f"{path} is no CSV table: {str(error).splitlines()[0]}") from None
    missing = [c for c in COLUMNS[space] if c not in rows]
    if missing:
        wanted = ", ".join(COLUMNS[space])
        raise NasError(f"{path} has no column {missing[0]!r}; a table of {space} has {wanted}")
    if not 0 < len(rows) <= MOST_ROWS:
        raise NasError(f"{path} has {len(rows):,} rows; 1 to {MOST_ROWS:,} can be scored")
    return rows


Network = Callable[[Sequence[str], int], "Mapping[str, Outcome]"]


def _checked(space: str, row: Mapping[str, Any], line: int) -> Network:
    try:
        return _autoformer(row) if space == "autoformer" else _pit(row)
    except (SpaceError, ValueError) as error:
        raise NasError(f"line {line} is no network of {space}: {error}") from None


def _autoformer(row: Mapping[str, Any]) -> Network:
    from predictors.training_free import score_architecture

    space = _autoformer_space()
    heads, ratios = _numbers(row["num_heads"]), _numbers(row["mlp_ratio"])
    if len(heads) != _whole(row["depth"]):
        raise ValueError(f"depth is {row['depth']}, but num_heads has {len(heads)} values")
    config = {
        "resolution": IMG_SIZE, "patch_size": PATCH_SIZE, "head_dim": HEAD_DIM,
        "embed_dim": _whole(row["hidden_dim"]), "heads": [_whole(h) for h in heads], "mlp_ratio": ratios,
    }  # fmt: skip
    architecture = space.architecture(config)
    return lambda names, seed: score_architecture(space, None, architecture, names, seed=seed)


@cache
def _autoformer_space() -> SearchSpace:
    from search_spaces import get_space

    return get_space("autoformer", num_classes=CLASSES, relative_position=False)


def _pit(row: Mapping[str, Any]) -> Network:
    import torch

    from predictors.training_free import get_proxy, score
    from predictors.training_free.isolation import seeded

    depth, heads = ([_whole(v) for v in _numbers(row[c])] for c in ("depth", "num_heads"))
    base, ratio = _whole(row["base_dim"]), float(row["mlp_ratio"])
    if not len(depth) == len(heads) == 3:
        raise ValueError(f"depth and num_heads have 3 values each, one per stage; got {depth} and {heads}")
    if min(base, *depth, *heads) < 1 or ratio <= 0:
        raise ValueError("base_dim, depth, num_heads and mlp_ratio must be above 0")
    key = f"pit/{base}/{ratio:g}/{depth}/{heads}"

    def run(names: Sequence[str], seed: int) -> Mapping[str, Outcome]:
        # Proxies that read the operator table need shapes only: on meta no weight is drawn.
        device = "meta" if all(get_proxy(name).cost == "table" for name in names) else "cpu"
        with seeded(seed, key, "weights"), torch.device(device):
            model = pit(base, depth, heads, ratio)
        return score(model, names=names, seed=seed, key=key, input_size=(3, IMG_SIZE, IMG_SIZE))

    return run


def pit(base_dim: int, depth: Sequence[int], heads: Sequence[int], mlp_ratio: float) -> nn.Module:
    """timm's pooling vision transformer (Heo et al., ICCV 2021): patch 16, stride 8, stages base_dim x heads wide."""
    from timm.models.pit import PoolingVisionTransformer

    return PoolingVisionTransformer(
        img_size=IMG_SIZE, patch_size=PATCH_SIZE, stride=PIT_STRIDE, base_dims=[base_dim] * len(depth),
        depth=list(depth), heads=list(heads), mlp_ratio=mlp_ratio, num_classes=CLASSES,
    )  # fmt: skip


def _numbers(text: Any) -> list[float]:
    """``"3,3,4"`` as numbers. Raises ValueError."""
    return [float(part) for part in str(text).split(",")]


def _whole(value: Any) -> int:
    number = float(value)
    if not number.is_integer():
        raise ValueError(f"{value!r} must be a whole number")
    return int(number)


def _write(scored: pd.DataFrame, path: Path) -> None:
    try:
        scored.to_csv(path, index=False, lineterminator="\n")
    except OSError as error:
        raise NasError(f"{path} cannot be written: {error.strerror}") from None
