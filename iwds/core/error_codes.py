"""The error codes that people see on their devices and in mAccess: what each means, and what it means for this person.

Source: the vendor's document of mAccess Web, section of error codes. Which facts of a login bear on a code, and which
command helps in which state, is ours.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TypeAlias

from iwds.core.access import ACTIVATION, KINDS, blocked, device_id, state_words
from iwds.core.devices import Activated, Details, Device, DeviceState
from iwds.core.model import Status
from iwds.errors import UsageError


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the person who saw an error.

    Attributes:
        login: the name that they log in with.
        details: what the service tells of them; None where it has no such login.
        locked_by: whose lock it is, in words, where the login is locked and that is known.
    """

    login: str
    details: Details | None
    locked_by: str = ""


@dataclass(frozen=True, slots=True)
class Explained:
    """One error code for one person.

    Attributes:
        meaning: what the code says.
        cause: what usually leads to it.
        here: how it stands with this person; each a sentence.
        todo: what to do; each a sentence or a command.
    """

    code: str
    meaning: str
    cause: str
    here: tuple[str, ...] = ()
    todo: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at one side of a login yields: how it stands, and what helps."""

    here: str
    todo: tuple[str, ...] = ()


Topic: TypeAlias = Callable[[Facts, Details], Look]


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One error code: its meaning, its usual cause, the sides of a login to look at, and what to do in any state."""

    meaning: str
    cause: str
    topics: tuple[Topic, ...] = ()
    todo: tuple[str, ...] = field(default=())


def explain_error(code: str, facts: Facts) -> Explained:
    """What an error code means for this person. Raises `UsageError` with the nearest known codes for another code."""
    name = code.strip().strip(",").upper()
    if name not in ERROR_CODES:
        raise UsageError(f'"{code}" is no error code that we know', _nearest(name))
    entry = ERROR_CODES[name]
    looks = tuple(_looks(entry, facts))
    todo = dict.fromkeys((*(line for look in looks for line in look.todo), *entry.todo))
    told = tuple(line.format(login=facts.login) for line in todo)
    return Explained(name, entry.meaning, entry.cause, tuple(look.here for look in looks), told)


def _nearest(name: str) -> str:
    near = get_close_matches(name, ERROR_CODES, 3, 0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(ERROR_CODES))}"


def _looks(entry: ErrorCode, facts: Facts) -> Iterator[Look]:
    if facts.details is None:
        yield Look(f"The service has no login {facts.login}.")
        return
    # nothing else helps somebody whose login is locked, so that comes first, whatever they saw
    first = (_status,) if _is_locked(facts.details) else ()
    for topic in dict.fromkeys((*first, *entry.topics)):
        yield topic(facts, facts.details)


def _is_locked(details: Details) -> bool:
    return details.login.status == Status.LOCKED


# --- the sides of a login ---------------------------------------------------------------------------------------------


def _activation(facts: Facts, details: Details) -> Look:
    """How far the activation is, and which code helps now."""
    if details.activated is None:
        return Look("The service does not tell how far the activation is.", ("iwds login code {login}",))
    here = f"{facts.login} is {ACTIVATION[details.activated]}."
    match details.activated:
        case Activated.DONE if details.devices:
            return Look(here, ("for one more device: iwds login code {login} --add-device",))
        case Activated.LINK:
            return Look(here, ("mail the link once more: iwds login code {login} --mail",))
        case Activated.CODE:
            return Look(here, ("let them type the code that waits; for another: iwds login code {login}",))
        case Activated.INACTIVE:
            return Look(here, ("switch it on: iwds login code {login}",))
        case _:
            return Look(here, ("a new code: iwds login code {login}",))


def _entries(facts: Facts, details: Details) -> Look:
    """Whether PIN or password are blocked after wrong entries."""
    names = blocked(details)
    if names is None:
        return Look("The service does not tell whether a PIN or password is blocked.", _WAYS)
    if names:
        verb = "is" if len(names) == 1 else "are"
        return Look(f"{facts.login}: {' and '.join(names)} {verb} blocked after wrong entries.", _WAYS)
    once_more = () if _is_locked(details) else ("let them try once more, with the right one",)
    return Look(f"{facts.login}: no PIN or password is blocked now.", once_more)


