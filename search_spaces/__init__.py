"""What can be built: published search spaces, their operator tables and their PyTorch modules.

``get_space(name, **options)`` gives a space, ``list_spaces()`` the names. Third parties register a space class under
the entry-point group ``nas.search_spaces``.
"""

from __future__ import annotations

from typing import Any

from search_spaces.architecture import Architecture
from search_spaces.errors import NasError, SpaceError, UnknownName
from search_spaces.operators import OperatorTable
from search_spaces.registry import get_space, list_spaces
from search_spaces.space import Choice, SearchSpace

__all__ = [
    "Architecture", "Choice", "NasError", "OperatorTable", "SearchSpace", "SpaceError", "UnknownName", "get_space",
    "list_spaces", "trace",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "trace":  # needs torch
        from search_spaces.tracing import trace

        return trace
    raise AttributeError(name)
