"""Data roots: the only folders in which a request may name a file, each under a name of its own.

``ROOT/relative/path`` is what a request says, so neither it nor any answer holds a path of the host, and runners may
have the same data mounted elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from nas.errors import NasError
from search_spaces.errors import unknown_name

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MAX_LENGTH = 500


class OutsideRoots(NasError):
    """A path in a request that does not lie in a data root. ``data``: ``path``."""


class DataRoots:
    """The allow-list. ``folders`` are absolute, with links resolved, by name."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self.folders = {name: path.resolve() for name, path in folders.items()}

    @classmethod
    def of(cls, texts: Iterable[str]) -> DataRoots:
        """From ``NAME=FOLDER`` or ``FOLDER``, which is called by its last part. Raises NasError."""
        folders: dict[str, Path] = {}
        for text in texts:
            name, equals, rest = text.partition("=")
            folder = Path(rest if equals else text)
            name = name if equals else folder.resolve().name
            if not NAME.fullmatch(name):
                raise NasError(f"--data-root {text!r}: {name!r} is no name; write NAME=FOLDER")
            if not folder.is_dir():
                raise NasError(f"--data-root {text!r}: {folder} is no folder")
            if folders.setdefault(name, folder) != folder:
                raise NasError(f"--data-root {text!r}: the name {name!r} is taken; write OTHER={folder}")
        return cls(folders)

    def resolve(self, text: str) -> Path:
        """The file or folder that ``ROOT/relative/path`` names. Raises OutsideRoots, UnknownName.

        Links are followed first, so that none leads out of its root; whether there is anything is not said of what
        lies outside.
        """
        given = PurePosixPath(text)
        if len(text) > MAX_LENGTH or "\0" in text or "\\" in text or given.is_absolute() or ".." in given.parts:
            raise OutsideRoots(
                "a path in a request is written ROOT/relative/path, without '..'", path=text[:MAX_LENGTH]
            )
        name, *rest = given.parts or ("",)
        if name not in self.folders:
            raise unknown_name("data root", name, self.folders)
        root = self.folders[name]
        try:
            found = root.joinpath(*rest).resolve()
            found.exists()
        except (OSError, RuntimeError):  # a name too long, a loop of links
            raise OutsideRoots(f"{text!r} cannot be read", path=text) from None
        if found != root and root not in found.parents:
            raise OutsideRoots(f"{text!r} leads out of the data root {name!r}", path=text)
        return found
