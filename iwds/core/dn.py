"""Distinguished names as text: one spelling per name, so that two names of one object compare equal.

Enough of RFC 4514 (string form) and of RFC 4518 (case and insignificant spaces) for matching a member value with the
entry that it means. Schema is not consulted: every value is compared without regard to case.
"""

import re
import unicodedata

_SPECIAL = frozenset('"+,;<>\\')
_SIMPLE = re.compile(r"[a-z0-9=,._@&'()/:*!$%~-]*(?: [a-z0-9._@&'()/:*!$%~-][a-z0-9=,._@&'()/:*!$%~-]*)*")
_HEX = re.compile(r"[0-9A-Fa-f]{2}")
_SPACES = re.compile(r" {2,}")


def normalise_dn(dn: str) -> str:
    """The one spelling of a distinguished name.

    Case is folded, spaces around separators go, runs of spaces become one, escapes take their shortest form, parts of
    a multi-valued RDN are sorted. Text that is no distinguished name comes back folded. Idempotent.
    """
    quick = dn.lower()
    if quick.isascii() and _SIMPLE.fullmatch(quick) and ", " not in quick and "= " not in quick:
        return quick
    return ",".join(_rdn(part) for part in _split(dn, ","))


def rdn_value(dn: str) -> str:
    """The value of the first RDN with its escapes undone: `admins` for `cn=admins,ou=groups,dc=example,dc=org`.

    Text without `=` is no distinguished name and comes back as it is.
    """
    first = _split(_split(dn, ",")[0], "+")[0]
    _, equals, value = first.partition("=")
    return _unescape(_strip(value)) if equals else dn


def parent(dn: str) -> str:
    """What stands directly above a name, spelled as it is; empty above the first RDN and for text that is no name."""
    if "=" not in dn:
        return ""
    first, *_ = _split(dn, ",") if "\\" in dn else dn.split(",", 1)
    return dn[len(first) + 1 :]


def is_under(dn: str, base: str) -> bool:
    """Whether `dn` is `base` or lies below it. Both normalised; everything lies below the empty name."""
    if not base or dn == base:
        return True
    if not dn.endswith("," + base):
        return False
    above = dn[: -len(base) - 1]
    # a comma behind an odd number of backslashes separates nothing
    return (len(above) - len(above.rstrip("\\"))) % 2 == 0


def _split(text: str, separator: str) -> list[str]:
    """The parts between separators that are not escaped; escapes stay as they are."""
    parts, start, at = [], 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == separator:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    return [*parts, text[start:]]


def _rdn(text: str) -> str:
    return "+".join(sorted(_ava(part) for part in _split(text, "+")))


def _ava(text: str) -> str:
    """One `type=value`; where there is no `=`, the whole is a value."""
    kind, equals, value = text.partition("=")
    if not equals:
        return _escape(_fold(_unescape(_strip(text))))
    value = _strip(value)
    if value.startswith("#"):  # the BER form of RFC 4514 2.4: hexadecimal digits, no text
        return f"{_fold(kind.strip())}={value.lower()}"
    return f"{_fold(kind.strip())}={_escape(_fold(_unescape(value)))}"


def _fold(text: str) -> str:
    # Decomposing first is what makes canonical caseless matching stable (Unicode 3.13, D145).
    folded = unicodedata.normalize("NFD", text).casefold()
    return _SPACES.sub(" ", unicodedata.normalize("NFC", folded))


def _strip(value: str) -> str:
    """Without the spaces around it; a last space that is escaped belongs to the value."""
    value = value.lstrip(" ")
    bare = value.rstrip(" ")
    escapes = len(bare) - len(bare.rstrip("\\"))
    return bare + " " if escapes % 2 and len(bare) < len(value) else bare


def _unescape(value: str) -> str:
    r"""The text that an escaped value means. Runs of `\xx` are bytes of UTF-8; bytes that are not stay escapes."""
    if "\\" not in value:
        return value
    raw, at = bytearray(), 0
    while at < len(value):
        if value[at] != "\\":
            raw += value[at].encode("utf-8", "surrogatepass")
            at += 1
        elif _HEX.match(value, at + 1):
            raw.append(int(value[at + 1 : at + 3], 16))
            at += 3
        else:
            raw += value[at + 1 : at + 2].encode("utf-8", "surrogatepass")
            at += 2
    return raw.decode("utf-8", "surrogateescape")


def _escape(value: str) -> str:
    """A value as RFC 4514 2.4 writes it, in the shortest form."""
    out = [_escape_one(character) for character in value]
    if value[:1] in {" ", "#"}:
        out[0] = "\\" + value[0]
    if len(value) > 1 and value[-1] == " ":
        out[-1] = "\\ "
    return "".join(out)


def _escape_one(character: str) -> str:
    if character in _SPECIAL:
        return "\\" + character
    if character < " " or "\udc80" <= character <= "\udcff":  # controls, and bytes that were no UTF-8
        return "".join(f"\\{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
    return character
