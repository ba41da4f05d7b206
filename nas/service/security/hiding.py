"""No answer names a folder of the host: absolute paths are shortened to their last part."""

from __future__ import annotations

import re
from typing import Any

# Two folders at least, not part of an address (https://host/a/b), a fraction or a path of this interface (/v1/jobs).
PATH = re.compile(r"(?<![\w.:/~-])/(?!v1/|static/)(?:[^\s/'\"<>:,;()\[\]{}|\\]+/)+(?P<last>[^\s/'\"<>:,;()\[\]{}|\\]*)")
WINDOWS_PATH = re.compile(r"(?<!\w)[A-Za-z]:\\(?:[^\s\\'\"<>:,;]+\\)*(?P<last>[^\s\\'\"<>:,;]*)")


def hide(text: str) -> str:
    """``text`` with every absolute path of two parts or more as ``…/NAME``."""
    if "/" not in text and "\\" not in text:
        return text
    return WINDOWS_PATH.sub(_shortened, PATH.sub(_shortened, text))


def hide_in(value: Any) -> Any:
    """The same in every text of JSON data; keys stay."""
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, dict):
        return {key: hide_in(each) for key, each in value.items()}
    return [hide_in(each) for each in value] if isinstance(value, (list, tuple)) else value


def _shortened(match: re.Match[str]) -> str:
    return f"…/{match['last']}"
