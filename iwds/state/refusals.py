"""Accounts that directories refused.

Of the secret a slow, salted hash is kept (scrypt, RFC 7914), with a salt of its own for each row: enough to see that it
is another one by now, and for whoever gets hold of a backup no quick way to guess it.
"""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select

from iwds.ports import RefusedBind
from iwds.state.engine import Database
from iwds.state.tables import refused_bind

Where = tuple[str, Collection[str], str]
"""A source, its servers, and the account."""

_SCRYPT = {"n": 2**15, "r": 8, "p": 1, "maxmem": 2**26, "dklen": 32}
"""A tenth of a second and 32 MB, spent only where something stands against the account."""
_SALT_BYTES = 16


def standing(database: Database, where: Where, secret: bytes) -> RefusedBind | None:
    """What stands against an account with this secret; None where nothing does."""
    with database.reading() as connection:
        found = connection.execute(select(refused_bind).where(_of(where))).all()
    account = where[2].lower()
    same = (each for each in found if each.account.lower() == account and _is(each, secret))
    return next(map(_row, same), None)


def note(database: Database, refused: RefusedBind, secret: bytes) -> None:
    """Keep it instead of what stood against this source."""
    values = {name: getattr(refused, name) for name in RefusedBind.__slots__}
    salt = secrets.token_bytes(_SALT_BYTES)
    hashed = _hash(secret, salt)
    before = standing(database, (refused.source, (), refused.account), secret)
    values |= {"salt": salt, "secret": hashed, "since": before.since if before else refused.since}
    with database.writing() as connection:
        _forget(connection, refused_bind.c.source == refused.source)
        connection.execute(insert(refused_bind).values(values))


def forget(database: Database, where: Where) -> None:
    """Forget what stood against a source, and against its account at its servers."""
    source, _, account = where
    with database.reading() as connection:
        found = connection.execute(select(refused_bind).where(_of(where))).all()
    over = [each.source for each in found if each.source == source or each.account.lower() == account.lower()]
    if over:  # nobody waits for a lock where there is nothing to forget, which is nearly always
        with database.writing() as connection:
            _forget(connection, refused_bind.c.source.in_(over))


def all_standing(database: Database) -> Sequence[RefusedBind]:
    """All that stand, in the order of their sources."""
    with database.reading() as connection:
        return [_row(each) for each in connection.execute(select(refused_bind).order_by(refused_bind.c.source))]


def _of(where: Where) -> ColumnElement[bool]:
    source, servers, _ = where
    return or_(refused_bind.c.source == source, refused_bind.c.server.in_(list(servers)))


def _forget(connection: Connection, which: ColumnElement[bool]) -> None:
    connection.execute(delete(refused_bind).where(which))


def _hash(secret: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(secret, salt=salt, **_SCRYPT)


def _is(found: Any, secret: bytes) -> bool:
    return hmac.compare_digest(_hash(secret, found.salt), found.secret)


def _row(found: Any) -> RefusedBind:
    return RefusedBind(found.source, found.server, found.account, found.code, found.said, found.since)
