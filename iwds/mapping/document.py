"""The mapping file as it is written: its keys, their types, and the short forms that stand for longer ones.

Checked before anything is compiled, so that every mistake is reported at once, each with its line.
"""

import hashlib
import json
import re
from contextlib import suppress
from datetime import date
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    field_validator,
    model_validator,
)

from iwds.core.directory import KINDS
from iwds.core.dn import normalise_dn
from iwds.core.model import Activation, Mode, fold
from iwds.core.normal import LOGIN_LETTERS, LONGEST_LOGIN
from iwds.core.recognition import By
from iwds.mapping._cel import checked_condition, checked_text
from iwds.mapping.moments import checked_format, relative
from iwds.mapping.patterns import checked_pattern, checked_replacement
from iwds.shortforms import Written

_ATTRIBUTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._;-]*")
_EXTRA_KEY = re.compile(r"[\w.-]{1,60}")
_RANGE = re.compile(r"(.)-(.)|(.)", re.DOTALL)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DN = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*|\d+(\.\d+)*)\s*=")


def is_dn(text: str) -> bool:
    """Whether text can be a distinguished name at all: it begins with `type=`."""
    return _DN.match(text) is not None


def _distinguished(text: str) -> str:
    if not is_dn(text):
        raise ValueError('must be a distinguished name such as "ou=people,dc=example,dc=org"')
    return normalise_dn(text)


def _attribute(text: str) -> str:
    if not _ATTRIBUTE.fullmatch(text):
        raise ValueError("must be the name of an attribute, such as givenName")
    return text.lower()


def _extra_key(text: str) -> str:
    if not _EXTRA_KEY.fullmatch(text):
        raise ValueError("must be a key of letters, digits and . _ - with 60 characters at most")
    return text


def _day(text: object) -> date:
    if isinstance(text, str) and _DAY.fullmatch(text):
        with suppress(ValueError):
            return date.fromisoformat(text)
    raise ValueError("must be a day such as 2027-01-31")


Day = Annotated[date, BeforeValidator(_day)]
"""A day of the calendar. Its end is midnight UTC, wherever the machine stands."""


def letters_of(text: str) -> frozenset[str]:
    """The letters of `a-z0-9._`; a `-` stands for itself at either end."""
    letters: set[str] = set()
    for first, last, alone in _RANGE.findall(text):
        letters.update(map(chr, range(ord(first), ord(last) + 1)) if first else alone)
    return frozenset(letters)


def _letters(text: str) -> str:
    if not text or any(first > last for first, last, _ in _RANGE.findall(text)):
        raise ValueError('must be letters and ranges such as "a-z0-9._-"')
    if wrong := sorted(letters_of(text) - LOGIN_LETTERS):
        raise ValueError(f"the service allows no {' '.join(wrong)} in a login")
    return text


Name = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Attribute = Annotated[str, AfterValidator(_attribute)]
"""An attribute of the source: case does not matter; options such as `;lang-fr` and OIDs are names too."""
Distinguished = Annotated[str, AfterValidator(_distinguished)]
ExtraKey = Annotated[str, AfterValidator(_extra_key)]
Letter = Annotated[str, StringConstraints(min_length=1, max_length=1)]
RoleName = Literal["user", "manager", "administrator"]


class _Part(Written):
    """Any part of a mapping file."""


def _checked_moment(text: str) -> str:
    relative(text)
    return text


def _whole_part(number: int) -> int:
    if not number:
        raise ValueError("must be 1 for the first, 2 for the second, or -1 for the last")
    return number


Pattern = Annotated[str, StringConstraints(min_length=1), AfterValidator(checked_pattern)]
"""A regular expression as RE2 understands it: linear in time, without backreferences."""
DateFormat = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(checked_format)]
MomentText = Annotated[str, AfterValidator(_checked_moment)]
TextExpression = Annotated[str, AfterValidator(checked_text)]
BoolExpression = Annotated[str, AfterValidator(checked_condition)]
Counted = Annotated[int, Field(ge=-1_000, le=1_000), AfterValidator(_whole_part)]
"""A place counted from 1, or from the end with -1."""


