"""From the options of a command to the request of the same kind: the names differ, the meaning does not.

Options that were left at their default are left to the service. What only makes sense on the machine where the
command is typed is refused, by its name.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nas.cli.options import seconds, space_options
from nas.errors import NasError

HERE = ("out", "json", "name", "context")
"""Options that say what happens on this machine; a name, and a profile's, are sent as well. And Typer's context."""
SPACE = ("num_classes", "img_size", "in_chans", "family", "option")
KINDS = {
    "search": "search", "design deepmad": "design", "scale": "scale", "stitch": "stitch", "train": "train",
    "profile": "profile",
}  # fmt: skip
RENAMED = {"objective": "objectives", "proxy": "proxies", "time": "time_s", "arch": "architecture"}
IMPLIED = ("roofline",)
"""Options that only say which others follow."""


def request(kind: str, command: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the request. Raises NasError for an option that a service does not take."""
    from nas.service.requests import KINDS as MODELS

    known = MODELS[kind].model_fields
    given = {name: value for name, value in options.items() if _said(command, name, value)}
    space = {name: given.pop(name) for name in SPACE if name in given and name not in known}
    fields: dict[str, Any] = {"options": _space_options(space)} if space else {}
    for name, value in given.items():
        field = RENAMED.get(name, name)
        if field in known:
            fields |= _fields(field, value)
        elif name == "freeze_anchors":
            fields["anchor_lr"] = 0.0
        elif name not in (*HERE, *IMPLIED):
            raise NasError(f"--{name.replace('_', '-')} is not for a service: it decides that, or has no such choice")
    return fields


def _said(command: Callable[..., Any], name: str, value: Any) -> bool:
    """Whether an option is there and not at its default."""
    default = inspect.signature(command).parameters[name].default
    return value != (None if default is inspect.Parameter.empty else default)


def _space_options(given: Mapping[str, Any]) -> dict[str, Any]:
    classes, size, channels, family = (given.get(name) for name in SPACE[:4])
    return space_options(classes, size, channels, family, given.get("option"))


def _fields(field: str, value: Any) -> dict[str, Any]:
    """One option as fields: lists that are typed with commas, files by what they hold, times in seconds."""
    if field == "architecture":
        return _architecture(value)
    if field == "time_s":
        return {field: seconds(value)}
    if field == "proxies":
        return {field: [] if value == ["none"] else value}
    if field in ("anchors", "anchor_weights"):
        return {field: value.split(",")}
    if field == "strides":
        return {field: [int(part) if part.strip().isdecimal() else part for part in value.split(",")]}
    if field == "grid":
        return {field: _document(Path(value))}
    if field == "table":
        return {field: _text(Path(value))}
    return {field: str(value) if isinstance(value, Path) else value}


def _architecture(arch: str) -> dict[str, Any]:
    """``ARCH``: SPACE:NAME and a job's id as they are, ID#INDEX in two, a file of this machine by what it holds."""
    name, row, index = arch.partition("#")
    if row and index.isdecimal():
        return {"architecture": name, "index": int(index)}
    return {"architecture": _document(Path(arch)) if arch.endswith(".json") else arch}


def _document(path: Path) -> Any:
    try:
        return json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise NasError(f"{path} is not JSON: {error}") from None


def _text(path: Path) -> str:
    """A file's text; a table may be compressed."""
    import gzip

    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise NasError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
