"""Whom a run of what changed has to look at, and why; or why everybody has to be read instead."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache

from iwds.core.decision import Reason
from iwds.core.model import Anchor
from iwds.core.policy import HoldKind
from iwds.core.rulings import Verdict
from iwds.engine.job import Incremental, Job, Tools
from iwds.engine.ruling import rule_of
from iwds.engine.surroundings import Around, has_changed
from iwds.errors import MarkLost, UsageError
from iwds.ports import Delta, Feed, Mark, Waiting

_GROUPS_AT_HAND = 4
"""Of so many groups the members that were kept lie in memory: people in question are often in the same large ones."""
FOR_EVERYBODY = "everybody"
"""Why somebody waits for nothing but a run that reads everybody."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a directory has shown of somebody beside their entry, since everybody was read.

    Attributes:
        left: groups that they left, as `Entry.groups` names them.
        gone: whether their entry was deleted.
    """

    left: frozenset[str] = frozenset()
    gone: bool = False

    def __or__(self, other: "Shown") -> "Shown":
        return Shown(self.left | other.left, self.gone or other.gone)


@dataclass(frozen=True, slots=True)
class Sought:
    """Whom to look at.

    Attributes:
        people: everybody, with what was shown of them.
        deltas: what each source told.
        marks: of each source, from where on it was asked.
        waiting: everybody of whom something was wanted and not made, those who are not looked at now too.
    """

    people: Mapping[Anchor, Shown]
    deltas: Mapping[str, Delta]
    marks: Mapping[str, Mark]
    waiting: Mapping[Anchor, Waiting] = field(default_factory=dict)

    @property
    def read_at(self) -> datetime:
        """When everybody was last read."""
        return min(mark.read_at for mark in self.marks.values())

    def later(self, now: datetime) -> dict[str, Mark]:
        """From where on each source is asked the next time."""
        given = {name: delta.mark or self.marks[name].text for name, delta in self.deltas.items()}
        return {name: replace(self.marks[name], text=text, taken_at=now) for name, text in given.items()}


class EverybodyFirst(Exception):
    """Everybody has to be read; the message is half a sentence that says why."""


def settings_of(job: Job) -> Incremental:
    """How far a job may run on what changed; `UsageError` where it may not at all."""
    if job.incremental is None:
        raise UsageError(
            f"{job.name} keeps nothing by which it could run on what changed",
            f"write `incremental: {{}}` below the job {job.name}, and run it once without --changes",
        )
    return job.incremental


def sought(job: Job, tools: Tools, around: Around) -> Sought:
    """Whom to look at now. Raises `EverybodyFirst`, and whatever the sources raise where they cannot be asked."""
    return _Seeking(job, tools, around).sought()


class _Seeking:
    def __init__(self, job: Job, tools: Tools, around: Around) -> None:
        self.job, self.tools, self.service = job, tools, job.target.service
        self.state, self.around, self.now = tools.state, around, around.now
        self.settings = settings_of(job)

    def sought(self) -> Sought:
        feeds = self._feeds()
        marks = self._marks()
        deltas = {name: self._delta(feed, name, marks[name]) for name, feed in feeds.items()}
        people: dict[Anchor, Shown] = {}
        for name, feed in feeds.items():
            for who, shown in _told(feed.realm, deltas[name]):
                people[who] = people.get(who, Shown()) | shown
        waiting = {each.anchor: each for each in self.state.waiting(self.job.name, self.service)}
        for who in (*self._asked_again(waiting.values()), *self._due()):
            people.setdefault(who, Shown())
        known = {who: waiting[who] for who in people.keys() & waiting.keys()}
        people |= {who: people[who] | Shown(each.left, each.gone) for who, each in known.items()}
        if len(people) > self.settings.most:
            raise EverybodyFirst(f"{len(people):,} people are to be looked at, more than {self.settings.most:,}")
        return Sought(dict(sorted(people.items(), key=_in_order)), deltas, marks, waiting)

    def _feeds(self) -> dict[str, Feed]:
        memory = self.around.memory
        if not memory.applied_before:
            raise EverybodyFirst("no run of this job was applied yet")
        if has_changed(self.job, memory):
            raise EverybodyFirst("the configuration is another one than that last applied")
        feeds = {source.name: source.changes(self.job.rules.attributes) for source in self.job.sources}
        told = {name: feed for name, feed in feeds.items() if feed is not None}
        if silent := sorted(feeds.keys() - told.keys()):
            raise EverybodyFirst(f"{', '.join(silent)} cannot tell what changed")
        return told

    def _marks(self) -> Mapping[str, Mark]:
        marks = self.state.marks(self.job.name, self.service)
        for source in self.job.sources:
            if source.name not in marks:
                raise EverybodyFirst(f"no run of everybody has kept a mark of {source.name} yet")
        read_at = min(marks[source.name].read_at for source in self.job.sources)
        if self.now - read_at > self.settings.full_within:
            within = _hours(self.settings.full_within)
            raise EverybodyFirst(f"everybody was last read {_hours(self.now - read_at)} ago, and is within {within}")
        return {source.name: marks[source.name] for source in self.job.sources}

    def _delta(self, feed: Feed, name: str, mark: Mark) -> Delta:
        @lru_cache(_GROUPS_AT_HAND)
        def known(group: str) -> frozenset[str] | None:
            return self.state.known_members(self.job.name, self.service, name, group)

        try:
            return feed.since(mark.text, known, self.settings.most)
        except MarkLost as error:
            raise EverybodyFirst(f"{name}: {error.message.removesuffix('.')}") from error

    def _due(self) -> Iterator[Anchor]:
        """Of whom the rules make something else by now, and whose hold has ended."""
        yield from self.state.due(self.job.name, self.service, self.now)
        for row in self.around.holds:
            if not row.hold.stands(self.now) and (known := self.state.ledger_row(self.service, row.login_id)):
                yield known.anchor

    def _asked_again(self, waiting: Iterable[Waiting]) -> Iterator[Anchor]:
        """Who waits for something that may be different by now.

        Thousands may wait for an approval, or be spared by a rejection: they are not looked at before there is one, or
        before that ends.
        """
        rows = self.state.open_rulings(self.service, self.now)
        subjects = {
            verdict: {row.subject.key for row in rows if row.verdict is verdict} for verdict in Verdict
        }  # fmt: skip
        rule = unapproved_under(str(rule_of(self.job, self.tools).approval))
        exempt = self._exempt()
        for each in waiting:
            key = str(each.anchor)
            rests = {FOR_EVERYBODY}
            rests |= {Reason.REJECTED.value} if key in subjects[Verdict.REJECTED] else set()
            rests |= {rule} if key not in subjects[Verdict.APPROVED] else set()
            rests |= {Reason.EXEMPT.value} if each.anchor in exempt else set()
            if not rests.issuperset(each.why):
                yield each.anchor

    def _exempt(self) -> frozenset[Anchor]:
        """Of whom a person lets nothing be taken away."""
        holds = (row for row in self.around.holds if row.hold.kind is HoldKind.EXEMPT)
        known = (self.state.ledger_row(self.service, row.login_id) for row in holds if row.hold.stands(self.now))
        return frozenset(row.anchor for row in known if row)


def unapproved_under(rule: str) -> str:
    """Why somebody waits for an approval under a rule; another rule may not ask for one."""
    return f"{Reason.UNAPPROVED.value} ({rule})"


def waits_for_approval(each: Waiting) -> bool:
    """Whether somebody waits for an approval, under whatever rule."""
    return any(why.startswith(f"{Reason.UNAPPROVED.value} (") for why in each.why)


def _told(realm: str, delta: Delta) -> Iterator[tuple[Anchor, Shown]]:
    for who in delta.people | delta.gone | delta.left.keys():
        yield Anchor(realm, who), Shown(delta.left.get(who, frozenset()), who in delta.gone)


def _in_order(item: tuple[Anchor, Shown]) -> tuple[str, str]:
    return item[0].realm, item[0].id


def _hours(span: timedelta) -> str:
    hours = span / timedelta(hours=1)
    return f"{hours:.0f} hours" if hours >= 2 else f"{span / timedelta(minutes=1):.0f} minutes"
