"""Logins: listed, searched, read, made, changed and removed."""

from collections.abc import Mapping

from iwds.sandbox.codes import CodeType
from iwds.sandbox.operations._arguments import Nok, known_group, known_login, number, one_of, text_of, window
from iwds.sandbox.operations._devices import tools
from iwds.sandbox.store import SORTS, Full, NameTaken, Scope, Store
from iwds.sandbox.wire import Arguments, Result
from iwds.soap.constraints import contact_problem, login_problem, name_problem, stored_extra_problem

CREATED_BY_API = 1

_LOGIN_COLUMNS = (
    "id", "login", "status", "role", "firstname", "name", "mail", "phone", "extrafields", "createdby", "lastauthdate",
)  # fmt: skip


def logins_query(store: Store, arguments: Arguments) -> Result:
    """One page of all logins."""
    return _logins(store, arguments, Scope())


def logins_query_by_group(store: Store, arguments: Arguments) -> Result:
    """One page of the members of a group."""
    known_group(store, arguments)
    return _logins(store, arguments, Scope(group=number(arguments, "groupid")))


def login_search(store: Store, arguments: Arguments) -> Result:
    """One page of the logins whose name holds a text, or is it; with what their devices are."""
    exact = number(arguments, "exactmatch")
    if exact not in (0, 1):
        raise Nok("SN")
    found = _logins(store, arguments, Scope(name=text_of(arguments, "loginname"), exact=bool(exact)))
    ids: list[int] = found["id"]  # type: ignore[assignment]  # a column of numbers
    masks = store.devices.activation_status(ids)
    return {**found, "activation_status": [masks.get(login_id, 0) for login_id in ids]}


def login_query(store: Store, arguments: Arguments) -> Result:
    """One login with its devices, its locks, and the link that waits to be used."""
    row = known_login(store, arguments)
    link = store.codes.pending_link(row["id"])
    return {
        "err": "OK",
        **{name: row[name] for name in _LOGIN_COLUMNS if name != "id"},
        "code": row["state"],
        "longcode": link and link["long_code"],
        "iwpinblocked": row["pin_locked"],
        "iwpasswordblocked": row["password_locked"],
        "macpasswordblocked": row["maccess_locked"],
        **tools(store.devices.of(row["id"])),
    }


def login_create(store: Store, arguments: Arguments) -> Result:
    """A new login, made by the API."""
    return _create(store, arguments, CREATED_BY_API)


def login_create_by_source(store: Store, arguments: Arguments) -> Result:
    """A new login, tagged with the source that it comes from."""
    extra = {name: text_of(arguments, name) for name in ("login2", "login3")}
    if any(contact_problem(text) for text in extra.values()):
        raise Nok("SN")
    return _create(store, arguments, number(arguments, "provisioningId"), extra)


def login_update(store: Store, arguments: Arguments) -> str:
    """Overwrites every field of a login."""
    row = known_login(store, arguments)
    try:
        store.update(row["id"], _fields(arguments))
    except NameTaken:
        raise Nok("login already used") from None
    return "OK"


def login_delete(store: Store, arguments: Arguments) -> str:
    """Removes a login with its memberships."""
    store.delete(known_login(store, arguments)["id"])
    return "OK"


def _logins(store: Store, arguments: Arguments, scope: Scope) -> Result:
    sort = number(arguments, "sort")
    if sort not in SORTS:
        raise Nok("SN")
    count, rows = store.page(scope, sort, *window(arguments))
    columns = {name: [row[name] for row in rows] for name in _LOGIN_COLUMNS}
    codes = [row["state"] for row in rows]
    return {"err": "OK", "n": len(rows), "count": count, "code": codes, **columns}


def _create(store: Store, arguments: Arguments, created_by: int, extra: Mapping[str, str] | None = None) -> Result:
    fields = _fields(arguments) | {"access": one_of(arguments, "access", (0, 1)), "lang": _language(arguments)}
    kind = CodeType(one_of(arguments, "codetype", tuple(CodeType)))
    try:
        new = store.create({**fields, **(extra or {}), "createdby": created_by}, kind)
    except NameTaken:
        raise Nok("loginexists") from None
    except Full:
        raise Nok("full") from None
    return {"err": "OK", "code": new.code, "id": new.login_id}


def _fields(arguments: Arguments) -> dict[str, int | str]:
    """The columns that creation and update share. Raises `Nok` where one breaks the constraints."""
    texts = {name: text_of(arguments, name) for name in ("login", "firstname", "name", "mail", "phone", "extrafields")}
    problems = (
        login_problem(texts["login"]),
        *(name_problem(texts[name]) for name in ("firstname", "name")),
        *(contact_problem(texts[name]) for name in ("mail", "phone")),
        stored_extra_problem(texts["extrafields"]),
    )
    if any(problems):
        raise Nok("SN")
    return {**texts, "status": one_of(arguments, "status", (0, 1)), "role": one_of(arguments, "role", (0, 1, 2))}


def _language(arguments: Arguments) -> str:
    language = text_of(arguments, "lang")
    if language not in ("", "en", "fr"):
        raise Nok("SN")
    return language
