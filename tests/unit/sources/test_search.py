"""The result code of every page is looked at. A scripted server answers here."""

from collections.abc import Iterator

import pytest

from iwds.sources._search import MOST_EMPTY, Asks, Page, Pull, RawEntry, Search

SEARCH = Search("dc=example", "subtree", "(uid=*)", ("uid",), 2)
ENTRY: RawEntry = (b"uid=a,dc=example", {"uid": [b"a"]})


class Scripted(Asks):
    """Answers with the pages that it was given, and remembers what it was asked."""

    def __init__(self, *pages: Page[RawEntry]) -> None:
        self._pages: Iterator[Page[RawEntry]] = iter(pages)
        self.asked: list[tuple[int, bytes]] = []

    def page(self, search: Search, cookie: bytes) -> Page[RawEntry]:
        """The next page of the script."""
        self.asked.append((search.page_size, cookie))
        return next(self._pages)


def pulled(*pages: Page[RawEntry], ignore: bool = False) -> tuple[int, Pull[RawEntry], list[str], Scripted]:
    """How many entries come out of these pages, and the verdict."""
    problems: list[str] = []
    server = Scripted(*pages)
    pull = Pull(server.page, SEARCH, problems.append, ignore)
    return sum(len(entries) for entries in pull), pull, problems, server


def test_cookies_are_followed_to_the_end() -> None:
    count, pull, problems, server = pulled(Page([ENTRY, ENTRY], cookie=b"1"), Page([], cookie=b"2"), Page([ENTRY]))

    assert (count, pull.complete, problems) == (3, True, [])
    assert server.asked == [(2, b""), (2, b"1"), (2, b"2")]
    assert pull.reason() == "3 entries from dc=example in 3 pages, each ended by the server with success"


@pytest.mark.parametrize("code", [1, 3, 4, 11, 32, 50, 51, 53, 80, 4096])
def test_any_code_but_success_ends_the_reading_unproven(code: int) -> None:
    cut = Page([ENTRY], code=code, name="someCode", text="in its own words", cookie=b"more")
    count, pull, problems, _ = pulled(Page([ENTRY, ENTRY], cookie=b"1"), cut)

    assert (count, pull.complete) == (3, False)
    assert len(problems) == 1
    assert f"page 2 of dc=example ended with {code} someCode (in its own words) after 3 entries" in problems[0]


def test_a_server_that_cannot_page_is_asked_for_all_at_once() -> None:
    count, pull, problems, server = pulled(
        Page([], code=12, name="unavailableCriticalExtension"), Page([ENTRY], paged=False)
    )

    assert (count, pull.complete, problems) == (1, True, [])
    assert server.asked == [(2, b""), (0, b"")]
    assert "one answer from a server that does not page, ended by the server with success" in pull.reason()


def test_a_page_that_does_not_say_whether_more_follow_is_not_believed() -> None:
    count, pull, problems, _ = pulled(Page([ENTRY], cookie=b"1"), Page([ENTRY], paged=False))

    assert (count, pull.complete) == (2, False)
    assert "page 2 of dc=example ended after 2 entries without a word on whether more follow" in problems[0]


def test_a_server_that_cannot_page_and_cuts_its_answer_is_not_believed() -> None:
    _, pull, problems, _ = pulled(Page([], code=12), Page([ENTRY], code=4, name="sizeLimitExceeded", paged=False))

    assert not pull.complete
    assert "4 sizeLimitExceeded" in problems[0]


def test_a_server_that_promises_more_for_ever_is_not_believed() -> None:
    empty: Page[RawEntry] = Page([], cookie=b"1")
    count, pull, problems, server = pulled(Page([ENTRY], cookie=b"1"), *[empty] * (MOST_EMPTY + 1))

    assert (count, pull.complete, len(server.asked)) == (1, False, MOST_EMPTY + 1)
    assert problems == ["dc=example: 1,000 pages in a row were empty, and none the last"]


def test_paging_that_stops_in_the_middle_is_not_begun_again() -> None:
    count, pull, problems, server = pulled(Page([ENTRY], cookie=b"1"), Page([], code=12, name="unavailable"))

    assert (count, pull.complete, len(problems), len(server.asked)) == (1, False, 1, 2)


def test_references_are_no_entries_and_a_problem() -> None:
    count, pull, problems, _ = pulled(Page([ENTRY], ("ldap://a",), cookie=b"1"), Page([], ("ldap://b",)))

    assert (count, pull.complete) == (1, False)
    assert "(2 references: ldap://a, ldap://b)" in problems[0]


def test_references_may_be_ignored() -> None:
    count, pull, problems, _ = pulled(Page([ENTRY], ("ldap://a",)), ignore=True)

    assert (count, pull.complete, problems) == (1, True, [])


@pytest.mark.parametrize(
    ("name", "problems"),
    [
        ("CN=Configuration,DC=corp,DC=example", 0),
        ("cn=Schema,%43N=Configuration,DC=corp,DC=example", 0),
        ("DC=DomainDnsZones,DC=corp,DC=example", 0),
        ("DC=ForestDnsZones,DC=corp,DC=example??sub", 0),
        ("DC=emea,DC=corp,DC=example", 1),
        ("OU=Configuration,DC=corp,DC=example", 1),
        ("", 1),
    ],
)
def test_a_reference_to_a_partition_without_people_is_none_to_people(name: str, problems: int) -> None:
    page = Page([ENTRY], references=(f"ldaps://corp.example/{name}",))

    assert len(pulled(page)[2]) == problems


def test_a_reference_that_is_no_url_is_a_problem() -> None:
    assert len(pulled(Page([ENTRY], references=("ldap://[corp/CN=Configuration,DC=x",)))[2]) == 1
