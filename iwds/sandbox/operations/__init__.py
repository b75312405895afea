"""What each operation does. An error of the application is `Nok`, which becomes a text in an answer with status 200.

Source: the API document. Where it leaves a case open (a group that does not exist, adding a member twice) the answer is
a bare `NOK`, as it says for group operations.
"""

from collections.abc import Mapping

from iwds.sandbox.operations import _codes, _groups, _logins
from iwds.sandbox.operations._arguments import Nok, Operate
from iwds.sandbox.store import Store
from iwds.sandbox.wire import Arguments, Result

__all__ = ["OPERATE", "Nok", "operate"]


def iwds_check(store: Store, arguments: Arguments) -> str:  # noqa: ARG001 - every operation has the same form
    """Says which service the client may work on."""
    return f"OK:{store.service_id}"


OPERATE: Mapping[str, Operate] = {
    "IWDS_check": iwds_check,
    "loginsQuery": _logins.logins_query,
    "loginsQueryByGroup": _logins.logins_query_by_group,
    "loginSearch": _logins.login_search,
    "loginQuery": _logins.login_query,
    "loginCreate": _logins.login_create,
    "loginCreateBySource": _logins.login_create_by_source,
    "loginUpdate": _logins.login_update,
    "loginDelete": _logins.login_delete,
    "loginSendByMail": _codes.login_send_by_mail,
    "loginActivateCode": _codes.login_activate_code,
    "loginGetGroups": _groups.login_get_groups,
    "serviceGroupsQuery": _groups.service_groups_query,
    "groupAccountCreate": _groups.group_account_create,
    "groupAccountUpdate": _groups.group_account_update,
    "groupAccountDelete": _groups.group_account_delete,
    "groupAccountQuery": _groups.group_account_query,
}
"""The operations of this service, by the names of the API."""


def operate(store: Store, name: str, arguments: Arguments) -> Result | str:
    """Run one operation. Raises `Nok`."""
    if arguments.get("userid", 0) != 0 or arguments.get("serviceid", store.service_id) != store.service_id:
        raise Nok("access forbidden")
    return OPERATE[name](store, arguments)
