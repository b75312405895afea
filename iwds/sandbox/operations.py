"""What each operation does. An error of the application is `Nok`, which becomes a text in an answer with status 200.

Source: the API document. Where it leaves a case open (a group that does not exist, adding a member twice) the answer is
a bare `NOK`, as it says for group operations.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from iwds.sandbox.store import SORTS, CodeType, Full, NameTaken, Scope, Store
from iwds.sandbox.wire import Arguments, Result, Value
from iwds.soap.constraints import contact_problem, login_problem, name_problem, stored_extra_problem

MAX_PAGE = 1000
DEFAULT_PAGE = 100
CREATED_BY_API = 1

Operate: TypeAlias = Callable[[Store, Arguments], Result | str]


class Nok(Exception):
    """The operation was refused; `text` is the result code."""

    def __init__(self, cause: str = "") -> None:
        self.text = f"NOK:{cause}" if cause else "NOK"
        super().__init__(self.text)


def iwds_check(store: Store, arguments: Arguments) -> str:  # noqa: ARG001 - every operation has the same form
    """Says which service the client may work on."""
    return f"OK:{store.service_id}"


def logins_query(store: Store, arguments: Arguments) -> Result:
    """One page of all logins."""
    return _logins(store, arguments, Scope())


def logins_query_by_group(store: Store, arguments: Arguments) -> Result:
    """One page of the members of a group."""
    _known_group(store, arguments)
    return _logins(store, arguments, Scope(group=_number(arguments, "groupid")))


def login_search(store: Store, arguments: Arguments) -> Result:
    """One page of the logins whose name holds a text, or is it."""
    exact = _number(arguments, "exactmatch")
    if exact not in (0, 1):
        raise Nok("SN")
    return _logins(store, arguments, Scope(name=_text(arguments, "loginname"), exact=bool(exact)))


def login_query(store: Store, arguments: Arguments) -> Result:
    """One login with its devices; none can be enrolled here yet."""
    row = _known_login(store, arguments)
    columns = (
        "login",
        "status",
        "role",
        "firstname",
        "name",
        "mail",
        "phone",
        "extrafields",
        "createdby",
        "lastauthdate",
    )
    no_devices: dict[str, Value | list[int] | list[str]] = {name: [] for name in _DEVICE_COLUMNS}
    flags = dict.fromkeys(("iwpinblocked", "iwpasswordblocked", "macpasswordblocked"), 0)
    return (
        no_devices
        | flags
        | {name: row[name] for name in columns}
        | {
            "err": "OK",
            "code": row["state"],
            "longcode": row["long_code"],
        }
    )


def login_create(store: Store, arguments: Arguments) -> Result:
    """A new login, made by the API."""
    return _create(store, arguments, CREATED_BY_API)


def login_create_by_source(store: Store, arguments: Arguments) -> Result:
    """A new login, tagged with the source that it comes from."""
    extra = {name: _text(arguments, name) for name in ("login2", "login3")}
    if any(contact_problem(text) for text in extra.values()):
        raise Nok("SN")
    return _create(store, arguments, _number(arguments, "provisioningId"), extra)


def login_update(store: Store, arguments: Arguments) -> str:
    """Overwrites every field of a login."""
    row = _known_login(store, arguments)
    try:
        store.update(row["id"], _fields(arguments))
    except NameTaken:
        raise Nok("login already used") from None
    return "OK"


def login_delete(store: Store, arguments: Arguments) -> str:
    """Removes a login with its memberships."""
    store.delete(_known_login(store, arguments)["id"])
    return "OK"


def login_send_by_mail(store: Store, arguments: Arguments) -> str:
    """Mails the activation link; without a pending link or an address there is nothing to mail."""
    row = _known_login(store, arguments)
    if not row["mail"] or row["state"] != "link":
        raise Nok
    store.add_mail(row["id"], row["mail"], row["long_code"])
    return "OK"


def login_activate_code(store: Store, arguments: Arguments) -> str:
    """Makes the inactive code of a login good for use now, and returns it."""
    code = store.activate_code(_known_login(store, arguments)["id"])
    if code is None:
        raise Nok
    return code


def login_get_groups(store: Store, arguments: Arguments) -> Result:
    """One page of the groups of a login."""
    return _groups(store.groups_of(_known_login(store, arguments)["id"]), arguments)


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


OPERATE: Mapping[str, Operate] = {
    "IWDS_check": iwds_check,
    "loginsQuery": logins_query,
    "loginsQueryByGroup": logins_query_by_group,
    "loginSearch": login_search,
    "loginQuery": login_query,
    "loginCreate": login_create,
    "loginCreateBySource": login_create_by_source,
    "loginUpdate": login_update,
    "loginDelete": login_delete,
    "loginSendByMail": login_send_by_mail,
    "loginActivateCode": login_activate_code,
    "loginGetGroups": login_get_groups,
    "serviceGroupsQuery": service_groups_query,
    "groupAccountCreate": group_account_create,
    "groupAccountUpdate": group_account_update,
    "groupAccountDelete": group_account_delete,
    "groupAccountQuery": group_account_query,
}
"""The operations of this service, by the names of the API."""


def operate(store: Store, name: str, arguments: Arguments) -> Result | str:
    """Run one operation. Raises `Nok`."""
    if arguments.get("userid", 0) != 0 or arguments.get("serviceid", store.service_id) != store.service_id:
        raise Nok("access forbidden")
    return OPERATE[name](store, arguments)


_DEVICE_COLUMNS = tuple(
    prefix + column
    for prefix in ("ca", "ma", "mac", "va")
    for column in ("id", "state", "name", "alias", "ult", "pushenabled", "creationdate", "lastauthdate")
)
_LOGIN_COLUMNS = (
    "id", "login", "status", "role", "firstname", "name", "mail", "phone", "extrafields", "createdby", "lastauthdate",
)  # fmt: skip


def _logins(store: Store, arguments: Arguments, scope: Scope) -> Result:
    sort = _number(arguments, "sort")
    if sort not in SORTS:
        raise Nok("SN")
    count, rows = store.page(scope, sort, *_window(arguments))
    columns = {name: [row[name] for row in rows] for name in _LOGIN_COLUMNS}
    codes = [row["state"] for row in rows]
    activated = [int(code == "ok") for code in codes]
    return {"err": "OK", "n": len(rows), "count": count, "code": codes, "activation_status": activated, **columns}


def _groups(rows: Sequence[sqlite3.Row], arguments: Arguments) -> Result:
    offset, limit = _window(arguments)
    page = rows[offset : offset + limit]
    ids, names = [row["id"] for row in page], [row["name"] for row in page]
    result: dict[str, Value | list[int] | list[str]] = {"err": "OK", "count": len(rows), "n": len(page), "name": names}
    result |= {"id": ids, "groupid": ids, "num": [row["num"] for row in page]}
    result |= {"servicepolicy": [row["policy"] for row in page]}
    if page and "role" in page[0].keys():  # noqa: SIM118 - a row iterates over its values
        result["role"] = [row["role"] for row in page]
    return result


def _create(store: Store, arguments: Arguments, created_by: int, extra: Mapping[str, str] | None = None) -> Result:
    fields = _fields(arguments) | {"access": _one_of(arguments, "access", (0, 1)), "lang": _language(arguments)}
    kind = CodeType(_one_of(arguments, "codetype", tuple(CodeType)))
    try:
        new = store.create({**fields, **(extra or {}), "createdby": created_by}, kind)
    except NameTaken:
        raise Nok("loginexists") from None
    except Full:
        raise Nok("full") from None
    return {"err": "OK", "code": new.code, "id": new.login_id}


def _fields(arguments: Arguments) -> dict[str, int | str]:
    """The columns that creation and update share. Raises `Nok` where one breaks the constraints."""
    texts = {name: _text(arguments, name) for name in ("login", "firstname", "name", "mail", "phone", "extrafields")}
    problems = (
        login_problem(texts["login"]),
        *(name_problem(texts[name]) for name in ("firstname", "name")),
        *(contact_problem(texts[name]) for name in ("mail", "phone")),
        stored_extra_problem(texts["extrafields"]),
    )
    if any(problems):
        raise Nok("SN")
    return {**texts, "status": _one_of(arguments, "status", (0, 1)), "role": _one_of(arguments, "role", (0, 1, 2))}


def _language(arguments: Arguments) -> str:
    language = _text(arguments, "lang")
    if language not in ("", "en", "fr"):
        raise Nok("SN")
    return language


def _window(arguments: Arguments) -> tuple[int, int]:
    """Offset and number of lines; 0 lines mean the default."""
    offset, lines = _number(arguments, "offset"), _number(arguments, "nmax")
    if offset < 0 or lines < 0:
        raise Nok("SN")
    return offset, min(lines or DEFAULT_PAGE, MAX_PAGE)


def _known_login(store: Store, arguments: Arguments) -> sqlite3.Row:
    row = store.login(_number(arguments, "loginid"))
    if row is None:
        raise Nok("account unknown")
    return row


def _known_group(store: Store, arguments: Arguments) -> int:
    group_id = _number(arguments, "groupid")
    if not store.has_group(group_id):
        raise Nok
    return group_id


def _pair(store: Store, arguments: Arguments) -> tuple[int, int]:
    return _known_group(store, arguments), _known_login(store, arguments)["id"]


def _membership(store: Store, arguments: Arguments) -> tuple[int, int]:
    group_id, login_id = _pair(store, arguments)
    if store.role_in(group_id, login_id) is None:
        raise Nok
    return group_id, login_id


def _group_role(arguments: Arguments) -> int:
    """Roles in a group may be custom ones, so any number from 0 on is one."""
    role = _number(arguments, "role")
    if role < 0:
        raise Nok("SN")
    return role


def _one_of(arguments: Arguments, name: str, allowed: Iterable[int]) -> int:
    value = _number(arguments, name)
    if value not in allowed:
        raise Nok("SN")
    return value


def _number(arguments: Arguments, name: str) -> int:
    value = arguments[name]
    if not isinstance(value, int):
        raise TypeError(f"{name} is no number")
    return value


def _text(arguments: Arguments, name: str) -> str:
    """A text; one that was missing is as good as an empty one."""
    return str(arguments[name] or "")
