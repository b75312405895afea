"""`sandbox fault` and `sandbox token`: what a running local MFA service obeys at its next request."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iwds.cli.common import JsonOption, show_json
from iwds.cli.console import err, plain
from iwds.cli.page import printable
from iwds.errors import UsageError
from iwds.sandbox.faults import Fault, FaultKind, milliseconds

if TYPE_CHECKING:
    from iwds.sandbox.controls import Controls
    from iwds.sandbox.store import Store

fault = typer.Typer(help="Let things go wrong at the wire, to rehearse a bad day.", no_args_is_help=True)
token = typer.Typer(help="Tokens for the REST side.", no_args_is_help=True)

_DATA = Path("sandbox.db")
DataOption = Annotated[Path, typer.Option("--data", help="The sandbox's data file.")]


def register(group: typer.Typer) -> None:
    """Add the commands to `iwds sandbox`."""
    fault.command("add")(add_fault)
    fault.command("list")(list_faults)
    fault.command("clear")(clear_faults)
    token.command("add")(add_token)
    token.command("list")(list_tokens)
    token.command("revoke")(revoke_token)
    group.add_typer(fault, name="fault", short_help="Let things go wrong at the wire")
    group.add_typer(token, name="token", short_help="Tokens for the REST side")


def add_fault(
    kind: Annotated[FaultKind, typer.Argument(help="What goes wrong.")],
    operation: Annotated[str, typer.Option("--operation", help="With which operations; * stands for others.")] = "*",
    times: Annotated[int | None, typer.Option("--times", help="At most so many times.")] = None,
    after: Annotated[int, typer.Option("--after", help="So many calls go well first.")] = 0,
    rate: Annotated[float | None, typer.Option("--rate", help="With this share of the calls; 0.05 is 5 %.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Makes the chance the same each time.")] = None,
    ms: Annotated[str | None, typer.Option("--ms", help="latency: milliseconds, or FROM-TO.")] = None,
    per_second: Annotated[
        float | None, typer.Option("--per-second", help="rate-limit: calls that are answered.")
    ] = None,
    status: Annotated[int | None, typer.Option("--status", help="html: its HTTP status; 503 without one.")] = None,
    effect: Annotated[
        bool, typer.Option("--effect", help="reset, html, empty, fault, nok: the call is carried out all the same.")
    ] = False,
    by: Annotated[int | None, typer.Option("--by", help="wrong-count: how much it is off; 1 without a number.")] = None,
    data: DataOption = _DATA,
) -> None:
    """Let something go wrong from the next request on, until it is cleared."""
    span = None if ms is None else milliseconds(ms)
    wanted = Fault(kind, operation, times, after, rate, seed, span, per_second, status, effect, by)
    with _controls(data) as controls:
        number = controls.add(wanted)
    err.print(f"Fault {number}: {wanted.words()}", markup=False)


def list_faults(data: DataOption = _DATA, as_json: JsonOption = False) -> None:
    """The faults, each with the calls that it concerned so far, and how many of them it struck."""
    with _controls(data) as controls:
        kept = controls.faults()
    if as_json:
        rows = [{"id": each.id, "fault": each.fault.words(), "seen": each.seen, "struck": each.struck} for each in kept]
        show_json({"schema": 1, "faults": rows})
    for each in kept if not as_json else ():
        plain(f"{each.id:>4}  struck {each.struck} of {each.seen}  {each.fault.words()}")


def clear_faults(
    number: Annotated[int | None, typer.Argument(help="The fault's number; all without one.")] = None,
    data: DataOption = _DATA,
) -> None:
    """Let everything go well again."""
    with _controls(data) as controls:
        cleared = controls.clear(number)
    if number is not None and not cleared:
        raise UsageError(f"there is no fault {number}", "see: iwds sandbox fault list")
    err.print(f"{cleared} cleared")


def add_token(
    description: Annotated[str, typer.Option("--description", help="What it is for.")],
    pin: Annotated[
        str, typer.Option("--pin", prompt="PIN", hide_input=True, help="The PIN of the administrator who makes it.")
    ],
    user: Annotated[str, typer.Option("--user", help="That administrator's login.")] = "console.ada",
    expires: Annotated[
        datetime | None, typer.Option("--expires", formats=["%Y-%m-%d"], help="Its last day (UTC); 13 months else.")
    ] = None,
    never: Annotated[bool, typer.Option("--never", help="It never expires.")] = False,
    data: DataOption = _DATA,
) -> None:
    """Make a token and print it: it can be seen this once only."""
    if never and expires is not None:
        raise UsageError("--never and --expires contradict each other", "give one of them")
    with _store(data) as store, _controls(data) as controls:
        end = None if never else _end(expires, datetime.fromtimestamp(store.now(), UTC))
        _check_pin(store, user, pin)
        number, text = controls.add_token(_described(description), f"{store.service_id}/{user}", end)
    err.print(f"Token {number}, {_until(end)}. It is not shown again.")
    plain(text)


def list_tokens(data: DataOption = _DATA, as_json: JsonOption = False) -> None:
    """The tokens that were not revoked, without the tokens themselves."""
    with _controls(data) as controls:
        kept = controls.tokens()
    rows = [
        {"id": t.id, "description": t.description, "subject": t.subject, "expires": _day(_moment(t.expires))}
        for t in kept
    ]
    if as_json:
        show_json({"schema": 1, "tokens": rows})
    for t in kept if not as_json else ():
        plain(f"{t.id:>4}  {_day(_moment(t.expires)):>10}  {printable(t.subject)}  {printable(t.description)}")


def revoke_token(
    number: Annotated[int, typer.Argument(help="The token's number.")],
    data: DataOption = _DATA,
) -> None:
    """Revoke a token. A running service may believe it for up to an hour yet; see --token-cache."""
    with _controls(data) as controls:
        if not controls.revoke(number):
            raise UsageError(f"there is no token {number}", "see: iwds sandbox token list")
    err.print(f"Token {number} is revoked: a service that has seen it refuses it within the hour")


@contextmanager
def _store(data: Path) -> Iterator["Store"]:
    """The state in a file that is there."""
    from iwds.sandbox.store import Store

    with closing(Store.existing(str(data))) as store:
        yield store


@contextmanager
def _controls(data: Path) -> Iterator["Controls"]:
    from iwds.sandbox.controls import Controls

    with _store(data) as store, closing(Controls(str(data), store.now)) as controls:
        yield controls


def _check_pin(store: "Store", user: str, pin: str) -> None:
    """The PIN is that of the acting administrator. One who has none yet may give any, as long as it could be one."""
    from iwds.sandbox.people import PIN_LENGTHS

    row = store.named(user)
    if row is None or not row["role"]:
        raise UsageError(f"{user} is no administrator of this sandbox", "See: iwds sandbox show logins")
    if len(pin) not in PIN_LENGTHS:
        raise UsageError(f"a PIN has {PIN_LENGTHS[0]} to {PIN_LENGTHS[-1]} characters")
    if row["pin"] is not None:
        store.people.authenticate(user, pin)


def _described(description: str) -> str:
    if not description.strip():
        raise UsageError("a token says what it is for", "give --description TEXT")
    return description.strip()


def _end(expires: datetime | None, now: datetime) -> datetime:
    """The moment after which a token is no longer good, by the sandbox's clock."""
    from iwds.sandbox.tokens import end_of, months_later

    end = months_later(now) if expires is None else end_of(expires.date())
    if end <= now:
        raise UsageError("--expires has passed", "give a day from today on")
    return end


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _until(end: datetime | None) -> str:
    return "good for ever" if end is None else f"good until {_day(end)}"


def _day(end: datetime | None) -> str:
    return "never" if end is None else end.date().isoformat()
