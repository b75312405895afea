"""Accounts that a directory refused, so that nobody is locked by tries of ours, whatever becomes of the process.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the table; nobody is known to be refused yet."""
    op.create_table(
        "refused_bind",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("server", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_refused_bind"),
    )
