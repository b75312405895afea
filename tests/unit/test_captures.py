"""What a capture holds beyond the plan, what it refuses, and the shelf."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from iwds.captures import Wanted, key_of
from iwds.errors import UsageError
from iwds.mapping.uses import asked_about, uses
from iwds.readings import shelf
from iwds.readings.draft import Draft
from iwds.readings.pseudonyms import words_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MAPPING = """\
scope:
  - attribute: employeeType
    in: [staff]
  - {attribute: uid, present: true}
login: {from: uid}
mail: {first: [mail, otherMail]}
enabled: active-directory
role:
  rules:
    - {when: {attribute: title, equals: boss}, role: manager}
groups:
  - {to: vpn, when: {any: [{attribute: l, equals: Rome}, {group: all}]}}
extra:
  site: l
"""


@pytest.mark.parametrize("name", ["userpassword", "unicodepwd", "jpegphoto"])
def test_secrets_and_what_is_no_text_are_not_captured(name: str) -> None:
    with pytest.raises(UsageError, match=name):
        Wanted(frozenset({"title", name}))


def test_every_attribute_is_found_where_the_mapping_uses_it(tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(MAPPING, encoding="utf-8")
    found = {name: [line for _, line in places] for name, places in uses(file).items()}
    assert found["employeetype"] == [2]
    assert found["uid"] == [4, 5]
    assert found["mail"] == found["othermail"] == [6]
    assert found["useraccountcontrol"] == [7]
    assert found["title"] == [10]
    assert found["l"] == [12, 14]
    written = {"scope": [{"attribute": "employeeType", "in": ["staff"]}], "login": "uid", "extra": {"site": "l"},
               "groups": [{"to": "vpn", "when": {"attribute": "l", "equals": "x"}}]}  # fmt: skip
    assert asked_about(written) == {"employeetype"}


def on_the_shelf(folder: Path, plan: str, job: str = "a/b", until: datetime = NOON) -> Path:
    draft = Draft(folder)
    for name, fact in {"id": plan, "job": job, "taken_at": NOON, "until": until, "people": 3}.items():
        draft.note(name, fact)
    path = folder / shelf.file_name(job, "20261122T120000Z", plan)
    draft.finish(path)
    return path


def test_the_shelf_has_readings_alone_and_finds_one_by_what_is_typed(tmp_path: Path) -> None:
    folder = shelf.ready(tmp_path / "shelf")
    assert folder.stat().st_mode & 0o777 == 0o700
    one, two = on_the_shelf(folder, "aaaaaaa1"), on_the_shelf(folder, "aaaaaaa2", "other")
    (folder / "a-20261122T120000Z-aaaaaaa3.reading").write_text("mine", encoding="ascii")
    (folder / "b-20261122T120000Z-aaaaaaa4.reading").symlink_to(one)
    assert [each.id for each in shelf.listed(folder)] == ["aaaaaaa2", "aaaaaaa1"]
    assert [each.job for each in shelf.listed(folder, "other")] == ["other"]
    assert shelf.chosen(folder, "aaaaaaa1") == one
    assert shelf.chosen(folder, None, "other") == two
    assert shelf.chosen(folder, str(two)) == two
    with pytest.raises(UsageError, match="may be"):
        shelf.chosen(folder, "aaaa")
    with pytest.raises(UsageError, match="there is no reading b"):
        shelf.chosen(folder, "b")
    with pytest.raises(UsageError, match="no reading of nobody was captured"):
        shelf.chosen(folder, None, "nobody")
    assert shelf.listed(tmp_path / "none") == []


def test_only_what_was_kept_long_enough_goes(tmp_path: Path) -> None:
    old, young = (
        on_the_shelf(tmp_path, "aaaaaaa1"),
        on_the_shelf(tmp_path, "aaaaaaa2", until=NOON + timedelta(seconds=1)),
    )
    (tmp_path / "notes").write_text("mine", encoding="ascii")
    draft = Draft(tmp_path)
    assert [each.path for each in shelf.tidy(tmp_path, NOON)] == [old]
    draft.discard()
    assert {*tmp_path.iterdir()} == {young, tmp_path / "notes"}


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    with pytest.raises(UsageError, match="cannot be used"):
        shelf.ready(tmp_path / "file")
    with pytest.raises(UsageError, match="no reading can be written"):
        Draft(tmp_path / "none")


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    key = key_of(tmp_path / "key")
    assert len(key) == 64
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert key_of(tmp_path / "key") == key
    (tmp_path / "short").write_text("x", encoding="ascii")
    with pytest.raises(UsageError, match="holds no key"):
        key_of(tmp_path / "short")
    with pytest.raises(UsageError, match="cannot be used"):
        key_of(tmp_path)


def test_every_word_of_a_configuration_is_found() -> None:
    assert {*words_of({"base": ["ou=people,dc=x1"], "n": 3})} == {"base", "n", "ou", "people", "dc", "x", "1"}
