"""A directory is known by what it says of itself. A scripted server answers here."""

import pytest

from iwds.errors import AccessRefused, SourceUnavailable
from iwds.sources._directory import ChangeCounter, change_counter, describe, visible
from iwds.sources._search import Asks, Page, RawEntry, Search

SID = bytes.fromhex("010400000000000515000000dcf4dc3b833d2b46828ba628")


class Server(Asks):
    """Answers base searches from a table by name; `codes` gives other results than success."""

    def __init__(self, entries: dict[str, dict[str, list[bytes]]], codes: dict[str, int] | None = None) -> None:
        self._entries = entries
        self._codes = codes or {}

    def page(self, search: Search, cookie: bytes) -> Page[RawEntry]:
        """The entry, or noSuchObject."""
        if code := self._codes.get(search.base, 0 if search.base in self._entries else 32):
            return Page([], code=code, name="someCode")
        return Page([(search.base.encode(), self._entries[search.base])])


ROOT = {"namingContexts": [b"dc=example", b"ou=deep,dc=example", b"CN=Configuration,dc=example"]}


def test_a_domain_is_known_by_its_sid() -> None:
    server = Server({"": ROOT, "dc=example": {"objectSid": [SID], "entryUUID": [b"u"]}})

    assert describe(server, ["OU=people,DC=Example"], "").realm == "S-1-5-21-1004336348-1177238915-682003330"


def test_other_directories_are_known_by_the_uuid_of_their_context() -> None:
    directory = describe(Server({"": ROOT, "dc=example": {"entryUUID": [b"ABC-1"]}}), ["ou=people,dc=example"], "")

    assert directory.realm == "abc-1"
    assert directory.contexts == ("dc=example",)


def test_a_context_without_an_identity_is_known_by_its_name() -> None:
    assert describe(Server({"": ROOT, "dc=example": {}}), ["dc=example"], "").realm == "dc=example"
    assert describe(Server({"": ROOT}), ["dc=example"], "").realm == "dc=example"


def test_the_innermost_context_counts() -> None:
    server = Server({"": ROOT, "ou=deep,dc=example": {"entryUUID": [b"deep"]}})

    assert describe(server, ["ou=x,ou=deep,dc=example"], "").realm == "deep"


def test_a_busy_server_does_not_change_who_the_directory_is() -> None:
    server = Server({"": ROOT, "dc=example": {"entryUUID": [b"u"]}}, {"dc=example": 51})

    with pytest.raises(SourceUnavailable, match="51"):
        describe(server, ["dc=example"], "")


def test_bases_in_two_directories_need_a_name() -> None:
    server = Server({"": ROOT})
    bases = ["ou=a,dc=example", "ou=b,ou=deep,dc=example"]

    with pytest.raises(AccessRefused, match="2 directories") as refused:
        describe(server, bases, "")

    assert "realm" in refused.value.advice
    assert describe(server, bases, "ours").contexts == ("dc=example", "ou=deep,dc=example")


def test_a_directory_that_hides_its_contexts_needs_a_name() -> None:
    with pytest.raises(AccessRefused, match="naming contexts"):
        describe(Server({}), ["dc=example"], "")

    assert describe(Server({}), ["dc=example"], "ours").contexts == ("dc=example",)


DSA = "CN=NTDS Settings,CN=DC1,CN=Servers"
DC = {"dsServiceName": [DSA.encode()], "highestCommittedUSN": [b"123456"]}
LIFE = bytes(range(0, 256, 17))


def test_a_domain_controller_has_a_change_counter_for_each_of_its_lives() -> None:
    server = Server({"": DC, DSA: {"invocationId": [LIFE]}})

    assert change_counter(server) == ChangeCounter(
        "cn=ntds settings,cn=dc1,cn=servers 33221100-5544-7766-8899-aabbccddeeff", 123456
    )


@pytest.mark.parametrize(
    "entries",
    [
        {"": ROOT},
        {},
        {"": DC},
        {"": DC, DSA: {}},
        {"": {**DC, "highestCommittedUSN": [b"many"]}, DSA: {"invocationId": [LIFE]}},
        {"": {"highestCommittedUSN": [b"1"]}, DSA: {"invocationId": [LIFE]}},
    ],
)
def test_whatever_does_not_say_whose_counter_it_is_has_none(entries: dict[str, dict[str, list[bytes]]]) -> None:
    assert change_counter(Server(entries)) == ChangeCounter()


def test_an_entry_is_visible_where_it_comes() -> None:
    server = Server({"ou=x": {}}, {"ou=secret": 50, "ou=busy": 51})

    assert visible(server, "ou=x")
    assert not visible(server, "ou=y")
    assert not visible(server, "ou=secret")
    with pytest.raises(SourceUnavailable):
        visible(server, "ou=busy")
