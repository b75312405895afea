"""`activations`: who is not activated or never comes; and the links that are mailed to them once more."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iwds.cli.common import JsonOption, duration, require_reason, wired
from iwds.cli.console import err, say
from iwds.cli.login import ReasonOption, TargetOption, TicketOption, YesOption, agreed
from iwds.errors import UsageError

if TYPE_CHECKING:  # a help page should not load the engine
    from iwds.core.devices import Activated
    from iwds.engine.activations import Sheet, Sort
    from iwds.engine.resending import Chosen

SHOWN = 20
"""How many people of each group a page names, where nobody says otherwise."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("activations")(activations)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for on the command line; `limit` is None where nobody said."""

    limit: int | None
    everybody: bool
    as_json: bool
    as_csv: bool


def activations(
    expired: Annotated[bool, typer.Option("--expired", help="Only those whose code or link has run out.")] = False,
    pending: Annotated[bool, typer.Option("--pending", help="Only those whose code or link is good still.")] = False,
    idle: Annotated[
        str, typer.Option("--idle", metavar="TIME", help="Instead: seats unused for so long, such as 180d.")
    ] = "",
    resend: Annotated[bool, typer.Option("--resend", help="Mail links once more; asks first. Needs --reason.")] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="How many are listed, or get a mail: 20.")
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Other tools' logins too; only to look at.")] = False,
    target: TargetOption = "",
    reason: ReasonOption = "",
    ticket: TicketOption = "",
    yes: YesOption = False,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a table for a spreadsheet.")] = False,
) -> int:
    """List the logins that are not activated, by how far they are; or the seats that nobody uses.

    With --resend it mails links to those whose link waits or has run out: 20 at a time, nobody twice in a week.
    """
    asked = Asked(limit, everybody, as_json, as_csv)
    _refuse_nonsense(asked, bool(idle), resend, expired or pending)
    if resend:
        require_reason(reason)
        return _resend(_states(expired, pending), asked, target, ((reason, ticket), yes))
    return _list_idle(idle, asked, target) if idle else _list(_states(expired, pending), asked, target)


def _refuse_nonsense(asked: Asked, idle: bool, resend: bool, states: bool) -> None:
    wrong = {
        "--idle lists seats, and --expired, --pending and --resend are about activations": idle and (resend or states),
        "--all is only to look at: links go to our own logins alone": resend and asked.everybody,
        "--json or --csv, not both": asked.as_json and asked.as_csv,
        "--csv is for lists, and not for --resend": resend and asked.as_csv,
    }
    for words, stands in wrong.items():
        if stands:
            raise UsageError(words)


def _states(expired: bool, pending: bool) -> "tuple[Activated, ...]":
    from iwds.core.devices import Activated

    waiting = (Activated.LINK, Activated.CODE)
    if expired or pending:
        return (Activated.EXPIRED,) * expired + waiting * pending
    return (Activated.EXPIRED, *waiting, Activated.INACTIVE)


def _list(states: "tuple[Activated, ...]", asked: Asked, target: str) -> int:
    from iwds.cli import activations_text as words
    from iwds.engine.activations import not_activated

    with _surveyed((not_activated(states), [each.value for each in states]), asked, target) as (sheet, found, service):
        _shown(sheet, asked, partial(words.activation_page, found, service))
    return 0


def _list_idle(idle: str, asked: Asked, target: str) -> int:
    from iwds.cli import activations_text as words
    from iwds.engine.activations import Idle, idle_since

    moment = datetime.now(UTC) - duration(idle)
    groups = [each.value for each in Idle]
    with _surveyed((idle_since(moment), groups), asked, target) as (sheet, found, service):
        _shown(sheet, asked, partial(words.idle_page, found, service, moment))
    return 0


@contextmanager
def _surveyed(what: "tuple[Sort, list[str]]", asked: Asked, target: str) -> Iterator[tuple["Sheet", Any, str]]:
    from iwds.engine.activations import Sheet, survey

    sort, groups = what
    with wired() as wiring, closing(Sheet(groups)) as sheet:
        desk = wiring.desk(target)
        found = survey(desk, sort, sheet, everybody=asked.everybody, progress=wiring.progress)
        wiring.progress.hide()
        yield sheet, found, str(desk.reader.service)


def _shown(sheet: "Sheet", asked: Asked, page: Any) -> None:
    """A page that names a few of each group; JSON and tables hold everybody, person by person."""
    from iwds.cli import activations_text as words

    head, lines = page(sheet, asked.limit or SHOWN, asked.everybody)
    if asked.as_json:
        words.write_json(head, sheet, asked.limit)
    elif asked.as_csv:
        words.write_csv(sheet, asked.limit)
    else:
        say(lines)


def _resend(states: "tuple[Activated, ...]", asked: Asked, target: str, given: tuple[tuple[str, str], bool]) -> int:
    from iwds.cli import activations_text as words
    from iwds.engine.actions import Why
    from iwds.engine.activations import Sheet, not_activated, survey
    from iwds.engine.resending import LIMIT, MAILED, choose, resend

    why, yes = given
    wanted = [state for state in MAILED if state in states]
    with wired() as wiring, closing(Sheet([state.value for state in wanted])) as sheet:
        desk = wiring.desk(target)
        survey(desk, not_activated(wanted), sheet, progress=wiring.progress)
        chosen = choose(desk, sheet, asked.limit or LIMIT)
        with wiring.progress.aside():
            for line in words.chosen_lines(chosen):
                err.print(line)
            if not chosen.people or not agreed(_question(chosen), yes):
                return _nothing_sent(asked)
        told = partial(wiring.progress, "mails", total=len(chosen.people))
        resent = resend(desk, chosen.people, Why(*why), wiring.tools().lease_seconds, told)
    if asked.as_json:
        words.write_resent(resent, chosen)
    else:
        say(words.resent_lines(resent, chosen))
    return resent.exit_code


def _question(chosen: "Chosen") -> str:
    people = len(chosen.people)
    return f"Mail a link to {'this person' if people == 1 else f'these {people} people'}?"


def _nothing_sent(asked: Asked) -> int:
    from iwds.cli.common import show_json

    if asked.as_json:
        show_json({"schema": 1, "mails": [], "stopped": ""})
    return 0
