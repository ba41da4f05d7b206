"""Architecture: one network of a family, as data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from search_spaces.errors import SpaceError

MAX_JSON_BYTES = 1_000_000
"""No real architecture comes near it; a larger text is refused before it is parsed."""


def canonical(value: Any) -> str:
    """JSON with sorted keys and no white space: one text per value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True)
class Architecture:
    """An immutable value: family name, structure and the options of its space (classes, input channels, ...).

    ``structure`` and ``settings`` are canonical JSON; read them as ``config`` and ``options``. Whether the structure
    is valid is the space's judgement: make architectures with ``space.architecture(config)``.
    """

    space: str
    structure: str
    settings: str = "{}"

    @classmethod
    def of(cls, space: str, config: Mapping[str, Any], options: Mapping[str, Any]) -> Architecture:
        """From plain data; nothing is validated here."""
        return cls(space, canonical(config), canonical(options))

    @property
    def config(self) -> dict[str, Any]:
        """The structure in the family's grammar, a fresh copy."""
        return json.loads(self.structure)  # type: ignore[no-any-return]

    @property
    def options(self) -> dict[str, Any]:
        """Options of the space, a fresh copy."""
        return json.loads(self.settings)  # type: ignore[no-any-return]

    @cached_property
    def id(self) -> str:
        """Twelve hexadecimal digits, the same for the same space, structure and options on every machine."""
        text = f"{self.space}\n{self.structure}\n{self.settings}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def to_json(self) -> str:
        """A readable JSON document that :meth:`from_json` reads back."""
        document = {"space": self.space, "id": self.id, "config": self.config, "options": self.options}
        return json.dumps(document, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Architecture:
        """Read :meth:`to_json`'s document. Structure is checked by the space, form here.

        Raises SpaceError for anything that is not such a document (or longer than a megabyte).
        """
        if len(text) > MAX_JSON_BYTES:
            raise SpaceError(f"architecture file has {len(text):,} characters; at most {MAX_JSON_BYTES:,} are read")
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise SpaceError(f"architecture file is not JSON: {error}") from None
        if not isinstance(document, dict):
            raise SpaceError(f"architecture file holds a {type(document).__name__}, expected an object")
        fields = [("space", str), ("config", dict), ("options", dict)]
        for name, kind in fields:
            if not isinstance(document.get(name, {} if name == "options" else None), kind):
                raise SpaceError(f"architecture file needs {name!r} as {kind.__name__}")
        try:
            return cls.of(document["space"], document["config"], document.get("options", {}))
        except (ValueError, RecursionError) as error:
            raise SpaceError(f"architecture file cannot be read: {error}") from None
