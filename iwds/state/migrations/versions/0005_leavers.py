"""Since when somebody is gone, for the grace before a deletion.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add one column to the ledger; nobody's grace has begun."""
    op.add_column("login", sa.Column("left_at", sa.DateTime(timezone=True)))
