"""Names of data, and of teachers, as they are found from anywhere.

A job is resumed from another folder, and workers have a working directory of their own.
"""

from __future__ import annotations

from pathlib import Path


def from_anywhere(source: str) -> str:
    """The same source with absolute paths; what names no path stays as it is."""
    kind, _, rest = source.partition(":")
    if kind == "webdataset":
        return f"{kind}:" + ",".join(_absolute(part) for part in rest.split(","))
    if kind == "torchvision":
        name, at, folder = rest.partition("@")
        return f"{kind}:{name}{at}{_absolute(folder)}"
    if kind == "hf" and rest and Path(rest).exists():
        return f"{kind}:{_absolute(rest)}"
    return str(Path(source).resolve()) if source and Path(source).exists() else source


def _absolute(path: str) -> str:
    return str(Path(path).absolute()) if path else path
