"""Live events: what a stream sends, when it ends, and what it costs the store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from nas.service.app.feed import PING, Feed, Subscription
from nas.service.jobs import Result
from nas.service.store import JobStore
from tests.nas.service import seeded
from tests.nas.service.serving import SEARCH, Served, served

Told = list[tuple[str, int | None, Any]]


@pytest.fixture
def server(tmp_path: Path) -> Served:
    """One."""
    return served(tmp_path)


def told(text: str) -> Told:
    """Events as (name, id, data)."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if "data" in fields:
            identity = fields.get("id")
            found.append((fields["event"], None if identity is None else int(identity), json.loads(fields["data"])))
    return found


def watched(server: Served, path: str, act: Callable[[], None] = lambda: None, **headers: str) -> tuple[int, Told]:
    """(status, events) of a stream, from before something happens until it was told."""

    async def both() -> tuple[int, str]:
        feed: Feed = server.app.state.service.feed
        polling = asyncio.create_task(feed.run())
        try:
            await until(lambda: feed.version == server.store.version())
            asking = asyncio.create_task(asked(server, path, headers))
            await until(lambda: asking.done() or any(each.after for each in feed._subscriptions))
            await asyncio.to_thread(act)
            await until(lambda: max(feed.version, feed._deleted) == server.store.version())
            feed.close()
            return await asking
        finally:
            polling.cancel()

    status, text = asyncio.run(both())
    return status, told(text)


async def until(so: Callable[[], bool]) -> None:
    """Wait for it."""
    while not so():
        await asyncio.sleep(0.005)


