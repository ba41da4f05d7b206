"""What a report shows of an architecture on the devices of its run."""

from __future__ import annotations

from nas.engine.spec import SearchSpec
from nas.report import DeviceView, OperatorBar
from predictors.latency.gap import Explanation, Operator, explain
from search_spaces import OperatorTable


def device_views(spec: SearchSpec, table: OperatorTable) -> tuple[DeviceView, ...]:
    """One view per device whose latency the run limits or minimises; ``table`` holds one architecture."""
    wanted = [q for q in spec.device_quantities.values() if q.measure == "latency"]
    return tuple(_view(q.label, explain(spec.profiles[q.device], table)) for q in wanted)


def _view(label: str, found: Explanation) -> DeviceView:
    notes = [f"Peak: {found.peak / 1e9:.4g} GMAC/s, {found.peak_source}", *found.warnings]
    kinds = [(share.name, share.ms) for share in found.by("kind")]
    bars = [OperatorBar(o.stage, o.kind, o.ms, o.ideal_ms, _title(o)) for o in found.operators]
    return DeviceView(label, "ms", found.ms, found.low, found.high, bars, kinds, notes)


def _title(operator: Operator) -> str:
    known = "" if operator.measured else ", outside of what was measured"
    return f"{operator.stage}: {operator.kind}, {operator.ms:.3g} ms, efficiency {operator.efficiency:.0%}{known}"
