"""The first pass over an LDIF file: its groups, where each id is, how it ends, and what cannot be read in it."""

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from io import BufferedReader
from pathlib import Path

from iwds.core.dn import is_under, normalise_dn
from iwds.errors import SourceUnavailable
from iwds.sources._decode import Shaped, identity, shape
from iwds.sources._file import Metered, Stamp, buffered, changed, opened, stamp_of, stands
from iwds.sources._fileproof import Complete, Ending, settled
from iwds.sources._groups import Groups, member_keys, scratch
from iwds.sources._ldifparse import BadRecord, Record, records
from iwds.sources._stream import Doubts

_CLASS = "objectclass"


@dataclass(frozen=True, slots=True)
class Kind:
    """Which records are meant: at or below `base` (normalised, empty for anywhere), of an object class (lower-case)."""

    base: str
    object_class: str

    def holds(self, shaped: Shaped) -> bool:
        """Whether this record, shaped with its objectClass, is of the kind."""
        classes = [value.lower() for value in shaped.attrs.get(_CLASS, ())]
        return self.object_class in classes and (not self.base or is_under(normalise_dn(shaped.dn), self.base))


@dataclass(frozen=True, slots=True)
class Question:
    """What a survey looks for: the id attribute, the groups, the attribute that names their members, the proof."""

    path: Path
    id: str
    group: Kind | None
    members: str
    complete: Complete | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record is: 1-based line, and bytes from the start of the file."""

    line: int
    offset: int


class _Places:
    """Where each id is, without holding them in memory."""

    def __init__(self) -> None:
        self._db = scratch()
        self._db.execute("CREATE TABLE place (id TEXT PRIMARY KEY, line INTEGER, offset INTEGER) WITHOUT ROWID")
        self._db.execute("BEGIN")

    def add(self, key: str, place: Place) -> bool:
        """Remember a place; False where the id was known already."""
        added = self._db.execute("INSERT OR IGNORE INTO place VALUES (?, ?, ?)", (key, place.line, place.offset))
        return added.rowcount == 1

    def get(self, key: str) -> Place | None:
        row = self._db.execute("SELECT line, offset FROM place WHERE id = ?", (key,)).fetchone()
        return Place(*row) if row else None

    def close(self) -> None:
        self._db.close()


@dataclass(slots=True)
class Picture:
    """What the first pass found.

    Attributes:
        stamp: which state of the file this is.
        doubts: what speaks against the file so far.
        groups: its groups; to be used only where nothing speaks against the file.
    """

    question: Question
    stamp: Stamp
    ending: Ending = field(default_factory=partial(Ending, "record", "an empty line"))
    doubts: Doubts = field(default_factory=Doubts)
    groups: Groups = field(default_factory=Groups)
    _places: _Places = field(default_factory=_Places)
    _named: set[str] = field(default_factory=set)
    _last: Place | None = None
    _cut: Place | None = None

    def place(self, key: str) -> Place | None:
        """Where the first record with this id is; None too for the last one where that may be cut."""
        place = self._places.get(key)
        return None if place == self._cut else place

    def doubt_last(self) -> None:
        """The file is not proven, so that its last record, where nothing closes it, may lack lines."""
        if self._last is not None and not self.ending.closed:
            self._cut = self._last
            self.doubts.name("the last record may be cut, and was left out", f"{self.question.path}:{self._last.line}")

    def current(self) -> bool:
        """Whether the file is still in the state that was surveyed."""
        return stands(self.question.path, self.stamp)

    def close(self) -> None:
        """Give back the temporary files. May be called twice."""
        self.groups.close()
        self._places.close()

    def note(self, record: Record | BadRecord) -> None:
        """Take one record into account."""
        self.ending.items += 1
        if isinstance(record, BadRecord):
            self._last = None
            self.doubts.name("records that cannot be read were left out", self._where(record.line, record.why))
            return
        self._last = Place(record.line, record.offset)
        asked = self.question
        shaped = shape(record.dn, record.values, {asked.id, _CLASS, asked.members})
        key = identity(asked.id, shaped.attrs.get(asked.id))
        if key and not self._places.add(key, self._last):
            self.doubts.name(f"the same {asked.id} twice; the second was left out", self._where(record.line, shaped.dn))
        if asked.group and asked.group.holds(shaped):
            self._note_group(shaped, record.line)

    def _note_group(self, shaped: Shaped, line: int) -> None:
        members = shaped.attrs.get(self.question.members)
        if shaped.incomplete:
            self.doubts.name("groups with a part of their members (`range=`)", self._where(line, shaped.dn))
        elif members is None or "dn" in shaped.undecodable:
            self.doubts.name("groups with a member that is not text", self._where(line, shaped.dn))
        elif (
            name := normalise_dn(shaped.dn)
        ) in self._named:  # of two exports in one file, say: which one is of today?
            self.doubts.name("groups of one name", self._where(line, shaped.dn))
        else:
            self._named.add(name)
            self.groups.add(shaped.dn, member_keys(self.question.members, members))

    def _where(self, line: int, what: str) -> str:
        return f"{self.question.path}:{line}: {what}"


def survey(question: Question) -> Picture:
    """Pass over the file once. Raises `SourceUnavailable` or `AccessRefused` where it cannot be read."""
    with opened(question.path) as file:
        settled(question.complete, question.path, stamp_of(file))
        picture, metered = Picture(question, stamp_of(file)), Metered(file)
        try:
            lines = buffered(metered)
            _refuse_utf_16(lines, question.path)
            for record in records(_noted(lines, picture.ending)):
                picture.note(record)
            if not picture.current():
                raise changed(question.path)
        except BaseException:
            picture.close()
            raise
    picture.ending.sha256 = metered.sha256
    return picture


def _refuse_utf_16(file: BufferedReader, path: Path) -> None:
    if file.peek(2).startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise SourceUnavailable(f"{path} is UTF-16, and LDIF is UTF-8 (RFC 2849).", "Export it with ldapsearch -LLL.")


def _noted(lines: Iterable[bytes], ending: Ending) -> Iterator[bytes]:
    """The same lines, while `ending` is brought up to date."""
    last = b""
    for line in lines:
        text = line.rstrip(b"\r\n")
        if text:
            last = text
            ending.closed = ending.closed and text.startswith(b"#")
        else:
            ending.closed = True
        yield line
    ending.last_line = last.decode(errors="replace")
