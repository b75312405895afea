"""A captured reading of a real service, so that a cut-over is rehearsed on one's own people."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from iwds.core.captured import End, Item, Member, item_of
from iwds.core.model import Group, Login
from iwds.errors import ConfigurationError
from iwds.sandbox.filling import REHEARSAL_PIN
from iwds.sandbox.people import hashed
from iwds.sandbox.store import Store

_INSERT_LOGIN = (
    "INSERT INTO login (id, login, firstname, name, mail, phone, extrafields, status, role, access, lang, createdby, "
    "created, lastauthdate, activated, pin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 'en', ?, ?, ?, ?, ?)"
)


def fill_reading(store: Store, path: Path, *, replace: bool = False) -> End:
    """Load a captured reading in place of what a new service holds; ids are kept. Returns how many of each there are.

    Everybody who was activated gets `REHEARSAL_PIN`, and no device. Raises `ConfigurationError` with file and line,
    and `Refused` where the store holds somebody, unless `replace`; nothing has changed then.
    """
    loader = _Loader(store)
    with store.data.transaction():
        store.vacate(replace=replace)
        for number, item in _items(path):
            try:
                loader.add(item)
            except (sqlite3.IntegrityError, ValueError) as error:
                raise ConfigurationError(_why(error, item), file=str(path), line=number) from error
    return loader.counts


def _items(path: Path) -> Iterator[tuple[int, Item]]:
    """What the lines say, with their numbers. Empty lines say nothing."""
    number = 0
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, item_of(line.decode())
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror}", file=str(path)) from error
    except ValueError as error:
        what = "this line is no UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise ConfigurationError(what, file=str(path), line=number) from error


class _Loader:
    def __init__(self, store: Store) -> None:
        self._db, self._now = store.data.db, store.now()
        self._pin = hashed(REHEARSAL_PIN)
        self.counts = End(0, 0, 0)
        self._ended = False

    def add(self, item: Item) -> None:
        """Put in what a line says. Raises `IntegrityError` and `ValueError`."""
        if self._ended:
            raise ValueError("nothing may follow the end")
        groups, logins, members = self.counts.groups, self.counts.logins, self.counts.members
        match item:
            case Group():
                self._add_group(item)
                self.counts = End(groups + 1, logins, members)
            case Login():
                self._db.execute(_INSERT_LOGIN, self._columns(item))
                self.counts = End(groups, logins + 1, members)
            case Member():
                self._db.execute("INSERT INTO membership VALUES (?, ?, ?)", (item.group, item.login, item.role or 0))
                self.counts = End(groups, logins, members + 1)
            case End():
                if item != self.counts:
                    raise ValueError(f"{_counted(item)} were captured, and {_counted(self.counts)} are here")
                self._ended = True

    def _add_group(self, group: Group) -> None:
        self._db.execute(
            "INSERT OR IGNORE INTO policy (id, name) VALUES (?, ?)", (group.policy, f"policy {group.policy}")
        )
        self._db.execute("INSERT INTO team VALUES (?, ?, 0, ?)", (group.id, group.name, group.policy))

    def _columns(self, login: Login) -> tuple[int | str | None, ...]:
        """The row of a login. What the reading does not know is empty here: this service has to know something."""
        activated = login.activated is not False
        texts = (login.login, *(text or "" for text in (login.firstname, login.name, login.mail, login.phone)))
        numbers = (login.status or 0, login.role or 0, login.created_by or 0, self._now, login.last_seen or 0)
        return (login.id, *texts, login.extra or "", *numbers, int(activated), self._pin if activated else None)


def _counted(end: End) -> str:
    return f"{end.groups} groups, {end.logins} logins and {end.members} members"


def _why(error: Exception, item: Item) -> str:
    if isinstance(error, ValueError):
        return str(error)
    if isinstance(item, Member):
        return f"group {item.group} or login {item.login} does not come before this line, or the member came already"
    return "this id, or this login name, came already"
