"""The values of a mapping file as they are written: where a text comes from, and what is done to it."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from iwds.core.model import Mode, fold
from iwds.core.normal import LOGIN_LETTERS, LONGEST_LOGIN
from iwds.mapping.patterns import checked_replacement
from iwds.mapping.texts import (
    Attribute,
    Counted,
    DateFormat,
    Letter,
    Letters,
    Name,
    Part,
    Pattern,
    TextExpression,
    letters_of,
)


class Regex(Part):
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


class Split(Part):
    """One of the parts between separators."""

    by: str = Field(min_length=1)
    take: Counted = 1


class Substring(Part):
    """A part of a text, by place and length; without a length to the end."""

    from_: Counted = Field(1, alias="from")
    length: int | None = Field(None, gt=0)


class Table(Part):
    """A table in a file of its own; `rows` is what it said when the mapping was read. Short form: just the file."""

    file: Name
    rows: dict[str, str] | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"file": data} if isinstance(data, str) else data


class Date(Part):
    """A moment, read in one form and written in another, in UTC."""

    from_: Literal["filetime", "generalized", "iso", "days"] = Field(alias="from")
    to: DateFormat = "%Y-%m-%d"


class Phone(Part):
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


class Value(Part):
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

    allowed: Letters | None = None
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


def given_once(mode: object) -> object:
    if mode != CREATE_ONLY:
        raise ValueError(f'must be "{CREATE_ONLY}": the API can neither read nor change it later')
    return mode


CREATE_ONLY = "create-only"
OnceMode = Annotated[str, BeforeValidator(given_once, json_schema_input_type=Literal["create-only"])]


class GivenOnce(Value):
    """A value that only a new login is given."""

    mode: OnceMode = CREATE_ONLY
