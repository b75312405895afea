"""What one login has on the service beside its fields: its devices, their locks, and how far its activation is.

Source: the API document, `loginQuery`. A *tool* in the words of the API is a device here.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntFlag, StrEnum

from iwds.core.model import Group, Login


class Code:
    """An activation code, a long code of a link, an unlock code or an OTP: shown to whoever asked, and to nobody else.

    It prints as stars, cannot be compared by accident in a log or an assertion, and is not part of any plan.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The code itself."""
        return self._text

    def __repr__(self) -> str:
        return "Code(***)"

    __str__ = __repr__


class DeviceKind(StrEnum):
    """The types of devices; the values are the API's `tooltype`."""

    AUTHENTICATOR = "ma"
    """TrustBuilder Authenticator on a phone or desktop, and mAccess Web."""
    BROWSER = "ca"
    """Helium, a token in a browser."""
    VIRTUAL = "va"
    """Virtual Authenticator."""
    MACCESS = "mac"
    """mAccess, a company's own application."""


class DeviceState(IntFlag):
    """The mask of a device's locks: 0 active, 3 both locks."""

    ACTIVE = 0
    LOCKED = 1
    PIN_LOCKED = 2


class Activated(StrEnum):
    """How far a login's activation is; the code itself is not part of it."""

    DONE = "done"
    """A code was used."""
    EXPIRED = "expired"
    """No code was used, and none is valid any more."""
    INACTIVE = "inactive"
    """There is a code that becomes valid when it is activated."""
    LINK = "link"
    """There is a link that was not used yet."""
    CODE = "code"
    """There is a code that can be used now."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device of a login.

    Attributes:
        id: its number, good together with its kind.
        alias: what the authentication API calls it.
        push: whether it is registered for push notifications; None where it cannot be, or is not known.
        created, last_used: seconds since 1970, 0 for never; None where the service does not tell.
    """

    kind: DeviceKind
    id: int
    state: DeviceState
    name: str
    alias: str = ""
    push: bool | None = None
    created: int | None = None
    last_used: int | None = None


@dataclass(frozen=True, slots=True)
class Details:
    """Everything that the service tells of one login.

    Attributes:
        login: its fields; the phone is None where the service leaves it out of this answer.
        activated: how far its activation is; None where the service does not tell.
        link: the long code of a link that waits to be used; None where there is none.
        pin_locked, password_locked, maccess_locked: blocked after wrong entries; None where the service does not tell.
    """

    login: Login
    activated: Activated | None
    devices: tuple[Device, ...] = ()
    link: Code | None = None
    pin_locked: bool | None = None
    password_locked: bool | None = None
    maccess_locked: bool | None = None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A login as a listing shows it, and how far its activation is; None where the service does not tell."""

    login: Login
    activated: Activated | None


@dataclass(frozen=True, slots=True)
class GroupRole:
    """A login's membership of a group, with its role there: 0 to 2 as for the service, or a custom one's number."""

    group: Group
    role: int


@dataclass(frozen=True, slots=True)
class Loss:
    """What goes for good with a login that is deleted.

    Attributes:
        devices: how many of each kind, as (kind, number), in the order of the kinds.
        groups: all its groups by name, with its role in each.
        last_seen: last authentication in seconds since 1970, 0 for never; None where the service does not tell.
    """

    devices: tuple[tuple[str, int], ...] = ()
    groups: tuple[tuple[str, int], ...] = ()
    last_seen: int | None = None


def loss_of(details: Details, groups: Iterable[GroupRole]) -> Loss:
    """What goes with a login, from everything that the service tells of it."""
    devices = Counter(device.kind.value for device in details.devices)
    roles = sorted((each.group.name, each.role) for each in groups)
    return Loss(tuple(sorted(devices.items())), tuple(roles), details.login.last_seen)
