"""Which intents are open, so that a run need not look through all that was ever meant.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add a table, with what is open now."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "unsettled",
        sa.Column("intent", number, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["intent"], ["intent.id"], name="fk_unsettled_intent"),
        sa.PrimaryKeyConstraint("intent", name="pk_unsettled"),
    )
    op.execute(
        "INSERT INTO unsettled SELECT intent.id FROM intent LEFT JOIN outcome ON outcome.intent = intent.id"
        " WHERE outcome.intent IS NULL OR outcome.result = 'unknown'"
    )
