r"""What the service can hold: its documented constraints on what we compute, checked per person.

    login            a-z A-Z 0-9 @ \ . _ - and space, at most 255
    firstname, name  Unicode letters and digits, space . + - _ ', at most 255
    extra field      { "key1":"value1", "key2":"value2" }, at most 4096 in all
                     key: Unicode letters and digits . _ -, at most 60
                     value: Unicode letters and digits @ # { } . + - _ ', at most 60
    mail, phone      nothing is documented

Text is brought to NFC, and typographic forms of what is allowed are made plain, before it is checked; what the service
sent us is never passed through here.
"""

import json
import re
import string
import unicodedata
from dataclasses import dataclass, replace
from itertools import pairwise

from iwds.core.model import Absent, Account, AtCreation, Unmapped

LANGUAGES = frozenset({"en", "fr"})
"""What the service writes mails in."""

_LONGEST_EXTRAS = 4096

# Word processors and phones write these where a person typed a plain character. The acute and the grave accent stand
# alone here: over a letter they are part of it in NFC. Joiners have no width and are no letters: Persian and Indic
# names stay readable without them, while with them the service would refuse the person.
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2019\u2018\u02bc\u201b\u00b4\u0060\u2032", "'"),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"),
        **dict.fromkeys("\u00a0\u2007\u202f", " "),
        **dict.fromkeys("\u200b\u200c\u200d\ufeff\u00ad", ""),
    }
)

# Controls, line separators, halves of surrogate pairs and non-characters: XML cannot carry most of them.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class _Alphabet:
    """What one kind of text may consist of, as a pattern and in words; `marks`: whether vowel marks may stand in it."""

    pattern: re.Pattern[str]
    words: str
    longest: int
    marks: bool = True


LONGEST_LOGIN = 255
LOGIN_LETTERS = frozenset(string.ascii_letters + string.digits + "@\\._- ")
"""What a login of the service may be made of."""
# \w is a Unicode letter, a digit or _
_LOGIN = _Alphabet(re.compile(r"[A-Za-z0-9@\\._ -]*"), r"a-z A-Z 0-9 @ \ . _ - and space", LONGEST_LOGIN, marks=False)
_NAME = _Alphabet(re.compile(r"[\w .+\-']*"), "letters, digits, space . + - _ '", 255)
_EXTRA_KEY = _Alphabet(re.compile(r"[\w.\-]*"), "letters, digits . _ -", 60)
_EXTRA_VALUE = _Alphabet(re.compile(r"[\w@#{}.+\-']*"), "letters, digits @ # { } . + - _ '", 60)


class _Invalid(Exception):
    """One field cannot be held; the text is for people."""


def normalise(account: Account, name: str) -> Account | Unmapped:
    """The account as the service can hold it, or why it cannot.

    Args:
        account: as the mapping made it. Fields that are None stay None.
        name: the entry's, for the message.

    Applying it twice changes nothing more.
    """
    try:
        login = _login("login", account.login)
        firstname, surname = _name("firstname", account.firstname), _name("name", account.name)
        mail, phone = _mail(account.mail), _phone(account.phone)
        extra, at_creation = _extra(account.extra), _at_creation(account.at_creation)
    except _Invalid as error:
        shown = printable(account.login)
        return Unmapped(account.anchor, name, Absent.INVALID, str(error), shown, account.enabled is False, account.mail)
    after = (login, firstname, surname, mail, phone, extra, at_creation)
    if after == _texts(account):  # most people; making the same account again would double the cost
        return account
    return replace(
        account,
        login=login,
        firstname=firstname,
        name=surname,
        mail=mail,
        phone=phone,
        extra=extra,
        at_creation=at_creation,
    )


def plain(text: str) -> str:
    """Text in NFC, typographic forms made plain, without space around it."""
    if not text.isascii() or "`" in text:
        # twice, since a sign taken out may bring a letter and its accent together
        text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).translate(_PLAIN))
    return text.strip(" ")


def printable(text: str) -> str:
    """Text that is safe on a terminal: what cannot be printed is written as its code."""
    return text if text.isprintable() else "".join(c if c.isprintable() else f"<U+{ord(c):04X}>" for c in text)


def render_extra(pairs: tuple[tuple[str, str], ...]) -> str:
    """The API's text of extra fields, `{ "key1":"value1", "key2":"value2" }`; empty text for none."""
    if not pairs:
        return ""
    fields = (f"{json.dumps(key, ensure_ascii=False)}:{json.dumps(value, ensure_ascii=False)}" for key, value in pairs)
    return "{ " + ", ".join(fields) + " }"


def parse_extra(text: str) -> dict[str, str] | None:
    """The extra fields in a text of the API, in their order; None where it cannot be understood without guessing."""
    if not text.strip():
        return {}
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return None
    if not isinstance(pairs, _Pairs):
        return None
    fields = {key: value for key, value in pairs if isinstance(value, str) and not _CONTROL.search(key + value)}
    return fields if len(fields) == len(pairs) else None


