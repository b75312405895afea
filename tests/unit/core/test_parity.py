"""Parity with another tool: what counts as a difference, what somebody accepted, and the nights in a row."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from iwds.core.change import Adopt, AdoptMembership, Change, Evidence, Forget
from iwds.core.decision import Reason, Skip, kept_by, made_by_batch
from iwds.core.guards import GuardKind, Limit, Populations
from iwds.core.matching import Tally
from iwds.core.model import Absent
from iwds.core.parity import Judged, Look, Parity, Withheld, acceptance_of, judged, standing_since, streak
from iwds.core.plan import Basis, Plan
from iwds.core.rulings import Ruling, Rulings, Said, approval_of, rejection_of
from tests.unit.core.made import NOON, VPN, assembled, basis, create, facts, login, proof, subject, write

FIRST = basis(first_run=True)
MAIL = write(mail="ann@corp.example")
ADOPTIONS: list[Change] = [
    Adopt(subject(), login(), (), "theirs"), AdoptMembership(subject(), VPN, "due"), Forget(subject(), "gone"),
]  # fmt: skip


def plan(*steps: Change | Skip, given: Basis = FIRST) -> Plan:
    made = assembled([step for step in steps if not isinstance(step, Skip)], facts(given))
    return replace(made, skips=(*made.skips, *(step for step in steps if isinstance(step, Skip))))


def skip(reason: Reason, who: str = "ann", *, somebody: bool = True, change: Change | None = None) -> Skip:
    whom = subject(who)
    return Skip(whom if somebody else replace(whom, anchor=None), reason, "so it is", change)


def without_login(reason: Reason, who: str) -> Skip:
    """Somebody who has no login that we know."""
    return Skip(replace(subject(who), login_id=None), reason, "so it is")


def said(job: str = "staff", until: timedelta = timedelta(days=30)) -> Said:
    return Said("kim", "desk-1", "the old one strips titles", NOON, NOON + until, "plan p1", job)


def accepting(found: Judged, **fields: object) -> list[Ruling]:
    return [acceptance_of(each, said(**fields)) for each in found.open]  # type: ignore[arg-type]


def test_a_plan_that_only_adopts_is_parity() -> None:
    found = judged(plan(*ADOPTIONS), [])
    assert (found.parity, found.adopted, found.open) == (Parity.SAME, 1, ())


def test_whatever_would_be_sent_is_a_difference() -> None:
    found = judged(plan(*ADOPTIONS, MAIL, create()), [])
    assert found.parity is Parity.DIFFERENT
    assert sorted(each.subject.login for each in found.open) == ["ann", "eve"]


@pytest.mark.parametrize("reason", [Reason.AMBIGUOUS, Reason.HELD, Reason.TAKEN, Reason.UNPROVEN, Reason.UNTAGGED])
def test_whoever_waits_for_somebody_is_a_difference(reason: Reason) -> None:
    assert judged(plan(skip(reason)), []).parity is Parity.DIFFERENT


def test_a_change_that_waits_for_approval_is_a_difference_and_an_adoption_is_none() -> None:
    assert judged(plan(skip(Reason.UNAPPROVED, change=MAIL)), []).parity is Parity.DIFFERENT
    assert judged(plan(skip(Reason.UNAPPROVED, change=ADOPTIONS[0])), []).parity is Parity.SAME


def test_somebody_whose_login_would_not_be_adopted_is_a_difference_and_a_login_of_nobody_is_told() -> None:
    assert judged(plan(skip(Reason.FOREIGN)), []).parity is Parity.DIFFERENT
    strays = [skip(Reason.FOREIGN, "x", somebody=False), skip(Reason.ORPHAN, "y", somebody=False)]
    found = judged(plan(*strays), [])
    assert (found.parity, [each.subject.login for each in found.nobodys]) == (Parity.SAME, ["x", "y"])


@pytest.mark.parametrize("reason", [Reason.INVALID, Reason.DUPLICATE])
def test_who_gets_no_account_is_a_difference_only_where_a_login_of_that_name_stands(reason: Reason) -> None:
    assert judged(plan(without_login(reason, "Bo")), []).parity is Parity.SAME
    stray = skip(Reason.ORPHAN, "bo", somebody=False)
    assert judged(plan(without_login(reason, "Bo"), stray), []).parity is Parity.DIFFERENT
    assert judged(plan(skip(reason, "bo")), []).parity is Parity.DIFFERENT, "their login is ours"


@pytest.mark.parametrize("reason", [Reason.REJECTED, Reason.EXEMPT, Reason.PROTECTED])
def test_a_change_that_somebody_or_a_rule_keeps_from_being_made_is_a_difference_all_the_same(reason: Reason) -> None:
    assert judged(plan(skip(reason, change=write(status=1))), []).parity is Parity.DIFFERENT
    assert judged(plan(skip(reason, change=ADOPTIONS[0])), []).parity is Parity.DIFFERENT


def test_what_another_hand_made_is_told_and_no_difference() -> None:
    left = [skip(Reason.LOCKED_ELSEWHERE), skip(Reason.FOREIGN_MEMBERSHIP), kept_by(subject("bo"), 7)]
    found = judged(plan(*left, made_by_batch(subject("cy"))), [])
    assert (found.parity, len(found.others), found.nobodys) == (Parity.SAME, 4, ())


def test_a_group_that_the_service_lacks_is_a_difference_until_it_is_accepted() -> None:
    made = plan(*ADOPTIONS, given=replace(FIRST, lacking=("wikki",)))
    found = judged(made, [])
    assert [each.subject.login for each in found.open] == ["wikki"]
    assert judged(made, accepting(found)).parity is Parity.SAME


def test_what_the_mapping_or_the_service_says_to_leave_is_no_difference() -> None:
    left = [Reason.EXCLUDED, Reason.PROTECTED, Reason.POLICY, Reason.LOCKED_ELSEWHERE, Reason.FOREIGN_MEMBERSHIP]
    assert judged(plan(*map(skip, left)), []).parity is Parity.SAME


def test_a_removal_of_a_first_run_is_withheld_and_of_a_later_one_a_difference() -> None:
    lock = write(status=1)
    first = judged(plan(lock), [])
    assert first.parity is Parity.SAME
    (withheld,) = first.withheld
    assert (withheld.login, withheld.login_id) == ("ann", 1)
    assert withheld.words == "lock ann: status active > locked -- the directory says so"
    later = judged(plan(lock, given=basis()), [])
    assert (later.parity, later.withheld) == (Parity.DIFFERENT, ())


class TestWhatIsAccepted:
    def test_counts_as_no_difference_until_its_end_for_this_job(self) -> None:
        made = plan(MAIL, skip(Reason.AMBIGUOUS, "bob"))
        found = judged(made, [])
        again = judged(made, accepting(found))
        assert (again.parity, again.open) == (Parity.SAME, ())
        assert [(each.subject.login, row.said.by) for each, row in again.accepted] == [("ann", "kim"), ("bob", "kim")]
        assert judged(made, accepting(found, job="guests")).open == found.open
        assert judged(made, accepting(found, until=timedelta(0))).open == found.open

    def test_is_exactly_that_difference(self) -> None:
        rows = accepting(judged(plan(MAIL), []))
        assert judged(plan(write(mail="other@corp.example")), rows).parity is Parity.DIFFERENT
        assert judged(plan(write(mail="ann@corp.example", phone="+331")), rows).parity is Parity.DIFFERENT
        assert judged(plan(write(mail="ann@corp.example", status=1), given=basis()), rows).parity is Parity.DIFFERENT

    def test_is_told_by_what_ends_first(self) -> None:
        rows = [*accepting(judged(plan(MAIL), []), until=timedelta(days=20)), *accepting(judged(plan(MAIL), []))]
        later, first = sorted(rows, key=lambda row: row.said.until, reverse=True)
        ((_, told),) = judged(plan(write(mail="ann@corp.example")), [later, first]).accepted
        assert told.said.until == later.said.until, "of two about the same the later one counts"
        phone = accepting(judged(plan(write(phone="+331")), []), until=timedelta(days=2))
        ((_, told),) = judged(plan(write(mail="ann@corp.example", phone="+331")), [*rows, *phone]).accepted
        assert told.said.until == NOON + timedelta(days=2)

    def test_neither_approves_nor_rejects_anything(self) -> None:
        (row,) = accepting(judged(plan(MAIL), []))
        standing = Rulings([row], "staff", NOON)
        assert (standing.rejected(MAIL), standing.approved(MAIL)) == (None, False)

    def test_is_said_by_no_approval_and_no_rejection(self) -> None:
        rows = [approval_of(MAIL, said()), rejection_of(MAIL, said())]
        assert judged(plan(MAIL), rows).parity is Parity.DIFFERENT


class TestNothingIsSaid:
    def test_where_a_source_is_not_proven_or_holds_something_unreadable(self) -> None:
        unproven = basis(first_run=True, sources=(proof(problems=("cut",)),))
        found = judged(plan(MAIL, given=unproven), [])
        assert (found.parity, found.doubts) == (
            Parity.NOT_JUDGED, ("the reading of staff is not proven complete",)
        )  # fmt: skip
        withheld = basis(first_run=True, sources=(proof(withheld=("mail",)),))
        assert judged(plan(given=withheld), []).doubts == ("staff: mail is taken for unreadable",)

    def test_where_hardly_anybody_can_be_mapped(self) -> None:
        tally = Tally(people=100, absent={Absent.INVALID: 90})
        assert judged(plan(given=replace(FIRST, tally=tally)), []).doubts == ("90 of 100 people cannot be mapped",)

    def test_where_people_have_vanished(self) -> None:
        given = facts(FIRST, populations=Populations(100, {}, {"staff": (90, 10)}, {}))
        limits = {**given.limits, GuardKind.VANISHED: Limit(3, 0.1, None)}
        made = assembled([MAIL], replace(given, limits=limits))
        assert judged(made, []).doubts == ("80 people fewer than in the last proven reading",)


def look(hours: float, parity: Parity = Parity.SAME, digest: str = "c", *withheld: Withheld) -> Look:
    return Look(NOON + timedelta(hours=hours), parity, digest, "p", 0, 0, withheld)


def nights(*looks: Look) -> tuple[int, datetime | None]:
    """The nights in a row of looks that are given in the order of their time."""
    found = streak(looks[::-1], "c")
    return found.nights, found.since


class TestNights:
    def test_each_counts_once_however_often_somebody_looked(self) -> None:
        assert nights() == (0, None)
        assert nights(look(0), look(1), look(15), look(24), look(37), look(48), look(67.9)) == (3, NOON)

    def test_a_difference_ends_them(self) -> None:
        assert nights(look(0), look(24, Parity.DIFFERENT)) == (0, None)
        assert nights(look(0), look(24, Parity.DIFFERENT), look(25)) == (1, NOON + timedelta(hours=25))

    def test_so_does_another_configuration(self) -> None:
        assert nights(look(0, digest="b"), look(24)) == (1, NOON + timedelta(hours=24))
        assert nights(look(0), look(24, digest="b")) == (0, None)

    def test_what_could_not_be_judged_neither_counts_nor_ends_them(self) -> None:
        assert nights(look(0), look(24, Parity.NOT_JUDGED), look(48)) == (2, NOON)


def test_a_removal_waits_since_the_first_look_of_those_that_all_show_it() -> None:
    ann, bob, eve = (Withheld(who, number, "lock") for number, who in enumerate(("ann", "bob", "eve")))
    looks = [look(72, Parity.SAME, "c", ann, bob), look(48, Parity.NOT_JUDGED), look(24, Parity.DIFFERENT, "c", ann)]
    since = standing_since([*looks, look(0, Parity.SAME, "c", ann, bob, eve)])
    assert since == {ann: NOON, bob: NOON + timedelta(hours=72)}
    assert standing_since([]) == {}
    because = replace(ann, words="lock -- disabled"), replace(ann, words="lock -- out of scope")
    assert standing_since([look(24, Parity.SAME, "c", because[1]), look(0, Parity.SAME, "c", because[0])]) == {
        because[1]: NOON
    }


def test_evidence_is_part_of_what_is_accepted() -> None:
    lock = replace(write(status=1), evidence=Evidence.SEEN)
    rows = accepting(judged(plan(lock, given=basis()), []))
    unseen = replace(lock, evidence=Evidence.UNSEEN)
    assert judged(plan(unseen, given=basis()), rows).parity is Parity.DIFFERENT
