"""Correlations know the event that they come from, so that each is written once.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INDEX = "ix_correlations_session_id_event_id"


def upgrade() -> None:
    """Add the event's number, unique in its session."""
    op.add_column("correlations", sa.Column("event_id", sa.BigInteger(), nullable=True))
    op.create_index(INDEX, "correlations", ["session_id", "event_id"], unique=True)


def downgrade() -> None:
    """Drop it."""
    op.drop_index(INDEX, "correlations")
    op.drop_column("correlations", "event_id")
