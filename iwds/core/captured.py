"""A captured reading of a service as lines of JSON: one group, login or membership each, and at the end how many.

Codes and links have no place in it. What is absent was not known when the reading was captured.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from iwds.core.model import Group, Login


@dataclass(frozen=True, slots=True)
class Member:
    """One login in one group; `role` is its role there, None where it was not read."""

    group: int
    login: int
    role: int | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The last line: how many lines of each kind come before it. A file that has it and is cut short is noticed."""

    groups: int
    logins: int
    members: int


Item: TypeAlias = Group | Login | Member | End

_TEXTS = frozenset(("name", "firstname", "mail", "phone", "extra", "login"))
_FORMS: Mapping[str, tuple[type[Any], frozenset[str], frozenset[str]]] = {
    "group": (Group, frozenset(("id", "name")), frozenset(("policy",))),
    "login": (
        Login,
        frozenset(("id", "login")),
        frozenset("firstname name mail phone role status extra created_by activated last_seen".split()),  # noqa: SIM905
    ),
    "member": (Member, frozenset(("group", "login")), frozenset(("role",))),
    "end": (End, frozenset(("groups", "logins", "members")), frozenset()),
}
"""What a line is about -> its type, the fields that it must have, and those that it may have."""
_NAMES = {form[0]: what for what, form in _FORMS.items()}


def line_of(item: Item) -> str:
    """One line, without its end."""
    named = ((each.name, getattr(item, each.name)) for each in fields(item))
    known = {name: value for name, value in named if value is not None}
    return json.dumps({_NAMES[type(item)]: known}, ensure_ascii=False, separators=(",", ":"))


def item_of(line: str) -> Item:
    """What a line says. Raises ValueError with a sentence for people."""
    try:
        data = json.loads(line)
    except ValueError:
        raise ValueError("this line is no JSON") from None
    if not isinstance(data, dict) or len(data) != 1 or not isinstance(next(iter(data.values())), dict):
        raise ValueError('a line is one object such as {"login": {...}}')
    ((what, values),) = data.items()
    if what not in _FORMS:
        raise ValueError(f'"{what}" is none of {", ".join(_FORMS)}')
    return _item(what, values)


def _item(what: str, values: Mapping[str, Any]) -> Item:
    kind, needed, allowed = _FORMS[what]
    if missing := needed - values.keys():
        raise ValueError(f"a {what} needs {', '.join(sorted(missing))}")
    if unknown := values.keys() - needed - allowed:
        raise ValueError(f"a {what} has no {', '.join(sorted(unknown))}")
    for name, value in values.items():
        wanted = _type_of(what, name)
        if type(value) is not wanted or (isinstance(value, int) and not 0 <= value < 2**63):
            raise ValueError(f"{name} of a {what} is no {_WORDS[wanted]}")
    item: Item = kind(**values)
    return item


_WORDS = {str: "text", int: "number", bool: "true or false"}


def _type_of(what: str, name: str) -> type:
    if name == "activated":
        return bool
    return int if what == "member" or name not in _TEXTS else str
