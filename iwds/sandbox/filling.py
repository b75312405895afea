"""People in great numbers, all of them invented."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from iwds.core.devices import DeviceKind
from iwds.sandbox.codes import CodeType, Purpose
from iwds.sandbox.devices import PUSHED
from iwds.sandbox.people import hashed
from iwds.sandbox.schema import furnish
from iwds.sandbox.store import Store

REHEARSAL_PIN = "1234"
"""The PIN of everybody who is activated when they are filled in."""

_FIRST = (
    "Zoë=zoe Łukasz=lukasz Aurélie=aurelie Björn=bjorn Nina=nina José=jose Ingrid=ingrid Fatima=fatima Kenji=kenji "
    "Priya=priya Oluwaseun=oluwaseun Siobhán=siobhan Dmitri=dmitri Chloé=chloe Anna=anna Mateo=mateo Yuki=yuki "
    "Emeka=emeka Søren=soren Leïla=leila"
)
_LAST = (
    "Müller=muller O'Neill=oneill Dupré=dupre Kowalski=kowalski García=garcia Sørensen=sorensen Tanaka=tanaka "
    "Patel=patel Okafor=okafor Rossi=rossi Ivanova=ivanova Lefèvre=lefevre Nguyễn=nguyen Smith=smith Öztürk=ozturk "
    "Haddad=haddad Silva=silva Novák=novak Jansen=jansen MacLeod=macleod"
)
_EXPIRED, _WAITING, _LOCKED = 4, 8, 3
"""Per cent of the people."""
_CREATED_BY_API = 1
_DAY = 86400
_CHUNK = 10_000
_DEVICES = {
    DeviceKind.AUTHENTICATOR: ("Phone", 75),
    DeviceKind.BROWSER: ("Browser", 30),
    DeviceKind.VIRTUAL: ("Desktop", 8),
    DeviceKind.MACCESS: ("Company app", 5),
}
"""What activated people have, and how many of them, in per cent."""
_INSERT = {
    "login": "INSERT INTO login (id, login, firstname, name, mail, phone, extrafields, status, role, access, lang, "
    "createdby, created, lastauthdate, activated, pin, code_id) "
    "VALUES (?, ?, ?, ?, ?, ?, '', ?, 0, 1, ?, ?, ?, ?, ?, ?, ?)",
    "code": "INSERT INTO code (id, login_id, purpose, kind, code, expires, used) VALUES (?, ?, ?, ?, ?, ?, ?)",
    "device": "INSERT INTO device (login_id, kind, name, alias, push, created, last_used) VALUES (?, ?, ?, ?, ?, ?, ?)",
    "membership": "INSERT INTO membership VALUES (?, ?, 0)",
}

Row = Sequence[int | str | None]


def fill_people(store: Store, people: int, groups: int, seed: int, *, replace: bool = False) -> None:
    """Invent so many people, spread over so many groups, beside the administrators of a new service.

    The same seed makes the same people. Raises `Refused` where the store holds somebody, unless `replace`.
    """
    db = store.data.db
    with store.data.transaction():
        store.vacate(replace=replace)
        furnish(db, store.now())
        teams = _teams(store, groups)
        last = dict(map(tuple, db.execute("SELECT name, seq FROM sqlite_sequence")))
        first, first_code = last["login"] + 1, last.get("code", 0) + 1
        crowd = _crowd(random.Random(seed), people, first, first_code, teams, store.now())  # noqa: S311 - no secret
        while chunk := list(islice(crowd, _CHUNK)):
            for table, statement in _INSERT.items():
                db.executemany(statement, (row for person in chunk for row in getattr(person, table)))


def _teams(store: Store, groups: int) -> list[int]:
    """So many groups: those of a new service first, and more made where they are not enough."""
    ids = [row["id"] for row in store.groups()][:groups]
    more = range(len(ids), groups)
    first = 101
    store.data.db.executemany(
        "INSERT INTO team VALUES (?, ?, 0, 1)", ((first + number, f"group-{first + number}") for number in more)
    )
    return ids + [first + number for number in more]


@dataclass(frozen=True, slots=True)
class _Person:
    """The rows of one person, by table."""

    login: Sequence[Row]
    code: Sequence[Row]
    device: Sequence[Row]
    membership: Sequence[Row]


def _spellings(text: str) -> list[tuple[str, str]]:
    return [(native, latin) for native, _, latin in (word.partition("=") for word in text.split())]


def _crowd(
    chance: random.Random, people: int, first: int, first_code: int, teams: Sequence[int], now: int
) -> Iterator[_Person]:
    names, pin = (_spellings(_FIRST), _spellings(_LAST)), hashed(REHEARSAL_PIN)
    numbers = chance.sample(range(10**9), people)  # one for each: codes are unique
    for index in range(people):
        login_id, number = first + index, f"{numbers[index]:09d}"
        (firstname, a), (name, b) = (chance.choice(known) for known in names)
        fate = chance.randrange(100)
        waits = fate < _EXPIRED + _WAITING
        created, seen = now - chance.randrange(1, 900) * _DAY, now - chance.randrange(60 * _DAY)
        login = f"{a}.{b}.{index + 1}"
        locked = not waits and chance.randrange(100) < _LOCKED
        fields = (login_id, login, firstname, name, f"{login}@example.com", f"+33 1 {index:08d}", int(locked))
        state = (chance.choice(("en", "fr")), _CREATED_BY_API, created, 0 if waits else seen, int(not waits))
        expires = now - _DAY if fate < _EXPIRED else now + chance.randrange(1, 21) * _DAY
        code = (first_code + index, login_id, Purpose.ACTIVATION, CodeType.INACTIVE, number, expires)
        groups = chance.sample(teams, min(len(teams), chance.choice((0, 1, 1, 2, 3))))
        yield _Person(
            login=[(*fields, *state, None if waits else pin, first_code + index)],
            code=[(*code, None if waits else created)],
            device=[] if waits else [_device(login_id, kind, created, seen) for kind in _kinds(chance)],
            membership=[(team, login_id) for team in groups],
        )


def _kinds(chance: random.Random) -> list[DeviceKind]:
    return [kind for kind, (_, share) in _DEVICES.items() if chance.randrange(100) < share]


def _device(login_id: int, kind: DeviceKind, created: int, seen: int) -> Row:
    return (login_id, kind, _DEVICES[kind][0], f"{kind}{login_id}", int(kind in PUSHED), created, seen)
