"""Change sequence numbers: which is newer, on which server."""

import pytest

from iwds.errors import MarkLost, SourceUnavailable
from iwds.sources._csn import context_csns, earlier, moved, newest, server_of, since_when
from iwds.sources._search import Asks, Page, RawEntry, Search

OLD = "20261122182053.332253Z#000000#001#000000"
NEW = "20261122182053.332253Z#000001#001#000000"
OTHER = "20251122182053.000000Z#000000#002#000000"


def test_the_newest_of_each_server_counts() -> None:
    assert newest([NEW, OTHER, OLD, "garbage", ""]) == {"001": NEW, "002": OTHER}


@pytest.mark.parametrize(
    ("value", "server"),
    [(NEW, "001"), ("20061122182053Z#000000#00#000000", "00"), ("20261122182053.3Z#0#1#0", ""), (f"{NEW} ", "")],
)
def test_a_number_names_its_server(value: str, server: str) -> None:
    assert server_of(value) == server


@pytest.mark.parametrize(
    ("value", "before"),
    [
        (OLD, "20261122181953.332253Z#000000#000#000000"),
        ("20260101000000Z#000000#00#000000", "20251231235900.000000Z#000000#000#000000"),
    ],
)
def test_a_minute_before_is_a_minute_before(value: str, before: str) -> None:
    assert earlier(value, 60) == before


def test_servers_that_made_changes_are_told() -> None:
    was = {"001": OLD, "002": OTHER}

    assert moved(was, {"001": NEW, "002": OTHER}) == ["001"]
    assert moved(was, was) == []


@pytest.mark.parametrize(
    ("was", "now", "why"),
    [
        ({"001": NEW}, {"001": OLD}, "behind the mark"),
        ({"001": NEW}, {"001": NEW, "002": OTHER}, "server 002 takes changes now"),
        ({"001": NEW, "002": OTHER}, {"001": NEW}, "does not say any more"),
    ],
)
def test_what_cannot_follow_upon_a_mark_loses_it(was: dict[str, str], now: dict[str, str], why: str) -> None:
    with pytest.raises(MarkLost, match=why):
        moved(was, now)


def test_servers_that_made_no_changes_do_not_take_the_search_back_in_time() -> None:
    was = {"001": OLD, "002": OTHER}

    assert since_when(was, ["001"]) == OLD
    assert since_when(was, ["001", "002"]) == OTHER
    assert since_when(was, []) == OLD


class Answering(Asks):
    """A directory that gives one page."""

    def __init__(self, page: Page[RawEntry]) -> None:
        self._page = page

    def page(self, search: Search, cookie: bytes) -> Page[RawEntry]:
        """The page."""
        return self._page


def test_a_context_that_may_not_be_seen_says_nothing_and_a_busy_server_is_no_answer() -> None:
    assert context_csns(Answering(Page([], code=32)), "dc=x") == {}
    with pytest.raises(SourceUnavailable, match="51 busy"):
        context_csns(Answering(Page([], code=51, name="busy")), "dc=x")
