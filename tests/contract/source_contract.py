"""What every source promises. A test file per kind subclasses `SourceContract` and gives the company as that kind."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import pytest

from iwds.core.model import Anchor, Entry, Proof
from iwds.errors import ForeignRealm
from iwds.ports import Finding, Source
from tests.servers.company import GROUPS, IDS, PEOPLE

ASKED = ("uid", "mail", "description", "nosuchattribute")


def consume(source: Source, attributes: tuple[str, ...] = ASKED, login: str = "uid") -> tuple[dict[str, Entry], Proof]:
    """Everybody by login, and the proof."""
    stream = source.read(attributes)
    entries = list(stream)
    return {entry.attrs.get(login, ("?",))[0]: entry for entry in entries}, stream.finish()


class SourceContract:
    """Subclasses give two fixtures: `source`, the company as this kind, and `realm`, who it is.

    Attributes:
        UID, MAIL, SN, DESCRIPTION: how the kind calls these attributes, of which MAIL has several values.
        NOWHERE: an attribute that nobody has.
        GROUPS: the groups of each person.
        PEOPLE: those who are read.
    """

    UID, MAIL, SN, DESCRIPTION, NOWHERE = "uid", "mail", "sn", "description", "nosuchattribute"
    GROUPS: ClassVar[Mapping[str, frozenset[str]]] = GROUPS
    PEOPLE: tuple[str, ...] = PEOPLE

    @property
    def asked(self) -> tuple[str, ...]:
        """What is asked for where it does not matter."""
        return (self.UID, self.MAIL, self.DESCRIPTION, self.NOWHERE)

    def consume(self, source: Source) -> tuple[dict[str, Entry], Proof]:
        """Everybody by login, and the proof."""
        return consume(source, self.asked, self.UID)

    def test_everybody_comes_once_with_an_anchor(self, source: Source, realm: str) -> None:
        people, proof = self.consume(source)

        assert {login: entry.anchor for login, entry in people.items()} == {
            login: Anchor(realm, IDS[login]) for login in self.PEOPLE
        }
        assert proof.count == len(self.PEOPLE)

    def test_a_whole_reading_is_proven_and_says_why(self, source: Source, realm: str) -> None:
        _, proof = self.consume(source)

        assert proof.problems == ()
        assert proof.reasons
        assert proof.proven
        assert (proof.name, proof.realm) == (source.name, realm)
        assert proof.asked
        assert proof.taken_at.tzinfo is not None

    def test_values_are_tuples_of_text(self, source: Source) -> None:
        people, _ = self.consume(source)

        assert set(people["ada"].attrs[self.MAIL]) == {"ada@example.org", "countess@example.org"}
        assert people["björn"].attrs[self.UID] == ("björn",)
        assert people["chloé"].attrs[self.DESCRIPTION] == ("a long line that is folded by the export",)

    def test_only_what_was_asked_for_comes(self, source: Source) -> None:
        stream = source.read((self.SN,))

        assert {frozenset(entry.attrs) for entry in stream} == {frozenset({self.SN})}
        assert stream.finish().presence == {self.SN: len(self.PEOPLE)}

    def test_an_absent_attribute_is_known_to_be_empty(self, source: Source) -> None:
        people, proof = self.consume(source)

        assert people["dmitri"].attrs[self.MAIL] == ()
        assert proof.presence == {self.UID: len(self.PEOPLE), self.MAIL: 2, self.DESCRIPTION: 1, self.NOWHERE: 0}

    def test_nothing_at_all_may_be_asked_for(self, source: Source) -> None:
        assert [entry.attrs for entry in source.read(())] == [{}] * len(self.PEOPLE)

    def test_groups_are_direct_and_nested_ones(self, source: Source) -> None:
        people, _ = self.consume(source)

        assert {login: entry.groups for login, entry in people.items()} == {
            login: self.GROUPS[login] for login in self.PEOPLE
        }

    def test_a_stream_is_read_once(self, source: Source) -> None:
        stream = source.read(self.asked)
        list(stream)

        with pytest.raises(RuntimeError):
            iter(stream)

    def test_there_is_no_proof_before_the_end(self, source: Source) -> None:
        stream = source.read(self.asked)
        with pytest.raises(RuntimeError):
            stream.finish()
        next(iter(stream))

        with pytest.raises(RuntimeError):
            stream.finish()

    def test_a_second_reading_is_as_good_as_the_first(self, source: Source) -> None:
        first, second = self.consume(source), self.consume(source)

        assert first[0] == second[0]
        assert replace(first[1], taken_at=second[1].taken_at) == second[1]

    def test_one_person_is_found_as_the_reading_gives_them(self, source: Source, realm: str) -> None:
        people, _ = self.consume(source)

        for login, entry in people.items():
            assert source.find(Anchor(realm, IDS[login]), self.asked) == entry

    def test_whoever_left_the_branch_is_still_found(self, source: Source, realm: str) -> None:
        people, _ = self.consume(source)
        eve = source.find(Anchor(realm, IDS["eve"]), (self.UID,))

        assert "eve" not in people
        assert eve is not None
        assert eve.attrs == {self.UID: ("eve",)}
        assert eve.groups == self.GROUPS["eve"]

    @pytest.mark.parametrize(
        ("text", "login"),
        [
            ("ada", "ada"),
            ("ADA", "ada"),
            ("countess@example.org", "ada"),
            ("BJÖRN", "björn"),
            ("chloe@example.org", "chloé"),
            ("eve", "eve"),
        ],
    )
    def test_one_person_is_found_by_a_whole_value_as_by_id(
        self, source: Source, realm: str, text: str, login: str
    ) -> None:
        assert source.search(text, (self.UID, self.MAIL), self.asked) == [
            source.find(Anchor(realm, IDS[login]), self.asked)
        ]

    def test_one_person_is_found_by_name_and_by_id_whatever_the_attributes(self, source: Source, realm: str) -> None:
        for login in IDS:
            entry = source.find(Anchor(realm, IDS[login]), self.asked)
            assert entry is not None
            assert source.search(entry.name, (), self.asked) == [entry]
            assert source.search(IDS[login], (), self.asked) == [entry]

    @pytest.mark.parametrize(
        "text", ["ad", "*", "a*", "ada)(uid=*", "\\2a", "uid=nobody,dc=example,dc=org", "uid=", "no=name=", "", " "]
    )
    def test_nobody_is_found_for_what_is_nobody_s_value(self, source: Source, text: str) -> None:
        assert list(source.search(text, (self.UID, self.MAIL, self.DESCRIPTION), self.asked)) == []

    def test_only_the_attributes_that_were_named_are_looked_in(self, source: Source) -> None:
        assert list(source.search("Lovelace", (self.MAIL,), self.asked)) == []
        assert list(source.search("Lovelace", (self.NOWHERE,), self.asked)) == []

    def test_everybody_with_the_value_is_found(self, source: Source) -> None:
        everybody = [
            *source.search("Lovelace", (self.SN, self.UID), (self.UID,)),
            *source.search("Borg", (self.SN,), (self.UID,)),
        ]

        assert [entry.attrs for entry in everybody] == [{self.UID: ("ada",)}, {self.UID: ("björn",)}]

    def test_the_way_into_each_group_ends_there_and_goes_through_groups_of_theirs(
        self, source: Source, realm: str
    ) -> None:
        for login, key in IDS.items():
            paths = source.paths(Anchor(realm, key))
            assert paths.keys() == self.GROUPS[login]
            assert all(path[-1] == group and self.GROUPS[login].issuperset(path) for group, path in paths.items())

    def test_nobody_has_no_way_into_any_group(self, source: Source, realm: str) -> None:
        assert source.paths(Anchor(realm, "aaaaaaaa-0000-4000-8000-00000000dead")) == {}
        with pytest.raises(ForeignRealm):
            source.paths(Anchor("another", IDS["ada"]))

    def test_only_whoever_a_reading_gives_is_selected(self, source: Source, realm: str) -> None:
        selected = {login for login, key in IDS.items() if source.selects(Anchor(realm, key))}

        assert selected == set(self.PEOPLE)

    @pytest.mark.parametrize("key", ["aaaaaaaa-0000-4000-8000-00000000dead", "no id at all", "*", "a)(b", ""])
    def test_nobody_is_found_for_an_id_that_does_not_exist(self, source: Source, realm: str, key: str) -> None:
        assert source.find(Anchor(realm, key), self.asked) is None
        assert not source.selects(Anchor(realm, key))

    def test_it_does_not_say_of_another_directory_s_people_that_they_do_not_exist(self, source: Source) -> None:
        with pytest.raises(ForeignRealm):
            source.find(Anchor("another", IDS["ada"]), self.asked)
        with pytest.raises(ForeignRealm):
            source.selects(Anchor("another", IDS["ada"]))

    def test_nobody_is_said_to_be_deleted_whom_it_merely_does_not_have(self, source: Source, realm: str) -> None:
        for key in (*IDS.values(), "aaaaaaaa-0000-4000-8000-00000000dead", "no id at all", "*", ""):
            assert source.deleted(Anchor(realm, key)) is False
        with pytest.raises(ForeignRealm):
            source.deleted(Anchor("another", IDS["ada"]))

    def test_a_second_look_agrees_with_the_reading(self, source: Source) -> None:
        assert list(source.confirm(self.consume(source)[1])) == []

    def test_a_place_with_people_is_shown(self, source: Source) -> None:
        _, proof = self.consume(source)

        assert all(map(source.shows, proof.view.places))

    def test_check_says_what_is_well_and_what_nobody_has(self, source: Source) -> None:
        seen: list[Entry] = []
        findings: list[Finding] = list(source.check(self.asked, seen.append))

        assert {entry.anchor for entry in seen} == {entry.anchor for entry in self.consume(source)[0].values()}

        assert all(finding.ok for finding in findings)
        assert any(self.NOWHERE in finding.detail and finding.warning for finding in findings)

    def test_it_may_be_closed_twice(self, source: Source, realm: str) -> None:
        source.find(Anchor(realm, IDS["ada"]), self.asked)
        source.close()
        source.close()

    def test_it_is_a_source(self, source: Source) -> None:
        assert isinstance(source, Source)
