"""Servers that answer a question for changes otherwise than one would like."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

import pytest

from iwds.errors import MarkLost, SourceUnavailable
from iwds.sources._changed import Found, Place, place_of
from iwds.sources._changes_rfc4533 import now, since
from iwds.sources._messages import Result
from iwds.sources._search import Page, RawEntry, Search
from iwds.sources._sync import Changed, Ended, Named, Told

if TYPE_CHECKING:
    from iwds.sources._connection import Session

OLD, MARK, NEW = (f"2026112218200{second}.000000Z#000000#000#000000" for second in range(3))
BASE = "dc=example,dc=org"
WAS = Place({"000": MARK})
END = Ended(Result(0, ""), b"", left_named=True)


class Says:
    """A session that gives this answer."""

    def __init__(self, told: Sequence[Told]) -> None:
        self.told = told
        self.cookies: list[bytes] = []

    def page(self, search: Search, cookie: bytes) -> Page[RawEntry]:
        """How far the changes go."""
        return Page([(BASE.encode(), {"contextCSN": [NEW.encode()]})])

    def synced(self, search: Search, cookie: bytes) -> Iterator[Told]:
        """What changed."""
        self.cookies.append(cookie)
        yield from self.told


def changed(name: str, csn: str) -> Changed:
    """An entry that changed then."""
    return Changed((f"uid={name}".encode(), {"entryCSN": [csn.encode()]}))


def asked(*told: Told, most: int = 10) -> Found:
    """What is found in this answer."""
    found = Found(("entrycsn",), most)
    assert since(cast("Session", Says(told)), BASE, WAS, found) == Place({"000": NEW})
    return found


def test_changes_are_found() -> None:
    found = asked(changed("a", NEW), Named(("1", "2"), left=True), END)

    assert [entry.dn for entry in found.entries] == ["uid=a"]
    assert (found.left, found.unnamed, found.after) == ({"1", "2"}, False, [MARK])


@pytest.mark.parametrize("told", [[Named(("1",), left=False), END], [Ended(Result(0, ""), b"", left_named=False)]])
def test_who_left_without_being_named_is_noted(told: list[Told]) -> None:
    found = asked(*told)

    assert found.unnamed
    assert not found.left


@pytest.mark.parametrize("csn", [OLD, MARK])
def test_a_server_that_begins_with_everybody_has_lost_the_mark(csn: str) -> None:
    with pytest.raises(MarkLost, match="begins with everybody"):
        asked(changed("a", csn), END)


@pytest.mark.parametrize("told", [[changed("a", NEW), changed("b", NEW)], [Named(("1", "2"), left=True)]])
def test_nobody_waits_for_the_end_of_too_much(told: list[Told]) -> None:
    with pytest.raises(MarkLost, match="More than 1 "):
        asked(*told, most=1)


@pytest.mark.parametrize("code", [4096, 53, 12, 4])
def test_a_server_that_does_not_go_on_has_lost_the_mark(code: int) -> None:
    with pytest.raises(MarkLost):
        asked(Ended(Result(code, "stale"), b"", left_named=False))


def test_a_server_that_is_busy_has_not() -> None:
    with pytest.raises(SourceUnavailable, match="51 busy"):
        asked(Ended(Result(51, "busy"), b"", left_named=False))


def test_the_cookie_names_each_server() -> None:
    session, other = Says([END]), NEW.replace("#000#", "#001#")

    now(cast("Session", session), BASE)
    with pytest.raises(MarkLost):  # this directory has only one of them
        since(cast("Session", session), BASE, Place({"001": other, "000": MARK}), Found((), 1))

    assert session.cookies == [f"rid=000,csn={NEW}".encode()]


def test_a_place_is_the_same_after_it_was_kept() -> None:
    place = Place({"000": MARK}, {"000": NEW}, frozenset({NEW}), MARK)

    assert place_of(place.plain()) == place
    assert place.newest == NEW


@pytest.mark.parametrize(
    "said",
    [
        {"told": {}, "seen": {}, "late": [], "floor": ""},
        {"told": {"001": MARK}, "seen": {}, "late": [], "floor": ""},
        {"told": {"": ""}, "seen": {}, "late": [], "floor": ""},
        {"told": {"000": MARK}},
        {"told": [1], "seen": {}, "late": [], "floor": ""},
        [],
        None,
    ],
)
def test_what_is_no_place_is_an_error(said: object) -> None:
    with pytest.raises((ValueError, LookupError, TypeError)):
        place_of(said)
