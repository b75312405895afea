"""What people decide about a plan that is kept: approved, rejected, or taken back. Nothing is sent to any service."""

from collections.abc import Callable, Sequence
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
from iwds.core.nearest import close
from iwds.core.plan import Plan, identities
from iwds.core.rulings import Ruling, Rulings, Said, Verdict, approval_of, rejection_of
from iwds.core.words import until_words
from iwds.engine.actions import Why
from iwds.engine.approved import made_since, maker
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
        """What an approval would be of. Raises `UsageError` where nothing fits, or waits."""
        meant = self._unmade(self._meant(part, approvable(self.plan, self.rule), "waits for approval"))
        # An approval counts for its job alone: the same change may wait in another one.
        said = [row for row in self.rows if row.said.job == self.job.name]
        new = without_own(meant, said, caller())
        standing = Rulings(self.rows, self.job.name, self.now)
        refused = sum(standing.rejected(change) is not None for change in meant)
        return Wanted(tuple(new), approvers(self.plan, self.rule), len(meant) - len(new), refused)

    def to_reject(self, part: Part, until: datetime) -> Wanted:
        """What a rejection until then would be of: what is rejected for less long, only where nothing else is meant.

        Raises `UsageError` where nothing fits, where all of it was made, or is rejected for as long.
        """
        again = part.of(rejected(self.plan))
        if again and not part.of(rejectable(self.plan)):
            return Wanted(tuple(self._longer(again, until)))
        return Wanted(tuple(self._unmade(self._meant(part, rejectable(self.plan), "can be rejected"))))

    def _longer(self, changes: Sequence[Change], until: datetime) -> Sequence[Change]:
        """Those whose rejection ends before."""
        standing = Rulings(self.rows, self.job.name, self.now)
        ruled = [(change, standing.rejected(change)) for change in changes]
        longer = [change for change, ruling in ruled if ruling is None or ruling.said.until < until]
        if longer:
            return longer
        told = next(str(ruling) for _, ruling in ruled if ruling)
        raise UsageError(
            f"that is {told}",
            f"for longer: a later --until; for less long lift it first: iwds reject {self.plan.id} --undo",
        )

    def to_withdraw(self, part: Part, verdict: Verdict) -> Sequence[Ruling]:
        """What stands about this part of the plan, whoever said it. Raises `UsageError` where nothing does."""
        said = f"is {verdict.value}"
        known = approvable(self.plan, self.rule.stricter(self.plan.basis.approval))
        if verdict is Verdict.REJECTED:
            known = [*rejectable(self.plan), *rejected(self.plan)]
        found = touching(self.rows, self._meant(part, known, said), verdict)
        found = [row for row in found if verdict is Verdict.REJECTED or row.said.job == self.job.name]
        if not found:
            raise self._nothing(f"{said} that fits")
        return found

    def _meant(self, part: Part, known: Sequence[Change], said: str) -> list[Change]:
        """What of the known changes is meant; `UsageError` where nothing is."""
        if meant := part.of(known):
            return meant
        fits = " that fits" if part != Part() else ""
        names = {change.subject.login for change in known}
        missed = next(filter(None, (close(who, names) for who in sorted(part.logins))), "")
        raise self._nothing(f"{said}{fits}{missed}")

    def _nothing(self, what: str) -> UsageError:
        return UsageError(
            f"nothing of plan {self.plan.id} {what}",
            f"what it holds: iwds show {self.plan.id} --all; of which plan something waits: iwds plans --waiting",
        )

    def _unmade(self, changes: Sequence[Change]) -> list[Change]:
        """Without what a run made since; `UsageError` where nothing is left."""
        made = made_since(self.tools.state, self.service, self.plan, changes)
        if left := [change for change in changes if not identities(change) <= made.keys()]:
            return left
        runs = list(dict.fromkeys(made.values()))
        raise UsageError(
            f"nothing of plan {self.plan.id} waits any more: it was made already, by run {', '.join(runs)}",
            f"take it back: iwds undo {runs[-1]}; of which plan something waits: iwds plans --waiting",
        )

    def approve(self, wanted: Wanted, why: Why) -> datetime:
        """Keep the approvals; returns until when they stand."""
        said = self._said(why, self.now + self.rule.stands)
        rows = [approval_of(change, said, wanted.people) for change in wanted.changes]
        self.tools.state.place_rulings(self.service, rows)
        return said.until

    def enough(self, wanted: Wanted) -> int:
        """How many of these have the approvals of enough people by now."""
        rows = self.tools.state.open_rulings(self.service, self.now)
        standing = Rulings(rows, self.job.name, self.now)
        return sum(standing.approved(change, wanted.people) for change in wanted.changes)

    def reject(self, wanted: Wanted, why: Why, until: datetime) -> None:
        """Keep the rejections until their end; `UsageError` for an end beyond `LONGEST`."""
        if until - self.now > LONGEST:
            raise UsageError(
                f"{until_words(until)} is more than {LONGEST.days} days away",
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

    def since(self) -> Callable[[Change], str]:
        """Asked what became since of a change that waited for approval; empty where nothing did."""
        rows = self.tools.state.open_rulings(self.service, self.now)
        standing, made = Rulings(rows, self.job.name, self.now), maker(self.tools.state, self.service, self.plan)
        people = approvers(self.plan, self.rule)

        def told(change: Change) -> str:
            if run := made(change):
                return f"made by run {run} since"
            if rejection := standing.rejected(change):
                return f"{rejection}"
            names = ", ".join(dict.fromkeys(row.said.by for row in standing.approvals(change)))
            missing = "" if standing.approved(change, people) else "; another person has to approve it too"
            return f"approved by {names} since{missing}" if names else ""

        return told
