"""The helpdesk: its locks, and who did what.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create what is new; nothing that was there changes."""
    op.create_table(
        "hold",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("login_id", _NUMBER, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("until", _TIME),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("made_at", _TIME, nullable=False),
        sa.Column("foreign", sa.Boolean(), nullable=False),
        sa.Column("lifted_at", _TIME),
        sa.Column("lifted_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_hold"),
    )
    op.create_index("ix_hold_service_login_id", "hold", ["service", "login_id"])
    op.create_table(
        "audit",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("login_id", _NUMBER, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("folded", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ticket", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_table(
        "audit_outcome",
        sa.Column("audit", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("audit", name="pk_audit_outcome"),
        sa.ForeignKeyConstraint(["audit"], ["audit.id"], name="fk_audit_outcome_audit"),
    )
