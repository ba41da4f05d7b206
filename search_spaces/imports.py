"""Networks of a user's own by their import path, ``mynets:make_net``: where its module lies, and what it stands for.

Whether a path may be imported at all is what ``search_spaces.permits`` says.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from search_spaces.errors import SpaceError

FORM = "PACKAGE.MODULE:FUNCTION, such as mynets:make_net"
_DOTTED = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_PATH = re.compile(rf"({_DOTTED}:{_DOTTED})(?:@([0-9a-f]{{12}}))?", re.ASCII)


def split_path(text: Any) -> tuple[str, str | None] | None:
    """The import path in ``text`` and the fingerprint behind its ``@``; None where it is no import path."""
    found = _PATH.fullmatch(text) if isinstance(text, str) else None
    return None if found is None else (found[1], found[2])


def load(name: str, folder: Path) -> Any:
    """What an import path stands for whose module lies in ``folder``. Raises SpaceError where it cannot be imported."""
    module, _, attribute = name.partition(":")
    found: Any
    try:
        with on_path(folder):
            found = importlib.import_module(module)
    except Exception as error:  # whatever a user's module raises
        line = (str(error).splitlines() or [""])[0][:200]
        raise SpaceError(f"model {name}: {module} cannot be imported: {type(error).__name__}: {line}") from None
    top = sys.modules[module.partition(".")[0]].__spec__
    if top is None or _folder(top) != folder:
        raise SpaceError(f"model {name}: another module {module} is loaded already, not that of {folder}")
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise SpaceError(f"model {name}: {module} in {folder} has no {attribute}")
        found = getattr(found, part)
    return found


@contextmanager
def on_path(folder: Path) -> Iterator[None]:
    """Modules are looked for in ``folder`` first."""
    importlib.invalidate_caches()
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def find_folder(name: str) -> Path:
    """Where the module of an import path lies: in the current directory, else on Python's path. Raises SpaceError."""
    top = name.partition(":")[0].partition(".")[0]
    importlib.invalidate_caches()
    for spec in (PathFinder.find_spec(top, [str(Path.cwd())]), _installed(top)):
        if spec is not None and (folder := _folder(spec)) is not None:
            return folder
    raise SpaceError(
        f"model {name}: there is no module {top} in the current directory ({Path.cwd()}) or on Python's path"
    )


def _installed(top: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(top)
    except ValueError:  # loaded, and by no importer: the script that runs
        return None


def _folder(spec: ModuleSpec) -> Path | None:
    """The folder that has to be on the path for a top-level module to be found."""
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).parent.resolve()
    return Path(spec.origin).parent.resolve() if spec.has_location and spec.origin else None
