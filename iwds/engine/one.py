"""One person, whole: what both sides and our memory say of them, and what a run would do. Changes nothing.

Nobody else is read, but for those who want the same login: they are looked for by the same search. Join, decisions and
causes are those of a plan, over this one person. What would follow from not having been found is kept apart: only a
reading of everybody, proven, may take that for true.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from iwds.core.change import Evidence
from iwds.core.decide import decide
from iwds.core.decision import Decision
from iwds.core.matching import Case, Match, is_settled
from iwds.core.model import Account, Anchor, Entry, Group, LedgerRow, Login, Membership, Unmapped, fold
from iwds.core.policy import World
from iwds.core.recognition import BY_NAME
from iwds.engine.job import Job, Tools
from iwds.engine.judging import Judging, then_of
from iwds.engine.parting import Parting
from iwds.engine.role_reading import RoleReading
from iwds.engine.seeking import NO_ANSWER, SERVICE, Candidate, mapped, nobody_advice, seek
from iwds.engine.surroundings import RECENT, governed, has_changed, with_ended_holds, world_of
from iwds.errors import ForeignRealm, IwdsError, Refused, UsageError
from iwds.ports import HoldRow, JobMemory, Source

Person = Account | Unmapped


@dataclass(frozen=True, slots=True)
class Sighting:
    """One person's entry in one source.

    Attributes:
        source: its name.
        selected: whether its base and filter find them; a run reads nobody else.
        mapped: what the rules make of the entry.
    """

    source: str
    entry: Entry
    selected: bool
    mapped: Person


@dataclass(frozen=True, slots=True)
class One:
    """Everything about one person in one job.

    Attributes:
        who: who was meant.
        sightings: their entry in each source that has it, in the order of precedence.
        rivals: entries of others who want the same login.
        rows: our memory of them; several where we keep several logins for them.
        logins: the logins that these rows name and that exist, then the one that a person said is theirs, then the one
            that carries the name they want.
        member_of: of these logins the governed groups that they are in, by login id.
        world: the facts of the service and the rules of the job; None where the service does not answer.
        memory: what earlier runs of the job left.
        rivals_unsure: whether others may want the same login, or this one may be recognised in another login, whom no
            search by equality can find.
        holds: what people hold about these logins.
        cases: how all of it belongs together; empty where nothing differs.
        decisions: what follows from what was found.
        on_absence: what a run would do whose proven reading of everybody does not show them either. Never from this.
        tombstone: whether no source has them and one shows that they were deleted; asked only of whom our memory knows.
        failed: what could not be asked, by the name of the source or `service`; then nothing is decided.
    """

    who: Candidate
    sightings: tuple[Sighting, ...]
    rivals: tuple[Sighting, ...]
    rows: tuple[LedgerRow, ...]
    logins: tuple[Login, ...]
    member_of: Mapping[int, frozenset[int]]
    world: World | None
    memory: JobMemory
    holds: tuple[HoldRow, ...]
    rivals_unsure: bool = False
    cases: tuple[Case, ...] = ()
    decisions: tuple[Decision, ...] = ()
    on_absence: tuple[Decision, ...] = ()
    tombstone: bool = False
    failed: Mapping[str, IwdsError] = field(default_factory=dict)

    @property
    def counts(self) -> Sighting | None:
        """The entry that a run would take: of the first source whose base and filter find it."""
        return next((each for each in self.sightings if each.selected), None)

    @property
    def person(self) -> Person | None:
        """What a run takes them for, once who gets a login that several want is settled; None where it reads nobody."""
        settled = (case.account or case.absent for case in self.cases)
        return next((each for each in settled if each), self.counts.mapped if self.counts else None)

    @property
    def login(self) -> Login | None:
        """The login that stands for them, or that they would adopt; None where they have none.

        One that carries the name they want and stands for somebody else is not theirs.
        """
        theirs = (case.login for case in self.cases if case.match is not Match.TAKEN)
        rows = {row.login_id for row in self.rows}
        kept = (login for login in self.logins if login.id in rows)
        return next((login for login in (*theirs, self.who.login, *kept) if login), None)


class SeveralFit(Refused):
    """A text means several people, and nobody is guessed."""

    def __init__(self, text: str, candidates: Sequence[Candidate]) -> None:
        super().__init__(
            f"{text} may be {len(candidates)} people", "name one of them by their distinguished name or id"
        )
        self.candidates = candidates


def person_view(job: Job, tools: Tools, text: str) -> One:
    """The one person that a text means.

    Raises `UsageError` where nobody fits, `SeveralFit` where several do, and what could not be asked where nobody was
    found for that.
    """
    return look(job, tools, *meant(job, tools, text))


def meant(job: Job, tools: Tools, text: str) -> tuple[Candidate, Mapping[str, IwdsError]]:
    """The one person that a text means, and what could not be asked; raises as `person_view`."""
    sought = seek(job, tools, text)
    if len(sought.candidates) > 1:
        raise SeveralFit(text, sought.candidates)
    if not sought.candidates:
        raise next(iter(sought.failed.values()), None) or UsageError(
            f"nobody is found for {text} in {', '.join(s.name for s in job.sources)} and on {job.target.service}",
            nobody_advice(text),
        )
    return sought.candidates[0], sought.failed


def look(job: Job, tools: Tools, who: Candidate, failed: Mapping[str, IwdsError] | None = None) -> One:
    """Everything about somebody who was found; `failed` is what the search could not ask."""
    return _Look(job, tools, who, dict(failed or {})).one()


class _Look:
    def __init__(self, job: Job, tools: Tools, who: Candidate, failed: dict[str, IwdsError]) -> None:
        self.job, self.tools, self.who, self.failed = job, tools, who, failed
        self.service, self.now = job.target.service, tools.clock.now()
        self.holds = tools.state.open_holds(self.service)
        self.memory = tools.state.memory(job.name, self.service, self.now - RECENT)
        self.realms: set[str] = set()

    def one(self) -> One:
        sightings = tuple(self._sightings(self.who.anchor)) if self.who.anchor else ()
        counting = next((each for each in sightings if each.selected), None)
        rivals = tuple(self._rivals(counting)) if counting and counting.mapped.login else ()
        rows = self._rows_of(self.who.anchor)
        try:
            return self._with_service(sightings, rivals, rows)
        except NO_ANSWER as error:
            self.failed[SERVICE] = error
            about = self._holds_of(row.login_id for row in rows)
            return One(
                self.who, sightings, rivals, rows, (), {}, None, self.memory, about, failed=self.failed
            )  # fmt: skip

    def _with_service(
        self, sightings: tuple[Sighting, ...], rivals: tuple[Sighting, ...], rows: tuple[LedgerRow, ...]
    ) -> One:
        existing = self.job.target.read_groups()
        groups = governed(self.job, existing)
        said = self.tools.state.matches(self.service)
        world = world_of(self.job, groups, frozenset(self.realms), self.holds, said, self.now)
        world = replace(world, edited=has_changed(self.job, self.memory))
        logins = self._logins(rows, next((each.mapped for each in sightings if each.selected), None), world)
        member_of = {login.id: self._groups_of(login, world) for login in logins}
        about = self._holds_of(login.id for login in logins)
        known = world.matching == BY_NAME or _is_kept(rows, logins)
        unsure = bool(sightings) and not (self.job.rules.login_is_written and known)
        tombstone = bool(rows and not sightings and not self.failed) and self._is_deleted(rows[0].anchor)
        one = One(
            self.who, sightings, rivals, rows, logins, member_of, world, self.memory, about, unsure,
            tombstone=tombstone, failed=self.failed,
        )  # fmt: skip
        return one if self.failed else self._decided(one, world, existing)

    def _sightings(self, anchor: Anchor) -> Iterator[Sighting]:
        for source in self.job.sources:
            try:
                entry = source.find(anchor, self.job.rules.attributes)
                self.realms.add(anchor.realm)
                if entry is not None:
                    yield self._sighting(source, entry)
            except ForeignRealm:
                continue
            except NO_ANSWER as error:
                self.failed[source.name] = error

    def _is_deleted(self, anchor: Anchor) -> bool:
        """Whether a source that answers for their directory shows that their entry was deleted."""
        for source in self.job.sources:
            try:
                if source.deleted(anchor):
                    return True
            except ForeignRealm:
                continue
            except NO_ANSWER as error:
                self.failed[source.name] = error
        return False

    def _sighting(self, source: Source, entry: Entry) -> Sighting:
        made = mapped(self.job, self.tools, entry)
        return Sighting(source.name, entry, source.selects(entry.anchor), made)

    def _rivals(self, counting: Sighting) -> Iterator[Sighting]:
        """Others who want this login, each in the first source whose base and filter find them."""
        rules, wanted = self.job.rules, counting.mapped.login
        written = (counting.entry.attrs.get(name, ()) for name in rules.login_attributes)
        values = {fold(value) for values in written for value in values} | {fold(wanted)}
        seen = {counting.entry.anchor}
        for rival in self._searched(values, rules.login_attributes):
            if rival.entry.anchor not in seen and rival.selected and fold(rival.mapped.login) == fold(wanted):
                seen.add(rival.entry.anchor)
                yield rival

    def _searched(self, values: Iterable[str], by: Collection[str]) -> Iterator[Sighting]:
        for source in self.job.sources:
            try:
                found = [each for text in sorted(values) for each in source.search(text, by, self.job.rules.attributes)]
                yield from [self._sighting(source, entry) for entry in found]
            except NO_ANSWER as error:
                self.failed[source.name] = error

    def _rows_of(self, anchor: Anchor | None) -> tuple[LedgerRow, ...]:
        rows = self.tools.state.find_rows(self.service, anchor=anchor) if anchor else ()
        return tuple(with_ended_holds(rows, self.holds, self.now))

    def _logins(self, rows: Sequence[LedgerRow], person: Person | None, world: World) -> tuple[Login, ...]:
        target = self.job.target
        ours = (target.login(row.login_id, row.login) for row in rows)
        said = world.decisions.whose.get(self.who.anchor) if self.who.anchor else None
        told = target.login(said.login_id, said.login) if said else None
        named = target.named(person.login) if person and person.login else None
        found = (*ours, self.who.login, told, named)
        return tuple({login.id: login for login in found if login is not None}.values())

    def _groups_of(self, login: Login, world: World) -> frozenset[int]:
        return frozenset(self.job.target.roles_in(world.governed, login.id)) if world.governed else frozenset()

    def _holds_of(self, login_ids: Iterable[int]) -> tuple[HoldRow, ...]:
        wanted = frozenset(login_ids)
        return tuple(row for row in self.holds if row.login_id in wanted)

    def _decided(self, one: One, world: World, existing: Sequence[Group]) -> One:
        """The same with what follows from it."""
        cases = RoleReading(self.job.target, _untold).of(self._cases(one, world))
        waiting = [case for case in cases if not is_settled(case, world)]
        changed = has_changed(self.job, self.memory)
        earlier = self.job.earlier(self.memory.configuration) if changed and self.memory.configuration else None
        then = then_of(earlier, world, {group.name: group for group in existing}) if earlier else None
        judging = Judging(self.job, self.now, {}, changed, then)
        decisions = [each for case in waiting for each in judging.of(case, list(decide(case, world)))]
        absence = [each for each in decisions if _rests_on_absence(each)]
        return replace(
            one,
            cases=tuple(waiting),
            decisions=tuple(each for each in decisions if not _rests_on_absence(each)),
            on_absence=tuple(Parting(self.job, _untold).of(absence)),
        )

    def _cases(self, one: One, world: World) -> list[Case]:
        """The cases of this person alone, by the join of every plan."""
        with closing(self.tools.waist()) as waist:
            waist.add_people(each.mapped for each in (one.counts, *one.rivals) if each)
            waist.add_ledger({row.login_id: row for row in self._rows_around(one)}.values())
            waist.add_logins(self._logins_around(one))
            waist.add_members(Membership(login, group) for login, groups in one.member_of.items() for group in groups)
            waist.join(world)
            return [case for case in waist.cases() if self._is_about(case)]

    def _rows_around(self, one: One) -> Iterator[LedgerRow]:
        """Our memory of this person, of their rivals, and of the login whose name they want."""
        yield from one.rows
        for rival in one.rivals:
            yield from self._rows_of(rival.entry.anchor)
        known = (self.tools.state.ledger_row(self.service, login.id) for login in one.logins)
        yield from with_ended_holds((row for row in known if row), self.holds, self.now)

    def _logins_around(self, one: One) -> Iterator[Login]:
        yield from one.logins
        for rival in one.rivals:
            known = (self.job.target.login(row.login_id, row.login) for row in self._rows_of(rival.entry.anchor))
            yield from (login for login in known if login)

    def _is_about(self, case: Case) -> bool:
        if self.who.anchor is None:
            return case.login is not None and self.who.login is not None and case.login.id == self.who.login.id
        parts = (case.account, case.row, case.absent)
        return any(part is not None and part.anchor == self.who.anchor for part in parts)


def _is_kept(rows: Sequence[LedgerRow], logins: Sequence[Login]) -> bool:
    """Whether a login that our memory has for them exists, so that they are recognised in no other one."""
    return not {row.login_id for row in rows}.isdisjoint(login.id for login in logins)


def _rests_on_absence(decision: Decision) -> bool:
    return decision.change is not None and decision.change.evidence is Evidence.UNSEEN


def _untold(_: int) -> None:
    """Nobody watches a look at one."""
