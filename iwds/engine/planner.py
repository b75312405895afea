"""Which plan a run makes: of everybody, or of what changed where that can be told; and what it leaves for the next."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from iwds.core.matching import Tally
from iwds.core.model import Anchor
from iwds.core.moved import Find
from iwds.core.plan import Plan, Selection
from iwds.engine.applying import Applied
from iwds.engine.changed import EverybodyFirst, Sought, settings_of, sought
from iwds.engine.incremental import PlannedChanges, plan_of_changes
from iwds.engine.job import Job, Tools
from iwds.engine.learning import learnt_of_all, learnt_of_changes
from iwds.engine.marking import Marking
from iwds.engine.missed import Earlier, earlier_of, missed, missed_data, missed_words
from iwds.engine.planning import make_plan
from iwds.engine.surroundings import Around
from iwds.ports import Learnt, Lease

Narrow = Callable[[Plan, Find], Plan]


def _whole(plan: Plan, _: Find) -> Plan:
    """Nothing is cut off."""
    return plan


@dataclass(frozen=True, slots=True)
class Made:
    """A plan, and what goes with it.

    Attributes:
        words: what the end of the run says beside what became of the plan, in half sentences.
        report: the same for its report.
        logins: of which logins our memory is brought up to date; None for all.
        learnt: what the run leaves for the next one once it was applied; None for nothing.
        gone: of whom a directory told that their entry was deleted.
    """

    plan: Plan
    tally: Tally
    words: tuple[str, ...]
    report: dict[str, Any]
    logins: frozenset[int] | None
    learnt: Callable[[Applied], Learnt | None]
    gone: frozenset[Anchor] = frozenset()

    @property
    def of_changes(self) -> bool:
        """Whether only people of whom something changed were looked at."""
        return self.plan.basis.looked_at is not None


def _nothing(_: Applied) -> None:
    """It leaves nothing."""


class Planner:
    """Makes the plan of one run.

    Args:
        own: the id of the run and its lease, where it may write; None for a plan that only shows.
    """

    def __init__(
        self, job: Job, tools: Tools, stop: threading.Event | None = None, own: tuple[str, Lease] | None = None
    ) -> None:
        self.job, self.tools, self.own = job, tools, own
        self.stop = stop or threading.Event()

    def made(self, selection: Selection, narrow: Narrow = _whole, *, changes: bool = False) -> Made:
        """The plan; of what changed where that was asked for and can be told. Raises as `make_plan`."""
        if not changes:
            return self._of_everybody(selection, narrow)
        settings_of(self.job)
        around = Around(self.job, self.tools)
        try:
            found = sought(self.job, self.tools, around)
        except EverybodyFirst as why:
            return self._of_everybody(selection, narrow, str(why))
        return self._of_changes(found, around, selection)

    def _of_changes(self, found: Sought, around: Around, selection: Selection) -> Made:
        planned = plan_of_changes(self.job, self.tools, found, around, selection, self.stop)
        found = replace(found, people=planned.people)
        count = len(found.people)
        report = {"looked_at": count, "waiting": len(found.waiting)}
        words = (f"changes of {count:,} {'person' if count == 1 else 'people'}",)
        learnt = _learning(planned, found) if self.own else _nothing
        gone = frozenset(who for who, shown in found.people.items() if shown.gone)
        return Made(planned.plan, planned.tally, words, report, planned.logins, learnt, gone)

    def _of_everybody(self, selection: Selection, narrow: Narrow, why: str = "") -> Made:
        keeps = self.own is not None and self.job.incremental is not None
        before = earlier_of(self.job, self.tools) if keeps else Earlier({}, {}, ())
        marking = Marking(self.job, self.tools, *self.own) if self.own and keeps else None
        plan, tally = make_plan(
            self.job, self.tools, selection, self.stop, alone=self.own is not None, narrow=narrow, onlooker=marking
        )
        lost = missed(plan, self.job, self.tools, before) if keeps else ()
        told = [f"everybody was read: {why}" if why else "", missed_words(lost)]
        words = tuple(filter(None, told))
        plan = replace(plan, basis=replace(plan.basis, notes=(*plan.basis.notes, *words)))
        report = ({"read_everybody": why} if why else {}) | missed_data(lost)

        def learnt(applied: Applied) -> Learnt | None:
            return learnt_of_all(plan, applied, marking, before.waiting) if marking else None

        return Made(plan, tally, words, report, None, learnt)


def _learning(planned: PlannedChanges, found: Sought) -> Callable[[Applied], Learnt | None]:
    return lambda applied: learnt_of_changes(planned.plan, applied, found, planned.due)
