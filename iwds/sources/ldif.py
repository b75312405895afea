"""Source kind `ldif`: a file of directory entries (RFC 2849), as slapcat and `ldapsearch -L` write it.

    sources:
      staff:
        kind: ldif
        path: staff.ldif
        realm: example-staff            # who this directory is, for ever; never change it
        users: {base: "ou=people,dc=example,dc=org", object_class: inetOrgPerson}
        groups: {object_class: groupOfNames, members: member}
        complete: {trailer: "# complete: {count}"}     # what the script writes last that exports it

A file does not say by itself that it is whole: an export that broke off is a correct file. It is proven by a trailer
with the number of records, by a configured number, or by a checksum, and unproven without one of these.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from iwds.core.dn import is_under, normalise_dn
from iwds.core.model import Anchor, Entry, Proof, View, fold
from iwds.core.selecting import Selection, selection_of
from iwds.errors import SourceUnavailable
from iwds.ports import MOST_FOUND, Finding, ignored
from iwds.sources import _fileproof as fileproof
from iwds.sources._check import foreign, of_proof, until_failure
from iwds.sources._decode import Shaped, identity, shape
from iwds.sources._file import changed, opened, same_bytes
from iwds.sources._fileproof import PROVE, UNPROVEN, objection, reason, reservations
from iwds.sources._groups import dangling, dn_key, login_key
from iwds.sources._ldifparse import BadRecord, Record, records
from iwds.sources._ldifsurvey import Kind, Picture, Place, Question, survey
from iwds.sources._stream import Canaries, Stream, Tally

Lower = Annotated[str, BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)]
_BATCH = 200

SELECTING = frozenset({"path", "realm", "id", "users", "groups"})
"""The settings that say who is read, and what of them; the others say how it is proven."""
BINDS = False
_COUNTED = "# numEntries:"
"""What ldapsearch writes below every listing, also below one that a limit of the server cut."""
_EXPORT = "Let the export put the file in place only where ldapsearch ended with 0, or write a trailer of its own then."


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Users(_Model):
    """Which records are people: at or below `base` (empty: anywhere), of this object class."""

    base: str = ""
    object_class: Lower = "inetorgperson"


class GroupRecords(_Model):
    """Which records are groups, and which attribute names their members.

    `login` is the people's attribute that memberUid values mean.
    """

    base: str = ""
    object_class: Lower = "groupofnames"
    members: Annotated[
        Literal["member", "uniquemember", "memberuid"],
        BeforeValidator(
            str.lower,
            json_schema_input_type=Literal["member", "uniqueMember", "memberUid", "uniquemember", "memberuid"],
        ),
    ] = "member"
    login: Lower = "uid"


class Complete(fileproof.Complete):
    """How an LDIF file proves that it is whole; its items are records, of any class."""

    @model_validator(mode="after")
    def _comment(self) -> "Complete":
        if self.trailer is not None and not self.trailer.startswith("#"):
            raise ValueError("the trailer must be a comment (`#`) that holds {count} once")
        return self


class Settings(_Model):
    """The settings of a source of kind `ldif`."""

    kind: Literal["ldif"]
    path: Path
    realm: str = Field(min_length=1)
    id: Lower = Field(default="entryuuid", min_length=1)
    users: Users = Users()
    groups: GroupRecords | None = None
    complete: Complete | None = None
    canaries: tuple[Annotated[str, Field(min_length=1)], ...] = ()


class LdifSource:
    """People from one LDIF file. The file may be replaced between readings; each reading is of one state of it."""

    def __init__(self, name: str, settings: Settings) -> None:
        self._name = name
        self._settings = settings
        self._people = Kind(normalise_dn(settings.users.base), settings.users.object_class)
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
        """All people of the file, in its order. It is passed over twice: for groups and ids, then for the people."""
        tally = self._tally(attributes)
        return Stream(self._entries(tally), lambda: self._proof(tally))

    def find(self, anchor: Anchor, attributes: Collection[str]) -> Entry | None:
        """One record by id, whatever its class and its place in the tree.

        Raises `SourceUnavailable` for an absent id where the file is not proven complete: what is missing may hold it.
        """
        wanted = frozenset(attributes)
        with self._lock:
            found = self._look_up(anchor, wanted)
            if found is None:
                return None
            picture, shaped = found
            return self._entry(shaped, wanted, self._groups([shaped], picture)[0])

    def search(self, text: str, by: Collection[str], attributes: Collection[str]) -> Sequence[Entry]:
        """The records that a text may mean. The file is passed over for it: no index knows what they hold.

        Raises `SourceUnavailable` for nobody where the file is not proven complete: what is missing may hold them.
        """
        wanted = frozenset(attributes)
        with self._lock:
            picture = self._known()
            found = list(islice(self._meant(picture, text, frozenset(by), wanted), MOST_FOUND))
            if not found and picture.doubts:
                raise SourceUnavailable(f"{self._settings.path} has nobody called {text}, {UNPROVEN}.", PROVE)
            groups = self._groups(found, picture)
            return [self._entry(shaped, wanted, mine) for shaped, mine in zip(found, groups, strict=True)]

    def paths(self, anchor: Anchor) -> Mapping[str, tuple[str, ...]]:
        """How one person comes into each group. Raises like `find`."""
        with self._lock:
            found = self._look_up(anchor, frozenset())
            if found is None or self._settings.groups is None or found[0].doubts:
                return {}
            return found[0].groups.ways(self._keys(found[1]))

    def selects(self, anchor: Anchor) -> bool:
        """Whether this record is a person of the configured base and class. Raises like `find`."""
        with self._lock:
            found = self._look_up(anchor, frozenset())
            return found is not None and self._people.holds(found[1])

    def deleted(self, anchor: Anchor) -> bool:
        """Never: an export says nothing of who was deleted."""
        self._ours(anchor)
        return False

    def changes(self, attributes: Collection[str]) -> None:
        """A file does not say what changed in it."""

    def confirm(self, proof: Proof) -> Sequence[str]:
        """Whether the file is still byte for byte the one that was read."""
        return same_bytes(self._settings.path, proof.view.mark)

    def shows(self, place: str) -> bool:
        """Whether anything at or below a place is in the file; an export may lack the place itself."""
        with opened(self._settings.path) as file:
            return any(
                is_under(normalise_dn(shape(record.dn, {}, ()).dn), place)
                for record in records(file)
                if isinstance(record, Record)
            )

    def check(self, attributes: Collection[str], see: Callable[[Entry], None] = ignored) -> Iterator[Finding]:
        """What the file holds, whether it proves to be whole, and which attributes nobody has."""
        return until_failure("file", self._findings(attributes, see))

    def close(self) -> None:
        """Give back the index of the file."""
        with self._lock:
            if self._picture is not None:
                self._picture.close()
                self._picture = None

    def _findings(self, attributes: Collection[str], see: Callable[[Entry], None]) -> Iterator[Finding]:
        tally = self._tally(attributes)
        for entry in self._entries(tally):
            see(entry)
        proof = self._proof(tally)
        yield Finding(True, "search", proof.asked)
        yield from of_proof(replace(proof, problems=tally.problems(tally.doubts.listed())))
        complete = self._settings.complete
        if complete is not None and complete.trailer is not None and _COUNTED in complete.trailer:
            yield Finding(True, "proof", f"`{_COUNTED}` counts what came, be it cut by a limit", _EXPORT, warning=True)

    def _tally(self, attributes: Collection[str]) -> Tally:
        return Tally(self._name, frozenset(attributes), Canaries(self._settings.canaries))

    def _look_up(self, anchor: Anchor, attributes: Collection[str]) -> tuple[Picture, Shaped] | None:
        """The record with this id, in the file as it is now. Raises `ForeignRealm` for somebody of another one."""
        self._ours(anchor)
        picture = self._known()
        place = picture.place(identity(self._settings.id, (anchor.id,)))
        if place is not None:
            return picture, self._shaped_at(place, attributes)
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
            self._picture = self._survey()
        return self._picture

    def _survey(self) -> Picture:
        """Pass over the file, and judge whether it is whole."""
        settings, groups = self._settings, self._settings.groups
        kind = Kind(normalise_dn(groups.base), groups.object_class) if groups else None
        picture = survey(
            Question(settings.path, settings.id, kind, groups.members if groups else "", settings.complete)
        )
        if doubt := objection(settings.complete, settings.path, picture.ending):
            picture.doubts.say(f"{settings.path} {doubt}")
            picture.doubt_last()
        for doubt in reservations(settings.complete, picture.ending, picture.stamp):
            picture.doubts.say(f"{settings.path} {doubt}")
        return picture

    def _entries(self, tally: Tally) -> Iterator[Entry]:
        picture = self._survey()
        try:
            with opened(self._settings.path) as file:
                people = self._people_in(records(file), picture, tally)
                while batch := list(islice(people, _BATCH)):
                    entries = list(self._batch(batch, picture, tally.attributes))
                    tally.saw(entries)
                    yield from entries
            if not picture.current():
                raise changed(self._settings.path)
            self._conclude(picture, tally)
        finally:
            picture.close()

    def _people_in(
        self, found: Iterable[Record | BadRecord], picture: Picture, tally: Tally
    ) -> Iterator[tuple[Shaped, int]]:
        """The records that are people, each with its line; what is wrong with one goes into the tally."""
        for record in found:
            if isinstance(record, BadRecord):
                continue
            shaped = self._shape(record, {*tally.attributes, *tally.canaries.attributes})
            if not self._people.holds(shaped):
                continue
            where = f"{self._settings.path}:{record.line}: {shaped.dn}"
            for attribute in shaped.undecodable:
                tally.doubts.name(f"people whose {attribute} is not text", where)
            key = identity(self._settings.id, shaped.attrs.get(self._settings.id))
            if not key:
                tally.doubts.name(f"people without {self._settings.id} were left out", where)
            elif picture.place(key) == Place(record.line, record.offset):
                tally.canaries.saw(shaped.dn, key, shaped.attrs)
                yield shaped, record.line

    def _batch(self, batch: list[tuple[Shaped, int]], picture: Picture, attributes: Collection[str]) -> Iterator[Entry]:
        groups = self._groups([shaped for shaped, _ in batch], picture)
        for (shaped, _), mine in zip(batch, groups, strict=True):
            yield self._entry(shaped, attributes, mine)

    def _shaped_at(self, place: Place, attributes: Collection[str]) -> Shaped:
        with opened(self._settings.path) as file:
            file.seek(place.offset)
            record = next(records(file, place.line, place.offset), None)
        if not isinstance(record, Record):
            raise changed(self._settings.path)
        return self._shape(record, attributes)

    def _shape(self, record: Record, attributes: Collection[str]) -> Shaped:
        settings = self._settings
        login = {settings.groups.login} if settings.groups else set()
        return shape(record.dn, record.values, {*attributes, settings.id, "objectclass", *login})

    def _groups(self, people: list[Shaped], picture: Picture) -> list[frozenset[str] | None]:
        """The groups of these people; not known where any part of the file may be missing, groups among it."""
        groups = self._settings.groups
        if groups is None or picture.doubts:
            return [None] * len(people)
        return list(picture.groups.of([self._keys(shaped) for shaped in people]))

    def _keys(self, person: Shaped) -> list[str]:
        """What groups name this person by."""
        groups = self._settings.groups
        if groups is not None and groups.members == "memberuid":
            return [login_key(login) for login in person.attrs.get(groups.login, ())]
        return [dn_key(person.dn)]

    def _meant(self, picture: Picture, text: str, by: frozenset[str], attributes: frozenset[str]) -> Iterator[Shaped]:
        """The records with an id whose name or id a text is, or whose value in one of these attributes."""
        key, name, value = identity(self._settings.id, (text,)), normalise_dn(text), fold(text)
        with opened(self._settings.path) as file:
            for record in records(file) if value else ():
                if isinstance(record, BadRecord):
                    continue
                shaped = self._shape(record, attributes | by)
                mine = identity(self._settings.id, shaped.attrs.get(self._settings.id))
                known = picture.place(mine) if mine else None
                if known != Place(record.line, record.offset):
                    continue
                values = (fold(each) for attribute in by for each in shaped.attrs.get(attribute, ()))
                if mine == key or normalise_dn(shaped.dn) == name or value in values:
                    yield shaped

    def _entry(self, shaped: Shaped, attributes: Collection[str], groups: frozenset[str] | None) -> Entry:
        key = identity(self._settings.id, shaped.attrs.get(self._settings.id))
        shown = {name: shaped.attrs[name] for name in attributes if name in shaped.attrs}
        return Entry(Anchor(self._settings.realm, key), shaped.dn, shown, groups)

    def _conclude(self, picture: Picture, tally: Tally) -> None:
        """What the file says of its own completeness becomes part of the proof."""
        tally.view = View(mark=picture.ending.sha256)
        if self._settings.complete is not None and not picture.doubts:
            tally.reasons.append(reason(self._settings.complete, picture.ending))
        if self._settings.groups is not None and picture.doubts:
            picture.doubts.say("nobody's groups are known, because the file may lack some")
        elif self._settings.groups is not None:
            tally.reasons += dangling(picture.groups)
        tally.doubts.take(picture.doubts)

    def _proof(self, tally: Tally) -> Proof:
        users = self._settings.users
        below = f" at or below {users.base}" if users.base else ""
        return tally.proof(self._settings.realm, f"objectClass={users.object_class}{below} in {self._settings.path}")


def connect(name: str, settings: Settings) -> LdifSource:
    """The source that these settings describe; the file is opened when it is read."""
    return LdifSource(name, settings)


def ends_with(data: bytes, trailer: str) -> bool:  # noqa: ARG001 - as of every kind of file
    """Never: a trailer here is a comment, which is in nobody's way."""
    return False


def usual(file: Path) -> Mapping[str, object]:  # noqa: ARG001 - as of every kind of file
    """Settings by which people in an export of any directory are found."""
    return {
        "kind": "ldif",
        "realm": "entries",
        "users": {"object_class": "person"},
        "groups": {"object_class": "groupOfNames"},
    }


def selection(name: str, settings: Settings) -> Selection:
    """Whom these settings select, so that a captured reading can answer for others."""
    users, told = settings.users, settings.model_dump(mode="json", include={"groups", "id", "realm"})
    told["path"] = settings.path.name  # the folder is another one on another machine
    return selection_of((users.base,), "subtree", f"(objectClass={users.object_class})", told, f"Source {name}")
