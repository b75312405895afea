"""What people decide about a plan that is kept: approved, rejected, or taken back. Nothing is sent to any service."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from iwds.core.change import Change
from iwds.core.chosen import (
    Part,
    Progress,
    approvable,
    approvers,
    progress,
    rejectable,
    rejected,
    touching,
    without_own,
)
from iwds.core.plan import Plan
from iwds.core.rulings import Ruling, Rulings, Said, Verdict, approval_of, rejection_of
from iwds.engine.actions import Why
from iwds.engine.holds import LONGEST
from iwds.engine.job import Job, Tools
from iwds.engine.ruling import rule_of
from iwds.engine.who import caller, host
from iwds.errors import UsageError
from iwds.ports import Withdrawal

REJECTED_FOR = timedelta(days=30)
"""How long a rejection stands, unless somebody says otherwise."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a plan somebody would rule over.

    Attributes:
        changes: what would be approved or rejected now.
        people: how many different people must approve each of them.
        already: how many of those that were meant the same person approved before.
        rejected: how many of them are rejected: an approval does not let them go.
    """

    changes: tuple[Change, ...]
    people: int = 1
    already: int = 0
    rejected: int = 0


class Approving:
    """One plan of one job, and what people decide about it."""

    def __init__(self, plan: Plan, job: Job, tools: Tools) -> None:
        self.plan, self.job, self.tools = plan, job, tools
        self.service, self.now = job.target.service, tools.clock.now()
        self.rows = tools.state.open_rulings(self.service, self.now)
        self.rule = rule_of(job, tools).approval

    def to_approve(self, part: Part) -> Wanted:
        """What an approval would be of. Raises `UsageError` where nothing fits."""
        meant = part.of(approvable(self.plan, self.rule))
        if not meant:
            raise self._nothing("waits for approval", "what waits")
        new = without_own(meant, self.rows, caller())
        standing = Rulings(self.rows, self.job.name, self.now)
        refused = sum(standing.rejected(change) is not None for change in meant)
        return Wanted(tuple(new), approvers(self.plan, self.rule), len(meant) - len(new), refused)

    def to_reject(self, part: Part) -> Wanted:
        """What a rejection would be of. Raises `UsageError` where nothing fits."""
        meant = part.of(rejectable(self.plan))
        if not meant:
            raise self._nothing("can be rejected", "what it would do")
        return Wanted(tuple(meant))

    def to_withdraw(self, part: Part, verdict: Verdict) -> Sequence[Ruling]:
        """What stands about this part of the plan, whoever said it. Raises `UsageError` where nothing does."""
        meant = approvable(self.plan, self.rule)
        if verdict is Verdict.REJECTED:
            meant = [*rejectable(self.plan), *rejected(self.plan)]
        found = touching(self.rows, part.of(meant), verdict)
        found = [row for row in found if verdict is Verdict.REJECTED or row.said.job == self.job.name]
        if not found:
            raise self._nothing(f"is {verdict.value}", "what stands")
        return found

    def _nothing(self, what: str, shows: str) -> UsageError:
        return UsageError(
            f"nothing of plan {self.plan.id} {what} that fits", f"see {shows}: iwds show {self.plan.id} --all"
        )

    def approve(self, wanted: Wanted, why: Why) -> datetime:
        """Keep the approvals; returns until when they stand."""
        said = self._said(why, self.now + self.rule.stands)
        rows = [approval_of(change, said, wanted.people) for change in wanted.changes]
        self.tools.state.place_rulings(self.service, rows)
        return said.until

    def reject(self, wanted: Wanted, why: Why, until: datetime) -> None:
        """Keep the rejections until their end; `UsageError` for an end beyond `LONGEST`."""
        if until - self.now > LONGEST:
            raise UsageError(
                f"{until:%Y-%m-%d} is more than {LONGEST.days} days away",
                "choose an earlier end, or change the configuration",
            )
        said = self._said(why, until)
        self.tools.state.place_rulings(self.service, [rejection_of(change, said) for change in wanted.changes])

    def _said(self, why: Why, until: datetime) -> Said:
        source = f"plan {self.plan.id}"
        return Said(caller(), host(), why.reason, self.now, until, source, self.job.name, why.ticket)

    def withdraw(self, rows: Sequence[Ruling], why: Why) -> int:
        """Take rulings back; returns how many stood until now."""
        by = Withdrawal(caller(), host(), why.reason, self.now, why.ticket)
        return self.tools.state.withdraw_rulings(self.service, [row.id for row in rows], by)

    def progress(self) -> Progress:
        """How far the approval of the plan has come."""
        rows = self.tools.state.open_rulings(self.service, self.now)
        return progress(self.plan, self.rule, rows, Rulings(rows, self.job.name, self.now))
