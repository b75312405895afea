"""`login …`: what the helpdesk does to one login. Codes go to standard output alone, words to standard error."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from iwds.cli.common import JsonOption, duration, require_reason, show_json, wired
from iwds.cli.console import err, plain, say
from iwds.cli.page import tell
from iwds.errors import Refused, UsageError

if TYPE_CHECKING:  # a help page should not load the engine
    from iwds.core.model import Login
    from iwds.engine.actions import Desk, Given, Giving, Why

group = typer.Typer(help="The helpdesk: look at one login, give a way back in, lock it.", no_args_is_help=True)

LoginArgument = Annotated[str, typer.Argument(metavar="LOGIN", help="A login name, or its id: '#1234'.")]
TargetOption = Annotated[str, typer.Option("--target", metavar="NAME", help="Which service, where there are several.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the audit.")]
TicketOption = Annotated[str, typer.Option("--ticket", metavar="TEXT", help="The ticket; kept in the audit.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
MailOption = Annotated[bool, typer.Option("--mail", help="Mail a link instead, and print no code.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="login")


@group.command("show", short_help="Everything that is known of one login")
def show(
    login: LoginArgument,
    error: Annotated[
        str, typer.Option("--error", metavar="CODE", help="What this error code means for them, and what to do.")
    ] = "",
    target: TargetOption = "",
    as_json: JsonOption = False,
) -> int:
    """Show everything that is known of one login: fields, devices, locks, groups, whose it is, what was done."""
    from iwds.cli.login_text import login_data, login_lines
    from iwds.engine.actions import find, look

    with wired() as wiring:
        desk = wiring.desk(target)
        if error:
            return _explain(desk, login, error, as_json)
        seen, lifetimes = look(desk, find(desk, login)), wiring.config.settings.helpdesk
    if as_json:
        show_json(login_data(seen))
    else:
        say(login_lines(seen, datetime.now(UTC), lifetimes))
    return 0


def _explain(desk: "Desk", login: str, code: str, as_json: bool) -> int:
    """What an error code means for somebody; the service may have no such login, which is an answer too."""
    from iwds.cli.access_text import error_data, error_lines
    from iwds.cli.login_text import error_facts
    from iwds.core.error_codes import Facts, explain_error
    from iwds.engine.actions import look, lookup

    explain_error(code, Facts(login, None))  # a code that nobody knows is told before anything is asked
    found = lookup(desk, login)
    explained = explain_error(code, error_facts(look(desk, found)) if found else Facts(login, None))
    if as_json:
        show_json({"schema": 1, "login": found.login if found else login, "error": error_data(explained)})
    else:
        say(error_lines(explained))
    return 0


@group.command("code", short_help="A code, or a link by mail, to enrol a device")
def code(
    login: LoginArgument,
    add_device: Annotated[bool, typer.Option("--add-device", help="For one more device.")] = False,
    mail: MailOption = False,
    reason: ReasonOption = "",
    ticket: TicketOption = "",
    target: TargetOption = "",
) -> int:
    """Give an activation code that is right for the state of the login. It goes to standard output alone."""
    with _giving(login, target, (reason, ticket)) as (giving, settings):
        return _hand_over(giving.code(add_device=add_device, mail=mail), giving.login, settings)


@group.command("restore", short_help="A code that replaces all devices")
def restore(
    login: LoginArgument,
    reason: ReasonOption = "",
    ticket: TicketOption = "",
    yes: YesOption = False,
    target: TargetOption = "",
) -> int:
    """Give a code that replaces all devices of somebody who lost or blocked them. Needs --reason."""
    require_reason(reason)
    with _giving(login, target, (reason, ticket)) as (giving, settings):
        name = giving.login.login
        say_err([f"As soon as the code is used, all devices of {name} are deleted; id, groups and role stay."])
        if not agreed(f"Give a restore code for {name}?", yes):
            return 0
        return _hand_over(giving.restore(), giving.login, settings)


@group.command("reset-password", short_help="A code, or a link by mail, for a blocked PIN or password")
def reset_password(
    login: LoginArgument,
    mail: MailOption = False,
    reason: ReasonOption = "",
    ticket: TicketOption = "",
    target: TargetOption = "",
) -> int:
    """Give a code that unlocks a PIN or password after wrong entries, on a device that is still there."""
    with _giving(login, target, (reason, ticket)) as (giving, settings):
        return _hand_over(giving.reset_password(mail=mail), giving.login, settings)


@group.command("reset-pin-errors", short_help="Forgive wrong PINs, once until the next login")
def reset_pin_errors(
    login: LoginArgument, reason: ReasonOption = "", ticket: TicketOption = "", target: TargetOption = ""
) -> int:
    """Set the counter of wrong PINs or passwords back. The service allows it once until the person's next login."""
    with _giving(login, target, (reason, ticket)) as (giving, _):
        giving.reset_pin_errors()
        say_err([f"The wrong entries of {giving.login.login} are forgiven."])
    return 0


@group.command("otp", short_help="A one-time password")
def otp(login: LoginArgument, reason: ReasonOption = "", ticket: TicketOption = "", target: TargetOption = "") -> int:
    """Give a one-time password for one login, where the service allows it. It goes to standard output alone."""
    with _giving(login, target, (reason, ticket)) as (giving, settings):
        return _hand_over(giving.otp(), giving.login, settings)


