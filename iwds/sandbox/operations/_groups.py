"""Groups, and who is in them.

Groups and policies are made in the console; the API only reads them, and makes and ends memberships.
"""

import sqlite3
from collections.abc import Sequence

from iwds.sandbox.operations._arguments import Nok, known_group, known_login, number, window
from iwds.sandbox.store import Store
from iwds.sandbox.wire import Arguments, Result, Value


def login_get_groups(store: Store, arguments: Arguments) -> Result:
    """One page of the groups of a login."""
    return _groups(store.groups_of(known_login(store, arguments)["id"]), arguments)


def service_groups_query(store: Store, arguments: Arguments) -> Result:
    """One page of the groups of the service."""
    return _groups(store.groups(), arguments)


def group_account_create(store: Store, arguments: Arguments) -> str:
    """Adds a login to a group."""
    group_id, login_id = _pair(store, arguments)
    if store.role_in(group_id, login_id) is not None:
        raise Nok
    store.set_role_in(group_id, login_id, _group_role(arguments))
    return "OK"


def group_account_update(store: Store, arguments: Arguments) -> str:
    """Changes the role of a member."""
    group_id, login_id = _membership(store, arguments)
    store.set_role_in(group_id, login_id, _group_role(arguments))
    return "OK"


def group_account_delete(store: Store, arguments: Arguments) -> str:
    """Takes a member out of a group."""
    store.leave(*_membership(store, arguments))
    return "OK"


def group_account_query(store: Store, arguments: Arguments) -> Result:
    """The role of a member."""
    group_id, login_id = _membership(store, arguments)
    return {"err": "OK", "roleid": store.role_in(group_id, login_id), "loginid": login_id, "groupid": group_id}


def _groups(rows: Sequence[sqlite3.Row], arguments: Arguments) -> Result:
    offset, limit = window(arguments)
    page = rows[offset : offset + limit]
    ids, names = [row["id"] for row in page], [row["name"] for row in page]
    result: dict[str, Value | list[int] | list[str]] = {"err": "OK", "count": len(rows), "n": len(page), "name": names}
    result |= {"id": ids, "groupid": ids, "num": [row["num"] for row in page]}
    result |= {"servicepolicy": [row["policy"] for row in page]}
    if page and "role" in page[0].keys():  # noqa: SIM118 - a row iterates over its values
        result["role"] = [row["role"] for row in page]
    return result


def _pair(store: Store, arguments: Arguments) -> tuple[int, int]:
    return known_group(store, arguments), known_login(store, arguments)["id"]


def _membership(store: Store, arguments: Arguments) -> tuple[int, int]:
    group_id, login_id = _pair(store, arguments)
    if store.role_in(group_id, login_id) is None:
        raise Nok
    return group_id, login_id


def _group_role(arguments: Arguments) -> int:
    """Roles in a group may be custom ones, so any number from 0 on is one."""
    role = number(arguments, "role")
    if role < 0:
        raise Nok("SN")
    return role
