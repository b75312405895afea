"""Golden people: what must come of a few people whom everybody knows, as sentences that can be checked.

people:
  jdoe: in scope, role manager, groups vpn+mail
  ada: {role: user, in: [vpn], not_in: [admins-portal]}
  svc-backup: never
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from iwds.core.model import Absent, Account, Unmapped
from iwds.core.normal import normalise
from iwds.mapping.texts import Name, RoleName
from iwds.mapping.trace import Kind, Piece, Trace, account_data
from iwds.shortforms import Written
from iwds.yamlmarks import Where, validate
from iwds.yamlmarks import load as load_yaml

NEVER = "never"
_WORDS = {
    "in scope": ("in_scope", True),
    "not in scope": ("in_scope", False),
    NEVER: ("in_scope", False),
    "enabled": ("enabled", True),
    "disabled": ("enabled", False),
    "no groups": ("groups", []),
}
_TEXTS = ("login", "firstname", "name", "mail", "phone", "role", "language")
_GROUPS = ("groups", "group")
_LISTS = {"in": "groups", "not_in": "groups"}
"""What asks for a part of the groups only."""


class Expected(Written):
    """What must come of one person; what is left out may be anything, and `null` is not governed or not known.

    Short form: a sentence such as `in scope, role manager, groups vpn+mail`, or `never`.
    """

    in_scope: bool = True
    login: str | None = None
    firstname: str | None = None
    name: str | None = None
    mail: str | None = None
    phone: str | None = None
    language: str | None = None
    role: RoleName | None = None
    enabled: bool | None = None
    groups: tuple[Name, ...] | None = None
    in_: tuple[Name, ...] = Field((), alias="in")
    not_in: tuple[Name, ...] = ()
    group_roles: dict[str, str] = Field(default_factory=dict)
    extra: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return _sentence(data) if isinstance(data, str) else data

    @model_validator(mode="after")
    def _only_that(self) -> Self:
        if not self.in_scope and self.model_fields_set != {"in_scope"}:
            raise ValueError("whoever is never in scope has nothing else to be checked")
        return self

    @property
    def words(self) -> str:
        """The same as one line."""
        if not self.in_scope:
            return NEVER
        told = ["in scope"]
        for key, written in self.model_dump(mode="json", by_alias=True, exclude_unset=True).items():
            if key != "in_scope":
                told.append(f"{key.replace('_', ' ')} {_said(written)}")
        return ", ".join(told)


class Golden(Written):
    """A file of golden people, by login or by distinguished name."""

    people: dict[Name, Expected] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Miss:
    """One thing that is not as it must be: what, what was expected, what is found, and the rules that decided it."""

    what: str
    expected: str
    found: str
    because: tuple[Piece, ...] = ()


def load_golden(path: Path) -> tuple[Golden, Where]:
    """The golden people of a file, and what finds their lines; raises `ConfigurationError` with file and line."""
    marked = load_yaml(path)
    return validate(Golden, marked.data, marked.where), marked.where


def misses(expected: Expected, seen: Trace | None) -> list[Miss]:
    """What is not as it must be; `seen` is None for somebody who was not found, whom `never` is content with."""
    if seen is None:
        return [Miss("in scope", "yes", "nobody of this name was found")] if expected.in_scope else []
    made = seen.outcome
    if isinstance(made, Account):
        made = normalise(made, "")
    if isinstance(made, Account) is not expected.in_scope or _is_doubt(made):
        wanted = "yes" if expected.in_scope else "no"
        return [Miss("in scope", wanted, _scope_words(made), tuple(_outside(seen)))]
    return list(_differing(expected, made, seen)) if isinstance(made, Account) else []


def _is_doubt(made: Account | Unmapped) -> bool:
    """Whoever cannot be decided today may have an account tomorrow."""
    return isinstance(made, Unmapped) and made.reason is Absent.INVALID


def _scope_words(made: Account | Unmapped) -> str:
    return f"yes, as {made.login}" if isinstance(made, Account) else f"{made.reason}: {made.detail}"


def _differing(expected: Expected, made: Account, seen: Trace) -> Iterator[Miss]:
    found = account_data(made)
    for key, wanted in expected.model_dump(mode="json", by_alias=True, exclude_unset=True).items():
        if key == "in_scope":
            continue
        what = _LISTS.get(key, key)
        has = found[what]
        if wrong := list(_wrong(key, wanted, has)):
            about = {each for each in wrong if isinstance(each, str)}
            if isinstance(wanted, Mapping):
                has = {each: has.get(each, "") for each in wanted}
            told = f"{key.replace('_', ' ')} {_said(wanted)}" if key in _LISTS else _said(wanted)
            yield Miss(what.replace("_", " "), told, _said(has), tuple(_because(seen, what, about)))


def _wrong(key: str, wanted: Any, has: Any) -> Iterator[Any]:
    """What of an expectation is not so: names of groups or keys, or True for all of it."""
    if has is None or wanted is None:
        yield from (() if has is wanted else (True,))
    elif key == "groups":
        yield from sorted({*wanted} ^ {*has})
    elif key == "in":
        yield from sorted({*wanted} - {*has})
    elif key == "not_in":
        yield from sorted({*wanted} & {*has})
    elif isinstance(wanted, Mapping):
        yield from (each for each, text in wanted.items() if has.get(each, "") != text)
    elif wanted != has:
        yield True


def _outside(seen: Trace) -> Iterator[Piece]:
    """The rules by which somebody has an account or not, as far as they are not simply met."""
    exclude, login, scope = map(seen.about, ("exclude", "login", "scope"))
    yield from (part for part in (exclude.parts if exclude else ()) if part.result)
    if login and not login.result:
        yield login
    yield from (part for part in (scope.parts if scope else ()) if not part.result)


def _because(seen: Trace, key: str, about: set[str]) -> Iterator[Piece]:
    """The rules that decided over a key; of a list only what is about these."""
    piece = seen.about("groups" if key == "group_roles" else key)
    if piece is None:
        return
    if piece.kind is Kind.TEXT and key != "role":
        yield piece
        return
    yield from (part for part in piece.parts or (piece,) if not about or {part.about, str(part.path[-1])} & about)


def _said(value: Any) -> str:
    if value is None:
        return "not governed, or not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "+".join(f"{key}={text}" for key, text in value.items()) or "none"
    return value or "empty" if isinstance(value, str) else "+".join(value) or "none"


def _sentence(text: str) -> dict[str, Any]:
    """`in scope, role manager, groups vpn+mail` as keys and values."""
    found: dict[str, Any] = {}
    for phrase in map(str.strip, text.split(",")):
        word, _, rest = phrase.partition(" ")
        if phrase in _WORDS:
            key, value = _WORDS[phrase]
        elif word in _TEXTS and rest:
            key, value = word, rest.strip()
        elif word in _GROUPS and rest:
            key, value = "groups", [name.strip() for name in rest.split("+")]
        else:
            raise ValueError(f'"{phrase}" {_NOT_UNDERSTOOD}')
        if key in found:
            raise ValueError(f'says "{key}" twice')
        found[key] = value
    return found


_NOT_UNDERSTOOD = (
    'is not understood; write "never", or sentences such as "in scope, role manager, groups vpn+mail, disabled,'
    ' mail a@b.example", or keys and values'
)