class Regex(_Part):
    """What is found is replaced, everywhere."""

    find: Pattern
    replace: str = Field("", max_length=255)

    @model_validator(mode="after")
    def _referring(self) -> Self:
        try:
            checked_replacement(self.find, self.replace)
        except ValueError as error:
            raise ValueError(f'"replace": {error}') from None
        return self


class Split(_Part):
    """One of the parts between separators."""

    by: str = Field(min_length=1)
    take: Counted = 1


class Substring(_Part):
    """A part of a text, by place and length; without a length to the end."""

    from_: Counted = Field(1, alias="from")
    length: int | None = Field(None, gt=0)


class Table(_Part):
    """A table in a file of its own; `rows` is what it said when the mapping was read. Short form: just the file."""

    file: Name
    rows: dict[str, str] | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"file": data} if isinstance(data, str) else data


class Date(_Part):
    """A moment, read in one form and written in another, in UTC."""

    from_: Literal["filetime", "generalized", "iso", "days"] = Field(alias="from")
    to: DateFormat = "%Y-%m-%d"


class Phone(_Part):
    """A telephone number, written as E.164. Short form: just the region."""

    region: str
    invalid: Literal["refuse", "empty"] = "refuse"

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"region": data} if isinstance(data, str) else data

    @field_validator("region")
    @classmethod
    def _known(cls, region: str) -> str:
        import phonenumbers

        if region.upper() not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError("must be the two letters of a country, such as FR")
        return region.upper()


class GroupPattern(_Part):
    """Groups of the directory by a pattern: one with `=` in it means distinguished names, any other plain names."""

    matches: Pattern


def _form(group: Any) -> str:
    return "a pattern" if isinstance(group, dict | GroupPattern) else "a name"


Group = Annotated[
    Annotated[Name, Tag("a name")] | Annotated[GroupPattern, Tag("a pattern")],
    Discriminator(_form),
]
"""A group of the directory; by its form, so that a mistake is told for the form that was meant."""


class Value(_Part):
    """Where a text comes from and what is done to it; the order of the steps is that of `values.py`.

    Short form: just the attribute.
    """

    from_: Attribute | None = Field(None, alias="from")
    first: tuple["Value", ...] | None = Field(None, min_length=1)
    value: str | None = None
    expr: TextExpression | None = None
    join: str | None = None
    match: Pattern | None = None
    trim: bool = False
    transliterate: bool | dict[Letter, str] = False
    lower: bool = False
    upper: bool = False
    regex: Regex | None = None
    split: Split | None = None
    substring: Substring | None = None
    date: Date | None = None
    map: dict[str, str] | None = None
    table: Table | None = None
    phone: Phone | None = None
    prefix: str = ""
    suffix: str = ""
    max_length: int | None = Field(None, gt=0)
    default: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"from": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if [self.from_, self.first, self.value, self.expr].count(None) != 3:
            raise ValueError('needs exactly one of "from", "first", "value" and "expr"')
        if self.lower and self.upper:
            raise ValueError('"lower" and "upper" exclude each other')
        if self.map is not None and self.table is not None:
            raise ValueError('"map" and "table" exclude each other')
        if self.join is not None and self.from_ is None:
            raise ValueError('"join" goes with "from"')
        if len({fold(key) for key in self.map or {}}) != len(self.map or {}):
            raise ValueError('"map" has keys that differ only in case')
        return self


class Governed(Value):
    """The value of a field of the service, and how it is written: emptying it has to be asked for."""

    mode: Mode = Mode.NEVER_CLEAR


