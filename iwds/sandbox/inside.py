"""What is inside the service, for `iwds sandbox show`: the one place that shows codes, links and mails."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from iwds.core.devices import DeviceState
from iwds.sandbox.codes import CodeType, Purpose
from iwds.sandbox.store import Store

Row = dict[str, Any]
"""One thing as JSON; times are seconds since 1970, 0 for never."""


def logins(store: Store) -> Iterator[Row]:
    """Every login with its groups, and how many devices it has."""
    rows = store.data.db.execute(
        "SELECT login.id, login, firstname, name, mail, status, role, createdby, activated, lastauthdate, "
        "pin_locked, password_locked, maccess_locked, "
        "(SELECT count(*) FROM device WHERE login_id = login.id) AS devices, "
        "(SELECT group_concat(team.name, ', ') FROM membership JOIN team ON team.id = team_id "
        "WHERE login_id = login.id) AS groups, "
        "(SELECT count(*) FROM code WHERE login_id = login.id AND used IS NULL AND cancelled IS NULL AND expires > ?) "
        "AS codes FROM login ORDER BY login",
        (store.now(),),
    )
    for row in rows:
        yield {**_plain(row), "state": state(row)}


def login(store: Store, name: str) -> Row | None:
    """One login with everything about it, or None."""
    row = store.named(name)
    if row is None:
        return None
    shown = {key: row[key] for key in row.keys() if key not in ("pin", "state")}  # noqa: SIM118 - a row is no mapping
    return {
        **shown,
        "state": state({**dict(row), "activated": row["state"] == "ok"}),
        "pin_set": row["pin"] is not None,
        "groups": [_plain(group) for group in store.groups_of(row["id"])],
        "devices": [_device(device) for device in store.devices.of(row["id"])],
        "codes": [_code(code) for code in store.codes.live(row["id"])],
    }


def codes(store: Store) -> Iterator[Row]:
    """Every code and link that may still be used, with the login that it is for."""
    rows = store.data.db.execute(
        "SELECT code.*, login FROM code JOIN login ON login.id = login_id "
        "WHERE used IS NULL AND cancelled IS NULL AND expires > ? ORDER BY code.id",
        (store.now(),),
    )
    return ({"login": row["login"], **_code(row)} for row in rows)


def outbox(store: Store) -> Iterator[Row]:
    """Every mail, the oldest first."""
    return map(_plain, store.outbox.mails())


def groups(store: Store) -> Iterator[Row]:
    """Every group with its policy and how many members it has."""
    rows = store.data.db.execute(
        "SELECT team.id, team.name, policy.name AS policy, max_all, max_ma, max_ca, max_va, max_mac, "
        "(SELECT count(*) FROM membership WHERE team_id = team.id) AS members "
        "FROM team JOIN policy ON policy.id = team.policy ORDER BY team.id"
    )
    return map(_plain, rows)


def devices(store: Store) -> Iterator[Row]:
    """Every device with the login that it is of."""
    rows = store.data.db.execute(
        "SELECT device.*, login FROM device JOIN login ON login.id = login_id ORDER BY login, device.id"
    )
    return ({"login": row["login"], **_device(row)} for row in rows)


SUBJECTS = {"logins": logins, "codes": codes, "outbox": outbox, "groups": groups, "devices": devices}
"""What can be listed."""


def state(row: Any) -> str:
    """How a login is, in words: `active`, `locked`, `waits` for its activation, or what else is locked."""
    words = [
        word
        for word, column in (
            ("locked", "status"),
            ("PIN locked", "pin_locked"),
            ("password locked", "password_locked"),
            ("mAccess locked", "maccess_locked"),
        )
        if row[column]
    ]
    return ", ".join(words + ["not activated"] * (not row["activated"])) or "active"


def _plain(row: sqlite3.Row) -> Row:
    return dict(row)


def _device(row: sqlite3.Row) -> Row:
    names = ("id", "kind", "state", "name", "alias", "push", "created", "last_used")
    locks = [lock.name.lower().replace("_", " ") for lock in DeviceState(row["state"]) if lock.name]
    return {**{name: row[name] for name in names}, "locks": locks}


def _code(row: sqlite3.Row) -> Row:
    return {
        "purpose": Purpose(row["purpose"]).name.lower(),
        "kind": CodeType(row["kind"]).name.lower(),
        "code": row["code"],
        "long_code": row["long_code"],
        "expires": row["expires"],
    }
