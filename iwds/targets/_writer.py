"""The writing half of the provisioning API: one call for each change."""

from iwds.core.devices import Code
from iwds.core.model import Account, Activation, Login
from iwds.core.normal import render_extra
from iwds.errors import Rejected
from iwds.targets._calls import Api, Unsupported
from iwds.targets._fields import overwritten
from iwds.targets._settings import Settings

_CODE_TYPES = {Activation.CODE: 0, Activation.INACTIVE: 1, Activation.LINK: 2}


class ProvisioningWriter:
    """The writing half. Thread-safe. Every method raises `CallFailed` or `AccessRefused`; nothing is repeated."""

    def __init__(self, settings: Settings, api: Api) -> None:
        self._settings = settings
        self._api = api
        self._service = settings.service_id

    def create(self, account: Account) -> int:
        """Create a login, tagged; without the tag only where the settings allow it and the service knows no tags."""
        return created(self._settings, self._api, account)[0]

    def update(self, login: Login) -> None:
        """Overwrite every field; whoever calls has read them all."""
        self._api.write("loginUpdate", userid=0, serviceid=self._service, loginid=login.id, **overwritten(login))

    def delete(self, login_id: int) -> None:
        """Delete a login."""
        self._api.write("loginDelete", userid=0, serviceid=self._service, loginid=login_id)

    def add_to_group(self, group_id: int, login_id: int, role: int = 0) -> None:
        """Add a login to a group, with its role there."""
        self._api.write("groupAccountCreate", userid=0, groupid=group_id, loginid=login_id, role=role)

    def set_role_in(self, group_id: int, login_id: int, role: int) -> None:
        """Change the role of a member."""
        self._api.write("groupAccountUpdate", userid=0, groupid=group_id, loginid=login_id, role=role)

    def remove_from_group(self, group_id: int, login_id: int) -> None:
        """Take a login out of a group."""
        self._api.write("groupAccountDelete", userid=0, groupid=group_id, loginid=login_id)

    def send_activation(self, login_id: int) -> None:
        """Have the service mail the activation link."""
        self._api.write("loginSendByMail", userid=0, serviceid=self._service, loginid=login_id)

    def close(self) -> None:
        """Give back connections."""
        self._api.close()


def created(settings: Settings, api: Api, account: Account) -> tuple[int, Code | None]:
    """Create a login; returns its id, and its activation code where the service gave one."""
    values = {"userid": 0, "serviceid": settings.service_id, **_creation(account)}
    source: dict[str, int | str] = {
        "login2": account.at_creation.login2,
        "login3": account.at_creation.login3,
        "provisioningId": settings.provisioning_id,
    }
    try:
        return api.login_and_code("loginCreateBySource", **values, **source)
    except Unsupported as error:
        if settings.untagged_creations == "skip":
            raise Rejected(
                f"{error}, so that the login would not be tagged as ours",
                advice="Set untagged_creations: allow to create it without the tag.",
            ) from None
    try:
        return api.login_and_code("loginCreate", **values)
    except Unsupported as error:
        raise Rejected(str(error)) from None


def _creation(account: Account) -> dict[str, int | str]:
    """The parameters that both operations that create have in common. Nobody is created locked."""
    if account.enabled is not True:
        raise ValueError("only people who are enabled are created")
    return {
        "login": account.login,
        "firstname": account.firstname or "",
        "name": account.name or "",
        "mail": account.mail or "",
        "phone": account.phone or "",
        "status": 0,
        "role": int(account.role or 0),
        "access": account.at_creation.access,
        "codetype": _CODE_TYPES[account.at_creation.activation],
        "lang": account.at_creation.language,
        "extrafields": render_extra(tuple(pair for pair in account.extra if pair[1])),
    }
