"""The fields of a form, read off the request's own model: nothing about a field is said twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel

from nas.service.page.choices import choices, usual

Shape = Literal["text", "whole", "number", "tick", "list", "pairs", "choice", "several", "lines"]

FIRST: Mapping[str, tuple[str, ...]] = {
    "search": ("space", "budget", "objectives", "candidates"),
    "design": ("family", "budget", "time_s"),
    "scale": ("budget", "evaluations"),
    "stitch": ("anchors", "data", "epochs"),
    "train": ("space", "architecture", "data", "epochs"),
    "profile": ("out", "device", "minutes"),
}
"""What a form asks at once; the rest waits behind one click."""
LABELS = {
    "candidates": "Architectures to price", "promote": "Survivors to judge", "time_s": "Time limit in seconds",
    "lr": "Learning rate", "out": "Name of the profile", "img_size": "Image size in pixels", "name": "Name",
    "start": "Adapt the profile of", "table": "Measurements as CSV", "epochs": "Epochs", "objectives": "Optimise for",
    "proxies": "Judges", "options": "Options of the space", "supernet": "Trained supernet",
    "peak_macs": "Peak MACs per second", "bandwidth": "Bytes per second", "overhead": "Seconds to launch an operator",
    "two_way": "Both directions",
}  # fmt: skip
HELP = {
    ("search", "space"): "The family of architectures to look in.",
    (
        "search",
        "budget",
    ): "Limits, separated by commas: 600MFLOPs, 6Mparams, 20ms@pixel6, 400..600MFLOPs.",
    ("search", "objectives"): "What the front trades off: two or three goals make one that can be read.",
    ("search", "candidates"): "200,000 take a minute or two; more find a little more.",
    ("search", "options"): "For example num_classes=10, img_size=224.",
    (
        "search",
        "supernet",
    ): "The id of a finished training of a whole space, whose weights then judge.",
    (
        "search",
        "proxies",
    ): "Training-free scores, separated by commas; empty for the default, none for none.",
    ("train", "space"): "Trains every architecture of it at once, as a supernet. Leave it empty to train one network.",
    ("train", "architecture"): "One network: SPACE:NAME, or the id of a job with a front.",
    ("stitch", "anchors"): "Names of timm models, separated by commas, from the smallest to the largest.",
}
HIDDEN = frozenset({"kind", "grid"})
"""Not asked: the kind is chosen above the form; a grid is a document, for the API."""


@dataclass(frozen=True)
class Field:
    """One field. An empty one means ``default``, or the ``usual`` of its ``choices``, which are (value, label)."""

    name: str
    label: str
    help: str
    shape: Shape
    default: Any = None
    required: bool = False
    example: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[tuple[str, str], ...] = field(default=())
    usual: tuple[str, ...] = ()

    @property
    def placeholder(self) -> str:
        """What an empty field shows: its default, or an example."""
        if self.shape in ("whole", "number") and self.default is not None:
            return f"{self.default:g}" if isinstance(self.default, float) else f"{self.default}"
        return f"for example {self.example}" if self.example else ""


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def fields(kind: str, model: type[BaseModel]) -> tuple[Field, ...]:
    """The form of a kind, in the order of its model."""
    schema = _schema(model)
    needed = set(schema.get("required", ()))
    return tuple(
        _field(kind, name, found, name in needed)
        for name, found in schema["properties"].items() if name not in HIDDEN
    )  # fmt: skip


def first(kind: str, found: tuple[Field, ...]) -> tuple[list[Field], list[Field]]:
    """(what a form asks at once, in its order; the rest)."""
    by_name = {one.name: one for one in found}
    shown = [by_name[name] for name in FIRST.get(kind, ()) if name in by_name]
    shown += [one for one in found if one.required and one not in shown]
    return shown, [one for one in found if one not in shown]


def _field(kind: str, name: str, schema: Mapping[str, Any], required: bool) -> Field:
    parts = [p for p in schema.get("anyOf", [schema]) if p.get("type") != "null"]
    main = parts[0] if parts else {}
    given = choices(kind, name) or tuple((str(v), str(v)) for v in main.get("enum", ()))
    if "const" in main:
        given = ((str(main["const"]), str(main["const"])),)
    examples = schema.get("examples") or [None]
    return Field(
        name, LABELS.get(name, name.replace("_", " ").capitalize()),
        HELP.get((kind, name), schema.get("description", "")), _shape(name, main, bool(given)), schema.get("default"),
        required, str(examples[0] or ""), main.get("minimum"), main.get("maximum"), given,
        usual(kind, name),
    )  # fmt: skip


def _shape(name: str, schema: Mapping[str, Any], chosen: bool) -> Shape:
    kind = schema.get("type")
    if kind == "array":
        return "several" if chosen else "list"
    if chosen:
        return "choice"
    if name == "table":
        return "lines"
    shapes: dict[Any, Shape] = {"boolean": "tick", "integer": "whole", "number": "number", "object": "pairs"}
    return shapes.get(kind, "text")
