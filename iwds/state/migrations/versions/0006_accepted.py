"""The configuration last applied, as far as it decides, and the run from which on it counts.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add two columns to the jobs; what was accepted before is known by its digest only."""
    op.add_column("job", sa.Column("configuration", sa.Text()))
    op.add_column("job", sa.Column("accepted_by", sa.String()))
