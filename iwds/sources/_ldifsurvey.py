"""The first pass over an LDIF file: its groups, where each id is, how it ends, and what cannot be read in it."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from iwds.core.dn import is_under, normalise_dn
from iwds.errors import AccessRefused, SourceUnavailable
from iwds.sources._decode import Shaped, identity, shape
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
    """What a survey looks for: the id attribute, the groups, and the attribute that names their members."""

    path: Path
    id: str
    group: Kind | None
    members: str


@dataclass(slots=True)
class Ending:
    """How the file ended.

    Attributes:
        records: records in it, unreadable ones included.
        last_line: its last line that is not empty.
        closed: True where an empty line stands behind the last record.
        sha256: checksum of all bytes, hexadecimal.
    """

    records: int = 0
    last_line: bytes = b""
    closed: bool = True
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record is: 1-based line, and bytes from the start of the file."""

    line: int
    offset: int


Stamp = tuple[int, int, int, int]


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
    ending: Ending = field(default_factory=Ending)
    doubts: Doubts = field(default_factory=Doubts)
    groups: Groups = field(default_factory=Groups)
    _places: _Places = field(default_factory=_Places)

    def place(self, key: str) -> Place | None:
        """Where the first record with this id is."""
        return self._places.get(key)

    def current(self) -> bool:
        """Whether the file is still in the state that was surveyed."""
        try:
            return _stamp(os.stat(self.question.path)) == self.stamp
        except OSError:
            return False

    def close(self) -> None:
        """Give back the temporary files. May be called twice."""
        self.groups.close()
        self._places.close()

    def note(self, record: Record | BadRecord) -> None:
        """Take one record into account."""
        self.ending.records += 1
        if isinstance(record, BadRecord):
            self.doubts.name("records that cannot be read were left out", self._where(record.line, record.why))
            return
        asked = self.question
        shaped = shape(record.dn, record.values, {asked.id, _CLASS, asked.members})
        key = identity(asked.id, shaped.attrs.get(asked.id))
        if key and not self._places.add(key, Place(record.line, record.offset)):
            self.doubts.name(f"the same {asked.id} twice; the second was left out", self._where(record.line, shaped.dn))
        if asked.group and asked.group.holds(shaped):
            self._note_group(shaped, record.line)

    def _note_group(self, shaped: Shaped, line: int) -> None:
        members = shaped.attrs.get(self.question.members)
        if members is None or "dn" in shaped.undecodable:
            self.doubts.name("groups with a member that is not text", self._where(line, shaped.dn))
        else:
            self.groups.add(shaped.dn, member_keys(self.question.members, members))

    def _where(self, line: int, what: str) -> str:
        return f"{self.question.path}:{line}: {what}"


def survey(question: Question) -> Picture:
    """Pass over the file once. Raises `SourceUnavailable` or `AccessRefused` where it cannot be read."""
    with opened(question.path) as file:
        picture = Picture(question, _stamp(os.fstat(file.fileno())))
        try:
            for record in records(_metered(file, picture.ending)):
                picture.note(record)
        except BaseException:
            picture.close()
            raise
    return picture


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file, with every complaint of the system as an error of ours."""
    try:
        with path.open("rb") as file:
            yield file
    except PermissionError as refused:
        raise AccessRefused(
            f"{path} may not be read by this user.", "Give the account of iwds read access."
        ) from refused
    except FileNotFoundError as missing:
        raise SourceUnavailable(
            f"{path} does not exist.", "See whether the export ran, and where it writes."
        ) from missing
    except OSError as failed:
        raise SourceUnavailable(f"{path} could not be read: {failed.strerror or failed}.") from failed


def _metered(lines: Iterable[bytes], ending: Ending) -> Iterator[bytes]:
    """The same lines, while `ending` is brought up to date."""
    checksum = hashlib.sha256()
    for line in lines:
        checksum.update(line)
        text = line.rstrip(b"\r\n")
        if text:
            ending.last_line = text
            ending.closed = ending.closed and text.startswith(b"#")
        else:
            ending.closed = True
        yield line
    ending.sha256 = checksum.hexdigest()


def _stamp(stat: os.stat_result) -> Stamp:
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns
