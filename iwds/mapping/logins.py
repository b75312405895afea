"""The login of a person, fitted to what the service and the mapping allow: pure text, before anybody is compared."""

import string
import unicodedata
from dataclasses import dataclass

from iwds.core.normal import LOGIN_LETTERS, LONGEST_LOGIN, printable
from iwds.mapping.letters import transliterated
from iwds.mapping.texts import letters_of
from iwds.mapping.written_values import LoginRule

_GUEST = "#ext#"
"""Stands in the principal name that Entra ID makes for whoever comes from another organisation."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What becomes of the text that the mapping reads as a login.

    Attributes:
        letters: what may stay; None where all is left to the service.
        replacement: what stands for everything else; None where that is refused.
        longest: how long it may be; the rest is cut.
        numbering: the longest login with a number behind it; None where nobody is numbered.
        words: the letters as the mapping writes them.
    """

    letters: frozenset[str] | None = None
    replacement: str | None = None
    longest: int = LONGEST_LOGIN
    numbering: int | None = None
    words: str = ""
    cuts: bool = False

    def fit(self, login: str | None) -> str | None:
        """The login in NFC, without space around it, with its letters replaced and cut."""
        if login is None:
            return None
        text = (login if login.isascii() else unicodedata.normalize("NFC", login)).strip()
        if self.letters is not None and self.replacement is not None and not self.letters.issuperset(text):
            text = "".join(each if each in self.letters else self.replacement for each in text).strip()
        return text[: self.longest].strip() if self.cuts else text

    def problem(self, login: str) -> str:
        """What is wrong with a fitted login, or nothing."""
        if _GUEST in login.lower():
            return (
                f'login "{printable(login)}" is a guest\'s name in Entra ID, which nobody types: map `mail` for guests'
            )
        wrong = next((each for each in login if self.letters is not None and each not in self.letters), None)
        if wrong is None:
            return ""
        return (
            f'login "{printable(login)}" has {printable(wrong)}, and the mapping allows only {self.words}: say with'
            " `replace` what stands for it, or map another attribute"
        )

    def proposed(self, login: str) -> str:
        """A login like this one that has no problem: in plain Latin letters, without what may not stand in it, cut."""
        allowed = LOGIN_LETTERS if self.letters is None else self.letters
        fitted = self.fit(login) or ""
        if allowed.issuperset(fitted) and len(fitted) <= self.longest:
            return fitted
        text = transliterated(fitted)
        if allowed.isdisjoint(string.ascii_uppercase):
            text = text.lower()
        return "".join(each for each in text if each in allowed).strip()[: self.longest].strip()


def compile_shape(rule: LoginRule) -> Shape:
    """The shape that a login has by the mapping."""
    letters = letters_of(rule.allowed) if rule.allowed is not None else None
    longest = rule.max_length or LONGEST_LOGIN
    return Shape(
        LOGIN_LETTERS if letters is None and rule.replace is not None else letters,
        rule.replace,
        longest,
        longest if rule.collision == "number" else None,
        rule.allowed or "",
        rule.max_length is not None,
    )