_WAYS = (
    "they know the right one: iwds login reset-pin-errors {login}",
    "they forgot it: iwds login reset-password {login}",
)


def _devices(facts: Facts, details: Details) -> Look:
    """Which devices there are, and which of them are locked."""
    if not details.devices:
        return Look(f"{facts.login} has no device.", ("a code to enrol one: iwds login code {login}",))
    listed = ", ".join(map(_device_words, details.devices))
    here = f"{facts.login} has {_count(len(details.devices))}: {listed}."
    pins = any(DeviceState.PIN_LOCKED in device.state for device in details.devices)
    shut = any(DeviceState.LOCKED in device.state for device in details.devices)
    return Look(here, (*(_WAYS if pins else ()), *(_OTHER_DEVICE if shut else ())))


_UNLOCK = ("if they may come in: iwds login unlock {login} --reason TEXT", "why they may not: iwds explain {login}")
_OTHER_DEVICE = (
    "unlock the device in the service's console, or delete it and enrol it anew:\n"
    "iwds login devices {login} --delete ID --reason TEXT",
    "all devices are lost or locked: iwds login restore {login} --reason TEXT",
)
_ENROL_ANEW = (
    "delete the device and enrol it anew:\niwds login devices {login} --delete ID --reason TEXT",
    "then: iwds login code {login}, with --add-device where another device is left",
)


def _device_words(device: Device) -> str:
    name = f" {device.name}" if device.name else ""
    return f"{device_id(device)}{name} ({KINDS[device.kind]}, {state_words(device.state)})"


def _count(devices: int) -> str:
    return "1 device" if devices == 1 else f"{devices} devices"


def _status(facts: Facts, details: Details) -> Look:
    """Whether the login itself is locked, and by whom."""
    if details.login.status is None:
        return Look("The service does not tell whether the login is locked.", ("look in the service's console",))
    if not _is_locked(details):
        return Look(f"{facts.login} is not locked now.", ("let them try again",))
    whose = f", {facts.locked_by}" if facts.locked_by else ""
    return Look(f"{facts.login} is locked{whose}.", _UNLOCK)


_APP = ("ask who runs the page or the application: it is not about this person",)

