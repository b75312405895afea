"""What looks for drift have shown, so that it can be told since when.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add two tables."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    time = sa.DateTime(timezone=True)
    op.create_table(
        "sighting",
        sa.Column("job", sa.String, nullable=False),
        sa.Column("service", sa.String, nullable=False),
        sa.Column("login_id", number, autoincrement=False, nullable=False),
        sa.Column("what", sa.String, nullable=False),
        sa.Column("held", sa.String, nullable=False),
        sa.Column("equal_at", time),
        sa.Column("seen_at", time, nullable=False),
        sa.Column("last_at", time, nullable=False),
        sa.Column("agreed", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("job", "service", "login_id", "what", name="pk_sighting"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "look",
        sa.Column("job", sa.String, nullable=False),
        sa.Column("service", sa.String, nullable=False),
        sa.Column("at", time, nullable=False),
        sa.PrimaryKeyConstraint("job", "service", name="pk_look"),
    )
