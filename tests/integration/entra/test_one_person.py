"""Questions about one person of a tenant."""

from collections.abc import Callable

import pytest

from iwds.core.model import Anchor
from iwds.errors import AccessRefused, SourceUnavailable
from iwds.sources.entra import EntraSource
from tests.graph.server import GROUPS_READ, HIDDEN_READ, USERS_READ, GraphServer
from tests.graph.tenant import TENANT, Tenant

Connect = Callable[..., EntraSource]


@pytest.fixture
def jane(tenant: Tenant) -> str:
    return tenant.user(
        "jane.o'hara",
        mail="Jane@corp.example",
        onPremisesSamAccountName="jane",
        proxyAddresses=["SMTP:jane@corp.example", "smtp:j@corp.example"],
        employeeId="E-7",
    )


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("jane", ("onpremisessamaccountname",)),
        ("JANE@CORP.EXAMPLE", ("mail",)),
        ("j@corp.example", ("proxyaddresses",)),
        ("E-7", ("employeeid", "nosuchattribute")),
        ("Jane.O'Hara@corp.example", ()),
    ],
)
def test_they_are_found_by_whatever_names_them(source: Connect, jane: str, text: str, by: tuple[str, ...]) -> None:
    (entry,) = source().search(text, by, ("employeeid",))

    assert (entry.anchor, entry.attrs) == (Anchor(TENANT, jane), {"employeeid": ("E-7",)})


def test_they_are_found_by_id_whatever_its_case(source: Connect, jane: str) -> None:
    assert [entry.anchor.id for entry in source().search(jane.upper(), (), ())] == [jane]


def test_of_many_only_some_come(source: Connect, tenant: Tenant) -> None:
    for number in range(25):
        tenant.user(f"twin{number}", surname="Twin")

    assert len(source().search("Twin", ("surname",), ())) == 20


def test_a_guest_is_found_and_not_selected(source: Connect, tenant: Tenant, jane: str) -> None:
    anchor = Anchor(TENANT, tenant.user("al_x.org#EXT#", userType="Guest"))

    assert source().find(anchor, ()) is not None
    assert not source().selects(anchor)
    assert source(guests=True).selects(anchor)
    assert source().selects(Anchor(TENANT, jane))


def test_whoever_lies_in_the_recycle_bin_is_deleted_and_whoever_was_purged_is_not_said_to_be(
    source: Connect, tenant: Tenant, jane: str
) -> None:
    connected, anchor = source(), Anchor(TENANT, jane)
    assert not connected.deleted(anchor)

    tenant.delete(jane)
    assert connected.deleted(anchor)
    assert connected.find(anchor, ()) is None

    tenant.purge(jane)
    assert not connected.deleted(anchor)


def test_a_recycle_bin_that_is_not_shown_tells_nothing(
    source: Connect, tenant: Tenant, jane: str, graph: GraphServer
) -> None:
    tenant.delete(jane)
    graph.fault("/deletedItems", status=403, code="Authorization_RequestDenied")

    assert not source().deleted(Anchor(TENANT, jane))


def test_the_groups_are_those_of_a_reading_also_where_some_hide_their_members(
    source: Connect, tenant: Tenant, jane: str, graph: GraphServer
) -> None:
    inner, outer = tenant.group("inner"), tenant.group("outer")
    hidden = tenant.group("Class 7b", visibility="HiddenMembership")
    tenant.join(inner, jane)
    tenant.join(outer, inner, hidden)
    tenant.join(hidden, jane)
    for _ in range(2):
        connected = source()
        read = next(entry for entry in connected.read(("mail",)) if entry.anchor.id == jane)

        assert connected.find(read.anchor, ("mail",)) == read
        assert bool(read.unread) is (HIDDEN_READ not in graph.granted)
        graph.granted.add(HIDDEN_READ)


def test_with_many_groups_that_hide_their_members_nobody_s_are_known(
    source: Connect, tenant: Tenant, jane: str
) -> None:
    for number in range(21):
        tenant.group(f"class {number}", visibility="HiddenMembership")

    entry = source().find(Anchor(TENANT, jane), ())

    assert entry is not None
    assert entry.groups is None


def test_which_groups_hide_their_members_is_asked_once(source: Connect, tenant: Tenant, graph: GraphServer) -> None:
    connected = source()
    for key in list(tenant.users)[:3]:
        connected.find(Anchor(TENANT, key), ())

    assert graph.paths().count("/groups") == 1


def test_the_shortest_way_into_a_group_is_told(source: Connect, tenant: Tenant, jane: str) -> None:
    a, b, c = (tenant.group(name) for name in "abc")
    tenant.join(a, jane)
    tenant.join(b, a)
    tenant.join(c, b, a)

    paths = source().paths(Anchor(TENANT, jane))

    assert paths["c"] == ("a", "c")
    assert paths[c] == ("a", c)
    assert paths.keys() == {"a", "b", "c", a, b, c}
    assert source(groups=False).paths(Anchor(TENANT, jane)) == {}


@pytest.mark.parametrize("permission", [USERS_READ, GROUPS_READ])
def test_without_a_right_nobody_is_said_to_be_gone(
    source: Connect, jane: str, graph: GraphServer, permission: str
) -> None:
    graph.granted.discard(permission)

    with pytest.raises(AccessRefused):
        source().find(Anchor(TENANT, jane), ())


def test_of_whoever_may_not_be_seen_nothing_is_known(source: Connect, tenant: Tenant, jane: str) -> None:
    tenant.opaque.add(jane)

    entry = source().find(Anchor(TENANT, jane), ("mail",))

    assert entry is not None
    assert (entry.attrs, entry.groups, entry.enabled, entry.name) == ({}, None, None, jane)


def test_a_count_that_is_none_is_no_count(source: Connect, graph: GraphServer) -> None:
    connected = source()
    stream = connected.read(())
    list(stream)
    graph.fault("/users/$count", status=200, body=b"many")

    with pytest.raises(SourceUnavailable, match="no number"):
        list(connected.confirm(stream.finish()))


def test_it_says_where_it_was_answered(source: Connect, graph: GraphServer, jane: str) -> None:
    connected = source()
    assert connected.answered_by == ""

    connected.find(Anchor(TENANT, jane), ())

    assert connected.answered_by == graph.origin
    assert connected.indexed
    assert connected.shows("jane.o'hara@corp.example")
    assert not connected.shows("nobody@corp.example")
