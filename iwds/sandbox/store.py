"""The state of the local MFA service: logins, groups and memberships here, and the rest in rooms of its own.

Every writing method is one transaction.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from iwds.errors import ConfigurationError, Refused
from iwds.sandbox.codes import Codes, CodeType, Lifetimes, Purpose
from iwds.sandbox.data import Data
from iwds.sandbox.devices import Devices
from iwds.sandbox.people import People
from iwds.sandbox.post import Outbox
from iwds.sandbox.schema import CONSOLE_LOGINS, NOT_LIMITED, empty

__all__ = ["NOT_LIMITED", "SORTS", "Full", "NameTaken", "NewCode", "Scope", "Store"]

_ORDER = {
    0: "login.id",
    1: "login.login, login.id",
    2: "login.login DESC, login.id",
    3: "login.name, login.id",
    4: "login.name DESC, login.id",
    5: "login.mail, login.id",
    6: "login.mail DESC, login.id",
}
_COLUMNS = """
login.id, login, firstname, name, mail, phone, extrafields, status, role, createdby, lastauthdate,
CASE
    WHEN activated THEN 'ok'
    WHEN code_id IS NULL OR expires <= ? THEN 'expired'
    WHEN kind = 2 THEN 'link'
    WHEN kind = 1 THEN 'in:' || code
    ELSE code
END AS state
"""  # the state of a login's code is what the API answers as its `code`
_DETAILS = _COLUMNS + ", lang, pin, pin_locked, password_locked, maccess_locked, shared"
SORTS = frozenset(_ORDER)
"""The values of the parameter `sort`; every order is total, so that pages never overlap."""


class NameTaken(Exception):
    """Another login has this name."""


class Full(Exception):
    """The service has as many logins as it may have."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which logins a listing is about: all, the members of one group, or those whose name has (or is) a text."""

    group: int | None = None
    name: str | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class NewCode:
    """What a creation returns: the login's id, and the code or the long code of its link."""

    login_id: int
    code: str


