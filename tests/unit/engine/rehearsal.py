"""A directory, a service and our memory in this process, and the real engine between them."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # no types are shipped
from sqlalchemy import select

from iwds.core.guards import GuardKind, Limit
from iwds.core.model import Absent, Account, Activation, Anchor, Entry, LedgerRow, Login, Mode, Role, Unmapped
from iwds.core.normal import LOGIN_LETTERS
from iwds.core.plan import Plan, Selection
from iwds.core.policy import Policy
from iwds.core.recognition import BY_NAME, Matching, stored_form
from iwds.engine.job import Job, Tools
from iwds.engine.planning import make_plan
from iwds.engine.running import Request, RunReport, run
from iwds.examples import folder
from iwds.ports import Clause, Grant, RunRow, State, TargetWriter
from iwds.sources.memory import MemorySource
from iwds.state.scratch import ScratchWaist
from iwds.state.tables import plan
from iwds.targets.memory import Settings, connect
from tests.unit.engine.remembering import fresh_state

OURS = 20
PLANS = jsonschema.Draft202012Validator(json.loads((folder() / "schemas" / "plan.json").read_text(encoding="utf-8")))
_CHECKED = 5
"""How many plans of a rehearsal are held to the schema, the latest ones: a long one keeps hundreds."""
WIDE = {kind: Limit(1_000, 1.0, None) for kind in GuardKind}
"""Limits that nothing here reaches."""


class SetClock:
    """Stands still at the time of its making until it is moved; the memory target looks at the real time."""

    def __init__(self) -> None:
        self._start = datetime.now(UTC)
        self.passed = 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed


@dataclass(frozen=True)
class PlainRules:
    """An entry's attributes are the account's fields; `scope` says why there is to be none."""

    digest: str = "plain"
    groups: Mapping[str, bool] = field(default_factory=lambda: {"vpn": False, "wiki": False})
    group_roles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    attributes: frozenset[str] = frozenset({"uid", "sn", "mail", "role", "disabled", "scope", "vpn_role", "wiki_role"})
    login_attributes: frozenset[str] = frozenset({"uid"})
    mail_attributes: frozenset[str] = frozenset({"mail"})
    login_is_written: bool = True
    extra_keys: frozenset[str] = frozenset()
    states_enabled: bool = True
    protected: frozenset[str] = frozenset()
    reads_groups: frozenset[str] = frozenset({"vpn", "wiki"})
    activation: Activation = Activation.INACTIVE
    notes: tuple[str, ...] = ()
    matching: Matching = BY_NAME

    def due(self, entry: Entry, now: datetime, until: datetime) -> datetime | None:
        return None

    def named(self, groups: frozenset[str]) -> frozenset[str]:
        return groups & self.reads_groups

    def ended(self, now: datetime) -> tuple[str, ...]:
        return self.notes

    def clauses(self, entry: Entry, now: datetime) -> tuple[Clause, ...]:
        return (Clause("in scope", "", not _first(entry, "scope")),)

    def grants(self, entry: Entry, now: datetime) -> tuple[Grant, ...]:
        groups = entry.groups or frozenset[str]()
        return tuple(
            Grant(name, "", f"in group {name}", "", name in groups, tuple(groups & {name})) for name in self.groups
        )

    def disabled_by(self, entry: Entry, now: datetime) -> tuple[str, ...]:
        return ("disabled",) if _first(entry, "disabled") else ()

    def proposed_login(self, login: str) -> str:
        return "".join(letter for letter in login if letter in LOGIN_LETTERS)

    def map(self, entry: Entry, now: datetime) -> Account | Unmapped:
        uid, scope, role = (_first(entry, name) for name in ("uid", "scope", "role"))
        if scope:
            mail = _first(entry, "mail")
            return Unmapped(entry.anchor, entry.name, Absent(scope), "as the directory says", uid or "", mail=mail)
        disabled = _first(entry, "disabled")
        if not uid:
            mail = _first(entry, "mail")
            return Unmapped(entry.anchor, entry.name, Absent.INVALID, "no uid", disabled=bool(disabled), mail=mail)
        return Account(
            anchor=entry.anchor,
            login=uid,
            name=_first(entry, "sn"),
            mail=_first(entry, "mail"),
            role=None if role is None else Role(int(role or 0)),
            enabled=None if disabled is None else not disabled,
            groups=None if entry.unread else entry.groups,
            extra=((self.matching.key, stored_form(entry.anchor)),) if self.matching.key else (),
            group_roles=() if entry.unread else tuple(self._roles(entry)),
            modes=(("name", Mode.ALWAYS), ("mail", Mode.ALWAYS)),
        )

    def _roles(self, entry: Entry) -> Iterator[tuple[str, str]]:
        """`vpn_role` is the role in vpn where it is governed; empty for a plain user."""
        for group in sorted(self.group_roles):
            role = _first(entry, f"{group}_role")
            if role is not None and group in (entry.groups or ()):
                yield group, role or "user"


def _first(entry: Entry, attribute: str) -> str | None:
    values = entry.attrs.get(attribute)
    return None if values is None else values[0] if values else ""


class Rehearsal:
    """Everything that a run needs, open to tests."""

    def __init__(self, **settings: Any) -> None:
        given = {"kind": "memory", "provisioning_id": OURS, "groups": ("vpn", "wiki"), **settings}
        self.source = MemorySource("staff", [], realm="here")
        self.target = connect("mfa", Settings.model_validate(given))
        self.clock = SetClock()
        self.job = Job(
            "staff", (self.source,), PlainRules(), self.target.reader, Policy(OURS), WIDE, "configuration 1"
        )  # fmt: skip
        self.writers = 0

    @cached_property
    def state(self) -> State:
        """Our memory, made when it is first asked for: not every test needs one."""
        return fresh_state(self.clock)

    @property
    def tools(self) -> Tools:
        return Tools(self.state, self.clock, ScratchWaist)

    def close(self) -> None:
        if "state" in vars(self):
            self._check_plans()
            self.state.close()

    def _check_plans(self) -> None:
        """The plans that were kept are what the published schema says, whatever a test was about."""
        database = self.state._database  # type: ignore[attr-defined]
        with database.reading() as connection:
            kept = select(plan.c.document).order_by(plan.c.made.desc()).limit(_CHECKED)
            documents = list(connection.execute(kept).scalars())
        for document in filter(None, documents):
            PLANS.validate(json.loads(document))

    # --- the directory ------------------------------------------------------------------------------------------------

    def hire(self, who: str, groups: tuple[str, ...] = (), **attributes: str) -> None:
        """A person whose entry id is the first name that they have."""
        attrs = {name: (value,) for name, value in {"uid": who, **attributes}.items()}
        self.source.entries.append(Entry(Anchor("here", who), f"cn={who}", attrs, frozenset(groups)))

    def change(self, who: str, groups: tuple[str, ...] | None = None, **attributes: str) -> None:
        """What the directory says of a person from now on; an empty text is an attribute without a value."""
        old = self.entry(who)
        attrs = {**old.attrs, **{name: (value,) if value else () for name, value in attributes.items()}}
        new = replace(old, attrs=attrs, groups=old.groups if groups is None else frozenset(groups))
        self.source.entries = [new if entry is old else entry for entry in self.source.entries]

    def leave(self, who: str) -> None:
        self.source.entries.remove(self.entry(who))

    def entry(self, who: str) -> Entry:
        return next(entry for entry in self.source.entries if entry.anchor.id == who)

    # --- the service --------------------------------------------------------------------------------------------------

    def login(self, name: str) -> Login:
        return next(login for login in self.target.state.logins.values() if login.login == name)

    def by_hand(self, login_name: str, /, **fields: Any) -> None:
        """What an administrator does in the service's own console."""
        login = self.login(login_name)
        self.target.state.logins[login.id] = replace(login, **fields)

    def groups_of(self, name: str) -> set[str]:
        number = self.login(name).id
        return {self.target.state.groups[group].name for group, login in self.target.state.members if login == number}

    def role_in(self, group: str, name: str) -> int:
        (number,) = (number for number, each in self.target.state.groups.items() if each.name == group)
        return self.target.state.members[number, self.login(name).id]

    def fail(self, operation: str, error: Exception, times: int = 1, after: bool = False) -> None:
        """The next calls of an operation fail, before or after they had their effect."""
        left = [times]

        def knob(called: str) -> None:
            if called == operation and left[0]:
                left[0] -= 1
                raise error

        if after:
            self.target.state.after = knob
        else:
            self.target.state.before = knob

    def calls(self) -> list[str]:
        """From now on, every operation that changes something, as it begins."""
        seen: list[str] = []
        self.target.state.before = seen.append
        return seen

    # --- the engine ---------------------------------------------------------------------------------------------------

    def writer(self) -> TargetWriter:
        self.writers += 1
        return self.target.writer()

    def configure(self, **fields: Any) -> None:
        self.job = replace(self.job, **fields)

    def plan(self, selection: Selection | None = None) -> Plan:
        return make_plan(self.job, self.tools, selection)[0]

    def run(self, report: bool = False, **request: Any) -> RunReport:
        make: Callable[[], TargetWriter] | None = None if report else self.writer
        return run(self.job, self.tools, make, Request("run", **request))

    def run_row(self) -> RunRow:
        """A run of this job that has just begun."""
        return RunRow(
            "r1", self.job.name, str(self.job.target.service), "run", "root", self.clock.now(), None, None, "", "", {}
        )  # fmt: skip

    def ledger(self) -> dict[str, LedgerRow]:
        return {row.anchor.id: row for row in self.state.ledger(self.job.target.service)}
