"""Pseudonyms of texts: stable under one key, of the same shape, and equal where the texts are equal.

Every letter becomes a letter of its kind and every digit a digit, chosen by HMAC-SHA256 over what stands before it in
its word. So two words have one pseudonym exactly where they are one word, whatever their case, words that begin alike
begin alike, and what a mapping cuts from the beginning of a word is cut from its pseudonym.
"""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable, Collection
from functools import lru_cache

WORD = re.compile(r"[^\W\d_]+|\d+")
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9.-]*(?==)")
_PHONE = re.compile(r"\+?[\d ()./-]{7,}")
_MOMENT = re.compile(r"\d{14}(?:[.,]\d+)?(?:Z|[+-]\d{4})|\d{17,18}|\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[+-][\d:]+)?)?")
_LAST = 6
"""So many digits of a telephone number are others: what comes before is country and region, by which it is checked."""
_BLOCK = 64
"""Letters beyond ASCII are changed for others of the same sort so near: they stay of their alphabet."""


class Scramble:
    """Pseudonyms under one key.

    Args:
        key: the owner's alone; without it nobody gets back what a pseudonym stands for but by trying.
        kept: words (whatever their case) that stay as they are: the configuration asks for them by name.
    """

    def __init__(self, key: bytes, kept: Collection[str] = ()) -> None:
        self._key = key
        self._kept = frozenset(map(str.casefold, kept))
        self.word = lru_cache(maxsize=200_000)(self._word)
        self._shuffled = lru_cache(maxsize=200_000)(self._shuffled_uncached)

    def text(self, value: str) -> str:
        """Any text: its words have pseudonyms, everything between them stays. Moments stay."""
        return _composed(self._text, value)

    def _text(self, value: str) -> str:
        if _MOMENT.fullmatch(value):
            return value
        if _PHONE.fullmatch(value) and sum(map(str.isdigit, value)) >= _LAST + 1:
            return self._phone(value)
        return WORD.sub(lambda match: self.word(match[0]), value)

    def dn(self, dn: str) -> str:
        """A distinguished name: types of attributes stay. Text that is none is a text."""
        return _composed(self._dn, dn)

    def _dn(self, dn: str) -> str:
        if "=" not in dn:
            return self._text(dn)
        types = {match.start(): match.end() for match in _TYPE.finditer(dn)}
        parts, at = [], 0
        for match in WORD.finditer(dn):
            if any(start <= match.start() < end for start, end in types.items()):
                continue
            parts += [dn[at : match.start()], self.word(match[0])]
            at = match.end()
        return "".join([*parts, dn[at:]])

    def _phone(self, value: str) -> str:
        digits = [at for at, letter in enumerate(value) if letter.isdigit()][-_LAST:]
        new = self.word("".join(value[at] for at in digits))
        made = list(value)
        for at, digit in zip(digits, new, strict=True):
            made[at] = digit
        return "".join(made)

    def _word(self, word: str) -> str:
        if word.casefold() in self._kept:
            return word
        made = self._once(word.casefold() if len(word.casefold()) == len(word) else word)
        while made in self._kept:  # a pseudonym that the configuration asks for would be somebody else's
            made = self._once(made)
        return "".join(new.upper() if old.isupper() and len(new.upper()) == 1 else new
                       for old, new in zip(word, made, strict=True))  # fmt: skip

    def _once(self, word: str) -> str:
        return "".join(self._letter(letter, word[:at]) for at, letter in enumerate(word))

    def _letter(self, letter: str, before: str) -> str:
        letters = _like(letter)
        at = letters.find(letter)
        return letter if at < 0 else self._shuffled(letters, before)[at]

    def _shuffled_uncached(self, letters: str, before: str) -> str:
        """The letters in an order that the key gives after what stands before them (Fisher and Yates)."""
        made = list(letters)
        draws = b"".join(self._mac(f"{before}\0{part}") for part in range(1 + len(letters) // 32))
        for at in range(len(made) - 1, 0, -1):
            other = draws[at] % (at + 1)
            made[at], made[other] = made[other], made[at]
        return "".join(made)

    def _mac(self, text: str) -> bytes:
        return hmac.new(self._key, text.encode(errors="surrogatepass"), hashlib.sha256).digest()

    def token(self, text: str) -> str:
        """A short name for something that has no shape worth keeping."""
        return self._mac(text).hex()[:12]


def _composed(change: Callable[[str], str], value: str) -> str:
    """What comes of a text with its letters composed (NFC), taken apart again where they were apart."""
    if value.isascii():
        return change(value)
    whole = unicodedata.normalize("NFC", value)
    made = change(whole)
    return made if whole == value else unicodedata.normalize("NFD", made)


@lru_cache(maxsize=4096)
def _like(letter: str) -> str:
    """The letters that may stand for this one; itself among them."""
    if letter.isascii():
        return "0123456789" if letter.isdigit() else "abcdefghijklmnopqrstuvwxyz"
    start = ord(letter) - ord(letter) % _BLOCK
    near = map(chr, range(start, start + _BLOCK))
    return "".join(each for each in near if _sort(each) == _sort(letter))


def _sort(letter: str) -> tuple[str, bool, bool]:
    plain = unicodedata.normalize("NFKC", letter) == letter
    return unicodedata.category(letter), plain, len(letter.upper()) == 1 and letter.upper().lower() == letter
