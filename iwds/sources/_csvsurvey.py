"""The first pass over a CSV file: where each id is, which rows are believed, how it ends, and what is wrong with it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from iwds.core.model import fold
from iwds.sources._csvsettings import Complete, Groups, Settings
from iwds.sources._csvtable import BadRow, Row, Sheet, Table, lines_of, rows_of, table_of
from iwds.sources._decode import identity
from iwds.sources._file import Metered, Stamp, buffered, changed, opened, stamp_of, stands
from iwds.sources._fileproof import Ending, is_trailer, objection, resembles, reservations, settled
from iwds.sources._groups import Groups as Members
from iwds.sources._groups import scratch
from iwds.sources._stream import Doubts

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody's row is: its number among the rows, its 1-based line, bytes from the start of the file."""

    number: int
    line: int
    offset: int


class _Places:
    """Where each id is, without holding them in memory."""

    def __init__(self) -> None:
        self._db = scratch()
        self._db.execute("CREATE TABLE place (id TEXT PRIMARY KEY, number INTEGER, line INTEGER, offset INTEGER)")
        self._db.execute("BEGIN")
        self._waiting: list[tuple[str, int, int, int]] = []

    def add(self, key: str, place: tuple[int, int, int]) -> bool:
        """Remember a place; True where it is time to put away what waits."""
        self._waiting.append((key, *place))
        return len(self._waiting) == _BATCH

    def flush(self) -> Iterator[tuple[str, Place, Place]]:
        """Put away what waits; the ids that stand twice are given, with both places."""
        before, waiting = self._db.total_changes, self._waiting
        self._db.executemany("INSERT OR IGNORE INTO place VALUES (?, ?, ?, ?)", waiting)
        self._waiting = []
        if self._db.total_changes - before < len(waiting):
            for key, *rest in waiting:
                first = self.get(key)
                if first is not None and first.number != rest[0]:
                    yield key, first, Place(*rest)

    def get(self, key: str) -> Place | None:
        row = self._db.execute("SELECT number, line, offset FROM place WHERE id = ?", (key,)).fetchone()
        return Place(*row) if row else None

    def ids(self) -> Iterator[str]:
        return (key for (key,) in self._db.execute("SELECT id FROM place"))

    def close(self) -> None:
        self._db.close()


@dataclass(slots=True)
class Scan:
    """One file, passed over.

    Attributes:
        doubts: what speaks against it.
        last: the line of the row that came last; 0 where there is none that can be read.
    """

    table: Table
    stamp: Stamp
    ending: Ending = field(default_factory=partial(Ending, "row", "a line end"))
    doubts: Doubts = field(default_factory=Doubts)
    last: int = 0

    @property
    def path(self) -> Path:
        """The file."""
        return self.table.path

    def current(self) -> bool:
        """Whether the file is still in the state that was passed over."""
        return stands(self.path, self.stamp)

    def left_out(self, row: BadRow) -> None:
        """A row that cannot be read."""
        self.doubts.name("rows that cannot be read were left out", self.where(row.line, row.why))
        if row.ends:
            self.doubts.say(f"nothing behind line {row.line} of {self.path} can be read")

    def where(self, line: int, what: str) -> str:
        """A place for people."""
        return f"{self.path}:{line}: {what}"


def _scanned(sheet: Sheet, complete: Complete | None, file: BinaryIO) -> Iterator[tuple[Scan, Row | BadRow | None]]:
    """Pass over an open file once; None comes last, and the scan is complete then."""
    settled(complete, sheet.path, stamp_of(file))
    stamp, metered = stamp_of(file), Metered(file)
    scan = Scan(table_of(sheet, file), stamp)
    file.seek(0)
    whole = buffered(metered)
    whole.read(scan.table.offset)  # the checksum is of this too
    lines = lines_of(scan.table, whole, complete.trailer if complete else None)
    for row in rows_of(scan.table, lines):
        scan.ending.items += 1
        scan.last = row.line if isinstance(row, Row) else 0
        if isinstance(row, BadRow):
            scan.left_out(row)
        yield scan, row
    for _ in whole:  # what stands behind an open quote
        pass
    scan.ending.last_line, scan.ending.closed, scan.ending.sha256 = lines.last, lines.closed, metered.sha256
    if not scan.current():
        raise changed(sheet.path)
    yield scan, None


def _judged(scan: Scan, complete: Complete | None) -> bool:
    """Note whether the file is believed; False where its last row may be cut, or be no row."""
    whole = objection(complete, scan.path, scan.ending)
    for doubt in (whole, *reservations(complete, scan.ending, scan.stamp)):
        if doubt:
            scan.doubts.say(f"{scan.path} {doubt}")
    if not whole or scan.last == 0:
        return True
    trailer = complete.trailer if complete else None
    if not scan.ending.closed:
        scan.doubts.name("the last row may be cut, and was left out", f"{scan.path}:{scan.last}")
    elif trailer and resembles(trailer, scan.ending.last_line) and not is_trailer(trailer, scan.ending.last_line):
        scan.doubts.name("the last row looks like the trailer, and was left out", f"{scan.path}:{scan.last}")
    else:
        return True
    return False


