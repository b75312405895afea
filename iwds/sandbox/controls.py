"""What surrounds the operations and can be changed while the service runs: faults and tokens, kept in the data file.

The data file is the control channel: a command writes to it, and a running service obeys at its next request. While
there is no fault, a call costs one look at the file's change counter.
"""

import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from iwds.errors import ConfigurationError
from iwds.sandbox import tokens
from iwds.sandbox.faults import Fault, FaultKind
from iwds.sandbox.limits import Bucket
from iwds.sandbox.schema import connect
from iwds.sandbox.tokens import Believed, Token

TABLES = """
CREATE TABLE IF NOT EXISTS fault (
    id INTEGER PRIMARY KEY AUTOINCREMENT, spec TEXT NOT NULL,
    seen INTEGER NOT NULL DEFAULT 0, struck INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS token (
    id INTEGER PRIMARY KEY AUTOINCREMENT, description TEXT NOT NULL, subject TEXT NOT NULL,
    made INTEGER NOT NULL, expires INTEGER, salt BLOB NOT NULL, hash BLOB NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class KeptFault:
    """A fault in the data file: how many calls it concerned so far, and how many of them it struck."""

    id: int
    fault: Fault
    seen: int
    struck: int


@dataclass(frozen=True, slots=True)
class Strike:
    """What befalls one call: seconds of waiting, and what goes wrong then. `retry_after` is in seconds."""

    delay: float = 0.0
    fault: Fault | None = None
    retry_after: int = 1


NO_STRIKE = Strike()


class Controls:
    """Faults and tokens of one data file, through a connection of its own. May be used from several threads.

    Args:
        path: the data file; `:memory:` for controls that end with this object.
        clock: seconds since 1970; tokens expire by it.
        token_cache: seconds for which a token that was found good is believed without another look.
    """

    def __init__(self, path: str, clock: Callable[[], float] = time.time, token_cache: int = tokens.CACHE) -> None:
        self._clock = clock
        self._db = connect(path)
        self._lock = threading.RLock()
        try:
            self._db.executescript(TABLES)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise ConfigurationError(f"{path} is no data file of the sandbox: {error}") from error
        self._version = -1
        self._known: list[KeptFault] = []
        self._buckets: dict[int, Bucket] = {}
        self._believed = Believed(token_cache)

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._db.close()

    # --- faults -------------------------------------------------------------------------------------------------------

    def add(self, fault: Fault) -> int:
        """Let `fault` happen from the next request on; returns its number."""
        if fault.seed is None and (fault.rate is not None or fault.ms is not None):
            fault = replace(fault, seed=secrets.randbelow(10**6))
        with self._writing():
            return int(self._db.execute("INSERT INTO fault (spec) VALUES (?)", (fault.to_json(),)).lastrowid or 0)

    def faults(self) -> list[KeptFault]:
        """All faults, oldest first."""
        with self._lock:
            rows = self._db.execute("SELECT id, spec, seen, struck FROM fault ORDER BY id").fetchall()
        return [KeptFault(row["id"], Fault.from_json(row["spec"]), row["seen"], row["struck"]) for row in rows]

    def clear(self, number: int | None = None) -> int:
        """Remove one fault, or all; returns how many there were."""
        with self._writing():
            return self._db.execute("DELETE FROM fault WHERE ?1 IS NULL OR id = ?1", (number,)).rowcount

    def strike(self, operation: str) -> Strike:
        """What befalls this call of `operation`. Waiting times add up; of the rest the oldest that is due wins."""
        concerned = [kept for kept in self._current() if kept.fault.concerns(operation)]
        return self._strike(concerned) if concerned else NO_STRIKE

    def certificate_is_expired(self) -> bool:
        """Whether this handshake is to see an expired certificate."""
        concerned = [kept for kept in self._current() if kept.fault.kind is FaultKind.EXPIRED_CERTIFICATE]
        return bool(concerned) and self._strike(concerned).fault is not None

    def _current(self) -> Sequence[KeptFault]:
        with self._lock:
            version = self._db.execute("PRAGMA data_version").fetchone()[0]  # told by others' writes, of any table
            if version != self._version:
                self._known, self._version = self.faults(), version
                self._buckets = {kept.id: self._buckets.get(kept.id) or _bucket(kept.fault) for kept in self._known}
            return self._known

    def _strike(self, concerned: Sequence[KeptFault]) -> Strike:
        delay = 0.0
        with self._transaction():
            for kept in concerned:
                seen, due = self._count(kept)
                if not due:
                    continue
                if kept.fault.kind is FaultKind.LATENCY:
                    delay += kept.fault.delay(seen)
                else:
                    return Strike(delay, kept.fault, self._buckets[kept.id].seconds_to_wait())
        return Strike(delay)

    def _count(self, kept: KeptFault) -> tuple[int, bool]:
        """Count one more call; the counts are in the file, so that they can be looked at and outlive the process."""
        counts = "UPDATE fault SET seen = seen + 1 WHERE id = ? RETURNING seen, struck"
        row = self._db.execute(counts, (kept.id,)).fetchone()
        if row is None:  # cleared a moment ago
            return 0, False
        due = kept.fault.is_due(row["seen"], row["struck"])
        if due and kept.fault.kind is FaultKind.RATE_LIMIT:
            due = not self._buckets[kept.id].take()
        if due:
            self._db.execute("UPDATE fault SET struck = struck + 1 WHERE id = ?", (kept.id,))
        return row["seen"], due

    # --- tokens -------------------------------------------------------------------------------------------------------

    def add_token(self, description: str, subject: str, expires: datetime | None) -> tuple[int, str]:
        """A new token of `subject` (`SERVICE/USER`), and its number. Only here it is seen: the file keeps a hash."""
        made = int(self._clock())
        end = None if expires is None else int(expires.timestamp())
        text = tokens.new_token(subject, made, end)
        salt = secrets.token_bytes(16)
        with self._writing():
            cursor = self._db.execute(
                "INSERT INTO token (description, subject, made, expires, salt, hash) VALUES (?, ?, ?, ?, ?, ?)",
                (description, subject, made, end, salt, tokens.salted(text, salt)),
            )
        return int(cursor.lastrowid or 0), text

    def tokens(self) -> list[Token]:
        """All tokens that were not revoked, oldest first."""
        with self._lock:
            return [Token(**dict(row)) for row in self._db.execute("SELECT * FROM token ORDER BY id")]

    def revoke(self, number: int) -> bool:
        """Forget a token; whether there was one. A service that has seen it may believe it for its cache's time."""
        with self._writing():
            return self._db.execute("DELETE FROM token WHERE id = ?", (number,)).rowcount > 0

    def accepts(self, token: str) -> bool:
        """Whether a call with this token is let in."""
        now = self._clock()
        with self._lock:
            return self._believed.has(token, now) or self._believed.look(token, self.tokens(), now)

    # --- inside -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._transaction():
            yield
            self._version = -1  # a connection's change counter does not tell of its own writes

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


def _bucket(fault: Fault) -> Bucket:
    return Bucket(fault.per_second or 1.0)
