"""Changes in words: one sentence each, used by the command line, the log and the console alike."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import assert_never

from iwds.core.change import (
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    CreateLogin,
    DeleteLogin,
    Evidence,
    Forget,
    Kind,
    RemoveFromGroup,
    SendActivation,
    SetGroupRole,
    Write,
    fields_changed,
    kinds,
)
from iwds.core.devices import DeviceKind, Loss
from iwds.core.model import Group, Role, Status
from iwds.core.normal import parse_extra

_FIELDS: Mapping[str, str] = {
    "firstname": "first name",
    "name": "last name",
    "extra": "extra fields",
}


def many(number: int, one: str, more: str = "") -> str:
    """`1 call`, `2 calls`, `1,205 people`; `more` where an s does not make it many."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def moment_words(moment: datetime) -> str:
    """A moment in the machine's time zone, as every page says it: `Tue 01 Dec 2026 14:02`."""
    return moment.astimezone().strftime("%a %d %b %Y %H:%M")


def until_words(end: datetime) -> str:
    """When something ends, as it follows `until`; of what ends at midnight the day: `the end of Mon 30 Nov 2026`.

    So whoever typed a date finds that date again.
    """
    here = end.astimezone()
    if here.time() == time.min:
        return f"the end of {here - timedelta(days=1):%a %d %b %Y}"
    return moment_words(end)


def field_words(field: str) -> str:
    """What people call a field of a login."""
    return _FIELDS.get(field, field)


def describe(change: Change) -> str:
    """One sentence in the words of the field, used by the command line, the log and the console alike."""
    match change:
        case CreateLogin(account=account):
            who = " ".join(part for part in (account.firstname, account.name) if part)
            role = f" as {Role(account.role).name.lower()}" if account.role else ""
            whom = ", ".join(filter(None, (who, account.mail)))
            return f"create {account.login}{role}" + (f" ({whom})" if whom else "")
        case Write():
            return f"{_verb(change)} {change.before.login}: {', '.join(_difference(change))}"
        case DeleteLogin():
            return f"delete {change.subject.login} with {_lost(change.lost) if change.lost else 'its devices'}"
        case AddToGroup():
            role = f" as {role_words(change.role, change.names)}" if change.role else ""
            return f"add {change.subject.login} to {change.group.name}{role}"
        case SetGroupRole():
            before, after = (role_words(role, change.names) for role in (change.before, change.after))
            return f"{_role_verb(change)} {change.subject.login} in {change.group.name}: {before} > {after}"
        case RemoveFromGroup():
            return f"take {change.subject.login} out of {change.group.name}"
        case Adopt():
            return f"adopt {change.subject.login} (nothing is sent)"
        case AdoptMembership():
            return f"adopt {change.subject.login} in {change.group.name} (nothing is sent)"
        case Forget(group=Group(name=name)):
            return f"forget {change.subject.login} in {name} (nothing is sent)"
        case Forget(evidence=Evidence.ORDERED):
            return f"forget {change.subject.login}, whose login stays (nothing is sent)"
        case Forget():
            return f"forget {change.subject.login}, whose login is gone (nothing is sent)"
        case SendActivation():
            return f"mail {change.subject.login} its activation link"
        case _:
            assert_never(change)


_DEVICES: Mapping[str, str] = {
    DeviceKind.AUTHENTICATOR: "Authenticator",
    DeviceKind.BROWSER: "Helium",
    DeviceKind.VIRTUAL: "Virtual Authenticator",
    DeviceKind.MACCESS: "mAccess",
}


def _lost(loss: Loss) -> str:
    """What is lost for good, in words."""
    devices = sum(n for _, n in loss.devices)
    told = ", ".join(f"{n} {_DEVICES.get(kind, kind)}" for kind, n in loss.devices)
    named = ", ".join(name + (f" as {role_words(role)}" if role else "") for name, role in loss.groups)
    parts = [
        f"{devices} device{'' if devices == 1 else 's'} ({told})" if devices else "no device",
        f"groups {named}" if named else "no group",
        _last_seen(loss.last_seen),
    ]
    return ", ".join(filter(None, parts))


def _last_seen(seconds: int | None) -> str:
    if seconds is None:
        return ""
    return f"last login {datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}" if seconds else "never used"


def role_words(role: int, names: Iterable[tuple[int, str]] = ()) -> str:
    """The name of a role, or its number where nobody gave it one; `names` are those that not every service has."""
    return dict(names).get(role) or (Role(role).name.lower() if role in tuple(Role) else f"role {role}")


def _role_verb(change: SetGroupRole) -> str:
    named = kinds(change)
    return next((kind.value for kind in (Kind.DEMOTE, Kind.PROMOTE) if kind in named), "change the role of")


_LOUD = (Kind.LOCK, Kind.DEMOTE, Kind.RENAME, Kind.PROMOTE, Kind.UNLOCK)


def _verb(write: Write) -> str:
    """The word for a write: the loudest thing it does."""
    named = kinds(write)
    return next((kind.value for kind in _LOUD if kind in named), "update")


def _difference(write: Write) -> list[str]:
    """Each changed field as `field old > new`."""
    parts = []
    for name in fields_changed(write):
        before, after = getattr(write.before, name), getattr(write.after, name)
        if name == "extra":
            parts.append(f"extra fields {_keys_changed(before, after)}")
            continue
        parts.append(f"{field_words(name)} {value_words(name, before)} > {value_words(name, after)}")
    return parts


def _keys_changed(before: str | None, after: str | None) -> str:
    """The names of the extra fields that differ; their values would fill a page."""
    old, new = parse_extra(before or "") or {}, parse_extra(after or "") or {}
    return ", ".join(sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key)))


def value_words(field: str, value: object) -> str:
    """A field's value in words."""
    if field == "role" and isinstance(value, int):
        return Role(value).name.lower() if value in tuple(Role) else str(value)
    if field == "status":
        return "locked" if value == Status.LOCKED else "active"
    return str(value) if value else "(empty)"


def login_id_in(text: str) -> int | None:
    """The id in `#1234`; None for a login name, and for what no service can have as an id."""
    digits = text.removeprefix("#")
    if digits == text or not (digits.isascii() and digits.isdigit()) or len(digits) > _LONGEST_ID:
        return None
    return number if (number := int(digits)) < 2**63 else None


_LONGEST_ID = 19
