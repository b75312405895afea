"""Guards count intents and outcomes, which outlive a process that is killed, instead of what a run adds up at its end.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """What was made before counts for no guard any more; a first run after it is watched like every other."""
    op.add_column("intent", sa.Column("guards", sa.Text()))
    op.create_index("ix_intent_at", "intent", ["at"])
    op.drop_table("counted")
