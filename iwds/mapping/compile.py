"""From a mapping file to the rules of a job: everything is decided here once, and a person costs microseconds.

What is not known stays not known, field by field: an attribute that was not readable leaves its field ungoverned,
groups that were not readable leave all groups ungoverned, and a scope that cannot be decided makes the person invalid,
so that they keep what they have.
"""

import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from iwds.core import directory, model
from iwds.core.doubt import group_names
from iwds.core.due import first_change
from iwds.core.model import BUILTIN_ROLES, Absent, Account, Activation, Entry, Mode, Role, Unmapped, fold
from iwds.core.modes import MODED, mode_of
from iwds.core.normal import LANGUAGES, printable
from iwds.core.recognition import By, Matching, stored_form
from iwds.mapping._checks import check_groups_read, check_language, check_recognisable, check_roles
from iwds.mapping.asked import Asked
from iwds.mapping.clauses import disabling, group_answers, scope_answers
from iwds.mapping.conditions import compile_condition, every, words
from iwds.mapping.document import AtCreation, Document, Enabled, RoleRules
from iwds.mapping.groups import among
from iwds.mapping.libraries import libraries_of
from iwds.mapping.lists import People, compile_list
from iwds.mapping.logins import Shape, compile_shape
from iwds.mapping.matching import compile_matching
from iwds.mapping.memberships import (
    PLAIN_ROLE,
    compile_group_roles,
    compile_memberships,
    exclusive_groups,
    role_rules_of,
)
from iwds.mapping.person import Answer, Person, Test, Text, Unfit
from iwds.mapping.tables import with_tables
from iwds.mapping.timely import Timely, timely
from iwds.mapping.values import compile_value, is_written, read_by
from iwds.mapping.written_values import Value
from iwds.ports import Clause, Grant
from iwds.yamlmarks import Step, Where, validate
from iwds.yamlmarks import load as load_yaml

DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class ScopeClause:
    """One compiled clause of the scope, and what is said of those who do not meet it."""

    test: Test
    detail: str


