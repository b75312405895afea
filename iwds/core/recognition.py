"""By what a person is recognised in a login that nobody's ledger row names: rules, stored anchors, people's decisions.

An anchor is stored in an extra field of the login as `ID@REALM`, the realm as a short hash, since a value has at most
60 characters. So it says both who the login is for and which directory says so. It is compared as it is, never folded.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from iwds.core.model import Account, Anchor, fold
from iwds.core.normal import parse_extra

_PLAIN_ID = re.compile(r"[A-Za-z0-9{][A-Za-z0-9{}.+_'-]{0,46}")
"""Ids that are stored as they are, beside the 13 characters of the realm; others are stored as a hash after a `#`."""


class By(StrEnum):
    """What of a login is compared with a person."""

    ANCHOR = "anchor"
    LOGIN = "login"
    MAIL = "mail"


@dataclass(frozen=True, slots=True)
class MatchRule:
    """One way to recognise somebody; `exact` compares to the letter, otherwise case makes no difference."""

    by: By
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Matching:
    """How people without a ledger row are recognised in logins without one.

    Attributes:
        rules: in this order, none of them twice.
        key: the extra field in which anchors are stored; empty where they are not.
    """

    rules: tuple[MatchRule, ...] = (MatchRule(By.LOGIN),)
    key: str = ""

    def by(self, what: By) -> MatchRule | None:
        """The rule that compares this, if there is one."""
        return next((rule for rule in self.rules if rule.by is what), None)

    def __str__(self) -> str:
        """All of it in one line: two that say the same recognise the same."""
        rules = (f"{rule.by} exact" if rule.exact else str(rule.by) for rule in self.rules)
        return f"{', '.join(rules)} ({self.key})"


BY_NAME = Matching()
"""By the login name alone."""


@dataclass(frozen=True, slots=True)
class MatchDecision:
    """What a person said about one login.

    Attributes:
        login_id: the login, which was called `login` then.
        anchor: whose it is; None for none of those whom a plan named.
        who, reason: by whom, and why.
        at: when, with time zone.
    """

    login_id: int
    login: str
    anchor: Anchor | None
    who: str
    reason: str
    at: datetime

    def __str__(self) -> str:
        verb = "matched" if self.anchor else "left alone"
        return f"{verb} by {self.who} on {self.at:%Y-%m-%d}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Decisions:
    """What people said about logins.

    Attributes:
        of: the decision, by the id of the login.
        whose: the decision, by the anchor that it names; without those that name one person twice.
    """

    of: Mapping[int, MatchDecision] = field(default_factory=dict)
    whose: Mapping[Anchor, MatchDecision] = field(default_factory=dict)

    def rules_out(self, anchor: Anchor, login_id: int) -> bool:
        """Whether somebody said that this login is not this person's."""
        said = self.of.get(login_id)
        return said is not None and said.anchor != anchor


NOTHING_SAID = Decisions()


def decisions_of(said: Iterable[MatchDecision]) -> Decisions:
    """Decisions, ready to be asked."""
    of = {each.login_id: each for each in said}
    named = [each.anchor for each in of.values()]
    return Decisions(of, {each.anchor: each for each in of.values() if each.anchor and named.count(each.anchor) == 1})


def stored_form(anchor: Anchor) -> str:
    """An anchor as it is stored in an extra field: in the service's alphabet, and 60 characters at most."""
    plain = _PLAIN_ID.fullmatch(anchor.id)
    return f"{anchor.id if plain else '#' + _hash(anchor.id, 20)}@{_realm(anchor.realm)}"


@lru_cache(maxsize=64)
def _realm(realm: str) -> str:
    return _hash(realm, 6)


def _hash(text: str, size: int) -> str:
    return hashlib.blake2s(text.encode(), digest_size=size).hexdigest()


def stored_in(extra: str | None, key: str) -> str | None:
    """What a login stores under a key; empty for nothing, None where its extra fields cannot be read."""
    held = None if extra is None else parse_extra(extra)
    return None if held is None else held.get(key, "")


def mail_key(mail: str | None, exact: bool) -> str:
    """A mail address as it is compared; empty where there is none, or where it is not known."""
    text = unicodedata.normalize("NFC", mail or "").strip()
    return text if exact else text.casefold()


def hashed(by: By, key: str, salt: str) -> bytes:
    """What a login is recognised by, as 16 bytes: enough to be found again, too little to read.

    Args:
        by: what is compared.
        key: `stored_form`, or `mail_key` under the job's rule.
        salt: other hashes for each.
    """
    return hashlib.blake2b(f"{by} {key}".encode(), digest_size=16, key=salt.encode()).digest()


def hashes_of(account: Account, matching: Matching, salt: str) -> Iterator[bytes]:
    """By what somebody would be recognised in a login of another name."""
    if matching.by(By.ANCHOR):
        yield hashed(By.ANCHOR, stored_form(account.anchor), salt)
    if (rule := matching.by(By.MAIL)) and (key := mail_key(account.mail, rule.exact)):
        yield hashed(By.MAIL, key, salt)


def login_agrees(wanted: str, held: str, exact: bool) -> bool:
    """Whether a login's name is the one that is wanted; both are in NFC."""
    return wanted == held if exact else fold(wanted) == fold(held)
