"""The people whom a mapping names one by one: in scope whatever its clauses say, or left alone; some until a day."""

import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from iwds.core.model import fold
from iwds.mapping.document import Listed
from iwds.mapping.person import Person
from iwds.yamlmarks import Where


@dataclass(frozen=True, slots=True)
class Entry:
    """One person in a list. `place` is empty, or ` (file:line)`; `name` is as it was written, or normalised."""

    name: str
    reason: str
    until: date | None
    place: str

    def stands(self, now: datetime) -> bool:
        """Whether its day is not over yet, in UTC."""
        return self.until is None or now.astimezone(UTC).date() <= self.until


@dataclass(frozen=True, slots=True)
class People:
    """A compiled list: by folded login and by normalised distinguished name, what ends last for each of them.

    Attributes:
        days: the last day of each that has one, sorted.
    """

    key: str
    logins: Mapping[str, Entry]
    dns: Mapping[str, Entry]
    days: tuple[date, ...] = ()

    def find(self, person: Person, login: str) -> Entry | None:
        """The entry that names this person; where there are two, one that still stands."""
        by_login = self.logins.get(fold(login)) if login else None
        if not self.dns or (by_login is not None and by_login.stands(person.now)):
            return by_login
        return self.dns.get(person.dn) or by_login

    def ends(self, now: datetime, until: datetime) -> bool:
        """Whether anybody's day ends between two moments; asked for everybody who is read."""
        first = bisect_left(self.days, now.astimezone(UTC).date())
        return first < len(self.days) and self.days[first] < until.astimezone(UTC).date()

    def ended(self, now: datetime) -> Iterator[str]:
        """A sentence for each entry that counts no more."""
        for entry in (*self.logins.values(), *self.dns.values()):
            if not entry.stands(now):
                yield f"`{self.key}` of {entry.name} ended on {entry.until}{entry.place}"


def compile_list(key: str, listed: Sequence[Listed], where: Where) -> People:
    """The list under a key of the file."""
    entries = [(each, _entry(key, index, each, where)) for index, each in enumerate(listed)]
    entries.sort(key=lambda both: both[1].until or date.max)
    return People(
        key,
        {fold(unicodedata.normalize("NFC", each.login)): entry for each, entry in entries if each.login},
        {each.dn: entry for each, entry in entries if each.dn},
        tuple(sorted(each.until for each in listed if each.until)),
    )


def _entry(key: str, index: int, listed: Listed, where: Where) -> Entry:
    file, line = where((key, index))
    place = f" ({Path(file).name}:{line})" if line else ""
    told = listed.reason or f"named in the mapping's `{key}`"
    return Entry(listed.login or listed.dn or "", told, listed.until, place)
