"""Two states of groups within groups, with circles: what is said of the change is what all ways through them say."""

from collections.abc import Mapping

from hypothesis import event, given
from hypothesis import strategies as st

from iwds.sources._regrouped import Regrouped

PEOPLE = [f"p{number}" for number in range(4)]
GROUPS = [f"g{number}" for number in range(5)]
Graph = Mapping[str, frozenset[str]]
graphs = st.dictionaries(st.sampled_from(GROUPS), st.frozensets(st.sampled_from([*PEOPLE, *GROUPS]), max_size=4))
changes = st.dictionaries(
    st.sampled_from(GROUPS), st.none() | st.frozensets(st.sampled_from([*PEOPLE, *GROUPS]), max_size=4), max_size=3
)


def groups_of(graph: Graph, keys: frozenset[str]) -> frozenset[str]:
    """All groups of whoever has these keys: those that name one of them or a group found before, until none is new."""
    found: frozenset[str] = frozenset()
    while True:
        more = frozenset(name for name, members in graph.items() if members & (keys | found))
        if more <= found:
            return found
        found |= more


def changed(before: Graph, changes: Mapping[str, frozenset[str] | None]) -> dict[str, frozenset[str]]:
    merged = {**before, **changes}
    return {name: members for name, members in merged.items() if members is not None}


@given(graphs, changes, st.data())
def test_the_affected_are_all_whose_groups_differ_and_what_they_left_is_what_they_lost(
    before: Graph, moves: Mapping[str, frozenset[str] | None], data: st.DataObject
) -> None:
    now = changed(before, moves)
    keys = frozenset(data.draw(st.sets(st.sampled_from(PEOPLE), min_size=1, max_size=2)))
    found = Regrouped(moves, before.get, lambda key: [name for name in now if key in now[name]], most=100)

    was, are = groups_of(before, keys), groups_of(now, keys)
    event(f"left {len(was - are)}, joined {len(are - was)}")
    assert keys & found.people or was == are
    assert found.lost(keys) - are == was - are
    assert found.lost(keys) <= was
    assert found.went(keys) == bool(found.lost(keys))
