"""What the helpdesk does to one login: the operations of the provisioning API that a sync never needs.

Every method names its operation; the section of the API document has the same name. Ids are the service's own numbers.
Lifetimes of codes are the service's: 30 minutes for a code (15 in older documents), three weeks for an inactive code
and for a link, 15 minutes for an unlock code, two days for an unlock link.

Nothing that changes something is repeated: a second code makes the first one worthless, and a mail cannot be unsent.
"""

from collections.abc import Iterator, Sequence

from iwds.core.devices import Code, Details, Device, DeviceKind, DeviceState, GroupRole
from iwds.core.model import Account
from iwds.errors import OutcomeUnknown, Rejected, ServiceUnavailable
from iwds.soap.envelope import Answer
from iwds.targets._calls import Api, Unsupported
from iwds.targets._group_roles import groups_of
from iwds.targets._reading import how_far, login_of
from iwds.targets._settings import Settings
from iwds.targets._writer import created

_AT_ONCE, _BY_LINK = 0, 2
"""The two values of `codetype` where an operation has no inactive code."""


class ProvisioningActions:
    """`ports.Actions` over the provisioning API. Thread-safe.

    What changes something raises `CallFailed` or `AccessRefused`; what only asks raises `ServiceUnavailable`,
    `AccessRefused`, and `ServiceUnproven` where the pages of an answer contradict each other. An answer in which a code
    should stand and does not is `OutcomeUnknown`.
    """

    def __init__(self, settings: Settings, api: Api) -> None:
        self._settings = settings
        self._api = api

    # --- looking ------------------------------------------------------------------------------------------------------

    def details(self, login_id: int) -> Details:
        """Everything about one login (`loginQuery`). Raises `LoginUnknown`.

        Understands both dialects: an older service gives the phone and no locks, the document's gives locks, dates and
        no phone.
        """
        return details_of(self._api, login_id)

    def groups_of(self, login_id: int) -> Sequence[GroupRole]:
        """Its groups in the order of the service, with its role in each (`loginGetGroups`). Raises `LoginUnknown`."""
        return groups_of(self._api, self._settings.page_size, login_id)

    # --- codes and links ----------------------------------------------------------------------------------------------

    def create(self, account: Account) -> tuple[int, Code]:
        """Create a login (`loginCreateBySource`, else `loginCreate`); returns its id, and its code or long code.

        Where the login was made and no code came with it, `OutcomeUnknown` names its id: `restore` gives a new code.
        """
        login_id, code = created(self._settings, self._api, account)
        if code is None:
            raise OutcomeUnknown(f"login {login_id} was created, and no code came with it", "Restore it for a code.")
        return login_id, code

    def activate_code(self, login_id: int) -> Code:
        """Make an inactive code good for use now, and return it (`loginActivateCode`)."""
        return self._code("loginActivateCode", login_id)

    def code_of_link(self, link: Code) -> Code:
        """The activation code behind the long code of a link (`loginGetCodeFromLink`)."""
        return self._api.code("loginGetCodeFromLink", code=link.reveal())

    def login_of_link(self, link: Code) -> tuple[int, Code]:
        """The login id and the activation code behind a long code (`loginGetInfoFromLink`)."""
        try:
            login_id, code = self._api.login_and_code("loginGetInfoFromLink", code=link.reveal())
        except Unsupported as error:
            raise Rejected(str(error)) from None
        if code is None:
            raise OutcomeUnknown(f"the link is that of login {login_id}, and no code came with it")
        return login_id, code

    def send_link(self, login_id: int) -> None:
        """Mail the link that waits: activation, further device or unlock (`loginSendByMail`)."""
        self._write("loginSendByMail", login_id)

    def otp(self, login_id: int) -> Code:
        """A one-time password for this login (`loginGetOTP`)."""
        return self._code("loginGetOTP", login_id)

    # --- devices ------------------------------------------------------------------------------------------------------

    def add_device(self, login_id: int, *, link: bool = False) -> Code:
        """A code for one more device, or the long code of a link (`loginAddDevice`); `send_link` then mails the link.

        `Rejected` with the cause `NoPassword` where the login never got a password.
        """
        return self._code("loginAddDevice", login_id, codetype=_BY_LINK if link else _AT_ONCE)

    def rename_device(self, kind: DeviceKind, device_id: int, name: str) -> None:
        """Give a device another name (`loginUpdateTool`)."""
        self._api.write(
            "loginUpdateTool", userid=0, serviceid=self._service, toolid=device_id, tooltype=kind.value, name=name
        )

    def delete_device(self, kind: DeviceKind, device_id: int) -> None:
        """Remove a device for good (`loginDeleteTool`)."""
        self._api.write("loginDeleteTool", userid=0, serviceid=self._service, toolid=device_id, tooltype=kind.value)

    # --- ways back in -------------------------------------------------------------------------------------------------

    def restore(self, login_id: int) -> Code:
        """A code that replaces all devices once it is used; id, groups and role stay (`loginRestore`)."""
        return self._code("loginRestore", login_id)

    def reset_password(self, login_id: int) -> None:
        """The older form of `unlock_code`, which returns no code (`loginResetPwd`)."""
        self._write("loginResetPwd", login_id)

    def unlock_code(self, login_id: int, *, link: bool = False) -> Code:
        """A code that unlocks a PIN or password, or the long code of a link (`loginResetPwdExtended`)."""
        return self._code("loginResetPwdExtended", login_id, codetype=_BY_LINK if link else _AT_ONCE)

    def reset_pin_errors(self, login_id: int) -> None:
        """Set the counter of wrong entries back, once until the next login (`loginResetPINErrorCounter`).

        `Rejected` with the cause `MULTI` where the login belongs to other services that do not allow it.
        """
        self._write("loginResetPINErrorCounter", login_id)

    @property
    def _service(self) -> int:
        return self._settings.service_id

    def _write(self, name: str, login_id: int) -> None:
        self._api.write(name, userid=0, serviceid=self._service, loginid=login_id)

    def _code(self, name: str, login_id: int, **values: int) -> Code:
        return self._api.code(name, userid=0, serviceid=self._service, loginid=login_id, **values)