@dataclass(slots=True)
class Picture:
    """What the first pass found.

    Attributes:
        people: the file of people.
        members: the file of memberships, where there is one, and who is in which group by it.
        believed: for each row of the people's file 1 where somebody may follow from it.
    """

    people: Scan
    believed: bytearray
    _places: _Places
    members: Scan | None = None
    groups: Members = field(default_factory=Members)

    def place(self, key: str) -> Place | None:
        """Where the one row with this id is that is believed."""
        place = self._places.get(key)
        return place if place is not None and self.believed[place.number] else None

    def knows_one_like(self, keys: Collection[str]) -> bool:
        """Whether an id is one of these but for case and zeros in front, which a spreadsheet takes away."""
        return bool(keys) and any(_alike(key) in keys for key in self._places.ids())

    @property
    def doubts(self) -> Doubts:
        """What speaks against either file."""
        both = Doubts()
        for scan in self.scans:
            both.take(scan.doubts)
        return both

    @property
    def scans(self) -> tuple[Scan, ...]:
        """Both files, or the one."""
        return (self.people,) if self.members is None else (self.people, self.members)

    @property
    def mark(self) -> str:
        """The checksums of the files."""
        return " ".join(scan.ending.sha256 for scan in self.scans)

    def current(self) -> bool:
        """Whether the files are still in the state that was surveyed."""
        return all(scan.current() for scan in self.scans)

    def close(self) -> None:
        """Give back the temporary files. May be called twice."""
        self.groups.close()
        self._places.close()


def survey(settings: Settings) -> Picture:
    """Pass over the files once. Raises `SourceUnavailable` or `AccessRefused` where one cannot be read."""
    picture = _survey_people(settings)
    try:
        if settings.groups is not None and settings.groups.path is not None:
            picture.members = _survey_members(settings, settings.groups, settings.groups.path, picture)
    except BaseException:
        picture.close()
        raise
    return picture


_PERSON = "PERSON "


def person_key(key: str) -> str:
    """What a person is called among the groups; no group's name, once normalised, has a capital."""
    return f"{_PERSON}{key}"


def person_named(member: str) -> str:
    """The key of whom this names among the groups."""
    return member.removeprefix(_PERSON)


def _alike(key: str) -> str:
    return fold(key).lstrip("0")


def sheet_of(settings: Settings) -> Sheet:
    """The file of people as it is configured."""
    return Sheet(settings.path, *settings.dialect, settings.columns, settings.needed)


def _survey_people(settings: Settings) -> Picture:
    believed, places = bytearray(), _Places()
    try:
        with opened(settings.path) as file:
            for scan, row in _scanned(sheet_of(settings), settings.complete, file):
                if row is None:
                    continue
                believed.append(0)
                if isinstance(row, Row):
                    _note_person(scan, row, (settings.id, believed, places))
        _unbelieve(scan, settings.id, believed, places.flush())
        if not _judged(scan, settings.complete):
            believed[-1] = 0
    except BaseException:
        places.close()
        raise
    return Picture(scan, believed, places)


def _note_person(scan: Scan, row: Row, where: tuple[str, bytearray, _Places]) -> None:
    name, believed, places = where
    key = identity(name, (row.cells[scan.table.names.index(name)],))
    if not key:
        scan.doubts.name(f"rows without {name} were left out", f"{scan.path}:{row.line}")
        return
    believed[-1] = 1
    if places.add(key, (len(believed) - 1, row.line, row.offset)):
        _unbelieve(scan, name, believed, places.flush())


def _unbelieve(scan: Scan, name: str, believed: bytearray, twice: Iterator[tuple[str, Place, Place]]) -> None:
    """Of two rows with one id nobody knows which is right."""
    for key, first, second in twice:
        believed[first.number] = believed[second.number] = 0
        told = scan.where(second.line, f"{key} stands on line {first.line} too")
        scan.doubts.name(f"the same {name} twice; both rows were left out", told)


def _survey_members(settings: Settings, groups: Groups, path: Path, picture: Picture) -> Scan:
    columns = {"person": groups.person or settings.columns.get(settings.id, settings.id), "group": groups.group}
    sheet = Sheet(path, *settings.members_dialect, columns, columns.keys())
    numbers: dict[str, int] = {}
    anybody, strangers = False, set[str]()
    with opened(path) as file:
        for scan, row in _scanned(sheet, groups.complete, file):
            if isinstance(row, Row):
                person, group = (row.cells[scan.table.names.index(name)].strip() for name in ("person", "group"))
                if not person or not group:
                    scan.doubts.name("memberships without a person or a group", f"{scan.path}:{row.line}")
                    continue
                if group not in numbers:
                    numbers[group] = len(numbers)
                    picture.groups.add(group, ())
                key = identity(settings.id, (person,))
                picture.groups.also(numbers[group], (person_key(key),))
                anybody = anybody or picture.place(key) is not None
                if not anybody:
                    strangers.add(_alike(key))
    if not anybody and picture.knows_one_like(strangers):
        scan.doubts.say(f"{path} writes ids in another way than {settings.path}, and means nobody by them")
    _judged(scan, groups.complete)
    return scan
