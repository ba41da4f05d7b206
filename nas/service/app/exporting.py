"""``python -m nas.service.app.exporting``: one export, told on stdin, in a process that may be killed.

Exit codes are those of the CLI: 2, with one line on stderr, for what cannot be exported.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

MOST_CPU_S = 900
MOST_FILE_BYTES = 4_000_000_000


def main() -> int:
    """Write the file; returns the exit code."""
    from nas.errors import NasError
    from search_spaces.permits import forbid_imports

    forbid_imports()
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_FILE_BYTES, MOST_FILE_BYTES))
    os.nice(5)
    try:
        write(json.load(sys.stdin))
    except NasError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    return 0


def write(order: dict[str, Any]) -> None:
    """Export ``architecture`` (a document that ``nas build`` reads) as ``format`` to ``out``. Raises NasError."""
    from nas.export import export
    from nas.weights import build
    from search_spaces import Architecture, get_space

    given = Architecture.from_json(json.dumps(order["architecture"]))
    space = get_space(given.space, **given.options)
    architecture = space.architecture(given.config)
    model = build(space, architecture, weights=Path(order["weights"]) if order["weights"] else None)
    export(model, architecture, order["format"], order["out"])


if __name__ == "__main__":
    sys.exit(main())
