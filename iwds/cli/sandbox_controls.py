"""`sandbox fault` and `sandbox token`: what a running local MFA service obeys at its next request."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iwds.cli.common import JsonOption, show_json
from iwds.cli.console import err, plain
from iwds.errors import UsageError
from iwds.sandbox.faults import Fault, FaultKind, milliseconds

if TYPE_CHECKING:
    from iwds.sandbox.controls import Controls

fault = typer.Typer(help="Let things go wrong at the wire, to rehearse a bad day.", no_args_is_help=True)
token = typer.Typer(help="Tokens for the REST side.", no_args_is_help=True)

_PIN = re.compile(r"[0-9]{4,8}", re.ASCII)

DataOption = Annotated[
    Path | None, typer.Option("--data", help="The state of the service; that of `iwds sandbox` without one.")
]


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
    context: typer.Context,
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
    data: DataOption = None,
) -> None:
    """Let something go wrong from the next request on, until it is cleared."""
    span = None if ms is None else milliseconds(ms)
    wanted = Fault(kind, operation, times, after, rate, seed, span, per_second, status, effect, by)
    with _controls(context, data) as controls:
        number = controls.add(wanted)
    err.print(f"Fault {number}: {wanted.words()}", markup=False)


def list_faults(context: typer.Context, data: DataOption = None, as_json: JsonOption = False) -> None:
    """The faults, each with the calls that it concerned so far, and how many of them it struck."""
    with _controls(context, data) as controls:
        kept = controls.faults()
    if as_json:
        rows = [{"id": each.id, "fault": each.fault.words(), "seen": each.seen, "struck": each.struck} for each in kept]
        show_json({"schema": "iwds.sandbox-faults/1", "faults": rows})
    for each in kept if not as_json else ():
        plain(f"{each.id:>4}  struck {each.struck} of {each.seen}  {each.fault.words()}")


def clear_faults(
    context: typer.Context,
    number: Annotated[int | None, typer.Argument(help="The fault's number; all without one.")] = None,
    data: DataOption = None,
) -> None:
    """Let everything go well again."""
    with _controls(context, data) as controls:
        cleared = controls.clear(number)
    if number is not None and not cleared:
        raise UsageError(f"there is no fault {number}", "see: iwds sandbox fault list")
    err.print(f"{cleared} cleared")


def add_token(
    context: typer.Context,
    description: Annotated[str, typer.Option("--description", help="What it is for.")],
    pin: Annotated[
        str, typer.Option("--pin", prompt="PIN", hide_input=True, help="The PIN of the administrator who makes it.")
    ],
    user: Annotated[str, typer.Option("--user", help="That administrator's login.")] = "console.ada",
    expires: Annotated[
        datetime | None, typer.Option("--expires", formats=["%Y-%m-%d"], help="Its last day (UTC); 13 months else.")
    ] = None,
    never: Annotated[bool, typer.Option("--never", help="It never expires.")] = False,
    data: DataOption = None,
) -> None:
    """Make a token and print it: it can be seen this once only."""
    _check_token(description, pin, expires, never)
    with _controls(context, data) as controls:
        end = None if never else _end(expires)
        number, text = controls.add_token(description, f"{controls.service_id()}/{user}", end)
    err.print(f"Token {number}, {_until(end)}. It is not shown again.")
    plain(text)


def list_tokens(context: typer.Context, data: DataOption = None, as_json: JsonOption = False) -> None:
    """The tokens that were not revoked, without the tokens themselves."""
    with _controls(context, data) as controls:
        kept = controls.tokens()
    rows = [
        {"id": t.id, "description": t.description, "subject": t.subject, "expires": _day(_moment(t.expires))}
        for t in kept
    ]
    if as_json:
        show_json({"schema": "iwds.sandbox-tokens/1", "tokens": rows})
    for row in rows if not as_json else ():
        plain(f"{row['id']:>4}  {row['expires']:>10}  {row['subject']}  {row['description']}")


def revoke_token(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="The token's number.")],
    data: DataOption = None,
) -> None:
    """Revoke a token. A running service may believe it for up to an hour yet; see --token-cache."""
    with _controls(context, data) as controls:
        if not controls.revoke(number):
            raise UsageError(f"there is no token {number}", "see: iwds sandbox token list")
    err.print(f"Token {number} is revoked: a service that has seen it refuses it within the hour")


@contextmanager
def _controls(context: typer.Context, data: Path | None) -> Iterator["Controls"]:
    """The controls of the data file that was named here, or before the command: `iwds sandbox --data FILE fault`."""
    from iwds.sandbox.controls import Controls

    above: Any = context.parent.parent if context.parent else None
    controls = Controls.of_existing(data or above.params["data"])
    try:
        yield controls
    finally:
        controls.close()


def _check_token(description: str, pin: str, expires: datetime | None, never: bool) -> None:
    if not description.strip():
        raise UsageError("a token says what it is for", "give --description TEXT")
    if not _PIN.fullmatch(pin):
        raise UsageError("a PIN has 4 to 8 digits", "it is not kept; the sandbox knows no PINs to compare it with")
    if never and expires is not None:
        raise UsageError("--never and --expires contradict each other", "give one of them")
    if expires is not None and _end(expires) <= datetime.now(UTC):
        raise UsageError("--expires has passed", "give a day from today on")


def _end(expires: datetime | None) -> datetime:
    """The moment after which a token is no longer good."""
    from iwds.sandbox.tokens import end_of, months_later

    return months_later(datetime.now(UTC)) if expires is None else end_of(expires.date())


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _until(end: datetime | None) -> str:
    return "good for ever" if end is None else f"good until {_day(end)}"


def _day(end: datetime | None) -> str:
    return "never" if end is None else end.date().isoformat()
