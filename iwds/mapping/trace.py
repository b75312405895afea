"""Every rule of a mapping with its value for one entry: what `iwds mapping try` shows.

Nothing is decided here. Each piece of the document is compiled on its own by what compiles the whole, and asked about
this one entry; a property test holds the pieces and the account to one another.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from iwds.core import directory
from iwds.core.model import BUILTIN_ROLES, Account, Entry, Unmapped
from iwds.mapping.asked import NO_PLACE, Asked
from iwds.mapping.compile import compile_mapping
from iwds.mapping.conditions import compile_condition, words
from iwds.mapping.document import Condition, Document, Enabled, GroupLine, Listed, RoleRule, RoleRules
from iwds.mapping.lists import compile_list
from iwds.mapping.person import Person, Unfit
from iwds.mapping.tables import with_tables
from iwds.mapping.values import compile_value
from iwds.mapping.written_values import LoginRule, Table, Value
from iwds.yamlmarks import Step, Where

T = TypeVar("T")
Values = Mapping[str, tuple[str, ...] | None]
"""What was read of attributes; None where it could not be."""
_BARE = Document(login=LoginRule(value="x"))
_NO_STEPS = ("from", "first", "value", "expr", "join", "match", "mode")
"""The keys of a value that say where it comes from, and how it is written."""
_OF_LOGINS = {"protect", "matching", "store_anchor"}
"""What is about logins of the service; an entry alone says nothing of it."""
_FIRST = ("exclude", "login", "include", "scope")
"""What decides whether there is an account at all, in the order in which it is asked."""


class Kind(StrEnum):
    """What the result of a piece is."""

    QUESTION = "question"
    """True, False, or None for not known."""
    TEXT = "text"
    """A text, empty where it is known to be empty, or None for not known or not governed."""
    PARTS = "parts"
    """Nothing of its own."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One rule of a mapping, or a part of one, with what came of it.

    Attributes:
        path: where it stands in the document.
        place: the same as `file:line`; empty where no file is known.
        words: what it says.
        kind: what the result means.
        result: what came of it for this entry.
        about: the group, the role, the key of an extra field that it decides over, where it is one.
        read: the attributes that it looked at itself.
        problem: why nothing came of it: what it would do cannot be done with what was read.
        parts: what it is made of, in the order in which it is asked.
    """

    path: tuple[Step, ...]
    place: str
    words: str
    kind: Kind
    result: bool | str | None = None
    about: str = ""
    read: Values = field(default_factory=dict)
    parts: "tuple[Piece, ...]" = ()
    problem: str = ""

    @property
    def data(self) -> dict[str, Any]:
        """The same as plain data."""
        plain: dict[str, Any] = {"rule": ".".join(map(str, self.path)), "place": self.place, "says": self.words}
        if self.kind is Kind.QUESTION:
            plain["answer"] = answered(self.result)
        elif self.kind is Kind.TEXT:
            plain["text"] = self.result
        if self.problem:
            plain["problem"] = self.problem
        if self.read:
            plain["read"] = {name: values and list(values) for name, values in self.read.items()}
        return plain | ({"parts": [part.data for part in self.parts]} if self.parts else {})


@dataclass(frozen=True, slots=True)
class Trace:
    """All rules of a mapping for one entry, and what they come to together."""

    pieces: tuple[Piece, ...]
    outcome: Account | Unmapped

    def about(self, key: str) -> Piece | None:
        """The piece of a key of the file."""
        return next((piece for piece in self.pieces if piece.path == (key,)), None)


def account_data(made: Account) -> dict[str, Any]:
    """An account as plain data by the keys of a mapping; None for what is not governed, or not known today."""
    return {
        "login": made.login,
        "firstname": made.firstname,
        "name": made.name,
        "mail": made.mail,
        "phone": made.phone,
        "role": None if made.role is None else made.role.name.lower(),
        "enabled": made.enabled,
        "groups": None if made.groups is None else sorted(made.groups),
        "group_roles": dict(made.group_roles),
        "extra": dict(made.extra),
        "language": made.at_creation.language,
        "activation": made.at_creation.activation.value,
        "access": made.at_creation.access,
        "login2": made.at_creation.login2,
        "login3": made.at_creation.login3,
    }


def answered(answer: object) -> str:
    """The answer to a question in words."""
    return "not known" if answer is None else "yes" if answer else "no"


def trace(
    document: Document, where: Where, entry: Entry, now: datetime, roles: Mapping[str, int] = BUILTIN_ROLES
) -> Trace:
    """What each rule says of an entry, and the account that follows; raises like `compile_mapping`."""
    document = with_tables(document, where)
    outcome = compile_mapping(document, where, roles).map(entry, now)
    tracer = _Tracer(document, where, entry, now, roles)
    return Trace(tuple(tracer.piece((key,), getattr(document, key)) for key in _keys(document)), outcome)


def _keys(document: Document) -> Iterator[str]:
    """The keys that the file has: first those that decide whether there is an account, then the others."""
    written = [key for key in type(document).model_fields if key in document.model_fields_set - _OF_LOGINS]
    yield from (key for key in _FIRST if key in written)
    yield from (key for key in written if key not in _FIRST)


@dataclass(frozen=True, slots=True)
class _Tracer:
    document: Document
    where: Where
    entry: Entry
    now: datetime
    roles: Mapping[str, int]

    def piece(self, path: tuple[Step, ...], part: object) -> Piece:
        """What any part of the document comes to."""
        match part:
            case Value():
                return self._value(path, part)
            case Condition():
                return self._question(path, part)
            case GroupLine():
                role = f" as {part.role}" if part.role else ""
                return self._asked(path, f"{part.to}{role}, if {words(part.condition)}", part.condition, part.to)
            case RoleRule():
                return self._asked(path, f"{part.role}, if {words(part.when)}", part.when, part.role)
            case RoleRules():
                return self._role(path, part)
            case Enabled():
                return self._enabled(path, part)
            case Listed():
                return self._listed(path, part)
            case _:
                parts = tuple(self.piece((*path, step), inner) for step, inner in _inside(part) if _is_rule(inner))
                return Piece(path, self._place(path), str(path[-1]), Kind.PARTS, parts=parts)

    def _place(self, path: Sequence[Step]) -> str:
        file, line = self.where(path)
        return f"{Path(file).name}:{line}" if line else ""

    def _read(self, names: Iterable[str]) -> Values:
        return {name: self.entry.attrs.get(name) for name in sorted(names) if not name.startswith("(")}

    def _question(self, path: tuple[Step, ...], condition: Condition) -> Piece:
        return self._asked(path, words(condition), condition)

    def _asked(self, path: tuple[Step, ...], told: str, condition: Condition, about: str = "") -> Piece:
        """A condition, with the conditions inside it; only what has none shows what it read."""
        asked = self._asking()
        answer, problem = self._tried(compile_condition(condition, asked))
        parts = tuple(
            self._question((*path, *below), inner)
            for below, inner in _nested(condition)
            if isinstance(inner, Condition)
        )
        read = {} if parts else self._read(asked.names)
        problem = _arisen(problem, parts)
        return Piece(path, self._place(path), told, Kind.QUESTION, answer, about, read, parts, problem)

    def _value(self, path: tuple[Step, ...], value: Value) -> Piece:
        """A value, with its origin and what each step made of it."""
        done = _steps(value)
        inner = tuple(self._value((*path, *below), each) for below, each in _nested(value) if isinstance(each, Value))
        asked = self._asking()
        whole, _ = self._tried(compile_value(value, asked))
        begin, problem = self._text(_without(value, done))
        head, read = _origin_words(value), {} if inner else self._read(asked.names)
        place = self._place((*path, _origin_key(value)) if done else path)
        origin = Piece(path, place, head, Kind.TEXT, begin, "", read, inner, _arisen(problem, inner))
        if not done:
            return origin
        steps = [self._step(path, value, key, begin, whole, done[number:]) for number, key in enumerate(done, 1)]
        once = _told_once(steps, bool(problem))
        return Piece(path, self._place(path), str(path[-1]), Kind.TEXT, whole, parts=(origin, *once))

    def _step(
        self, path: tuple[Step, ...], value: Value, key: str, begin: str | None, whole: str | None, later: Sequence[str]
    ) -> Piece:
        """What a step came to: the value without what is done later."""
        text, problem = self._text(_without(value, later))
        if text is None and begin is not None and whole is not None:
            text = ""  # a later default makes this step answer with the empty text where it is alone at a loss
        place = (*path, key)
        return Piece(place, self._place(place), _step_words(value, key), Kind.TEXT, text, problem=problem)

    def _text(self, value: Value) -> tuple[str | None, str]:
        return self._tried(compile_value(value, self._asking()))

    def _asking(self) -> Asked:
        return Asked(self.document, self.where)

    def _tried(self, function: Callable[[Person], T]) -> tuple[T | None, str]:
        """What a piece comes to, or why nothing comes of it. Each has its own expressions, and so its own person."""
        try:
            return function(Person(self.entry, self.now)), ""
        except Unfit as unfit:
            # a step has no place of its own in the message, and the piece names it
            return None, str(unfit).removeprefix(f"{NO_PLACE}: ")
        except UnicodeEncodeError:
            return None, "an attribute holds half of a surrogate pair, which is no character"

    def _made(self, **keys: object) -> Account | Unmapped:
        """What a document comes to that has these keys and no others; its login is given where none is."""
        return compile_mapping(_BARE.model_copy(update=keys), self.where, self.roles).map(self.entry, self.now)

    def _role(self, path: tuple[Step, ...], rules: RoleRules) -> Piece:
        made = self._made(role=rules)
        role = made.role.name.lower() if isinstance(made, Account) and made.role is not None else None
        parts = [self.piece((*path, "rules", n), rule) for n, rule in enumerate(rules.rules)]
        if rules.default:
            at = (*path, "default")
            parts.append(Piece(at, self._place(at), "otherwise", Kind.TEXT, rules.default))
        return Piece(path, self._place(path), "role", Kind.TEXT, role, parts=tuple(parts))

    def _enabled(self, path: tuple[Step, ...], rule: Enabled) -> Piece:
        made = self._made(enabled=rule)
        enabled = made.enabled if isinstance(made, Account) else None
        parts = [self._question((*path, "when"), rule.when)] if rule.when else [*self._states(path, rule)]
        if self.entry.enabled is False:
            parts.insert(0, Piece(path, "", "the source itself does not refuse them", Kind.QUESTION, False))
        return Piece(path, self._place(path), "enabled", Kind.QUESTION, enabled, parts=tuple(parts))

    def _states(self, path: tuple[Step, ...], rule: Enabled) -> Iterator[Piece]:
        told = directory.KINDS[rule.as_ or ""]
        for state in (directory.USABLE, *rule.also):
            check = told[state]
            answer = check.decide(*map(self.entry.attrs.get, check.reads), self.now)
            head = f"not {state}" if state else f"usable, as {rule.as_} says"
            yield Piece(path, self._place(path), head, Kind.QUESTION, answer, read=self._read({*check.reads}))

    def _listed(self, path: tuple[Step, ...], each: Listed) -> Piece:
        """Whether a line of `include` or `exclude` is about this person, and still counts."""
        login, _ = self._text(self.document.login)
        found = compile_list(str(path[0]), (each,), self.where).find(
            Person(self.entry, self.now), (login or "").strip()
        )
        until = f", until {each.until}" if each.until else ""
        why = f" ({each.reason}{until})" if each.reason else until
        hit = found is not None and found.stands(self.now)
        return Piece(path, self._place(path), f"{each.login or each.dn}{why}", Kind.QUESTION, hit)


def _arisen(problem: str, parts: Sequence[Piece]) -> str:
    """The problem of a piece; nothing where it is that of something inside it, which tells it."""
    return "" if any(_has_problem(part) for part in parts) else problem


def _has_problem(piece: Piece) -> bool:
    return bool(piece.problem) or any(map(_has_problem, piece.parts))


def _told_once(steps: Iterable[Piece], failed: bool) -> Iterator[Piece]:
    """The same steps; what failed before one of them fails it too, and is told where it arose."""
    for step in steps:
        yield replace(step, problem="") if failed else step
        failed = failed or bool(step.problem)


def _is_rule(part: object) -> bool:
    """Whether anything can be said of a part for one entry."""
    return isinstance(part, BaseModel) or (
        isinstance(part, tuple | dict) and any(_is_rule(p) for _, p in _inside(part))
    )


def _inside(part: object) -> Iterator[tuple[Step, object]]:
    """What stands directly in a part of the document, by key or index."""
    if isinstance(part, BaseModel):
        for name, info in type(part).model_fields.items():
            if name in part.model_fields_set:
                yield info.alias or name, getattr(part, name)
    elif isinstance(part, dict):
        yield from part.items()
    elif isinstance(part, tuple):
        yield from enumerate(part)


def _nested(part: BaseModel) -> Iterator[tuple[tuple[Step, ...], object]]:
    """What stands in a part of the document and in its lists, by path."""
    for step, inner in _inside(part):
        if isinstance(inner, tuple | dict):
            yield from (((step, deeper), each) for deeper, each in _inside(inner))
        else:
            yield (step,), inner


def _steps(value: Value) -> tuple[str, ...]:
    """The keys of what is done to a value, in the order of the model, which is that in which it is done."""
    return tuple(
        str(key) for key, inner in _inside(value) if key not in _NO_STEPS and inner is not None and inner is not False
    )


def _without(value: Value, keys: Sequence[str]) -> Value:
    """A value before these steps are done."""
    fields = type(value).model_fields
    names = [name for name, info in fields.items() if (info.alias or name) in keys]
    return value.model_copy(update={name: fields[name].get_default() for name in names})


def _origin_key(value: Value) -> Step:
    """The key that says where a value comes from; it need not stand in the file where the value is only a word."""
    return next((key for key, inner in _inside(value) if key in _NO_STEPS and inner is not None), "value")


def _origin_words(value: Value) -> str:
    """Where a value comes from, as it is written."""
    key = _origin_key(value)
    inner = dict(_inside(value)).get(key)
    if inner is None:
        return str(key)
    return f"{key} of {len(inner)}" if isinstance(inner, tuple) else f"{key} {_shown(inner)}"


def _step_words(value: Value, key: str) -> str:
    written = dict(_inside(value)).get(key)
    if isinstance(written, Table):
        return f"{key} {written.file}"  # and not its rows, of which there may be thousands
    if isinstance(written, BaseModel):
        written = written.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return key if written is True or key == "map" else f"{key} {_shown(written)}"


def _shown(written: object) -> str:
    return json.dumps(written, ensure_ascii=False, default=str)