class Store:
    """The data file. `path` may be `:memory:`; `clock` returns seconds since 1970.

    `service_id` and `max_logins` that are None stay as the file has them.

    Attributes:
        codes, devices, people, outbox: what the service knows besides logins and groups.
        data: the file itself, with its own time.
    """

    def __init__(
        self,
        path: str,
        service_id: int | None = None,
        max_logins: int | None = None,
        clock: Callable[[], float] = time.time,
        lifetimes: Lifetimes = Lifetimes(),  # noqa: B008 - it is frozen
    ) -> None:
        self.data = Data(path, service_id, max_logins, clock)
        self.service_id, self.max_logins = self.data.service_id, self.data.max_logins
        self._db, self._transaction = self.data.db, self.data.transaction
        self.codes, self.devices = Codes(self.data, lifetimes), Devices(self.data)
        self.people = People(self.data, self.codes, self.devices)
        self.outbox = Outbox(self.data)
        self._listings: dict[tuple[Scope, int], list[int]] = {}
        self._listed_at = (-1, -1)

    @classmethod
    def existing(cls, path: str) -> "Store":
        """The store in a file that is there, with the settings that it has. Raises `ConfigurationError`."""
        if not Path(path).is_file():
            raise ConfigurationError(
                f"there is no data file {path}", f"Name another with --data, or make it: iwds sandbox --data {path}"
            )
        return cls(path)

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._db.close()

    def now(self) -> int:
        """Seconds since 1970."""
        return self.data.now()

    def vacate(self, *, replace: bool) -> None:
        """Drop all people and groups, within the caller's transaction.

        Raises `Refused` where there is somebody besides the administrators of a new file, unless `replace`.
        """
        names = {row[0] for row in self._db.execute("SELECT login FROM login LIMIT 3")}
        if names - CONSOLE_LOGINS and not replace:
            raise Refused("this sandbox holds people", "Name a new file with --data, or drop them with --replace.")
        empty(self._db)

    # --- logins -------------------------------------------------------------------------------------------------------

    def page(self, scope: Scope, sort: int, offset: int, limit: int) -> tuple[int, list[sqlite3.Row]]:
        """How many logins `scope` has, and those at `offset`, in the order of `sort` (0 to 6)."""
        ids = self._listing(scope, sort)
        wanted = ids[offset : offset + limit]
        rows = {row["id"]: row for row in self._rows(wanted)}
        return len(ids), [rows[i] for i in wanted]

    def login(self, login_id: int) -> sqlite3.Row | None:
        """One login with the state of its code, its locks and its PIN's hash, or None."""
        return next(iter(self._rows([login_id], _DETAILS)), None)

    def create(self, fields: Mapping[str, int | str], kind: CodeType) -> NewCode:
        """Add a login with a code. `fields` are columns of the table. Raises `Full` and `NameTaken`."""
        with self._transaction():
            if self._db.execute("SELECT count(*) FROM login").fetchone()[0] >= self.max_logins:
                raise Full
            login_id = self._insert(fields)
            return NewCode(login_id, self.codes.issue(login_id, Purpose.ACTIVATION, kind))

    def named(self, name: str) -> sqlite3.Row | None:
        """The login of this name, whatever its case, or None."""
        found = self._db.execute("SELECT id FROM login WHERE login = ?", (name,)).fetchone()
        return self.login(found[0]) if found else None

    def update(self, login_id: int, fields: Mapping[str, int | str]) -> None:
        """Overwrite columns of a login. Raises `NameTaken`."""
        columns = ", ".join(f"{name} = :{name}" for name in fields)
        with self._transaction(), _name_taken():
            self._db.execute(f"UPDATE login SET {columns} WHERE id = :id", {**fields, "id": login_id})  # noqa: S608

    def delete(self, login_id: int) -> None:
        """Remove a login with its codes, devices and memberships."""
        with self._transaction():
            self._db.execute("DELETE FROM login WHERE id = ?", (login_id,))

    # --- groups -------------------------------------------------------------------------------------------------------

    def groups(self) -> list[sqlite3.Row]:
        """All groups: id, name, num, policy."""
        return self._db.execute("SELECT * FROM team ORDER BY id").fetchall()

    def has_group(self, group_id: int) -> bool:
        """Whether the service has this group."""
        return self._db.execute("SELECT 1 FROM team WHERE id = ?", (group_id,)).fetchone() is not None

    def groups_of(self, login_id: int) -> list[sqlite3.Row]:
        """The groups of a login: id, name, num, policy, role."""
        return self._db.execute(
            "SELECT team.*, role FROM membership JOIN team ON team.id = team_id WHERE login_id = ? ORDER BY team.id",
            (login_id,),
        ).fetchall()

    def role_in(self, group_id: int, login_id: int) -> int | None:
        """The role of a login in a group, None where it is no member."""
        row = self._db.execute(
            "SELECT role FROM membership WHERE team_id = ? AND login_id = ?", (group_id, login_id)
        ).fetchone()
        return None if row is None else int(row[0])

    def set_role_in(self, group_id: int, login_id: int, role: int) -> None:
        """Add a login to a group, or change its role there."""
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO membership VALUES (?, ?, ?)", (group_id, login_id, role))

    def leave(self, group_id: int, login_id: int) -> None:
        """Take a login out of a group."""
        with self._transaction():
            self._db.execute("DELETE FROM membership WHERE team_id = ? AND login_id = ?", (group_id, login_id))

    # --- inside -------------------------------------------------------------------------------------------------------

    def _listing(self, scope: Scope, sort: int) -> list[int]:
        """The ids of a listing. Kept until something is written: an offset into a million rows would be slow."""
        # data_version tells of writes through other connections, total_changes of our own.
        version = (self._db.execute("PRAGMA data_version").fetchone()[0], self._db.total_changes)
        if version != self._listed_at or len(self._listings) > 64:
            self._listings.clear()
            self._listed_at = version
        if (scope, sort) not in self._listings:
            self._listings[scope, sort] = self._ids(scope, sort)
        return self._listings[scope, sort]

    def _ids(self, scope: Scope, sort: int) -> list[int]:
        where, values = _condition(scope)
        query = f"SELECT login.id FROM login {where} ORDER BY {_ORDER[sort]}"  # noqa: S608 - both are constants
        return [row[0] for row in self._db.execute(query, values)]

    def _rows(self, ids: Sequence[int], columns: str = _COLUMNS) -> list[sqlite3.Row]:
        marks = ", ".join("?" * len(ids))
        return self._db.execute(
            f"SELECT {columns} FROM login LEFT JOIN code ON code.id = code_id "  # noqa: S608 - only marks are put in
            f"WHERE login.id IN ({marks})",
            [self.now(), *ids],
        ).fetchall()

    def _insert(self, fields: Mapping[str, int | str]) -> int:
        given = {**fields, "created": self.now(), "activated": 0}
        columns, marks = ", ".join(given), ", ".join(f":{name}" for name in given)
        with _name_taken():
            cursor = self._db.execute(f"INSERT INTO login ({columns}) VALUES ({marks})", given)  # noqa: S608
        return int(cursor.lastrowid or 0)


def _condition(scope: Scope) -> tuple[str, tuple[int | str, ...]]:
    if scope.group is not None:
        return "JOIN membership ON login_id = login.id WHERE team_id = ?", (scope.group,)
    if scope.name is None:
        return "", ()
    if scope.exact:
        return "WHERE login.login = ?", (scope.name,)
    return "WHERE instr(lower(login.login), lower(?)) > 0", (scope.name,)


@contextmanager
def _name_taken() -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise NameTaken from error
