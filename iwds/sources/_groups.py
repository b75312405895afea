"""Who is in which group, with nested groups, without holding the memberships in memory.

Member rows go to an anonymous SQLite database, which spills to an unlinked temporary file by itself. Only the graph
of groups within groups, which is small, is kept in memory.
"""

import re
import sqlite3
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice, repeat

from iwds.core.dn import normalise_dn
from iwds.core.hygiene import told_dangling
from iwds.sources._stream import NAMED

MEMBER_ATTRIBUTES = ("member", "uniquemember", "memberuid")
_CACHE_KB = 8 * 1024
"""How much of such a database stays in memory; the rest lies in its file."""
_CHUNK = 500
_LOGIN = "login:"
_PRIMARY = "primary:"
_PRIMARIES = (_PRIMARY, _PRIMARY.replace(":", ";"))
"""Between these two lie the keys of primary groups."""
_NONE: frozenset[str] = frozenset()
_NO_WAY: tuple[str, ...] = ()
_UID_SUFFIX = re.compile(r"#'[01]*'B$")


def scratch() -> sqlite3.Connection:
    """An anonymous database that lives as long as its connection and is worth nothing after a crash."""
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA synchronous = OFF")
    database.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
    return database


def dn_key(dn: str) -> str:
    """The key of an object that groups name by its distinguished name."""
    return normalise_dn(dn)


def login_key(login: str) -> str:
    """The key of a person whom groups name by a login. Case counts in memberUid (RFC 2307: caseExactIA5Match)."""
    return _LOGIN + login


def login_of(key: str) -> str:
    """The login that a key means; empty for other keys."""
    return key.removeprefix(_LOGIN) if key.startswith(_LOGIN) else ""


def primary_key(sid: str) -> str:
    """The key of those whose primary group has this security identifier: the group does not name them."""
    return _PRIMARY + sid


def member_keys(attribute: str, values: Iterable[str]) -> Iterator[str]:
    """The keys that the values of a member attribute (lower-case name) mean."""
    if attribute == "memberuid":
        return map(login_key, values)
    if attribute == "uniquemember":  # a name with an optional bit string behind it (RFC 4517 3.3.21)
        return (dn_key(_UID_SUFFIX.sub("", value)) for value in values)
    return map(dn_key, values)


