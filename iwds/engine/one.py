"""One person, whole: what both sides and our memory say of them, and what a run would do. Changes nothing.

Nobody else is read, but for those who want the same login: they are looked for by the same search. Join, decisions and
causes are those of a plan, over this one person. What would follow from not having been found is kept apart: only a
reading of everybody, proven, may take that for true.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from iwds.core.model import Anchor, Entry, LedgerRow, Login, fold
from iwds.core.policy import World
from iwds.core.recognition import BY_NAME
from iwds.engine.job import Job, Tools
from iwds.engine.seeking import NO_ANSWER, SERVICE, Candidate, mapped, nobody_advice, seek
from iwds.engine.sighting import One, Person, Sighting
from iwds.engine.surroundings import Around, with_ended_holds
from iwds.engine.together import decided
from iwds.errors import ForeignRealm, IwdsError, Refused, UsageError
from iwds.ports import HoldRow, Source


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
    around = Around(job, tools)
    one = _Look(job, tools, who, dict(failed or {}), around).one()
    return one if one.world is None or one.failed else decided([one], job, tools, around)[0]


def gather(job: Job, tools: Tools, who: Candidate, around: Around) -> One:
    """What both sides and our memory say of somebody by their anchor, with nothing decided, in as few calls as may be.

    Whoever keeps their login has no rival for it, and no other login can carry its name: neither is looked for.
    """
    return _Look(job, tools, who, {}, around, sparing=True).one()


class _Look:
    def __init__(
        self,
        job: Job,
        tools: Tools,
        who: Candidate,
        failed: dict[str, IwdsError],
        around: Around,
        *,
        sparing: bool = False,
    ) -> None:
        self.job, self.tools, self.who, self.failed, self.around = job, tools, who, failed, around
        self.service, self.now, self.sparing = job.target.service, around.now, sparing
        self.holds, self.memory = around.holds, around.memory
        self.realms: set[str] = set()

    def one(self) -> One:
        sightings = tuple(self._sightings(self.who.anchor)) if self.who.anchor else ()
        counting = next((each for each in sightings if each.selected), None)
        rows = self._rows_of(self.who.anchor)
        rivals: tuple[Sighting, ...] = ()
        if not self.sparing:
            rivals = self._rivals_of(counting)
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
        world = self.around.world(frozenset(self.realms))
        counting = next((each for each in sightings if each.selected), None)
        logins = self._logins(rows, counting.mapped if counting else None, world)
        keeps = self.sparing and _keeps_name(counting, rows, logins)
        if self.sparing and not keeps:
            rivals = self._rivals_of(counting)
        member_of = {login.id: self._groups_of(login, world) for login in logins}
        about = self._holds_of(login.id for login in logins)
        unsure = bool(sightings) and not keeps and not self.job.rules.login_is_written
        unrecognised = bool(sightings) and world.matching != BY_NAME and not _is_kept(rows, logins)
        tombstone = bool(rows and not sightings and not self.failed) and self._is_deleted(rows[0].anchor)
        return One(
            self.who, sightings, rivals, rows, logins, member_of, world, self.memory, about, unsure,
            unrecognised, tombstone=tombstone, failed=self.failed,
        )  # fmt: skip

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

    def _rivals_of(self, counting: Sighting | None) -> tuple[Sighting, ...]:
        return tuple(self._rivals(counting)) if counting and counting.mapped.login else ()

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
        said = world.decisions.whose.get(self.who.anchor) if self.who.anchor else None
        told = target.login(said.login_id, said.login) if said else None
        found = [*(target.login(row.login_id, row.login) for row in rows), self.who.login, told]
        wanted = fold(person.login) if person else ""
        if person and wanted and not (self.sparing and wanted in {fold(each.login) for each in found if each}):
            found.append(target.named(person.login))
        return tuple({login.id: login for login in found if login is not None}.values())

    def _groups_of(self, login: Login, world: World) -> frozenset[int]:
        return frozenset(self.job.target.roles_in(world.governed, login.id)) if world.governed else frozenset()

    def _holds_of(self, login_ids: Iterable[int]) -> tuple[HoldRow, ...]:
        wanted = frozenset(login_ids)
        return tuple(row for row in self.holds if row.login_id in wanted)


def _is_kept(rows: Sequence[LedgerRow], logins: Sequence[Login]) -> bool:
    """Whether a login that our memory has for them exists, so that they are recognised in no other one."""
    return not {row.login_id for row in rows}.isdisjoint(login.id for login in logins)


def _keeps_name(counting: Sighting | None, rows: Sequence[LedgerRow], logins: Sequence[Login]) -> bool:
    """Whether a login that our memory has for them carries the name that they want."""
    wanted, ours = fold(counting.mapped.login) if counting else "", {row.login_id for row in rows}
    return bool(wanted) and any(login.id in ours and fold(login.login) == wanted for login in logins)
