"""Fixtures: an empty store on SQLite, and the same on a real PostgreSQL where there is one."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from nas.service.store import JobStore
from nas.service.store.schema import COUNTER, METADATA
from tests.postgres import postgres


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A PostgreSQL server, on which the database ``shared`` has tables."""
    with postgres() as url:
        for statement in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()", "CREATE DATABASE shared"):
            _execute(url, statement)
        JobStore.open(_named(url, "shared")).close()
        yield url


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with empty tables."""
    path = tmp_path_factory.mktemp("store") / "template.sqlite"
    JobStore.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with empty tables."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("file"), tmp_path / "jobs.sqlite")
        return f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    shared = _named(request.getfixturevalue("server"), "shared")
    tables = ", ".join(t.name for t in METADATA.sorted_tables if t is not COUNTER)
    _execute(shared, f"TRUNCATE {tables}")
    return shared


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'bare.sqlite'}"
    server, name = request.getfixturevalue("server"), f"t{uuid.uuid4().hex}"
    _execute(server, f"CREATE DATABASE {name}")
    return _named(server, name)


@pytest.fixture
def store(url: str) -> Iterator[JobStore]:
    """An empty store."""
    opened = JobStore.open(url, migrate=False)
    yield opened
    opened.close()


def _execute(server: str, statement: str) -> None:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(statement))


def _named(server: str, name: str) -> str:
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)
