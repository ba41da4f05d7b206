"""Alembic runs this for every migration; the connection, with its transaction, is handed over by ``Database``."""

from alembic import context

from nas.service.store.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
