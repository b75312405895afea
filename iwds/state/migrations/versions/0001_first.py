"""The first tables.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create everything. The types are written out: a revision must not change when `tables.py` does."""
    _runs()
    _journal()
    _ledger()
    _leases_and_memory()


def _runs() -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("command", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("started", _TIME, nullable=False),
        sa.Column("ended", _TIME),
        sa.Column("exit_code", sa.Integer()),
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("config_digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
    )
    op.create_index("ix_run_started", "run", ["started"])
    op.create_index("ix_run_service", "run", ["service"])
    op.create_table(
        "reading",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("realm", sa.String(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("count", _NUMBER, nullable=False),
        sa.Column("proven", sa.Boolean(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("presence", sa.JSON(), nullable=False),
        sa.Column("taken_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reading"),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="fk_reading_run"),
    )
    op.create_index("ix_reading_run", "reading", ["run"])
    op.create_table(
        "plan",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("made", _TIME, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_plan"),
    )


def _journal() -> None:
    op.create_table(
        "intent",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("epoch", _NUMBER, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("phase", sa.SmallInteger(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("login_id", _NUMBER),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("change", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_intent"),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="fk_intent_run"),
        sa.UniqueConstraint("run", "seq", name="uq_intent_run_seq"),
    )
    op.create_table(
        "outcome",
        sa.Column("intent", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("login_id", _NUMBER, nullable=False),
        sa.Column("settled_by", sa.String(), nullable=False),
        sa.Column("settled_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("intent", name="pk_outcome"),
        sa.ForeignKeyConstraint(["intent"], ["intent.id"], name="fk_outcome_intent"),
        sa.ForeignKeyConstraint(["settled_by"], ["run.id"], name="fk_outcome_run"),
    )


def _ledger() -> None:
    op.create_table(
        "login",
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("login_id", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("realm", sa.String(), nullable=False),
        sa.Column("entry", sa.String(), nullable=False),
        sa.Column("owner", _NUMBER, nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("tag", sa.Integer()),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.Column("written", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("service", "login_id", name="pk_login"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "membership",
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("login_id", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("group_id", _NUMBER, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("service", "login_id", "group_id", name="pk_membership"),
        sa.ForeignKeyConstraint(
            ["service", "login_id"],
            ["login.service", "login.login_id"],
            name="fk_membership_login",
            ondelete="CASCADE",
        ),
        sqlite_with_rowid=False,
    )


def _leases_and_memory() -> None:
    op.create_table(
        "lease",
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("epoch", _NUMBER, nullable=False),
        sa.Column("acquired_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME),
        sa.PrimaryKeyConstraint("service", name="pk_lease"),
    )
    op.create_table(
        "job",
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("applied_before", sa.Boolean(), nullable=False),
        sa.Column("accepted", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("job", "service", name="pk_job"),
    )
    op.create_table(
        "counted",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("guard", sa.String(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_counted"),
    )
    op.create_index("ix_counted_job_service_at", "counted", ["job", "service", "at"])
