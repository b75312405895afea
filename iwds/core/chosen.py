"""What of a plan somebody means who rules over a part of it: by person, by group, by kind and evidence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from iwds.core.approval import Approval
from iwds.core.change import Change
from iwds.core.decision import Reason
from iwds.core.model import fold
from iwds.core.plan import Plan, chosen_part
from iwds.core.rulings import Ruling, Rulings, Verdict, aims, exactly, person


@dataclass(frozen=True, slots=True)
class Part:
    """What was asked for; each that is given narrows it further.

    Attributes:
        logins: login names in any case, and ids as `#1234`.
        groups: names of groups of the service.
        only: kinds and evidence.
    """

    logins: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()

    def of(self, changes: Iterable[Change]) -> list[Change]:
        """The changes, or parts of them, that are meant; each once."""
        parts = (chosen_part(change, self.only) for change in changes if self._is_about(change))
        return list(dict.fromkeys(part for part in parts if part is not None))

    def _is_about(self, change: Change) -> bool:
        names = {fold(change.subject.login), f"#{change.subject.login_id}"}
        if self.logins and names.isdisjoint(map(fold, self.logins)):
            return False
        group = getattr(change, "group", None)
        return not self.groups or (group is not None and fold(group.name) in map(fold, self.groups))


def approvable(plan: Plan, rule: Approval) -> list[Change]:
    """What of a plan waited for approval, and what else of it needs one by a rule: of now, if it was never made."""
    parts = (rule.part(change) for change in plan.changes)
    return [*(part for part in parts if part is not None), *plan.unapproved]


def approvers(plan: Plan, rule: Approval) -> int:
    """How many different people must approve each change of a plan; counted over the plan, not over what is chosen."""
    count = max(plan.basis.to_approve, len(approvable(plan, rule.stricter(plan.basis.approval))))
    return max(plan.basis.approvers, rule.people(count))


def rejectable(plan: Plan) -> list[Change]:
    """What a plan would do, or would if nothing held it: what follows what others did, nobody can reject."""
    held = (skip.change for skip in plan.skips if skip.change is not None and skip.reason is not Reason.REJECTED)
    return [change for change in (*plan.changes, *held) if aims(change)]


def rejected(plan: Plan) -> list[Change]:
    """What a plan does not do because somebody rejected it."""
    return [skip.change for skip in plan.skips if skip.change is not None and skip.reason is Reason.REJECTED]


def without_own(changes: Iterable[Change], rows: Iterable[Ruling], by: str) -> list[Change]:
    """Without what the same person approved before: that counts once, however often it is said."""
    own = frozenset(
        mark
        for row in rows
        if row.verdict is Verdict.APPROVED and person(row.said.by) == person(by)
        for mark in row.marks
    )
    return [change for change in changes if not exactly(change) <= own]


def touching(rows: Iterable[Ruling], changes: Iterable[Change], verdict: Verdict) -> list[Ruling]:
    """The rulings that are about any of these changes."""
    marks_of = exactly if verdict is Verdict.APPROVED else aims
    marks = frozenset(mark for change in changes for mark in marks_of(change))
    return [row for row in rows if row.verdict is verdict and not marks.isdisjoint(row.marks)]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the approval of a plan has come.

    Attributes:
        waiting: how many changes waited for approval when it was made.
        approved: how many of them have enough approvals by now.
        rejected: how many of them somebody rejected since.
        by: who approved any of them.
        needed: how many different people each of them needs.
    """

    waiting: int
    approved: int
    rejected: int
    by: tuple[str, ...]
    needed: int

    @property
    def open(self) -> int:
        """How many still wait for somebody."""
        return self.waiting - self.approved - self.rejected


NOTHING_WAITS = Progress(0, 0, 0, (), 1)


def progress(plan: Plan, rule: Approval, rows: Sequence[Ruling], standing: Rulings) -> Progress:
    """How far the approval of a plan has come; `standing` are the rulings `rows` as its job sees them."""
    people = approvers(plan, rule)
    waiting = plan.unapproved
    refused = [change for change in waiting if standing.rejected(change)]
    well = [change for change in waiting if change not in refused and standing.approved(change, people)]
    by = dict.fromkeys(row.said.by for row in touching(rows, waiting, Verdict.APPROVED) if row.said.job == plan.job)
    return Progress(len(waiting), len(well), len(refused), tuple(by), people)
