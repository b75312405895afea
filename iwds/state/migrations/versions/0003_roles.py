"""The role in a group that we last knew.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Memberships of before have no role that we would know."""
    op.add_column("membership", sa.Column("role", sa.BigInteger().with_variant(sa.Integer, "sqlite")))
