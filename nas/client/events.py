"""Server-sent events: read as they come, taken up again where a broken connection left off."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from nas.client.transport import Transport

NOTHING_MORE = 204
PAUSE_S = 0.5
"""Before a stream that ended is opened again."""


@dataclass(frozen=True)
class Event:
    """One event: its ``name`` (``job`` or ``front``), its ``data`` (the JSON document) and its ``id`` (a version)."""

    name: str
    data: Any
    id: str | None


def parse(lines: Iterable[str]) -> Iterator[Event]:
    """Events from the lines of a stream (WHATWG HTML, section 9.2.6). What is no JSON is passed over."""
    name, identity = "message", None
    data: list[str] = []
    for line in lines:
        if not line:
            event = _event(name, data, identity)
            if event is not None:
                yield event
            name, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif field == "id":
            identity = value


def _event(name: str, data: list[str], identity: str | None) -> Event | None:
    if not data:
        return None
    try:
        return Event(name, json.loads("\n".join(data)), identity)
    except ValueError:
        return None


def follow(transport: Transport, path: str, patience_s: float) -> Iterator[Event]:
    """Events until the service has no more (204); a broken stream goes on after the last event that came.

    Raises ServerUnreachable after ``patience_s`` without any event and without a connection.
    """
    last: str | None = None
    deadline = time.monotonic() + patience_s
    while True:
        problem: object = "the stream ended"
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
        try:
            with transport.stream(path, headers=headers) as answer:
                if answer.status_code == NOTHING_MORE:
                    return
                for event in parse(answer.iter_lines()):
                    last = event.id or last
                    yield event
                    deadline = time.monotonic() + patience_s
        except httpx.TransportError as error:
            problem = error
        if time.monotonic() > deadline:
            raise transport.unreachable(problem)
        time.sleep(PAUSE_S)
