"""What is inside the sandbox, in lines of 80 columns."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from iwds.cli.page import columns, cut, hanging, printable

Row = Mapping[str, Any]


def lines(subject: str, rows: Iterator[Row], most: int | None) -> Iterator[Text]:
    """A line or more for each thing; `most` is how many things, None for all."""
    told = 0
    for row in rows:
        if most is not None and told == most:
            rest = 1 + sum(1 for _ in rows)
            yield Text(f"... {rest:,} more: add --all, or --json")
            return
        yield from map(Text, _LINES[subject](row))
        told += 1
    if not told:
        yield Text(f"There are no {subject}." if subject != "outbox" else "No mail was sent.")


def login_lines(row: Row) -> Iterator[Text]:
    """Everything about one login."""
    name = f"{row['firstname']} {row['name']}".strip()
    yield Text(cut(f"{row['login']}  {name}"), style="bold")
    facts = [("id", row["id"]), ("state", row["state"]), ("role", row["role"]), ("mail", row["mail"])]
    facts += [("phone", row["phone"]), ("extra", row["extrafields"]), ("created by", row["createdby"])]
    facts += [("PIN", "set" if row["pin_set"] else "not set"), ("last seen", when(row["lastauthdate"]))]
    facts += [("shared", "with other services")] * bool(row["shared"])
    for label, value in facts:
        if value != "":
            yield from map(Text, hanging(f"  {label:<11}", str(value)))
    for what, make in (("groups", _group_of), ("devices", _device), ("codes", _code)):
        yield Text(f"  {what}" + ("" if row[what] else ": none"))
        for item in row[what]:
            yield from (Text(f"  {line}") for line in make(item))


_SHORT, _DATE = "%d %b %H:%M", "%d %b %Y"


def when(seconds: int, form: str = "%d %b %Y %H:%M") -> str:
    """A moment in the machine's time zone."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime(form) if seconds else "never"


def _padded(text: str, width: int) -> str:
    text = cut(text, width)
    return text + " " * (width - columns(text))


def _login(row: Row) -> Iterator[str]:
    have = f"{row['devices']} dev" + (f", {row['codes']} code" if row["codes"] else "")
    yield cut(f"{_padded(row['login'], 26)} {_padded(row['state'], 14)} {_padded(have, 13)} {row['groups'] or '-'}")


def _code(row: Row) -> Iterator[str]:
    who = _padded(row["login"], 24) + " " if "login" in row else "  "
    yield cut(f"{who}{row['code']}  {row['purpose']}, {row['kind']}, until {when(row['expires'], _SHORT)}", 78)
    if row["long_code"]:
        yield f"  {row['long_code']}"


def _mail(row: Row) -> Iterator[str]:
    by = f"  by {row['relay']}" if row["relay"] else "  kept here"
    yield cut(f"{when(row['sent'])}  {row['recipient']}  {row['subject']}{by}")
    for line in row["text"].splitlines():
        yield printable(f"    {line}").rstrip()  # a link is not cut: it is to be followed


def _group(row: Row) -> Iterator[str]:
    limits = [f"{row[f'max_{kind}']} {kind}" for kind in ("all", "ma", "ca", "va", "mac") if row[f"max_{kind}"]]
    allowed = ", ".join(limits) or "any number"
    yield cut(f"{row['id']:>5}  {_padded(row['name'], 16)} {row['members']:>7,} members  {row['policy']}: {allowed}")


def _group_of(row: Row) -> Iterator[str]:
    yield cut(f"  {row['name']}, role {row['role']}", 78)


def _device(row: Row) -> Iterator[str]:
    who = _padded(row["login"], 22) + " " if "login" in row else "  "
    locks = ", ".join(row["locks"]) or "active"
    yield cut(
        f"{who}{row['kind']:<3} {row['id']}  {_padded(row['name'], 14)} {locks}, used {when(row['last_used'], _DATE)}",
        78,
    )


_LINES: Mapping[str, Callable[[Row], Iterator[str]]] = {
    "logins": _login,
    "codes": _code,
    "outbox": _mail,
    "groups": _group,
    "devices": _device,
}
