"""The store of jobs, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from nas.errors import NasError
from nas.service.jobs import Claim, Job, Limits, Result
from nas.service.store import IdempotencyConflict, JobActive, JobNotFound, JobStore, QuotaExceeded, StoreError
from nas.service.store.claiming import MOST_DEATHS
from nas.service.store.database import Database, migrations
from nas.service.store.reporting import MOST_LINES
from nas.service.store.schema import METADATA
from tests.nas.service.asked import Asked
from tests.nas.service.stores import bare_url, file, server, store, url

__all__ = ["bare_url", "file", "server", "store", "url"]
LEASE_S = 30.0
FRONT = {"columns": ["id", "macs"], "rows": [["a", 1]], "objectives": [], "recommended": None, "final": False}


def submitted(store: JobStore, number: int = 0, user: str = "ada", **options: Any) -> Job:
    return store.submit(Asked(number), user, **options)[0]


def claimed(store: JobStore, lease_s: float = LEASE_S) -> Claim:
    claim = store.claim("runner", lease_s)
    assert claim is not None
    return claim


def expired(store: JobStore) -> Claim:
    """A claim whose runner was never heard of again."""
    claim = claimed(store, 0.01)
    time.sleep(0.05)
    return claim


class TestSubmitting:
    def test_a_job_is_kept_as_asked(self, store: JobStore) -> None:
        job, created = store.submit(Asked(7), "ada", priority=3)
        assert created
        assert store.job(job.id) == job
        assert (job.kind, job.request, job.user, job.priority) == ("search", {"kind": "search", "number": 7}, "ada", 3)
        assert (job.state, job.attempt, job.started, job.front_version) == ("queued", 0, None, None)
        assert abs(datetime.fromisoformat(job.created) - datetime.now(UTC)) < timedelta(seconds=60)

    def test_same_key_same_job(self, store: JobStore) -> None:
        first, _ = store.submit(Asked(1), "ada", key="k")
        assert store.submit(Asked(1), "ada", key="k") == (first, False)
        assert store.submit(Asked(1), "bob", key="k")[1]
        assert store.submit(Asked(1), "ada", key="other")[1]

    def test_same_key_other_request(self, store: JobStore) -> None:
        first, _ = store.submit(Asked(1), "ada", key="k")
        with pytest.raises(IdempotencyConflict, match=first.id):
            store.submit(Asked(2), "ada", key="k")
        with pytest.raises(IdempotencyConflict):
            store.submit(Asked(1, kind="train"), "ada", key="k")

    def test_same_key_at_once(self, store: JobStore) -> None:
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda _: store.submit(Asked(1), "ada", key="k"), range(16)))
        assert len({job.id for job, _ in made}) == 1
        assert sum(created for _, created in made) == 1

    @pytest.mark.parametrize("key", ["", "a\nb", "x" * 201, "é", "\x00"])
    def test_unfit_keys(self, store: JobStore, key: str) -> None:
        with pytest.raises(NasError, match="idempotency key"):
            store.submit(Asked(), "ada", key=key)

    def test_ids_sort_by_creation(self, store: JobStore) -> None:
        ids = []
        for number in range(5):
            ids.append(submitted(store, number).id)
            time.sleep(0.002)
        assert ids == sorted(ids)


class TestClaiming:
    def test_urgent_first_then_oldest(self, store: JobStore) -> None:
        priorities = (0, 5, 0, -1, 5)
        jobs = []
        for number, priority in enumerate(priorities):
            jobs.append(submitted(store, number, priority=priority))
            time.sleep(0.002)
        order = [claimed(store).job.id for _ in priorities]
        assert order == [jobs[i].id for i in (1, 4, 0, 2, 3)]
        assert store.claim("runner", LEASE_S) is None

    def test_a_claimed_job_runs(self, store: JobStore) -> None:
        submitted(store)
        claim = claimed(store)
        assert (claim.job.state, claim.job.attempt, claim.fence, claim.left_s) == ("running", 1, 1, None)
        assert claim.job.started is not None

    def test_each_job_goes_to_one_runner(self, store: JobStore) -> None:
        count = 40
        for number in range(count):
            submitted(store, number)

        def work(name: int) -> list[str]:
            taken = []
            while (claim := store.claim(f"runner {name}", LEASE_S)) is not None:
                taken.append(claim.job.id)
            return taken

        with ThreadPoolExecutor(8) as pool:
            taken = [job for part in pool.map(work, range(8)) for job in part]
        assert len(taken) == len(set(taken)) == count

    def test_a_silent_runners_job_goes_to_another(self, store: JobStore) -> None:
        submitted(store)
        lost = expired(store)
        second = claimed(store)
        assert second.job.id == lost.job.id
        assert (second.job.attempt, second.fence) == (2, 2)
        assert second.job.started == lost.job.started

    def test_a_heartbeat_keeps_it(self, store: JobStore) -> None:
        submitted(store)
        claim = claimed(store, 0.3)
        for _ in range(4):
            time.sleep(0.15)
            assert store.heartbeat(claim, 0.3) == "go"
        assert store.claim("other", LEASE_S) is None

    @pytest.mark.parametrize(
        "write",
        [
            lambda s, c: s.finish(c, Result({})), lambda s, c: s.fail(c, {"title": "x"}), lambda s, c: s.release(c),
            lambda s, c: s.cancelled(c), lambda s, c: s.heartbeat(c, LEASE_S, {"phase": "x"}, FRONT, ["x"]) != "lost",
        ],
    )  # fmt: skip
    def test_who_lost_it_changes_nothing(self, store: JobStore, write: Callable[[JobStore, Claim], bool]) -> None:
        submitted(store)
        lost, second = expired(store), claimed(store)
        before = store.job(lost.job.id)
        assert not write(store, lost)
        assert store.job(lost.job.id) == before
        assert store.log(before.id) == []
        assert store.finish(second, Result({"by": "second"}))
        assert not write(store, lost)
        assert not write(store, second)
        assert store.job(lost.job.id).summary == {"by": "second"}

    def test_of_many_finishers_one(self, store: JobStore) -> None:
        job = submitted(store)
        claims = [expired(store) for _ in range(5)] + [claimed(store)]
        with ThreadPoolExecutor(6) as pool:
            kept = list(pool.map(lambda c: store.finish(c, Result({"fence": c.fence})), claims))
        assert kept == [False] * 5 + [True]
        assert store.job(job.id).summary == {"fence": 6}

    def test_released_it_waits_in_its_old_place(self, store: JobStore) -> None:
        first = submitted(store)
        time.sleep(0.002)
        submitted(store, 1)
        claim = claimed(store)
        assert store.release(claim, "the runner goes home")
        assert store.job(first.id).state == "queued"
        again = claimed(store)
        assert (again.job.id, again.job.attempt, again.fence) == (first.id, 2, 2)

    def test_stopped_runners_do_not_count(self, store: JobStore) -> None:
        submitted(store)
        for attempt in range(1, MOST_DEATHS + 3):
            claim = claimed(store)
            assert claim.job.attempt == attempt
            assert store.release(claim)

    def test_given_up_after_many_dead_workers(self, store: JobStore) -> None:
        job = submitted(store)
        for _ in range(MOST_DEATHS):
            assert store.release(claimed(store), died=True)
        assert store.job(job.id).state == "failed"
        assert store.claim("runner", LEASE_S) is None

    def test_given_up_after_many_dead_runners(self, store: JobStore) -> None:
        job = submitted(store)
        for _ in range(MOST_DEATHS):
            expired(store)
        assert store.claim("runner", LEASE_S) is None
        found = store.job(job.id)
        assert found.state == "failed"
        assert found.problem is not None
        assert found.problem["retry"] is True


class TestReporting:
    def test_progress_fronts_and_lines(self, store: JobStore) -> None:
        job = submitted(store)
        claim = claimed(store)
        with pytest.raises(JobNotFound, match="no front yet"):
            store.front(job.id)
        store.heartbeat(claim, LEASE_S, {"phase": "exploring", "done": 1}, FRONT, ["one", "two"])
        store.heartbeat(claim, LEASE_S, {"phase": "exploring", "done": 2}, None, ["three"])
        found = store.job(job.id)
        assert found.progress == {"phase": "exploring", "done": 2}
        version, document = store.front(job.id)
        assert (version, json.loads(document)) == (found.front_version, FRONT)
        assert found.version > version
        assert [(n, line) for n, _, line in store.log(job.id)] == [(1, "one"), (2, "two"), (3, "three")]
        assert [line for _, _, line in store.log(job.id, after=2)] == ["three"]

    def test_a_bare_heartbeat_is_no_news(self, store: JobStore) -> None:
        submitted(store)
        claim, before = claimed(store), store.version()
        store.heartbeat(claim, LEASE_S)
        assert store.version() == before

    def test_lines_that_databases_refuse(self, store: JobStore) -> None:
        job = submitted(store)
        store.heartbeat(claimed(store), LEASE_S, log=["a\x00b", "\ud800", "ü" * 10_000])
        lines = [line for _, _, line in store.log(job.id)]
        assert lines[0] == "ab"
        assert len(lines[2]) == 2000

    def test_old_lines_go(self, store: JobStore) -> None:
        job = submitted(store)
        claim = claimed(store)
        store.heartbeat(claim, LEASE_S, log=[str(i) for i in range(MOST_LINES)])
        store.heartbeat(claim, LEASE_S, log=["last", "really"])
        kept = store.log(job.id)
        assert (len(kept), kept[0][0], kept[-1][2]) == (MOST_LINES, 3, "really")

    def test_a_result_is_all_there_is_to_ask(self, store: JobStore) -> None:
        job = submitted(store)
        rows = [{"id": "a", "index": 0}, {"id": "b", "index": 1}]
        assert store.finish(claimed(store), Result({"rows": 2}, FRONT | {"final": True}, rows))
        found = store.job(job.id)
        assert (found.state, found.summary) == ("done", {"rows": 2})
        assert found.finished is not None
        assert json.loads(store.front(job.id)[1])["final"] is True
        assert [json.loads(store.architecture(job.id, i)) for i in (0, 1)] == rows
        for index in (2, -1, 2**31, 2**80):
            with pytest.raises(JobNotFound, match=r"index must be 0\.\.1"):
                store.architecture(job.id, index)

    def test_failed(self, store: JobStore) -> None:
        job = submitted(store)
        problem = {"title": "Budget infeasible", "detail": "no", "retry": False}
        assert store.fail(claimed(store), problem)
        assert (store.job(job.id).state, store.job(job.id).problem) == ("failed", problem)


class TestCancelling:
    def test_waiting(self, store: JobStore) -> None:
        job = submitted(store)
        assert store.cancel(job.id).state == "cancelled"
        assert store.claim("runner", LEASE_S) is None

    def test_running(self, store: JobStore) -> None:
        job = submitted(store)
        claim = claimed(store)
        found = store.cancel(job.id)
        assert (found.state, found.cancelling) == ("running", True)
        assert store.heartbeat(claim, LEASE_S) == "cancel"
        assert store.cancelled(claim)
        assert store.job(job.id).state == "cancelled"

    def test_its_runner_died(self, store: JobStore) -> None:
        job = submitted(store)
        expired(store)
        store.cancel(job.id)
        assert store.claim("other", LEASE_S) is None
        assert store.job(job.id).state == "cancelled"

    def test_its_runner_gives_it_back(self, store: JobStore) -> None:
        job = submitted(store)
        claim = claimed(store)
        store.cancel(job.id)
        assert store.release(claim)
        assert store.job(job.id).state == "cancelled"

    def test_an_ended_one_stays(self, store: JobStore) -> None:
        submitted(store)
        claim = claimed(store)
        store.finish(claim, Result({}))
        before = store.job(claim.job.id)
        assert store.cancel(claim.job.id) == before


class TestDeleting:
    def test_nothing_is_left(self, store: JobStore, url: str) -> None:
        job = submitted(store)
        claim = claimed(store)
        store.heartbeat(claim, LEASE_S, {"phase": "x"}, FRONT, ["x"])
        with pytest.raises(JobActive, match="cancel it first"):
            store.delete(job.id)
        store.finish(claim, Result({}, FRONT, [{"id": "a"}]))
        before = store.version()
        store.delete(job.id)
        with pytest.raises(JobNotFound):
            store.job(job.id)
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            for name in ("jobs", "fronts", "architectures", "lines"):
                assert connection.execute(sa.select(sa.func.count()).select_from(METADATA.tables[name])).scalar() == 0
        engine.dispose()
        assert [identity for _, identity in store.deleted_since(before)] == [job.id]
        assert store.deleted_since(store.version()) == []


class TestQuotas:
    def test_of_a_job(self, url: str) -> None:
        store = JobStore.open(url, limits=Limits(candidates=1000, seconds=60))
        store.submit(Asked(candidates=1000, seconds=60), "ada")
        with pytest.raises(QuotaExceeded, match="1,001 candidates; your quota is 1,000"):
            store.submit(Asked(candidates=1001), "ada")
        with pytest.raises(QuotaExceeded) as caught:
            store.submit(Asked(seconds=61), "ada")
        assert caught.value.data == {"limit": "seconds", "asked": 61, "allowed": 60}
        store.close()

    def test_a_tokens_own_come_first(self, url: str) -> None:
        store = JobStore.open(url, limits=Limits(candidates=1000, queued=1))
        store.create_token("ada", ["submit"], limits=Limits(candidates=5000))
        store.submit(Asked(candidates=5000), "ada")
        with pytest.raises(QuotaExceeded, match="1 jobs waiting"):
            store.submit(Asked(1), "ada")
        store.close()

    def test_waiting_jobs_even_at_once(self, url: str) -> None:
        store = JobStore.open(url, limits=Limits(queued=5))

        def submit(number: int) -> bool:
            try:
                return store.submit(Asked(number), "ada")[1]
            except QuotaExceeded:
                return False

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(submit, range(20))) == 5
        assert store.submit(Asked(0), "bob")[1]
        store.close()

    def test_running_jobs_even_at_once(self, url: str) -> None:
        store = JobStore.open(url, limits=Limits(running=2))
        for number in range(6):
            store.submit(Asked(number), "ada")
        bobs = store.submit(Asked(), "bob", priority=-5)[0]
        with ThreadPoolExecutor(8) as pool:
            claims = [c for c in pool.map(lambda i: store.claim(f"r{i}", LEASE_S), range(8)) if c]
        assert sorted(c.job.user for c in claims) == ["ada", "ada", "bob"]
        assert store.finish(next(c for c in claims if c.job.id != bobs.id), Result({}))
        last = store.claim("r", LEASE_S)
        assert last is not None
        assert last.job.user == "ada"
        store.close()

    def test_time_counts_over_all_attempts(self, url: str) -> None:
        store = JobStore.open(url, limits=Limits(seconds=100))
        store.submit(Asked(), "ada")
        claim = claimed(store)
        assert claim.left_s == 100
        time.sleep(0.2)
        store.heartbeat(claim, LEASE_S)
        time.sleep(0.1)
        store.release(claim)
        again = claimed(store)
        assert again.left_s is not None
        assert 95 < again.left_s <= 99.7 + 0.01
        store.close()


class TestReading:
    def test_pages(self, store: JobStore) -> None:
        ids = []
        for number in range(7):
            ids.append(submitted(store, number).id)
            time.sleep(0.002)
        found, cursor = [], None
        while True:
            page = store.jobs(limit=3, cursor=cursor)
            found += [job.id for job in page.jobs]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert found == ids[::-1]

    def test_filters(self, store: JobStore) -> None:
        search = submitted(store)
        train, _ = store.submit(Asked(kind="train"), "bob")
        store.heartbeat(claimed(store), LEASE_S, front=FRONT)
        ids = lambda **f: [job.id for job in store.jobs(**f).jobs]  # noqa: E731
        assert ids(kind="train") == [train.id]
        assert ids(user="bob") == [train.id]
        assert ids(state="running") == ids(with_front=True) == [search.id]
        assert ids(kind="a\x00b") == ids(user="\ud800") == []
        with pytest.raises(NasError, match="unknown state"):
            store.jobs(state="runing")
        for limit in (0, 201):
            with pytest.raises(NasError, match="limit"):
                store.jobs(limit=limit)
        with pytest.raises(NasError, match="no cursor"):
            store.jobs(cursor="x" * 32)

    @pytest.mark.parametrize("identity", ["", "x", "0" * 32, "A" * 32, "\x00" * 32, "é" * 32, "0" * 5000, "../../etc"])
    def test_no_such_job(self, store: JobStore, identity: str) -> None:
        for ask in (store.job, store.front, store.log, store.cancel, store.delete):
            with pytest.raises(JobNotFound):
                ask(identity)
        with pytest.raises(JobNotFound):
            store.architecture(identity, 0)

    def test_every_change_is_a_new_version(self, store: JobStore) -> None:
        job = submitted(store)
        claim = claimed(store)
        versions = [job.version, claim.job.version]
        for done in range(3):
            store.heartbeat(claim, LEASE_S, {"phase": "x", "done": done})
            versions.append(store.job(job.id).version)
        store.finish(claim, Result({}, FRONT))
        versions.append(store.job(job.id).version)
        assert versions == sorted(set(versions))
        assert [j.id for j in store.changed_since(versions[-2])] == [job.id]
        assert store.changed_since(versions[-1]) == []
        assert store.changed_since(2**80) == []
        assert store.version() == versions[-1]

    def test_a_poller_misses_nothing(self, store: JobStore) -> None:
        """Eight writers at once: whoever polls by version sees every job, in order, however they interleave."""
        seen: dict[str, int] = {}
        over = threading.Event()

        def poll() -> None:
            last = 0
            while True:
                ending = over.is_set()
                for job in store.changed_since(last):
                    assert job.version > last
                    last = job.version
                    seen[job.id] = job.version
                if ending:
                    return

        with ThreadPoolExecutor(9) as pool:
            poller = pool.submit(poll)
            made = list(pool.map(lambda n: submitted(store, n).id, range(60)))
            over.set()
            poller.result()
        assert sorted(seen) == sorted(made)

    def test_counts_and_age(self, store: JobStore) -> None:
        assert store.queue_age_s() == 0.0
        for number in range(3):
            submitted(store, number)
        claimed(store)
        assert store.counts() == {"queued": 2, "running": 1, "done": 0, "failed": 0, "cancelled": 0}
        time.sleep(0.05)
        assert 0.04 < store.queue_age_s() < 60


class TestTokens:
    def test_a_token_is_its_user(self, store: JobStore) -> None:
        plaintext = store.create_token("ada", ["submit", "read"], limits=Limits(running=2))
        token = store.token(plaintext)
        assert token is not None
        assert (token.name, token.scopes, token.limits) == ("ada", {"read", "submit"}, Limits(running=2))
        for wrong in (plaintext[:-1], plaintext + "x", plaintext.upper(), "", "nas_", "nas_é", "\x00", "nas_" * 100):
            assert store.token(wrong) is None

    def test_nothing_at_rest_gives_it_away(self, store: JobStore, url: str) -> None:
        secret = store.create_token("ada", ["read"]).removeprefix("nas_")
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            rows = [str(row) for t in METADATA.sorted_tables for row in connection.execute(sa.select(t))]
        engine.dispose()
        assert any("ada" in row for row in rows)
        assert not any(secret[i : i + 8] in row for row in rows for i in range(len(secret) - 8))

    def test_expired_and_revoked(self, store: JobStore) -> None:
        past = store.create_token("past", ["read"], expires=datetime.now(UTC) - timedelta(seconds=1))
        later = store.create_token("later", ["read"], expires=datetime.now(UTC) + timedelta(hours=1))
        assert store.token(past) is None
        assert store.token(later) is not None
        assert [t.name for t in store.tokens()] == ["past", "later"]
        assert store.revoke("later")
        assert not store.revoke("later")
        assert store.token(later) is None

    @pytest.mark.parametrize("name", ["", "local", "a b", "../x", "x" * 101, "é"])
    def test_unfit_names(self, store: JobStore, name: str) -> None:
        with pytest.raises(NasError, match="token name"):
            store.create_token(name, ["read"])

    def test_taken_names_and_unknown_scopes(self, store: JobStore) -> None:
        store.create_token("ada", ["read"])
        with pytest.raises(NasError, match="revoke it first"):
            store.create_token("ada", ["read"])
        with pytest.raises(NasError, match="did you mean 'submit'"):
            store.create_token("bob", ["submits"])
        with pytest.raises(NasError, match="needs a scope"):
            store.create_token("bob", [])

    def test_audit(self, store: JobStore) -> None:
        store.audit("ada", "submit", "job", "done")
        store.audit("a\x00", "x" * 500, "t", "refused")
        newest, oldest = store.audits()
        assert (oldest["user"], oldest["action"], oldest["target"], oldest["outcome"]) == (
            "ada",
            "submit",
            "job",
            "done",
        )
        assert (newest["user"], len(newest["action"])) == ("a", 100)


class TestDatabase:
    def test_migrations_make_the_tables_of_the_schema(self, store: JobStore, url: str) -> None:
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext

        engine = sa.create_engine(url)
        with engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        engine.dispose()

    def test_down_and_up_again(self, bare_url: str) -> None:
        from alembic import command

        store, database = JobStore.open(bare_url), Database(bare_url)
        with database.write() as write:
            command.downgrade(migrations(write.connection), "base")
        with pytest.raises(StoreError):
            store.ping()
        database.migrate()
        store.ping()
        assert submitted(store).state == "queued"
        store.close()
        database.close()

    def test_several_open_it_at_once(self, bare_url: str) -> None:
        with ThreadPoolExecutor(4) as pool:
            stores = list(pool.map(lambda _: JobStore.open(bare_url), range(4)))
        made = submitted(stores[0])
        assert all(s.job(made.id) == made for s in stores)
        for opened in stores:
            opened.close()

    def test_it_survives_being_closed(self, store: JobStore, url: str) -> None:
        job = submitted(store)
        store.close()
        again = JobStore.open(url)
        assert again.job(job.id) == job
        again.close()


@pytest.mark.parametrize(
    "address", ["mysql://u:geheim@h/x", "sqlite://", "nonsense", "postgresql://u:geheim@127.0.0.1:1/x"]
)
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(StoreError) as caught:
        JobStore.open(address)
    assert "geheim" not in str(caught.value)
    assert "\n" not in str(caught.value)
