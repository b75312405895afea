"""Values as rows of the scratch file and back."""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from iwds.core.matching import extra_held, extra_wanted
from iwds.core.model import (
    Absent,
    Account,
    Activation,
    Anchor,
    AtCreation,
    LedgerRow,
    Login,
    Mode,
    Origin,
    Role,
    Status,
    Unmapped,
    fold,
)
from iwds.core.modes import governed, is_left, mode_of
from iwds.core.policy import World

PERSON = (
    "p.realm, p.pid, p.verdict, p.name, p.detail, p.login, p.firstname, p.lastname, p.mail, p.phone, p.role,"
    " p.status, p.groups, p.extra, p.creation, p.roles, p.modes, p.numbering"
)
LOGIN = (
    "l.id, l.login, l.firstname, l.lastname, l.mail, l.phone, l.role, l.status, l.extra, l.created_by, l.activated,"
    " l.last_seen"
)
LEDGER = (
    "r.login_id, r.realm, r.pid, r.owner, r.origin, r.login, r.tag, r.locked, r.groups, r.written, r.roles, r.left_at"
)
AFTER_PERSON = 18
AFTER_LEDGER = AFTER_PERSON + 12
AFTER_LOGIN = AFTER_LEDGER + 12
"""Where the columns of `PERSON`, `LEDGER` and `LOGIN` end in a row that selects them in this order."""
_NOBODY = Anchor("", "")


def person_row(person: Account | Unmapped) -> tuple[Any, ...]:
    """A person as a row of `person`."""
    anchor = person.anchor
    if isinstance(person, Unmapped):
        return (
            anchor.realm,
            anchor.id,
            person.reason.value,
            person.name,
            person.detail,
            fold(person.login) or None,
            person.login,
            None,
            None,
            person.mail,
            None,
            None,
            int(Status.LOCKED) if person.disabled else None,
            *[None] * 6,
        )
    return (
        anchor.realm,
        anchor.id,
        None,
        person.login,
        None,
        fold(person.login),
        person.login,
        person.firstname,
        person.name,
        person.mail,
        person.phone,
        None if person.role is None else int(person.role),
        None if person.enabled is None else int(Status.ACTIVE if person.enabled else Status.LOCKED),
        None if person.groups is None else _names(person.groups),
        json.dumps(person.extra) if person.extra else "",
        _creation(person.at_creation),
        _roles(person.group_roles) if person.group_roles else "",
        _modes(person.modes),
        person.numbering,
    )


# A few sets of groups, ways to be created and sets of modes are everybody's, and encoding is slow.
@lru_cache(maxsize=1024)
def _names(groups: frozenset[str]) -> str:
    return json.dumps(sorted(groups))


@lru_cache(maxsize=1024)
def _roles(roles: tuple[tuple[str, str], ...]) -> str:
    return json.dumps(roles)


@lru_cache(maxsize=1024)
def _modes(modes: tuple[tuple[str, Mode], ...]) -> str:
    return json.dumps(modes) if modes else ""


@lru_cache(maxsize=1024)
def _modes_of(text: str) -> tuple[tuple[str, Mode], ...]:
    return tuple((name, Mode(mode)) for name, mode in _pairs(text))


@lru_cache(maxsize=1024)
def _creation(made: AtCreation) -> str:
    return json.dumps([made.activation.value, made.language, made.access, made.login2, made.login3])


def unmapped_of(row: Sequence[Any]) -> Unmapped:
    """The verdict in the columns of `PERSON`."""
    realm, pid, verdict, name, detail, login, _, _, mail, _, _, status = row[:12]
    return Unmapped(Anchor(realm, pid), name, Absent(verdict), detail, login, status == Status.LOCKED, mail)


