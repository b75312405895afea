"""A group that is sent in parts is whole, or it is not believed. A scripted server answers here."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iwds.sources._ranges import Incomplete, all_values
from iwds.sources._search import Asks, Page, RawEntry, Search

DN = "CN=big,DC=corp,DC=example"
Values = dict[str, list[bytes]]


class Splits(Asks):
    """A server that sends at most so many values at a time. `spoil` alters each answer, by its number."""

    def __init__(self, members: int, step: int, spoil: Callable[[int, Values], Values] = lambda _, values: values):
        self.members = [f"CN={number}".encode() for number in range(members)]
        self.step, self.spoil, self.asked = step, spoil, 0

    def page(self, search: Search, cookie: bytes) -> Page[RawEntry]:
        (wanted, changed), first = search.attributes, int(search.attributes[0].split("=")[1].split("-")[0])
        assert (search.base, search.scope, changed) == (DN, "base", "usnchanged")
        assert wanted.startswith("member;range=")
        part = self.members[first : first + self.step]
        end = "*" if first + self.step >= len(self.members) else str(first + len(part) - 1)
        values = {f"member;Range={first}-{end}": part} if part else {}
        self.asked += 1
        return Page([(DN.encode(), self.spoil(self.asked, {"uSNChanged": [b"7"], **values}))])


@given(st.integers(1, 40), st.integers(1, 15))
def test_every_value_comes_once_and_in_order_however_it_is_split(members: int, step: int) -> None:
    server = Splits(members, step)

    assert list(all_values(server, DN, "member")) == [f"CN={number}" for number in range(members)]


def test_a_group_that_shrank_meanwhile_may_come_whole() -> None:
    server = Splits(0, 5, lambda _, values: {**values, "member": [b"CN=1"]})

    assert list(all_values(server, DN, "member")) == ["CN=1"]


def test_a_group_of_which_nothing_comes_any_more_is_not_taken_for_empty() -> None:
    with pytest.raises(Incomplete, match="did not come"):
        all_values(Splits(0, 5), DN, "member")


def test_a_group_that_changes_while_it_is_read_is_read_again() -> None:
    server = Splits(9, 5, lambda asked, values: {**values, "uSNChanged": [b"7" if asked == 1 else b"8"]})

    assert len(all_values(server, DN, "member")) == 9
    assert server.asked == 4


def test_parts_without_a_word_on_changes_are_not_believed() -> None:
    server = Splits(9, 5, lambda _, values: {name: each for name, each in values.items() if name != "uSNChanged"})

    with pytest.raises(Incomplete, match="may not be read"):
        all_values(server, DN, "member")


def test_a_group_that_never_stands_still_is_not_believed() -> None:
    server = Splits(9, 5, lambda asked, values: {**values, "uSNChanged": [str(asked).encode()]})

    with pytest.raises(Incomplete, match="changed each time"):
        all_values(server, DN, "member")
    assert server.asked == 6


@pytest.mark.parametrize(
    "second",
    [
        {},  # the second part is missing
        {"member;range=4-8": [b"CN=x"] * 5},  # it overlaps with the first
        {"member;range=6-10": [b"CN=x"] * 5},  # there is a gap
        {"member;range=5-9": [b"CN=x"] * 4},  # fewer came than it says
        {"member;range=5-*": []},  # nothing came
        {"uniquemember;range=5-*": [b"CN=x"]},
    ],
)
def test_parts_that_do_not_join_are_not_believed(second: Values) -> None:
    server = Splits(20, 5, lambda asked, values: second if asked == 2 else values)

    with pytest.raises(Incomplete):
        all_values(server, DN, "member")


@pytest.mark.parametrize("page", [Page([], code=32, name="noSuchObject"), Page([]), Page([], code=51, name="busy")])
def test_an_entry_that_does_not_come_is_not_believed(page: Page[RawEntry]) -> None:
    class Gone(Asks):
        def page(self, search: Search, cookie: bytes) -> Page[RawEntry]:
            return page

    with pytest.raises(Incomplete, match=f"member from the 0. on: {page.code}"):
        all_values(Gone(), DN, "member")


def test_values_that_are_no_text_are_an_error() -> None:
    server = Splits(9, 5, lambda _, values: {key: [b"\xff"] * len(each) for key, each in values.items()})

    with pytest.raises(ValueError, match="utf-8"):
        all_values(server, DN, "member")