def merge_extra(raw: str, wanted: tuple[tuple[str, str], ...]) -> str | None:
    """The extra fields as they should be written: what others put there stays, in its order.

    Args:
        raw: as the service sent it.
        wanted: the keys that we govern, with their values; an empty value removes the key.

    Returns `raw` itself, to the letter, where nothing has to change; None where `raw` cannot be understood.
    """
    before = parse_extra(raw)
    if before is None:
        return None
    governed = dict(wanted)
    after = {key: value for key, value in {**before, **governed}.items() if value or key not in governed}
    return raw if after == before else render_extra(tuple(after.items()))


class _Pairs(list[tuple[str, object]]):
    """The members of a JSON object, doubles included; not a list that came from JSON."""


def _texts(account: Account) -> tuple[object, ...]:
    """The fields of an account that `normalise` looks at, in its order."""
    names = (account.login, account.firstname, account.name, account.mail, account.phone)
    return (*names, account.extra, account.at_creation)


def _login(field: str, text: str) -> str:
    # not made plain: a login is typed elsewhere too, and must stay what the directory says
    text = unicodedata.normalize("NFC", text).strip(" ")
    if not text:
        raise _Invalid(f"{field} is empty: give the person one in the directory, or exclude the entry")
    return _checked(field, text, _LOGIN)


def _name(field: str, text: str | None) -> str | None:
    return None if text is None else _checked(field, plain(text), _NAME)


def _mail(text: str | None) -> str | None:
    if text is None:
        return None
    # not made plain: the grave accent, for one, is allowed in front of the @
    text = unicodedata.normalize("NFC", text).strip(" ")
    _no_controls("mail", text)
    local, _, domain = text.partition("@")
    if text and (not local or not domain or "@" in domain or " " in text or not text.isprintable()):
        raise _Invalid(f"{_quoted('mail', text)} does not look like name@domain: {_way_out('mail')}")
    return text


def _phone(text: str | None) -> str | None:
    if text is None:
        return None
    text = plain(text)
    _no_controls("phone", text)
    return text


def _extra(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    checked = tuple((_extra_key(key), _checked(f"extra {key}", plain(value), _EXTRA_VALUE)) for key, value in pairs)
    # In bytes, the stricter reading of a limit whose unit is not documented; a field takes 486 at most, so a few fit.
    size = len(render_extra(checked).encode()) if len(checked) > 8 else 0
    if size > _LONGEST_EXTRAS:
        raise _Invalid(f"extra fields take {size} bytes together, and the service allows {_LONGEST_EXTRAS}: map fewer")
    return checked


def _extra_key(key: str) -> str:
    if not plain(key):
        raise _Invalid("an extra key is empty: name it in the mapping")
    return _checked("extra key", plain(key), _EXTRA_KEY)


def _at_creation(values: AtCreation) -> AtCreation:
    if values.language in LANGUAGES and not values.login2 and not values.login3:
        return values
    return replace(
        values,
        language=values.language if values.language in LANGUAGES else "en",
        login2=values.login2 and _login("login2", values.login2),
        login3=values.login3 and _login("login3", values.login3),
    )


def _checked(field: str, text: str, alphabet: _Alphabet) -> str:
    if not alphabet.pattern.fullmatch(text):
        _no_controls(field, text)
        _only(field, text, alphabet)
    if len(text) > alphabet.longest:
        long = f"{field} has {len(text)} characters, and the service allows {alphabet.longest}"
        raise _Invalid(f"{long}: {_way_out(field)}")
    return text


def _only(field: str, text: str, alphabet: _Alphabet) -> None:
    """Refuse the first character outside of an alphabet.

    Devanagari, Thai, Arabic and others write vowels as marks that no normal form composes: a narrow reading of
    "alphanumeric" would leave these people without their names. So where marks may stand, one counts as part of the
    letter, or of the other mark, that it follows.
    """
    for before, character in pairwise(" " + text):
        mark = alphabet.marks and _is_mark(character) and (before.isalpha() or _is_mark(before))
        if not mark and not alphabet.pattern.fullmatch(character):
            wrong = f"{_quoted(field, text)} has {_named(character)}, and the service allows only {alphabet.words}"
            raise _Invalid(f"{wrong}: {_way_out(field)}")


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in {"Mn", "Mc"}


def _no_controls(field: str, text: str) -> None:
    if found := _CONTROL.search(text):
        raise _Invalid(f"{_quoted(field, text)} has {_named(found[0])}, which cannot be sent: {_way_out(field)}")


def _quoted(field: str, text: str) -> str:
    return f'{field} "{printable(text)}"'


def _named(character: str) -> str:
    code = f"U+{ord(character):04X} {unicodedata.name(character, 'control character')}"
    return f"{character} ({code})" if character.isprintable() else code


def _way_out(field: str) -> str:
    if field.startswith("login"):
        return "correct it in the directory, map another attribute, or exclude the person"
    if field.startswith("extra"):
        return "give it another spelling with `map`, or map another attribute"
    return "correct it in the directory, or map another attribute"
