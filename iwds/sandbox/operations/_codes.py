"""Codes and links: what a person enrols or unlocks with."""

import sqlite3

from iwds.sandbox.codes import CodeType, Purpose
from iwds.sandbox.operations._arguments import Nok, known_login, one_of, text_of
from iwds.sandbox.post import Letter, letter
from iwds.sandbox.store import Store
from iwds.sandbox.wire import Arguments, Result

_CODE_OR_LINK = (CodeType.IMMEDIATE, CodeType.LINK)


def login_activate_code(store: Store, arguments: Arguments) -> str:
    """Makes the inactive code of a login good for use now, and returns it."""
    code = store.codes.activate(known_login(store, arguments)["id"])
    if code is None:
        raise Nok
    return code


def login_send_by_mail(store: Store, arguments: Arguments) -> Letter:
    """Mails the link that waits: activation, further device or unlock. Without one, or an address, there is no mail."""
    row = known_login(store, arguments)
    link = store.codes.pending_link(row["id"])
    if not row["mail"] or link is None:
        raise Nok
    return letter(row, link, store.outbox.address)


def login_get_code_from_link(store: Store, arguments: Arguments) -> str:
    """The nine digits behind the long code of a link. They are good as long as the link is."""
    return str(_behind_link(store, arguments)["code"])


def login_get_info_from_link(store: Store, arguments: Arguments) -> Result:
    """The same, and whose link it is."""
    link = _behind_link(store, arguments)
    return {"err": "OK", "code": link["code"], "id": link["login_id"]}


def login_add_device(store: Store, arguments: Arguments) -> str:
    """A code or link for one more device; it will ask for the PIN, so there has to be one."""
    login_id, kind = _with_pin(store, arguments), CodeType(one_of(arguments, "codetype", _CODE_OR_LINK))
    return store.codes.issue(login_id, Purpose.DEVICE, kind)


def login_restore(store: Store, arguments: Arguments) -> str:
    """A code that replaces all devices once it is used; until then nothing changes. For a login in any state."""
    return store.codes.issue(known_login(store, arguments)["id"], Purpose.RESTORE, CodeType.IMMEDIATE)


def login_reset_pwd(store: Store, arguments: Arguments) -> str:
    """The older form of `loginResetPwdExtended`: there is a code, and it is not returned."""
    store.codes.issue(_with_pin(store, arguments), Purpose.UNLOCK, CodeType.IMMEDIATE)
    return "OK"


def login_reset_pwd_extended(store: Store, arguments: Arguments) -> str:
    """A code or link that unlocks PIN and password."""
    login_id, kind = _with_pin(store, arguments), CodeType(one_of(arguments, "codetype", _CODE_OR_LINK))
    return store.codes.issue(login_id, Purpose.UNLOCK, kind)


def login_reset_pin_error_counter(store: Store, arguments: Arguments) -> str:
    """Sets the counter of wrong entries back, once until the next successful authentication."""
    row = known_login(store, arguments)
    if row["shared"]:
        raise Nok("MULTI")
    if not store.people.forgive(row["id"]):
        raise Nok("ALREADY")
    return "OK"


def login_get_otp(store: Store, arguments: Arguments) -> str:
    """A one-time password; not for a login that is locked or was never activated."""
    row = known_login(store, arguments)
    if row["status"]:
        raise Nok("FORBIDDEN")
    if row["state"] != "ok":
        raise Nok("NOLOGIN")
    return store.people.one_time_password(row["id"])


def _behind_link(store: Store, arguments: Arguments) -> sqlite3.Row:
    link = store.codes.behind_link(text_of(arguments, "code"))
    if link is None:
        raise Nok
    return link


def _with_pin(store: Store, arguments: Arguments) -> int:
    row = known_login(store, arguments)
    if row["pin"] is None:
        raise Nok("NoPassword")
    return int(row["id"])
