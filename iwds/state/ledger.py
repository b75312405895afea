"""The ledger: which logins are ours, whose entry they stand for, what we last wrote, which memberships we made."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from iwds.core.model import Anchor, LedgerRow, Origin, Service
from iwds.state.engine import Database
from iwds.state.tables import login, membership

_PAGE = 5_000
"""Rows read in one short transaction, or written by one statement."""

_ASKED_AT_ONCE = 1_000
"""Ids in one question; databases limit the parameters of a statement."""

_ORIGINS = {origin.value: origin for origin in Origin}
_NO_GROUPS: Mapping[int, int | None] = {}
_Groups = Mapping[int, int | None]
"""Group ids, each with the role there as far as we know it."""


def read_ledger(database: Database, service: Service) -> Iterator[LedgerRow]:
    """All rows of a service in the order of login ids.

    Page after page by key, each in a transaction of its own: memory stays flat, and a reader that is slow or never
    finishes keeps nothing open, neither a snapshot that grows SQLite's log nor the only connection of `sqlite://`.
    Each row is consistent with its memberships.
    """
    after: int | None = None
    while page := _page(database, service, after):
        yield from page
        after = page[-1].login_id


def _page(database: Database, service: Service, after: int | None) -> list[LedgerRow]:
    beyond = [] if after is None else [login.c.login_id > after]
    logins = and_(login.c.service == str(service), *beyond)
    with database.reading() as connection:
        found = connection.execute(_LOGINS.where(logins).order_by(login.c.login_id).limit(_PAGE)).all()
        if not found:
            return []
        groups = _groups(connection, service, membership.c.login_id.between(found[0].login_id, found[-1].login_id))
    return _rows(found, groups)


_LOGINS: Select[Any] = select(
    login.c.login_id,
    login.c.realm,
    login.c.entry,
    login.c.owner,
    login.c.origin,
    login.c.login,
    login.c.tag,
    login.c.locked,
    login.c.left_at,
    cast(login.c.written, Text),
)


def _rows(found: Sequence[Any], groups: Mapping[int, _Groups]) -> list[LedgerRow]:
    """Rows of `_LOGINS` as ledger rows.

    Their JSON is decoded in one go: several times as fast as row by row, and they share the names of the fields.
    """
    written = json.loads(f"[{','.join([values[-1] for values in found])}]")
    return [
        LedgerRow(
            login_id,
            Anchor(realm, entry),
            owner,
            _ORIGINS[origin],
            name,
            tag,
            locked,
            frozenset(groups.get(login_id, _NO_GROUPS)),
            hashes,
            _known(groups.get(login_id, _NO_GROUPS)),
            left,
        )
        for (login_id, realm, entry, owner, origin, name, tag, locked, left, _), hashes in zip(
            found, written, strict=True
        )
    ]


def _known(groups: _Groups) -> dict[int, int]:
    return {group: role for group, role in groups.items() if role is not None}


def _groups(connection: Connection, service: Service, which: ColumnElement[bool]) -> dict[int, _Groups]:
    """Groups by login id, of the logins that `which` selects."""
    found: dict[int, dict[int, int | None]] = {}
    columns = select(membership.c.login_id, membership.c.group_id, membership.c.role)
    for login_id, group_id, role in connection.execute(columns.where(membership.c.service == str(service), which)):
        found.setdefault(login_id, {})[group_id] = role
    return {**found}


def rows_of(connection: Connection, service: Service, login_ids: Collection[int]) -> dict[int, LedgerRow]:
    """The rows of some logins, by login id; those that are not ours are left out."""
    rows: dict[int, LedgerRow] = {}
    ordered = sorted(login_ids)
    for start in range(0, len(ordered), _ASKED_AT_ONCE):
        some = ordered[start : start + _ASKED_AT_ONCE]
        wanted = _LOGINS.where(login.c.service == str(service), login.c.login_id.in_(some))
        groups = _groups(connection, service, membership.c.login_id.in_(some))
        rows.update((row.login_id, row) for row in _rows(connection.execute(wanted).all(), groups))
    return rows


def count_unlocked(connection: Connection, service: Service, owner: int) -> int:
    """How many rows of an owner are there that we have not locked."""
    ours = login.c.service == str(service), login.c.owner == owner, login.c.locked.is_(False)
    return int(connection.execute(select(func.count()).select_from(login).where(*ours)).scalar_one())


def find_rows(connection: Connection, service: Service, anchor: Anchor | None, text: str) -> list[LedgerRow]:
    """The rows that stand for an anchor, or whose login name or entry id a text is, in the order of login ids."""
    ids = select(login.c.login_id).where(login.c.service == str(service))
    meant: list[ColumnElement[bool]] = []
    if anchor:
        meant.append(and_(login.c.realm == anchor.realm, login.c.entry == anchor.id))
    if text:
        meant += [func.lower(login.c.login) == text.lower(), login.c.login == text, login.c.entry == text]
    found = connection.execute(ids.where(or_(*meant)).limit(_ASKED_AT_ONCE)).scalars().all() if meant else ()
    rows = rows_of(connection, service, found)
    return [rows[login_id] for login_id in sorted(rows)]


def replace_rows(
    connection: Connection, service: Service, before: Mapping[int, LedgerRow], after: Mapping[int, LedgerRow | None]
) -> None:
    """Bring rows from what `rows_of` gave to what they should be; None deletes one with its memberships.

    Only what differs is written, each kind in one statement for all rows.
    """
    changed = {login_id: row for login_id, row in after.items() if row != before.get(login_id)}
    kept = [row for row in changed.values() if row is not None]
    _each(connection, _DELETE, [_key(service, login_id) for login_id, row in changed.items() if row is None])
    _each(connection, insert(login), [_values(service, row) for row in kept if row.login_id not in before])
    _each(connection, _UPDATE, [_update(service, row) for row in kept if row.login_id in before])
    _replace_groups(connection, service, before, kept)


def _replace_groups(
    connection: Connection, service: Service, before: Mapping[int, LedgerRow], after: Sequence[LedgerRow]
) -> None:
    """Write the memberships by which rows differ."""
    left: list[dict[str, Any]] = []
    joined: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for row in after:
        old = before.get(row.login_id)
        had, knew = (old.groups, old.group_roles) if old else (frozenset[int](), {})
        key, role = _key(service, row.login_id), row.group_roles.get
        left += [key | {"of_group": group} for group in had - row.groups]
        member = {"service": str(service), "login_id": row.login_id}
        joined += [member | {"group_id": group, "role": role(group)} for group in row.groups - had]
        differing = (group for group in row.groups & had if role(group) != knew.get(group))
        changed += [key | {"of_group": group, "to_role": role(group)} for group in differing]
    _each(connection, _LEAVE, left)
    _each(connection, insert(membership), joined)
    _each(connection, _CHANGE_ROLE, changed)


def note_tags(connection: Connection, service: Service, tags: Mapping[int, int]) -> None:
    """Record the tags of these logins."""
    noted = update(login).where(_OF_LOGIN).values(tag=bindparam("read"))
    rest = iter(tags.items())
    while some := list(islice(rest, _PAGE)):  # a first run notes a tag for everybody: not all of them in memory
        connection.execute(noted, [_key(service, login_id) | {"read": tag} for login_id, tag in some])


def note_roles(connection: Connection, service: Service, roles: Mapping[tuple[int, int], int]) -> None:
    """Record the roles in memberships of ours; those in other memberships are left out."""
    rest = iter(roles.items())
    while some := list(islice(rest, _PAGE)):
        read = [_key(service, login_id) | {"of_group": group, "to_role": role} for (login_id, group), role in some]
        connection.execute(_CHANGE_ROLE, read)


def note_unlocked(connection: Connection, service: Service, login_ids: Collection[int]) -> None:
    """Our locks on these logins are no more."""
    opened = update(login).where(_OF_LOGIN).values(locked=False)
    if login_ids:
        connection.execute(opened, [_key(service, login_id) for login_id in sorted(login_ids)])


def note_left(connection: Connection, service: Service, login_ids: Collection[int], at: datetime | None) -> None:
    """Since when these logins' people are gone; None for no more."""
    left = update(login).where(_OF_LOGIN).values(left_at=at)
    _each(connection, left, [_key(service, login_id) for login_id in sorted(login_ids)])


