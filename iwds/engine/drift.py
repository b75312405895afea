"""Who was changed by hand: the service read whole beside our memory, and what the journal tells about those who differ.

No directory is needed for it. Memory grows with what differs, and not with the population.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from shlex import quote

from iwds.core.change import WRITTEN_FIELDS
from iwds.core.document import change_from_data
from iwds.core.drift import (
    Drift,
    DriftKind,
    Made,
    Managed,
    Moment,
    Since,
    Trace,
    by_helpdesk,
    drift_of,
    is_spelling,
    since,
    traced,
    without_held,
)
from iwds.core.drift_next import Next
from iwds.core.ledger import EXTRA, fingerprint
from iwds.core.matching import believed, retagged
from iwds.core.model import Group, LedgerRow, Login
from iwds.core.modes import MODED
from iwds.core.nearest import nearest
from iwds.core.policy import HoldKind
from iwds.core.rulings import Ruling
from iwds.core.words import login_id_in
from iwds.engine.job import Job, Tools
from iwds.engine.service_reading import ServiceReading, refuse_unproven
from iwds.engine.surroundings import another_service, governed, world_of
from iwds.errors import LoginUnknown, ServiceUnproven, UsageError
from iwds.ports import Result, Sighting, State, Told, Waist

AT_ONCE = 256
"""Logins that differ, looked up in the journal at a time."""
_LOCKS = ("lock", "unlock")
"""The helpdesk's actions that change whether a login is locked."""

Stood = tuple[LedgerRow, Login | None, frozenset[int]]
"""Our memory of a login, the login, and the groups that it is in."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to see.

    Attributes:
        who: one login alone, by name or as `#1234`; then the service is not read whole.
        group, what: only what is about this group, or this part of a login.
        since: only what was seen first at this moment or later.
        roles: whether roles in groups are read too: one call for each login that has some.
    """

    who: str = ""
    group: str = ""
    what: str = ""
    since: datetime | None = None
    roles: bool = False

    @property
    def part(self) -> str:
        """Which part of each login, as it is written on the command line; empty for all."""
        given = {"--group": self.group, "--field": self.what}
        return " ".join(f"{name} {quote(value)}" for name, value in given.items() if value)

    def __str__(self) -> str:
        """What it is narrowed to, as it is written on the command line; empty for nothing."""
        return " ".join(filter(None, (f"--login {quote(self.who)}" if self.who else "", self.part)))


@dataclass(frozen=True, slots=True)
class Found:
    """One difference of one login.

    Attributes:
        row: our memory of the login.
        login: the login as it was read; None where it is gone.
        drift: what differs.
        trace: what the journal says of it.
        since: between which moments it came about.
        kept: the decision by which it stays; empty for none.
        kept_until: when that ends; None for none.
        agreed: whether the directory wanted what the service has when it was asked last.
        next: what the next run does; None where nobody asked the directory.
        entry: what the directory calls the person, where it was asked and has them.
    """

    row: LedgerRow
    login: Login | None
    drift: Drift
    trace: Trace
    since: Since
    kept: str = ""
    agreed: bool = False
    next: Next | None = None
    entry: str = ""
    kept_until: datetime | None = None

    @property
    def name(self) -> str:
        """What the login is called now, or was."""
        return self.login.login if self.login else self.row.login


@dataclass(slots=True)
class Survey:
    """What a look at the service shows.

    Attributes:
        service: which.
        at: when it was read to its end.
        logins: how many it has; None where one was looked at alone.
        ours: how many of them this job looks after.
        found: what differs.
        counted: how many differences of each kind there are, before anything was left out for what was asked.
        helpdesk: how many locks are the helpdesk's doing, through us.
        moving: how many logins a run is at work on, or left without knowing the end.
        roles_of: of how many logins the roles in groups were read, and of how many they were not.
        missing: groups that the mapping names and the service does not have.
        retagged: how many logins of ours carry another tag, so that runs hold every removal; of one that was looked at
            alone, whether it does.
        asked: what was asked for.
    """

    service: str
    at: datetime
    logins: int | None = None
    ours: int = 0
    found: list[Found] = field(default_factory=list)
    helpdesk: int = 0
    moving: int = 0
    roles_of: tuple[int, int] = (0, 0)
    missing: tuple[str, ...] = ()
    retagged: int = 0
    asked: Asked = field(default_factory=Asked)

    @property
    def drift(self) -> list[Found]:
        """What is neither kept nor what the directory wants too."""
        return [each for each in self.found if not each.kept and not each.agreed]

    @property
    def counted(self) -> Counter[DriftKind]:
        """How many differences of each kind there are."""
        return Counter(each.drift.kind for each in self.drift)


Kept = Callable[[Found], Ruling | None]
"""By which decision of a person a difference stays as it is; None for none."""


def survey(
    job: Job, tools: Tools, asked: Asked, kept: Kept = lambda _: None, stop: threading.Event | None = None
) -> Survey:
    """Read the service, and say where it differs from what we last wrote.

    Raises `ServiceUnproven` where the reading is not believed, `ConfigurationError` where our memory is another
    service's, `UsageError` where somebody is asked for who is not ours, and what reading raises.
    """
    waist = tools.waist()
    try:
        return _Look(job, tools, asked, kept, stop or threading.Event()).survey(waist)
    finally:
        waist.close()