class Groups:
    """The groups of one reading: `add` them all, then ask.

    A group is known by its normalised distinguished name. Members that are neither a group nor a person that was
    read lead nowhere and do no harm; `nobody` names them.
    """

    def __init__(self) -> None:
        self._db = scratch()
        self._db.execute("CREATE TABLE member (child TEXT NOT NULL, grp INTEGER NOT NULL)")
        self._names: list[str] = []
        self._parents: dict[int, list[int]] = {}
        self._named = False
        self._sealed = False
        self._met = bytearray()
        self._expand = lru_cache(maxsize=4096)(self._expand_uncached)
        self._db.execute("BEGIN")

    def __len__(self) -> int:
        return len(self._names)

    def add(self, dn: str, members: Iterable[str], sid: str = "") -> None:
        """Add a group, the keys of its members, and its security identifier where it may be a primary group."""
        number = len(self._names)
        self._names.append(normalise_dn(dn))
        self.also(number, members)
        if sid:
            self._db.execute("INSERT INTO member VALUES (?, ?)", (primary_key(sid), number))

    def names(self) -> Sequence[str]:
        """The groups that were added, in their order."""
        return tuple(self._names)

    def also(self, number: int, members: Iterable[str]) -> None:
        """Add the keys of further members of a group, which is told by its place in `names`."""
        named = self._db.executemany("INSERT INTO member VALUES (?, ?)", ((member, number) for member in members))
        self._named = self._named or named.rowcount > 0

    def of(self, people: Sequence[Collection[str]]) -> list[frozenset[str]]:
        """All groups of each of these people, direct and nested. A person is given by all keys that mean them."""
        self._seal()
        direct = self._direct(dict.fromkeys(chain.from_iterable(people)))
        found = [[number for key in keys if key in direct for number in direct[key]] for keys in people]
        return [self._expand(frozenset(numbers)) if numbers else _NONE for numbers in found]

    def of_each(self, keys: Sequence[str]) -> list[frozenset[str]]:
        """The same of people who have one key each."""
        self._seal()
        direct = self._direct(keys)
        return [self._expand(frozenset(direct[key])) if key in direct else _NONE for key in keys]

    def direct(self) -> Iterator[frozenset[str]]:
        """The keys of the members of each group, in the order of `names`. Nothing may be added behind it."""
        self._seal()
        self._db.execute("CREATE INDEX by_group ON member (grp, child)")
        for number in range(len(self._names)):
            found = self._db.execute("SELECT child FROM member WHERE grp = ?", (number,))
            yield frozenset(child for (child,) in found)

    def ways(self, keys: Collection[str]) -> dict[str, tuple[str, ...]]:
        """The groups on the shortest way into each group of a person, who is given by all keys that mean them."""
        self._seal()
        direct = self._direct(keys)
        waiting = deque((number, _NO_WAY) for numbers in direct.values() for number in numbers)
        ways: dict[str, tuple[str, ...]] = {}
        while waiting:
            number, way = waiting.popleft()
            name = self._names[number]
            if name not in ways:
                ways[name] = (*way, name)
                waiting.extend((parent, ways[name]) for parent in self._parents.get(number, ()))
        return ways

    def nobody(self, passed_over: str = "") -> tuple[int, list[str]]:
        """How many memberships lead to no group and to no person asked for in `of`, and the members of the first few.

        Args:
            passed_over: members in whose names this stands do not count.
        """
        self._seal()
        excused = self._db.execute("SELECT rowid FROM member WHERE child >= ? AND child < ?", _PRIMARIES).fetchall()
        if passed_over:
            excused += self._db.execute("SELECT rowid FROM member WHERE instr(child, ?)", (passed_over,)).fetchall()
        for (row,) in excused:
            self._met[row] = 1
        return self._met.count(0), [self._member(row) for row in islice(self._unmet(), NAMED)]

    def have_members(self) -> bool:
        """Whether any group names anything at all."""
        return self._named

    def close(self) -> None:
        """Give back the temporary file. May be called twice."""
        self._db.close()

    def _seal(self) -> None:
        if self._sealed:
            return
        self._db.execute("COMMIT")
        self._db.execute("CREATE INDEX by_child ON member (child, grp)")
        # One byte for each membership: names would take a hundred.
        self._met = bytearray(1 + (self._db.execute("SELECT max(rowid) FROM member").fetchone()[0] or 0))
        self._met[0] = 1  # rows are counted from 1
        numbers: dict[str, list[int]] = {}
        for number, name in enumerate(self._names):
            numbers.setdefault(name, []).append(number)
        parents = self._direct(numbers)
        self._parents = {number: parents[name] for name in parents for number in numbers[name]}
        self._sealed = True

    def _unmet(self) -> Iterator[int]:
        """The rows that led nowhere, from the first."""
        row = self._met.find(0)
        while row >= 0:
            yield row
            row = self._met.find(0, row + 1)

    def _member(self, row: int) -> str:
        return str(self._db.execute("SELECT child FROM member WHERE rowid = ?", (row,)).fetchone()[0])

    def _direct(self, keys: Iterable[str]) -> dict[str, list[int]]:
        """The groups that name each of these keys."""
        found: dict[str, list[int]] = {}
        met, remaining = self._met, iter(keys)
        while chunk := list(islice(remaining, _CHUNK)):
            marks = ",".join("?" * len(chunk))
            query = f"SELECT child, grp, rowid FROM member WHERE child IN ({marks})"  # noqa: S608 - only question marks
            for child, number, row in self._db.execute(query, chunk):
                if child in found:
                    found[child].append(number)
                else:
                    found[child] = [number]
                met[row] = 1
        return found

    def _expand_uncached(self, direct: frozenset[int]) -> frozenset[str]:
        """The names of these groups and of every group that they are in; a cycle is walked once."""
        seen, waiting = set(direct), list(direct)
        while waiting:
            for parent in self._parents.get(waiting.pop(), ()):
                if parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
        return frozenset(self._names[number] for number in seen)


class Seen:
    """Remembers ids without holding them in memory: 64 bits of each, the same as every dict looks at first.

    Two ids with the same bits would be told to be one, which makes a reading of a million people unproven once in
    thirty million times, and the next one not, because Python draws these bits anew in each process.
    """

    def __init__(self) -> None:
        self._db = scratch()
        self._db.execute("CREATE TABLE seen (id INTEGER PRIMARY KEY, page INTEGER NOT NULL)")
        self._db.execute("BEGIN")
        self._pages = 0

    def add(self, keys: Sequence[str]) -> list[bool]:
        """Remember the ids of one page; for each, whether it came for the first time."""
        self._pages += 1
        before = self._db.total_changes
        found = list(map(hash, keys))
        # In order, because neighbours share a page of the database.
        self._db.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", zip(sorted(found), repeat(self._pages)))
        if self._db.total_changes - before == len(found):
            return [True] * len(found)
        waiting = {key for key in found if self._page_of(key) == self._pages}
        return [_taken(waiting, key) for key in found]

    def close(self) -> None:
        """Give back the temporary file. May be called twice."""
        self._db.close()

    def _page_of(self, key: int) -> int:
        return int(self._db.execute("SELECT page FROM seen WHERE id = ?", (key,)).fetchone()[0])


def _taken(keys: set[int], key: int) -> bool:
    """Whether this key is still there; then it is taken out."""
    if key not in keys:
        return False
    keys.remove(key)
    return True


def dangling(groups: Groups, named: Callable[[str], str] = str, passed_over: str = "") -> Iterator[str]:
    """The sentence about memberships that lead to nobody who was read, if there are any; no doubt follows from them.

    Args:
        named: what to call a member.
        passed_over: see `Groups.nobody`.
    """
    count, members = groups.nobody(passed_over)
    if count:
        yield told_dangling(count, map(named, members))
