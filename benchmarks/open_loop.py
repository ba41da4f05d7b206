"""An open-loop load generator: requests leave on schedule, whatever became of those before.

Latency counts from the moment a request was due, so a server that stalls is charged for everyone who had to wait
(no "coordinated omission"). HTTP/1.1 over plain sockets, kept alive: a request costs the generator some 50 us, which
matters where it shares two cores with the server.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass
class Latencies:
    """Seconds by kind of request, and what went wrong."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    bytes: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    failed: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def quantile_ms(self, kind: str, q: float) -> float:
        """The q-quantile in milliseconds."""
        ordered = sorted(self.seconds[kind])
        return 1e3 * ordered[min(int(q * len(ordered)), len(ordered) - 1)]


class Connections:
    """Kept-alive connections to one server; a new one where none is free."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def get(self, path: str) -> tuple[int, bytes]:
        """(status, body)."""
        request = f"GET {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nAccept: */*\r\n\r\n".encode()
        while True:
            fresh = not self._free
            reader, writer = await self._opened() if fresh else self._free.pop()
            writer.write(request)
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (EOFError, ConnectionError):
                if fresh:
                    raise
                continue  # the server had closed it for being idle
            length = next(int(h[15:]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:"))
            body = await reader.readexactly(length)
            self._free.append((reader, writer))
            return int(head[9:12]), body

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self.host, self.port)


async def load(
    connections: Connections, schedule: Callable[[int], tuple[str, str]], rate_per_s: float, seconds: float
) -> Latencies:  # fmt: skip
    """Send request i = ``schedule(i)`` -> (kind, path) at i / ``rate_per_s``, for ``seconds``."""
    found, tasks, start = Latencies(), set(), time.perf_counter()

    async def one(kind: str, path: str, due: float) -> None:
        try:
            status, body = await asyncio.wait_for(connections.get(path), 30)
        except (OSError, EOFError, TimeoutError):
            found.failed[kind] += 1
            return
        found.seconds[kind].append(time.perf_counter() - due)
        found.bytes[kind] += len(body)
        if status != 200:
            found.failed[kind] += 1

    for i in range(int(rate_per_s * seconds)):
        due = start + i / rate_per_s
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(one(*schedule(i), due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    return found


@dataclass
class Streams:
    """Live event streams, and when each event came."""

    arrived: list[tuple[float, dict]] = field(default_factory=list)
    open: int = 0
    broken: int = 0

    async def follow(self, host: str, port: int, path: str) -> None:
        """Read one stream until it is cancelled; note each ``job`` event with the time of its arrival."""
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: text/event-stream\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head[:16]:
            self.broken += 1
            return
        self.open += 1
        name = b""
        while line := await reader.readline():
            if line.startswith(b"event:"):
                name = line[6:].strip()
            elif line.startswith(b"data:") and name == b"job":
                self.arrived.append((time.time(), json.loads(line[5:])))
        self.broken += 1

    async def open_all(self, host: str, port: int, paths: Sequence[str]) -> list[asyncio.Task[None]]:
        """Open them all; returns the tasks that read them."""
        tasks = [asyncio.create_task(self.follow(host, port, path)) for path in paths]
        for _ in range(200):
            if self.open + self.broken >= len(paths):
                break
            await asyncio.sleep(0.05)
        return tasks
