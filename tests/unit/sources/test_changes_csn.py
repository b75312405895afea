"""Directories that number their changes, and whose naming context may say nothing of them, or something of long ago."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from iwds.errors import MarkLost, SourceUnavailable
from iwds.sources import _changes_csn
from iwds.sources._changed import Found, Place
from iwds.sources._changes_csn import now, since
from iwds.sources._search import Asks, Page, RawEntry, Search

BASE = "dc=example,dc=org"
LONG_AGO = "20200101000000.000000Z#000000#000#000000"


def csn(seconds: float, server: str = "000") -> str:
    """A change so many seconds ago."""
    return f"{datetime.now(UTC) - timedelta(seconds=seconds):%Y%m%d%H%M%S.%f}Z#000000#{server}#000000"


class Directory(Asks):
    """Entries with the number of their last change, and what the naming context says."""

    def __init__(self, entries: Mapping[str, str], *told: str, code: int = 0) -> None:
        self.entries, self.told, self.code = dict(entries), told, code
        self.asked: list[str] = []

    def page(self, search: Search, cookie: bytes) -> Page[RawEntry]:
        """What changed, or how far changes go."""
        if search.scope == "base":
            return Page([(BASE.encode(), {"contextCSN": [each.encode() for each in self.told]})])
        after = re.fullmatch(r"\(entrycsn>=(.*)\)", search.filter)
        assert after is not None
        self.asked.append(after[1])
        names = [name for name, value in self.entries.items() if value >= after[1]]
        found: list[RawEntry] = [(name.encode(), {"entryCSN": [self.entries[name].encode()]}) for name in names]
        if 0 < search.size_limit < len(found):
            return Page(found[: search.size_limit], code=4)
        return Page(found, code=self.code)


def asked(directory: Directory, was: Place) -> tuple[set[str], Place]:
    """Who changed, and how far the changes go."""
    found = Found(("entrycsn",), 100)
    place = since(directory, BASE, was, found)
    return {entry.dn for entry in found.entries}, place


@pytest.mark.parametrize("age", [1, 10_000, 1_000_000, 10_000_000, 100_000_000])
def test_the_newest_change_is_found_however_long_ago(age: int) -> None:
    last = csn(age)

    assert now(Directory({"a": LONG_AGO, "b": last}), BASE).seen == {"000": last}


def test_a_context_that_speaks_of_long_ago_is_not_believed() -> None:
    last = csn(5)

    place = now(Directory({"a": LONG_AGO, "b": last}, LONG_AGO), BASE)

    assert (place.told, place.seen) == ({"000": LONG_AGO}, {"000": last})


def test_without_any_number_there_is_no_mark() -> None:
    with pytest.raises(MarkLost, match="entryCSN"):
        now(Directory({}), BASE)


def test_each_change_comes_once_and_one_that_ended_late_too() -> None:
    directory = Directory({"a": csn(30), "b": csn(10)})
    was = now(directory, BASE)
    assert asked(directory, was)[0] == set()
    directory.entries |= {"late": csn(20), "new": csn(5)}

    found, place = asked(directory, was)

    assert found == {"late", "new"}
    assert asked(directory, place)[0] == set()


def test_what_many_changes_overtook_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_changes_csn, "MOST_LATE", 2)
    directory = Directory({"a": csn(30), "b": csn(20), "c": csn(10)})
    was = now(directory, BASE)
    directory.entries |= {"too late": csn(40), "late": csn(12)}

    found, place = asked(directory, was)

    assert found == {"late"}
    assert len(place.late) == 2
    assert asked(directory, place)[0] == set()


def test_more_changes_of_one_moment_than_are_remembered_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_changes_csn, "MOST_LATE", 2)
    last = csn(10)

    assert now(Directory(dict.fromkeys("abc", last)), BASE).seen == {"000": last}


def test_a_server_that_lags_is_asked_from_where_it_was() -> None:
    ours, theirs = csn(10), csn(5000, "002")
    directory = Directory({"a": ours, "b": theirs}, ours, theirs)
    was = Place({"000": ours, "002": theirs}, {"000": ours, "002": theirs}, frozenset({ours}), csn(70))
    caught_up = csn(4000, "002")
    directory.entries["late"], directory.told = caught_up, (ours, caught_up)

    found, place = asked(directory, was)

    assert found == {"late"}
    assert place.seen == {"000": ours, "002": caught_up}


def test_changes_by_another_number_of_the_server_are_new() -> None:
    directory = Directory({"a": csn(10)})
    was = now(directory, BASE)
    directory.entries["b"] = csn(5, "007")

    found, place = asked(directory, was)

    assert found == {"b"}
    assert asked(directory, place)[0] == set()


def test_an_entry_without_a_number_counts_as_changed() -> None:
    class Hiding(Directory):
        def page(self, search: Search, cookie: bytes) -> Page[RawEntry]:
            found = super().page(search, cookie)
            return found if search.scope == "base" else Page([*found.entries, (b"odd", {})])

    directory = Directory({"a": csn(10)})

    assert asked(Hiding(directory.entries), now(directory, BASE))[0] == {"odd"}


def test_numbers_that_may_be_asked_for_and_not_seen_give_no_mark() -> None:
    class Hiding(Directory):
        def page(self, search: Search, cookie: bytes) -> Page[RawEntry]:
            found = super().page(search, cookie)
            return Page([(name, {}) for name, _ in found.entries], code=found.code)

    with pytest.raises(MarkLost, match="entryCSN"):
        now(Hiding({"a": csn(10)}), BASE)


def test_an_answer_that_is_cut_is_none() -> None:
    with pytest.raises(SourceUnavailable, match="cannot be told what changed"):
        asked(Directory({"a": csn(1)}, code=4), Place({}, {"000": LONG_AGO}, floor=LONG_AGO))


def test_a_mark_of_another_way_is_lost_and_a_busy_server_gives_none() -> None:
    with pytest.raises(MarkLost, match="no mark"):
        asked(Directory({}), Place({"000": LONG_AGO}))
    with pytest.raises(SourceUnavailable, match="51"):
        now(Directory({}, code=51), BASE)
