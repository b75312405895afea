"""Whatever happens in a tenant, its changes tell of everybody who is another now, and of every group that they left."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from iwds.core.model import Entry
from iwds.ports import Delta
from iwds.sources._entrasettings import Settings
from iwds.sources.entra import EntraSource, connect
from tests.graph.server import GraphServer
from tests.graph.tenant import Tenant

PEOPLE = [f"aaaaaaaa-0000-4000-8000-{n:012}" for n in range(4)]
GROUPS = [f"bbbbbbbb-0000-4000-8000-{n:012}" for n in range(4)]
ATTRIBUTES = ("surname",)
_MOST = 1000
Happening = tuple[str, int, int, int]
happenings = st.lists(
    st.tuples(
        st.sampled_from(["join", "leave", "change", "rename", "delete", "restore"]),
        st.integers(0, 3),
        st.integers(0, 7),
        st.integers(0, 2),
    ),
    max_size=6,
)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphServer]:
    with GraphServer(tmp_path_factory.mktemp("graph"), Tenant()) as server:
        server.answers.page, server.answers.slice = 2, 1
        yield server


@settings(deadline=None, max_examples=20)
@example(first=[], then=[("join", 0, 6, 0), ("delete", 0, 6, 0)])
@example(first=[("delete", 0, 6, 0)], then=[("restore", 0, 6, 0), ("join", 2, 1, 0)])
@example(first=[("delete", 0, 6, 0), ("restore", 0, 6, 0)], then=[])
@given(first=happenings, then=happenings)
def test_nobody_is_missed_and_nothing_is_left_that_was_not_had(
    graph: GraphServer, first: Sequence[Happening], then: Sequence[Happening]
) -> None:
    tenant = _tenant(graph)
    with closing(connect("cloud", Settings.model_validate(graph.settings()))) as source:
        feed = source.changes(ATTRIBUTES)
        mark, members, was = feed.mark(), dict(feed.members()), _read(source)
        for happenings_of_a_day in (first, then):
            _happen(tenant, happenings_of_a_day)

            delta = feed.since(mark, members.get, _MOST)

            now = _read(source)
            _judge(delta, was, now)
            kept = {**members, **delta.groups}
            members = {key: held for key, held in kept.items() if held is not None}
            assert members == dict(feed.members())
            mark, was = delta.mark, now


def _judge(delta: Delta, was: Mapping[str, Entry], now: Mapping[str, Entry]) -> None:
    changed = {key for key in was.keys() | now.keys() if was.get(key) != now.get(key)}
    assert changed <= delta.people | delta.gone
    assert delta.gone == was.keys() - now.keys()
    for key in was.keys() & now.keys():
        had, has, left = _groups(was[key]), _groups(now[key]), delta.left.get(key, frozenset())
        assert had - has <= left
        assert left - has <= had


def _tenant(graph: GraphServer) -> Tenant:
    tenant = graph.tenant = graph.answers.tenant = Tenant()
    for key in GROUPS:
        tenant.group(f"name {key[-1]}", key)
    for key in PEOPLE:
        tenant.user(f"user{key[-1]}", key)
    for outer, inner in zip(GROUPS[1:], GROUPS, strict=False):
        tenant.join(outer, inner)
    tenant.join(GROUPS[0], *PEOPLE[:3])
    tenant.join(GROUPS[2], PEOPLE[0], PEOPLE[3])
    tenant.user("steady")
    return tenant


def _happen(tenant: Tenant, what: Sequence[Happening]) -> None:
    for verb, number, other, word in what:
        group, member = GROUPS[number], [*PEOPLE, *GROUPS][other]
        there = member in tenant.users or member in tenant.groups
        if verb == "join" and group in tenant.groups and there and member != group:
            tenant.join(group, member)
        elif verb == "leave" and member in tenant.members.get(group, ()) and there:
            tenant.leave(group, member)
        elif verb == "change" and member in tenant.users:
            tenant.change(member, surname=[None, "A", "B"][word])
        elif verb == "rename" and group in tenant.groups:
            tenant.change(group, displayName=["name 0", "name", "cn=odd"][word])
        elif verb == "delete" and there:
            tenant.delete(member)
        elif verb == "restore" and member in {*tenant.bin, *tenant.attic}:
            tenant.restore(member)


def _read(source: EntraSource) -> Mapping[str, Entry]:
    return {entry.anchor.id: entry for entry in source.read(ATTRIBUTES)}


def _groups(entry: Entry) -> frozenset[str]:
    return entry.groups or frozenset()
