"""The database of a run: SQLite in its directory, or any SQLAlchemy URL for shared use.

Only the driver writes. Everything of one generation is one transaction, so a run killed at any moment holds whole
generations and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from numpy.typing import NDArray

from nas.errors import RunError
from search_spaces.pricing import QUANTITIES
from search_spaces.space import Genomes

METADATA = sa.MetaData()
_RUN = sa.String(64)

CANDIDATES = sa.Table(
    "candidates",
    METADATA,
    sa.Column("run", _RUN, primary_key=True),
    sa.Column("generation", sa.Integer, primary_key=True),
    sa.Column("island", sa.Integer, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("genome", sa.LargeBinary, nullable=False),
    *(sa.Column(q, sa.Float if q == "capacity" else sa.BigInteger, nullable=False) for q in QUANTITIES),
    sqlite_with_rowid=False,
)
COSTS = sa.Table(
    "costs",
    METADATA,
    sa.Column("run", _RUN, primary_key=True),
    sa.Column("generation", sa.Integer, primary_key=True),
    sa.Column("island", sa.Integer, primary_key=True),
    sa.Column("quantity", sa.String(255), primary_key=True),
    sa.Column("amounts", sa.LargeBinary, nullable=False),
)
"""Quantities from outside the space (latency on a device): one column of int64 per island and generation."""
GENERATIONS = sa.Table(
    "generations",
    METADATA,
    sa.Column("run", _RUN, primary_key=True),
    sa.Column("generation", sa.Integer, primary_key=True),
    sa.Column("elapsed_s", sa.Float, nullable=False),
    sa.Column("priced", sa.Integer, nullable=False),
    sa.Column("scored", sa.Integer, nullable=False),
    sa.Column("front_size", sa.Integer, nullable=False),
    sa.Column("hypervolume", sa.Float, nullable=False),
)
PROMOTED = sa.Table(
    "promoted",
    METADATA,
    sa.Column("run", _RUN, primary_key=True),
    sa.Column("architecture", sa.String(12), primary_key=True),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("genome", sa.LargeBinary, nullable=False),
)
SCORES = sa.Table(
    "scores",
    METADATA,
    sa.Column("run", _RUN, primary_key=True),
    sa.Column("architecture", sa.String(12), primary_key=True),
    sa.Column("proxy", sa.String(64), primary_key=True),
    sa.Column("value", sa.Float),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
)


@dataclass(frozen=True)
class Progress:
    """State of a search after a generation; ``elapsed_s`` counts all sessions of a resumed run."""

    generation: int
    elapsed_s: float
    priced: int
    scored: int
    front_size: int
    hypervolume: float


class Store:
    """Reads and writes one run's rows. ``run`` is its id; several runs may share a database."""

    def __init__(self, url: str, run: str) -> None:
        self.run = run
        try:
            self._engine = sa.create_engine(url)
            with self._engine.begin() as connection:
                if self._engine.dialect.name == "sqlite":
                    connection.execute(sa.text("PRAGMA journal_mode=WAL"))
                METADATA.create_all(connection)
        except ImportError as error:
            raise RunError(f"the run's database needs a driver: pip install {error.name}") from None
        except sa.exc.SQLAlchemyError as error:
            reason = str(error).strip().splitlines()[0]
            raise RunError(f"the run's database cannot be opened: {reason}") from None

    @classmethod
    def in_folder(cls, folder: Path, run: str) -> Store:
        """The SQLite database of a run directory."""
        return cls(f"sqlite:///{folder / 'run.sqlite'}", run)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """All or nothing."""
        with self._engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Release files and connections."""
        self._engine.dispose()

    # ---- writing ----------------------------------------------------------------------------------------------

    def add_candidates(
        self, connection: sa.Connection, generation: int, island: int, genomes: Genomes,
        prices: Mapping[str, NDArray[Any]],
    ) -> None:  # fmt: skip
        """One island's candidates of one generation."""
        columns = [prices[q].tolist() for q in QUANTITIES]
        rows = [
            (self.run, generation, island, i, genome.tobytes(), *values)
            for i, (genome, values) in enumerate(zip(genomes, zip(*columns, strict=True), strict=True))
        ]
        names = [c.name for c in CANDIDATES.columns]
        connection.execute(sa.insert(CANDIDATES), [dict(zip(names, row, strict=True)) for row in rows])
        costs = [
            {"run": self.run, "generation": generation, "island": island, "quantity": q,
             "amounts": np.asarray(values, dtype="<i8").tobytes()}
            for q, values in prices.items() if q not in QUANTITIES
        ]  # fmt: skip
        if costs:
            connection.execute(sa.insert(COSTS), costs)

    def add_progress(self, connection: sa.Connection, progress: Progress) -> None:
        """The state after a generation."""
        connection.execute(sa.insert(GENERATIONS), {"run": self.run, **vars(progress)})

    def update_progress(self, generation: int, elapsed_s: float, scored: int, **more: float) -> None:
        """Bring the state after a generation up to date: judging goes on when exploring has ended.

        ``more``: ``front_size`` and ``hypervolume``, where judging changes them.
        """
        row = (GENERATIONS.c.run == self.run) & (GENERATIONS.c.generation == generation)
        with self.transaction() as connection:
            connection.execute(sa.update(GENERATIONS).where(row).values(elapsed_s=elapsed_s, scored=scored, **more))

    def add_promoted(self, connection: sa.Connection, generation: int, promoted: Mapping[str, Genomes]) -> None:
        """Architectures that go on to the proxies, by id."""
        rows = [
            {"run": self.run, "architecture": a, "generation": generation, "genome": g.tobytes()}
            for a, g in promoted.items()
        ]
        if rows:
            connection.execute(sa.insert(PROMOTED), rows)

    def add_scores(self, architecture: str, outcomes: Mapping[str, Sequence[Any]]) -> None:
        """Proxy outcomes ``(value, status, seconds, message)`` of one architecture."""
        rows = [
            {"run": self.run, "architecture": architecture, "proxy": p, "value": v, "status": s, "seconds": t,
             "message": m}
            for p, (v, s, t, m) in outcomes.items()
        ]  # fmt: skip
        with self.transaction() as connection:
            connection.execute(sa.insert(SCORES), rows)

    # ---- reading ----------------------------------------------------------------------------------------------

    def _frame(self, table: sa.Table, *order: str) -> pd.DataFrame:
        query = sa.select(*(c for c in table.columns if c.name != "run")).where(table.c.run == self.run)
        try:
            with self._engine.connect() as connection:
                return pd.read_sql(query.order_by(*(table.c[o] for o in order)), connection)
        except sa.exc.SQLAlchemyError as error:
            raise RunError(f"the run's database cannot be read: {str(error).strip().splitlines()[0]}") from None

    def candidates(self) -> pd.DataFrame:
        """Every priced candidate, in order of generation, island and position."""
        frame = self._frame(CANDIDATES, "generation", "island", "position")
        costs = self._frame(COSTS, "generation", "island")
        for quantity, part in costs.groupby("quantity", sort=False):
            frame[str(quantity)] = np.frombuffer(b"".join(part["amounts"]), dtype="<i8")
        return frame

    def history(self) -> pd.DataFrame:
        """One row per generation: see :class:`Progress`."""
        return self._frame(GENERATIONS, "generation")

    def promoted(self) -> pd.DataFrame:
        """Architectures that were promoted: ``architecture``, ``generation``, ``genome`` (bytes)."""
        return self._frame(PROMOTED, "generation", "architecture")

    def scores(self) -> pd.DataFrame:
        """Every proxy outcome."""
        return self._frame(SCORES, "architecture", "proxy")

    def last_generation(self) -> int:
        """The last generation that was merged, -1 if none."""
        query = sa.select(sa.func.max(GENERATIONS.c.generation)).where(GENERATIONS.c.run == self.run)
        with self._engine.connect() as connection:
            last = connection.execute(query).scalar()
        return -1 if last is None else int(last)


def genomes_of(frame: pd.DataFrame, genes: int) -> Genomes:
    """The genomes of a frame's ``genome`` column, shape (N, genes)."""
    return np.frombuffer(b"".join(frame["genome"]), dtype=np.uint8).reshape(-1, genes)
