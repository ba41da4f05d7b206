"""Jobs, their fronts, architectures and logs; tokens; the audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("user", sa.String(100), nullable=False),
        sa.Column("key", sa.String(200)),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("updated", sa.String(32), nullable=False),
        sa.Column("started", sa.String(32)),
        sa.Column("finished", sa.String(32)),
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
    )
    op.create_index("jobs_version", "jobs", ["version"])
    op.create_index("jobs_state", "jobs", ["state", "priority", "id"])
    op.create_index("jobs_kind", "jobs", ["kind", "id"])
    for table in ("fronts", "deleted"):
        document = [sa.Column("document", sa.Text, nullable=False)] if table == "fronts" else []
        op.create_table(
            table,
            sa.Column("job", sa.String(32), primary_key=True),
            sa.Column("version", sa.BigInteger, nullable=False),
            *document,
        )
    op.create_index("deleted_version", "deleted", ["version"])
    op.create_table(
        "architectures",
        sa.Column("job", sa.String(32), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_table(
        "lines",
        sa.Column("job", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("time", sa.String(32), nullable=False),
        sa.Column("line", sa.Text, nullable=False),
    )
    op.create_table(
        "tokens",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("scopes", sa.String(100), nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("expires", sa.String(32)),
        sa.Column("limits", sa.Text, nullable=False),
    )
    op.create_table(
        "audits",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("time", sa.String(32), nullable=False),
        sa.Column("user", sa.String(100), nullable=False),
        sa.Column("action", sa.String(100), nullable=False),
        sa.Column("target", sa.String(200), nullable=False),
        sa.Column("outcome", sa.String(200), nullable=False),
    )
    counter = op.create_table(
        "counter",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(counter, [{"id": 1, "version": 0}])


def downgrade() -> None:
    for table in ("counter", "audits", "tokens", "lines", "architectures", "deleted", "fronts", "jobs"):
        op.drop_table(table)
