"""`hold`, `unhold`, `holds`: people from whom no run takes anything away until a date."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from iwds.cli.common import JsonOption, require_reason, show_json, wired
from iwds.cli.console import say
from iwds.cli.login import (
    LoginArgument,
    ReasonOption,
    TargetOption,
    TicketOption,
    at_desk,
    moment,
    say_err,
)
from iwds.cli.page import hanging, printable
from iwds.core.model import Login, Status
from iwds.core.policy import HoldKind
from iwds.core.words import until_words
from iwds.errors import UsageError
from iwds.ports import HoldRow, State

UNTIL = "2026-12-31, '2026-12-31 18:00', 8h or 30d; 400 days at most."


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("hold")(hold)
    app.command("unhold")(unhold)
    app.command("holds")(holds)


def hold(
    login: LoginArgument,
    until: Annotated[str, typer.Option("--until", metavar="WHEN", help=UNTIL)] = "",
    reason: ReasonOption = "",
    ticket: TicketOption = "",
    forever: Annotated[bool, typer.Option("--forever", help="Without an end, until `iwds unhold`.")] = False,
    target: TargetOption = "",
) -> int:
    """Take nothing away from a login until a date, whatever the directory says.

    No run locks, deletes, demotes or renames it, clears a field or takes it out of a group. So somebody who left stays
    active until the hold ends. Nothing is sent to the service. Every plan names the hold. Needs --reason.
    """
    from iwds.engine.holds import exempt

    require_reason(reason)
    if bool(until) == forever:
        raise UsageError("a hold needs an end", "write --until 2026-12-31 or --until 30d; or, on purpose, --forever")
    end = moment(until, datetime.now(UTC)) if until else None
    with at_desk(login, target, (reason, ticket)) as (desk, found, why):
        held = exempt(desk, found, end, why)
        stands = f"until {until_words(end)}" if end else "until somebody lifts it"
        lines = [f"No run takes anything away from {found.login} {stands}; {_meanwhile(found)}."]
        if held.replaced:
            lines.append(f"This replaces: {held.replaced}.")
        say_err([printable(line) for line in lines])
    return 0


def _meanwhile(login: Login) -> str:
    """What a hold means for somebody who left; it lifts no lock."""
    if login.status == Status.LOCKED:
        return "it is locked now, and a hold unlocks nobody"
    return "whoever has left stays active until then"


def unhold(
    login: LoginArgument, reason: ReasonOption = "", ticket: TicketOption = "", target: TargetOption = ""
) -> int:
    """Lift the hold of a login. The next run takes away what the directory says. Needs --reason."""
    from iwds.engine.holds import lift

    require_reason(reason)
    with at_desk(login, target, (reason, ticket)) as (desk, found, why):
        lifted = lift(desk, found, why)
        name = found.login
        say_err(
            [printable(f"Lifted: {lifted}." if lifted else f"{name} was not held. A lock: iwds login unlock {name}")]
        )
    return 0


def holds(target: TargetOption = "", as_json: JsonOption = False) -> int:
    """List what is held: exemptions from removals, and the helpdesk's locks. Sends nothing to any service."""
    now = datetime.now(UTC)
    with wired() as wiring:
        desk = wiring.desk(target)
        found = [
            (name_of(desk.state, desk.reader.service, row), row) for row in desk.state.open_holds(desk.reader.service)
        ]
    if as_json:
        show_json({"schema": 1, "holds": [{"login": name, **listed_data(row, now)} for name, row in found]})
    else:
        say(line for name, row in found for line in _lines(name, row, now))
        say([] if found else [Text("Nothing is held.")])
    return 0


def listed_data(row: HoldRow, now: datetime) -> dict[str, Any]:
    """A hold as JSON, with its kind and whether it stands."""
    from iwds.cli.login_text import hold_data

    return {"id": row.login_id, "kind": row.hold.kind.value, "stands": row.hold.stands(now), **hold_data(row)}


def name_of(state: State, service: Any, row: HoldRow) -> str:
    """The login's name as we remember it, or its id."""
    known = state.ledger_row(service, row.login_id)
    return known.login if known else f"#{row.login_id}"


def exemption_words(state: State, service: Any, now: datetime) -> Iterator[str]:
    """Each exemption of a service, for the status."""
    from iwds.cli.login_text import held_words

    for row in state.open_holds(service):
        if row.hold.kind is HoldKind.EXEMPT:
            yield f"{name_of(state, service, row)}: {held_words(row, now)}"


def _lines(name: str, row: HoldRow, now: datetime) -> Iterator[Text]:
    from iwds.cli.login_text import held_words

    yield Text(printable(name), style="bold")
    yield from map(Text, hanging("  ", printable(held_words(row, now))))
