"""The service under load: a store of 10,000 finished runs, 100 requests a second, 100 live event streams.

    python benchmarks/service.py [--runs 10000] [--seconds 60] [--rate 100] [--streams 100] [--storage URL]

Requests leave on schedule, whatever became of those before, and latency counts from when each was due. They go in turn
to the list of runs (pages, filters), the front and the architecture of runs drawn from all of them, while a job
reports its progress twice a second to all streams. Beside it in the same run: a bare Starlette application with three
routes that read the same rows of the same store (by sqlite3, or psycopg) and do nothing else - no users, no limits,
no validation, no metrics, no streams. It is what the framework and the database cost; the difference is ours.
Every run of the store is the result of one real search: the first are written as a runner writes them, which is timed;
the others are copies.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from open_loop import Connections, Latencies, Streams, load

NAS = [sys.executable, "-m", "nas"]
KINDS = ("list", "front", "architecture")
WRITTEN, BATCH = 20, 100
BEAT_S = 0.5
SAMPLE_S = 2.0


def seed(storage: str, runs: int, folder: Path) -> tuple[list[str], int]:
    """Fill a store; returns the ids of its runs, and how many rows each front has.

    The first :data:`WRITTEN` are written as a runner writes them, the others are copies of the last of these.
    """
    import nas
    from nas.service.requests import SearchRequest
    from nas.service.runner.describing import result_of
    from nas.service.store import JobStore

    settings: dict[str, Any] = {"space": "elasticvit", "budget": ["600MFLOPs"], "candidates": 20_000, "proxies": []}
    found = result_of(nas.search(**settings, workers=0, out=folder, name="sample"))
    store, start, ids = JobStore.open(storage), time.perf_counter(), []
    for i in range(WRITTEN):
        store.submit(SearchRequest(**settings, seed=i), f"user{i}")
        claim = store.claim("benchmark", 60.0)
        assert claim is not None
        assert store.finish(claim, found)
        ids.append(claim.job.id)
    each_ms = (time.perf_counter() - start) / WRITTEN * 1e3
    store.close()
    ids += copy(storage, ids[-1], runs - WRITTEN)
    print(f"store: {len(ids):,} runs of {len(found.architectures)} architectures each; submitting, claiming and "
          f"finishing one took {each_ms:.1f} ms")  # fmt: skip
    return ids, len(found.architectures)


def copy(storage: str, source: str, count: int) -> list[str]:
    """Copies of one run with ids, users and versions of their own, :data:`BATCH` at a time."""
    import sqlalchemy as sa

    from nas.service.store.database import Database
    from nas.service.store.rows import new_id
    from nas.service.store.schema import ARCHITECTURES, FRONTS, JOBS

    database, ids = Database(storage), [new_id() for _ in range(count)]
    with database.read() as connection:
        job = dict(connection.execute(sa.select(JOBS).where(JOBS.c.id == source)).one()._mapping)
        front = dict(connection.execute(sa.select(FRONTS).where(FRONTS.c.job == source)).one()._mapping)
        found = connection.execute(sa.select(ARCHITECTURES).where(ARCHITECTURES.c.job == source))
        architectures = [dict(row._mapping) for row in found]
    for at in range(0, count, BATCH):
        part = ids[at : at + BATCH]
        with database.write() as write:
            versions = {each: write.next_version() for each in part}
            jobs = [job | {"id": i, "user": f"user{n % 20}", "version": versions[i]} for n, i in enumerate(part)]
            write.connection.execute(sa.insert(JOBS), [j | {"front_version": j["version"]} for j in jobs])
            write.connection.execute(sa.insert(FRONTS), [front | {"job": i, "version": versions[i]} for i in part])
            write.connection.execute(sa.insert(ARCHITECTURES), [a | {"job": i} for i in part for a in architectures])
    database.close()
    return ids


def beats(storage: str, stop: Path) -> None:
    """A job that runs: it reports its progress every :data:`BEAT_S`, until ``stop`` is there. A process of its own."""
    from nas.service.requests import SearchRequest
    from nas.service.store import JobStore

    store = JobStore.open(storage)
    store.submit(SearchRequest(seed=0), "beats", priority=1000)
    claim = store.claim("benchmark", 60.0)
    assert claim is not None
    while not stop.exists():
        store.heartbeat(claim, 60.0, {"phase": "exploring", "done": 1, "total": 2, "told": time.time()})
        time.sleep(BEAT_S)
    store.cancelled(claim)
    store.close()


def schedule_of(ids: list[str], rows: int, list_path: str) -> Any:
    """Request i: each kind in turn, of runs drawn from all of them."""
    draw = random.Random(0)

    def request(i: int) -> tuple[str, str]:
        kind, run = KINDS[i % 3], draw.choice(ids)
        if kind == "list":
            return kind, draw.choice([list_path, f"{list_path}?cursor={run}", f"{list_path}?cursor={run}&limit=20"])
        if kind == "front":
            return kind, f"/v1/runs/{run}/front"
        return kind, f"/v1/runs/{run}/architectures/{draw.randrange(rows)}"

    return request


async def measure(port: int, process: psutil.Process, arguments: Any, request: Any, streams: int) -> dict[str, Any]:
    """Latencies, events and memory of one server."""
    host, live, memory = "127.0.0.1", Streams(), []
    paths = ["/v1/events"] * streams
    reading = await live.open_all(host, port, paths) if streams else []
    connections = Connections(host, port)
    await load(connections, request, arguments.rate, 5.0)  # warm: what is imported and cached once
    live.arrived.clear()

    async def watch() -> None:
        while True:
            memory.append(process.memory_info().rss)
            await asyncio.sleep(SAMPLE_S)

    watching, before = asyncio.create_task(watch()), process.cpu_times()
    found = await load(connections, request, arguments.rate, arguments.seconds)
    after = process.cpu_times()
    cpu_s = after.user + after.system - before.user - before.system
    for task in [watching, *reading]:
        task.cancel()
    return {"latencies": found, "streams": live, "memory": memory, "cpu": cpu_s / arguments.seconds}


def table(name: str, measured: dict[str, Any]) -> None:
    """Print one server's latencies."""
    found: Latencies = measured["latencies"]
    for kind in KINDS:
        count, size = len(found.seconds[kind]), found.bytes[kind] / max(len(found.seconds[kind]), 1)
        p50, p99, most = (found.quantile_ms(kind, q) for q in (0.5, 0.99, 1.0))
        print(f"{name:<16}{kind:<14}{count:>8,}{size / 1e3:>9.1f}{p50:>10.1f}{p99:>10.1f}{most:>10.1f}"
              f"{found.failed[kind]:>8}")  # fmt: skip
    print(f"{name:<16}used {measured['cpu']:.0%} of a core")


