"""Everybody is read once and mapped by two sets of rules."""

import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import pytest

from iwds.core.comparison import Turn
from iwds.core.model import Account, Entry, Unmapped
from iwds.engine.comparing import Comparing
from tests.unit.engine.rehearsal import PlainRules, Rehearsal


@dataclass(frozen=True)
class Shouting(PlainRules):
    """The same rules, but names are in capitals."""

    def map(self, entry: Entry, now: datetime) -> Account | Unmapped:
        made = super().map(entry, now)
        return replace(made, name=(made.name or "").upper()) if isinstance(made, Account) else made


@pytest.fixture
def company() -> Iterator[Rehearsal]:
    rehearsal = Rehearsal()
    yield rehearsal
    rehearsal.close()


def comparing(company: Rehearsal, told: list[tuple[str, int, int | None]]) -> Comparing:
    return Comparing(company.job, PlainRules(), Shouting(), company.clock.now(), lambda *each: told.append(each))


def test_who_differs_is_counted_and_given_as_they_come(company: Rehearsal) -> None:
    company.hire("ada", sn="Lovelace")
    company.hire("bob", sn="BOB")
    told: list[tuple[str, int, int | None]] = []
    whole = comparing(company, told)

    (turned,) = whole.turned()

    assert (turned.login, turned.difference.turn, turned.difference.new) == ("ada", Turn.CHANGED, "LOVELACE")
    assert (whole.people, whole.changed, whole.doubts, told) == (2, 1, {}, [])
    assert dict(whole.counts) == {(Turn.CHANGED, "name"): 1}


def test_a_reading_that_is_doubtful_says_so(company: Rehearsal) -> None:
    company.hire("ada", sn="Lovelace")
    company.source.problems = ["cut off"]
    whole = comparing(company, [])

    assert len(list(whole.turned())) == 1
    assert whole.doubts == {"staff": ("cut off",)}


def test_the_service_must_be_able_to_hold_both(company: Rehearsal) -> None:
    """A name in which no letter is allowed makes nobody an account, under either mapping."""
    company.hire("ada", sn="\N{SNOWMAN}")

    assert list(comparing(company, []).turned()) == []


def test_memory_does_not_grow_with_the_people(company: Rehearsal) -> None:
    for number in range(2_000):
        company.hire(f"p{number}", sn="Lovelace")
    told: list[tuple[str, int, int | None]] = []
    whole = comparing(company, told)
    tracemalloc.start()
    try:
        seen = sum(1 for _ in whole.turned())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (seen, whole.changed) == (2_000, 2_000)
    assert told[-1] == ("staff", 2_000, None)
    assert peak < 500_000