@group.command("devices", short_help="List, rename or delete devices")
def devices(
    login: LoginArgument,
    rename: Annotated[
        tuple[str, str] | None, typer.Option("--rename", metavar="ID NAME", help="Give a device another name.")
    ] = None,
    delete: Annotated[
        str | None, typer.Option("--delete", metavar="ID", help="Remove a device for good; needs --reason.")
    ] = None,
    reason: ReasonOption = "",
    ticket: TicketOption = "",
    yes: YesOption = False,
    target: TargetOption = "",
    as_json: JsonOption = False,
) -> int:
    """List the devices of a login, or rename or delete one. ID is a number, or as in the list: ma:12."""
    from iwds.cli.access_text import described, device_lines

    if rename and delete:
        raise UsageError("--rename or --delete, not both")
    if delete:
        require_reason(reason)
    with _giving(login, target, (reason, ticket)) as (giving, _):
        found = giving.actions.details(giving.login.id).devices
        if rename:
            return _rename(giving, found, rename)
        if delete:
            return _delete(giving, found, delete, yes)
    if as_json:
        show_json({"schema": 1, "login": giving.login.login, "devices": [described(device) for device in found]})
    else:
        say(device_lines(found, datetime.now(UTC)) or [Text("No device.")])
    return 0


def _rename(giving: "Giving", found: Any, wanted: tuple[str, str]) -> int:
    from iwds.engine.actions import find_device

    device = find_device(giving.login, found, wanted[0])
    if not wanted[1].strip():
        raise UsageError("a device needs a name")
    giving.rename_device(device, wanted[1])
    err.print(Text("Renamed."))
    return 0


def _delete(giving: "Giving", found: Any, wanted: str, yes: bool) -> int:
    from iwds.cli.access_text import device_lines
    from iwds.engine.actions import find_device

    device = find_device(giving.login, found, wanted)
    for line in device_lines([device], datetime.now(UTC)):
        err.print(line)
    if len(found) == 1:
        say_err(["It is the last one: without it they cannot log in until they get a new code."])
    if agreed(f"Delete this device of {giving.login.login}?", yes):
        giving.delete_device(device)
        err.print(Text("Deleted."))
    return 0


@group.command("lock", short_help="Lock, so that no run undoes it")
def lock(
    login: LoginArgument,
    reason: ReasonOption = "",
    until: Annotated[
        str, typer.Option("--until", metavar="WHEN", help="2026-12-31, '2026-12-31 18:00', 8h or 7d.")
    ] = "",
    ticket: TicketOption = "",
    target: TargetOption = "",
) -> int:
    """Lock a login at once; needs --reason. No run undoes it before its end; without --until not before `unlock`."""
    from iwds.cli.login_text import locked_words
    from iwds.engine.locks import lock as hold

    require_reason(reason)
    end = moment(until, datetime.now(UTC)) if until else None
    with at_desk(login, target, (reason, ticket)) as (desk, found, why):
        say_err(locked_words(hold(desk, found, end, why), found))
    return 0


@group.command("unlock", short_help="Lift the lock")
def unlock(
    login: LoginArgument,
    reason: ReasonOption = "",
    ticket: TicketOption = "",
    anyway: Annotated[bool, typer.Option("--anyway", help="Even where somebody else made the lock.")] = False,
    target: TargetOption = "",
) -> int:
    """Lift the helpdesk's or a run's lock at once, and say whose it was. Needs --reason."""
    from iwds.cli.login_text import unlocked_words
    from iwds.engine.locks import unlock as lift

    require_reason(reason)
    with at_desk(login, target, (reason, ticket)) as (desk, found, why):
        say_err(unlocked_words(lift(desk, found, why, anyway=anyway), found))
    return 0


def moment(text: str, now: datetime) -> datetime:
    """When something ends: a duration from now, a date with its whole day, or a date and a time here."""
    end = now + duration(text) if re.fullmatch(r"\d+[smhd]", text.strip()) else _date(text.strip())
    if end <= now:
        raise UsageError(f"{text} is over", "write a time that is still to come")
    return end


def _date(text: str) -> datetime:
    try:
        end = datetime.fromisoformat(text)
        if re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text):
            end += timedelta(days=1)
        return end.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f'"{text}" is no time', "write 2026-12-31, '2026-12-31 18:00', 8h or 7d") from None


def say_err(lines: list[str]) -> None:
    """Words to standard error, each sentence for itself."""
    for line in lines:
        tell(line)


def _hand_over(given: "Given", login: "Login", settings: Any) -> int:
    """Words for the person at the terminal, and the code for whoever reads standard output."""
    from iwds.cli.login_text import given_words

    say_err(given_words(given, login, settings))
    if given.code is not None:
        plain(given.code.reveal())
    return 0


def agreed(question: str, yes: bool) -> bool:
    """Yes, or anything else; without a terminal nobody can answer."""
    if yes:
        return True
    if not err.is_terminal or not os.isatty(0):
        raise UsageError("nobody is there to answer", "say it beforehand: --yes")
    agreed = typer.confirm(question, default=False, err=True)
    if not agreed:
        err.print("Nothing was changed.")
    return agreed


@contextmanager
def at_desk(login: str, target: str, why: tuple[str, str] = ("", "")) -> Iterator[tuple["Desk", "Login", "Why"]]:
    """The desk of one service, and the login in question."""
    from iwds.engine.actions import Why, find

    with wired() as wiring:
        desk = wiring.desk(target)
        found = find(desk, login)
        with wiring.progress.aside():
            yield desk, found, Why(*why)


@contextmanager
def _giving(login: str, target: str, why: tuple[str, str]) -> Iterator[tuple["Giving", Any]]:
    """The actions on one login, and the configured lifetimes."""
    from iwds.engine.actions import Giving, Why, find

    try:
        with wired() as wiring, wiring.progress.aside():
            desk = wiring.desk(target)
            yield Giving(desk, find(desk, login), Why(*why)), wiring.config.settings.helpdesk
    except Refused as refusal:
        # Whoever writes `code=$(iwds login code …)` must not hand out the words of a refusal.
        refusal.mailed = False
        raise
