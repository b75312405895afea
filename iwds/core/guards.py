"""Brakes on a plan: each counts one thing that is taken or given, and trips above its limit.

A guard trips where count > max(floor, ratio * population) or count > cap. A floor keeps small directories working, a
ratio keeps middle ones safe, a cap keeps large ones awake. A trip stops the whole run; it is overridden for one plan by
guard and number, never in general.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from iwds.core.causes import Cause, cause_text
from iwds.core.change import Change, Evidence, Kind, RemoveFromGroup, Write, field_kind, fields_changed, kinds


class GuardKind(StrEnum):
    """What a guard counts."""

    LOCK = "lock"
    DELETE = "delete"
    DEMOTE = "demote"
    RENAME = "rename"
    CLEAR = "clear"
    """One field of many people; counted per field."""
    LEAVE = "leave"
    """Memberships lost, over all groups."""
    LEAVE_GROUP = "leave-group"
    """Memberships lost within one group; counted per group."""
    PROMOTE = "promote"
    GROUP_ROLE = "group-role"
    """Custom roles given in groups, with the membership or later; managers and administrators count as promoted."""
    CREATE = "create"
    ADOPT = "adopt"
    UNLOCK = "unlock"
    MAIL = "mail"
    VANISHED = "vanished"
    """People missing against the last proven reading of a source; counted per source."""


OUT_OF_SCOPE = "out-of-scope"
"""The gate for removals that a changed configuration asks for: closed until somebody accepts their number."""
UNREADABLE = "unreadable"
"""The gate for attributes and groups that far fewer people have than before: not believed until somebody accepts it."""
VIEW = "view"
"""The gate for readings taken with other eyes than the last proven one: not believed until somebody accepts it."""
RETAGGED = "retagged"
"""The gate for all removals while logins of ours carry another tag: closed until somebody accepts the new tags."""
GATES = frozenset({OUT_OF_SCOPE, UNREADABLE, VIEW, RETAGGED})


@dataclass(frozen=True, slots=True)
class Limit:
    """When a guard trips. `cap` None: no absolute limit."""

    floor: int
    ratio: float
    cap: int | None

    def allowed(self, population: int) -> int:
        """The largest count that does not trip."""
        most = max(self.floor, int(self.ratio * population))
        return most if self.cap is None else min(most, self.cap)


DEFAULTS: Mapping[GuardKind, Limit] = {
    GuardKind.LOCK: Limit(3, 0.05, 200),
    GuardKind.DELETE: Limit(3, 0.05, 200),
    GuardKind.DEMOTE: Limit(3, 0.05, 200),
    GuardKind.RENAME: Limit(3, 0.05, 200),
    GuardKind.CLEAR: Limit(3, 0.05, 200),
    GuardKind.LEAVE: Limit(20, 0.10, 1000),
    GuardKind.LEAVE_GROUP: Limit(3, 0.30, 500),
    GuardKind.PROMOTE: Limit(1, 0.01, 10),
    GuardKind.GROUP_ROLE: Limit(20, 0.10, 1000),
    GuardKind.CREATE: Limit(50, 0.20, 2000),
    GuardKind.ADOPT: Limit(10, 0.10, 500),
    GuardKind.UNLOCK: Limit(10, 0.10, 500),
    GuardKind.MAIL: Limit(10, 0.10, 500),
    GuardKind.VANISHED: Limit(3, 0.10, None),
}

NOT_ON_FIRST_RUN = frozenset({GuardKind.CREATE, GuardKind.ADOPT})
"""Guards that a job's first run does not know: it creates and adopts everybody."""

_TAKING = frozenset(
    {
        *(GuardKind.LOCK, GuardKind.DELETE, GuardKind.DEMOTE, GuardKind.RENAME, GuardKind.CLEAR),
        *(GuardKind.LEAVE, GuardKind.LEAVE_GROUP),
    }
)
FIRST_RUN: Mapping[GuardKind, Limit] = {GuardKind.PROMOTE: Limit(5, 0.10, 50)}
"""Limits of a job's first run where the job sets none itself: whoever is manager anywhere becomes it on that day."""

