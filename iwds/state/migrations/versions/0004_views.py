"""What is kept of a reading to compare the next one with.

Revision ID: 0004
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add two columns to the readings; what is there already has no view, and accepts nothing."""
    op.add_column("reading", sa.Column("view", sa.JSON()))
    op.add_column("reading", sa.Column("fewer", sa.Boolean()))
