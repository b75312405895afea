"""Changes as plain data and back, for plan files and the journal. JSON in, equal values out.

Whether and when a login was used stays out but for those that are to be deleted: it changes nothing, and would make
every plan differ from the next.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from iwds.core.change import (
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    CreateLogin,
    DeleteLogin,
    Evidence,
    Forget,
    RemoveFromGroup,
    SendActivation,
    SetGroupRole,
    Subject,
    Write,
)
from iwds.core.devices import Loss
from iwds.core.model import Account, Activation, Anchor, AtCreation, Group, Login, Role

Data: TypeAlias = Mapping[str, Any]

_LOGIN_FIELDS = ("id", "login", "firstname", "name", "mail", "phone", "role", "status", "extra", "created_by")
_NAMES: Mapping[type, str] = {
    CreateLogin: "create",
    Write: "write",
    DeleteLogin: "delete",
    AddToGroup: "add",
    SetGroupRole: "group-role",
    RemoveFromGroup: "remove",
    Adopt: "adopt",
    AdoptMembership: "adopt-group",
    SendActivation: "mail",
    Forget: "forget",
}


def change_to_data(change: Change) -> dict[str, Any]:
    """A change as JSON-ready data; `change_from_data` gives an equal change back."""
    data: dict[str, Any] = {"do": _NAMES[type(change)], "subject": subject_to_data(change.subject)}
    for part, form in _PARTS[type(change)].items():
        value = getattr(change, part)
        if value != form.unless:
            data[part] = form.write(value)
    data["because"] = change.because
    if change.evidence:
        data["evidence"] = change.evidence.value
    return data


def change_from_data(data: Data) -> Change:
    """The change that `change_to_data` wrote; `ValueError` for anything else."""
    try:
        kind = next(kind for kind, name in _NAMES.items() if name == data["do"])
        forms = _PARTS[kind].items()
        parts = {part: f.read(data[part]) for part, f in forms if part in data or f.unless is _ALWAYS}
        evidence = Evidence(data["evidence"]) if "evidence" in data else None
        change: Change = kind(
            subject=subject_from_data(data["subject"]), because=data["because"], evidence=evidence, **parts
        )
    except (KeyError, StopIteration, TypeError, AttributeError) as error:
        raise ValueError(f"not a change: {error!r}") from error
    return change


def _anchor_to_data(anchor: Anchor | None) -> list[str] | None:
    return [anchor.realm, anchor.id] if anchor else None


def _anchor(data: Any) -> Anchor | None:
    return Anchor(*map(str, data)) if data else None


def subject_to_data(subject: Subject) -> dict[str, Any]:
    """Whom a change is about, as data."""
    return {"login": subject.login, "anchor": _anchor_to_data(subject.anchor), "id": subject.login_id}


def subject_from_data(data: Data) -> Subject:
    """The subject that `subject_to_data` wrote."""
    return Subject(data["login"], _anchor(data["anchor"]), data["id"])


def _login_to_data(login: Login) -> dict[str, Any]:
    return {name: getattr(login, name) for name in _LOGIN_FIELDS}


def _login(data: Data) -> Login:
    return Login(**{name: data[name] for name in _LOGIN_FIELDS})


def _account_to_data(account: Account) -> dict[str, Any]:
    made = account.at_creation
    roles = {"group_roles": [list(pair) for pair in account.group_roles]} if account.group_roles else {}
    return roles | {
        "anchor": _anchor_to_data(account.anchor),
        "login": account.login,
        "firstname": account.firstname,
        "name": account.name,
        "mail": account.mail,
        "phone": account.phone,
        "role": None if account.role is None else int(account.role),
        "enabled": account.enabled,
        "groups": None if account.groups is None else sorted(account.groups),
        "extra": [list(pair) for pair in account.extra],
        "at_creation": {
            "activation": made.activation.value,
            "language": made.language,
            "access": made.access,
            "login2": made.login2,
            "login3": made.login3,
        },
    }


def _account(data: Data) -> Account:
    made = dict(data["at_creation"])
    return Account(
        anchor=Anchor(*data["anchor"]),
        login=data["login"],
        firstname=data["firstname"],
        name=data["name"],
        mail=data["mail"],
        phone=data["phone"],
        role=None if data["role"] is None else Role(data["role"]),
        enabled=data["enabled"],
        groups=None if data["groups"] is None else frozenset(data["groups"]),
        extra=tuple((key, value) for key, value in data["extra"]),
        at_creation=AtCreation(activation=Activation(made.pop("activation")), **made),
        group_roles=tuple((group, role) for group, role in data.get("group_roles", ())),
    )


def _group_to_data(group: Group | None) -> list[Any] | None:
    return [group.id, group.name, group.policy] if group else None


def _pairs_to_data(pairs: tuple[tuple[Any, Any], ...]) -> list[list[Any]]:
    return [list(pair) for pair in pairs]


def _pairs(kind: Callable[[Any], Any]) -> Callable[[Any], tuple[tuple[int, Any], ...]]:
    return lambda data: tuple((int(number), kind(value)) for number, value in data)


def _loss_to_data(loss: Loss) -> dict[str, Any]:
    pairs = {"devices": _pairs_to_data(loss.devices), "groups": _pairs_to_data(loss.groups)}
    return pairs | {"last_seen": loss.last_seen}


def _loss(data: Data) -> Loss:
    devices, groups = (tuple((str(name), int(n)) for name, n in data[part]) for part in ("devices", "groups"))
    return Loss(devices, groups, data["last_seen"])


class _Form(NamedTuple):
    """How a part of a change is written and read; where it is `unless`, which is its default, it is left out."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]
    unless: Any


_ALWAYS = object()
_ACCOUNT = _Form(_account_to_data, _account, _ALWAYS)
_LOGIN = _Form(_login_to_data, _login, _ALWAYS)
_GROUP = _Form(_group_to_data, lambda data: Group(*data) if data else None, _ALWAYS)
_IDS = _Form(list, lambda data: tuple(int(group) for group in data), _ALWAYS)
_ROLE = _Form(int, int, _ALWAYS)
_KNOWN_ROLE = _Form(int, int, None)
_ROLES = _Form(_pairs_to_data, _pairs(int), ())
_ROLE_NAMES = _Form(_pairs_to_data, _pairs(str), ())
_LOSS = _Form(_loss_to_data, _loss, None)
_CAUSE = _Form(str, str, "")
_PARTS: Mapping[type, Mapping[str, _Form]] = {
    CreateLogin: {"account": _ACCOUNT},
    Write: {"before": _LOGIN, "after": _LOGIN, "cause": _CAUSE},
    DeleteLogin: {"before": _LOGIN, "groups": _IDS, "cause": _CAUSE, "lost": _LOSS},
    AddToGroup: {"group": _GROUP, "role": _KNOWN_ROLE, "names": _ROLE_NAMES},
    SetGroupRole: {"group": _GROUP, "before": _ROLE, "after": _ROLE, "names": _ROLE_NAMES, "cause": _CAUSE},
    RemoveFromGroup: {"group": _GROUP, "cause": _CAUSE, "role": _KNOWN_ROLE},
    Adopt: {"login": _LOGIN, "groups": _IDS, "roles": _ROLES},
    AdoptMembership: {"group": _GROUP, "role": _KNOWN_ROLE},
    SendActivation: {},
    Forget: {"group": _GROUP},
}
