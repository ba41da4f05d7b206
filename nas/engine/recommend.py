"""One architecture out of a front, and how much its recommendation is worth.

Every judge (the capacity of the operator table, and each proxy) ranks the front; the lowest mean rank wins. How sure
that is, is measured: how many judges agree, and whether the winner survives leaving any one of them out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True)
class Choice:
    """``index`` is a row of the front; ``second`` the runner-up (None for a front of one)."""

    index: int
    second: int | None
    reasons: tuple[str, ...]
    confidence: str


def recommend(front: pd.DataFrame, judges: dict[str, str]) -> Choice:
    """``front``: rows within the budget; ``judges``: column -> 'max' or 'min'. NaN is ranked last."""
    usable = {name: way for name, way in judges.items() if name in front and front[name].notna().any()}
    if not usable:
        return Choice(0, 1 if len(front) > 1 else None, ("first row of the front: no judge gave a value",), "a guess")
    table = np.stack([_ranks(front[name], way) for name, way in usable.items()], axis=1)
    order = np.lexsort((np.arange(len(front)), table.mean(axis=1)))
    best = int(order[0])
    second = int(order[1]) if len(order) > 1 else None
    return Choice(best, second, _reasons(best, table, list(usable), len(front)), _confidence(best, table))


def _ranks(column: pd.Series, way: str) -> NDArray[np.float64]:
    """1 is the best; ties share the mean rank."""
    return column.rank(ascending=way == "min", na_option="bottom").to_numpy(dtype=float)


def _reasons(best: int, table: NDArray[np.float64], names: list[str], size: int) -> tuple[str, ...]:
    places = [f"{name} ranks it {place:g} of {size}" for name, place in zip(names, table[best], strict=True)]
    return ("best mean rank over " + ", ".join(names), "; ".join(places))


def _confidence(best: int, table: NDArray[np.float64]) -> str:
    judges = table.shape[1]
    if len(table) == 1:
        return "it is the only architecture of the front"
    firsts = int((table[best] <= 1).sum())
    text = f"{firsts} of {judges} judges put it first"
    if judges < 2:
        return text + "; with a single judge nothing can confirm it"
    kept = sum(int(np.argmin(np.delete(table, j, axis=1).mean(axis=1)) == best) for j in range(judges))
    agreement = _concordance(table)
    strength = "agree" if kept == judges and agreement > 0.8 else "mostly agree" if kept > judges / 2 else "disagree"
    return (
        f"the judges {strength}: {text}, it stays first in {kept} of {judges} cases when one judge is left out, and "
        f"their concordance over the front (Kendall's W) is {agreement:.2f}. Agreement is not accuracy: nothing was "
        "trained, and each score is worth what its evidence says"
    )


def _concordance(table: NDArray[np.float64]) -> float:
    """Kendall's W of the rankings: 1 is full agreement, 0 none."""
    n, m = table.shape
    totals = table.sum(axis=1)
    spread = ((totals - totals.mean()) ** 2).sum()
    return float(12 * spread / (m**2 * (n**3 - n)))
