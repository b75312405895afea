"""The file of a batch as it is written: each row an order about one login, and a complaint for each that is none.

    action;login;firstname;name;mail;groups;reason
    create;ann.smith;Ann;Smith;ann@corp.example;VPN|Sales;new colleague
    add;bob;;;;VPN;
    lock;old.contractor;;;;;contract ended

Commas, semicolons or tabs; the case of heads and actions does not matter, nor the order of columns. An empty cell says
nothing about its field; `(clear)` empties one. Nothing is guessed: a cell that its action has no use for is a
complaint, and so is a file whose last line does not end, because it may have been cut off.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from io import StringIO

from iwds.core.model import BUILTIN_ROLES, Activation, Role
from iwds.core.nearest import nearest
from iwds.core.normal import printable

CLEAR = "(clear)"
"""What a cell says to empty its field, whatever its case."""
BETWEEN_GROUPS = "|"
"""What stands between several groups in one cell."""
EXTRA = "extra:"
"""How the head of a column of an extra field begins."""
SEPARATORS = (",", ";", "\t")
FIELDS = ("firstname", "name", "mail", "phone")
"""The columns that hold a text of a login."""
_LONGEST_SHOWN = 40


class Action(StrEnum):
    """What a row asks for."""

    CREATE = "create"
    UPDATE = "update"
    LOCK = "lock"
    UNLOCK = "unlock"
    DELETE = "delete"
    ADD = "add"
    REMOVE = "remove"


_ALIASES = {"group": "groups", "grouprole": "group role"}
_HEADS = ("action", "login", *FIELDS, "role", "groups", "group role", "activation", "reason")
_WRITTEN = frozenset({*FIELDS, "role", EXTRA})
_USES: Mapping[Action, frozenset[str]] = {
    Action.CREATE: _WRITTEN | {"groups", "group role", "activation"},
    Action.UPDATE: _WRITTEN,
    Action.LOCK: frozenset(),
    Action.UNLOCK: frozenset(),
    Action.DELETE: frozenset(),
    Action.ADD: frozenset({"groups", "group role"}),
    Action.REMOVE: frozenset({"groups"}),
}
"""The columns that each action has a use for, beside login and reason."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        line: where it begins in the file.
        fields: texts by field; only those that the row says something about, empty where they are to be cleared.
        extra: the same for extra fields, by key.
        role: None where it says nothing.
        groups: names, as written.
        group_role: the name of the role in these groups; empty where it says nothing.
        activation: what somebody new gets to enrol with.
        reason: why, in the words of the file.
    """

    line: int
    action: Action
    login: str
    fields: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    role: Role | None = None
    groups: tuple[str, ...] = ()
    group_role: str = ""
    activation: Activation = Activation.INACTIVE
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with one line, and about whom it is, as far as that is known."""

    line: int
    login: str
    text: str

    def __str__(self) -> str:
        who = f"{printable(self.login)}: " if self.login else ""
        return f"{self.line}: {who}{self.text}"


@dataclass(frozen=True, slots=True)
class Table:
    """What a file says. Where there is any complaint, nothing of it counts."""

    rows: tuple[Row, ...]
    complaints: tuple[Complaint, ...]


class _Wrong(Exception):
    """One cell cannot be understood; the text is for people."""


