"""A sandbox is filled with invented people, or with those of a captured reading."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from iwds.core.captured import End
from iwds.core.devices import DeviceKind
from iwds.errors import ConfigurationError, Refused
from iwds.sandbox.filling import REHEARSAL_PIN, fill_people
from iwds.sandbox.loading import fill_reading
from iwds.sandbox.people import Entry
from iwds.sandbox.store import Scope, Store

WHOLE = Scope()
MANY = 100_000 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 10_000
READING = """
{"group": {"id": 7, "name": "vpn", "policy": 3}}
{"group": {"id": 9, "name": "wiki", "policy": 3}}
{"login": {"id": 5001, "login": "ada", "firstname": "Ada", "name": "L", "mail": "ada@x.example", "phone": "+33", \
"role": 2, "status": 0, "extra": "{ \\"a\\":\\"b\\" }", "created_by": 4, "activated": true, "last_seen": 1700000000}}
{"login": {"id": 42, "login": "zoe", "activated": false}}
{"member": {"group": 7, "login": 5001, "role": 1001}}
{"member": {"group": 9, "login": 42}}
{"end": {"groups": 2, "logins": 2, "members": 2}}
"""


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store(":memory:", clock=lambda: 1_800_000_000)
    yield store
    store.close()


def people(store: Store) -> list[tuple[object, ...]]:
    return [
        tuple(row)
        for row in store.data.db.execute(
            "SELECT login, firstname, name, mail, status, activated, lastauthdate, "
            "(SELECT group_concat(kind) FROM device WHERE login_id = login.id), "
            "(SELECT group_concat(team_id) FROM membership WHERE login_id = login.id) FROM login ORDER BY login"
        )
    ]


def test_many_people_are_invented_with_devices_codes_and_groups(store: Store) -> None:
    fill_people(store, MANY, 20, 1)
    assert store.page(WHOLE, 1, 0, 1)[0] == MANY + 2
    assert len(store.groups()) == 20
    counted = store.data.db.execute(
        "SELECT (SELECT count(*) FROM device), (SELECT count(*) FROM membership), "
        "(SELECT count(*) FROM code WHERE used IS NULL), (SELECT count(DISTINCT team_id) FROM membership)"
    ).fetchone()
    assert counted[0] > 0.8 * MANY
    assert counted[1] > MANY
    assert 0.1 * MANY < counted[2] < 0.15 * MANY
    assert counted[3] == 20
    assert store.data.db.execute("PRAGMA foreign_key_check").fetchall() == []


def test_the_same_seed_invents_the_same_people(store: Store) -> None:
    fill_people(store, 50, 8, 7)
    first = people(store)
    fill_people(store, 50, 8, 7, replace=True)
    assert people(store) == first
    fill_people(store, 50, 8, 8, replace=True)
    assert people(store) != first


def test_invented_people_are_in_every_state_and_can_be_worked_with(store: Store) -> None:
    fill_people(store, 300, 5, 1)
    _, rows = store.page(WHOLE, 1, 0, 1000)
    states = {row["state"].partition(":")[0] for row in rows}
    assert states == {"ok", "expired", "in"}
    assert {row["status"] for row in rows} == {0, 1}
    waiting = next(row for row in rows if row["state"].startswith("in:"))
    code = store.codes.activate(waiting["id"])
    assert code is not None
    store.people.use_code(code, DeviceKind.VIRTUAL, "Desktop", "9999")
    active = next(row for row in rows if row["state"] == "ok" and not row["status"] and row["createdby"])
    store.people.authenticate(active["login"], REHEARSAL_PIN, Entry.PIN)


def test_ids_of_people_who_are_dropped_are_not_used_again(store: Store) -> None:
    fill_people(store, 5, 5, 1)
    before = {row["id"] for row in store.page(WHOLE, 1, 0, 100)[1]}
    fill_people(store, 5, 5, 1, replace=True)
    assert not before & {row["id"] for row in store.page(WHOLE, 1, 0, 100)[1]}


def test_without_groups_nobody_is_in_one(store: Store) -> None:
    fill_people(store, 20, 0, 1)
    assert store.data.db.execute("SELECT count(*) FROM membership").fetchone()[0] == 0
    assert len(store.groups()) == 5


def test_people_who_are_there_are_dropped_only_when_told(store: Store, tmp_path: Path) -> None:
    fill_people(store, 5, 5, 1)
    before = people(store)
    with pytest.raises(Refused, match="holds people"):
        fill_people(store, 5, 5, 2)
    with pytest.raises(Refused, match="holds people"):
        fill_reading(store, written(tmp_path))
    assert people(store) == before


def written(folder: Path, text: str = READING) -> Path:
    file = folder / "reading.jsonl"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_reading_is_loaded_with_its_ids_in_place_of_the_samples(store: Store, tmp_path: Path) -> None:
    assert fill_reading(store, written(tmp_path)) == End(2, 2, 2)
    _, rows = store.page(WHOLE, 1, 0, 100)
    ada, zoe = rows
    assert (ada["id"], ada["login"], ada["role"], ada["createdby"], ada["state"]) == (5001, "ada", 2, 4, "ok")
    assert (ada["mail"], ada["phone"], ada["extrafields"]) == ("ada@x.example", "+33", '{ "a":"b" }')
    assert ada["lastauthdate"] == 1_700_000_000
    assert (zoe["id"], zoe["state"], zoe["mail"]) == (42, "expired", "")
    assert [(row["id"], row["name"], row["policy"]) for row in store.groups()] == [(7, "vpn", 3), (9, "wiki", 3)]
    assert (store.role_in(7, 5001), store.role_in(9, 42)) == (1001, 0)
    store.people.authenticate("ada", REHEARSAL_PIN)


def test_a_reading_may_come_without_its_end(store: Store, tmp_path: Path) -> None:
    assert fill_reading(store, written(tmp_path, READING.partition('{"end"')[0])) == End(2, 2, 2)


@pytest.mark.parametrize(
    ("line", "text", "problem"),
    [
        (5, "{", "no JSON"),
        (5, '{"login": {"id": 5001, "login": "other"}}', "came already"),
        (5, '{"login": {"id": 1, "login": "ADA"}}', "came already"),
        (5, '{"group": {"id": 9, "name": "again"}}', "came already"),
        (6, '{"member": {"group": 8, "login": 42}}', "group 8 or login 42 does not come before"),
        (6, '{"member": {"group": 7, "login": 43}}', "group 7 or login 43 does not come before"),
        (7, '{"member": {"group": 7, "login": 5001}}', "the member came already"),
        (7, '{"end": {"groups": 2, "logins": 3, "members": 1}}', "2 groups, 3 logins and 1 members were captured"),
        (9, '{"group": {"id": 1, "name": "late"}}', "nothing may follow the end"),
    ],
)
def test_what_is_wrong_with_a_reading_is_told_with_its_line_and_nothing_changes(
    store: Store, tmp_path: Path, line: int, text: str, problem: str
) -> None:
    lines = READING.splitlines()
    lines.insert(line - 1, text)
    file = written(tmp_path, "\n".join(lines))
    before = people(store)
    with pytest.raises(ConfigurationError, match=problem) as caught:
        fill_reading(store, file)
    assert (caught.value.file, caught.value.line) == (str(file), line)
    assert people(store) == before


def test_a_reading_that_is_no_text_or_not_there_is_told_as_such(store: Store, tmp_path: Path) -> None:
    file = written(tmp_path)
    file.write_bytes(b'{"group": {"id": 7, "name": "vpn"}}\n{"group": {"id": 8, "name": "\xff"}}\n')
    with pytest.raises(ConfigurationError, match="no UTF-8") as caught:
        fill_reading(store, file)
    assert (caught.value.file, caught.value.line) == (str(file), 2)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        fill_reading(store, tmp_path / "nowhere")
