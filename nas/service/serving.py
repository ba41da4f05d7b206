"""A server's life: its socket, its runner, and how both end."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import closing, nullcontext, suppress
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from nas.errors import NasError
from nas.service.operations.logs import log, set_up
from nas.service.runner_child import RunnerChild
from nas.service.settings import Settings

if TYPE_CHECKING:
    from nas.service.app.feed import Feed

GRACE_S = 10
"""For requests that are under way when the server is told to stop."""


def serve(settings: Settings, runner: RunnerChild | None, told: Callable[[str], None]) -> None:
    """Serve until told to stop (SIGTERM, Ctrl-C). ``told`` hears the address once it is taken.

    Raises NasError off loopback while there is no token, where the address is taken, and where the store fails.
    """
    from nas.service.app import create_app
    from nas.service.store import JobStore

    settings.ready_folders()
    store = JobStore.open(settings.url, migrate=True)
    if not settings.loopback and not store.tokens():
        raise NasError(
            f"{settings.host} can be reached from other machines, and nobody would need a token: "
            "make one first, with: nas token create NAME --scope admin"
        )
    app = create_app(settings, store)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=GRACE_S, lifespan="on"
    )
    set_up()
    with closing(store), closing(_socket(settings)) as listening:
        signal.signal(signal.SIGTERM, _interrupt)
        with suppress(KeyboardInterrupt), runner or nullcontext():
            told(_address(settings, listening))
            _Server(config, app.state.service.feed).run(sockets=[listening])
        log("stopped")


class _Server(uvicorn.Server):
    """Ends streams of events when it is told to stop: they would else last until the grace is over."""

    def __init__(self, config: uvicorn.Config, feed: Feed) -> None:
        super().__init__(config)
        self._feed = feed

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal to stop came."""
        self._feed.close()
        super().handle_exit(sig, frame)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """SIGTERM as Ctrl-C, so that what has to be put away is."""
    raise KeyboardInterrupt


def _socket(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        made = socket.create_server((settings.host.strip("[]"), settings.port), family=family, backlog=512)
        # Connections inherit it. asyncio sets it only where the socket names its protocol, which this one does not;
        # without, an answer's body waits 40 ms for the receipt of its headers.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made
    except OSError as error:
        reason = error.strerror or error
        raise NasError(
            f"{settings.host}:{settings.port} cannot be listened on ({reason}); choose another --port"
        ) from None


def _address(settings: Settings, listening: socket.socket) -> str:
    host = f"[{settings.host.strip('[]')}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listening.getsockname()[1]}"
