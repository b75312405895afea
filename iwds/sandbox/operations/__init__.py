"""What each operation does. An error of the application is `Nok`, which becomes a text in an answer with status 200.

Source: the API document. Where it leaves a case open (a group that does not exist, adding a member twice) the answer is
a bare `NOK`, as it says for group operations.
"""

import asyncio
from collections.abc import Mapping

from iwds.sandbox.operations import _codes, _devices, _groups, _logins
from iwds.sandbox.operations._arguments import Nok, Operate
from iwds.sandbox.post import UNDELIVERED, Letter, send
from iwds.sandbox.store import Store
from iwds.sandbox.wire import Arguments, Result

__all__ = ["OPERATE", "Nok", "operate", "perform"]


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
    "loginGetCodeFromLink": _codes.login_get_code_from_link,
    "loginGetInfoFromLink": _codes.login_get_info_from_link,
    "loginGetOTP": _codes.login_get_otp,
    "loginRestore": _codes.login_restore,
    "loginAddDevice": _codes.login_add_device,
    "loginResetPwd": _codes.login_reset_pwd,
    "loginResetPwdExtended": _codes.login_reset_pwd_extended,
    "loginResetPINErrorCounter": _codes.login_reset_pin_error_counter,
    "loginUpdateTool": _devices.login_update_tool,
    "loginDeleteTool": _devices.login_delete_tool,
    "loginGetGroups": _groups.login_get_groups,
    "serviceGroupsQuery": _groups.service_groups_query,
    "groupAccountCreate": _groups.group_account_create,
    "groupAccountUpdate": _groups.group_account_update,
    "groupAccountDelete": _groups.group_account_delete,
    "groupAccountQuery": _groups.group_account_query,
}
"""The operations of this service, by the names of the API."""


async def perform(store: Store, name: str, arguments: Arguments) -> Result | str:
    """Run one operation to its end, a mail included; other calls go on meanwhile. Raises `Nok`."""
    done = operate(store, name, arguments)
    if not isinstance(done, Letter):
        return done
    relay = store.outbox.relay
    if relay is not None:
        try:
            await asyncio.to_thread(send, relay, done)
        except UNDELIVERED:
            raise Nok from None
    store.outbox.keep(done, f"{relay.host}:{relay.port}" if relay else "")
    return "OK"


def operate(store: Store, name: str, arguments: Arguments) -> Result | str | Letter:
    """Run one operation, but for sending its mail. Raises `Nok`."""
    if arguments.get("userid", 0) != 0 or arguments.get("serviceid", store.service_id) != store.service_id:
        raise Nok("access forbidden")
    return OPERATE[name](store, arguments)
