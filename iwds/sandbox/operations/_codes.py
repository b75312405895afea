"""Codes and links: what a person enrols with."""

from iwds.sandbox.operations._arguments import Nok, known_login
from iwds.sandbox.store import Store
from iwds.sandbox.wire import Arguments


def login_send_by_mail(store: Store, arguments: Arguments) -> str:
    """Mails the activation link; without a pending link or an address there is nothing to mail."""
    row = known_login(store, arguments)
    if not row["mail"] or row["state"] != "link":
        raise Nok
    store.add_mail(row["id"], row["mail"], row["long_code"])
    return "OK"


def login_activate_code(store: Store, arguments: Arguments) -> str:
    """Makes the inactive code of a login good for use now, and returns it."""
    code = store.activate_code(known_login(store, arguments)["id"])
    if code is None:
        raise Nok
    return code
