"""One login in words: everything that is known of it, what was given, how a lock ended."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, assert_never

from rich.text import Text

from iwds.cli.common import ago, local
from iwds.cli.page import block, hanging, printable
from iwds.core.devices import Activated, Details, Device, DeviceKind, DeviceState
from iwds.core.model import LedgerRow, Login, Origin, Status
from iwds.core.policy import HoldKind
from iwds.core.words import role_words
from iwds.engine.actions import Given, Lifetime, Seen, device_id
from iwds.engine.locks import Locked, Unlocked
from iwds.ports import AuditRow, HoldRow

if TYPE_CHECKING:  # what settings take to load, a help page should not wait for
    from iwds.settings import HelpdeskSettings

HELD = Text("Held", style="yellow")
NOT_TOLD = "not told by the service"

_ACTIVATED = {
    Activated.DONE: "activated: a code was used",
    Activated.EXPIRED: "not activated: no code was used, and none is good any more",
    Activated.INACTIVE: "not activated: there is a code, which is not active yet",
    Activated.LINK: "a link waits to be used",
    Activated.CODE: "a code waits to be used",
}
_KINDS = {
    DeviceKind.AUTHENTICATOR: "Authenticator",
    DeviceKind.BROWSER: "Helium (browser)",
    DeviceKind.VIRTUAL: "Virtual Authenticator",
    DeviceKind.MACCESS: "mAccess",
}
_LOCKS = {DeviceState.LOCKED: "locked", DeviceState.PIN_LOCKED: "PIN locked"}


def login_lines(seen: Seen, now: datetime) -> Iterator[Text]:
    """Everything about a login, for a terminal of 80 columns."""
    login = seen.login
    locked = login.status == Status.LOCKED
    state = ("LOCKED", "bold red") if locked else ("active", "green")
    yield Text.assemble((printable(login.login), "bold"), f"  #{login.id}  ", state)
    for head, text in _fields(seen, now):
        yield from map(Text, hanging(f"  {head:<12}", text))
    yield from block(device_lines(seen.details.devices, now) or [Text("  none")], "Devices")
    groups = [f"{each.group.name} ({role_words(each.role, seen.role_names)})" for each in seen.groups]
    yield from block(map(Text, hanging("  ", ", ".join(groups) or "none", 12)), "Groups")
    yield from block(map(Text, hanging("  ", _whose(seen.row))), "In our memory")
    holds = [hold for hold in (seen.hold, seen.exempt) if hold]
    yield from block((Text(line) for hold in holds for line in hanging("  ", held_words(hold, now))), HELD)
    yield from block(audit_lines(seen.lately, name=False), "Lately")


def _fields(seen: Seen, now: datetime) -> Iterator[tuple[str, str]]:
    login = seen.login
    yield "name", " ".join(filter(None, (login.firstname, login.name))) or "-"
    yield "mail", _known(login.mail)
    yield "phone", _known(login.phone)
    yield "role", NOT_TOLD if login.role is None else role_words(login.role)
    if login.extra:
        yield "extra", login.extra
    yield from phone_lines(seen, now)
    yield "tag", _tag(login.created_by)


def phone_lines(seen: Seen, now: datetime) -> Iterator[tuple[str, str]]:
    """What people ask on the phone beside their devices."""
    login, details = seen.login, seen.details
    yield "activation", activation_words(details)
    yield "last login", _when(login.last_seen if details.login.last_seen is None else details.login.last_seen, now)
    yield "locks", _locks(details)


def _known(text: str | None) -> str:
    return NOT_TOLD if text is None else text or "-"


def activation_words(details: Details) -> str:
    """How far the activation is; never a code."""
    return _ACTIVATED[details.activated] if details.activated else NOT_TOLD


def _locks(details: Details) -> str:
    told = {
        "PIN": details.pin_locked,
        "password": details.password_locked,
        "mAccess PIN": details.maccess_locked,
    }
    if all(value is None for value in told.values()):
        return NOT_TOLD
    blocked = [name for name, value in told.items() if value]
    return f"{', '.join(blocked)} blocked after wrong entries" if blocked else "none after wrong entries"


def _tag(tag: int | None) -> str:
    if tag is None:
        return NOT_TOLD
    return {0: "0, made in the console", 1: "1, made by the API or the vendor's tool"}.get(tag, str(tag))


def _when(seconds: int | None, now: datetime) -> str:
    if seconds is None:
        return NOT_TOLD
    if seconds == 0:
        return "never"
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{local(moment)} ({ago(moment, now)})"


def _whose(row: LedgerRow | None) -> str:
    if row is None:
        return "nothing: this login is not ours, and no run touches it"
    how = "created" if row.origin is Origin.CREATED else "adopted"
    words = f"{how} under the provisioning id {row.owner}, stands for {row.anchor}"
    gone = f"; gone since {local(row.left_at)}, as a run saw" if row.left_at else ""
    return words + ("; locked by a run" if row.locked else "") + gone


def held_words(row: HoldRow, now: datetime) -> str:
    """Who holds what, since when, until when and why."""
    verb, lifted = {
        HoldKind.LOCK: ("locked", "unlocked"),
        HoldKind.EXEMPT: ("exempt from removals, held", "lifted"),
    }[row.hold.kind]
    ended = "" if row.hold.stands(now) else " (ended; the next run takes it over)"
    until = f" until {local(row.hold.until)}" if row.hold.until else f" until {lifted}"
    ticket = f" [{row.ticket}]" if row.ticket else ""
    return f"{verb} by {row.hold.by} on {local(row.made_at)}{until}{ended}: {row.hold.reason}{ticket}"


def device_lines(devices: Sequence[Device], now: datetime) -> list[Text]:
    """Two lines or so for each device: its id for commands, what it is, its state and name; when it was used."""
    width = max((len(device_id(device)) for device in devices), default=0)
    lines: list[Text] = []
    for device in devices:
        head = f"  {device_id(device):<{width}}  "
        first = hanging(head, f"{_KINDS[device.kind]}, {state_words(device.state)}: {device.name or '(no name)'}")
        lines += [Text(line, style="" if device.state is DeviceState.ACTIVE else "yellow") for line in first]
        made = f"made {_when(device.created, now)}, " if device.created else ""
        used = "never used" if device.last_used == 0 else f"last used: {_when(device.last_used, now)}"
        lines += map(Text, hanging(" " * len(head), made + used))
    return lines


def state_words(state: DeviceState) -> str:
    """The mask of a device's locks in words."""
    words = [word for lock, word in _LOCKS.items() if lock in state]
    return " and ".join(words) or "active"


