"""Lists of people who are not activated or never come: as a page, as JSON and as a table; and what was mailed."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from rich.text import Text

from iwds.cli.common import local, show_json
from iwds.cli.console import WIDTH, plain
from iwds.cli.page import columns, cut, hanging
from iwds.cli.spreadsheet import write_table
from iwds.core.devices import Activated
from iwds.engine.activations import UNTOLD, Idle, Person, Sheet, Surveyed
from iwds.engine.resending import Chosen, Resent
from iwds.ports import Result

_NAME = 24
"""Columns for a login; longer ones take what they need."""
_COLUMNS = ("id", "login", "name", "mail", "locked", "activation", "last_seen", "ours")

_TITLES: Mapping[str, str] = {
    Activated.EXPIRED: "expired: no code or link was used in time",
    Activated.LINK: "link pending: it was not used yet",
    Activated.CODE: "digits pending: a code works now, and was not used yet",
    Activated.INACTIVE: "not switched on: there is a code, which does not work yet",
}
_HELP: Mapping[str, str] = {
    Activated.EXPIRED: "iwds activations --expired --resend, or iwds login code LOGIN",
    Activated.LINK: "iwds activations --pending --resend",
    Activated.CODE: "iwds login code LOGIN, where it has run out or is lost",
    Activated.INACTIVE: "iwds login code LOGIN switches it on and shows it",
}
_IDLE: Mapping[str, str] = {
    Idle.LONG_AGO: "last login before then",
    Idle.NEVER: "activated, and no login is known",
    Idle.NOT_ACTIVATED: "never activated",
}

Head = dict[str, Any]
Page = tuple[Head, Iterator[Text]]


def activation_page(found: Surveyed, service: str, sheet: Sheet, shown: int, everybody: bool) -> Page:
    """Who is not activated: what JSON says of all of them, and a page that names so many of each group."""
    head = _head(found, service, sheet, everybody)
    first = f"Not activated on {service}, {_whose(everybody)}"
    return head, _page(first, _TITLES, sheet, shown, _endings(found, sheet, everybody, "how far their activation is"))


def idle_page(found: Surveyed, service: str, moment: datetime, sheet: Sheet, shown: int, everybody: bool) -> Page:
    """Seats that nobody has used since a moment."""
    head = _head(found, service, sheet, everybody) | {"idle_since": moment}
    first = f"Unused since {local(moment)} on {service}, {_whose(everybody)}"
    return head, _page(first, _IDLE, sheet, shown, _endings(found, sheet, everybody, "when they were used"))


def _head(found: Surveyed, service: str, sheet: Sheet, everybody: bool) -> Head:
    return {
        "schema": 1,
        "service": service,
        "taken_at": found.taken_at,
        "ours_only": not everybody,
        "looked_at": found.looked_at,
        "counts": {group: sheet.counts[group] for group in sheet.groups},
        "not_told": sheet.counts[UNTOLD],
    }


def _whose(everybody: bool) -> str:
    return "everybody's logins" if everybody else "our logins"


def _page(first: str, titles: Mapping[str, str], sheet: Sheet, shown: int, endings: Iterable[str]) -> Iterator[Text]:
    yield from (Text(line, style="bold") for line in hanging("", first))
    for group in sheet.groups:
        count = sheet.counts[group]
        if not count:
            continue
        yield Text()
        yield from (Text(line, style="yellow") for line in hanging(f"{count:,}  ", titles[group]))
        yield from (Text(_line(person)) for person in islice(sheet.people(group), shown))
        if count > shown:
            yield Text(f"  ... {count - shown:,} more: --limit N, or all of them: --csv, --json")
        if group in _HELP:
            yield from map(Text, hanging("  then: ", _HELP[group]))
    yield Text()
    for ending in endings:
        yield from map(Text, hanging("", ending))


def _line(person: Person) -> str:
    """Login, last use where it matters, name, and what to know beside them; on one line."""
    name = person.login + " " * max(0, _NAME - columns(person.login))
    seen = f"{datetime.fromtimestamp(person.last_seen, UTC):%Y-%m-%d}" if person.last_seen else ""
    notes = ("locked" if person.locked else "", "" if person.ours else "not ours", "" if person.mail else "no mail")
    return cut("  " + "  ".join(filter(None, (name, seen, ", ".join(filter(None, (person.name, *notes)))))).rstrip())


def _endings(found: Surveyed, sheet: Sheet, everybody: bool, what: str) -> Iterator[str]:
    listed = sum(sheet.counts[group] for group in sheet.groups)
    if everybody:
        yield f"{listed:,} of {found.total:,} logins."
    else:
        yield f"{listed:,} of our {found.looked_at:,} logins; {found.total - found.looked_at:,} more are not ours."
    if untold := sheet.counts[UNTOLD]:
        yield f"Of {untold:,} the service does not tell {what}: they are not in this list."


# --- for machines -----------------------------------------------------------------------------------------------------


def write_json(head: Head, sheet: Sheet, limit: int | None) -> None:
    """The head with a key `logins`, written person by person: a list may be longer than the memory."""
    start = json.dumps(head, ensure_ascii=False, indent=2, default=str).removesuffix("\n}")
    sys.stdout.write(f'{start},\n  "logins": [')
    for number, (group, person) in enumerate(_everybody(sheet, limit)):
        line = json.dumps({"group": group, **asdict(person)}, ensure_ascii=False)
        sys.stdout.write(f"{',' if number else ''}\n    {line}")
    plain("\n  ]\n}")


def write_csv(sheet: Sheet, limit: int | None) -> None:
    """A table with a line of heads; see `cell` for what a spreadsheet must not take for a formula."""
    rows = ((group, *(getattr(person, name) for name in _COLUMNS)) for group, person in _everybody(sheet, limit))
    write_table(("group", *_COLUMNS), rows)


def _everybody(sheet: Sheet, limit: int | None) -> Iterator[tuple[str, Person]]:
    return ((group, person) for group in sheet.groups for person in islice(sheet.people(group), limit))


# --- links that are mailed once more ----------------------------------------------------------------------------------


def chosen_lines(chosen: Chosen) -> Iterator[Text]:
    """Who is to get a link and who is not, before the question."""
    for person in chosen.people:
        yield Text(cut(f"  {person.login:<{_NAME}}  {person.mail}"))
    for obstacle, count in chosen.left_out.items():
        yield from map(Text, hanging(f"  {count:,} left out: ", obstacle.value))
    if chosen.rest:
        yield Text(f"  {chosen.rest:,} more are left for later: --limit N")
    if not chosen.people:
        yield Text("Nobody to mail a link to.")


def resent_lines(resent: Resent, chosen: Chosen) -> Iterator[Text]:
    """What became of each mail; the way out where the service gives no link."""
    done = sum(result is Result.DONE for _, result, _ in resent.results)
    for person, result, words in resent.results:
        if result is not Result.DONE:
            yield from map(Text, hanging(f"  {person.login}: ", f"{result.value}: {words}"))
    yield Text(cut(f"{done:,} of {len(chosen.people):,} links mailed.", WIDTH))
    if any(result is Result.REJECTED for _, result, _ in resent.results):
        yield Text("Whom the service mails nothing, give a code: iwds login code LOGIN")
    if any(result is Result.UNKNOWN for _, result, _ in resent.results):
        yield Text("Where it is not known, ask whether a mail came before you send another.")
    if resent.stopped:
        yield from map(Text, hanging("Stopped: ", resent.stopped))
    if resent.stopped or chosen.rest:
        yield Text("The same command goes on with the rest.")


def write_resent(resent: Resent, chosen: Chosen) -> None:
    """The same as JSON."""
    mails = [
        {"id": person.id, "login": person.login, "result": result.value, "error": words}
        for person, result, words in resent.results
    ]
    left_out = {obstacle.name.lower().replace("_", "-"): count for obstacle, count in chosen.left_out.items()}
    show_json({"schema": 1, "mails": mails, "left_out": left_out, "rest": chosen.rest, "stopped": resent.stopped})
