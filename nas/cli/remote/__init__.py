"""``nas --server URL COMMAND``: the same command, run by a service.

Every command is wrapped once, in ``nas.cli.main``; none knows of it. Nothing slow is imported before it is needed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOKEN_VARIABLE = "NAS_TOKEN"


@dataclass(frozen=True)
class Server:
    """Where the service is, and the token for it."""

    url: str
    token: str | None = None

    @property
    def command(self) -> str:
        """How a person reaches it again; the token stays where it came from."""
        return f"nas --server {self.url}"


_SERVER: ContextVar[Server | None] = ContextVar("server", default=None)


def choose(url: str | None, token_file: Path | None) -> None:
    """Make the rest of the command line run at ``url``, or here where it is None. Raises NasError."""
    if url is None and token_file is not None:
        from nas.errors import NasError

        raise NasError("--token-file goes with --server URL")
    _SERVER.set(None if url is None else Server(url, _token(token_file)))


def aware(name: str, command: Callable[..., Any]) -> Callable[..., Any]:
    """``command``, run by the service where one was chosen. ``name``: its words after ``nas``."""

    @functools.wraps(command)
    def either(**options: Any) -> Any:
        server = _SERVER.get()
        if server is None:
            return command(**options)
        from nas.cli.remote.commands import carry_out

        return carry_out(server, name, command, options)

    return either


def _token(file: Path | None) -> str | None:
    import os

    if file is None:
        return os.environ.get(TOKEN_VARIABLE, "").strip() or None
    from nas.errors import NasError

    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NasError(f"--token-file {file} cannot be read: {getattr(error, 'strerror', None) or 'no text'}") from None
    if not token or not token.isprintable() or " " in token:
        raise NasError(f"--token-file {file} holds no token; 'nas token create' makes one")
    return token
