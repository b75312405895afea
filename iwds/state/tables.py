"""The tables of the state database; a test holds the migrations equal to them.

`run` and `plan` carry the configuration and people's data, `login` and `membership` are the ledger, `intent`,
`outcome` and `unsettled` the journal; `hold`, `ruling`, `match_decision`, `audit` and `audit_outcome` are people's;
`sighting` and `look` are what looks for drift have shown; `parity` is what comparisons with another tool have found;
`source_mark`, `source_group`, `waiting` and `due` are how far a job has read what changed; `refused_bind` is of the
sources. Ids of the service's own objects are its numbers; ids of ours that a person types are text.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

Number = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit integer. SQLite counts a primary key up only where the column's type is literally INTEGER."""


class UtcTime(TypeDecorator[datetime]):
    """A point in time: aware going in, aware and in UTC coming out, on databases with and without time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC; without its zone where the database would drop it anyway and compares times as text."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - given
        """The same moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


run = Table(
    "run",
    metadata,
    Column("id", String, primary_key=True),
    Column("job", String, nullable=False),
    Column("service", String, nullable=False),
    Column("command", String, nullable=False),
    Column("who", String, nullable=False),
    Column("started", UtcTime, nullable=False),
    Column("ended", UtcTime),
    Column("exit_code", Integer),
    Column("plan", String, nullable=False),
    Column("summary", Text, nullable=False),
    Column("report", JSON, nullable=False),
    Column("config", Text, nullable=False),
    Column("config_digest", String, nullable=False),
    Index("ix_run_started", "started"),
    Index("ix_run_service", "service"),
)
"""One execution of a job. `ended` stays empty where the process died."""

