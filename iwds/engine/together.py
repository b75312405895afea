"""A few people who were looked at one by one, decided together: by the join, the decisions and causes of every plan.

Two of them who want the same login are rivals as ever, and one who gives a name up frees it for another.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from iwds.core.change import Evidence
from iwds.core.decide import decide
from iwds.core.decision import Decision
from iwds.core.matching import Case, is_settled
from iwds.core.model import Anchor, LedgerRow, Login, Membership
from iwds.core.policy import World
from iwds.engine.job import Job, Tools
from iwds.engine.judging import Judging, then_of
from iwds.engine.newcomers import Newcomers
from iwds.engine.parting import Parting
from iwds.engine.role_reading import RoleReading
from iwds.engine.sighting import One
from iwds.engine.surroundings import Around, has_changed, with_ended_holds


def decided(ones: Sequence[One], job: Job, tools: Tools, around: Around) -> list[One]:
    """The same people, of whom everything could be asked, with what follows from what was found of them all."""
    return _Together(ones, job, tools, around).decided() if ones else []


class _Together:
    def __init__(self, ones: Sequence[One], job: Job, tools: Tools, around: Around) -> None:
        self.ones, self.job, self.tools, self.around = ones, job, tools, around
        self.service = job.target.service
        self.newcomers = Newcomers(job, tools, around.now)

    def decided(self) -> list[One]:
        realms = frozenset[str]().union(*(one.world.realms for one in self.ones if one.world))
        world = self.around.world(realms)
        cases = RoleReading(self.job.target, _untold).of(self._cases(world))
        waiting = [case for case in cases if not is_settled(case, world)]
        judging = self._judging(world)
        theirs = _by_anchor(waiting)
        return [self._with_decisions(one, _about(one, waiting, theirs), judging, world) for one in self.ones]

    def _judging(self, world: World) -> Judging:
        memory = self.around.memory
        changed = has_changed(self.job, memory)
        earlier = self.job.earlier(memory.configuration) if changed and memory.configuration else None
        then = then_of(earlier, world, {group.name: group for group in self.around.existing}) if earlier else None
        return Judging(self.job, world.now, {}, changed, then)

    def _with_decisions(self, one: One, cases: Sequence[Case], judging: Judging, world: World) -> One:
        decisions = [each for case in cases for each in judging.of(case, list(decide(case, world)))]
        absence = [each for each in decisions if _rests_on_absence(each)]
        return replace(
            one,
            world=world,
            doubt=self.newcomers.doubt(one, decisions),
            cases=tuple(cases),
            decisions=tuple(each for each in decisions if not _rests_on_absence(each)),
            on_absence=tuple(Parting(self.job, _untold).of(absence)) if absence else (),
        )

    def _cases(self, world: World) -> list[Case]:
        """The cases of everybody around them too; whose they are is sorted out later."""
        with closing(self.tools.waist()) as waist:
            waist.add_people(one.counts.mapped for one in self.ones if one.counts)
            waist.add_people(rival.mapped for one in self.ones for rival in one.rivals)
            waist.add_ledger({row.login_id: row for one in self.ones for row in self._rows_around(one)}.values())
            waist.add_logins({login.id: login for one in self.ones for login in self._logins_around(one)}.values())
            waist.add_members(
                Membership(login, group)
                for one in self.ones
                for login, groups in one.member_of.items()
                for group in groups
            )
            waist.join(world)
            return list(waist.cases())

    def _rows_around(self, one: One) -> Iterator[LedgerRow]:
        """Our memory of this person, of their rivals, and of the login whose name they want."""
        yield from one.rows
        for rival in one.rivals:
            yield from self._rows_of(rival.entry.anchor)
        kept = {row.login_id for row in one.rows}
        others = (login.id for login in one.logins if login.id not in kept)
        known = (self.tools.state.ledger_row(self.service, login_id) for login_id in others)
        yield from self._with_holds(row for row in known if row)

    def _logins_around(self, one: One) -> Iterator[Login]:
        yield from one.logins
        for rival in one.rivals:
            known = (self.job.target.login(row.login_id, row.login) for row in self._rows_of(rival.entry.anchor))
            yield from (login for login in known if login)

    def _rows_of(self, anchor: Anchor) -> Iterator[LedgerRow]:
        yield from self._with_holds(self.tools.state.find_rows(self.service, anchor=anchor))

    def _with_holds(self, rows: Iterable[LedgerRow]) -> Iterator[LedgerRow]:
        yield from with_ended_holds(rows, self.around.holds, self.around.now)


def _by_anchor(cases: Iterable[Case]) -> dict[Anchor, list[Case]]:
    found: dict[Anchor, list[Case]] = {}
    for case in cases:
        anchors = {part.anchor for part in (case.account, case.row, case.absent) if part is not None}
        for anchor in anchors:
            found.setdefault(anchor, []).append(case)
    return found


def _about(one: One, cases: Sequence[Case], theirs: dict[Anchor, list[Case]]) -> Sequence[Case]:
    """The cases that are about one person."""
    anchor, login = one.who.anchor, one.who.login
    if anchor is not None:
        return theirs.get(anchor, ())
    return [case for case in cases if case.login is not None and login is not None and case.login.id == login.id]


def _rests_on_absence(decision: Decision) -> bool:
    return decision.change is not None and decision.change.evidence is Evidence.UNSEEN


def _untold(_: int) -> None:
    """Nobody watches a look at a few."""
