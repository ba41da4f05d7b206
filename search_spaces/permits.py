"""Which import paths (``search_spaces.imports``) may be imported here.

Importing runs code, and a path may stand in a stranger's file. So a path is imported only where the user has named it:
on the command line, in Python (:func:`allow_import`) or in ``NAS_ALLOW_IMPORT``. The path is then remembered with the
folder in which its module was found (in ``~/.local/share/nas/imports.json``, or below ``NAS_STATE``), so that later
commands read back what it made, from any folder. A file that is read can neither add to this nor say where code lies.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search_spaces.errors import SpaceError
from search_spaces.imports import FORM, find_folder, split_path

VARIABLE = "NAS_ALLOW_IMPORT"
"""``PATH`` or ``PATH=FOLDER``, several of them with semicolons; processes that are started from here inherit it."""
NEVER = "none"
"""The value of :data:`VARIABLE` in a process that imports nobody's code, whatever was named before."""


def code_in(options: Mapping[str, Any]) -> str | None:
    """The first import path among the options of a space."""
    return next((found[0] for value in options.values() if (found := split_path(value))), None)


def allow_import(path: str) -> None:
    """Let ``path`` be imported from now on; its module is found in the current directory, else on ``sys.path``.

    One that is in neither is that which was named before. Raises SpaceError where there is no such module.
    """
    found = split_path(path)
    if found is None:
        raise SpaceError(f"{path[:80]!r} is no import path: write {FORM}")
    _check_permitted(found[0])
    name, folder = found[0], _folder(found[0])
    os.environ[VARIABLE] = ";".join(f"{n}={f}" if f else n for n, f in (_inherited() | {name: folder}).items())
    _remember(name, folder)


def allow_named(options: Mapping[str, Any]) -> None:
    """The same for options of a space that the user gives. Raises SpaceError."""
    path = code_in(options)
    if path is not None:
        allow_import(path)


def forbid_imports() -> None:
    """Import nobody's code in this process and its children: what they carry out may come from strangers."""
    os.environ[VARIABLE] = NEVER


def folder_of(name: str) -> Path:
    """Where the module of an import path lies. Raises SpaceError where the user has not named that path."""
    _check_permitted(name)
    inherited = _inherited()
    if name in inherited:
        return Path(inherited[name]).resolve() if inherited[name] else find_folder(name)
    folders = _remembered().get(name, [])
    if not folders:
        raise SpaceError(
            f"model {name} is code that would be imported, and you have not named it yet on this machine: if you trust "
            f"it, set {VARIABLE}={name} or call nas.allow_import({name!r}) first"
        )
    here = str(Path.cwd())
    return Path(here if here in folders else folders[-1])


def inheritance(options: Mapping[str, Any]) -> str:
    """The value of :data:`VARIABLE` that lets a process elsewhere import what ``options`` name, as this one may."""
    path = code_in(options)
    return os.environ.get(VARIABLE, "") if path is None else f"{path}={folder_of(path)}"


def _folder(name: str) -> str:
    try:
        return str(find_folder(name))
    except SpaceError:
        if name not in _inherited() and name not in _remembered():
            raise
        return str(folder_of(name))


def _check_permitted(name: str) -> None:
    if os.environ.get(VARIABLE, "").strip() == NEVER:
        raise SpaceError(f"model {name} is code, and this process imports none ({VARIABLE}={NEVER})")


def _inherited() -> dict[str, str]:
    entries = [entry.partition("=") for entry in os.environ.get(VARIABLE, "").split(";") if entry.strip()]
    return {name.strip(): folder for name, _, folder in entries}


def _record() -> Path:
    return Path(os.environ.get("NAS_STATE") or Path.home() / ".local" / "share" / "nas") / "imports.json"


def _remembered() -> dict[str, list[str]]:
    """Folders by import path, the latest last; nothing where the record is not there or damaged."""
    try:
        known = json.loads(_record().read_text(encoding="utf-8"))
        return {str(name): [str(folder) for folder in folders] for name, folders in known.items()}
    except (OSError, ValueError, AttributeError, TypeError, RuntimeError):
        return {}


def _remember(name: str, folder: str) -> None:
    """Best effort: without a home that can be written to, the path is allowed in this process and its children."""
    known = _remembered()
    if known.get(name, [""])[-1] == folder:
        return
    known[name] = [f for f in known.get(name, []) if f != folder] + [folder]
    try:
        record = _record()
        record.parent.mkdir(parents=True, exist_ok=True)
        partial = record.with_suffix(f".{os.getpid()}.tmp")
        partial.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
        partial.replace(record)
    except (OSError, RuntimeError):
        return
