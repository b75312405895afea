"""However outcomes are cut into batches, the ledger and the journal end the same."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iwds.core.model import Service
from iwds.ports import LedgerEffect, Outcome, Result, State
from iwds.state.database import open_state
from tests.contract.state_tools import HandClock, begin, create, row

LOGINS = st.integers(1, 4)
_SERVICES = count(1)
GROUPS = st.frozensets(st.integers(1, 4))


def become(login_id: int) -> st.SearchStrategy[LedgerEffect]:
    """Created or adopted, with some groups."""
    return st.tuples(GROUPS, st.booleans()).map(lambda made: lambda _: replace(row(login_id, *made[0]), locked=made[1]))


def joined(groups: frozenset[int]) -> LedgerEffect:
    """Some groups more, where it is ours."""
    return lambda before: before and replace(before, groups=before.groups | groups, written={"n": str(groups)})


def left(groups: frozenset[int]) -> LedgerEffect:
    """Some groups fewer, where it is ours."""
    return lambda before: before and replace(before, groups=before.groups - groups)


def gone(_: object) -> LedgerEffect:
    """Deleted."""
    return lambda _: None


def steps(login_id: int) -> st.SearchStrategy[tuple[int, Result, LedgerEffect | None]]:
    """One outcome's login, result and effect."""
    effects = st.one_of(
        become(login_id), GROUPS.map(joined), GROUPS.map(left), st.none().map(gone), st.none().map(lambda _: None)
    )
    return st.tuples(st.just(login_id), st.sampled_from(Result), effects)


@pytest.fixture(scope="module")
def state() -> Iterator[State]:
    """One database for all examples; each history is a service of its own."""
    opened = open_state("sqlite://", clock=HandClock())
    yield opened
    opened.close()


@settings(deadline=None)
@given(st.lists(LOGINS.flatmap(steps), max_size=12), st.lists(st.integers(0, 12), max_size=4))
def test_one_batch_and_many_end_the_same(
    state: State, done: list[tuple[int, Result, LedgerEffect | None]], cuts: list[int]
) -> None:
    at_once = _end(state, done, [])
    assert at_once == _end(state, done, range(1, len(done)))
    assert at_once == _end(state, done, sorted(cuts))


def _end(state: State, done: Sequence[tuple[int, Result, LedgerEffect | None]], cuts: Sequence[int]) -> object:
    """The ledger and the journal after these outcomes, settled in batches cut at these places."""
    service = Service("mfa.example.org", next(_SERVICES))
    journal = begin(state, str(service), service)
    ids = journal.intend([(4, create(login_id)) for login_id, _, _ in done])
    outcomes = [
        Outcome(intent, result, login_id=login_id, effect=effect)
        for intent, (login_id, result, effect) in zip(ids, done, strict=True)
    ]
    for start, end in zip([0, *cuts], [*cuts, len(done)], strict=True):
        journal.settle(outcomes[start:end])
    return list(state.ledger(service)), [i.result for i in state.intents(str(service))]
