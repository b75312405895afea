"""Entries in a file of their own, so that a mapping can be tried where no directory is.

One entry is JSON. What is left out is empty; `null` is not known:

{"dn": "uid=ada,ou=people,dc=example,dc=org", "attributes": {"uid": "ada", "mail": ["ada@example.org"], "title": null},
 "groups": ["cn=staff,ou=groups,dc=example,dc=org"], "enabled": true}

A file holds one of them, a list, or one on each line. What `iwds mapping try --json` prints is taken as well.
"""

import json
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from iwds.core.dn import normalise_dn
from iwds.core.model import Anchor, Entry
from iwds.errors import ConfigurationError
from iwds.mapping.texts import is_dn
from iwds.yamlmarks import Step, validate

_REALM = "entry"
"""Of an entry that does not say which directory it came from."""


def _listed(values: object) -> object:
    return [values] if isinstance(values, str) else values


_Values = Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | list[str])]


class EntryForm(BaseModel):
    """One entry as it is written down."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_: int = Field(1, alias="schema", ge=1, le=1)
    realm: str = _REALM
    id: str = ""
    dn: str = ""
    attributes: dict[str, _Values | None] = Field(default_factory=dict)
    groups: tuple[str, ...] | None = ()
    enabled: bool | None = None
    unread: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _of_a_trace(cls, data: Any) -> Any:
        """What `iwds mapping try --json` prints holds the entry under a key of its own."""
        return data["entry"] if isinstance(data, dict) and isinstance(data.get("entry"), dict) else data

    def entry(self, asked: Collection[str]) -> Entry:
        """The same as a source gives it that was asked for these attributes."""
        written = {name.lower(): values for name, values in self.attributes.items()}
        held = {name: written.get(name, ()) for name in {*asked, *written}}
        groups = None if self.groups is None else frozenset(map(_group, self.groups))
        return Entry(
            Anchor(self.realm, self.id or self.dn),
            self.dn or self.id,
            {name: values for name, values in held.items() if values is not None},
            groups,
            self.enabled,
            frozenset(self.unread),
        )


def _group(name: str) -> str:
    return normalise_dn(name) if is_dn(name) else name


def form(entry: Entry, asked: Iterable[str]) -> dict[str, Any]:
    """An entry as plain data that `EntryForm` takes; `asked`: the attributes that were asked for."""
    return {
        "schema": 1,
        "realm": entry.anchor.realm,
        "id": entry.anchor.id,
        "dn": entry.name,
        "attributes": {name: _plain(entry.attrs.get(name)) for name in sorted({*asked, *entry.attrs})},
        "groups": None if entry.groups is None else sorted(entry.groups),
        "enabled": entry.enabled,
        **({"unread": sorted(entry.unread)} if entry.unread else {}),
    }


def _plain(values: tuple[str, ...] | None) -> list[str] | None:
    return None if values is None else list(values)


def load_entries(path: Path, asked: Collection[str]) -> Iterator[Entry]:
    """The entries of a file of JSON, or of `-`; every mistake is a `ConfigurationError` with file and line."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"cannot be read: {reason}", file=str(path)) from error
    for line, data in _documents(text, str(path)):
        yield validate(EntryForm, data, partial(_at, (str(path), line))).entry(asked)


def _at(place: tuple[str, int], _: Sequence[Step]) -> tuple[str, int]:
    return place


def _documents(text: str, file: str) -> Iterator[tuple[int, Any]]:
    """Each entry with the line on which it, or the list that it is in, begins."""
    decoder, at, line = json.JSONDecoder(), 0, 1
    while (begin := _past_space(text, at)) < len(text):
        line += text.count("\n", at, begin)
        try:
            data, at = decoder.raw_decode(text, begin)
        except (ValueError, RecursionError) as error:
            wrong = getattr(error, "lineno", line)
            advice = "write {...}, a list of them, or one on each line"
            raise ConfigurationError("is not JSON", advice, file, wrong) from error
        yield from ((line, each) for each in (data if isinstance(data, list) else [data]))
        line += text.count("\n", begin, at)


def _past_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at
