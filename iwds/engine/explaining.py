"""Why somebody has what they have, or has it not: everything about one person in one job, ready to be told."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from iwds.core.assembly import ADMINISTRATORS
from iwds.core.decision import Decision
from iwds.core.guards import Populations
from iwds.core.model import Account, Login, Status, fold
from iwds.core.modes import is_left, mode_of
from iwds.core.naming import as_named
from iwds.core.normal import parse_extra
from iwds.core.plan import Plan
from iwds.core.rulings import Ruling
from iwds.core.words import field_words, role_words
from iwds.engine.actions import Desk, Seen
from iwds.engine.actions import look as look_at_login
from iwds.engine.job import Job, Tools
from iwds.engine.plan_of_one import plan_of, takes_administrator
from iwds.engine.seeking import NO_ANSWER, SERVICE
from iwds.engine.sighting import One, Sighting
from iwds.errors import ForeignRealm, IwdsError
from iwds.ports import AuditRow, Clause, Grant, Told

MOST_TOLD = 500
"""How many of the last changes are told, and as many of the last actions of the helpdesk."""
_NOBODY = Populations(0, {}, {}, {})


@dataclass(frozen=True, slots=True)
class Compared:
    """One field as the mapping makes it, beside the service's.

    Attributes:
        wanted: None where the mapping does not govern it, or cannot know it today.
        held: None where there is no login, or the service did not tell.
        governed: whether the mapping says anything about it.
        differs: whether a run would write it.
        kept: the mode by which a run leaves it as the service has it, although the two differ; empty for none.
    """

    name: str
    wanted: str | None
    held: str | None
    governed: bool
    differs: bool
    kept: str = ""


@dataclass(frozen=True, slots=True)
class InGroup:
    """One governed group of the service, and why somebody is in it or is not.

    Attributes:
        wanted: None where that is not known, or they have no account.
        member: whether their login is in it.
        ours: whether a run put them there, or took that over.
        exclusive: whether whoever should not be in it is taken out, whoever put them there.
        role, role_wanted: the names of the role there as it was read and as it should be; empty for not known.
        grants: the lines of the mapping that speak about this group.
    """

    group: str
    wanted: bool | None
    member: bool
    ours: bool
    exclusive: bool
    role: str
    role_wanted: str
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is to be told about one person in one job.

    Attributes:
        job: its name.
        reads: the attributes that the mapping reads.
        one: what was found.
        answered_by: which server or file answered, by source.
        clauses: what each clause of the scope says of them.
        disabled_by: what of the entry disables them, in words; empty for nothing, and for what is not known.
        fields: mapping and service side by side.
        groups: the service's groups that the mapping governs, by name.
        paths: how they come into each group of the directory.
        plan: what would be made of what was found, and what not; None where something could not be asked.
        administrator: whether more than is known here decides, because an administrator would be lost.
        seen: what the helpdesk sees of the login; None where there is none, or the service does not answer.
        lately: the last changes by runs, the latest first; `MOST_TOLD` at most.
        helped: what the helpdesk did with the login, in the same way.
        rulings: what people decided about single changes of theirs, and stands.
        failed: what could not be asked.
    """

    job: str
    reads: frozenset[str]
    one: One
    answered_by: Mapping[str, str]
    clauses: tuple[Clause, ...]
    disabled_by: tuple[str, ...]
    fields: tuple[Compared, ...]
    groups: tuple[InGroup, ...]
    paths: Mapping[str, tuple[str, ...]]
    plan: Plan | None
    administrator: bool
    seen: Seen | None
    lately: tuple[Told, ...]
    helped: tuple[AuditRow, ...]
    rulings: tuple[Ruling, ...] = ()
    failed: Mapping[str, IwdsError] = field(default_factory=dict)

    @property
    def entry(self) -> Sighting | None:
        """The entry that counts; or, where no run reads them, the first that was found."""
        return self.one.counts or next(iter(self.one.sightings), None)

    @property
    def on_absence(self) -> tuple[Decision, ...]:
        """What only a proven reading of everybody may lead to."""
        return self.one.on_absence


def explain(job: Job, tools: Tools, desk: Desk, one: One) -> Explanation:
    """Everything about somebody who was looked up; changes nothing, and asks no more than about this one login."""
    return _Explaining(job, tools, desk, one).explanation()


