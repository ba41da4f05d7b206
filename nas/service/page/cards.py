"""One architecture of a run, drawn and priced, from the document that the store keeps of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from nas.report.data import ArchitectureCard, DeviceView, OperatorBar, StageRow
from nas.report.drawing import architecture_svg, family
from nas.report.formatting import is_number, percent
from nas.report.waterline import waterline_svg

DOWNLOADS = (
    ("model.json", "Model JSON", "the architecture: what nas.create_model reads"),
    ("model.onnx", "ONNX", "one file for any runtime"),
    ("weights.safetensors", "Weights", "as trained, or freshly initialised where nothing was"),
)
LATENCY_BAR = 100.0
"""Length of the bar of the slowest device."""


@dataclass(frozen=True)
class Latency:
    """What one device is predicted to take; ``start``, ``end`` and ``reach`` are its bar, of ``LATENCY_BAR``."""

    device: str
    title: str
    ms: float
    low: float | None
    high: float | None
    reach: float
    start: float
    end: float
    notes: Sequence[str]


@dataclass(frozen=True)
class Card:
    """``document`` as the store keeps it; everything else is made from it."""

    document: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What kind of network it is, in a few words."""
        return str(self.document.get("name") or self.document.get("space") or "")

    @property
    def stages(self) -> list[StageRow]:
        """Its stages, input first."""
        return [_stage(s) for s in self.document.get("stages", ())]

    @property
    def drawing(self) -> Markup:
        """The stages as an inline SVG; empty without any."""
        index, identity = int(self.document.get("index", 0)), str(self.document.get("id", ""))
        return architecture_svg(ArchitectureCard(index, identity, self.name, self.stages))

    @property
    def families(self) -> dict[str, list[str]]:
        """Kinds of stages by colour, for the legend."""
        found: dict[str, dict[str, None]] = {}
        for stage in self.stages:
            found.setdefault(family(stage.kind), {})[stage.kind] = None
        return {name: list(kinds) for name, kinds in found.items()}

    @property
    def spent(self) -> dict[str, float]:
        """MACs and parameters of all stages together; never 0, so that shares can be taken."""
        return {"macs": sum(s.macs for s in self.stages) or 1, "params": sum(s.params for s in self.stages) or 1}

    @property
    def latencies(self) -> list[Latency]:
        """Predicted latency per device, fastest first."""
        rows = [r for r in self.document.get("latency", ()) if is_number(r.get("ms"))]
        longest = max((max(r["ms"], r.get("high") or 0.0) for r in rows), default=1.0) or 1.0
        return [_latency(r, LATENCY_BAR / longest) for r in sorted(rows, key=lambda r: r["ms"])]

    @property
    def gaps(self) -> list[tuple[DeviceView, Markup]]:
        """Where the time goes on the devices of the run, with the picture of each."""
        views = [_view(d) for d in self.document.get("devices", ())]
        return [(view, waterline_svg(view)) for view in views]

    @property
    def code(self) -> str:
        """How to build it in Python."""
        return str(self.document.get("code", "")).strip()


def _stage(stage: Mapping[str, Any]) -> StageRow:
    size = stage.get("resolution")
    return StageRow(
        str(stage.get("name", "")), str(stage.get("kind", "")), int(stage.get("depth", 1)), int(stage.get("width", 0)),
        (int(size[0]), int(size[1])) if size else None, float(stage.get("macs", 0)), float(stage.get("params", 0)),
        str(stage.get("detail", "")),
    )  # fmt: skip


def _latency(row: Mapping[str, Any], scale: float) -> Latency:
    ms, low, high = float(row["ms"]), row.get("low"), row.get("high")
    start, end = (float(end) if end is not None and is_number(end) else ms for end in (low, high))
    notes = [str(note) for note in row.get("notes", ())]
    title = str(row.get("title") or row.get("device", ""))
    return Latency(str(row.get("device", "")), title, ms, low, high, ms * scale, start * scale, end * scale, notes)


def _view(view: Mapping[str, Any]) -> DeviceView:
    bars = [OperatorBar(**bar) for bar in view.get("bars", ())]
    kinds = [(str(kind), float(amount)) for kind, amount in view.get("kinds", ())]
    return DeviceView(
        view["label"], view["unit"], view["total"], view["low"], view["high"], bars, kinds, view.get("notes", ())
    )


def kinds_text(view: DeviceView) -> str:
    """Which kinds of operators take the time, dearest first."""
    return ", ".join(f"{kind} {percent(amount / view.total)}" for kind, amount in view.kinds) if view.total else ""
