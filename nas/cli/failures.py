"""What a person sees when something goes wrong: one line, and an exit code that a script can act on."""

from __future__ import annotations

import os
import sys
from typing import Any

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130


def explain(error: BaseException, debug: bool) -> int:
    """Print one line on stderr (after the traceback, with ``debug``) and return the exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FAILED
    if debug:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, BrokenPipeError):
        return _reader_left()
    if isinstance(error, KeyboardInterrupt):
        return _say("interrupted", INTERRUPTED)
    if hasattr(error, "format_message"):  # a usage error of typer, whose click is private in some versions
        return _say(f"{_usage(error)}", BAD_INPUT)
    return _of_ours(error, debug)


def _of_ours(error: BaseException, debug: bool) -> int:
    from nas.errors import NasError, RunFailed

    if isinstance(error, RunFailed):
        path = error.data.get("path")
        hint = f"; what it has is kept, continue it with: nas resume {path}" if path else ""
        return _say(f"{error}{hint}", FAILED)
    if isinstance(error, NasError):
        return _say(str(error), BAD_INPUT)
    kind = "" if isinstance(error, OSError) else f"{type(error).__name__}: "
    hint = "" if debug else " (unexpected; run again with --debug to see where)"
    return _say(f"{kind}{error}{hint}", FAILED)


def _say(message: str, code: int) -> int:
    line = " ".join(message.split())
    print(f"error: {line}", file=sys.stderr)
    return code


def _usage(error: Any) -> str:
    context = getattr(error, "ctx", None)
    where = f" (see: {context.command_path} --help)" if context is not None else ""
    return f"{str(error.format_message()).rstrip('.')}{where}"


def _reader_left() -> int:
    """``nas runs | head``: nobody reads any more. Nothing to say, and nothing must be flushed at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED
