"""What one person's account would lose, gain or change, if other rules made it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from iwds.core.model import Account, Unmapped

GONE = "not governed"
SHARED = "login that several people want"


class Turn(StrEnum):
    """What becomes of somebody under other rules, in words."""

    ENTERS = "comes into scope"
    LEAVES = "leaves the scope"
    REASON = "is left alone for another reason"
    LOGIN = "login changes"
    CHANGED = "changes"
    CLEARED = "becomes empty"
    GOVERNED = "becomes governed"
    UNGOVERNED = "is not governed any more"
    GAINED = "group gained"
    LOST = "group lost"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that would be otherwise: `what` is a field, a group, `extra KEY`, a reason, or empty."""

    turn: Turn
    what: str
    old: str
    new: str


def differences(old: Account | Unmapped, new: Account | Unmapped) -> Iterator[Difference]:
    """Everything in which two outcomes for one entry differ; nothing where they are equal."""
    if old == new:
        return
    if isinstance(old, Account) and isinstance(new, Account):
        yield from _changes(old, new)
    elif isinstance(new, Account):
        yield Difference(Turn.ENTERS, "", _why(old), new.login)
    elif isinstance(old, Account):
        yield Difference(Turn.LEAVES, new.reason, old.login, new.detail)
    elif (old.reason, old.disabled) != (new.reason, new.disabled):
        yield Difference(Turn.REASON, "", _why(old), _why(new))


def _why(made: Account | Unmapped) -> str:
    return f"{made.reason}: {made.detail}" if isinstance(made, Unmapped) else made.login


def _changes(old: Account, new: Account) -> Iterator[Difference]:
    if old.login != new.login:
        yield Difference(Turn.LOGIN, "", old.login, new.login)
    before, after = _fields(old), _fields(new)
    for name in dict.fromkeys(chain(before, after)):
        if before.get(name) != after.get(name):
            yield _field(name, before.get(name), after.get(name))
    yield from _memberships(old.groups, new.groups)


def _fields(made: Account) -> dict[str, str | None]:
    """Every field but login and groups as text; None for what is not governed, or not known."""
    return {
        "firstname": made.firstname,
        "name": made.name,
        "mail": made.mail,
        "phone": made.phone,
        "role": None if made.role is None else made.role.name.lower(),
        "enabled": None if made.enabled is None else "yes" if made.enabled else "no",
        **{f"extra {key}": text for key, text in made.extra},
        **{f"role in {group}": role for group, role in made.group_roles},
        SHARED: "goes to nobody" if made.numbering is None else f"gets a number, {made.numbering} characters at most",
        **{f"mode of {name}": mode.value for name, mode in made.modes},
        "language": made.at_creation.language,
        "activation": made.at_creation.activation.value,
        "access": str(made.at_creation.access),
        "login2": made.at_creation.login2,
        "login3": made.at_creation.login3,
    }


def _field(name: str, old: str | None, new: str | None) -> Difference:
    if old is None:
        turn = Turn.GOVERNED
    elif new is None:
        turn = Turn.UNGOVERNED
    else:
        turn = Turn.CHANGED if new else Turn.CLEARED
    return Difference(turn, name, GONE if old is None else old, GONE if new is None else new)


def _memberships(old: frozenset[str] | None, new: frozenset[str] | None) -> Iterator[Difference]:
    if old == new:
        return
    if old is None or new is None:
        yield _field("groups", _joined(old), _joined(new))
        return
    for group in sorted(new - old):
        yield Difference(Turn.GAINED, group, "", group)
    for group in sorted(old - new):
        yield Difference(Turn.LOST, group, group, "")


def _joined(groups: frozenset[str] | None) -> str | None:
    return None if groups is None else "+".join(sorted(groups))
