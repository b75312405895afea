"""Which login each of several people of one name gets: jdoe, jdoe2, jdoe3, and the same one in every run.

Only where the mapping says `collision: number`. A name that somebody has is theirs as long as the mapping still makes
the same name of them; it is found through our memory and never by its number. Everybody else gets the first name that
nobody has, that nobody wants, and of which our memory says nothing.

A number says nothing of whose a login is, and here not even the name does. So a login that nobody remembers and that
might be a newcomer's own is not taken for theirs, and they get no other one either: they wait for a person. Only where
one single person wants exactly its name and has its mail address as well it is theirs.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

from iwds.core.model import Absent, Account, Anchor, LedgerRow, Login, Unmapped, fold
from iwds.core.policy import World

RIVALS = frozenset({Absent.INVALID, Absent.EXCLUDED})
"""Whoever has no account for such a reason today may have one tomorrow, and then wants the same login."""
MOST_DIGITS = 6
"""Of a number behind a name."""
_DIGITS = "0123456789"


@dataclass(frozen=True, slots=True)
class Claim:
    """What one person has to say for a login, where people of one name are numbered.

    Attributes:
        login: as the mapping made it.
        mail: as the mapping made it, None where it is not known.
        longest: how long a login may be.
        held: the name of the login on the service that a believed row says is theirs; empty without one.
        remembered: the name in that row, or in one that is not believed.
    """

    anchor: Anchor
    login: str
    mail: str | None
    longest: int
    held: str = ""
    remembered: str = ""


class Register(Protocol):
    """What is known of names, each folded."""

    def standing(self, name: str) -> int | None:
        """The lowest id of the logins on the service that have this name."""
        ...

    def remembered(self, name: str) -> Collection[Anchor]:
        """The people whose rows have this name."""
        ...

    def is_wanted(self, name: str) -> bool:
        """Whether the mapping makes this name of anybody, with or without an account."""
        ...

    def has_rivals(self, name: str) -> bool:
        """Whether somebody wants this very name who is not numbered: without an account today, or by other rules."""
        ...

    def strangers(self, name: str, longest: int) -> Iterable[Login]:
        """The logins without a row that have this name or a numbered form of it, by id."""
        ...


def numbered(name: str, number: int, longest: int) -> str:
    """A name with a number behind it, cut so that both fit."""
    tail = str(number)
    return name[: longest - len(tail)] + tail


def is_form_of(name: str, base: str, longest: int) -> bool:
    """Whether a folded name is another one, or that one with a number behind it."""
    if name == base:
        return True
    digits = min(len(name) - len(name.rstrip(_DIGITS)), MOST_DIGITS, longest - 1)
    tails = (name[-count:] for count in range(1, digits + 1))
    return any(tail[0] != "0" and tail != "1" and name == numbered(base, int(tail), longest) for tail in tails)


def may_have(account: Account, name: str) -> bool:
    """Whether a login of this name can be that of an account as the mapping made it."""
    longest, base = account.numbering, fold(account.login)
    return fold(name) == base if longest is None else is_form_of(fold(name), base, longest)


def as_named(account: Account, names: Iterable[str]) -> Account:
    """The account with the first of these names that it can have; as it is where it can have none of them."""
    found = next((name for name in names if may_have(account, name)), account.login)
    return account if fold(found) == fold(account.login) else replace(account, login=found)


def unnamed(account: Account, doubt: str) -> Unmapped:
    """The verdict on somebody to whom no login can be given without guessing."""
    disabled = account.enabled is False
    return Unmapped(account.anchor, account.login, Absent.DUPLICATE, doubt, account.login, disabled, account.mail)


def settle_names(claims: Iterable[Claim], register: Register, world: World) -> Iterator[tuple[Claim, str, str]]:
    """Each claim with the login it gets, or with an empty text and why it gets none.

    Args:
        claims: in the order of their folded logins, and of anchors within one.
        register: what is known of names.
        world: the job's rules.
    """
    given: set[str] = set()
    for base, claimed in groupby(claims, key=lambda claim: fold(claim.login)):
        yield from _Name(base, list(claimed), register, world, given).settle()


class _Name:
    """One name and everybody who wants it."""

    def __init__(self, base: str, claims: list[Claim], register: Register, world: World, given: set[str]) -> None:
        self.base, self.claims, self.register, self.world, self.given = base, claims, register, world, given
        self.alone = sum(not claim.held for claim in claims) == 1 and not register.has_rivals(base)
        self.next = 2

    def settle(self) -> Iterator[tuple[Claim, str, str]]:
        for claim in self.claims:
            if claim.held and is_form_of(fold(claim.held), self.base, claim.longest):
                yield claim, claim.login if fold(claim.held) == self.base else claim.held, ""
            elif self.base in self.world.protected:
                yield claim, claim.login, ""
            elif not claim.held and (mine := self._own(claim)) is not None:
                yield (claim, *mine)
            else:
                name = self._free(claim)
                yield claim, name, "" if name else f"no number is left behind {claim.login}"

    def _own(self, claim: Claim) -> tuple[str, str] | None:
        """The login that a newcomer has already, or why that cannot be told; None where none may be theirs."""
        strangers = list(self.register.strangers(self.base, claim.longest))
        named = [login for login in strangers if fold(login.login) == self.base and _one_mail(login, claim)]
        if self.alone and [login.id for login in named] == [self.register.standing(self.base)]:
            return claim.login, ""
        doubtful = next((login.login for login in strangers if self._may_be(login, claim)), None)
        if doubtful is None:
            return None
        return "", f"{doubtful} is on the service, nobody remembers whose it is, and it may be theirs"

    def _may_be(self, login: Login, claim: Claim) -> bool:
        if self.world.policy.may_adopt(login) or _one_mail(login, claim):
            return True
        return fold(login.login) == self.base and not (login.mail and claim.mail)

    def _free(self, claim: Claim) -> str:
        """The first name that is free, and the own one of earlier before all others; empty where there is none."""
        own = fold(claim.remembered)
        if own and is_form_of(own, self.base, claim.longest) and self._is_free(own, claim):
            self.given.add(own)
            return claim.login if own == self.base else claim.remembered
        if not self.register.has_rivals(self.base) and self._is_free(self.base, claim):
            self.given.add(self.base)
            return claim.login
        while len(str(self.next)) <= min(MOST_DIGITS, claim.longest - 1):
            name = numbered(claim.login, self.next, claim.longest)
            self.next += 1
            if self._is_free(fold(name), claim) and not self.register.is_wanted(fold(name)):
                self.given.add(fold(name))
                return name
        return ""

    def _is_free(self, name: str, claim: Claim) -> bool:
        return (
            name not in self.given
            and name not in self.world.protected
            and self.register.standing(name) is None
            and all(anchor == claim.anchor for anchor in self.register.remembered(name))
        )


def _one_mail(login: Login, claim: Claim) -> bool:
    return bool(login.mail and claim.mail) and fold(login.mail or "") == fold(claim.mail or "")


class Known:
    """The register of people, rows and logins in memory."""

    def __init__(
        self, people: Collection[Account | Unmapped], rows: Collection[LedgerRow], logins: Collection[Login]
    ) -> None:
        self._people, self._rows, self._logins = people, rows, logins
        self._with_row = {row.login_id for row in rows}

    def standing(self, name: str) -> int | None:
        """See `Register`."""
        return min((login.id for login in self._logins if fold(login.login) == name), default=None)

    def remembered(self, name: str) -> Collection[Anchor]:
        """See `Register`."""
        return [row.anchor for row in self._rows if fold(row.login) == name]

    def is_wanted(self, name: str) -> bool:
        """See `Register`."""
        return any(fold(person.login) == name for person in self._people)

    def has_rivals(self, name: str) -> bool:
        """See `Register`."""
        return any(fold(person.login) == name and _is_rival(person) for person in self._people)

    def strangers(self, name: str, longest: int) -> Iterable[Login]:
        """See `Register`."""
        unknown = (login for login in self._logins if login.id not in self._with_row)
        found = (login for login in unknown if is_form_of(fold(login.login), name, longest))
        return sorted(found, key=lambda login: login.id)


def _is_rival(person: Account | Unmapped) -> bool:
    return person.reason in RIVALS if isinstance(person, Unmapped) else person.numbering is None
