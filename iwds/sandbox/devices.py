"""The devices of logins (the API calls them tools), and how many of them a policy allows."""

import sqlite3
from collections.abc import Mapping, Sequence

from iwds.core.devices import DeviceKind, DeviceState
from iwds.sandbox.data import Data

_BITS = {DeviceKind.AUTHENTICATOR: 1, DeviceKind.BROWSER: 2, DeviceKind.VIRTUAL: 4}
"""What an active device adds to `activation_status`; mAccess has no bit."""
PUSHED = frozenset((DeviceKind.AUTHENTICATOR, DeviceKind.MACCESS))
"""The types that can be registered for push notifications."""


class Devices:
    """The devices of all logins."""

    def __init__(self, data: Data) -> None:
        self._data = data
        self._db = data.db

    def of(self, login_id: int) -> Sequence[sqlite3.Row]:
        """The devices of a login, the oldest first: every column of the table."""
        return self._db.execute("SELECT * FROM device WHERE login_id = ? ORDER BY id", (login_id,)).fetchall()

    def find(self, device_id: int) -> sqlite3.Row | None:
        """One device, or None."""
        return self._db.execute(  # type: ignore[no-any-return]  # sqlite3 says nothing about rows
            "SELECT * FROM device WHERE id = ?", (device_id,)
        ).fetchone()

    def add(self, login_id: int, kind: DeviceKind, name: str) -> int:
        """Enrol a device; returns its id."""
        cursor = self._db.execute(
            "INSERT INTO device (login_id, kind, name, alias, push, created) VALUES (?, ?, ?, '', ?, ?)",
            (login_id, kind, name, kind in PUSHED, self._data.now()),
        )
        device_id = int(cursor.lastrowid or 0)
        self._db.execute("UPDATE device SET alias = ? WHERE id = ?", (f"{kind}{device_id}", device_id))
        return device_id

    def rename(self, device_id: int, name: str) -> None:
        """Give a device another name."""
        self._db.execute("UPDATE device SET name = ? WHERE id = ?", (name, device_id))

    def delete(self, device_id: int) -> None:
        """Remove a device for good."""
        self._db.execute("DELETE FROM device WHERE id = ?", (device_id,))

    def drop_all(self, login_id: int) -> None:
        """Remove every device of a login."""
        self._db.execute("DELETE FROM device WHERE login_id = ?", (login_id,))

    def lock(self, device_id: int, state: DeviceState) -> None:
        """Add to the mask of a device's locks."""
        self._db.execute("UPDATE device SET state = state | ? WHERE id = ?", (state, device_id))

    def unlock(self, device_id: int, state: DeviceState) -> None:
        """Take away from the mask of a device's locks."""
        self._db.execute("UPDATE device SET state = state & ~? WHERE id = ?", (state, device_id))

    def unlock_pins(self, login_id: int) -> None:
        """Lift the PIN locks of all devices of a login."""
        self._db.execute("UPDATE device SET state = state & ~? WHERE login_id = ?", (DeviceState.PIN_LOCKED, login_id))

    def used(self, device_id: int) -> None:
        """Record that somebody authenticated with a device just now."""
        self._db.execute("UPDATE device SET last_used = ? WHERE id = ?", (self._data.now(), device_id))

    def has_room(self, login_id: int, kind: DeviceKind) -> bool:
        """Whether the policies of all groups of a login allow one more device of this type; 0 is no limit."""
        policies = self._db.execute(
            "SELECT DISTINCT policy.* FROM membership JOIN team ON team.id = team_id "
            "JOIN policy ON policy.id = team.policy WHERE login_id = ?",
            (login_id,),
        ).fetchall()
        kinds = [row["kind"] for row in self.of(login_id)]
        return all(
            not limit or count < limit
            for policy in policies
            for limit, count in ((policy["max_all"], len(kinds)), (policy[f"max_{kind}"], kinds.count(kind)))
        )

    def activation_status(self, login_ids: Sequence[int]) -> Mapping[int, int]:
        """The mask of `loginSearch` for logins that have an active device which is not blocked."""
        masks: dict[int, int] = {}
        marks = ", ".join("?" * len(login_ids))
        for login_id, kind in self._db.execute(
            f"SELECT DISTINCT login_id, kind FROM device WHERE state = 0 AND login_id IN ({marks})",  # noqa: S608 - marks
            login_ids,
        ):
            masks[login_id] = masks.get(login_id, 0) | _BITS.get(DeviceKind(kind), 0)
        return masks
