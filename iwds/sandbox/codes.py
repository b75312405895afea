"""Activation codes, restore codes, unlock codes, and links to them.

Codes and links leave this module only as return values: nothing here logs.

Source: the API document (`loginCreate`, `loginAddDevice`, `loginRestore`, `loginResetPwdExtended`); the console's
document for the long code.
"""

import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from iwds.sandbox.data import Data

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


class CodeType(IntEnum):
    """The form of a code (parameter `codetype`)."""

    IMMEDIATE = 0
    INACTIVE = 1
    LINK = 2


class Purpose(IntEnum):
    """What a code is good for. All but the last one enrol a device."""

    ACTIVATION = 0
    DEVICE = 1
    """A further device beside those that are there."""
    RESTORE = 2
    """A device instead of those that are there."""
    UNLOCK = 3
    """A new PIN or password after three wrong ones."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long an unused code is good for, in seconds."""

    immediate: int = 30 * _MINUTE
    inactive: int = 21 * _DAY
    link: int = 21 * _DAY
    long_code: int = 48 * _HOUR
    """A code for immediate use that an administrator asks for in the console as a long one."""
    unlock_code: int = 15 * _MINUTE
    unlock_link: int = 2 * _DAY
    otp: int = 60
    """A one-time password."""

    def of(self, purpose: Purpose, kind: CodeType) -> int:
        """The lifetime of a new code."""
        if purpose is Purpose.UNLOCK:
            return self.unlock_link if kind is CodeType.LINK else self.unlock_code
        return (self.immediate, self.inactive, self.link)[kind]


class Codes:
    """The codes of all logins. At most one that enrols and one that unlocks is live for each of them."""

    def __init__(self, data: Data, lifetimes: Lifetimes) -> None:
        self._data = data
        self._db = data.db
        self.lifetimes = lifetimes

    def issue(self, login_id: int, purpose: Purpose, kind: CodeType, lifetime: int | None = None) -> str:
        """Give a login a code in place of its former one; returns the code, or the long code of the link.

        `lifetime` is in seconds, and as the purpose has it where it is None.
        """
        now, code = self._data.now(), self._free_code()
        long_code = secrets.token_hex(32) if kind is CodeType.LINK else None
        expires = now + (self.lifetimes.of(purpose, kind) if lifetime is None else lifetime)
        with self._data.transaction():
            self._cancel(login_id, purpose, now)
            cursor = self._db.execute(
                "INSERT INTO code (login_id, purpose, kind, code, long_code, expires) VALUES (?, ?, ?, ?, ?, ?)",
                (login_id, purpose, kind, code, long_code, expires),
            )
            if purpose is not Purpose.UNLOCK:
                self._db.execute(
                    "UPDATE login SET code_id = ? WHERE id = ? AND NOT activated", (cursor.lastrowid, login_id)
                )
        return long_code or code

    def activate(self, login_id: int) -> str | None:
        """Make an inactive code good for use now; None where there is none to be made so."""
        row = next((row for row in self.live(login_id) if row["kind"] == CodeType.INACTIVE), None)
        if row is None:
            return None
        self._db.execute(
            "UPDATE code SET kind = ?, expires = ? WHERE id = ?",
            (CodeType.IMMEDIATE, self._data.now() + self.lifetimes.immediate, row["id"]),
        )
        return str(row["code"])

    def live(self, login_id: int) -> Sequence[sqlite3.Row]:
        """The codes of a login that may still be used, the newest first."""
        return self._db.execute(
            "SELECT * FROM code WHERE login_id = ? AND used IS NULL AND cancelled IS NULL AND expires > ? "
            "ORDER BY id DESC",
            (login_id, self._data.now()),
        ).fetchall()

    def pending_link(self, login_id: int) -> sqlite3.Row | None:
        """The newest link of a login that waits to be used, or None."""
        return next((row for row in self.live(login_id) if row["kind"] == CodeType.LINK), None)

    def find(self, text: str) -> sqlite3.Row | None:
        """The code with these nine digits or this long code, whatever became of it; or None."""
        return self._db.execute(  # type: ignore[no-any-return]  # sqlite3 says nothing about rows
            "SELECT * FROM code WHERE code = ? OR long_code = ?", (text, text)
        ).fetchone()

    def behind_link(self, long_code: str) -> sqlite3.Row | None:
        """The code of a link that waits to be used, or None."""
        row = self.find(long_code) if len(long_code) > 9 else None
        return row if row is not None and self.is_live(row) else None

    def is_live(self, row: sqlite3.Row) -> bool:
        """Whether a code may still be used."""
        return row["used"] is None and row["cancelled"] is None and row["expires"] > self._data.now()

    def spend(self, code_id: int) -> None:
        """Record that a code was used."""
        self._db.execute("UPDATE code SET used = ? WHERE id = ?", (self._data.now(), code_id))

    def _cancel(self, login_id: int, purpose: Purpose, now: int) -> None:
        """A new code or link ends the one before it; one that unlocks does not end one that enrols."""
        self._db.execute(
            "UPDATE code SET cancelled = ? WHERE login_id = ? AND used IS NULL AND cancelled IS NULL "
            "AND (purpose = ?) = ?",
            (now, login_id, Purpose.UNLOCK, purpose is Purpose.UNLOCK),
        )

    def _free_code(self) -> str:
        while True:
            code = f"{secrets.randbelow(10**9):09d}"
            if self._db.execute("SELECT 1 FROM code WHERE code = ?", (code,)).fetchone() is None:
                return code
