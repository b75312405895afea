"""By what the logins that are not ours are recognised, for those who come between two readings of everybody.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add two tables."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "stranger",
        sa.Column("job", sa.String, nullable=False),
        sa.Column("service", sa.String, nullable=False),
        sa.Column("kept_by", sa.String, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("job", "service", "kept_by", "hash", name="pk_stranger"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stranger_mark",
        sa.Column("job", sa.String, nullable=False),
        sa.Column("service", sa.String, nullable=False),
        sa.Column("kept_by", sa.String, nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("matching", sa.Text, nullable=False),
        sa.Column("logins", number, nullable=False),
        sa.Column("intent", number, nullable=False),
        sa.PrimaryKeyConstraint("job", "service", name="pk_stranger_mark"),
    )
