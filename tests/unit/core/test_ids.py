"""Many ids in little memory."""

from hypothesis import given
from hypothesis import strategies as st

from iwds.core.ids import IdSet

IDS = st.integers(1, 2**63 - 1) | st.integers(1, 300)


@given(st.lists(IDS), st.lists(IDS))
def test_it_holds_what_was_added_and_nothing_else(added: list[int], others: list[int]) -> None:
    ids, seen = IdSet(), set[int]()
    for number in added:
        assert ids.add(number) is (number not in seen)
        seen.add(number)
    assert all((number in ids) is (number in seen) for number in [*added, *others])
