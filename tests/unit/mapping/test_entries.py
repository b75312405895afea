"""Entries in files: what is left out is empty, null is not known, and what was printed is taken back."""

import json
from pathlib import Path

import pytest

from iwds.core.model import Anchor, Entry
from iwds.errors import ConfigurationError
from iwds.mapping.entries import form, load_entries

ADA = {
    "dn": "uid=ada,dc=x",
    "attributes": {"uid": "ada", "givenName": ["Ada", "A."], "mail": None},
    "groups": ["CN=Staff, DC=x", "vpn"],
}


def loaded(tmp_path: Path, text: str, asked: frozenset[str] = frozenset()) -> list[Entry]:
    (tmp_path / "e.json").write_text(text)
    return list(load_entries(tmp_path / "e.json", asked))


def test_an_entry_is_read_as_a_source_would_give_it(tmp_path: Path) -> None:
    (ada,) = loaded(tmp_path, json.dumps(ADA), frozenset({"sn", "mail", "uid"}))

    assert ada.name == "uid=ada,dc=x"
    assert ada.attrs == {"uid": ("ada",), "givenname": ("Ada", "A."), "sn": ()}
    assert ada.groups == frozenset({"cn=staff,dc=x", "vpn"})
    assert ada.enabled is None


@pytest.mark.parametrize(
    ("written", "groups"), [({}, frozenset()), ({"groups": None}, None), ({"groups": []}, frozenset())]
)
def test_groups_that_are_left_out_are_none_and_null_is_not_known(
    tmp_path: Path, written: dict[str, None], groups: frozenset[str] | None
) -> None:
    (entry,) = loaded(tmp_path, json.dumps(written))

    assert entry.groups == groups


def test_a_file_holds_one_entry_a_list_or_one_on_each_line(tmp_path: Path) -> None:
    one, other = json.dumps(ADA), json.dumps({"dn": "uid=bob,dc=x"})

    for text in (f"[{one}, {other}]", f"{one}\n{other}\n", f" {one} {other}"):
        assert [entry.name for entry in loaded(tmp_path, text)] == ["uid=ada,dc=x", "uid=bob,dc=x"]
    assert loaded(tmp_path, "") == []


def test_what_a_form_says_is_read_back_as_the_same_entry(tmp_path: Path) -> None:
    entry = Entry(
        Anchor("corp", "1"), "uid=a,dc=x", {"uid": ("a",), "sn": ()}, frozenset({"cn=g,dc=x"}), True, frozenset({"h"})
    )
    written = form(entry, ["uid", "sn", "mail"])

    assert written["attributes"]["mail"] is None
    assert loaded(tmp_path, json.dumps(written), frozenset({"uid", "sn", "mail"})) == [entry]
    assert loaded(tmp_path, json.dumps({"schema": 1, "rules": [], "entry": written})) == [entry]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ('{"dn": "a"}\n\n{"dn": }', 3, "is not JSON"),
        ('\n{"dnn": "a"}', 2, 'unknown key "dnn"'),
        ('{"attributes": {"uid": 7}}', 1, "attributes.uid"),
        ('{"dn": "a"}\n7', 2, "keys and values"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as error:
        loaded(tmp_path, text)
    assert f"e.json:{line}" in str(error.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        list(load_entries(tmp_path / "none.json", ()))
    (tmp_path / "e.json").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        list(load_entries(tmp_path / "e.json", ()))
