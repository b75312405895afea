"""What the person does, and not the API: use a code, enrol a device, authenticate.

Source: the API document says what each code does once it is used, and that three wrong entries lock a PIN or password.
"""

import hashlib
import hmac
import secrets
import sqlite3
from dataclasses import dataclass
from enum import StrEnum

from iwds.core.devices import DeviceKind, DeviceState
from iwds.errors import IwdsError
from iwds.sandbox.codes import Codes, CodeType, Purpose
from iwds.sandbox.data import Data
from iwds.sandbox.devices import Devices

WRONG_ENTRIES = 3
"""So many wrong entries in a row lock a PIN or password."""
PIN_LENGTHS = range(4, 65)
MAX_DEVICE_NAME = 60
_ROUNDS = 1000


class NotAccepted(IwdsError):
    """What the person tried was refused."""


class CodeUnknown(NotAccepted):
    """There never was such a code."""


class CodeSpent(NotAccepted):
    """The code was used, has expired, or was replaced by a newer one."""


class Entry(StrEnum):
    """What somebody authenticates with."""

    PIN = "pin"
    PASSWORD = "password"  # noqa: S105 - the name of one
    OTP = "otp"

    @property
    def words(self) -> str:
        """As it stands in a sentence."""
        return "PIN" if self is Entry.PIN else str(self)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a code did. `device` is the new device's id, 0 for a code that unlocks."""

    login_id: int
    purpose: Purpose
    device: int


