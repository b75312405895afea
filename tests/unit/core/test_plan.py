"""A plan as a value."""

from dataclasses import replace

import pytest

from iwds.core.change import AddToGroup, Evidence, Kind, SendActivation
from iwds.core.decision import Reason, Skip
from iwds.core.guards import Gauge, GuardKind
from iwds.core.model import Group, Login
from iwds.core.plan import Selection, identities, restrict, summary_data
from tests.unit.core.made import NOON, assembled, basis, create, facts, login, proof, subject, write

LOCK = write(status=1)
HELD = Skip(subject("bob", 2), Reason.HELD, "waits", write(login(2, "bob"), status=1))


def test_a_reading_is_believed_where_something_speaks_for_it_and_nothing_against_it() -> None:
    assert proof().proven
    assert not proof(problems=("cut short",)).proven
    assert not proof(reasons=()).proven
    assert basis(sources=(proof("a"), proof("b", reasons=()))).unproven == ("b",)


class TestTheDigest:
    plan = assembled([LOCK, create()])

    def test_covers_neither_id_nor_time(self) -> None:
        assert replace(self.plan, id="p2", made_at=NOON.replace(year=2027)).digest == self.plan.digest

    def test_covers_the_changes_and_what_they_rest_on(self) -> None:
        others = [
            replace(self.plan, changes=self.plan.changes[:1]),
            replace(self.plan, service="mfa#2"),
            replace(self.plan, job="guests"),
            replace(self.plan, basis=basis(config_digest="other")),
            replace(self.plan, basis=basis(sources=(proof(count=4),))),
            replace(self.plan, basis=basis(sources=(proof(problems=("cut short",)),))),
            replace(self.plan, basis=basis(service=proof("service", count=4))),
        ]
        assert len({plan.digest for plan in [self.plan, *others]}) == 8

    def test_is_the_same_for_the_same_decisions_in_another_order(self) -> None:
        assert assembled([create(), LOCK]).digest == self.plan.digest


def test_a_plan_counts_its_changes_by_kind_and_names_what_stops_or_waits() -> None:
    tripped = Gauge(GuardKind.LOCK, "", 9, 0, 3, 10)
    plan = replace(assembled([LOCK, create(), HELD]), basis=basis(gauges=(tripped, replace(tripped, observed=1))))
    assert plan.count() == {Kind.LOCK: 1, Kind.CREATE: 1}
    assert plan.violations == (tripped,)
    assert plan.held == (HELD,)
    assert summary_data(plan) == {
        "changes": {"create": 1, "lock": 1}, "skips": {"held": 1}, "violations": ["lock"]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "waits"),
    [(reason, reason in (Reason.HELD, Reason.UNPROVEN, Reason.UNAPPROVED)) for reason in Reason],
)
def test_only_some_reasons_wait_for_a_person(reason: Reason, waits: bool) -> None:
    assert bool(assembled([replace(HELD, reason=reason)]).held) is waits


def test_skips_are_listed_by_reason_then_login_whatever_order_they_came_in() -> None:
    foreign = Skip(subject("zoe", 3), Reason.FOREIGN, "console")
    other = Skip(subject("ann", 1), Reason.HELD, "waits")
    assert assembled([HELD, foreign, other]).skips == (foreign, other, HELD)
    assert assembled([other, HELD, foreign]).skips == (foreign, other, HELD)


class TestASavedPlan:
    """Restricts a fresh one, and can never do what the fresh one may not."""

    def test_is_made_where_nothing_has_moved(self) -> None:
        plan = assembled([LOCK, create()])
        assert restrict(replace(plan, id="fresh"), plan) == (replace(plan, id="fresh"), ())

    def test_does_not_do_what_is_no_longer_true(self) -> None:
        fresh, moved = restrict(assembled([create()]), assembled([LOCK, create()]))
        assert (fresh.changes, moved) == ((create(),), (LOCK,))

    def test_holds_what_has_come_since(self) -> None:
        fresh, moved = restrict(assembled([LOCK, create()]), assembled([create()]))
        assert (fresh.changes, moved) == ((create(),), ())
        assert [(skip.reason, skip.change) for skip in fresh.held] == [(Reason.HELD, LOCK)]

    def test_knows_a_change_whatever_it_rests_on_by_now(self) -> None:
        by_rule = replace(LOCK, evidence=Evidence.RULE, because="the rules changed")
        fresh = assembled([LOCK], selection=Selection(frozenset({"lock"})))
        assert restrict(fresh, assembled([by_rule], facts(basis(config_changed=True))))[0].changes == (LOCK,)
        assert identities(LOCK) == identities(by_rule) != identities(write(role=1))

    def test_allows_what_it_showed_as_held(self) -> None:
        held = assembled([replace(HELD, change=LOCK)])
        for selection in (Selection(frozenset({"lock"})), Selection(allow={"lock": 1})):
            assert restrict(assembled([LOCK], selection=selection), held)[0].changes == (LOCK,)

    def test_does_not_allow_what_it_held_where_nobody_chose_or_allowed_anything(self) -> None:
        held = assembled([replace(HELD, change=LOCK)])
        assert restrict(assembled([LOCK]), held)[0].changes == ()

    def test_does_not_allow_what_it_said_a_first_run_would_not_do(self) -> None:
        held = assembled([replace(HELD, reason=Reason.FIRST_RUN, change=LOCK)])
        chosen = assembled([LOCK], selection=Selection(frozenset({"lock"})))
        assert restrict(chosen, held)[0].changes == ()

    def test_makes_nothing_of_a_person_whose_creation_it_did_not_show(self) -> None:
        newcomer = create()
        joined = AddToGroup(newcomer.subject, Group(1, "vpn"), "the directory says so")
        assert restrict(assembled([newcomer, joined]), assembled([joined]))[0].changes == ()

    def test_sends_the_link_of_a_creation_that_a_person_chose(self) -> None:
        newcomer = create()
        link = SendActivation(newcomer.subject, "new")
        assert assembled([newcomer, link], selection=Selection(frozenset({"create"}))).changes == (newcomer, link)

    def test_approves_a_write_where_it_showed_every_field_of_it(self) -> None:
        both = write(status=1, mail="x")
        assert restrict(assembled([LOCK]), assembled([both]))[0].changes == (LOCK,)
        assert restrict(assembled([both]), assembled([LOCK]))[0].changes == ()

    def test_does_not_mind_what_a_write_merely_echoes(self) -> None:
        echoes = write(login(mail="new"), status=1)
        assert restrict(assembled([echoes]), assembled([LOCK])) == (assembled([echoes]), ())

    def test_has_not_moved_where_a_person_chose_a_part_of_it(self) -> None:
        for chosen, part in (("lock", LOCK), ("create", create())):
            fresh = assembled([LOCK, create()], selection=Selection(frozenset({chosen})))
            assert restrict(fresh, assembled([LOCK, create()])) == (fresh, ())
            assert fresh.changes == (part,)

    def test_does_not_move_because_somebody_used_their_login(self) -> None:
        def seen(when: int) -> Login:
            return login(activated=True, last_seen=when)

        before, after = write(seen(1), status=1), write(seen(2), status=1)
        assert restrict(assembled([after]), assembled([before]))[0].changes == (after,)


def test_an_unattended_run_selects_and_allows_nothing() -> None:
    assert Selection() == Selection(frozenset(), {}, "")