def note_restored(connection: Connection, service: Service) -> None:
    """No lock and no membership of this service counts as ours any more, and no grace has begun."""
    connection.execute(update(login).where(login.c.service == str(service)).values(locked=False, left_at=None))
    connection.execute(delete(membership).where(membership.c.service == str(service)))


_OF_LOGIN = and_(login.c.service == bindparam("of_service"), login.c.login_id == bindparam("of_login"))
_OF_MEMBER = and_(membership.c.service == bindparam("of_service"), membership.c.login_id == bindparam("of_login"))
_DELETE = delete(login).where(_OF_LOGIN)
_LEAVE = delete(membership).where(_OF_MEMBER, membership.c.group_id == bindparam("of_group"))
_CHANGE_ROLE = (
    update(membership).where(_OF_MEMBER, membership.c.group_id == bindparam("of_group"))
    .values(role=bindparam("to_role"))
)  # fmt: skip
_CHANGING = ("realm", "entry", "owner", "origin", "login", "tag", "locked", "written", "left_at")
_UPDATE = update(login).where(_OF_LOGIN).values({name: bindparam(f"to_{name}") for name in _CHANGING})
"""The names of parameters must differ from those of columns, which are an update's own parameters."""


def _key(service: Service, login_id: int) -> dict[str, Any]:
    return {"of_service": str(service), "of_login": login_id}


def _values(service: Service, row: LedgerRow) -> dict[str, Any]:
    return {
        "service": str(service),
        "login_id": row.login_id,
        "realm": row.anchor.realm,
        "entry": row.anchor.id,
        "owner": row.owner,
        "origin": row.origin.value,
        "login": row.login,
        "tag": row.tag,
        "locked": row.locked,
        "written": dict(row.written),
        "left_at": row.left_at,
    }


def _update(service: Service, row: LedgerRow) -> dict[str, Any]:
    values = _values(service, row)
    return _key(service, row.login_id) | {f"to_{name}": values[name] for name in _CHANGING}


def _each(connection: Connection, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> None:
    """One statement for many rows; without rows it must not run at all."""
    if rows:
        connection.execute(statement, rows)
