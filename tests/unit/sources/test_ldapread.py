"""What real servers of the tests do not do: ranges of values, broken groups, two people with one id."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from iwds.core.model import Anchor
from iwds.errors import SourceUnavailable
from iwds.ports import MOST_FOUND
from iwds.sources._decode import Shaped
from iwds.sources._directory import Directory
from iwds.sources._ldapone import deleted, find, paths, search, selects
from iwds.sources._ldapread import Branch, Reading, Wishes, primary_sid
from iwds.sources._search import Asks, Page, RawEntry, Search
from iwds.sources._stream import Tally

DIRECTORY = Directory("realm", ("dc=x",), ("dc=x",))
GUID = "33221100-5544-7766-8899-aabbccddeeff"


class Server(Asks):
    """Answers by base; remembers the filters."""

    def __init__(self, **answers: Page[RawEntry]) -> None:
        self._answers = answers
        self.filters: list[str] = []

    def page(self, search: Search, cookie: bytes) -> Page[RawEntry]:
        """The page for this base, the empty one where there is none."""
        self.filters.append(search.filter)
        return self._answers.get(search.base, Page([]))


def person(name: str, **more: list[bytes]) -> RawEntry:
    """A person with an id."""
    values: Mapping[str, list[bytes]] = {"entryUUID": [name.encode()], **more}
    return f"uid={name},dc=x".encode(), values


def wishes(identity: str = "entryuuid", member_of: bool = False) -> Wishes:
    """People at `people`, groups at `groups` or from memberOf."""
    groups = None if member_of else Branch(("groups",), "subtree", "(cn=*)")
    return Wishes(Branch(("people",), "subtree", "(uid=*)"), identity, groups, member_of=member_of)


def read(
    server: Server, asked: frozenset[str] = frozenset(), member_of: bool = False
) -> tuple[dict[str, object], tuple[str, ...]]:
    """The groups of everybody by id, and the problems."""
    tally = Tally("corp", asked)
    entries = list(Reading(server, DIRECTORY, wishes(member_of=member_of), tally).entries())
    return {entry.anchor.id: entry.groups for entry in entries}, tally.proof("realm", "").problems


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"member": [], "member;range=0-1499": [b"uid=a,dc=x"]}, "only a part of the members: cn=g"),
        ({"member": [b"\xff"]}, "a member that is not text: cn=g"),
    ],
)
def test_a_group_that_came_in_part_makes_all_groups_unknown(values: dict[str, list[bytes]], said: str) -> None:
    groups, problems = read(Server(people=Page([person("a")]), groups=Page([(b"cn=g", values)])))

    assert groups == {"a": None}
    assert said in problems[0]
    assert "nobody's groups are known" in problems[1]


def test_an_attribute_of_which_a_part_came_is_unknown() -> None:
    group: Page[RawEntry] = Page([(b"cn=g", {"member": [b"uid=a,dc=x"]})])
    server = Server(people=Page([person("a", **{"proxy;range=0-9": [b"x"]})]), groups=group)
    _, problems = read(server, frozenset({"proxy"}))

    assert problems == ("people of whose proxy the server sent only a part: uid=a,dc=x",)


@pytest.mark.parametrize("groups", [[], [(b"cn=g", {"cn": [b"g"]})]])
def test_groups_without_a_single_member_are_not_believed(groups: list[RawEntry]) -> None:
    _, problems = read(Server(people=Page([person("a")]), groups=Page(groups)))

    assert problems == ("not one group has a member, so they may be unreadable: nobody's groups are believed",)


def test_member_of_that_is_no_text_leaves_the_groups_unknown() -> None:
    people = Page([person("a", memberOf=[b"\xff"]), person("b", memberOf=[b"CN=g, dc=x"])])

    groups, problems = read(Server(people=people), member_of=True)

    assert groups == {"a": None, "b": frozenset({"cn=g,dc=x"})}
    assert problems == ("people whose memberof is not text: uid=a,dc=x",)


def test_an_id_that_is_not_one_person_is_not_answered() -> None:
    server = Server(**{"dc=x": Page([person("a"), person("b")])})

    with pytest.raises(SourceUnavailable, match="not one person: uid=a,dc=x; uid=b,dc=x"):
        find(server, DIRECTORY, wishes(), "a", ())


def test_whoever_is_found_is_found_although_a_part_of_the_forest_was_not_asked() -> None:
    elsewhere = ("ldaps://emea.corp.example/DC=emea,DC=x",)
    there = Server(**{"dc=x": Page([person("a")], references=elsewhere)})
    nowhere = Server(**{"dc=x": Page([], references=elsewhere)})

    assert find(there, DIRECTORY, wishes(), "a", ()) is not None
    with pytest.raises(SourceUnavailable, match="other servers"):
        find(nowhere, DIRECTORY, wishes(), "a", ())


def test_groups_that_the_server_cannot_unfold_are_not_believed() -> None:
    """OpenLDAP takes the rule of Active Directory for a filter that nobody meets."""
    tally = Tally("corp", frozenset())
    by_server = replace(wishes(), nested_by_server=True)

    class OpenLdap(Asks):
        def page(self, search: Search, cookie: bytes) -> Page[RawEntry]:
            if "1.2.840.113556.1.4.1941" in search.filter:
                return Page([])
            return Page([person("a")] if search.base == "people" else [(b"cn=g", {})])

    assert len(list(Reading(OpenLdap(), DIRECTORY, by_server, tally).entries())) == 1
    assert tally.proof("realm", "").problems == (
        "not one group has a member, so they may be unreadable: nobody's groups are believed",
    )


@pytest.mark.parametrize(
    ("sid", "number", "primary"),
    [("S-1-5-21-1-2-3-1104", "513", "S-1-5-21-1-2-3-513"), ("S-1-5-21-1-2-3-1104", "", ""), ("", "513", "")],
)
def test_the_primary_group_is_of_the_person_s_own_domain(sid: str, number: str, primary: str) -> None:
    values: dict[str, tuple[str, ...]] = {
        "objectsid": (sid,) if sid else (),
        "primarygroupid": (number,) if number else (),
    }

    assert primary_sid(Shaped("cn=a", values)) == primary


def test_an_object_guid_is_asked_for_by_its_bytes() -> None:
    answer: Page[RawEntry] = Page([(b"cn=a", {"objectGUID": [bytes(range(0, 256, 17))]})])
    server = Server(**{"dc=x": answer})

    found = find(server, DIRECTORY, wishes("objectguid"), GUID, ())

    assert found is not None
    assert found.anchor == Anchor("realm", GUID)
    assert server.filters[0] == r"(objectGUID=\00\11\22\33\44\55\66\77\88\99\aa\bb\cc\dd\ee\ff)"


def test_a_text_that_is_no_guid_belongs_to_nobody() -> None:
    server = Server()

    assert find(server, DIRECTORY, wishes("objectguid"), "no guid", ()) is None
    assert not selects(server, wishes("objectguid"), "no guid")
    assert server.filters == []


def test_a_doubtful_answer_does_not_tell_who_is_selected() -> None:
    with pytest.raises(SourceUnavailable, match="4 sizeLimitExceeded"):
        selects(Server(people=Page([], code=4, name="sizeLimitExceeded")), wishes(), "a")


def test_who_is_selected_is_asked_with_the_configured_filter() -> None:
    server = Server(people=Page([person("a")]))

    assert selects(server, wishes(), "a-1")
    assert server.filters == [r"(&(uid=*)(entryuuid=a\2d1))"]


TOMBSTONE: Page[RawEntry] = Page([(b"CN=a\\0ADEL:x,CN=Deleted Objects,dc=x", {})])


def test_a_tombstone_is_asked_for_by_the_bytes_of_the_id_among_what_was_deleted() -> None:
    asked: list[Search] = []

    class Keeping(Asks):
        def page(self, search: Search, cookie: bytes) -> Page[RawEntry]:
            asked.append(search)
            return TOMBSTONE if search.base == "dc=y" else Page([])

    forest = Directory("realm", ("dc=x", "dc=y"), ())
    assert deleted(Keeping(), forest, wishes("objectguid"), GUID)
    text = r"(&(objectGUID=\00\11\22\33\44\55\66\77\88\99\aa\bb\cc\dd\ee\ff)(isDeleted=TRUE))"
    assert asked == [Search(base, "subtree", text, ("1.1",), deleted=True) for base in ("dc=x", "dc=y")]


@pytest.mark.parametrize("key", ["no guid", "", "*"])
def test_no_tombstone_is_asked_for_where_none_is_kept_under_the_id(key: str) -> None:
    server = Server(**{"dc=x": TOMBSTONE})

    assert not deleted(server, DIRECTORY, wishes("objectguid"), key)
    assert not deleted(server, DIRECTORY, wishes(), GUID)
    assert server.filters == []


@pytest.mark.parametrize("code", [12, 50, 53])
def test_who_is_shown_no_tombstones_is_not_told_who_was_deleted(code: int) -> None:
    assert not deleted(Server(**{"dc=x": Page([], code=code)}), DIRECTORY, wishes("objectguid"), GUID)


def test_a_doubtful_answer_does_not_tell_who_was_deleted() -> None:
    with pytest.raises(SourceUnavailable, match="who was deleted below dc=x: 51 busy"):
        deleted(Server(**{"dc=x": Page([], code=51, name="busy")}), DIRECTORY, wishes("objectguid"), GUID)


def test_a_search_ends_when_more_came_than_anybody_wants() -> None:
    many = [person(f"p{number}") for number in range(MOST_FOUND + 5)]
    cut = Server(**{"dc=x": Page(many, code=4, name="sizeLimitExceeded")})

    assert len(search(cut, DIRECTORY, wishes(member_of=True), ("a", ("uid",)), ())) == MOST_FOUND
    assert cut.filters == ["(|(entryuuid=a)(uid=a))"]


def test_a_search_in_doubt_says_so() -> None:
    cut = Server(**{"dc=x": Page([person("a")], code=4, name="sizeLimitExceeded")})
    refused = Server(**{"uid=a,dc=x": Page([], code=50, name="insufficientAccessRights")})

    with pytest.raises(SourceUnavailable, match="cannot be told who is there"):
        search(cut, DIRECTORY, wishes(), ("a", ("uid",)), ())
    with pytest.raises(SourceUnavailable, match="cannot be told who is uid=a,dc=x: 50"):
        search(refused, DIRECTORY, wishes(), ("uid=a,dc=x", ()), ())


def test_a_guid_that_is_none_is_not_searched_for() -> None:
    server = Server()
    search(server, DIRECTORY, wishes("objectguid"), ("ada", ("samaccountname",)), ())
    search(server, DIRECTORY, wishes("objectguid"), (GUID, ()), ())
    search(server, DIRECTORY, wishes("objectguid"), ("ada", ()), ())

    first, second = server.filters
    assert first == "(|(samaccountname=ada))"
    assert second.startswith("(|(objectGUID=")


def test_memberof_is_the_whole_way_that_it_tells() -> None:
    server = Server(**{"dc=x": Page([person("a", memberOf=[b"CN=G, DC=X"])])})

    assert paths(server, DIRECTORY, wishes(member_of=True), "a") == {"cn=g,dc=x": ("cn=g,dc=x",)}