def audit_lines(rows: Iterable[AuditRow], *, name: bool = True) -> Iterator[Text]:
    """When, who, what, how it ended; then why."""
    for row in rows:
        result = row.result.value if row.result else "unknown"
        colour = {"done": "green", "rejected": "red"}.get(result, "yellow")
        whom = f" {row.name}" if name else ""
        head, *more = hanging(f"  {local(row.at)}  ", f"{row.who}@{row.host}: {row.action}{whom}, {result}")
        start, _, end = head.rpartition(result) if head.endswith(result) else (head, "", "")
        yield Text.assemble(start, (head[len(start) : len(head) - len(end)], colour))
        yield from map(Text, more)
        ground = row.reason and f'"{row.reason}"'
        why = "; ".join(filter(None, (row.detail, ground, row.ticket and f"[{row.ticket}]", row.error)))
        yield from map(Text, hanging(" " * 25, why) if why else ())


def given_words(given: Given, login: Login, settings: "HelpdeskSettings") -> list[str]:
    """What was given, and how long it is good."""
    lasts = lifetime_words(given.lifetime, settings)
    if given.code is None:
        return [printable(f"The {given.what} was mailed to {login.mail}; it is good for {lasts}.")]
    good = f", good for {lasts}" if lasts else ""
    return [printable(f"{given.what.capitalize()} for {login.login}{good}:")]


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


def locked_words(locked: Locked, login: Login) -> list[str]:
    """How a lock ended, and what will end it."""
    until = f"until {local(locked.hold.until)}" if locked.hold.until else "until somebody unlocks it"
    was = "was locked already and stays so" if locked.already else "is locked"
    lines = [f"{login.login} {was} {until}; no run undoes it before."]
    if locked.replaced:
        lines.append(f"This replaces: {locked.replaced}.")
    if locked.hold.until:
        lines.append(
            "After that the next run unlocks it, if the directory then says enabled."
            if locked.gives_back
            else f"After that it stays locked, since no run may unlock it; then: iwds login unlock {login.login}"
        )
    return list(map(printable, lines))


def unlocked_words(unlocked: Unlocked, login: Login) -> list[str]:
    """How an unlock ended, whose lock it was, and what may come."""
    lines = []
    if unlocked.hold:
        lines.append(f"Lifted: {unlocked.hold}.")
    elif unlocked.already:
        lines.append("Nothing was locked.")
    lines.append(f"{login.login} {'was active already' if unlocked.already else 'is active'}.")
    if unlocked.by_run and not unlocked.already:
        lines.append(
            "A run had locked it, because the directory said disabled or gone: the next run locks it again if it"
            " still says so."
        )
    return list(map(printable, lines))


def login_data(seen: Seen) -> dict[str, Any]:
    """Everything about a login as JSON; no code and no link."""
    details, row, hold = seen.details, seen.row, seen.hold
    return {
        "schema": 1,
        "login": asdict(seen.login) | {"last_seen": details.login.last_seen or seen.login.last_seen},
        "activation": details.activated.value if details.activated else None,
        "pin_locked": details.pin_locked,
        "password_locked": details.password_locked,
        "maccess_locked": details.maccess_locked,
        "devices": [described(device) for device in details.devices],
        "groups": [
            {"id": each.group.id, "name": each.group.name, "role": each.role}
            | {"role_name": role_words(each.role, seen.role_names)}
            for each in seen.groups
        ],
        "ledger": _ledger_data(row) if row else None,
        "hold": hold_data(hold) if hold else None,
        "exempt": hold_data(seen.exempt) if seen.exempt else None,
        "audit": audit_data(seen.lately),
    }


def _ledger_data(row: LedgerRow) -> dict[str, Any]:
    return {
        "realm": row.anchor.realm,
        "entry": row.anchor.id,
        "provisioning_id": row.owner,
        "origin": row.origin.value,
        "locked_by_run": row.locked,
        "left_at": row.left_at,
    }


def hold_data(row: HoldRow) -> dict[str, Any]:
    """A hold as JSON."""
    hold = row.hold
    return {"by": hold.by, "until": hold.until, "reason": hold.reason, "ticket": row.ticket, "made_at": row.made_at}


def described(device: Device) -> dict[str, Any]:
    """A device as JSON."""
    return {**asdict(device), "kind": device.kind.value, "state": int(device.state), "words": state_words(device.state)}


def audit_data(rows: Sequence[AuditRow]) -> list[dict[str, Any]]:
    """The audit as JSON; what never got an outcome is unknown."""
    return [{**asdict(row), "result": row.result.value if row.result else "unknown"} for row in rows]
