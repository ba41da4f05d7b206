"""Where a new run may live. Imports nothing heavy: a name that is taken is said before anything else happens."""

from __future__ import annotations

import os
import re
from pathlib import Path

from nas.errors import RunError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def place(out: Path | str, name: str) -> Path:
    """The path of a new run called ``name`` in ``out``. Raises RunError where it is unfit, taken or cannot be made."""
    if not NAME.fullmatch(name):
        raise RunError(f"run name {name!r}: use letters, digits, '.', '_' and '-' (at most 100)", path=name)
    path = Path(out) / name
    try:
        if path.exists():
            raise RunError(f"{path} exists already; choose another --name, or continue it with: nas resume {path}")
        parent = next(p for p in path.absolute().parents if p.exists())
    except OSError as error:
        raise RunError(f"{path} cannot be made: {error.strerror}", path=str(path)) from None
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise RunError(f"{path} cannot be made: {parent} is no folder that can be written", path=str(path))
    return path
