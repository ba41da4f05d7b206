"""What a budget means in a space, said before the search begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas.cli.output import big, console, quantity, table
from nas.devices import device_quantity

if TYPE_CHECKING:
    from nas.engine.survey import QuantityFacts, Survey

LABELS = {"macs": "MACs", "params": "parameters", "activations": "activations", "memory": "peak memory"}


def announce(facts: Survey, stderr: bool = False) -> None:
    """Print the survey; nothing where the budget cannot be met, since the error line that follows says it all."""
    if not facts.satisfiable:
        return
    out = console(stderr)
    rules = f" ({big(facts.total)} combinations before its rules)" if facts.total != facts.size else ""
    out.print(f"{facts.space}: {big(facts.size)} architectures{rules}")
    columns = ("per image", "smallest", "typical", "largest", "your budget")
    out.print(table(columns, [_row(q) for q in facts.quantities], left=("your budget",)))
    out.print(_verdict(facts))


def _row(q: QuantityFacts) -> list[str]:
    values = [quantity(q.name, v) for v in (q.smallest, q.typical, q.largest)]
    device = device_quantity(q.name)
    label = device.label if device else LABELS.get(q.name, q.name)
    return [label, *values, _allowed(q)]


def _allowed(q: QuantityFacts) -> str:
    if q.low is None and q.high is None:
        return "any"
    if q.high is None:
        return f"at least {quantity(q.name, q.low)}"
    upper = quantity(q.name, q.high)
    return f"{quantity(q.name, q.low)} to {upper}" if q.low else f"at most {upper}"


def _verdict(facts: Survey) -> str:
    if all(q.low is None and q.high is None for q in facts.quantities):
        return "No budget: the whole space is searched."
    share = facts.within / max(facts.size, 1)
    part = f"{share:.0%}" if share >= 0.01 else f"{share:.2g} of them"
    return f"Satisfiable: yes. About {big(facts.within)} architectures lie within the budget ({part})."