class People:
    """The person's side of every login."""

    def __init__(self, data: Data, codes: Codes, devices: Devices) -> None:
        self._data, self._db = data, data.db
        self._codes, self._devices = codes, devices

    def use_code(self, text: str, kind: DeviceKind, name: str, pin: str = "") -> Enrolled:
        """Use a code, or the long code of a link: enrol a device, or unlock PIN and password.

        `pin` is the PIN to be set, where there is none or it is to be a new one; for a further device, the one that
        there is. Empty leaves it as it is. Raises `CodeUnknown`, `CodeSpent`, and `NotAccepted` for the rest.
        """
        if not name.strip() or len(name) > MAX_DEVICE_NAME or not name.isprintable():
            raise NotAccepted(f"a device's name has 1 to {MAX_DEVICE_NAME} printable characters")
        if pin and len(pin) not in PIN_LENGTHS:
            raise NotAccepted(f"a PIN has {PIN_LENGTHS[0]} to {PIN_LENGTHS[-1]} characters")
        with self._data.transaction():
            code = self.usable(text)
            match purpose := Purpose(code["purpose"]):
                case Purpose.UNLOCK:
                    self._unlock(code["login_id"], pin)
                    device = 0
                case _:
                    device = self._enrol(code["login_id"], purpose, kind, name, pin)
            self._codes.spend(code["id"])
        return Enrolled(code["login_id"], purpose, device)

    def usable(self, text: str) -> sqlite3.Row:
        """The code that may be used now. Raises as `use_code` does."""
        code = self._codes.find(text)
        if code is None:
            raise CodeUnknown("there is no such code", "Ask for a new one.")
        for gone, why in (("used", "was used already"), ("cancelled", "was replaced by a newer one")):
            if code[gone] is not None:
                raise CodeSpent(f"this code {why}", "Ask for a new one.")
        if not self._codes.is_live(code):
            raise CodeSpent("this code has expired", "Ask for a new one.")
        if code["kind"] == CodeType.INACTIVE:
            raise NotAccepted("this code is not active yet", "loginActivateCode makes it so.")
        return code

    def authenticate(self, login: str, entry: str, how: Entry = Entry.PIN, device_id: int = 0) -> None:
        """Authenticate with a PIN or password, on a device or (0) on none in particular, or with a one-time password.

        Raises `NotAccepted` with the reason; three wrong entries in a row lock what was wrong.
        """
        with self._data.transaction():
            refused = self._attempt(login, entry, how, device_id)
        if refused:  # raised out here: a wrong entry has to be counted
            raise NotAccepted(refused)

    def one_time_password(self, login_id: int) -> str:
        """A new one-time password, good once and not for long."""
        otp = f"{secrets.randbelow(10**8):08d}"
        expires = self._data.now() + self._codes.lifetimes.otp
        self._db.execute("UPDATE login SET otp = ?, otp_expires = ? WHERE id = ?", (otp, expires, login_id))
        return otp

    def forgive(self, login_id: int) -> bool:
        """Set the counter of wrong entries back, which lifts the locks that it led to.

        Once until the next successful authentication; False where that was done.
        """
        with self._data.transaction():
            if self._login(login_id)["reset_used"]:
                return False
            self._lift(login_id)
            self._db.execute("UPDATE login SET reset_used = 1 WHERE id = ?", (login_id,))
        return True

    def share(self, login_id: int, shared: bool) -> None:
        """Mark a login as one that other services use too."""
        self._db.execute("UPDATE login SET shared = ? WHERE id = ?", (shared, login_id))

    def _enrol(self, login_id: int, purpose: Purpose, kind: DeviceKind, name: str, pin: str) -> int:
        login = self._login(login_id)
        if purpose is Purpose.RESTORE:  # from here on it is as if the login were new
            self._devices.drop_all(login_id)
            self._lift(login_id)
            self._db.execute("UPDATE login SET pin = NULL WHERE id = ?", (login_id,))
        elif purpose is Purpose.DEVICE and pin and not _fits(pin, login["pin"]):
            raise NotAccepted("this is not the PIN")
        if not self._devices.has_room(login_id, kind):
            raise NotAccepted("no more devices of this type are allowed", "Delete one first, or take another type.")
        if pin and (login["pin"] is None or purpose is Purpose.RESTORE):
            self._set_pin(login_id, pin)
        self._db.execute("UPDATE login SET activated = 1 WHERE id = ?", (login_id,))
        return self._devices.add(login_id, kind, name.strip())

    def _unlock(self, login_id: int, pin: str) -> None:
        self._lift(login_id)
        if pin:
            self._set_pin(login_id, pin)

    def _lift(self, login_id: int) -> None:
        self._devices.unlock_pins(login_id)
        self._db.execute(
            "UPDATE login SET wrong_entries = 0, pin_locked = 0, password_locked = 0, maccess_locked = 0 WHERE id = ?",
            (login_id,),
        )

    def _set_pin(self, login_id: int, pin: str) -> None:
        self._db.execute("UPDATE login SET pin = ? WHERE id = ?", (hashed(pin), login_id))

    def _attempt(self, name: str, entry: str, how: Entry, device_id: int) -> str:
        """Why somebody does not get in; empty where they do."""
        login = self._db.execute("SELECT * FROM login WHERE login = ?", (name,)).fetchone()
        if login is None:
            return "there is no such login"
        device = self._devices.find(device_id) if device_id else None
        if device_id and (device is None or device["login_id"] != login["id"]):
            return "this login has no such device"
        if refused := self._barred(login, device, how):
            return refused
        if not self._right(login, entry, how):
            return self._wrong(login, device, how)
        self._succeed(login["id"], device_id)
        return ""

    def _barred(self, login: sqlite3.Row, device: sqlite3.Row | None, how: Entry) -> str:
        if login["status"]:
            return "the login is locked"
        if not login["activated"]:
            return "the login was never activated"
        if device is not None and device["state"] & DeviceState.LOCKED:
            return "the device is locked"
        if how is Entry.OTP:
            return ""
        if login[_lock(device, how)] or (device is not None and device["state"] & DeviceState.PIN_LOCKED):
            return f"the {how.words} is locked after {WRONG_ENTRIES} wrong entries"
        return "" if login["pin"] is not None else f"no {how.words} is set"

    def _right(self, login: sqlite3.Row, entry: str, how: Entry) -> bool:
        if how is Entry.OTP:
            known = login["otp"] if login["otp_expires"] > self._data.now() else None
            return known is not None and hmac.compare_digest(known.encode(), entry.encode())
        return _fits(entry, login["pin"])

    def _wrong(self, login: sqlite3.Row, device: sqlite3.Row | None, how: Entry) -> str:
        if how is Entry.OTP:
            return "this is not the one-time password"
        count = login["wrong_entries"] + 1
        self._db.execute("UPDATE login SET wrong_entries = ? WHERE id = ?", (count, login["id"]))
        if count < WRONG_ENTRIES:
            return f"this is not the {how.words}"
        self._db.execute(f"UPDATE login SET {_lock(device, how)} = 1 WHERE id = ?", (login["id"],))  # noqa: S608
        if device is not None:
            self._devices.lock(device["id"], DeviceState.PIN_LOCKED)
        return f"this is not the {how.words}, and it is locked now"

    def _succeed(self, login_id: int, device_id: int) -> None:
        self._db.execute(
            "UPDATE login SET lastauthdate = ?, wrong_entries = 0, reset_used = 0, otp = NULL WHERE id = ?",
            (self._data.now(), login_id),
        )
        self._devices.used(device_id)

    def _login(self, login_id: int) -> sqlite3.Row:
        row: sqlite3.Row = self._db.execute("SELECT * FROM login WHERE id = ?", (login_id,)).fetchone()
        return row


def hashed(pin: str, salt: str | None = None) -> str:
    """A PIN as it is kept. It hides it from a look at the file; four digits can be guessed from any hash."""
    salt = salt or secrets.token_hex(8)
    return f"{salt}${hashlib.pbkdf2_hmac('sha256', pin.encode(), salt.encode(), _ROUNDS).hex()}"


def _fits(pin: str, known: str | None) -> bool:
    return known is not None and hmac.compare_digest(hashed(pin, known.partition("$")[0]), known)


def _lock(device: sqlite3.Row | None, how: Entry) -> str:
    """The column of the lock that wrong entries lead to."""
    if how is Entry.PASSWORD:
        return "password_locked"
    return "maccess_locked" if device is not None and device["kind"] == DeviceKind.MACCESS else "pin_locked"
