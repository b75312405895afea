"""Whom a name means in the sources of a job: asked for alone where a search is sure to find them."""

import io
from collections.abc import Collection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from iwds.cli.golden import Bench, bench, from_file, named, people_named
from iwds.core.model import Anchor, Entry
from iwds.errors import ConfigurationError, SourceUnavailable
from iwds.ports import MOST_FOUND
from iwds.sources._stream import Stream
from iwds.sources.memory import MemorySource

WRITTEN, MADE_UP = "login: {from: uid, lower: true}\n", "login: {from: uid, suffix: .x}\n"


class Directory(MemorySource):
    """A source that counts its readings, and may refuse to search."""

    readings, refuses, has_index = 0, False, True

    @property
    def indexed(self) -> bool:
        return self.has_index

    def read(self, attributes: Collection[str]) -> Stream:
        self.readings += 1
        return super().read(attributes)

    def search(self, text: str, by: Collection[str], attributes: Collection[str]) -> Any:
        if self.refuses:
            raise SourceUnavailable("not without an index")
        return super().search(text, by, attributes)


def entry(number: int, uid: str) -> Entry:
    return Entry(Anchor("here", f"id-{number}"), f"cn={number},dc=x", {"uid": (uid,)}, frozenset())


@pytest.fixture
def source() -> Directory:
    return Directory("corp", [entry(1, "Ada"), entry(2, "bob")], "here", [entry(3, "bob"), entry(4, "gone")])


def tried(folder: Path, mapping: str) -> Bench:
    (folder / "m.yaml").write_text(mapping, encoding="utf-8")
    return bench(folder / "m.yaml")


def wiring(source: Directory) -> Any:
    return SimpleNamespace(job=lambda _: SimpleNamespace(sources=(source,)), progress=lambda *_: None)


def found(source: Directory, tried: Bench, *names: str) -> dict[str, list[str]]:
    seen = named(people_named(wiring(source), "corp", tried, names), names, tried)
    return {name: [each.anchor.id for each in seen[name]] for name in names}


def test_a_directory_is_asked_for_a_few_people_alone_and_gives_those_whom_a_run_would_read(
    source: Directory, tmp_path: Path
) -> None:
    meant = {"bob": ["id-2"], "gone": [], "id-1": ["id-1"], "nobody": []}

    assert found(source, tried(tmp_path, WRITTEN), *meant) == meant
    assert found(source, tried(tmp_path, WRITTEN), "ADA", "CN=2, DC=x") == {"ADA": ["id-1"], "CN=2, DC=x": ["id-2"]}
    assert source.readings == 0


def test_a_source_that_passes_over_everybody_anyway_is_read_once(source: Directory, tmp_path: Path) -> None:
    source.has_index = False

    assert found(source, tried(tmp_path, WRITTEN), "ada", "bob") == {"ada": ["id-1"], "bob": ["id-2"]}
    assert source.readings == 1


def test_a_login_that_the_mapping_makes_up_is_looked_for_in_everybody(source: Directory, tmp_path: Path) -> None:
    assert found(source, tried(tmp_path, MADE_UP), "Ada.x") == {"Ada.x": ["id-1"]}
    assert source.readings == 1


def test_a_distinguished_name_is_searched_for_whatever_the_login_is_made_of(source: Directory, tmp_path: Path) -> None:
    assert found(source, tried(tmp_path, MADE_UP), "cn=1,dc=x", "cn=4,dc=x") == {
        "cn=1,dc=x": ["id-1"],
        "cn=4,dc=x": [],
    }
    assert source.readings == 0


def test_where_a_search_may_not_have_told_everybody_the_directory_is_read(source: Directory, tmp_path: Path) -> None:
    source.elsewhere += [entry(10 + number, "bob") for number in range(MOST_FOUND)]

    assert found(source, tried(tmp_path, WRITTEN), "bob") == {"bob": ["id-2"]}
    assert source.readings == 1


def test_where_a_search_is_refused_the_directory_is_read(source: Directory, tmp_path: Path) -> None:
    source.refuses = True

    assert found(source, tried(tmp_path, WRITTEN), "bob") == {"bob": ["id-2"]}
    assert source.readings == 1


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("p.csv", "id,uid\n1,ada\n2\n", "p.csv:3: it has one cell"),
        ("p.CSV", "id,uid\n1,ada\n1,bob\n", "1 stands on line 2 too"),
        ("p.ldif", "dn: uid=ada\nobjectClass: person\nentryUUID: 1\nuid: ada\n\ncn: x\n", "must begin with"),
        ("p.ldf", "dn: uid=ada\nobjectClass: person\nuid: ada\n", "people without entryuuid were left out"),
    ],
)
def test_a_file_in_which_somebody_cannot_be_read_is_no_ground_to_test_on(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")

    with pytest.raises(ConfigurationError, match=said):
        list(from_file(tmp_path / name, ("uid", "mail")))


def test_a_table_is_read_by_its_heading_whatever_separates_it(tmp_path: Path) -> None:
    for separator in ",;\t|":
        (tmp_path / "p.csv").write_text("Nr;UID;Mail\n007;ada;\n".replace(";", separator), encoding="utf-8-sig")

        (ada,) = from_file(tmp_path / "p.csv", ("uid", "mail", "title"))

        assert (ada.anchor.id, ada.attrs, ada.groups) == ("007", {"uid": ("ada",), "mail": (), "title": ()}, None)


def test_an_entry_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"dn": "uid=ada,dc=x", "attributes": {"uid": "ada"}}'))

    (ada,) = from_file(Path("-"), ("uid",))

    assert ada.attrs == {"uid": ("ada",)}