def events(found: dict[str, Any]) -> None:
    """Print what the streams got."""
    live: Streams = found["streams"]
    late = sorted(at - job["progress"]["told"] for at, job in live.arrived if "told" in job["progress"])
    if not late:
        raise SystemExit("no event reached any stream")
    p50, p99 = (1e3 * late[min(int(q * len(late)), len(late) - 1)] for q in (0.5, 0.99))
    print(f"{live.open} streams at once, {live.broken} broken: {len(late):,} events, from the store to each stream "
          f"p50 {p50:.0f} ms, p99 {p99:.0f} ms (the store is looked at every 300 ms)")  # fmt: skip


def resident(memory: list[int]) -> None:
    """Print how memory went."""
    first, last = (sum(part) / len(part) / 1e6 for part in (memory[:5], memory[-5:]))
    print(f"resident memory of the server: {first:.1f} MB in the first 10 s, {last:.1f} MB in the last, "
          f"at most {max(memory) / 1e6:.1f} MB")  # fmt: skip


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def served(command: list[str], port: int) -> psutil.Popen:
    """A server's process, once it answers."""
    import httpx

    process = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(600):
        if process.poll() is not None:
            raise SystemExit(f"it ended with code {process.returncode}: {command}")
        try:
            httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5)
            return process
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit(f"no answer from {command}")


def compare(storage: str, folder: Path, arguments: Any) -> None:
    """Both servers, one after the other, and the tables."""
    ids, rows = seed(storage, arguments.runs, folder)
    stop, script = folder / "stop", [sys.executable, __file__]
    # The page's cache of the database is warm for both: it has just been written.
    request = schedule_of(ids, rows, "/v1/runs")
    print(f"{'':<16}{'':<14}{'requests':>8}{'kB each':>9}{'p50 ms':>10}{'p99 ms':>10}{'max ms':>10}{'failed':>8}")
    beating = subprocess.Popen([*script, "--beats", str(stop), "--storage", storage])
    port = free_port()
    command = [*NAS, "serve", "--no-runner", "--port", str(port), "--storage", storage, "--data", str(folder)]
    ours = served(command, port)
    found = asyncio.run(measure(port, ours, arguments, request, arguments.streams))
    stop.touch()
    table("nas serve", found)
    ours.terminate()
    ours.wait()
    beating.wait()
    port = free_port()
    bare = served([sys.executable, str(Path(__file__).with_name("service_peer.py")), storage, str(port)], port)
    peer = asyncio.run(measure(port, bare, arguments, schedule_of(ids, rows, "/v1/runs"), 0))
    table("bare Starlette", peer)
    bare.terminate()
    bare.wait()
    events(found)
    resident(found["memory"])


def main() -> None:
    """Fill the store, load both servers, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--storage", help="an empty database; default: SQLite in a temporary folder")
    parser.add_argument("--beats", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.beats is not None:
        return beats(arguments.storage, arguments.beats)
    with tempfile.TemporaryDirectory() as folder:
        compare(arguments.storage or f"sqlite:///{folder}/jobs.sqlite", Path(folder), arguments)


if __name__ == "__main__":
    main()
