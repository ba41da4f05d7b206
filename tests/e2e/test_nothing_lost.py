"""What was accepted ends exactly once, with the result of an undisturbed run, whatever is killed meanwhile."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import nas
from nas.service.store import JobStore
from tests.e2e.cluster import Cluster, Killer
from tests.postgres import postgres

SPACES = {"elasticvit-small": "19.8..20MFLOPs", "autoformer-small": "19.5..20MFLOPs"}
"""Narrow budgets: small fronts, whose reports are quickly made."""
WAIT_S = 3000.0
SQLITE_TRIGGER = """
CREATE TRIGGER note_end AFTER UPDATE OF state ON jobs WHEN NEW.state IN ('done', 'failed', 'cancelled')
BEGIN INSERT INTO ends VALUES (NEW.id, NEW.state); END"""
POSTGRESQL_TRIGGER = """
CREATE FUNCTION note_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO ends VALUES (NEW.id, NEW.state); RETURN NULL; END $$;
CREATE TRIGGER note_end AFTER UPDATE OF state ON jobs FOR EACH ROW
WHEN (NEW.state IN ('done', 'failed', 'cancelled')) EXECUTE FUNCTION note_end()"""


@dataclass(frozen=True)
class Scale:
    """How much is submitted, by how many, and for how many jobs nothing is killed."""

    jobs: int
    clients: int
    different: int
    candidates: int
    patience: int
    kills: int


SMALL = Scale(jobs=12, clients=4, different=3, candidates=1_500, patience=1, kills=3)
FULL = Scale(jobs=200, clients=20, different=20, candidates=1_500, patience=4, kills=1_000)


def requests(scale: Scale) -> list[dict[str, Any]]:
    """The different searches, of which each is submitted several times."""
    spaces = list(SPACES.items())
    return [
        {"space": spaces[seed % 2][0], "budget": [spaces[seed % 2][1]], "candidates": scale.candidates,
         "proxies": [], "seed": seed}
        for seed in range(scale.different)
    ]  # fmt: skip


def undisturbed(scale: Scale, folder: Path) -> list[bytes]:
    """``front.csv`` of each different search, run here in peace."""
    fronts = []
    for i, wanted in enumerate(requests(scale)):
        run = nas.search(**wanted, workers=0, out=folder, name=f"peace{i}")
        fronts.append((run.path / "front.csv").read_bytes())
    return fronts


def note_ends(url: str) -> None:
    """Let the database itself write down every time that a job ends."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE ends (job VARCHAR(32), state VARCHAR(16))"))
        script = SQLITE_TRIGGER if engine.dialect.name == "sqlite" else POSTGRESQL_TRIGGER
        connection.exec_driver_sql(script)
    engine.dispose()


def ends(url: str) -> Counter[str]:
    """How often each job ended, by that account."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = Counter(row[0] for row in connection.execute(sa.text("SELECT job FROM ends")))
    engine.dispose()
    return found


@dataclass
class Accepted:
    """What the clients were told: job ids with the number of the search, in the order of acceptance."""

    jobs: list[tuple[str, int]]
    lock: threading.Lock

    def submit(self, url: str, client: int, scale: Scale) -> None:
        """One client: submits its share, each as it comes, and waits until all of them are done."""
        chosen = range(client, scale.jobs, scale.clients)
        pause = random.Random(client)
        with nas.Client(url, patience_s=120) as connection:
            mine = []
            for i in chosen:
                number = i % scale.different
                job = connection.submit("search", key=f"{client}-{i}", **requests(scale)[number])
                mine.append(job)
                with self.lock:
                    self.jobs.append((job.id, number))
                threading.Event().wait(pause.uniform(0, 0.5))
            for job in mine:
                job.wait(WAIT_S)


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh store's address, for each kind of database."""
    with ExitStack() as stack:
        yield f"sqlite:///{tmp_path / 'jobs.sqlite'}" if request.param == "sqlite" else stack.enter_context(postgres())


def everything_ends_once(storage: str, folder: Path, scale: Scale) -> dict[str, Any]:
    """Do it, check it, and say what happened."""
    JobStore.open(storage).close()
    note_ends(storage)
    accepted = Accepted([], threading.Lock())
    with Cluster(folder, storage) as cluster:
        killer = Killer(cluster, scale.patience, scale.kills, seed=1)
        killer.start()
        with ThreadPoolExecutor(scale.clients) as clients:
            told = [clients.submit(accepted.submit, cluster.url, c, scale) for c in range(scale.clients)]
            expected = undisturbed(scale, folder / "peace")
        killer.stop()
        for each in told:
            each.result()
    store = JobStore.open(storage)
    jobs = list(all_jobs(store))
    wrong = [
        job for job, n in accepted.jobs if front_of(folder, job) != expected[n] or not same(store, job, expected[n])
    ]
    store.close()
    assert sorted(job.id for job in jobs) == sorted(job for job, _ in accepted.jobs), "accepted and kept: the same jobs"
    assert len(jobs) == scale.jobs
    assert {job.state for job in jobs} == {"done"}
    assert ends(storage) == Counter(job.id for job in jobs), "every job ended once"
    assert not wrong
    attempts = Counter(job.attempt for job in jobs)
    return {
        "accepted": len(accepted.jobs), "ended once": len(ends(storage)), "wrong": len(wrong),
        "kills": dict(killer.kills), "attempts": dict(sorted(attempts.items())),
    }  # fmt: skip


def all_jobs(store: JobStore) -> Iterator[Any]:
    """Every job of a store."""
    cursor: str | None = None
    while True:
        page = store.jobs(limit=100, cursor=cursor)
        yield from page.jobs
        cursor = page.next_cursor
        if cursor is None:
            return


def front_of(folder: Path, job: str) -> bytes:
    """The front that a job's folder holds."""
    return (folder / "data" / "runs" / job / "front.csv").read_bytes()


def same(store: JobStore, job: str, front: bytes) -> bool:
    """Whether the front that the service gives out has the architectures of ``front``, in their order."""
    document = json.loads(store.front(job)[1])
    at = document["columns"].index("id")
    ids = [line.split(",")[0] for line in front.decode().splitlines()[1:]]
    return bool(document["final"]) and [row[at] for row in document["rows"]] == ids


def test_nothing_is_lost(storage: str, tmp_path: Path) -> None:
    """Twelve jobs of four clients; the full scale is below."""
    facts = everything_ends_once(storage, tmp_path, SMALL)
    assert sum(facts["kills"].values()) >= 2, "nothing was disturbed"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_nothing_is_lost_at_full_scale(storage: str, tmp_path: Path) -> None:
    """Two hundred jobs of twenty clients."""
    facts = everything_ends_once(storage, tmp_path, FULL)
    print(json.dumps({"storage": storage.partition(":")[0], **facts}))
    assert sum(facts["kills"].values()) >= 10
    assert sum(n for attempt, n in facts["attempts"].items() if attempt > 1) > 0, "no job was ever resumed"
