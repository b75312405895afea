"""What can be said of a change in an Active Directory without asking it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iwds.errors import MarkLost, SourceUnavailable
from iwds.sources._adchanged import Point, point_of
from iwds.sources._adshadow import mentioned
from iwds.sources._ber import INTEGER, OCTETS, SEQUENCE, element, whole
from iwds.sources._dirsync import AS_SEEN, BY_RIGHT, DIRSYNC, NotAllowed, Synchronising
from iwds.sources._extended import named, plain
from iwds.sources._search import Asks, Page, RawEntry, Search

GUID = "1db9e469-4117-437e-9a02-508fb1581cf8"
SEARCH = Search("dc=corp", "subtree", "(a=b)", ("objectguid",))


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("(objectClass=user)", {"objectclass"}),
        ("(&(objectCategory=person)(!(Department=x))( mail =*@x))", {"objectcategory", "department", "mail"}),
        ("(userAccountControl:1.2.840.113556.1.4.803:=2)", {"useraccountcontrol"}),
        ("(memberOf:1.2.840.113556.1.4.1941:=CN=a \\28x=y\\29,DC=corp)", {"memberof"}),
        ("(|(a>=1)(b<=2)(c~=3)(d;binary=4)(:dn:2.5.13.2:=e))", {"a", "b", "c", "d"}),
    ],
)
def test_a_filter_rests_on_the_attributes_that_it_mentions(text: str, attributes: set[str]) -> None:
    assert mentioned(text) == attributes


@given(st.integers(0), st.sampled_from([BY_RIGHT, AS_SEEN]), st.booleans(), st.binary(min_size=1))
def test_a_point_stands_in_a_mark_as_text(number: int, rights: int, shown: bool, cookie: bytes) -> None:
    point = Point(number, rights, shown, cookie)

    assert point_of(str(point)) == point
    assert point_of(str(Point(number))) == Point(number)


@given(st.text())
def test_any_other_text_is_no_point(text: str) -> None:
    with pytest.raises(MarkLost):
        point_of(text + "!")


def test_an_extended_name_says_who_is_named() -> None:
    assert named(f"<GUID={GUID.upper()}>;<SID=S-1-5-21-1>;CN=a;b,DC=c") == (GUID, "S-1-5-21-1", "CN=a;b,DC=c")
    assert named(f"<GUID={GUID}>;CN=a") == (GUID, "", "CN=a")
    assert (plain(f"<GUID={GUID}>;CN=a"), plain("CN=a")) == ("CN=a", "CN=a")
    with pytest.raises(MarkLost, match="the id of CN=a"):
        named("CN=a")


class Scripted(Asks):
    """A server that answers with these pages, one after the other."""

    def __init__(self, *pages: Page[RawEntry]) -> None:
        self._pages = iter(pages)

    def page(self, search: Search, cookie: bytes) -> Page[RawEntry]:
        return next(self._pages)


def page(*entries: RawEntry, more: int = 0, cookie: bytes = b"c") -> Page[RawEntry]:
    value = element(SEQUENCE, whole(more), whole(0), element(OCTETS, cookie))
    return Page(list(entries), controls=((DIRSYNC, value),))


def test_dirsync_goes_on_until_the_server_has_no_more() -> None:
    entry: RawEntry = b"CN=a", {}
    asking = Synchronising(
        Scripted(page(entry, more=1, cookie=b"1"), page(more=1, cookie=b"2"), page(entry)), SEARCH, 0
    )

    assert [len(found) for found in asking] == [1, 0, 1]
    assert asking.cookie == b"c"


def test_a_server_that_promises_more_for_ever_is_not_followed() -> None:
    asking = Synchronising(Scripted(page(more=1), page(more=1)), SEARCH, 0)

    with pytest.raises(SourceUnavailable, match="goes on with none"):
        list(asking)


@pytest.mark.parametrize(("code", "error"), [(50, NotAllowed), (51, SourceUnavailable), (12, MarkLost), (53, MarkLost)])
def test_what_the_server_refuses_is_told_apart(code: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        list(Synchronising(Scripted(Page([], code=code)), SEARCH, 0))


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        element(SEQUENCE, whole(0), whole(0), element(OCTETS, b"")),
        element(SEQUENCE, whole(0), whole(0), element(OCTETS, b"c"), element(INTEGER, b"\x01")),
        element(SEQUENCE, whole(0), element(OCTETS, b"c")),
    ],
)
def test_without_a_cookie_there_is_nothing_to_go_on_from(value: bytes | None) -> None:
    controls = () if value is None else ((DIRSYNC, value),)

    with pytest.raises(MarkLost, match="from where on"):
        list(Synchronising(Scripted(Page([], controls=controls)), SEARCH, 0))
