"""The mapping file as it is written: its keys, their types, and the short forms that stand for longer ones.

Checked before anything is compiled, so that every mistake is reported at once, each with its line.
"""

import hashlib
import json
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from iwds.core.directory import KINDS
from iwds.core.model import Activation, Mode
from iwds.core.recognition import By
from iwds.mapping.texts import (
    Attribute,
    BoolExpression,
    Day,
    Distinguished,
    ExtraKey,
    MomentText,
    Name,
    Part,
    Pattern,
    RoleName,
)
from iwds.mapping.written_values import GivenOnce, Governed, LoginRule, given_once


class GroupPattern(Part):
    """Groups of the directory by a pattern: one with `=` in it means distinguished names, any other plain names."""

    matches: Pattern


def _form(group: Any) -> str:
    return "a pattern" if isinstance(group, dict | GroupPattern) else "a name"


Group = Annotated[
    Annotated[Name, Tag("a name")] | Annotated[GroupPattern, Tag("a pattern")],
    Discriminator(_form),
]
"""A group of the directory; by its form, so that a mistake is told for the form that was meant."""


class Condition(Part):
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


class RoleRule(Part):
    """The role of those who meet a condition."""

    when: Condition
    role: RoleName


class RoleRules(Part):
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


class Enabled(Part):
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


class GroupLine(Part):
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


def _plain_choice(data: object) -> object:
    """The choice itself, where it is written as a value with a mode."""
    if isinstance(data, dict) and data.keys() == {"value", "mode"}:
        given_once(data["mode"])
        return data["value"]
    return data


class GivenChoice(Part, Generic[ChoiceT]):
    """A choice of `at_creation` with its mode, for the schema only: `_plain_choice` reads it."""

    value: ChoiceT
    mode: Literal["create-only"]


class AtCreation(Part):
    """What is given to a new login and can neither be read nor changed later."""

    activation: Annotated[
        Activation, BeforeValidator(_plain_choice, json_schema_input_type=Activation | GivenChoice[Activation])
    ] = Activation.INACTIVE
    access: Annotated[
        Literal[0, 1], BeforeValidator(_plain_choice, json_schema_input_type=Literal[0, 1] | GivenChoice[Literal[0, 1]])
    ] = 1
    login2: GivenOnce | None = None
    login3: GivenOnce | None = None


class Listed(Part):
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


class MatchRule(Part):
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


class Document(Part):
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

    @property
    def written(self) -> dict[str, Any]:
        """What was written, as plain data that makes an equal document."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    @property
    def digest(self) -> str:
        """A hash of what was written: comments, layout, order of keys and short forms make no difference."""
        canonical = json.dumps(self.written, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()
