"""A reading that is being captured: written beside its place, and put there when it is whole."""

import os
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from iwds.core.captured import line_of
from iwds.core.model import Entry, Group, LedgerRow, Login, Membership
from iwds.errors import UsageError
from iwds.privatefile import make_private
from iwds.readings.file import APPLICATION, INDEXES, NEVER, SCHEMA, TABLES, Reading, dumps, item, row_data, row_of
from iwds.readings.plain import plain

_PART = ".part"


class Draft:
    """A reading that is being written to a folder. Thread-safe: people and service are read at the same time.

    Raises `UsageError` where no file can be made there. What cannot be written later breaks nothing but the file:
    nothing more is written then, and `finish` says why.
    """

    def __init__(self, folder: Path) -> None:
        self._part = folder / f".{secrets.token_hex(8)}{_PART}"
        self._lock = threading.RLock()
        self._broken = ""
        self._readings = 0
        self._places: dict[str, int] = {}
        self._groups = lru_cache(maxsize=65_536)(self._numbers)
        try:
            make_private(self._part)
        except OSError as error:
            raise UsageError(f"no reading can be written to {folder}: {error.strerror}") from error
        self._db = sqlite3.connect(self._part, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(f"PRAGMA application_id = {APPLICATION}")
        self._db.execute(f"PRAGMA user_version = {SCHEMA}")
        self._db.executescript(TABLES)

    def note(self, name: str, data: Any) -> None:
        """One fact about the reading as a whole."""
        self._insert("INSERT OR REPLACE INTO meta VALUES (?, ?)", [(name, dumps(plain(data)))])

    def add_source(self, name: str, data: Mapping[str, Any]) -> None:
        """The settings of a source, without secrets."""
        self._insert("INSERT OR REPLACE INTO source VALUES (?, ?)", [(name, dumps(data))])

    def begin_reading(self, source: str, attributes: Iterable[str]) -> int:
        """A source is read; returns the number of this reading."""
        with self._lock:
            self._readings += 1
            names = dumps(sorted(frozenset(attributes) - NEVER))
            self._insert("INSERT INTO reading VALUES (?, ?, ?, NULL)", [(self._readings, source, names)])
            return self._readings

    def add_entries(self, reading: int, entries: Sequence[Entry]) -> None:
        """People as they came."""
        rows = [(reading, each.anchor.realm, each.anchor.id, self.entry_data(each)) for each in entries]
        self._insert("INSERT INTO entry VALUES (NULL, ?, ?, ?, ?)", rows)

    def end_reading(self, reading: int, proof: Any) -> None:
        """The proof of a reading that came to its end."""
        self._insert("UPDATE reading SET proof = ? WHERE id = ?", [(dumps(plain(proof)), reading)])

    def entry_data(self, entry: Entry) -> str:
        """One entry, with the numbers of its groups."""
        groups = None if entry.groups is None else self._groups(entry.groups)
        attrs = entry.attrs
        if not NEVER.isdisjoint(attrs):
            attrs = {name: values for name, values in attrs.items() if name not in NEVER}
        return dumps([entry.name, attrs, groups, entry.enabled, sorted(entry.unread)])

    def _numbers(self, groups: frozenset[str]) -> list[int]:
        with self._lock:
            return sorted(self._number(name) for name in groups)

    def _number(self, name: str) -> int:
        if name not in self._places:
            self._places[name] = len(self._places) + 1
            self._insert("INSERT INTO place VALUES (?, ?)", [(self._places[name], dumps(name))])
        return self._places[name]

    def answer(self, source: str, op: str, about: str, data: Any) -> None:
        """The answer to one question about a person or a place."""
        self._insert("INSERT INTO answer VALUES (NULL, ?, ?, ?, ?)", [(source, op, about, dumps(data))])

    def forget_logins(self) -> None:
        """The service is read anew."""
        self._insert("DELETE FROM login", [()])

    def add_logins(self, logins: Iterable[Login]) -> None:
        """Logins of the service."""
        self._insert("INSERT OR IGNORE INTO login VALUES (?, ?)", [(each.id, line_of(each)) for each in logins])

    def add_groups(self, groups: Iterable[Group]) -> None:
        """All groups of the service."""
        self._insert("DELETE FROM grp", [()])
        self._insert("INSERT INTO grp VALUES (NULL, ?)", [(line_of(each),) for each in groups])

    def groups(self) -> list[Group]:
        """What was added of them."""
        with self._lock:
            return [item(Group, line) for (line,) in self._db.execute("SELECT line FROM grp ORDER BY n")]

    def list_members(self, groups: Iterable[int]) -> None:
        """The members of these groups are read, from here on."""
        listed = [(group,) for group in groups]
        self._insert("DELETE FROM member WHERE group_id = ?", listed)
        self._insert("INSERT OR IGNORE INTO listed VALUES (?)", listed)

    def unlist_members(self, group: int) -> None:
        """The members of this group were not read to the end."""
        self._insert("DELETE FROM member WHERE group_id = ?", [(group,)])
        self._insert("DELETE FROM listed WHERE group_id = ?", [(group,)])

    def add_members(self, members: Iterable[Membership]) -> None:
        """Who is in which group."""
        rows = [(each.group_id, each.login_id) for each in members]
        self._insert("INSERT OR IGNORE INTO member VALUES (?, ?)", rows)

    def add_roles(self, login: int, roles: Mapping[int, int | None]) -> None:
        """The roles of a login in these groups; None where it is in none of that number."""
        rows = [(login, group, role) for group, role in roles.items()]
        self._insert("INSERT OR REPLACE INTO role VALUES (?, ?, ?)", rows)

    def add_loss(self, login: int, data: Any) -> None:
        """What goes with a login that is deleted, or why that is not known."""
        self._insert("INSERT OR REPLACE INTO loss VALUES (?, ?)", [(login, dumps(data))])

    def forget_ledger(self) -> None:
        """Our memory is read anew."""
        self._insert("DELETE FROM ledger", [()])

    def add_ledger(self, rows: Iterable[LedgerRow]) -> None:
        """Rows of our memory."""
        self._insert("INSERT OR REPLACE INTO ledger VALUES (?, ?)", [(r.login_id, row_data(r)) for r in rows])

    def say(self, kind: str, values: Sequence[Any]) -> None:
        """The rest of our memory: everything of one kind, in its order."""
        self._insert("DELETE FROM said WHERE kind = ?", [(kind,)])
        self._insert("INSERT INTO said VALUES (NULL, ?, ?)", [(kind, dumps(plain(each))) for each in values])

    def unread(self) -> Iterator[LedgerRow]:
        """The rows of our memory whose people are in no reading; call it when everything is in."""
        with self._lock:
            self._db.executescript(INDEXES)
            rows = self._db.execute(
                "SELECT l.data FROM ledger l WHERE NOT EXISTS (SELECT 1 FROM entry e WHERE"
                " e.realm = json_extract(l.data, '$[1]') AND e.pid = json_extract(l.data, '$[2]'))"
                " ORDER BY l.login_id"
            )
        yield from (row_of(data) for (data,) in rows)

    def asked(self, source: str, op: str, about: str) -> bool:
        """Whether a question was asked already."""
        query = "SELECT 1 FROM answer WHERE source = ? AND op = ? AND about = ?"
        with self._lock:
            return self._db.execute(query, (source, op, about)).fetchone() is not None

    def listed(self) -> frozenset[int]:
        """The groups whose members were read."""
        with self._lock:
            return frozenset(group for (group,) in self._db.execute("SELECT group_id FROM listed"))

    def whole(self) -> "Reading":
        """What is written so far, to be read."""
        with self._lock:
            self._db.executescript(INDEXES)
        return Reading(self._part)

    def finish(self, path: Path) -> None:
        """Put the file in its place, in the same folder. Raises `UsageError` where there is one, or none was made."""
        with self._lock:
            try:
                if self._broken:
                    raise UsageError(f"{path} could not be written: {self._broken}", "is the disk full?")
                self._db.close()
                with self._part.open("rb") as part:
                    os.fsync(part.fileno())
                os.link(self._part, path)  # unlike a renaming it never replaces what somebody put there meanwhile
            except FileExistsError:
                raise UsageError(f"{path} exists already", "name a new file") from None
            except OSError as error:
                raise UsageError(f"{path} cannot be written: {error.strerror}") from error
            finally:
                self.discard()

    def discard(self) -> None:
        """Leave nothing behind. May be called twice, and after the end."""
        with self._lock:
            self._db.close()
            with suppress(OSError):
                self._part.unlink(missing_ok=True)

    def _insert(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        with self._lock:
            if self._broken:
                return
            try:
                self._db.execute("BEGIN")
                self._db.executemany(statement, rows)
                self._db.execute("COMMIT")
            except (sqlite3.Error, UnicodeEncodeError) as error:
                self._broken = str(error)
