"""One person is found at once among a million, by their entry, and in the journal.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the indexes."""
    op.create_index("ix_login_service_entry", "login", ["service", "entry"])
    op.create_index("ix_intent_subject", "intent", ["subject"])