_COUNTED: Mapping[Kind, GuardKind] = {
    Kind.LOCK: GuardKind.LOCK,
    Kind.DELETE: GuardKind.DELETE,
    Kind.DEMOTE: GuardKind.DEMOTE,
    Kind.RENAME: GuardKind.RENAME,
    Kind.REMOVE: GuardKind.LEAVE,
    Kind.PROMOTE: GuardKind.PROMOTE,
    Kind.GROUP_ROLE: GuardKind.GROUP_ROLE,
    Kind.CREATE: GuardKind.CREATE,
    Kind.ADOPT: GuardKind.ADOPT,
    Kind.UNLOCK: GuardKind.UNLOCK,
    Kind.MAIL: GuardKind.MAIL,
}


@dataclass(frozen=True, slots=True)
class Gauge:
    """One guard's reading.

    Attributes:
        kind: what is counted.
        of: which field, group or source, for guards that count each on its own; else empty.
        observed: how many in this plan.
        recent: how many were applied without an override in the last hours, counted in.
        limit: the largest sum that does not trip.
        population: what the ratio is taken of.
        causes: how many of `observed` for which cause (`core.causes.cause_text`).
        allowed: what a person allowed for this one plan, None for nothing.
    """

    kind: GuardKind
    of: str
    observed: int
    recent: int
    limit: int
    population: int
    causes: Mapping[str, int] = field(default_factory=dict)
    allowed: int | None = None

    @property
    def used_up(self) -> bool:
        """Whether what was applied before is above the limit, while this plan adds nothing to it."""
        return self.allowed is None and not self.observed and self.recent > self.limit

    @property
    def tripped(self) -> bool:
        """Whether this guard stops the run."""
        if self.allowed is not None:
            return self.observed > self.allowed
        return self.observed > 0 and self.observed + self.recent > self.limit


@dataclass(frozen=True, slots=True)
class Populations:
    """What the ratios are taken of.

    Attributes:
        active: our active logins before the run; on a first run those that the plan matches or creates.
        groups: members per group id.
        sources: people per source: (in the last proven reading, now).
        recent: applied without an override in the last hours, by `counter`.
    """

    active: int
    groups: Mapping[int, int]
    sources: Mapping[str, tuple[int, int]]
    recent: Mapping[str, int]


def counted(change: Change) -> Iterable[tuple[GuardKind, str, int]]:
    """What one change adds to which guards: (guard, of which field or group, group id or 0)."""
    for kind in kinds(change):
        if kind in _COUNTED:
            yield _COUNTED[kind], "", 0
    if isinstance(change, RemoveFromGroup):
        yield GuardKind.LEAVE_GROUP, change.group.name, change.group.id
    if isinstance(change, Write):
        for name in fields_changed(change):
            if field_kind(change, name) is Kind.CLEAR:
                yield GuardKind.CLEAR, name, 0


def counter(kind: GuardKind, of: str) -> str:
    """What later runs know the changes that a guard counted by: `lock`, `clear mail`, `leave-group vpn`."""
    return f"{kind.value} {of}" if of else kind.value


def exempt(allowed: Collection[str], first_run: bool, limits: Mapping[GuardKind, Limit] = DEFAULTS) -> frozenset[str]:
    """Names of the guards whose counts later runs do not take over.

    Those that a person overrode; on a first run those that it does not know, and those that had a limit of its own:
    what was right by that one says nothing about the usual one.
    """
    own = {kind for kind in FIRST_RUN if _limit(kind, limits, first_run) != limits.get(kind, DEFAULTS[kind])}
    return frozenset(allowed) | {kind.value for kind in (NOT_ON_FIRST_RUN if first_run else frozenset()) | own}


def counters(change: Change, exempted: Collection[str]) -> tuple[str, ...]:
    """What later runs count a change by, where its guard watched the plan that it is of."""
    return tuple(sorted({counter(kind, of) for kind, of, _ in counted(change) if kind.value not in exempted}))