class LoginRule(Value):
    """The login, and what fits it to the service: characters, length, and several people of one name.

    `allowed`: letters and ranges such as `a-z0-9.`; whatever is not among them, or among those of the service, becomes
    `replace`, or is refused without one. `max_length`: what is longer is cut. `collision`: whether the second one of a
    name gets a number behind it, or nobody gets the login.
    """

    allowed: Annotated[str, AfterValidator(_letters)] | None = None
    replace: str | None = None
    max_length: int | None = Field(None, ge=8, le=LONGEST_LOGIN)
    collision: Literal["refuse", "number"] = "refuse"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        letters = letters_of(self.allowed) if self.allowed is not None else LOGIN_LETTERS
        if not letters.issuperset(self.replace or ""):
            raise ValueError('"replace" is not made of letters that are allowed')
        if self.collision == "number" and not letters.issuperset("0123456789"):
            raise ValueError('"collision: number" needs 0-9 among the letters that are allowed')
        return self


def _given_once(mode: object) -> object:
    if mode != CREATE_ONLY:
        raise ValueError(f'must be "{CREATE_ONLY}": the API can neither read nor change it later')
    return mode


CREATE_ONLY = "create-only"
OnceMode = Annotated[str, BeforeValidator(_given_once, json_schema_input_type=Literal["create-only"])]


class GivenOnce(Value):
    """A value that only a new login is given."""

    mode: OnceMode = CREATE_ONLY


def _plain_choice(data: object) -> object:
    """The choice itself, where it is written as a value with a mode."""
    if isinstance(data, dict) and data.keys() == {"value", "mode"}:
        _given_once(data["mode"])
        return data["value"]
    return data


class Condition(_Part):
    """One question about a person, answered yes, no or not known."""

    group: Group | None = None
    attribute: Attribute | None = None
    expr: BoolExpression | None = None
    equals: str | None = None
    in_: tuple[str, ...] | None = Field(None, alias="in", min_length=1)
    present: bool | None = None
    flag: int | None = Field(None, gt=0)
    matches: Pattern | None = None
    before: MomentText | None = None
    after: MomentText | None = None
    under: Distinguished | None = None
    all: tuple["Condition", ...] | None = Field(None, min_length=1)
    any: tuple["Condition", ...] | None = Field(None, min_length=1)
    not_: "Condition | None" = Field(None, alias="not")

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        kinds = [self.group, self.attribute, self.expr, self.under, self.all, self.any, self.not_]
        if kinds.count(None) != len(kinds) - 1:
            raise ValueError('needs exactly one of "group", "attribute", "under", "expr", "all", "any" and "not"')
        operators = [self.equals, self.in_, self.present, self.flag, self.matches, self.before, self.after]
        asked = len(operators) - operators.count(None)
        if asked != (self.attribute is not None):
            one_of = '"equals", "in", "matches", "present", "flag", "before" and "after"'
            raise ValueError(f'"attribute" goes with exactly one of {one_of}')
        return self


class Clause(Condition):
    """A condition that a person must meet to have an account, with what to say of those who do not."""

    reason: str = ""


class RoleRule(_Part):
    """The role of those who meet a condition."""

    when: Condition
    role: RoleName


class RoleRules(_Part):
    """Which role: of the first rule that holds, otherwise the default, otherwise none is governed.

    Short form: just the default. `mode`: a plain user counts as an empty role.
    """

    default: RoleName | None = None
    rules: tuple[RoleRule, ...] = ()
    mode: Mode = Mode.ALWAYS

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"default": data} if isinstance(data, str) else data


class Enabled(_Part):
    """Who may authenticate: by the attributes of a kind of directory, or by a condition. Short form: just the kind.

    `also`: what else of such a directory disables somebody, where that is wanted.
    """

    as_: Literal["active-directory", "openldap", "389-ds"] | None = Field(None, alias="as")
    also: tuple[Literal["locked", "inactive", "password-expired", "password-must-change"], ...] = ()
    when: Condition | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"as": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.as_ is None) == (self.when is None):
            raise ValueError('needs exactly one of "as" and "when"')
        told = KINDS[self.as_] if self.as_ else {}
        if wrong := [each for each in self.also if each not in told]:
            where = f'by "{self.as_}", which knows {", ".join(filter(None, told))}' if told else 'without "as"'
            raise ValueError(f'"also": {", ".join(wrong)} is not told {where}')
        return self