ERROR_CODES: Mapping[str, ErrorCode] = {
    "BIO_KEY_ALREADY_EXIST": ErrorCode(
        "There is a biometric key for this person already.",
        "Somebody tried to change it, and it can only be revoked and made anew.",
        (_devices,),
        ("revoke the key on the device, then set it again; or delete the device and enrol it anew",),
    ),
    "BIO_KEY_IS_WRONG": ErrorCode(
        "The biometric key is not the one that is stored.",
        "Fingerprints or faces on the device changed, or another person tried.",
        (_entries, _devices),
        ("let them use the PIN or password, then set the key again",),
    ),
    "CODE_ENTRY_DOES_NOT_EXIST": ErrorCode(
        "The code that was typed is not valid.",
        "It was used already, has run out, was replaced by a newer one, or was mistyped.",
        (_activation,),
    ),
    "CODE_IS_NOT_ALLOWED_FOR_THIS_TOKEN": ErrorCode(
        "This code is not for this device.",
        "The application belongs to another service of the company than the code (several services, own brand).",
        (_devices,),
        ("let them use the application of this service",),
    ),
    "CODE_TYPE_NOT_SUPPORTED": ErrorCode(
        "This kind of code does not do what was tried.",
        "An activation code was used to set a new PIN, or an unlock code to enrol a device.",
        (_activation, _entries),
    ),
    "DEVICE_LOCKED": ErrorCode(
        "The device is locked.",
        "It was not used for long, or its owner locked it.",
        (_devices,),
        ("a device that is active here, or is not in this list, is not the one that they use",),
    ),
    "DYNAMIC_TOKEN_KEY_IS_INVALID": ErrorCode(
        "The device and the service are out of step.",
        "The application's data was put back from a backup, or copied to another device.",
        (_devices,),
        _ENROL_ANEW,
    ),
    "MACID_IS_UNKNOWN": ErrorCode(
        "The page or application names an mAccess that the service does not know.",
        "The macId of its script is not the one in the service's configuration.",
        (),
        _APP,
    ),
    "MAX_NB_TOOLS": ErrorCode(
        "This person may have no more devices.",
        "The service's policy limits how many.",
        (_devices,),
        ("delete one that is not used: iwds login devices {login} --delete ID --reason TEXT",),
    ),
    "NO_ACTIVE_SERVICE_FOR_USER": ErrorCode(
        "The service does not exist any more.",
        "It was deleted, or the page is made for another one.",
        (_status,),
        ("compare the service's id with that of the page or application: iwds check",),
    ),
    "NO_DEVICE_FOUND": ErrorCode(
        "The service does not know this device.",
        "It was deleted, or replaced by a restore code.",
        (_devices,),
        ("let them remove the account from the device, then enrol it again",),
    ),
    "NO_PASSWORD": ErrorCode(
        "This person has no PIN or password yet.",
        "They never finished their activation, or it was made without a PIN.",
        (_activation,),
    ),
    "PASSWORD_IS_WRONG": ErrorCode(
        "The PIN or password is wrong.",
        "It was mistyped or forgotten; after three wrong entries it is blocked.",
        (_entries,),
    ),
    "PIN_REFUSED": ErrorCode(
        "The new PIN or password was not accepted.",
        "The two entries differ.",
        (_entries,),
        ("let them type the new one twice, the same both times",),
    ),
    "PUSH_ALIAS_ENTRY_DOES_NOT_EXIST": ErrorCode(
        "This push notification is not waiting any more.",
        "It was answered already, or is too old.",
        (_devices,),
        ("let them log in again, and answer the newest notification",),
    ),
    "SEALDATA_IS_NOT_VALID": ErrorCode(
        "The data does not match its seal.",
        "It was changed after it was sealed, or sealed for something else.",
        (),
        _APP,
    ),
    "SEALING_IS_NOT_ALLOWED": ErrorCode(
        "This service does not seal.",
        "The feature is not switched on for the service.",
        (),
        ("switch it on in the service's console, if it is part of the contract",),
    ),
    "STATIC_TOKEN_KEY_IS_INVALID": ErrorCode(
        "The device is not the one that was enrolled.",
        "Somebody changed devices and took the application's data along, or copied it.",
        (_devices,),
        ("ask whether they changed devices: if they did not, somebody may have copied it", *_ENROL_ANEW),
    ),
    "SERVICE_ACCOUNT_STATUS_DISABLED": ErrorCode(
        "The login is locked.",
        "An administrator, the helpdesk or a run has locked it.",
        (_status,),
    ),
    "TOKEN_IS_BLOCKED": ErrorCode(
        "The device is blocked.",
        "Too many wrong entries on it, or somebody locked it.",
        (_devices, _entries),
    ),
    "TOKEN_IS_NOT_BLOCKED": ErrorCode(
        "The device is not blocked, so there is nothing to unblock.",
        "An unlock code was used although it was not needed.",
        (_devices,),
        ("let them log in",),
    ),
    "TOKEN_HAS_NO_BIO_KEY_AND_SERVICE_MUST_USE_BIOKEY": ErrorCode(
        "The service asks for a biometric key, and this device has none.",
        "The service works without PIN, and the key was never set on this device.",
        (_devices,),
        ("let them set the biometric key on the device; if it cannot have one, they need another device",),
    ),
    "USER_IS_NOT_BLOCKED": ErrorCode(
        "This person is not blocked, so there is nothing to unblock.",
        "Somebody unblocked them before, or an unlock code was used although it was not needed.",
        (_entries, _status),
    ),
    "USER_IS_BLOCKED": ErrorCode(
        "This person is blocked.",
        "Too many wrong PINs or passwords in a row.",
        (_entries,),
    ),
    "USER_ENTRY_DOES_NOT_EXIST": ErrorCode(
        "There is no such login.",
        "It was deleted or renamed, or it was mistyped.",
        (_status, _activation),
        ("compare the name that they typed with the one on the service: {login}",),
    ),
}
"""All codes that the document lists."""
