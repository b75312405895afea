"""What comparisons with another tool have found, night after night.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add a table."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "parity",
        sa.Column("id", number, primary_key=True),
        sa.Column("job", sa.String, nullable=False),
        sa.Column("service", sa.String, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("found", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("plan", sa.String, nullable=False),
        sa.Column("differences", sa.Integer, nullable=False),
        sa.Column("accepted", sa.Integer, nullable=False),
        sa.Column("withheld", sa.JSON, nullable=False),
    )
    op.create_index("ix_parity_job_service_at", "parity", ["job", "service", "at"])
