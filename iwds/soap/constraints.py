"""What the service accepts in a login's fields: one function per field, each returns the problem in words, or None.

Source: the API document, "Input parameters constraints and limitations". It says nothing about mail and phone, so
only what no service could store is refused there.
"""

import json
import re
import unicodedata
from collections.abc import Iterable

MAX_LENGTH = 255
MAX_EXTRA_LENGTH = 4096
MAX_EXTRA_PART = 60

_LOGIN = re.compile(r"[^a-zA-Z0-9@\\._\- ]")
_NAME_SIGNS = frozenset(" .+-_'")
_EXTRA_KEY_SIGNS = frozenset("._-")
_EXTRA_VALUE_SIGNS = frozenset("@#{}.+-_'")


def login_problem(text: str) -> str | None:
    """Why `text` cannot be a login name: letters and digits of ASCII, `@ \\ . _ -` and space, 1 to 255 characters."""
    if not text.strip():
        return "it is empty"
    if (bad := _LOGIN.search(text)) is not None:
        return _has(bad[0])
    return _length_problem(text)


def name_problem(text: str) -> str | None:
    """Why `text` cannot be a first or last name: letters, marks and digits of any script, space and `. + - _ '`."""
    return _sign_problem(text, _NAME_SIGNS) or _length_problem(text)


def contact_problem(text: str) -> str | None:
    """Why `text` can be neither a mail address nor a phone number."""
    control = next((c for c in text if unicodedata.category(c) == "Cc"), None)
    return _has(control) if control else _length_problem(text)


def extra_problem(pairs: Iterable[tuple[str, str]]) -> str | None:
    """Why these extra fields cannot be stored; the limits are 60 characters a part and 4096 as a whole."""
    listed = list(pairs)
    for key, value in listed:
        problem = _part_problem(key, _EXTRA_KEY_SIGNS) or ("it is empty" if not key else None)
        if problem:
            return f"key {key!r}: {problem}"
        if problem := _part_problem(value, _EXTRA_VALUE_SIGNS):
            return f"value of {key}: {problem}"
    length = len(format_extra(listed))
    return f"{length} characters, {MAX_EXTRA_LENGTH} are allowed" if length > MAX_EXTRA_LENGTH else None


def format_extra(pairs: Iterable[tuple[str, str]]) -> str:
    """Extra fields as the service writes them, `{ "key":"value", ... }`; empty where there are none."""
    inside = ", ".join(f'"{key}":"{value}"' for key, value in pairs)
    return f"{{ {inside} }}" if inside else ""


def parse_extra(text: str) -> list[tuple[str, str]]:
    """Extra fields in their order. Raises ValueError where `text` is neither empty nor of the documented format."""
    if not text.strip():
        return []
    pairs = json.loads(text, object_pairs_hook=_Pairs)
    if not isinstance(pairs, _Pairs) or not all(isinstance(value, str) for _, value in pairs):
        raise ValueError("extra fields are one flat object of texts")
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key is there twice")
    return list(pairs)


def stored_extra_problem(text: str) -> str | None:
    """Why `text` cannot be the extra fields of a login."""
    try:
        return extra_problem(parse_extra(text))
    except ValueError as error:
        return str(error)


class _Pairs(list[tuple[str, str]]):
    """A JSON object with its order and its repetitions; told apart from a JSON array by its type."""


def _part_problem(text: str, signs: frozenset[str]) -> str | None:
    if len(text) > MAX_EXTRA_PART:
        return f"{len(text)} characters, {MAX_EXTRA_PART} are allowed"
    return _sign_problem(text, signs)


def _sign_problem(text: str, signs: frozenset[str]) -> str | None:
    # Vowel signs and tone marks of many scripts are category M: without them most names of South Asia are no names.
    bad = next((c for c in text if c not in signs and unicodedata.category(c)[0] not in "LNM"), None)
    return _has(bad) if bad else None


def _length_problem(text: str) -> str | None:
    return f"{len(text)} characters, {MAX_LENGTH} are allowed" if len(text) > MAX_LENGTH else None


def _has(character: str) -> str:
    shown = character if character.isprintable() and character != " " else f"U+{ord(character):04X}"
    return f"it has {shown!r}" if shown == character else f"it has the character {shown}"
