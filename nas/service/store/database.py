"""The database underneath: connections, transactions, its clock, and the migrations.

All writes go one after another: SQLite by ``BEGIN IMMEDIATE``, PostgreSQL by locking the one row of ``counter``. They
are short, and versions are then committed in their order, which is what a poller relies on.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from nas.service.store.errors import StoreError
from nas.service.store.schema import COUNTER

BUSY_S = 30.0
"""How long a writer waits for its turn on SQLite."""
MIGRATION_LOCK = 0x6E6173
POOL = {"pool_size": 8, "max_overflow": 40, "pool_pre_ping": True}


@dataclass(frozen=True)
class Write:
    """A transaction that may write. ``now``: seconds since 1970 by the database's clock."""

    connection: sa.Connection
    now: float

    @property
    def time(self) -> str:
        """``now`` in ISO 8601, UTC, to the millisecond."""
        return iso(self.now)

    def next_version(self) -> int:
        """A version that is larger than any before."""
        grown = sa.update(COUNTER).values(version=COUNTER.c.version + 1).returning(COUNTER.c.version)
        return int(self.connection.execute(grown).scalar_one())


class Database:
    """An engine whose transactions are as the module says. Raises StoreError where it cannot be used."""

    def __init__(self, url: str) -> None:
        with translated():
            parsed = sa.make_url(url)
            if parsed.get_backend_name() not in ("sqlite", "postgresql"):
                kind = parsed.get_backend_name()
                raise StoreError(f"a store is sqlite:///FILE or postgresql+psycopg://..., not {kind!r}")
            self.is_sqlite = parsed.get_backend_name() == "sqlite"
            if self.is_sqlite and not parsed.database:
                raise StoreError("a store in memory cannot be shared: give sqlite:///FILE")
            if parsed.drivername == "postgresql":
                parsed = parsed.set(drivername="postgresql+psycopg")
            arguments = {"connect_args": {"timeout": BUSY_S}} if self.is_sqlite else {}
            self._engine = sa.create_engine(parsed, **POOL, **arguments)
        if self.is_sqlite:
            sa.event.listen(self._engine, "connect", _prepare)
            sa.event.listen(self._engine, "begin", _begin)
        self._writer = self._engine.execution_options(immediate=True)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads."""
        with translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Write]:
        """A transaction that has its turn: all or nothing."""
        with translated(), self._writer.begin() as connection:
            if not self.is_sqlite:
                connection.execute(sa.select(COUNTER).with_for_update())
            yield Write(connection, self.clock(connection))

    def clock(self, connection: sa.Connection) -> float:
        """Seconds since 1970: the server's where hosts share one, so that leases do not depend on theirs."""
        if self.is_sqlite:
            return time.time()
        return float(connection.execute(sa.text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

    def migrate(self) -> None:
        """Bring the tables up to date; of several processes that start at once, one does it."""
        from alembic import command

        with translated(), self._writer.begin() as connection:
            if not self.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            command.upgrade(migrations(connection), "head")

    def close(self) -> None:
        """Release files and connections."""
        self._engine.dispose()


def migrations(connection: sa.Connection) -> Any:
    """Alembic's configuration for a connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "nas.service.store:migrations")
    config.attributes["connection"] = connection
    return config


def iso(seconds: float) -> str:
    """Seconds since 1970 in ISO 8601, UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the database as StoreError; a password in its address stays out of them."""
    try:
        yield
    except ImportError as error:
        raise StoreError(f"the store's database needs a driver: pip install {error.name}") from None
    except sa.exc.SQLAlchemyError as error:
        said = getattr(error, "orig", None) or error
        reason = (str(said).strip().splitlines() or [type(said).__name__])[0]
        raise StoreError(f"the store's database does not answer as it should: {reason}") from error


def _prepare(connection: sqlite3.Connection, record: object) -> None:
    # The driver's own transactions begin late and only before some statements; ours begin where _begin says.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL").close()
    connection.execute("PRAGMA synchronous=FULL").close()


def _begin(connection: sa.Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
