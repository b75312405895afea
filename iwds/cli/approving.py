"""`approve`, `reject`, `plans`: what people decide about single changes of a plan that is kept."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from iwds.cli.common import JsonOption, local, require_reason, show_json, wired
from iwds.cli.console import err, say
from iwds.cli.login import ReasonOption, TicketOption, YesOption, moment
from iwds.cli.page import cut, hanging, printable
from iwds.cli.planning import OnlyOption, answer, chosen_words
from iwds.core.words import many, until_words
from iwds.errors import UsageError

if TYPE_CHECKING:  # a help page should not load the engine
    from iwds.core.change import Change
    from iwds.core.chosen import Part
    from iwds.core.plan import Plan
    from iwds.core.rulings import Ruling, Verdict
    from iwds.engine.approving import Approving, Wanted

PlanArgument = Annotated[str, typer.Argument(metavar="PLAN", help="The id of a plan that is kept: see `iwds plans`.")]
LoginsOption = Annotated[
    list[str] | None, typer.Option("--login", metavar="WHO", help="Only this login, or '#1234'; may be repeated.")
]
GroupsOption = Annotated[
    list[str] | None, typer.Option("--group", metavar="NAME", help="Only what is about this group; may be repeated.")
]
AllOption = Annotated[bool, typer.Option("--all", help="All of it; needed where nothing narrows it.")]
UndoOption = Annotated[bool, typer.Option("--undo", help="Take back what was said, by whomever.")]
LISTED = 20
"""How many changes are named before somebody is asked."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("approve")(approve)
    app.command("reject")(reject)


