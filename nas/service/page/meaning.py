"""What a budget means in a space, before anything is searched: sizes, and where the limits lie."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from nas.objectives import table_objective
from nas.report.formatting import short
from nas.service.requests import Places, Request, SearchRequest

if TYPE_CHECKING:
    from nas.engine.survey import QuantityFacts

_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Bar:
    """One quantity on a logarithmic scale from 0 (smallest) to 100 (largest)."""

    label: str
    smallest: str
    typical: str
    largest: str
    start: float
    end: float
    middle: float


@dataclass(frozen=True)
class Meaning:
    """``within`` of ``size`` architectures fit."""

    size: str
    within: str
    bars: tuple[Bar, ...]


def survey(request: Request, places: Places | None = None) -> Meaning | None:
    """Check a request as submitting it would, and say what a search's budget means. Raises NasError."""
    # Only what the answer depends on: a changed seed or number of candidates asks nothing again.
    if not isinstance(request, SearchRequest) or request.supernet is not None:
        request.check(places)
        return None
    same = request.model_copy(update={"seed": 0, "candidates": 1, "name": None, "promote": 1})
    return _survey(same.model_dump_json())


@lru_cache(maxsize=256)
def _survey(document: str) -> Meaning:
    from nas.api import look

    request = SearchRequest.model_validate_json(document)
    facts = look(request.spec())
    if not facts.satisfiable:
        request.check()  # which says why, and what would be the nearest
    bars = tuple(_bar(q) for q in facts.quantities)
    return Meaning(_number(facts.size), _number(facts.within), bars)


def _number(value: float) -> str:
    if value < 1e6:
        return f"{value:,.0f}"
    digits, _, power = f"{value:.3e}".partition("e+")
    return f"{float(digits):.3g} × 10{str(int(power)).translate(_RAISED)}"


def _bar(facts: QuantityFacts) -> Bar:
    known = table_objective(facts.name)
    unit = {"memory": "B"}.get(facts.name, "")
    scale, written = (known.scale, known.unit) if known and "@" in facts.name else (1.0, "")

    def text(value: float) -> str:
        return f"{value / scale:.3g} {written}" if written else short(value, unit)

    low, high = facts.low or facts.smallest, facts.high if facts.high is not None else facts.largest
    start, end = _place(max(low, facts.smallest), facts), _place(min(high, facts.largest), facts)
    label = known.label if known else facts.name
    return Bar(
        label, text(facts.smallest), text(facts.typical), text(facts.largest), start, end, _place(facts.typical, facts)
    )


def _place(value: float, facts: QuantityFacts) -> float:
    if facts.smallest <= 0 or facts.largest <= facts.smallest or value <= 0:
        return 0.0
    share = math.log(value / facts.smallest) / math.log(facts.largest / facts.smallest)
    return round(100 * min(1.0, max(0.0, share)), 2)
