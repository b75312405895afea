"""What people said about whose a login is, where the rules alone could not tell.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the table; nothing was said yet."""
    op.create_table(
        "match_decision",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("login_id", _NUMBER, nullable=False),
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("realm", sa.String()),
        sa.Column("entry_id", sa.String()),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_at", _TIME, nullable=False),
        sa.Column("forgotten_at", _TIME),
        sa.Column("forgotten_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_match_decision"),
    )
    op.create_index("ix_match_decision_service_login_id", "match_decision", ["service", "login_id"])
