"""How far a job has read what changed, and who has to be looked at again.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add four tables, and indexes by which one person, a job's logins and mails are found without reading all."""
    time = sa.DateTime(timezone=True)
    op.create_table(
        "source_mark",
        sa.Column("job", sa.String, nullable=False),
        sa.Column("service", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("mark", sa.Text, nullable=False),
        sa.Column("taken_at", time, nullable=False),
        sa.Column("read_at", time, nullable=False),
        sa.Column("kept_by", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("job", "service", "source", name="pk_source_mark"),
    )
    op.create_table(
        "source_group",
        sa.Column("job", sa.String, nullable=False),
        sa.Column("service", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("kept_by", sa.String, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("members", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("job", "service", "source", "kept_by", "name", name="pk_source_group"),
    )
    waiting = (
        sa.Column("why", sa.JSON, nullable=False),
        sa.Column("since", time, nullable=False),
        sa.Column("left_groups", sa.JSON, nullable=False),
        sa.Column("gone", sa.Boolean, nullable=False),
    )
    for name, more in (("waiting", waiting), ("due", (sa.Column("at", time, nullable=False),))):
        op.create_table(
            name,
            sa.Column("job", sa.String, nullable=False),
            sa.Column("service", sa.String, nullable=False),
            sa.Column("realm", sa.String, nullable=False),
            sa.Column("entry", sa.String, nullable=False),
            *more,
            sa.PrimaryKeyConstraint("job", "service", "realm", "entry", name=f"pk_{name}"),
        )
    op.create_index("ix_due_job_service_at", "due", ["job", "service", "at"])
    # SQLite reads all of a service rather than use an index that does not hold everything that is asked for.
    op.drop_index("ix_login_service_entry", "login")
    op.create_index("ix_login_service_realm_entry", "login", ["service", "realm", "entry"])
    op.create_index("ix_intent_kind_at", "intent", ["kind", "at"])
    op.create_index("ix_login_service_owner", "login", ["service", "owner", "locked"])
