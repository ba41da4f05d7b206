"""Whether a budget can be met, found out fast enough for a web server: answers are kept, and devices left to runners.

With limits on devices the proof that they conflict with others takes up to a minute. Here they are only read (the
device is known, it has that measure); where they cannot be met, the job fails, in the words of ``nas search``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from nas.devices import device_quantity
from nas.objectives import DEFAULT_OBJECTIVES

if TYPE_CHECKING:
    from nas.engine.spec import SearchSpec
    from nas.errors import BudgetInfeasible

KEPT = 512


def check_feasible(spec: SearchSpec) -> None:
    """Raises NasError for wrong names and options, BudgetInfeasible for a budget that cannot be met."""
    refused = _verdict(_Question(spec))
    if refused is not None:
        raise refused


class _Question:
    """A specification that equals any other that asks the same of the same space."""

    def __init__(self, spec: SearchSpec) -> None:
        self.spec = spec
        options = sorted(spec.space_options.items(), key=str)
        self._key = (spec.space, str(options), spec.budgets, spec.objectives, spec.proxies, str(spec.devices))

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Question) and other._key == self._key


@lru_cache(maxsize=KEPT)
def _verdict(question: _Question) -> BudgetInfeasible | None:
    from dataclasses import replace

    from nas.api import look

    spec = question.spec
    texts = [
        t for t, limit in zip(spec.budgets, spec.budget.limits, strict=True) if not device_quantity(limit.quantity)
    ]
    plain = replace(spec, budgets=tuple(texts), devices={}, objectives=_of_table(spec) or DEFAULT_OBJECTIVES)
    return look(plain).refusal()


def _of_table(spec: SearchSpec) -> tuple[str, ...]:
    """Its objectives but for devices', which price slowly and change nothing here."""
    return tuple(o.name for o in spec.objective_list if not device_quantity(o.name))
