"""Source kind `csv`: a table with a row for each person, as human resources, a school or a spreadsheet exports it.

    sources:
      hr:
        kind: csv
        path: hr.csv
        realm: example-hr               # who this file speaks for, for ever; never change it
        id: employee_id                 # the column that a person is known by for ever
        columns: {department: Abteilung}             # attribute: heading; all others are called by their heading
        lists: {teams: ";"}
        groups: {column: teams}         # or a second file: {path: members.csv, person: employee_id, group: team}
        enabled: {column: status, yes: [active], no: [left]}
        complete: {trailer: "END;{count}", not_older_than: 26h}

A file does not say by itself that it is whole; see `_fileproof`. It is passed over twice: for ids, groups and proof,
and then for the people, so that nobody is given of whom two rows speak.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from iwds.core.model import Anchor, Entry, Proof, View, fold
from iwds.core.nearest import close as nearest
from iwds.core.selecting import ANYBODY, Selection
from iwds.errors import SourceUnavailable
from iwds.ports import MOST_FOUND, Finding, ignored
from iwds.sources._check import foreign, of_proof, until_failure
from iwds.sources._csventries import Maker
from iwds.sources._csvsettings import Settings as Settings
from iwds.sources._csvsurvey import Picture, Place, person_named, survey
from iwds.sources._csvtable import Row, Sheet, lines_of, row_at, rows_of, table_of
from iwds.sources._decode import identity
from iwds.sources._file import changed, opened, same_bytes
from iwds.sources._fileproof import PROVE, UNPROVEN, is_trailer, reason
from iwds.sources._groups import dangling
from iwds.sources._stream import Canaries, Doubts, Stream, Tally

SELECTING = frozenset({"path", "realm", "id", "columns", "lists", "groups", "enabled", "absent"})
"""The settings that say who is read, and what of them; the others say how the file is written, and how it is proven."""
BINDS = False
_BATCH = 200


class CsvSource:
    """People from one CSV file. The file may be replaced between readings; each reading is of one state of it."""

    def __init__(self, name: str, settings: Settings) -> None:
        self._name = name
        self._settings = settings
        self._lock = threading.Lock()
        self._picture: Picture | None = None

    @property
    def name(self) -> str:
        """The source's name in the configuration."""
        return self._name

    @property
    def answered_by(self) -> str:
        """The file."""
        return str(self._settings.path)

    @property
    def indexed(self) -> bool:
        """A file is read from its beginning to its end, whoever is meant."""
        return False

    def read(self, attributes: Collection[str]) -> Stream:
        """All people of the file, in its order."""
        tally = self._tally(attributes)
        return Stream(self._entries(tally), lambda: self._proof(tally))

    def find(self, anchor: Anchor, attributes: Collection[str]) -> Entry | None:
        """The person with this id.

        Raises `SourceUnavailable` for an absent id where the file is not proven complete: what is missing may hold it.
        """
        with self._lock:
            found = self._look_up(anchor)
            if found is None:
                return None
            picture, row = found
            return self._maker(picture, attributes).entry(row, Doubts())

    def search(self, text: str, by: Collection[str], attributes: Collection[str]) -> Sequence[Entry]:
        """The rows that a text may mean: by their id, by file and line, or by a value. The file is passed over for it.

        Raises `SourceUnavailable` for nobody where the file is not proven complete: what is missing may hold them.
        """
        with self._lock:
            picture = self._known()
            found = list(islice(self._meant(picture, text, by), MOST_FOUND))
            if not found and picture.doubts:
                raise SourceUnavailable(f"{self._settings.path} has nobody called {text}, {UNPROVEN}.", PROVE)
            maker = self._maker(picture, attributes)
            return [maker.entry(row, Doubts()) for row in found]

    def paths(self, anchor: Anchor) -> Mapping[str, tuple[str, ...]]:
        """Every group names its people itself, or they name it. Raises like `find`."""
        entry = self.find(anchor, ())
        return {group: (group,) for group in (entry.groups if entry else None) or ()}

    def selects(self, anchor: Anchor) -> bool:
        """Whether this person has a row: each row is somebody. Raises like `find`."""
        with self._lock:
            return self._look_up(anchor) is not None

    def deleted(self, anchor: Anchor) -> bool:
        """Never: an export says nothing of who was deleted."""
        self._ours(anchor)
        return False

    def changes(self, attributes: Collection[str]) -> None:
        """A file does not say what changed in it."""

    def confirm(self, proof: Proof) -> Sequence[str]:
        """Whether each file is still byte for byte the one that was read."""
        files = [self._settings.path]
        if self._settings.groups is not None and self._settings.groups.path is not None:
            files.append(self._settings.groups.path)
        marks = zip(files, proof.view.mark.split(), strict=True)
        return [told for file, mark in marks for told in same_bytes(file, mark)]

    def shows(self, place: str) -> bool:
        """A table has no places."""
        return not place

    def check(self, attributes: Collection[str], see: Callable[[Entry], None] = ignored) -> Iterator[Finding]:
        """What the file holds, whether it proves to be whole, and what the mapping reads that it lacks."""
        return until_failure("file", self._findings(attributes, see))

    def close(self) -> None:
        """Give back the index of the file."""
        with self._lock:
            if self._picture is not None:
                self._picture.close()
                self._picture = None

    def _findings(self, attributes: Collection[str], see: Callable[[Entry], None]) -> Iterator[Finding]:
        tally = self._tally(attributes)
        with self._lock:
            picture = self._known()
        for scan in picture.scans:
            rows = "one row" if scan.ending.items == 1 else f"{scan.ending.items:,} rows"
            yield Finding(True, "file", f"{scan.path}: {rows}, {scan.table}")
        for entry in self._entries(tally):
            see(entry)
        proof = self._proof(tally)
        columns = picture.people.table.names
        presence = {name: count for name, count in proof.presence.items() if name in columns}
        yield from of_proof(replace(proof, presence=presence, problems=tally.problems(tally.doubts.listed())))
        for name in sorted({*attributes} - {*columns, *self._settings.absent}):
            advice = (
                "Nothing follows from it. Name its heading under `columns`; or the attribute under `absent`, where only"
                " other directories of the mapping have it."
            )
            yield Finding(
                True, "attributes", f"there is no column {name}{nearest(name, columns)}", advice, warning=True
            )

    def _tally(self, attributes: Collection[str]) -> Tally:
        return Tally(self._name, frozenset(attributes), Canaries(self._settings.canaries))

    def _look_up(self, anchor: Anchor) -> tuple[Picture, Row] | None:
        """The row with this id, in the file as it is now. Raises `ForeignRealm` for somebody of another one."""
        self._ours(anchor)
        picture = self._known()
        place = picture.place(identity(self._settings.id, (anchor.id,)))
        if place is not None:
            return picture, self._row_at(picture, place)
        if picture.doubts:
            raise SourceUnavailable(f"{self._settings.path} has no {self._settings.id} {anchor.id}, {UNPROVEN}.", PROVE)
        return None

    def _ours(self, anchor: Anchor) -> None:
        if anchor.realm != self._settings.realm:
            raise foreign(self._name, self._settings.realm, anchor)

    def _known(self) -> Picture:
        """The picture of the file as it is now; it is taken again only when the file has changed."""
        if self._picture is None or not self._picture.current():
            if self._picture is not None:
                self._picture.close()
                self._picture = None
            self._picture = survey(self._settings)
        return self._picture

    def _row_at(self, picture: Picture, place: Place) -> Row:
        with opened(self._settings.path) as file:
            row = row_at(picture.people.table, file, place.line, place.offset)
        if not isinstance(row, Row) or not picture.current():
            raise changed(self._settings.path)
        return row

    def _rows(self, picture: Picture) -> Iterator[Row]:
        """The rows that are believed."""
        table, settings = picture.people.table, self._settings
        with opened(settings.path) as file:
            file.seek(table.offset)
            lines = lines_of(table, file, settings.complete.trailer if settings.complete else None)
            for row, believed in zip(rows_of(table, lines), picture.believed, strict=False):
                if believed and isinstance(row, Row):
                    yield row
        if not picture.current():
            raise changed(settings.path)

    def _entries(self, tally: Tally) -> Iterator[Entry]:
        picture = survey(self._settings)
        try:
            maker = self._maker(picture, {*tally.attributes, *tally.canaries.attributes})
            rows = self._rows(picture)
            while batch := list(islice(rows, _BATCH)):
                entries = maker.entries(batch, tally.doubts)
                for entry in entries:
                    tally.canaries.saw(entry.name, entry.anchor.id, entry.attrs)
                tally.saw(entries)
                yield from entries
            if not picture.current():
                raise changed(self._settings.path)
            self._conclude(picture, tally)
        finally:
            picture.close()

    def _maker(self, picture: Picture, attributes: Collection[str]) -> Maker:
        return Maker(self._settings, picture, attributes)

    def _meant(self, picture: Picture, text: str, by: Collection[str]) -> Iterator[Row]:
        """The rows whose name or id a text is, or whose value in one of these attributes."""
        maker, key, value = self._maker(picture, by), identity(self._settings.id, (text,)), fold(text)
        for row in self._rows(picture) if value else ():
            entry = maker.entry(row, Doubts())
            values = (fold(each) for name in by for each in entry.attrs.get(name, ()))
            if entry.anchor.id == key or entry.name == text or value in values:
                yield row

    def _conclude(self, picture: Picture, tally: Tally) -> None:
        """What the files say of their own completeness becomes part of the proof."""
        tally.view = View(mark=picture.mark)
        doubts = picture.doubts
        if not doubts:
            settings = self._settings
            proofs = (settings.complete, settings.groups.complete if settings.groups else None)
            for complete, scan in zip(proofs, picture.scans, strict=False):
                if complete is not None:
                    told = reason(complete, scan.ending)
                    tally.reasons.append(told if scan is picture.people else f"{scan.path.name}: {told}")
            tally.reasons += dangling(picture.groups, person_named)
        elif self._settings.groups is not None:
            doubts.say("nobody's groups are known, because the file may lack some")
        tally.doubts.take(doubts)

    def _proof(self, tally: Tally) -> Proof:
        return tally.proof(self._settings.realm, f"every row of {self._settings.path}")


def connect(name: str, settings: Settings) -> CsvSource:
    """The source that these settings describe; the file is opened when it is read."""
    return CsvSource(name, settings)


def ends_with(data: bytes, trailer: str) -> bool:
    """Whether the last line of a file is this trailer, and no row, whatever it is written in; False for no trailer."""
    last = data.replace(b"\0", b"").rstrip().rpartition(b"\n")[2]
    return any(is_trailer(trailer, last.decode(each, errors="replace")) for each in ("utf-8", "cp1252") if trailer)


def usual(file: Path) -> Mapping[str, object]:
    """Settings by which any table is read: the id is its first column."""
    with opened(file) as table:
        return {"kind": "csv", "realm": "entries", "id": table_of(Sheet(file), table).names[0]}


def selection(name: str, settings: Settings) -> Selection:  # noqa: ARG001 - as of every source
    """Whom these settings select, so that a captured reading can answer for others: everybody in the file."""
    told = settings.model_dump(mode="json", include=set(SELECTING) - {"path", "groups"})
    if settings.groups is not None:
        told["groups"] = settings.groups.model_dump(mode="json", include={"column", "person", "group"})
    told["path"] = settings.path.name  # the folder is another one on another machine
    return replace(ANYBODY, rest=told)