class GroupLine(_Part):
    """Who is in one group of the service, by a group of the directory or by any condition.

    `exclusive`: members that the directory does not explain are taken out, whoever put them there. `role`: their role
    there, by a name that every service knows or that the target gives to a number.
    """

    to: Name
    group: Group | None = None
    when: Condition | None = None
    exclusive: bool = False
    role: Name | None = None

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        if (self.group is None) == (self.when is None):
            raise ValueError('needs exactly one of "group" and "when"')
        return self

    @property
    def condition(self) -> Condition:
        """What makes a member, whichever form was written."""
        return self.when or Condition(group=self.group)


ChoiceT = TypeVar("ChoiceT")


class GivenChoice(_Part, Generic[ChoiceT]):
    """A choice of `at_creation` with its mode, for the schema only: `_plain_choice` reads it."""

    value: ChoiceT
    mode: Literal["create-only"]


class AtCreation(_Part):
    """What is given to a new login and can neither be read nor changed later."""

    activation: Annotated[
        Activation, BeforeValidator(_plain_choice, json_schema_input_type=Activation | GivenChoice[Activation])
    ] = Activation.INACTIVE
    access: Annotated[
        Literal[0, 1], BeforeValidator(_plain_choice, json_schema_input_type=Literal[0, 1] | GivenChoice[Literal[0, 1]])
    ] = 1
    login2: GivenOnce | None = None
    login3: GivenOnce | None = None


class Listed(_Part):
    """A person in a list, by login or by distinguished name, to the end of a day. Short form: just the name."""

    login: Name | None = None
    dn: Distinguished | None = None
    reason: str = ""
    until: Day | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        # no login of the service holds "=", so that the two cannot be confused
        return {"dn" if "=" in data else "login": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if (self.login is None) == (self.dn is None):
            raise ValueError('needs exactly one of "login" and "dn"')
        return self


class MatchRule(_Part):
    """By what somebody without a ledger row is recognised in a login. Short form: just what is compared."""

    by: By
    compare: Literal["exact", "folded"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"by": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _stored_as_it_is(self) -> Self:
        if self.by is By.ANCHOR and self.compare is not None:
            raise ValueError('"compare": a stored anchor is always compared to the letter')
        return self


class Document(_Part):
    """A whole mapping file."""

    scope: tuple[Clause, ...] = ()
    login: LoginRule
    firstname: Governed | None = None
    name: Governed | None = None
    mail: Governed | None = None
    phone: Governed | None = None
    language: GivenOnce | None = None
    role: RoleRules | None = None
    enabled: Enabled | None = None
    groups: tuple[GroupLine, ...] = ()
    extra: dict[ExtraKey, Governed] = Field(default_factory=dict)
    at_creation: AtCreation = AtCreation()
    include: tuple[Listed, ...] = ()
    exclude: tuple[Listed, ...] = ()
    protect: tuple[Name, ...] = ()
    matching: tuple[MatchRule, ...] | None = Field(None, min_length=1)
    store_anchor: ExtraKey | None = None

    @model_validator(mode="after")
    def _recognisable(self) -> Self:
        compared = [rule.by for rule in self.matching or ()]
        if twice := sorted({by.value for by in compared if compared.count(by) > 1}):
            raise ValueError(f'"matching" names {" and ".join(twice)} twice')
        if By.ANCHOR in compared and self.store_anchor is None:
            raise ValueError('"matching" by anchor needs "store_anchor", the extra field in which anchors are stored')
        if By.MAIL in compared and self.mail is None:
            raise ValueError('"matching" by mail needs "mail"')
        if self.store_anchor is not None and self.store_anchor in self.extra:
            raise ValueError(f'"store_anchor" and "extra" both write {self.store_anchor}')
        return self

    @property
    def written(self) -> dict[str, Any]:
        """What was written, as plain data that makes an equal document."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    @property
    def digest(self) -> str:
        """A hash of what was written: comments, layout, order of keys and short forms make no difference."""
        canonical = json.dumps(self.written, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()