@dataclass(frozen=True, slots=True)
class CompiledRules:
    """The rules of a mapping file, ready to use; implements `ports.Rules`."""

    attributes: frozenset[str]
    login_attributes: frozenset[str]
    mail_attributes: frozenset[str]
    login_is_written: bool
    digest: str
    extra_keys: frozenset[str]
    groups: Mapping[str, bool]
    group_roles: Mapping[str, frozenset[str]]
    states_enabled: bool
    protected: frozenset[str]
    reads_groups: frozenset[str]
    activation: Activation
    matching: Matching
    libraries: Mapping[str, frozenset[str]]
    written: Mapping[str, Any] = field(repr=False)
    places: Mapping[str, str] = field(repr=False)
    _scope: tuple[ScopeClause, ...] = field(repr=False)
    _include: People = field(repr=False)
    _exclude: People = field(repr=False)
    _login: Text = field(repr=False)
    _shape: Shape = field(repr=False)
    _fields: tuple[Text, Text, Text, Text] = field(repr=False)
    _role: Callable[[Person], Role | None] = field(repr=False)
    _enabled: Callable[[Person], Answer] = field(repr=False)
    _memberships: Callable[[Person], frozenset[str] | None] = field(repr=False)
    _group_roles: Callable[[Person, frozenset[str] | None], tuple[tuple[str, str], ...]] = field(repr=False)
    _extra: tuple[tuple[str, Text], ...] = field(repr=False)
    _at_creation: Callable[[Person], model.AtCreation] = field(repr=False)
    _modes: tuple[tuple[str, Mode], ...] = field(repr=False)
    _timely: Timely = field(repr=False)

    def named(self, groups: frozenset[str]) -> frozenset[str]:
        """Which of the groups that the rules name are among these, as the rules write them."""
        return _named(self.reads_groups, groups)

    def ended(self, now: datetime) -> tuple[str, ...]:
        """A sentence for each person in a list of the file whose day is over."""
        return (*self._include.ended(now), *self._exclude.ended(now))

    def clauses(self, entry: Entry, now: datetime) -> Sequence[Clause]:
        """The line that excludes an entry, if one does, and what each clause of the scope says of it."""
        made = self.map(entry, now)
        excluded = isinstance(made, Unmapped) and made.reason is Absent.EXCLUDED
        listed = self._exclude.find(Person(entry, now), made.login) if excluded else None
        named = [Clause(f"not in `exclude`: {listed.name}", listed.place.strip(" ()"), False)] if listed else []
        return (*named, *scope_answers(Document.model_validate(self.written), self.places, Person(entry, now)))

    def grants(self, entry: Entry, now: datetime) -> Sequence[Grant]:
        """What each line of `groups` says of an entry."""
        return tuple(group_answers(Document.model_validate(self.written), self.places, Person(entry, now)))

    def disabled_by(self, entry: Entry, now: datetime) -> Sequence[str]:
        """What disables somebody, in words."""
        return tuple(disabling(Document.model_validate(self.written), Person(entry, now)))

    def due(self, entry: Entry, now: datetime, until: datetime) -> datetime | None:
        """From when on they make something else of an entry, before anybody changes it."""
        ends = self._include.ends(now, until) or self._exclude.ends(now, until)
        if not ends and not self._timely.about(entry):
            return None
        return first_change(partial(self.map, entry), now, until)

    def proposed_login(self, login: str) -> str:
        """A login like this one that would be allowed; empty where nothing of it is left."""
        return self._shape.proposed(login)

    def map(self, entry: Entry, now: datetime) -> Account | Unmapped:
        """The account that the rules make of an entry, or why there is none."""
        person = Person(entry, now)
        login: str | None = None
        try:
            login = self._shape.fit(self._login(person))
            absent = self._absent(person, login)
            return self._unmapped(person, login, *absent) if absent else self._account(person, login or "")
        except Unfit as unfit:
            return self._unfit(person, login, str(unfit))
        except UnicodeEncodeError:
            # patterns and expressions work on UTF-8, and nothing that holds half a character can be sent either
            return self._unfit(person, login, "an attribute holds half of a surrogate pair, which is no character")

    def _unfit(self, person: Person, login: str | None, detail: str) -> Unmapped:
        excluded = self._excluded(person, login)
        told = (Absent.INVALID, detail) if excluded is None else (Absent.EXCLUDED, excluded)
        return self._unmapped(person, login, *told)

    def _excluded(self, person: Person, login: str | None) -> str | None:
        excluded = self._exclude.find(person, login or "")
        return excluded.reason if excluded is not None and excluded.stands(person.now) else None

    def _unmapped(self, person: Person, login: str | None, reason: Absent, detail: str) -> Unmapped:
        disabled = reason is Absent.INVALID and self._disabled(person)
        entry = person.entry
        return Unmapped(
            entry.anchor, entry.name, reason, detail, printable(login or ""), disabled, self._mail_compared(person)
        )

    def _mail_compared(self, person: Person) -> str | None:
        """The mail address of somebody without an account, where logins are matched by it: they are a rival for it."""
        try:
            return self._fields[2](person) if self.matching.by(By.MAIL) else None
        except (Unfit, UnicodeEncodeError):
            return None

    def _disabled(self, person: Person) -> bool:
        try:
            return self._enabled(person) is False
        except (Unfit, UnicodeEncodeError):
            return False

    def _absent(self, person: Person, login: str | None) -> tuple[Absent, str] | None:
        excluded = self._excluded(person, login)
        if excluded is not None:
            return Absent.EXCLUDED, excluded
        if login is None:
            # before the scope: whoever has no known login may be excluded by it, and must not count as out of scope
            return Absent.INVALID, "the login is not known: an attribute that it is made of was not readable"
        if self._scope and (outside := self._outside(person)) and (left := self._not_included(person, login, outside)):
            return left
        if not login:
            return Absent.INVALID, "the login is empty: give the person one in the directory, or exclude the entry"
        problem = self._shape.problem(login)
        return (Absent.INVALID, problem) if problem else None

    def _outside(self, person: Person) -> tuple[Absent, str] | None:
        undecided = None
        for clause in self._scope:
            answer = clause.test(person)
            if answer is False:
                return Absent.OUT_OF_SCOPE, clause.detail
            if answer is None and undecided is None:
                undecided = Absent.INVALID, f"cannot be decided, for want of what it reads: {clause.detail}"
        return undecided

    def _not_included(self, person: Person, login: str, outside: tuple[Absent, str]) -> tuple[Absent, str] | None:
        """Why somebody is outside whom no clause keeps in; None where they are named as being inside."""
        included = self._include.find(person, login)
        if included is None:
            return outside
        reason, detail = outside
        return None if included.stands(person.now) else (reason, f"included until {included.until}; {detail}")

    def _account(self, person: Person, login: str) -> Account:
        firstname, name, mail, phone = self._fields
        groups = self._memberships(person)
        return Account(
            person.entry.anchor,
            login,
            firstname(person),
            name(person),
            mail(person),
            phone(person),
            self._role(person),
            self._enabled(person),
            groups,
            self._extra_of(person),
            self._at_creation(person),
            self._group_roles(person, groups),
            self._modes,
            self._shape.numbering,
        )

    def _extra_of(self, person: Person) -> tuple[tuple[str, str], ...]:
        key = self.matching.key
        extra = tuple([(key, text) for key, read in self._extra if (text := read(person)) is not None])
        return (*extra, (key, stored_form(person.entry.anchor))) if key else extra