def approve(
    plan: PlanArgument,
    login: LoginsOption = None,
    group: GroupsOption = None,
    only: OnlyOption = None,
    all_: AllOption = False,
    reason: ReasonOption = "",
    ticket: TicketOption = "",
    undo: UndoOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> int:
    """Approve changes of a plan that wait for it, exactly as they are in the plan. Sends nothing to any service.

    The next run makes them, or `iwds apply PLAN`, as long as they are still true. Needs --reason.
    """
    from iwds.core.rulings import Verdict

    part = _part(login, group, only, all_)
    with _deciding(plan, (reason, yes, as_json)) as deciding:
        if undo:
            return deciding.withdraw(part, Verdict.APPROVED, ticket)
        return deciding.approve(part, ticket)


def reject(
    plan: PlanArgument,
    login: LoginsOption = None,
    group: GroupsOption = None,
    only: OnlyOption = None,
    all_: AllOption = False,
    until: Annotated[
        str, typer.Option("--until", metavar="WHEN", help="2026-12-31, 8h or 30d; 400 days at most.")
    ] = "30d",
    reason: ReasonOption = "",
    ticket: TicketOption = "",
    undo: UndoOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> int:
    """Reject changes of a plan until a date, whatever asks for the same again. Sends nothing to any service.

    What the directory wants differently later goes on. Needs --reason.
    """
    from iwds.core.rulings import Verdict

    part, end = _part(login, group, only, all_), moment(until, datetime.now(UTC))
    with _deciding(plan, (reason, yes, as_json)) as deciding:
        if undo:
            return deciding.withdraw(part, Verdict.REJECTED, ticket)
        return deciding.reject(part, ticket, end)


def _part(login: list[str] | None, group: list[str] | None, only: list[str] | None, all_: bool) -> "Part":
    from iwds.core.chosen import Part

    part = Part(frozenset(login or ()), frozenset(group or ()), chosen_words(only))
    if all_ == (part != Part()):
        raise UsageError(
            "which changes?" if not all_ else "--all is everything, and cannot be narrowed",
            "say --login WHO, --group NAME, --only KIND, or --all",
        )
    return part


@contextmanager
def _deciding(plan: str, how: tuple[str, bool, bool]) -> "Iterator[_Deciding]":
    """One plan on the desk; `how` is the reason, whether nobody is asked, and whether JSON is wanted."""
    from iwds.engine.approving import Approving

    reason, yes, as_json = how
    require_reason(reason)
    if as_json and not yes:
        raise UsageError("--json leaves no place for a question", "look at the plan first, then add --yes")
    with wired() as wiring:
        saved = kept(plan, wiring)
        approving = Approving(saved, wiring.job(saved.job), wiring.tools())
        with wiring.progress.aside():
            yield _Deciding(approving, reason, yes, as_json)


def kept(what: str, wiring: Any) -> "Plan":
    """A plan that is kept, of a job and under a configuration of today; `UsageError` for any other, and for a file."""
    from iwds.cli.saved import applicable

    if what in wiring.config.settings.jobs or Path(what).is_file():
        raise UsageError(
            f'"{what}" is not the id of a plan that is kept', "a job or a file is not approved; see: iwds plans"
        )
    _, plan = applicable(what, wiring)
    return plan


@dataclass(frozen=True, slots=True)
class _Deciding:
    """One command about one plan."""

    approving: "Approving"
    reason: str
    yes: bool
    as_json: bool

    @property
    def plan(self) -> "Plan":
        return self.approving.plan

    def approve(self, part: "Part", ticket: str) -> int:
        from iwds.engine.actions import Why

        wanted = self.approving.to_approve(part)
        if not wanted.changes:
            return self._told("approved", 0, [*_missing(wanted), "You approved these changes before."])
        if not self._agreed("Approve", wanted.changes, _who_else(wanted)):
            return self._told("approved", 0, ["Nothing was approved."])
        until = self.approving.approve(wanted, Why(self.reason, ticket))
        n = len(wanted.changes)
        return self._told(
            "approved", n, [f"{many(n, 'change')} approved until {until_words(until)}.", *self._then(wanted)]
        )

    def _then(self, wanted: "Wanted") -> Iterator[str]:
        enough, n = self.approving.enough(wanted), len(wanted.changes)
        if enough < n:
            yield from (
                _missing(wanted) if not enough else [f"{n - enough:,} of them need another person's approval too."]
            )
        if enough > wanted.rejected:
            yield f"The next run makes what is approved; at once:  iwds apply {self.plan.id}"
        if wanted.rejected:
            yield f"{wanted.rejected:,} of them are rejected, and stay so:  iwds reject {self.plan.id} --undo"

    def reject(self, part: "Part", ticket: str, until: datetime) -> int:
        from iwds.engine.actions import Why

        wanted = self.approving.to_reject(part, until)
        note = f"No run makes them, nor the same again, until {until_words(until)}."
        if not self._agreed("Reject", wanted.changes, [note]):
            return self._told("rejected", 0, ["Nothing was rejected."])
        self.approving.reject(wanted, Why(self.reason, ticket), until)
        n = len(wanted.changes)
        return self._told("rejected", n, [f"{many(n, 'change')} rejected until {until_words(until)}."])

    def withdraw(self, part: "Part", verdict: "Verdict", ticket: str) -> int:
        from iwds.engine.actions import Why

        rows = self.approving.to_withdraw(part, verdict)
        if not self.as_json:
            say([Text(f"Not {verdict.value} any more:", style="bold")])
            say(withdrawal_lines(rows))
        if not (self.yes or _yes(f"\nTake back {'this' if len(rows) == 1 else f'these {len(rows):,}'}?")):
            return self._told("withdrawn", 0, ["Nothing was taken back."])
        n = self.approving.withdraw(rows, Why(self.reason, ticket))
        return self._told("withdrawn", n, [f"{many(n, 'ruling')} taken back."])

    def _agreed(self, what: str, changes: "Sequence[Change]", notes: Iterable[str]) -> bool:
        """Show what would be decided, and ask."""
        from iwds.cli.change_text import TABLE_HEAD, change_line, table

        if not self.as_json:
            title = f"{what} changes of plan {self.plan.id}, {self.plan.job}, made {local(self.plan.made_at)}:"
            say([Text(cut(title), style="bold"), Text(TABLE_HEAD), *table(changes, 15), Text()])
            say(change_line(change) for change in changes[:LISTED])
            more = f"    ... {len(changes) - LISTED:,} more:  iwds show {self.plan.id} --all"
            say([Text(more)] if len(changes) > LISTED else [])
            say(Text(line) for note in notes for line in hanging("", printable(note)))
        whole = "this change" if len(changes) == 1 else f"these {len(changes):,} changes"
        return self.yes or _yes(f"\n{what} {whole}?")

    def _told(self, did: str, number: int, lines: Iterable[str]) -> int:
        if self.as_json:
            progress = self.approving.progress()
            show_json({"schema": 1, "plan": self.plan.id, did: number, **asdict(progress), "open": progress.open})
        else:
            say(Text(line) for each in lines for line in hanging("", printable(each)))
        return 0


def _who_else(wanted: "Wanted") -> Iterator[str]:
    if wanted.people > 1:
        yield "The plan holds so many that each needs the approval of two different people."
    if wanted.already:
        yield f"{wanted.already:,} more are approved by you already."


def _missing(wanted: "Wanted") -> list[str]:
    return ["Another person has to approve them too, by the same command."] if wanted.people > 1 else []


def _yes(question: str) -> bool:
    if not err.is_terminal or not os.isatty(0):
        raise UsageError("nobody is there to answer", "look at the plan first, then use --yes")
    return answer(question)


def withdrawal_lines(rows: "Sequence[Ruling]") -> Iterator[Text]:
    """What would be taken back, and of those that are not listed how many come from where."""
    yield from (line for row in rows[:LISTED] for line in ruling_lines(row))
    if rest := rows[LISTED:]:
        sources = [f"{n:,} from {source}" for source, n in Counter(row.said.source for row in rest).most_common()]
        yield from map(Text, hanging("    ", printable(f"... {len(rest):,} more: {'; '.join(sources)}")))


def ruling_lines(row: "Ruling") -> Iterator[Text]:
    """What was said of one change, by whom and from where."""
    ticket = f", ticket {row.said.ticket}" if row.said.ticket else ""
    yield from map(Text, hanging("    ", printable(f"{row.words}: {row} ({row.said.source}{ticket})")))