class _Look:
    def __init__(self, job: Job, tools: Tools, asked: Asked, kept: Kept, stop: threading.Event) -> None:
        self.job, self.tools, self.asked, self.kept, self.stop = job, tools, asked, kept, stop
        self.service, self.state = job.target.service, tools.state
        self.began = tools.clock.now()
        self.made = Survey(str(self.service), self.began, asked=asked)
        self.managed = self._managed()

    def survey(self, waist: Waist) -> Survey:
        stood = self._one() if self.asked.who else self._whole(waist)
        self.last = self.state.last_actions(self.service, _LOCKS)
        self.made.at = self.tools.clock.now()
        differing = self._differing(stood)
        while some := list(islice(differing, AT_ONCE)):
            self.made.found += filter(self._is_asked, self._told(some))
        if not self.asked.who:
            self.state.end_look(self.job.name, self.service, self.began)
        return self.made

    def _managed(self) -> Managed:
        groups = governed(self.job, self.job.target.read_groups())
        self.made.missing = tuple(sorted(self.job.rules.groups.keys() - groups.keys()))
        holds = self.state.open_holds(self.service)
        held = frozenset(row.login_id for row in holds if row.hold.kind is HoldKind.LOCK)
        managed = managed_of(self.job, groups, held)
        self._refuse_unknown(managed)
        return managed

    def _refuse_unknown(self, managed: Managed) -> None:
        """What nobody manages never differs, and an empty list would say that all is well."""
        groups, parts = [group.name for group in managed.groups.values()], parts_of(managed)
        for asked, known, words in ((self.asked.group, groups, "group"), (self.asked.what, parts, "field")):
            if asked and asked not in known:
                raise UsageError(
                    f"{self.job.name} looks after no {words} {asked}{nearest(asked, known)}",
                    f"known: {', '.join(known)}",
                )

    def _whole(self, waist: Waist) -> Iterator[Stood]:
        """Everybody of ours, from a reading that is believed."""
        waist.add_ledger(self.state.ledger(self.service))
        proof = ServiceReading(self.job.target, self.tools.progress, self.stop).read(waist, self.managed.groups)
        refuse_unproven(proof)
        groups: dict[str, Group] = {group.name: group for group in self.managed.groups.values()}
        tally = waist.join(world_of(self.job, groups, frozenset(), (), (), self.began))
        if tally.another_service:
            raise another_service(self.job, tally)
        self.made.logins, self.made.retagged = tally.logins, tally.retagged
        return waist.remembered()

    def _one(self) -> Iterator[Stood]:
        """The logins of ours that were named, read one by one."""
        number, text = login_id_in(self.asked.who), self.asked.who
        known = self.state.find_rows(self.service, text=text) if number is None else ()
        rows = known or [row for row in [self._row_of(number, text)] if row]
        ours = [row for row in rows if row.owner == self.managed.owner]
        if not ours:
            raise UsageError(
                f"{text} is no login that {self.job.name} looks after",
                "write its name on the service, or '#' and its id; whose it is: iwds explain LOGIN",
            )
        for row in ours:
            login = self.job.target.login(row.login_id, row.login)
            groups = self.job.target.roles_in(self.managed.groups, row.login_id) if login else {}
            self.made.retagged += login is not None and believed(row, login) and retagged(row, login)
            yield row, login, frozenset(groups)

    def _row_of(self, number: int | None, text: str) -> LedgerRow | None:
        """Our memory of a login by its id, or by a name that somebody else gave it."""
        if number is None:
            login = self.job.target.named(text)
            number = login.id if login else None
        return None if number is None else self.state.ledger_row(self.service, number)

    def _differing(self, stood: Iterable[Stood]) -> Iterator[tuple[LedgerRow, Login | None, list[Drift]]]:
        for row, login, groups, roles in self._with_roles(stood):
            if row.owner != self.managed.owner:
                continue
            self.made.ours += 1
            found = list(without_held(drift_of(row, login, groups, self.managed, roles), row.login_id, self.managed))
            if found and login is None:
                self._look_for(row)
            if found:
                yield row, login, found

    def _with_roles(
        self, stood: Iterable[Stood]
    ) -> Iterator[tuple[LedgerRow, Login | None, frozenset[int], Mapping[int, int] | None]]:
        """The same with roles in groups, where somebody asked for them; in lanes."""
        rest, read = iter(stood), self.asked.roles or bool(self.asked.who)
        with ThreadPoolExecutor(self.job.target.lanes, thread_name_prefix="roles") as lanes:
            while some := list(islice(rest, AT_ONCE)):
                asking = [self._role_groups(*each) for each in some]
                roles = lanes.map(self._roles, some, asking) if read else [None] * len(some)
                done, left = self.made.roles_of
                number = sum(map(bool, asking))
                self.made.roles_of = (done + number, left) if read else (done, left + number)
                yield from ((row, login, groups, held) for (row, login, groups), held in zip(some, roles, strict=True))

    def _role_groups(self, row: LedgerRow, login: Login | None, groups: frozenset[int]) -> frozenset[int]:
        """The groups in which the role of a login has to be read to know whether it is as we left it."""
        ours = row.owner == self.managed.owner and login is not None
        return self.managed.roles & groups & row.group_roles.keys() if ours else frozenset()

    def _roles(self, stood: Stood, groups: frozenset[int]) -> Mapping[int, int] | None:
        try:
            return self.job.target.roles_in(groups, stood[0].login_id) if groups else None
        except LoginUnknown:
            return None

    def _look_for(self, row: LedgerRow) -> None:
        """A login that the reading did not show must really be gone."""
        if self.job.target.login(row.login_id, row.login) is not None:
            raise ServiceUnproven(
                f"the service answers for login {row.login_id} ({row.login}), and its reading did not show it",
                "somebody changed the service while it was read: look again",
            )

    # --- what the journal and earlier looks tell ----------------------------------------------------------------------

    def _told(self, some: Sequence[tuple[LedgerRow, Login | None, list[Drift]]]) -> Iterator[Found]:
        histories = _histories(self.state, self.job, [row for row, _, _ in some])
        quiet = [(row, login, drifts) for row, login, drifts in some if self._is_quiet(histories[row.login_id])]
        self.made.moving += len(some) - len(quiet)
        told = [
            (row, login, drift, trace, made)
            for row, login, drifts in quiet
            for made in [list(_made(histories[row.login_id]))]
            for drift in drifts
            if self._is_drift(row, drift, trace := traced(drift, row, made))
        ]
        sightings = self.state.note_sightings(
            self.job.name, self.service, self.made.at, [_sighting(row, drift) for row, _, drift, _, _ in told]
        )
        for row, login, drift, trace, _ in told:
            yield self._found(row, login, (drift, trace), sightings[row.login_id, drift.what])

    def _is_quiet(self, history: Sequence[Told]) -> bool:
        """Whether no run is at work on a login, or left something of which nobody knows the end."""
        return not any(
            told.result in (None, Result.UNKNOWN) or told.at >= self.began or (told.ended and told.ended >= self.began)
            for told in history
        )

    def _is_drift(self, row: LedgerRow, drift: Drift, trace: Trace) -> bool:
        if by_helpdesk(drift, self.last.get(row.login_id), trace):
            self.made.helpdesk += 1
            return False
        return not is_spelling(drift, trace)

    def _found(self, row: LedgerRow, login: Login | None, what: tuple[Drift, Trace], seen: Sighting) -> Found:
        drift, trace = what
        looked = Moment(seen.equal_at) if seen.equal_at else None
        first = Moment(seen.seen_at) if seen.seen_at else None
        when = since([trace.equal, looked], [trace.seen, first], self.made.at)
        made = Found(row, login, drift, trace, when, agreed=seen.agreed)
        ruling = self.kept(made)
        return replace(made, kept=str(ruling), kept_until=ruling.said.until) if ruling else made

    def _is_asked(self, found: Found) -> bool:
        drift, asked = found.drift, self.asked
        group = not asked.group or (drift.group is not None and drift.group.name == asked.group)
        lately = asked.since is None or found.since.before.at >= asked.since
        return group and lately and (not asked.what or asked.what == part_name(drift))


