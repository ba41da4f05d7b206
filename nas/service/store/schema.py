"""The tables of the store of jobs, as the newest migration leaves them (a test holds the two together)."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()
_ID = sa.String(32)
_TIME = sa.String(32)

JOBS = sa.Table(
    "jobs",
    METADATA,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("user", sa.String(100), nullable=False),
    sa.Column("key", sa.String(200)),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("created", _TIME, nullable=False),
    sa.Column("updated", _TIME, nullable=False),
    sa.Column("started", _TIME),
    sa.Column("finished", _TIME),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("cancelling", sa.Boolean, nullable=False),
    sa.Column("progress", sa.Text, nullable=False),
    sa.Column("problem", sa.Text),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("front_version", sa.BigInteger),
    sa.Column("runner", sa.String(200)),
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("deaths", sa.Integer, nullable=False),
    sa.Column("lease_until", sa.Double),
    sa.Column("beat", sa.Double),
    sa.Column("limit_s", sa.Double),
    sa.Column("spent_s", sa.Double, nullable=False),
    sa.Column("lines", sa.Integer, nullable=False),
    sa.UniqueConstraint("user", "key", name="jobs_user_key"),
    sa.Index("jobs_version", "version"),
    sa.Index("jobs_state", "state", "priority", "id"),
    sa.Index("jobs_kind", "kind", "id"),
)
"""``lease_until`` and ``beat`` (the last heartbeat) are seconds since 1970 by the database's clock."""
FRONTS = sa.Table(
    "fronts",
    METADATA,
    sa.Column("job", _ID, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
)
ARCHITECTURES = sa.Table(
    "architectures",
    METADATA,
    sa.Column("job", _ID, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("document", sa.Text, nullable=False),
)
LINES = sa.Table(
    "lines",
    METADATA,
    sa.Column("job", _ID, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("time", _TIME, nullable=False),
    sa.Column("line", sa.Text, nullable=False),
)
DELETED = sa.Table(
    "deleted",
    METADATA,
    sa.Column("job", _ID, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Index("deleted_version", "version"),
)
"""Jobs that are gone, so that runners can remove their folders."""
TOKENS = sa.Table(
    "tokens",
    METADATA,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("scopes", sa.String(100), nullable=False),
    sa.Column("created", _TIME, nullable=False),
    sa.Column("expires", _TIME),
    sa.Column("limits", sa.Text, nullable=False),
)
AUDITS = sa.Table(
    "audits",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("time", _TIME, nullable=False),
    sa.Column("user", sa.String(100), nullable=False),
    sa.Column("action", sa.String(100), nullable=False),
    sa.Column("target", sa.String(200), nullable=False),
    sa.Column("outcome", sa.String(200), nullable=False),
)
COUNTER = sa.Table(
    "counter",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
)
"""One row. Whoever writes locks it first, so that versions are committed in their order."""
