"""How somebody can get in, for a page: activation, last login, what is blocked, devices; and what an error code means.

`iwds login show` and whatever else answers "why can they not log in" use these same lines.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, assert_never

from rich.text import Text

from iwds.cli.common import ago, local
from iwds.cli.page import block, hanging
from iwds.core.access import ACTIVATION, KINDS, blocked, device_id, push_words, state_words
from iwds.core.devices import Activated, Details, Device, DeviceState
from iwds.core.error_codes import Explained
from iwds.engine.actions import Lifetime
from iwds.ports import BY_MAIL, AuditRow, Result

if TYPE_CHECKING:  # what settings take to load, a help page should not wait for
    from iwds.settings import HelpdeskSettings

NOT_TOLD = "not told by the service"

_GIVES_A_CODE = frozenset({"code", "restore"})
"""The actions in the audit after which a code waits to be used."""


def access_lines(
    details: Details, lately: Sequence[AuditRow], now: datetime, settings: "HelpdeskSettings | None" = None
) -> Iterator[Text]:
    """What people ask on the phone, for a terminal of 80 columns: activation, last login, blocks, devices.

    `lately` are the last actions on this login, the latest first: they tell since when a code waits. `settings` are the
    lifetimes of codes and links; without them nothing is said of how long one is good.
    """
    fields = {
        "activation": activation_words(details, lately, settings),
        "last login": when_words(details.login.last_seen, now),
        "locks": _blocked_words(details),
    }
    for head, text in fields.items():
        yield from map(Text, hanging(f"  {head:<12}", text))
    yield from block(device_lines(details.devices, now) or [Text("  none")], "Devices")


def access_data(details: Details) -> dict[str, Any]:
    """The same as JSON; no code and no link."""
    return {
        "activation": details.activated.value if details.activated else None,
        "activation_words": ACTIVATION[details.activated] if details.activated else None,
        "last_seen": details.login.last_seen,
        "pin_locked": details.pin_locked,
        "password_locked": details.password_locked,
        "maccess_locked": details.maccess_locked,
        "devices": [described(device) for device in details.devices],
    }


def activation_words(
    details: Details, lately: Sequence[AuditRow] = (), settings: "HelpdeskSettings | None" = None
) -> str:
    """How far the activation is, and as far as that is known until when what waits is good; never a code."""
    if details.activated is None:
        return NOT_TOLD
    words = ACTIVATION[details.activated]
    if settings is None or details.activated not in (Activated.CODE, Activated.LINK):
        return words
    link = details.activated is Activated.LINK
    lasts = timedelta(days=settings.link_days) if link else timedelta(minutes=settings.code_minutes)
    given = next((row for row in lately if _gave(row, link)), None)
    if given and given.ended:
        return f"{words}; the one given from here is good until {local(given.ended + lasts)}, as configured"
    span = lifetime_words(Lifetime.LINK if link else Lifetime.CODE, settings)
    return f"{words}; it is good for {span} from when it was made, as configured"


def _gave(row: AuditRow, link: bool) -> bool:
    """Whether this action made the code or the link that waits; one that is mailed once more stays as old as it is."""
    if row.result is not Result.DONE or row.action not in _GIVES_A_CODE:
        return False
    if not link:
        return not row.detail.endswith(BY_MAIL) and row.detail != "of the link"
    return row.detail.endswith(BY_MAIL) and row.detail != f"link {BY_MAIL}"


def when_words(seconds: int | None, now: datetime) -> str:
    """A time of the service, in seconds since 1970, and how long ago that is; 0 is never."""
    if seconds is None:
        return NOT_TOLD
    if seconds == 0:
        return "never"
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{local(moment)} ({ago(moment, now)})"


def _blocked_words(details: Details) -> str:
    names = blocked(details)
    if names is None:
        return NOT_TOLD
    return f"{', '.join(names)} blocked after wrong entries" if names else "none after wrong entries"


def device_lines(devices: Sequence[Device], now: datetime) -> list[Text]:
    """Two lines or so for each device: its id for commands, what it is, its state and name; push, and when used."""
    width = max((len(device_id(device)) for device in devices), default=0)
    lines: list[Text] = []
    for device in devices:
        head = f"  {device_id(device):<{width}}  "
        first = hanging(head, f"{KINDS[device.kind]}, {state_words(device.state)}: {device.name or '(no name)'}")
        lines += [Text(line, style="" if device.state is DeviceState.ACTIVE else "yellow") for line in first]
        lines += map(Text, hanging(" " * len(head), ", ".join(filter(None, _use(device, now)))))
    return lines


def _use(device: Device, now: datetime) -> Iterator[str]:
    yield push_words(device.push)
    yield f"made {when_words(device.created, now)}" if device.created else ""
    yield "never used" if device.last_used == 0 else f"last used: {when_words(device.last_used, now)}"


def described(device: Device) -> dict[str, Any]:
    """A device as JSON."""
    return {**asdict(device), "kind": device.kind.value, "state": int(device.state), "words": state_words(device.state)}


def lifetime_words(lifetime: Lifetime, settings: "HelpdeskSettings") -> str:
    """How long something is good, as configured; empty where nothing says so."""
    match lifetime:
        case Lifetime.CODE:
            return _amount(settings.code_minutes, "minute")
        case Lifetime.UNLOCK_CODE:
            return _amount(settings.unlock_code_minutes, "minute")
        case Lifetime.LINK:
            return _amount(settings.link_days, "day")
        case Lifetime.UNLOCK_LINK:
            return _amount(settings.unlock_link_days, "day")
        case Lifetime.DEVICE_LINK:
            return _amount(settings.device_link_days, "day")
        case Lifetime.OTP:
            return ""
        case _:
            assert_never(lifetime)


def _amount(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def error_lines(explained: Explained) -> Iterator[Text]:
    """What an error code means for one person, for a terminal of 80 columns."""
    yield Text(explained.code, style="bold")
    parts = {
        "means": [explained.meaning],
        "because": [explained.cause],
        "here": explained.here,
        "do": [line for each in explained.todo for line in each.split("\n")],
    }
    for head, lines in parts.items():
        for number, line in enumerate(lines):
            yield from map(Text, hanging(f"  {'' if number else head:<12}", line))


def error_data(explained: Explained) -> dict[str, Any]:
    """The same as JSON."""
    return asdict(explained)
