"""JSON files that a user hands to a designer: read with a limit, refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nas.errors import NasError

MAX_BYTES = 200_000_000
"""A certificate of a hard problem has some megabytes; a larger file is refused before it is parsed."""


def read_json(path: str | Path, what: str) -> Any:
    """The document in a file; ``what`` says in errors what was expected of it. Raises NasError."""
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise NasError(f"{what} {path} has {path.stat().st_size:,} bytes; at most {MAX_BYTES:,} are read")
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NasError(f"{what} {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise NasError(f"{what} {path} is not a text file") from None
    except (ValueError, RecursionError) as error:
        raise NasError(f"{what} {path} is not JSON: {error}") from None
