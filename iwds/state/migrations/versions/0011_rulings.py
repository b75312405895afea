"""What people decided about single changes: approved until a date, or rejected until one.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the table; nothing was decided yet. And how many changes of a plan wait, which old plans do not say."""
    op.create_table(
        "ruling",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("login_id", _NUMBER),
        sa.Column("realm", sa.String()),
        sa.Column("entry_id", sa.String()),
        sa.Column("marks", sa.JSON(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("made_at", _TIME, nullable=False),
        sa.Column("until", _TIME, nullable=False),
        sa.Column("withdrawn_at", _TIME),
        sa.Column("withdrawn_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ruling"),
    )
    op.create_index("ix_ruling_service_until", "ruling", ["service", "until"])
    op.create_index("ix_ruling_service_subject", "ruling", ["service", "subject"])
    op.create_index("ix_plan_made", "plan", ["made"])
    op.add_column("plan", sa.Column("waiting", sa.Integer()))