def details_of(api: Api, login_id: int) -> Details:
    """Everything about one login (`loginQuery`). Raises `LoginUnknown`, `ServiceUnavailable`."""
    return _details(login_id, api.read("loginQuery", userid=0, loginid=login_id))


def _details(login_id: int, answer: Answer) -> Details:
    texts, numbers = answer.texts, answer.numbers
    long_code = texts.get("longcode", "").strip()
    return Details(
        login_of(answer, login_id),
        how_far(texts.get("code")),
        tuple(device for kind in DeviceKind for device in _devices(kind, answer)),
        Code(long_code) if long_code else None,
        *(_flag(numbers.get(name)) for name in ("iwpinblocked", "iwpasswordblocked", "macpasswordblocked")),
    )


def _flag(number: int | None) -> bool | None:
    return None if number is None else bool(number)


def _devices(kind: DeviceKind, answer: Answer) -> Iterator[Device]:
    """The devices of one type: columns whose names begin with its prefix, cut to its counter."""
    count = answer.numbers.get(f"n{kind}", 0)
    unknown: list[None] = [None] * count
    numbers = [answer.number_arrays.get(f"{kind}{column}", unknown) for column in _NUMBERS]
    texts = [answer.text_arrays.get(f"{kind}{column}", [""] * count) for column in ("name", "alias")]
    for number, state, push, made, used, name, alias in zip(*numbers, *texts, strict=True):
        if number is None or state is None:
            raise ServiceUnavailable("the service answered with a device that has no id, or no state")
        yield Device(kind, number, DeviceState(state), name, alias, _flag(push), made, used)


_NUMBERS = ("id", "state", "pushenabled", "creationdate", "lastauthdate")
