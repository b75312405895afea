"""The rows of a batch by person: rows that go together become one wish, rows that contradict each other a complaint."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from iwds.core.batch_table import Action, Complaint, Row
from iwds.core.model import Account, Activation, Anchor, AtCreation, Role, Status, fold

BATCH_REALM = "iwds:batch"
"""The realm of people whom a batch made: no directory answers for them, so none ever finds them gone."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a batch wants of one login.

    Attributes:
        rows: the rows that say so, in the order of lines.
        create, delete: whether the login is to be made, or to be gone; else it has to be there.
        fields: texts by field, empty where they are to be cleared.
        extra: the same by key.
        role, status: None where nothing is said.
        joins: groups to be in, by name, with the name of the role there; empty where nothing is said of it.
        leaves: names of groups to be out of.
        activation: what somebody new gets to enrol with.
    """

    login: str
    rows: tuple[Row, ...]
    create: bool
    delete: bool
    fields: Mapping[str, str]
    extra: Mapping[str, str]
    role: Role | None
    status: Status | None
    joins: Mapping[str, str]
    leaves: frozenset[str]
    activation: Activation

    @property
    def anchor(self) -> Anchor:
        """Whom a login that the batch makes stands for."""
        return anchor_of(self.login)

    @property
    def account(self) -> Account:
        """The login as it is to be made, before the service's constraints were looked at."""
        return Account(
            anchor=self.anchor,
            login=self.login,
            **{name: text for name, text in self.fields.items() if text},  # type: ignore[arg-type]
            role=self.role,
            enabled=True,
            extra=tuple((key, text) for key, text in self.extra.items() if text),
            at_creation=AtCreation(activation=self.activation),
        )

    def because(self, file: str) -> str:
        """Why, for each change: the file, its lines, and what they say."""
        lines = [str(row.line) for row in self.rows]
        several = "lines" if len(lines) > 1 else "line"
        reasons = "; ".join(dict.fromkeys(row.reason for row in self.rows if row.reason))
        return f"batch {file} {several} {', '.join(lines)}" + (f": {reasons}" if reasons else "")


def anchor_of(login: str) -> Anchor:
    """Whom the login of this name stands for that a batch made."""
    return Anchor(BATCH_REALM, fold(login))


def wishes(rows: Iterable[Row]) -> tuple[tuple[Wish, ...], tuple[Complaint, ...]]:
    """What is wanted of each login, in the order of its first row, and every contradiction with both lines."""
    people: dict[str, list[Row]] = {}
    for row in rows:
        people.setdefault(fold(row.login), []).append(row)
    complaints = tuple(each for listed in people.values() for each in _contradictions(listed))
    return tuple(_wish(listed) for listed in people.values()), complaints


def _wish(rows: Sequence[Row]) -> Wish:
    first = next((row for row in rows if row.action is Action.CREATE), rows[0])
    joins: dict[str, str] = {}
    for row in rows:
        for name in row.groups if row.action is not Action.REMOVE else ():
            joins[name] = row.group_role or joins.get(name, "")
    actions = {row.action for row in rows}
    locked = Status.LOCKED if Action.LOCK in actions else Status.ACTIVE if Action.UNLOCK in actions else None
    return Wish(
        first.login,
        tuple(rows),
        Action.CREATE in actions,
        Action.DELETE in actions,
        {name: text for row in rows for name, text in row.fields.items()},
        {key: text for row in rows for key, text in row.extra.items()},
        next((row.role for row in rows if row.role is not None), None),
        locked,
        joins,
        frozenset(name for row in rows if row.action is Action.REMOVE for name in row.groups),
        first.activation,
    )


def _contradictions(rows: Sequence[Row]) -> Iterator[Complaint]:
    """What a later row says against an earlier one."""
    actions: dict[Action, int] = {}
    said: dict[tuple[str, str], tuple[object, int]] = {}
    for row in rows:
        clashes = [(line, f"{row.action.value} here, {other.value}") for other, line in actions.items()
                   if _clash(row.action, other)]  # fmt: skip
        for what, value in _says(row):
            before, line = said.setdefault(what, (value, row.line))
            if before != value:
                clashes.append((line, " ".join(filter(None, what)) + " is another one"))
        actions.setdefault(row.action, row.line)
        if clashes:
            line, words = clashes[0]
            yield Complaint(row.line, row.login, f"contradicts line {line}: {words} there")


def _clash(action: Action, other: Action) -> bool:
    both = {action, other}
    if Action.DELETE in both:
        return len(both) > 1
    if Action.CREATE in both:
        return both != {Action.CREATE, Action.ADD}
    return both == {Action.LOCK, Action.UNLOCK}


def _says(row: Row) -> Iterator[tuple[tuple[str, str], object]]:
    """Each thing that a row says, with the value that no other row of the same person may differ in."""
    yield from ((("", name), text) for name, text in row.fields.items())
    yield from ((("extra", key), text) for key, text in row.extra.items())
    if row.role is not None:
        yield ("", "role"), row.role
    for name in row.groups:
        yield ("the place in", name), row.action is not Action.REMOVE
        if row.group_role:
            yield ("the role in", name), row.group_role
