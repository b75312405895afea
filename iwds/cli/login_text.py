"""One login in words: everything that is known of it, what was given, how a lock ended."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.text import Text

from iwds.cli.access_text import NOT_TOLD, access_data, access_lines, lifetime_words
from iwds.cli.common import local
from iwds.cli.page import block, hanging, printable
from iwds.core.devices import Details
from iwds.core.error_codes import Facts
from iwds.core.model import LedgerRow, Login, Origin, Status
from iwds.core.policy import HoldKind
from iwds.core.words import role_words, until_words
from iwds.engine.actions import Given, Seen
from iwds.engine.locks import Locked, Unlocked
from iwds.ports import AuditRow, HoldRow

if TYPE_CHECKING:  # what settings take to load, a help page should not wait for
    from iwds.settings import HelpdeskSettings

HELD = Text("Held", style="yellow")


def login_lines(seen: Seen, now: datetime, settings: "HelpdeskSettings | None" = None) -> Iterator[Text]:
    """Everything about a login, for a terminal of 80 columns."""
    login = seen.login
    locked = login.status == Status.LOCKED
    state = ("LOCKED", "bold red") if locked else ("active", "green")
    yield Text.assemble((printable(login.login), "bold"), f"  #{login.id}  ", state)
    for head, text in _fields(seen):
        yield from map(Text, hanging(f"  {head:<12}", text))
    yield from access_lines(known_details(seen), seen.lately, now, settings)
    groups = [f"{each.group.name} ({role_words(each.role, seen.role_names)})" for each in seen.groups]
    yield from block(map(Text, hanging("  ", ", ".join(groups) or "none", 12)), "Groups")
    yield from block(map(Text, hanging("  ", _whose(seen.row))), "In our memory")
    holds = [hold for hold in (seen.hold, seen.exempt) if hold]
    yield from block((Text(line) for hold in holds for line in hanging("  ", held_words(hold, now))), HELD)
    yield from block(audit_lines(seen.lately, name=False), "Lately")


def known_details(seen: Seen) -> Details:
    """What the service tells of a login, with the last use from the list of logins where the question has none."""
    details = seen.details
    if details.login.last_seen is not None:
        return details
    return replace(details, login=replace(details.login, last_seen=seen.login.last_seen))


def error_facts(seen: Seen) -> Facts:
    """What of a login bears on an error code that its owner saw."""
    if seen.hold:
        whose = str(seen.hold.hold).removeprefix("locked ")
    elif seen.row and seen.row.locked:
        whose = "by a run, because the directory says disabled or gone"
    else:
        whose = "by somebody else, in the service's console for instance"
    return Facts(seen.login.login, seen.details, whose)


def _fields(seen: Seen) -> Iterator[tuple[str, str]]:
    login = seen.login
    yield "name", " ".join(filter(None, (login.firstname, login.name))) or "-"
    yield "mail", _known(login.mail)
    yield "phone", _known(login.phone)
    yield "role", NOT_TOLD if login.role is None else role_words(login.role)
    if login.extra:
        yield "extra", login.extra
    yield "tag", tag_words(login.created_by)


def _known(text: str | None) -> str:
    return NOT_TOLD if text is None else text or "-"


def tag_words(tag: int | None) -> str:
    """Who made a login."""
    if tag is None:
        return NOT_TOLD
    return {0: "0, made in the console", 1: "1, made by the API or the vendor's tool"}.get(tag, str(tag))


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
    until = f" until {until_words(row.hold.until)}" if row.hold.until else f" until {lifted}"
    ticket = f" [{row.ticket}]" if row.ticket else ""
    return f"{verb} by {row.hold.by} on {local(row.made_at)}{until}{ended}: {row.hold.reason}{ticket}"


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


def locked_words(locked: Locked, login: Login) -> list[str]:
    """How a lock ended, and what will end it."""
    until = f"until {until_words(locked.hold.until)}" if locked.hold.until else "until somebody unlocks it"
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
    details, row, hold = known_details(seen), seen.row, seen.hold
    return {
        "schema": 1,
        "login": asdict(seen.login) | {"last_seen": details.login.last_seen},
        **access_data(details),
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


def audit_data(rows: Sequence[AuditRow]) -> list[dict[str, Any]]:
    """The audit as JSON; what never got an outcome is unknown."""
    return [{**asdict(row), "result": row.result.value if row.result else "unknown"} for row in rows]