def managed_of(job: Job, groups: Mapping[str, Group], held: frozenset[int]) -> Managed:
    """What a job looks after; `groups` are those of its groups that exist, by name, `held` as in `Managed`."""
    rules = job.rules
    return Managed(
        job.policy.provisioning_id,
        fields=frozenset({"login", "status", *(name for name in MODED if name in job.places.of)}),
        extra=rules.extra_keys,
        groups={group.id: group for _, group in sorted(groups.items())},
        roles=frozenset(groups[name].id for name in rules.group_roles if name in groups),
        held=held,
    )


def parts_of(managed: Managed) -> list[str]:
    """What can be asked for, as people type it."""
    fields = [name for name in WRITTEN_FIELDS if name in managed.fields]
    return [*fields, *(EXTRA + key for key in sorted(managed.extra)), "group", "tag"]


def part_name(drift: Drift) -> str:
    """What people type for a part of a login: a field, an extra field, `group`, `tag`."""
    if drift.group is not None:
        return "group"
    return drift.what


def _sighting(row: LedgerRow, drift: Drift) -> Sighting:
    return Sighting(row.login_id, drift.what, fingerprint(drift.now))


def _histories(state: State, job: Job, rows: Sequence[LedgerRow]) -> Mapping[int, list[Told]]:
    """What the journal has about some logins, by login id, each the oldest first."""
    histories: defaultdict[int, list[Told]] = defaultdict(list)
    for told in state.changes_about(job.target.service, dict.fromkeys(row.anchor for row in rows)):
        if told.login_id is not None:
            histories[told.login_id].append(told)
    return histories


def _made(history: Iterable[Told]) -> Iterator[Made]:
    for told in history:
        yield Made(told.at, told.run, change_from_data(dict(told.change)), told.result is Result.DONE)