class _Explaining:
    def __init__(self, job: Job, tools: Tools, desk: Desk, one: One) -> None:
        self.job, self.tools, self.desk, self.one = job, tools, desk, one
        self.failed = dict(one.failed)
        self.entry = one.counts or next(iter(one.sightings), None)
        mapped = self.entry.mapped if self.entry else None
        names = [one.login.login] if one.rows and one.login else []
        self.account = as_named(mapped, names) if isinstance(mapped, Account) else None

    def explanation(self) -> Explanation:
        one, login = self.one, self.one.login
        seen = self._seen(login) if login else None
        paths = self._paths()
        return Explanation(
            job=self.job.name,
            reads=self.job.rules.attributes,
            one=one,
            answered_by={source.name: source.answered_by for source in self.job.sources},
            clauses=tuple(self.job.rules.clauses(self.entry.entry, self.tools.clock.now())) if self.entry else (),
            disabled_by=tuple(self._disabled_by()),
            fields=tuple(self._fields(login)),
            groups=tuple(self._groups(login, seen)),
            paths=paths,
            plan=None if self.failed else plan_of(one, self.job, self.tools, _NOBODY, ADMINISTRATORS + 1),
            administrator=takes_administrator(one),
            seen=seen,
            lately=tuple(self._lately(login)),
            helped=tuple(self._helped(login)),
            rulings=tuple(self._rulings()),
            failed=self.failed,
        )

    def _rulings(self) -> Iterator[Ruling]:
        """What people decided about single changes of theirs, of this or of another job."""
        state, now, one = self.tools.state, self.tools.clock.now(), self.one
        logins = {row.login_id for row in one.rows} | ({one.login.id} if one.login else set())
        keys = [str(one.who.anchor)] if one.who.anchor else []
        for key in [*keys, *(f"login {number}" for number in sorted(logins))]:
            yield from state.open_rulings(self.job.target.service, now, key)

    def _disabled_by(self) -> Sequence[str]:
        return self.job.rules.disabled_by(self.entry.entry, self.tools.clock.now()) if self.entry else ()

    def _seen(self, login: Login) -> Seen | None:
        try:
            return look_at_login(self.desk, login)
        except NO_ANSWER as error:
            self.failed[SERVICE] = error
            return None

    def _paths(self) -> Mapping[str, tuple[str, ...]]:
        for source in self.job.sources:
            if self.entry and source.name == self.entry.source:
                try:
                    return source.paths(self.entry.entry.anchor)
                except ForeignRealm:
                    return {}
                except NO_ANSWER as error:
                    self.failed[source.name] = error
        return {}

    def _lately(self, login: Login | None) -> Sequence[Told]:
        anchor, login_id = self.one.who.anchor, login.id if login else None
        return self.tools.state.changes_of(self.job.target.service, anchor, login_id, MOST_TOLD)

    def _helped(self, login: Login | None) -> Sequence[AuditRow]:
        service = str(self.job.target.service)
        return self.tools.state.audit(login.id, service=service, limit=MOST_TOLD) if login else ()

    def _fields(self, login: Login | None) -> Iterator[Compared]:
        account = self.account
        for name in ("login", "firstname", "name", "mail", "phone", "role"):
            yield self._compared(name, getattr(account, name, None), getattr(login, name, None))
        wanted = None if account is None or account.enabled is None else "active" if account.enabled else "locked"
        yield self._compared("status", wanted, _status(login))
        yield from self._extra(login)

    def _extra(self, login: Login | None) -> Iterator[Compared]:
        wanted = dict(self.account.extra) if self.account else {}
        held = parse_extra(login.extra) if login and login.extra is not None else None
        for key in sorted(self.job.rules.extra_keys):
            here = None if held is None else held.get(key, "")
            yield self._beside(f"extra {key}", wanted.get(key), here, True)

    def _compared(self, name: str, wanted: str | int | None, held: str | int | None) -> Compared:
        governed = name in {"login", "status"} or name in self.job.places.of
        each = self._beside(name, wanted, held, governed)
        same = name == "login" and fold(each.wanted or "") == fold(each.held or "")
        return replace(each, differs=False) if same else each

    def _beside(self, name: str, wanted: str | int | None, held: str | int | None, governed: bool) -> Compared:
        """A field on both sides; one whose mode leaves it as it is differs, and is not written."""
        differs = wanted is not None and held is not None and wanted != held
        kept = self._kept(name, wanted, held) if differs else ""
        return Compared(field_words(name), _told(wanted), _told(held), governed, differs and not kept, kept)

    def _kept(self, name: str, wanted: str | int | None, held: str | int | None) -> str:
        """The mode that keeps what the service has; empty for none. Login and status have no mode."""
        if self.account is None or name in {"login", "status"}:
            return ""
        mode = mode_of(name, dict(self.account.modes))
        return mode.value if is_left(wanted, held, mode) else ""

    def _groups(self, login: Login | None, seen: Seen | None) -> Iterator[InGroup]:
        granting = self.job.rules.grants(self.entry.entry, self.tools.clock.now()) if self.entry else ()
        roles = dict(self.account.group_roles) if self.account else {}
        held = {each.group.name: role_words(each.role, seen.role_names) for each in seen.groups} if seen else {}
        ours = frozenset[int]().union(*(row.groups for row in self.one.rows))
        for name, group in sorted(self.one.world.groups.items() if self.one.world else ()):
            wanted = None if self.account is None or self.account.groups is None else name in self.account.groups
            member = login is not None and group.id in self.one.member_of.get(login.id, ())
            lines = tuple(each for each in granting if each.to == name)
            exclusive = self.job.rules.groups[name]
            yield InGroup(
                name, wanted, member, group.id in ours, exclusive, held.get(name, ""), roles.get(name, ""), lines
            )


def _status(login: Login | None) -> str | None:
    if login is None or login.status is None:
        return None
    return "locked" if login.status == Status.LOCKED else "active"


def _told(value: str | int | None) -> str | None:
    return role_words(value) if isinstance(value, int) else value
