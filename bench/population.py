"""The invented people of the benchmark, and in what their logins differ. The same numbers give the same people."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from hashlib import md5
from uuid import UUID

from iwds.demo.ldif import Record
from iwds.demo.names import CULTURES, Spelling

SUFFIX = "dc=example,dc=org"
PEOPLE_BASE, GROUPS_BASE = f"ou=people,{SUFFIX}", f"ou=groups,{SUFFIX}"
SITES = 8
"""Groups within the group `wiki-users`; in each lies one more, which holds the people."""
GROUPS = 500
"""In all; those that the mapping does not look at have a few people each."""

_FIRST: tuple[Spelling, ...] = tuple(name for culture in CULTURES.values() for name in culture.first)
_LAST: tuple[Spelling, ...] = tuple(name for culture in CULTURES.values() for name in culture.last)
_LANGUAGES = ("fr", "en", "de")
_NUMBER = re.compile(r"\d+$")


class Fate(Enum):
    """In what a person's login differs from what the directory asks for."""

    NOTHING = "agrees"
    JOINER = "has no login yet"
    LOCKED = "was disabled in the directory"
    MAIL = "has another mail address"
    PHONE = "has another phone number"
    NAME = "has another last name"
    MOVER = "is in a group too many, or misses one"


_FATES = (Fate.JOINER, Fate.PHONE, Fate.MAIL, Fate.LOCKED, Fate.PHONE, Fate.MOVER, Fate.NAME, Fate.PHONE, Fate.MAIL)
_LEAVERS = 0.1
"""Which part of the differences are people who are no longer in the directory."""


@dataclass(frozen=True, slots=True)
class Population:
    """How many people there are, and how many of them differ.

    Attributes:
        people: how many the directory holds.
        changed: how many people's account and login differ, those who left included.
        first_run: nobody has a login yet; then `changed` says nothing.
    """

    people: int
    changed: int
    first_run: bool = False

    @property
    def leavers(self) -> int:
        """How many have a login of ours and are not in the directory any more."""
        return 0 if self.first_run else int(self.changed * _LEAVERS)

    @property
    def differing(self) -> int:
        """How many of those in the directory differ."""
        return self.people if self.first_run else self.changed - self.leavers

    def fate(self, number: int) -> Fate:
        """In what person `number` differs; those who do lie evenly among the others."""
        if self.first_run:
            return Fate.JOINER
        before, after = (n * self.differing // self.people for n in (number, number + 1))
        return Fate.NOTHING if before == after else _FATES[before % len(_FATES)]


def number_of(login: str) -> int:
    """The number of the person who has this login."""
    found = _NUMBER.search(login)
    assert found, login
    return int(found[0])


def records(population: Population) -> Iterator[Record]:
    """The whole directory, one entry after the other."""
    yield Record(SUFFIX, {"objectClass": ("dcObject", "organization"), "dc": ("example",), "o": ("Benchmark",)})
    for base, unit in ((PEOPLE_BASE, "people"), (GROUPS_BASE, "groups")):
        yield Record(base, {"objectClass": ("organizationalUnit",), "ou": (unit,)})
    for number in range(population.people):
        yield _person(number, population.fate(number))
    yield from _groups(population.people)


def _spelled(number: int) -> tuple[Spelling, Spelling]:
    return _FIRST[number % len(_FIRST)], _LAST[number // len(_FIRST) % len(_LAST)]


def _login(number: int) -> str:
    first, last = _spelled(number)
    return f"{first.latin}.{last.latin}{number}"


def _dn(number: int) -> str:
    return f"uid={_login(number)},{PEOPLE_BASE}"


def _person(number: int, fate: Fate) -> Record:
    """A person with the ten attributes that are read, and what the schema wants besides."""
    (first, last), login = _spelled(number), _login(number)
    attributes = {
        "objectClass": ("inetOrgPerson", "shadowAccount"),
        "cn": (f"{first.native} {last.native}",),
        "uid": (login,),
        "givenName": (first.native,),
        "sn": (last.native,),
        "mail": (f"{login}@example.org",),
        "mobile": (f"+33 6 {number:08d}",),
        "preferredLanguage": (_LANGUAGES[number % len(_LANGUAGES)],),
        "employeeType": ("internal" if number % 10 else "contractor",),
        "departmentNumber": (f"D{number % 97}",),
        "shadowExpire": ("1" if fate is Fate.LOCKED else "-1",),
        "entryUUID": (str(UUID(bytes=md5(login.encode(), usedforsecurity=False).digest())),),  # in no order at all
    }
    return Record(_dn(number), attributes)


def _groups(people: int) -> Iterator[Record]:
    """`vpn-users` with a fifth of all people, `wiki-users` with a tenth, two groups deeper."""
    yield _group("vpn-users", [_dn(number) for number in range(0, people, 5)])
    yield _group("wiki-users", [f"cn=site-{site},{GROUPS_BASE}" for site in range(SITES)])
    for site in range(SITES):
        members = [_dn(number) for number in range(site * 10, people, SITES * 10)]
        yield _group(f"site-{site}", [f"cn=team-{site},{GROUPS_BASE}"])
        yield _group(f"team-{site}", members or [PEOPLE_BASE])
    yield _group("mfa-managers", [_dn(number) for number in range(3, people, 1000)] or [PEOPLE_BASE])
    for other in range(GROUPS - 3 - 2 * SITES):
        yield _group(f"project-{other}", [_dn(number) for number in range(other % people, people, 2000)])


def _group(name: str, members: list[str]) -> Record:
    attributes = {"objectClass": ("groupOfNames",), "cn": (name,), "member": tuple(members)}
    return Record(f"cn={name},{GROUPS_BASE}", attributes)
