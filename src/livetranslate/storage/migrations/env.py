"""Alembic's environment: runs on the connection that ``storage.schema`` hands over."""

from __future__ import annotations

from alembic import context

from livetranslate.storage.schema import is_ours
from livetranslate.storage.tables import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    transactional_ddl=True,
    include_name=is_ours,
)
with context.begin_transaction():
    context.run_migrations()