def load(path: Path | str, roles: Collection[str] = BUILTIN_ROLES) -> CompiledRules:
    """The rules in a mapping file; `roles` are the names of roles in groups that the target knows.

    Raises `ConfigurationError` with file, line and key for everything wrong in it.
    """
    document, where = read(path)
    return compile_mapping(document, where, roles)


def read(path: Path | str) -> tuple[Document, Where]:
    """The document in a mapping file, and what finds the lines of it; raises like `load`."""
    marked = load_yaml(path)
    return validate(Document, marked.data, marked.where), marked.where


def compile_mapping(document: Document, where: Where, roles: Collection[str] = BUILTIN_ROLES) -> CompiledRules:
    """The rules that a document means; `where` finds the line of a path for messages."""
    check_recognisable(document, where)
    document = with_tables(document, where)
    asked = Asked(document, where)
    check_language(document.language, where)
    check_groups_read(document, where)
    check_roles(document.groups, where, roles)
    role_rules = role_rules_of(document.groups, asked)
    return CompiledRules(
        digest=document.digest,
        extra_keys=frozenset({*document.extra, *filter(None, (document.store_anchor,))}),
        matching=compile_matching(document),
        libraries=libraries_of(document),
        groups=exclusive_groups(document.groups, where),
        group_roles={to: frozenset({PLAIN_ROLE, *(role for _, role in rules)}) for to, rules in role_rules.items()},
        states_enabled=document.enabled is not None,
        activation=document.at_creation.activation,
        written=document.written,
        places=dict(_places(document, where)),
        protected=frozenset(fold(unicodedata.normalize("NFC", login)) for login in document.protect),
        _scope=_scope(document, where, asked),
        _include=compile_list("include", document.include, where),
        _exclude=compile_list("exclude", document.exclude, where),
        _login=compile_value(document.login, asked),
        _shape=compile_shape(document.login),
        _fields=_fields(document, asked),
        _role=_role(document.role, asked),
        _enabled=_enabled(document.enabled, asked),
        _memberships=compile_memberships(document.groups, asked),
        _group_roles=compile_group_roles(role_rules),
        _extra=tuple((key, compile_value(value, asked)) for key, value in document.extra.items()),
        _at_creation=_at_creation(document.at_creation, document.language, asked),
        _modes=tuple(_modes(document)),
        _timely=timely(asked),
        # last: the compilers above have filled it
        reads_groups=group_names(asked.names),
        attributes=frozenset(key for key in asked.names if not key.startswith("(")),
        login_attributes=read_by(document.login),
        mail_attributes=frozenset() if document.mail is None else read_by(document.mail),
        login_is_written=is_written(document.login),
    )


def again(written: Mapping[str, Any], roles: Collection[str] = BUILTIN_ROLES) -> CompiledRules:
    """The rules of a document as `CompiledRules.written` keeps it; raises like `load`, without a line."""
    return compile_mapping(validate(Document, written, _nowhere), _nowhere, roles)


def _nowhere(_: Sequence[Step]) -> tuple[str, int]:
    return "a mapping of earlier", 0