def account_of(row: Sequence[Any]) -> Account:
    """The account in the columns of `PERSON`."""
    realm, pid, _, _, _, login, firstname, lastname, mail, phone, role, status, groups, extra, *rest = row
    creation, roles, modes, numbering = rest
    activation, language, access, login2, login3 = json.loads(creation)
    return Account(
        Anchor(realm, pid),
        login,
        firstname,
        lastname,
        mail,
        phone,
        None if role is None else Role(role),
        None if status is None else status == Status.ACTIVE,
        None if groups is None else frozenset(json.loads(groups)),
        _pairs(extra),
        AtCreation(Activation(activation), language, access, login2, login3),
        _pairs(roles),
        _modes_of(modes),
        numbering,
    )


def left(name: str, want: str | int, held: str | int | None, modes: str) -> bool:
    """Whether a field is left as the service has it; for SQL, as the core sees it."""
    return is_left(want, held, _mode(name, modes))


@lru_cache(maxsize=1024)
def _mode(name: str, modes: str) -> Mode:
    return mode_of(name, dict(_modes_of(modes)))


@lru_cache(maxsize=1024)
def extra_agrees(wanted: str, held: str | None, modes: str) -> bool:
    """Whether a login's extra fields agree with those in the column of `PERSON`; for SQL, as the core sees it."""
    account = governed(Account(_NOBODY, "", extra=_pairs(wanted), modes=_modes_of(modes)), Login(0, "", extra=held))
    if not account.extra:
        return True
    return extra_wanted(account) == extra_held(held, account)


def roles_known(wanted: str, known: str, world: World) -> bool:
    """Whether the roles in the column of `PERSON` are those in that of `LEDGER`, in the groups that the service has."""
    has = _numbers_by_number(known)
    return all(
        has.get(world.groups[group].id) == world.roles[role] for group, role in _pairs(wanted) if group in world.groups
    )


@lru_cache(maxsize=1024)
def _pairs(pairs: str) -> tuple[tuple[str, str], ...]:
    return tuple((key, value) for key, value in json.loads(pairs)) if pairs else ()


def login_row(login: Login) -> tuple[Any, ...]:
    """A login as a row of `login`."""
    return (
        login.id,
        fold(login.login),
        login.login,
        login.firstname,
        login.name,
        login.mail,
        login.phone,
        login.role,
        login.status,
        login.extra,
        login.created_by,
        login.activated,
        login.last_seen,
    )


def login_of(row: Sequence[Any]) -> Login:
    """The login in the columns of `LOGIN`."""
    number, login, firstname, lastname, mail, phone, role, status, extra, created_by, activated, last_seen = row
    used = None if activated is None else bool(activated)
    return Login(number, login, firstname, lastname, mail, phone, role, status, extra, created_by, used, last_seen)


def ledger_row(row: LedgerRow) -> tuple[Any, ...]:
    """A ledger row as a row of `ledger`."""
    return (
        row.login_id,
        row.anchor.realm,
        row.anchor.id,
        row.owner,
        row.origin.value,
        fold(row.login),
        row.login,
        row.tag,
        row.locked,
        ids(row.groups),
        json.dumps(dict(row.written)),
        " ".join(f"{group}:{role}" for group, role in sorted(row.group_roles.items())) if row.group_roles else "",
        row.left_at.isoformat() if row.left_at else None,
    )


def ledger_of(row: Sequence[Any]) -> LedgerRow:
    """The ledger row in the columns of `LEDGER`."""
    login_id, realm, pid, owner, origin, login, tag, locked, groups, written, roles, left_at = row
    return LedgerRow(
        login_id,
        Anchor(realm, pid),
        owner,
        Origin(origin),
        login,
        tag,
        bool(locked),
        numbers(groups),
        json.loads(written),
        _numbers_by_number(roles),
        datetime.fromisoformat(left_at) if left_at else None,
    )


@lru_cache(maxsize=1024)
def ids(groups: frozenset[int]) -> str:
    """A set of group ids as one comparable text."""
    return " ".join(map(str, sorted(groups)))


def numbers(text: str) -> frozenset[int]:
    """The group ids in such a text."""
    return frozenset(map(int, text.split()))


def _numbers_by_number(text: str) -> dict[int, int]:
    """Roles by group id, from such a text."""
    pairs = (pair.partition(":") for pair in text.split())
    return {int(group): int(role) for group, _, role in pairs}
