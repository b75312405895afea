"""Brakes on a plan."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from iwds.core.change import AddToGroup, Adopt, Change, DeleteLogin, RemoveFromGroup, SendActivation, SetGroupRole
from iwds.core.guards import DEFAULTS, Gauge, GuardKind, Limit, Populations, counted, counter, exempt, read_gauges
from iwds.core.model import Role
from tests.unit.core.made import VPN, WIKI, create, login, subject, write


def gauges(
    changes: Iterable[Change] = (),
    limits: Mapping[GuardKind, Limit] = DEFAULTS,
    allowed: Mapping[str, int] | None = None,
    first_run: bool = False,
    **populations: Any,
) -> dict[tuple[str, str], Gauge]:
    given = Populations(**{"active": 100, "groups": {1: 10}, "sources": {}, "recent": {}, **populations})
    return {(g.kind.value, g.of): g for g in read_gauges(changes, given, limits, allowed or {}, first_run)}


def locks(number: int) -> list[Change]:
    return [write(login(n, f"u{n}"), status=1) for n in range(1, number + 1)]


class TestTheFormula:
    """A guard trips where count > max(floor, ratio × population) or count > cap."""

    @pytest.mark.parametrize(
        ("population", "most"), [(0, 3), (60, 3), (79, 3), (80, 4), (100, 5), (4_000, 200), (4_100, 200), (10**6, 200)]
    )
    def test_floor_ratio_and_cap(self, population: int, most: int) -> None:
        assert Limit(3, 0.05, 200).allowed(population) == most

    def test_without_a_cap_there_is_no_absolute_limit(self) -> None:
        assert Limit(3, 0.1, None).allowed(10**6) == 10**5

    def test_the_cap_beats_the_floor(self) -> None:
        assert Limit(3, 0.1, 1).allowed(10) == 1

    @pytest.mark.parametrize(("number", "tripped"), [(5, False), (6, True)])
    def test_the_limit_itself_does_not_trip(self, number: int, tripped: bool) -> None:
        gauge = gauges(locks(number))["lock", ""]
        assert (gauge.observed, gauge.limit, gauge.population, gauge.tripped) == (number, 5, 100, tripped)

    def test_what_was_applied_in_the_last_hours_is_counted_in(self) -> None:
        gauge = gauges(locks(2), recent={"lock": 4})["lock", ""]
        assert (gauge.observed, gauge.recent, gauge.tripped) == (2, 4, True)

    def test_what_was_applied_before_trips_nothing_where_nothing_is_added(self) -> None:
        assert not gauges(recent={"lock": 400})["lock", ""].tripped

    def test_clearing_and_leaving_one_group_are_counted_over_hours_too(self) -> None:
        cleared = write(login(mail="x"), mail="")
        left = RemoveFromGroup(subject(), VPN, "not due")
        found = gauges([cleared, left], recent={"clear mail": 5, "leave-group vpn": 3, "clear phone": 9})
        assert found["clear", "mail"].tripped
        assert found["leave-group", "vpn"].tripped
        assert not found["leave", ""].tripped

    def test_a_person_may_allow_a_number_for_one_plan_whatever_was_applied_before(self) -> None:
        assert not gauges(locks(9), allowed={"lock": 9}, recent={"lock": 5})["lock", ""].tripped
        assert gauges(locks(10), allowed={"lock": 9})["lock", ""].tripped
        assert gauges(locks(10), allowed={"delete": 99})["lock", ""].tripped

    def test_an_allowance_below_the_limit_counts_as_well(self) -> None:
        assert gauges(locks(2), allowed={"lock": 1})["lock", ""].tripped


def test_a_guard_without_a_limit_of_its_own_has_the_default() -> None:
    assert gauges(locks(6), limits={GuardKind.DELETE: Limit(0, 0, 0)})["lock", ""].limit == 5


def test_locks_creations_and_promotions_are_shown_even_where_there_are_none() -> None:
    assert list(gauges()) == [("create", ""), ("lock", ""), ("promote", "")]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (write(login(role=2), status=1, role=0, login="b"), {"lock", "demote", "rename"}),
        (write(login(mail="x", phone="1"), mail="", phone=""), {"clear mail", "clear phone"}),
        (write(login(status=1), status=0, role=1, mail="x"), {"unlock", "promote"}),
        (create(role=Role.MANAGER), {"create", "promote"}),
        (DeleteLogin(subject(), login(), (), "gone"), {"delete"}),
        (RemoveFromGroup(subject(), VPN, "not due"), {"leave", "leave-group vpn"}),
        (AddToGroup(subject(), VPN, "due"), set()),
        (AddToGroup(subject(), VPN, "due", role=2), {"promote"}),
        (AddToGroup(subject(), VPN, "due", role=17), {"group-role"}),
        (SetGroupRole(subject(), VPN, 0, 1, "due"), {"promote"}),
        (SetGroupRole(subject(), VPN, 0, 17, "due"), {"group-role"}),
        (SetGroupRole(subject(), VPN, 17, 2, "due"), {"demote", "promote"}),
        (Adopt(subject(), login(), (), "explained"), {"adopt"}),
        (SendActivation(subject(), "new"), {"mail"}),
    ],
)  # fmt: skip
def test_what_each_change_counts_for(change: Change, names: set[str]) -> None:
    assert {counter(kind, of) for kind, of, _ in counted(change)} == names


def test_a_group_is_measured_by_its_own_members() -> None:
    left: list[Change] = [
        RemoveFromGroup(subject(f"u{n}", n), group, "not due") for group in (VPN, WIKI) for n in (1, 2)
    ]
    found = gauges(left)
    assert (found["leave-group", "vpn"].population, found["leave-group", "wiki"].population) == (10, 0)
    assert found["leave", ""].observed == 4


class TestVanished:
    def test_people_missing_against_the_last_proven_reading_trip_a_guard_of_their_own(self) -> None:
        gauge = gauges(sources={"staff": (100, 50), "guests": (10, 12)})["vanished", "staff"]
        assert (gauge.observed, gauge.limit, gauge.population, gauge.tripped) == (50, 10, 100, True)
        assert ("vanished", "guests") not in gauges(sources={"guests": (10, 12)})

    def test_a_few_are_normal(self) -> None:
        assert not gauges(sources={"staff": (100, 91)})["vanished", "staff"].tripped


def test_a_first_run_knows_no_limit_for_creations_and_adoptions() -> None:
    new: list[Change] = [create(f"u{n}", role=Role.MANAGER) for n in range(60)]
    adopted: list[Change] = [Adopt(subject(f"v{n}", n + 1), login(n + 1), (), "explained") for n in range(60)]
    assert {name for name, _ in gauges([*new, *adopted], first_run=True)} == {"lock", "promote"}
    assert gauges(new)["create", ""].tripped


def test_what_a_first_run_did_by_limits_of_its_own_is_not_held_against_later_ones() -> None:
    assert exempt({"lock"}, first_run=False) == {"lock"}
    assert exempt((), first_run=True) == {"create", "adopt", "promote"}
    # The job's own limit holds on its first day too.
    own = {**DEFAULTS, GuardKind.PROMOTE: Limit(2, 0, 2)}
    assert exempt((), True, own) == {"create", "adopt"}


def test_a_guard_is_used_up_where_the_plan_adds_nothing_to_too_much() -> None:
    assert gauges(recent={"promote": 2})["promote", ""].used_up
    assert not gauges(recent={"promote": 1})["promote", ""].used_up
    assert not gauges(recent={"promote": 2}, allowed={"promote": 0})["promote", ""].used_up
    assert not gauges(locks(2), recent={"lock": 4})["lock", ""].used_up


def test_a_gauge_says_how_many_for_which_reason() -> None:
    assert gauges(locks(2))["lock", ""].causes == {"disabled": 2}
    assert gauges([create()])["create", ""].causes == {"joined": 1}