def read_gauges(
    changes: Iterable[Change],
    populations: Populations,
    limits: Mapping[GuardKind, Limit],
    allowed: Mapping[str, int],
    first_run: bool,
) -> tuple[Gauge, ...]:
    """Every guard that has something to count, and those of lock, create and promote even where they have not.

    Args:
        changes: everything that would be made, before anything is held back.
        populations: what the ratios are taken of.
        limits: per guard; a guard that is missing here has its default.
        allowed: what a person allowed for this one plan, by guard name.
        first_run: whether no run of the job was ever applied.
    """
    counts: dict[tuple[GuardKind, str, int], dict[str, int]] = {
        (kind, "", 0): {} for kind in (GuardKind.LOCK, GuardKind.CREATE, GuardKind.PROMOTE)
    }
    for change in changes:
        for key in counted(change):
            causes = counts.setdefault(key, {})
            cause = _cause(change, key[0])
            causes[cause] = causes.get(cause, 0) + 1
    for name, (before, now) in populations.sources.items():
        if now < before:
            counts[GuardKind.VANISHED, name, 0] = {cause_text(Cause.FEWER): before - now}
    skipped = NOT_ON_FIRST_RUN if first_run else frozenset()

    def gauge(key: tuple[GuardKind, str, int], causes: Mapping[str, int]) -> Gauge:
        kind, of, group = key
        population = _population(kind, of, group, populations)
        limit = _limit(kind, limits, first_run).allowed(population)
        recent = populations.recent.get(counter(kind, of), 0)
        return Gauge(
            kind, of, sum(causes.values()), recent, limit, population, dict(sorted(causes.items())),
            allowed.get(kind.value),
        )  # fmt: skip

    return tuple(gauge(key, counts[key]) for key in sorted(counts) if key[0] not in skipped)


def _limit(kind: GuardKind, limits: Mapping[GuardKind, Limit], first_run: bool) -> Limit:
    """A guard's limit; on a first run its own one, unless the job has set another than the default."""
    limit = limits.get(kind, DEFAULTS[kind])
    return FIRST_RUN.get(kind, limit) if first_run and limit == DEFAULTS[kind] else limit


def _population(kind: GuardKind, of: str, group: int, populations: Populations) -> int:
    if kind is GuardKind.VANISHED:
        return populations.sources[of][0]
    if kind is GuardKind.LEAVE_GROUP:
        return populations.groups.get(group, 0)
    return populations.active


_OF_GUARD: Mapping[GuardKind, Cause] = {
    GuardKind.LOCK: Cause.DISABLED,
    GuardKind.DELETE: Cause.NOT_READ,
    GuardKind.DEMOTE: Cause.LESS,
    GuardKind.RENAME: Cause.RENAMED,
    GuardKind.CLEAR: Cause.EMPTIED,
    GuardKind.LEAVE: Cause.LEFT_GROUP,
    GuardKind.LEAVE_GROUP: Cause.LEFT_GROUP,
    GuardKind.PROMOTE: Cause.GRANTED,
    GuardKind.GROUP_ROLE: Cause.GRANTED,
    GuardKind.CREATE: Cause.JOINED,
    GuardKind.ADOPT: Cause.EXPLAINED,
    GuardKind.UNLOCK: Cause.BACK,
    GuardKind.MAIL: Cause.MAILED,
    GuardKind.VANISHED: Cause.FEWER,
}
"""Why a guard counts something where the change itself does not say more."""
_SAID = frozenset({GuardKind.LOCK, GuardKind.DELETE})
"""Of whom a change says why they lose their access; a changed configuration is a cause of every removal."""


def _cause(change: Change, guard: GuardKind) -> str:
    """The cause that a refusal breaks the numbers of a guard down by."""
    if change.evidence is Evidence.ORDERED:
        return cause_text(Cause.ORDERED)
    said = getattr(change, "cause", "")
    if change.evidence is Evidence.RULE and not said:
        return cause_text(Cause.RULE)
    if guard in _TAKING and said and (change.evidence is Evidence.RULE or guard in _SAID):
        return str(said)
    return cause_text(_OF_GUARD[guard])


def retagged_words(number: int) -> str:
    """Why every removal waits while so many logins of ours carry another tag."""
    return f"another tool retagged {number:,} of our logins"
