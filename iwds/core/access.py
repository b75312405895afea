"""How somebody can get in, in words: how far the activation is, what is blocked, what a device is and how it is.

One place for the words that the helpdesk reads out, whichever command shows them.
"""

from collections.abc import Mapping

from iwds.core.devices import Activated, Details, Device, DeviceKind, DeviceState

ACTIVATION: Mapping[Activated, str] = {
    Activated.DONE: "activated: a code was used",
    Activated.EXPIRED: "not activated: no code was used, and none is good any more",
    Activated.INACTIVE: "not activated: there is a code, which is not switched on yet",
    Activated.LINK: "not activated: a link waits to be used",
    Activated.CODE: "not activated: a code waits to be used",
}
"""How far an activation is; never the code."""

KINDS: Mapping[DeviceKind, str] = {
    DeviceKind.AUTHENTICATOR: "Authenticator",
    DeviceKind.BROWSER: "Helium (browser)",
    DeviceKind.VIRTUAL: "Virtual Authenticator",
    DeviceKind.MACCESS: "mAccess",
}
_LOCKS = {DeviceState.LOCKED: "locked", DeviceState.PIN_LOCKED: "PIN locked"}


def state_words(state: DeviceState) -> str:
    """The mask of a device's locks in words."""
    return " and ".join(word for lock, word in _LOCKS.items() if lock in state) or "active"


def push_words(push: bool | None) -> str:
    """Whether a device gets push notifications; empty where it cannot, or where that is not known."""
    return "" if push is None else "push on" if push else "no push"


def device_id(device: Device) -> str:
    """How a device is called on the command line: its kind and its number."""
    return f"{device.kind}:{device.id}"


def blocked(details: Details) -> tuple[str, ...] | None:
    """What is blocked after wrong entries, by name; None where the service tells of nothing whether it is."""
    told = {
        "PIN": details.pin_locked,
        "password": details.password_locked,
        "mAccess PIN": details.maccess_locked,
    }
    if all(value is None for value in told.values()):
        return None
    return tuple(name for name, value in told.items() if value)