def read(data: bytes) -> Table:
    """Every row of a file, and every complaint about it. Never raises, whatever the bytes are."""
    try:
        return parse(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Table((), (Complaint(line, "", "is not UTF-8: save the file as CSV with this encoding"),))


def parse(text: str) -> Table:
    """The same of text without a byte order mark."""
    lines, broken = _cells(text, _separator(text)) if text.strip() else ([], [])
    if not lines:
        return Table((), tuple(broken) or (Complaint(1, "", "the file is empty"),))
    (number, head), *body = lines
    columns, wrong = _columns(number, head)
    complaints = [*wrong, *broken]
    if wrong:
        return Table((), tuple(complaints))
    rows: list[Row] = []
    for line, cells in body:
        found = _row(line, cells, columns)
        complaints += [each for each in found if isinstance(each, Complaint)]
        rows += [each for each in found if isinstance(each, Row)]
    if not body and not complaints:
        complaints.append(Complaint(number, "", "the file has a head and no row"))
    if not text.endswith(("\n", "\r")):
        complaints.append(Complaint(lines[-1][0], "", "the last line does not end, so the file may have been cut off"))
    return Table(tuple(rows), tuple(sorted(complaints, key=lambda each: each.line)))


def _separator(text: str) -> str:
    """What separates the cells of the head: that by which most of its words are known."""
    head = text.strip("\r\n").splitlines()[0]
    return max(SEPARATORS, key=lambda each: sum(_name(word) is not None for word in head.split(each)))


def _cells(text: str, separator: str) -> tuple[list[tuple[int, list[str]]], list[Complaint]]:
    """The lines that hold anything, each with its number in the file, and where reading them had to end."""
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
    lines: list[tuple[int, list[str]]] = []
    while True:
        line = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return lines, []
        except csv.Error as error:
            return lines, [Complaint(line, "", f"cannot be read as a table: {error}")]
        if any(cells):
            lines.append((line, cells))


def _name(head: str) -> str | None:
    """The column that a head means; None where it is not known."""
    head = head.strip().strip('"').strip()
    if head.lower().startswith(EXTRA):
        return EXTRA + head[len(EXTRA) :].strip()
    plain = " ".join(head.lower().replace("_", " ").replace("-", " ").split())
    plain = _ALIASES.get(plain, plain)
    return plain if plain in _HEADS else None


def _columns(line: int, head: Sequence[str]) -> tuple[list[str], list[Complaint]]:
    """The columns in their order, and what is wrong with the head."""
    known = (*_HEADS, f"{EXTRA}KEY")
    columns, texts = [], []
    for cell in head:
        name = _name(cell)
        if name is None:
            texts.append(f"there is no column {_quoted(cell)}{nearest(cell, known)}")
        elif name == EXTRA:
            texts.append(f"{_quoted(cell)} names no key: write {EXTRA}KEY")
        elif name in columns:
            texts.append(f"the column {_quoted(name)} is there twice")
        columns.append(name or "")
    texts += [f'there is no column "{name}"' for name in ("action", "login") if name not in columns]
    return columns, [Complaint(line, "", text) for text in texts]


def _row(line: int, cells: Sequence[str], columns: Sequence[str]) -> Sequence[Row | Complaint]:
    """The row, or everything that is wrong with it."""
    said = dict(zip(columns, cells, strict=False))
    login, wrong = said.get("login", ""), list[str]()
    if len(cells) != len(columns):
        text = f"has {len(cells)} cells, and the head has {len(columns)}: quote what holds a separator"
        return [Complaint(line, login, text)]
    if not login:
        wrong.append("has no login")
    try:
        action = _action(said["action"])
    except _Wrong as error:
        return [Complaint(line, login, text) for text in (*wrong, str(error))]
    wrong += _unused(action, said)
    row = None
    try:
        row = _made(line, action, login, said)
    except _Wrong as error:
        wrong.append(str(error))
    return [Complaint(line, login, text) for text in wrong] if wrong or row is None else [row]


def _action(text: str) -> Action:
    try:
        return Action(text.lower())
    except ValueError:
        problem = f"there is no action {_quoted(text)}" if text else "has no action"
        raise _Wrong(f"{problem}{nearest(text, [each.value for each in Action])}") from None


def _unused(action: Action, said: Mapping[str, str]) -> Iterator[str]:
    """Cells that say something for which the action has no use, or too little."""
    uses = _USES[action]
    for name, cell in said.items():
        kind = EXTRA if name.startswith(EXTRA) else name
        if cell and kind not in uses and kind not in ("action", "login", "reason"):
            yield f"{action.value} has no use for {name} {_quoted(cell)}: empty the cell"
    if action is Action.UPDATE and not any(cell for name, cell in said.items() if _is_written(name)):
        yield "update changes nothing: fill a cell"
    if action in (Action.ADD, Action.REMOVE) and not said.get("groups"):
        yield f"{action.value} names no group"


def _is_written(name: str) -> bool:
    return name in _WRITTEN or name.startswith(EXTRA)


def _made(line: int, action: Action, login: str, said: Mapping[str, str]) -> Row:
    new = action is Action.CREATE
    groups, group_role = _groups(said.get("groups", "")), said.get("group role", "").lower()
    if group_role and not groups:
        raise _Wrong(f"group role {_quoted(group_role)} is for no group")
    return Row(
        line,
        action,
        login,
        {name: _value(name, said[name], new) for name in FIELDS if said.get(name)},
        {name[len(EXTRA) :]: _value(name, cell, new) for name, cell in said.items() if name.startswith(EXTRA) and cell},
        _role(said.get("role", "")),
        groups,
        group_role,
        _activation(said.get("activation", "")),
        said.get("reason", ""),
    )


def _value(name: str, cell: str, new: bool) -> str:
    if cell.lower() != CLEAR:
        return cell
    if new:
        raise _Wrong(f"{name} {CLEAR}: somebody new has nothing that could be cleared; empty the cell")
    return ""


def _role(text: str) -> Role | None:
    if not text:
        return None
    number = BUILTIN_ROLES.get(text.lower(), int(text) if text in ("0", "1", "2") else None)
    if number is None:
        raise _Wrong(f"there is no role {_quoted(text)}{nearest(text, BUILTIN_ROLES)}")
    return Role(number)


def _groups(text: str) -> tuple[str, ...]:
    names = [name.strip() for name in text.split(BETWEEN_GROUPS)]
    if text and not all(names):
        raise _Wrong(f"groups {_quoted(text)} has an empty name beside {BETWEEN_GROUPS}")
    return tuple(dict.fromkeys(names)) if text else ()


def _activation(text: str) -> Activation:
    try:
        return Activation(text.lower() or Activation.INACTIVE)
    except ValueError:
        known = [each.value for each in Activation]
        raise _Wrong(f"there is no activation {_quoted(text)}{nearest(text, known)}") from None


def _quoted(text: str) -> str:
    text = printable(text)
    return f'"{text}"' if len(text) <= _LONGEST_SHOWN else f'"{text[:_LONGEST_SHOWN]}…"'