def _places(document: Document, where: Where) -> Iterator[tuple[str, str]]:
    """Where each key of the file stands, each extra field, and each group of the service in it, as `file:line`."""
    yield "mapping", Path(where(())[0]).name
    paths = [(key, (key,)) for key in sorted(document.model_fields_set)]
    lines = [(f"groups {line.to}", ("groups", n)) for n, line in enumerate(document.groups)]
    each = [(f"groups.{n}", ("groups", n)) for n in range(len(document.groups))]
    clauses = [(f"scope {n}", ("scope", n)) for n in range(len(document.scope))]
    extra = [(f"extra {key}", ("extra", key)) for key in document.extra]
    for name, path in (*paths, *clauses, *extra, *each, *reversed(lines)):
        file, line = where(path)
        yield name, f"{Path(file).name}:{line}"


@lru_cache(maxsize=65_536)
def _named(names: frozenset[str], groups: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in names if among(name, groups))


def _scope(document: Document, where: Where, asked: Asked) -> tuple[ScopeClause, ...]:
    clauses = []
    for index, clause in enumerate(document.scope):
        file, line = where(("scope", index))
        told = clause.reason or f"not {words(clause)}"
        detail = f"{told} ({Path(file).name}:{line})" if line else told
        clauses.append(ScopeClause(compile_condition(clause, asked), detail))
    return tuple(clauses)


def _fields(document: Document, asked: Asked) -> tuple[Text, Text, Text, Text]:
    first, name, mail, phone = (
        _ungoverned if value is None else compile_value(value, asked)
        for value in (document.firstname, document.name, document.mail, document.phone)
    )
    return first, name, mail, phone


def _modes(document: Document) -> Iterator[tuple[str, Mode]]:
    """The mode of each field that has another one than where nothing is said."""
    parts = {name: getattr(document, name) for name in MODED}
    parts |= {f"extra {key}": value for key, value in document.extra.items()}
    for name, part in parts.items():
        if part is not None and part.mode is not mode_of(name, {}):
            yield name, part.mode


def _ungoverned(_: object) -> None:
    """What a field is that the file does not mention."""
    return


def _role(rules: RoleRules | None, asked: Asked) -> Callable[[Person], Role | None]:
    if rules is None:
        return _ungoverned
    compiled = tuple((compile_condition(rule.when, asked), Role[rule.role.upper()]) for rule in rules.rules)
    default = Role[rules.default.upper()] if rules.default else None

    def role(person: Person) -> Role | None:
        for test, granted in compiled:
            answer = test(person)
            if answer is not False:
                # not known here means not known at all: this rule might have been the one
                return granted if answer else None
        return default

    return role


def _enabled(rule: Enabled | None, asked: Asked) -> Callable[[Person], Answer]:
    """What the rule says; but a source that itself says no is believed.

    Without a rule, whoever is in scope and not refused by the source is enabled: somebody whom we locked when they left
    is let in again when they come back.
    """
    if rule is None:
        return lambda person: person.entry.enabled is not False
    says = _says_enabled(rule, asked)
    return lambda person: False if person.entry.enabled is False else says(person)


def _says_enabled(rule: Enabled, asked: Asked) -> Test:
    if rule.when is not None:
        return compile_condition(rule.when, asked)
    told = directory.KINDS[rule.as_ or ""]
    return every(tuple(_by_attributes(told[each], asked) for each in (directory.USABLE, *rule.also)))


def _by_attributes(check: directory.Check, asked: Asked) -> Test:
    asked.update(check.reads)
    asked.dated.update(set(check.reads) - directory.FLAGS)
    reads, decide = check.reads, check.decide
    return lambda person: decide(*map(person.attributes.get, reads), person.now)


def _at_creation(values: AtCreation, language: Value | None, asked: Asked) -> Callable[[Person], model.AtCreation]:
    """What a new login is given. None of it can be corrected later, so that what is not known falls back."""
    built = {each: model.AtCreation(values.activation, each, values.access) for each in LANGUAGES}
    speak, second, third = (
        _ungoverned if value is None else compile_value(value, asked)
        for value in (language, values.login2, values.login3)
    )

    def spoken(person: Person) -> model.AtCreation:
        return built.get(speak(person) or "", built[DEFAULT_LANGUAGE])

    if values.login2 is None and values.login3 is None:
        return spoken
    return lambda person: replace(spoken(person), login2=second(person) or "", login3=third(person) or "")