reading = Table(
    "reading",
    metadata,
    Column("id", Number, primary_key=True),
    Column("run", ForeignKey("run.id"), nullable=False, index=True),
    Column("name", String, nullable=False),
    Column("realm", String, nullable=False),
    Column("asked", Text, nullable=False),
    Column("count", Number, nullable=False),
    Column("proven", Boolean, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("problems", JSON, nullable=False),
    Column("presence", JSON, nullable=False),
    Column("taken_at", UtcTime, nullable=False),
    Column("view", JSON),
    Column("fewer", Boolean),
)
"""The proof of one reading of a run. `view` and `fewer` are empty in readings older than these columns."""

plan = Table(
    "plan",
    metadata,
    Column("id", String, primary_key=True),
    Column("job", String, nullable=False),
    Column("service", String, nullable=False),
    Column("made", UtcTime, nullable=False),
    Column("document", Text, nullable=False),
    Column("waiting", Integer),
    Index("ix_plan_made", "made"),
)
"""Plan documents; they hold people's data and are kept nowhere else.

`waiting` is how many of its changes wait for approval; empty in plans older than this column.
"""

intent = Table(
    "intent",
    metadata,
    Column("id", Number, primary_key=True),
    Column("run", ForeignKey("run.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("epoch", Number, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("phase", SmallInteger, nullable=False),
    Column("subject", String, nullable=False),
    Column("login_id", Number),
    Column("kind", String, nullable=False),
    Column("guards", Text),
    Column("change", JSON, nullable=False),
    UniqueConstraint("run", "seq"),
    Index("ix_intent_at", "at"),
    Index("ix_intent_kind_at", "kind", "at"),
    Index("ix_intent_subject", "subject"),
)
"""What was about to be done: written before the call. `seq` is its place in the run, `epoch` the lease's.

`guards` are the counters of the guards that watched the plan and count it, one on a line.
"""

outcome = Table(
    "outcome",
    metadata,
    Column("intent", Number, ForeignKey("intent.id"), primary_key=True, autoincrement=False),
    Column("result", String, nullable=False),
    Column("error", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("login_id", Number, nullable=False),
    Column("settled_by", ForeignKey("run.id"), nullable=False),
    Column("settled_at", UtcTime, nullable=False),
)
"""What became of an intent; the last word wins, and `settled_by` is the run that had it."""

unsettled = Table(
    "unsettled",
    metadata,
    Column("intent", Number, ForeignKey("intent.id"), primary_key=True, autoincrement=False),
)
"""The intents with no outcome, or an unknown one: a few, which are found here without looking through the journal."""

login = Table(
    "login",
    metadata,
    Column("service", String, primary_key=True),
    Column("login_id", Number, primary_key=True, autoincrement=False),
    Column("realm", String, nullable=False),
    Column("entry", String, nullable=False),
    Column("owner", Number, nullable=False),
    Column("origin", String, nullable=False),
    Column("login", String, nullable=False),
    Column("tag", Integer),
    Column("locked", Boolean, nullable=False),
    Column("written", JSON, nullable=False),
    Column("left_at", UtcTime),
    Index("ix_login_service_realm_entry", "service", "realm", "entry"),
    Index("ix_login_service_owner", "service", "owner", "locked"),
    sqlite_with_rowid=False,
)
"""The ledger: which logins are ours. Clustered by its key on SQLite, because it is read whole and in order.

`left_at` is empty but for leavers whose grace has begun.
"""

membership = Table(
    "membership",
    metadata,
    Column("service", String, primary_key=True),
    Column("login_id", Number, primary_key=True, autoincrement=False),
    Column("group_id", Number, primary_key=True, autoincrement=False),
    Column("role", Number),
    ForeignKeyConstraint(["service", "login_id"], ["login.service", "login.login_id"], ondelete="CASCADE"),
    sqlite_with_rowid=False,
)
"""The ledger: which memberships are ours. `role` is the role there, empty where we never knew it."""

lease = Table(
    "lease",
    metadata,
    Column("service", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("epoch", Number, nullable=False),
    Column("acquired_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
)
"""Who may write to a service. `expires_at` is empty once it was given back; `epoch` counts holders and never falls."""

job = Table(
    "job",
    metadata,
    Column("job", String, primary_key=True),
    Column("service", String, primary_key=True),
    Column("applied_before", Boolean, nullable=False),
    Column("accepted", String, nullable=False),
    Column("configuration", Text),
    Column("accepted_by", String),
)
"""What later runs of a job have to know, whatever becomes of old runs.

`accepted` is the digest of the configuration last applied, `configuration` what of it decides, `accepted_by` the run
from which on it counts; the last two are empty where it was accepted before these columns were there.
"""

hold = Table(
    "hold",
    metadata,
    Column("id", Number, primary_key=True),
    Column("service", String, nullable=False),
    Column("login_id", Number, nullable=False),
    Column("kind", String, nullable=False),
    Column("until", UtcTime),
    Column("reason", Text, nullable=False),
    Column("ticket", String, nullable=False),
    Column("who", String, nullable=False),
    Column("made_at", UtcTime, nullable=False),
    Column("foreign", Boolean, nullable=False),
    Column("lifted_at", UtcTime),
    Column("lifted_by", String, nullable=False),
    Index("ix_hold_service_login_id", "service", "login_id"),
)
"""The helpdesk's locks, and exemptions, open until `lifted_at`. `foreign`: somebody else had locked it before."""

ruling = Table(
    "ruling",
    metadata,
    Column("id", Number, primary_key=True),
    Column("service", String, nullable=False),
    Column("job", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("login", String, nullable=False),
    Column("login_id", Number),
    Column("realm", String),
    Column("entry_id", String),
    Column("marks", JSON, nullable=False),
    Column("words", Text, nullable=False),
    Column("people", Integer, nullable=False),
    Column("source", String, nullable=False),
    Column("who", String, nullable=False),
    Column("host", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("ticket", String, nullable=False),
    Column("made_at", UtcTime, nullable=False),
    Column("until", UtcTime, nullable=False),
    Column("withdrawn_at", UtcTime),
    Column("withdrawn_by", String, nullable=False),
    Index("ix_ruling_service_until", "service", "until"),
    Index("ix_ruling_service_subject", "service", "subject"),
)
"""What people decided about single changes, until `until` or `withdrawn_at`. `subject` is one person's key.

`marks` is what a change is recognised by, hashed: nobody's data can be read from it.
"""

match_decision = Table(
    "match_decision",
    metadata,
    Column("id", Number, primary_key=True),
    Column("service", String, nullable=False),
    Column("login_id", Number, nullable=False),
    Column("login", String, nullable=False),
    Column("realm", String),
    Column("entry_id", String),
    Column("who", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("made_at", UtcTime, nullable=False),
    Column("forgotten_at", UtcTime),
    Column("forgotten_by", String, nullable=False),
    Index("ix_match_decision_service_login_id", "service", "login_id"),
)
"""Whose a login is, as somebody said, open until `forgotten_at`. Without realm and entry id it is nobody's."""

audit = Table(
    "audit",
    metadata,
    Column("id", Number, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("service", String, nullable=False),
    Column("login_id", Number, nullable=False),
    Column("name", String, nullable=False),
    Column("folded", String, nullable=False),
    Column("action", String, nullable=False),
    Column("detail", Text, nullable=False),
    Column("who", String, nullable=False),
    Column("host", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("ticket", String, nullable=False),
    Index("ix_audit_at", "at"),
)
"""What somebody was about to do to one login: written before the call, and never changed. No codes, PINs or links."""

audit_outcome = Table(
    "audit_outcome",
    metadata,
    Column("audit", Number, ForeignKey("audit.id"), primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),
    Column("result", String, nullable=False),
    Column("error", Text, nullable=False),
)
"""What became of it; missing where the process died in between."""

sighting = Table(
    "sighting",
    metadata,
    Column("job", String, primary_key=True),
    Column("service", String, primary_key=True),
    Column("login_id", Number, primary_key=True, autoincrement=False),
    Column("what", String, primary_key=True),
    Column("held", String, nullable=False),
    Column("equal_at", UtcTime),
    Column("seen_at", UtcTime, nullable=False),
    Column("last_at", UtcTime, nullable=False),
    Column("agreed", Boolean, nullable=False),
    sqlite_with_rowid=False,
)
"""What differs from what we last wrote: since which look, and until which. `held` is a hash, never the value."""

look = Table(
    "look",
    metadata,
    Column("job", String, primary_key=True),
    Column("service", String, primary_key=True),
    Column("at", UtcTime, nullable=False),
)
"""When somebody last looked for drift among all logins of a job."""

source_mark = Table(
    "source_mark",
    metadata,
    Column("job", String, primary_key=True),
    Column("service", String, primary_key=True),
    Column("source", String, primary_key=True),
    Column("mark", Text, nullable=False),
    Column("taken_at", UtcTime, nullable=False),
    Column("read_at", UtcTime, nullable=False),
    Column("kept_by", String, nullable=False),
)
"""From where on each source is asked what changed; `kept_by` is the run that read everybody then."""

source_group = Table(
    "source_group",
    metadata,
    Column("job", String, primary_key=True),
    Column("service", String, primary_key=True),
    Column("source", String, primary_key=True),
    Column("kept_by", String, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("members", LargeBinary, nullable=False),
)
"""The direct members of a group as they were last read: a list in JSON, compressed."""

stranger = Table(
    "stranger",
    metadata,
    Column("job", String, primary_key=True),
    Column("service", String, primary_key=True),
    Column("kept_by", String, primary_key=True),
    Column("hash", LargeBinary, primary_key=True),
    sqlite_with_rowid=False,
)
"""What the logins that are not ours are recognised by: a hash, never the value."""

stranger_mark = Table(
    "stranger_mark",
    metadata,
    Column("job", String, primary_key=True),
    Column("service", String, primary_key=True),
    Column("kept_by", String, nullable=False),
    Column("read_at", UtcTime, nullable=False),
    Column("matching", Text, nullable=False),
    Column("logins", Number, nullable=False),
    Column("intent", Number, nullable=False),
)
"""Which strangers count: those that the run `kept_by` kept, with how many logins there were and what was meant last."""

waiting = Table(
    "waiting",
    metadata,
    Column("job", String, primary_key=True),
    Column("service", String, primary_key=True),
    Column("realm", String, primary_key=True),
    Column("entry", String, primary_key=True),
    Column("why", JSON, nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("left_groups", JSON, nullable=False),
    Column("gone", Boolean, nullable=False),
)
"""People of whom something was wanted that was not made."""

due = Table(
    "due",
    metadata,
    Column("job", String, primary_key=True),
    Column("service", String, primary_key=True),
    Column("realm", String, primary_key=True),
    Column("entry", String, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Index("ix_due_job_service_at", "job", "service", "at"),
)
"""People of whom the mapping makes something else from `at` on, although nobody changes them."""

parity = Table(
    "parity",
    metadata,
    Column("id", Number, primary_key=True),
    Column("job", String, nullable=False),
    Column("service", String, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("found", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("plan", String, nullable=False),
    Column("differences", Integer, nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("withheld", JSON, nullable=False),
    Index(None, "job", "service", "at"),
)
"""What each comparison with another tool found. `withheld` is a list of (login, login id, words)."""

refused_bind = Table(
    "refused_bind",
    metadata,
    Column("source", String, primary_key=True),
    Column("server", String, nullable=False),
    Column("account", String, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("code", Integer, nullable=False),
    Column("said", Text, nullable=False),
    Column("since", UtcTime, nullable=False),
)
"""Accounts that a directory refused, until the secret changes. `secret` is scrypt of it under `salt`, never itself."""