async def asked(server: Served, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """One GET, whole."""
    import httpx

    transport = httpx.ASGITransport(server.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
        answer = await http.get(path, headers=headers)
        return answer.status_code, answer.text


def test_a_job_that_ends(server: Served) -> None:
    """As it is, then as it becomes; its last front before its end; then the stream is over."""
    job, claim = seeded.running(server.store, rows=2)
    whole, _ = seeded.front()
    finish: Callable[[], object] = lambda: server.store.finish(claim, Result({"space": "x"}, whole, []))  # noqa: E731
    status, events = watched(server, f"/v1/jobs/{job.id}/events", finish)  # type: ignore[arg-type]
    assert status == 200
    assert [name for name, _, _ in events] == ["front", "job", "front", "job"]
    assert [len(data["rows"]) for name, _, data in events if name == "front"] == [2, len(whole["rows"])]
    assert [data["state"] for name, _, data in events if name == "job"] == ["running", "done"]
    assert [identity for _, identity, _ in events] == [None, job.version, None, server.store.job(job.id).version]


def test_a_job_that_has_ended(server: Served) -> None:
    """Is told once; whoever saw its end is told not to come back (204)."""
    job = seeded.finished(server.store)
    path = f"/v1/jobs/{job.id}/events"
    status, events = watched(server, path)
    assert (status, [name for name, _, _ in events]) == (200, ["front", "job"])
    assert watched(server, path, **{"Last-Event-ID": str(job.version)}) == (204, [])
    assert len(watched(server, path, **{"Last-Event-ID": str(job.version - 1)})[1]) == 2


def test_coming_back_to_a_job(server: Served) -> None:
    """Nothing is sent twice."""
    job, claim = seeded.running(server.store, rows=2)
    beat: Callable[[], object] = lambda: server.store.heartbeat(claim, 60.0, progress={"phase": "later"})  # noqa: E731
    _, events = watched(server, f"/v1/jobs/{job.id}/events", beat, **{"Last-Event-ID": str(job.version)})  # type: ignore[arg-type]
    assert [(name, data.get("progress")) for name, _, data in events if name == "job"] == [("job", {"phase": "later"})]


def test_all_jobs(server: Served) -> None:
    """From now on; or from what was seen last; deletions too."""
    old = server.http.post("/v1/searches", json=SEARCH).json()
    server.store.cancel(old["id"])
    server.http.get("/v1/jobs")

    def act() -> None:
        server.http.post("/v1/searches", json={**SEARCH, "seed": 1})
        server.store.delete(old["id"])

    _, events = watched(server, "/v1/events", act)
    assert [(name, data.get("state")) for name, _, data in events] == [("job", "queued"), ("deleted", None)]
    assert events[1][2] == {"id": old["id"]}
    newest = server.store.version()
    server.http.post("/v1/searches", json={**SEARCH, "seed": 2})
    _, missed = watched(server, "/v1/events", **{"Last-Event-ID": str(newest)})
    assert [data["request"]["seed"] for _, _, data in missed] == [2]


def test_no_such_job(server: Served) -> None:
    """404 at once, and no stream is left open."""
    assert watched(server, f"/v1/jobs/{'0' * 32}/events")[0] == 404
    assert len(server.app.state.service.feed) == 0


def test_streams_are_limited_and_forgotten(tmp_path: Path) -> None:
    """One more than may be is 429; one that ended makes room."""
    server = served(tmp_path, streams=1, stream_s=0.05)
    job, _ = seeded.running(server.store)
    first = server.app.state.service.feed.subscribe()
    assert watched(server, f"/v1/jobs/{job.id}/events")[0] == 429
    server.app.state.service.feed.unsubscribe(first)
    for _ in range(3):
        assert watched(server, f"/v1/jobs/{job.id}/events")[0] == 200
    assert len(server.app.state.service.feed) == 0


async def with_feed(store: JobStore, use: Callable[[Feed], Awaitable[None]]) -> None:
    """Use a feed while it runs."""
    feed = Feed(store, 0.01)
    polling = asyncio.create_task(feed.run())
    try:
        while not feed.version:
            await asyncio.sleep(0.005)
        await use(feed)
    finally:
        polling.cancel()


async def first_chunk(subscription: Subscription) -> bytes:
    """What it sends first."""
    async for chunk in subscription.chunks(asyncio.get_running_loop().time() + 5):
        return chunk
    return b""


def test_a_hundred_streams_are_one_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A front is read once for all who watch, and all are sent the same bytes."""
    store = seeded.open_store(tmp_path)
    job, claim = seeded.running(store, rows=2)
    read: list[str] = []
    front = store.front
    monkeypatch.setattr(store, "front", lambda job: (read.append(job), front(job))[1])

    async def use(feed: Feed) -> None:
        watching = [feed.subscribe(job.id, job.version) for _ in range(100)]
        whole, _ = seeded.front()
        await asyncio.to_thread(store.heartbeat, claim, 60.0, None, whole)
        chunks = await asyncio.gather(*(first_chunk(each) for each in watching))
        assert len(set(chunks)) == 1
        assert [name for name, _, _ in told(chunks[0].decode())] == ["front", "job"]

    asyncio.run(with_feed(store, use))
    assert read == [job.id]


def test_a_slow_reader_gets_the_latest_and_holds_no_more(tmp_path: Path) -> None:
    """Of each job one, however often it changed meanwhile."""
    store = seeded.open_store(tmp_path)
    job, claim = seeded.running(store)

    async def use(feed: Feed) -> None:
        slow = feed.subscribe(None, feed.version)
        for step in range(20):
            await asyncio.to_thread(store.heartbeat, claim, 60.0, {"phase": "x", "done": step})
            await asyncio.sleep(0.02)
        while feed.version < store.job(job.id).version:
            await asyncio.sleep(0.005)
        assert len(slow._pending) == 1
        [(_, _, data)] = told((await first_chunk(slow)).decode())
        assert data["progress"]["done"] == 19

    asyncio.run(with_feed(store, use))


def test_an_idle_stream_shows_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment now and then, for the proxies between."""
    monkeypatch.setattr("nas.service.app.feed.PING_S", 0.01)

    async def chunks() -> list[bytes]:
        until = asyncio.get_running_loop().time() + 0.05
        return [chunk async for chunk in Subscription(None, 0).chunks(until)]

    found = asyncio.run(chunks())
    assert len(found) >= 2
    assert set(found) == {PING}


def test_stopping_ends_every_stream(tmp_path: Path) -> None:
    """With what it still has to say."""
    store = seeded.open_store(tmp_path)
    job, claim = seeded.running(store)

    async def use(feed: Feed) -> None:
        watching = feed.subscribe(job.id, job.version)
        await asyncio.to_thread(store.heartbeat, claim, 60.0, {"phase": "last"})
        while feed.version == job.version:
            await asyncio.sleep(0.005)
        feed.close()
        found = b"".join([chunk async for chunk in watching.chunks(asyncio.get_running_loop().time() + 60)])
        jobs = [data for name, _, data in told(found.decode()) if name == "job"]
        assert [data["progress"]["phase"] for data in jobs] == ["last"]

    asyncio.run(with_feed(store, use))


def test_a_store_that_is_away_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Delays what there is to tell, and nothing more."""
    from nas.service.store import StoreError

    store = seeded.open_store(tmp_path)
    job, claim = seeded.running(store)
    real, calls = store.changed_since, iter(range(1000))

    def flaky(version: int) -> Any:
        if next(calls) < 3:
            raise StoreError("away")
        return real(version)

    monkeypatch.setattr(store, "changed_since", flaky)

    async def use(feed: Feed) -> None:
        watching = feed.subscribe(job.id, job.version)
        await asyncio.to_thread(store.heartbeat, claim, 60.0, {"phase": "after"})
        assert b"after" in await first_chunk(watching)

    asyncio.run(with_feed(store, use))
