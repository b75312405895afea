"""The settings of a source of kind `csv`."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from iwds.core.model import fold
from iwds.sources import _fileproof as fileproof

Lower = Annotated[str, BeforeValidator(lambda value: value.strip().lower() if isinstance(value, str) else value)]
Name = Annotated[Lower, Field(min_length=1)]
Words = Annotated[tuple[str, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]
Encoding = Literal["auto", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"]
Quote = Literal['"', "'", "none"]
Separator = Annotated[
    str,
    BeforeValidator(lambda value: {"tab": "\t"}.get(value, value) if isinstance(value, str) else value),
    Field(pattern=r'^(auto|[^"\r\n])$'),
]
_SECRET = re.compile(r"pass(word|phrase)|secret|token|credential|api_?key", re.IGNORECASE)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Complete(fileproof.Complete):
    """How a CSV file proves that it is whole; its items are rows, the heading, the trailer and empty rows left out."""

    @model_validator(mode="after")
    def _told_from_rows(self) -> "Complete":
        if self.trailer is not None and not re.search(r"[^\W\d_]|#", self.trailer.replace("{count}", "")):
            raise ValueError("the trailer must hold a word or `#` beside {count}, so that no row looks like it")
        return self


class Enabled(_Model):
    """Which words of a column say that somebody is enabled, and which that they are not; any other is not known."""

    column: Name
    yes: Words = Field(min_length=1)
    no: Words = Field(min_length=1)

    @model_validator(mode="after")
    def _apart(self) -> "Enabled":
        if both := {fold(word) for word in self.yes} & {fold(word) for word in self.no}:
            raise ValueError(f'"{min(both)}" cannot mean both yes and no')
        return self

    def answers(self) -> Mapping[str, bool]:
        """What each word says, folded."""
        return {fold(word): answer for words, answer in ((self.yes, True), (self.no, False)) for word in words}


class Groups(_Model):
    """Where people's groups are: in a `column` of their own rows, or in a second file with a row for each membership.

    Attributes:
        column: a column of the people's file; `lists` says what separates several.
        path: the second file.
        person, group: the headings of its columns with the person's id and the group's name.
        separator, encoding, quote: how the second file is written, where that is not as the people's is.
        complete: how the second file proves that it is whole.
    """

    column: Lower = ""
    path: Path | None = None
    person: str = ""
    group: str = "group"
    separator: Separator | None = None
    encoding: Encoding | None = None
    quote: Quote | None = None
    complete: Complete | None = None

    @model_validator(mode="after")
    def _one(self) -> "Groups":
        if bool(self.column) == (self.path is not None):
            raise ValueError("give the `column` with the groups, or the `path` of a file of memberships")
        if self.column and self.model_fields_set - {"column"}:
            others = " and ".join(f"`{name}`" for name in sorted(self.model_fields_set - {"column"}))
            raise ValueError(f"{others} belong to a file of memberships (`path`)")
        return self


class Settings(_Model):
    """The settings of a source of kind `csv`.

    Attributes:
        id: the attribute that a person is known by for ever.
        separator: what stands between cells, or `auto`.
        encoding: `auto` is UTF-8, unless a byte order mark says UTF-16.
        quote: what cells may stand in; `none` where quotes are letters like any other.
        columns: the heading that an attribute has in the file, for those that are not to be called by their heading.
        lists: what separates several values in a cell, by attribute.
        absent: attributes that a mapping reads for other directories, and that are known to be empty here.
    """

    kind: Literal["csv"]
    path: Path
    realm: str = Field(min_length=1)
    id: Name
    separator: Separator = "auto"
    encoding: Encoding = "auto"
    quote: Quote = '"'
    columns: Mapping[Name, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)
    lists: Mapping[Name, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)
    groups: Groups | None = None
    enabled: Enabled | None = None
    absent: tuple[Name, ...] = ()
    complete: Complete | None = None
    canaries: tuple[Annotated[str, Field(min_length=1)], ...] = ()

    @field_validator("columns")
    @classmethod
    def _no_secrets(cls, columns: Mapping[str, str]) -> Mapping[str, str]:
        if secret := next(filter(_SECRET.search, columns), ""):
            raise ValueError(f'"{secret}" sounds like a secret, which is kept nowhere; call the attribute otherwise')
        return columns

    @model_validator(mode="after")
    def _two_letters(self) -> "Settings":
        if any(separator == quote for separator, _, quote in (self.dialect, self.members_dialect)):
            raise ValueError("`separator` and `quote` cannot be one letter")
        return self

    @property
    def dialect(self) -> tuple[str, str, str]:
        """Separator, encoding and quote of the people's file."""
        return self.separator, self.encoding, self.quote

    @property
    def members_dialect(self) -> tuple[str, str, str]:
        """The same of a file of memberships: what is not said of it is as in the people's."""
        of = self.groups or Groups.model_construct()
        return of.separator or self.separator, of.encoding or self.encoding, of.quote or self.quote

    @property
    def needed(self) -> frozenset[str]:
        """The attributes that the file must have whatever a mapping reads."""
        column = self.groups.column if self.groups else ""
        enabled = self.enabled.column if self.enabled else ""
        return frozenset({self.id, *self.columns, *self.lists, column, enabled}) - {""}
