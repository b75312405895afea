"""What of the decisions goes into a plan, and what waits."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from iwds.core.approval import Approval, Needed
from iwds.core.assembly import Facts
from iwds.core.change import (
    AddToGroup,
    Adopt,
    Change,
    CreateLogin,
    DeleteLogin,
    Evidence,
    Forget,
    Kind,
    RemoveFromGroup,
    SendActivation,
    Write,
    fields_changed,
    kinds,
)
from iwds.core.decision import Proposal, Reason, Skip
from iwds.core.guards import DEFAULTS, OUT_OF_SCOPE, GuardKind, Limit, Populations
from iwds.core.matching import Tally
from iwds.core.model import Login
from iwds.core.plan import Plan, Selection
from iwds.core.rulings import Ruling, Rulings, Said, approval_of, rejection_of
from tests.unit.core.made import (
    NOON,
    VPN,
    WIKI,
    assembled,
    basis,
    create,
    facts,
    login,
    proof,
    subject,
    write,
)

UNPROVEN = facts(basis(sources=(proof(problems=("cut short",)),)))
CHANGED = facts(basis(config_changed=True))
FIRST = facts(basis(first_run=True))

LOCK = write(status=1)
VANISHED = replace(write(login(2, "bob"), status=1), evidence=Evidence.UNSEEN, because="no longer in the directory")
DELETE = DeleteLogin(subject("cy", 3), login(3, "cy"), (), "gone", Evidence.UNSEEN)
LEAVE = RemoveFromGroup(subject("dee", 4), VPN, "not due", Evidence.SEEN)
REMOVALS: list[Change] = [LOCK, VANISHED, DELETE, LEAVE]


def skipped(plan: Plan) -> list[tuple[str, Reason]]:
    return [(skip.subject.login, skip.reason) for skip in plan.skips]


def do(plan: Plan) -> set[str]:
    """What a plan does, as `login kind`."""
    return {f"{change.subject.login} {kind.value}" for change in plan.changes for kind in kinds(change)}


def only(*chosen: str, **allow: int) -> Selection:
    return Selection(frozenset(chosen), {name.replace("_", "-"): n for name, n in allow.items()}, "because")


def test_an_ordinary_plan_makes_everything_and_keeps_the_skips() -> None:
    skip = Skip(subject("zoe", 9), Reason.FOREIGN, "console")
    plan = assembled([*REMOVALS, create(), skip])
    assert do(plan) == {"ann lock", "bob lock", "cy delete", "dee remove", "eve create"}
    assert plan.skips == (skip,)


class TestAFirstRun:
    def test_removes_nothing_and_does_the_rest(self) -> None:
        both = write(login(5, "fay", mail="x"), mail="", name="F")
        plan = assembled([*REMOVALS, create(), both], FIRST)
        assert do(plan) == {"eve create", "fay update"}
        assert {reason for _, reason in skipped(plan)} == {Reason.FIRST_RUN}
        assert len(plan.skips) == 5

    def test_counts_no_removals_in_its_guards(self) -> None:
        locks = [write(login(n, f"u{n}"), status=1) for n in range(1, 99)]
        assert assembled(locks, replace(FIRST, limits=DEFAULTS)).violations == ()

    def test_creates_nobody_whose_name_would_have_been_given_up(self) -> None:
        plan = assembled([Proposal(create("cy"), 3), DELETE], FIRST)
        assert (do(plan), skipped(plan)) == (set(), [("cy", Reason.FIRST_RUN), ("cy", Reason.TAKEN)])


class TestAnUnprovenReading:
    def test_holds_every_removal_and_nothing_else(self) -> None:
        plan = assembled([*REMOVALS, create(), write(login(6, "gus"), mail="x")], UNPROVEN)
        assert do(plan) == {"eve create", "gus update"}
        assert {reason for _, reason in skipped(plan)} == {Reason.UNPROVEN}

    def test_lets_a_person_choose_what_rests_on_what_was_seen(self) -> None:
        plan = assembled(REMOVALS, UNPROVEN, only("seen"))
        assert do(plan) == {"ann lock", "dee remove"}

    def test_never_lets_a_person_choose_what_rests_on_absence(self) -> None:
        for chosen in (only("unseen"), only("lock", "delete", lock=9, delete=9, out_of_scope=9)):
            plan = assembled([VANISHED, DELETE], UNPROVEN, chosen)
            assert (plan.changes, {reason for _, reason in skipped(plan)}) == ((), {Reason.UNPROVEN})

    def test_is_not_taken_for_a_changed_configuration(self) -> None:
        both = facts(basis(config_changed=True, sources=(proof(problems=("cut short",)),)))
        plan = assembled([VANISHED], both, only("lock", out_of_scope=9))
        assert skipped(plan) == [("bob", Reason.UNPROVEN)]

    def test_adopts_nobody_since_two_people_may_explain_one_login(self) -> None:
        adopt = Adopt(subject(), login(created_by=0), (), "explained")
        after: list[Change] = [AddToGroup(subject(), VPN, "due"), write(login(created_by=0), mail="x")]
        plan = assembled([adopt, *after, create()], UNPROVEN)
        assert (do(plan), skipped(plan)) == ({"eve create"}, [("ann", Reason.UNPROVEN)])


class TestAChangedConfiguration:
    def test_holds_every_removal_whatever_it_rests_on(self) -> None:
        plan = assembled([*REMOVALS, create()], CHANGED)
        assert do(plan) == {"eve create"}
        assert {reason for _, reason in skipped(plan)} == {Reason.HELD}
        assert {skip.change.evidence for skip in plan.skips if skip.change} == {Evidence.RULE}

    @pytest.mark.parametrize(("allowed", "made"), [(3, 0), (4, 4), (5, 4)])
    def test_lets_them_pass_when_their_number_is_accepted(self, allowed: int, made: int) -> None:
        assert len(assembled(REMOVALS, CHANGED, Selection(allow={OUT_OF_SCOPE: allowed})).changes) == made

    def test_counts_at_the_gate_what_was_chosen(self) -> None:
        assert do(assembled(REMOVALS, CHANGED, only("delete", out_of_scope=1))) == {"cy delete"}

    def test_of_a_first_run_is_a_first_run(self) -> None:
        plan = assembled([LOCK], facts(basis(config_changed=True, first_run=True)))
        assert skipped(plan) == [("ann", Reason.FIRST_RUN)]

    def test_does_not_hold_the_rest_of_a_write(self) -> None:
        plan = assembled([write(login(mail="x"), mail="", name="A")], CHANGED)
        assert (do(plan), skipped(plan)) == ({"ann update"}, [("ann", Reason.HELD)])


def test_a_second_writer_holds_every_removal() -> None:
    plan = assembled([*REMOVALS, create()], facts(basis(tally=Tally(retagged=2, administrators=5))))
    assert do(plan) == {"eve create"}
    assert {skip.detail for skip in plan.skips} == {"another tool retagged 2 of our logins"}


class TestASelection:
    def test_takes_only_the_kinds_that_were_chosen_out_of_a_write(self) -> None:
        mixed = write(login(role=2, mail="x"), role=0, mail="", name="A")
        (change,) = assembled([mixed, create()], selection=only("demote")).changes
        assert isinstance(change, Write)
        assert fields_changed(change) == ("role",)

    def test_by_evidence_takes_the_removals_that_rest_on_it(self) -> None:
        mixed = write(login(mail="x"), mail="", name="A")
        plan = assembled([mixed, VANISHED, create(), AddToGroup(subject(), VPN, "due")], selection=only("seen"))
        assert do(plan) == {"ann clear"}

    def test_without_a_creation_or_an_adoption_takes_nothing_else_of_that_person(self) -> None:
        eve, adopt = create(), Adopt(subject(), login(), (), "explained")
        steps: list[Change] = [eve, AddToGroup(eve.subject, VPN, "due"), adopt, AddToGroup(subject(), VPN, "due")]
        assert do(assembled([*steps, AddToGroup(subject("bob", 2), VPN, "due")], selection=only("add"))) == {"bob add"}

    def test_that_rests_on_nobodys_absence_is_not_stopped_by_people_having_vanished(self) -> None:
        given = facts(populations=Populations(100, {}, {"staff": (100, 50)}, {}), limits=DEFAULTS)
        assert [gauge.kind.value for gauge in assembled([LOCK], given).violations] == ["vanished"]
        assert assembled([LOCK, VANISHED], given, only("seen")).violations == ()
        assert assembled([LOCK, VANISHED], given, only("lock")).violations != ()

    def test_is_kept_in_the_plan(self) -> None:
        assert assembled([LOCK], selection=only("lock")).basis.selection == only("lock")


class TestGuards:
    locks = tuple(replace(write(login(n, f"u{n}"), status=1), evidence=Evidence.UNSEEN) for n in range(1, 7))

    def test_count_what_would_be_taken_before_it_is_held(self) -> None:
        for given in (UNPROVEN, CHANGED):
            plan = assembled(self.locks, replace(given, limits=DEFAULTS))
            assert [gauge.kind.value for gauge in plan.violations] == ["lock"]

    def test_are_overridden_for_one_plan_by_guard_and_number(self) -> None:
        given = facts(limits=DEFAULTS)
        assert assembled(self.locks, given).violations != ()
        assert assembled(self.locks, given, Selection(allow={"lock": 6})).violations == ()
        assert assembled(self.locks, given, Selection(allow={"lock": 5})).violations != ()


class TestAdministrators:
    """Never fewer than two active ones on the whole service."""

    def boss(self, number: int, **fields: int) -> Login:
        return login(number, f"boss{number}", **{"role": 2, **fields})

    def plan(self, changes: Iterable[Change], administrators: int) -> Plan:
        return assembled(changes, facts(basis(tally=Tally(administrators=administrators))))

    @pytest.mark.parametrize(("there", "reason"), [(3, []), (2, [Reason.PROTECTED]), (1, [Reason.PROTECTED])])
    def test_the_last_two_stay(self, there: int, reason: list[Reason]) -> None:
        for change in (
            write(self.boss(1), role=1),
            write(self.boss(1), status=1),
            DeleteLogin(subject("boss1", 1), self.boss(1), (), "gone", Evidence.UNSEEN),
        ):
            plan = self.plan([change], there)
            assert [why for _, why in skipped(plan)] == reason
            assert len(plan.changes) == (not reason)

    def test_who_are_locked_already_count_no_more(self) -> None:
        locked = self.boss(1, status=1)
        gone = DeleteLogin(subject("boss1", 1), locked, (), "gone", Evidence.UNSEEN)
        assert len(self.plan([gone, write(login(2, "u"), status=1)], 1).changes) == 2

    def test_too_many_at_once_all_stay_and_the_rest_of_the_write_goes_on(self) -> None:
        plan = self.plan([write(self.boss(1), role=0, name="A"), write(self.boss(2), status=1), LOCK], 3)
        assert do(plan) == {"boss1 update", "ann lock"}
        assert {skip.detail for skip in plan.skips} == {"it would leave 1 active administrator on the whole service"}

    def test_a_rename_of_one_is_fine(self) -> None:
        assert do(self.plan([write(self.boss(1), login="chief")], 2)) == {"boss1 rename"}


class TestNames:
    """A name is taken over only where it is given up in the same plan."""

    def renames(self, *pairs: tuple[str, str], held: Iterable[str] = ()) -> list[Proposal]:
        """Each login takes the name of the next; `held` ones carry a login that nobody renames."""
        ids = {old: number for number, (old, _) in enumerate(pairs, 1)}
        return [
            Proposal(write(login(ids[old], old), login=new), ids.get(new, 99 if new in held else None))
            for old, new in pairs
        ]

    def test_a_chain_that_ends_in_a_free_name_is_made(self) -> None:
        plan = assembled(self.renames(("a", "b"), ("b", "c"), ("c", "d")))
        assert [change.subject.login for change in plan.changes] == ["c", "b", "a"]

    def test_a_chain_that_ends_in_a_taken_name_stays_to_its_beginning(self) -> None:
        plan = assembled(self.renames(("a", "b"), ("b", "c"), ("c", "d"), held=["d"]))
        assert (plan.changes, skipped(plan)) == ((), [(who, Reason.TAKEN) for who in "abc"])

    def test_the_rest_of_a_write_does_not_wait_for_the_name(self) -> None:
        plan = assembled([Proposal(write(login="b", mail="x"), 99)])
        assert (do(plan), skipped(plan)) == ({"ann update"}, [("ann", Reason.TAKEN)])
        (skip,) = plan.skips
        assert skip.change is not None
        assert kinds(skip.change) == {Kind.RENAME}

    def test_other_steps_of_that_person_do_not_wait_either(self) -> None:
        plan = assembled([Proposal(write(login="b"), 99), AddToGroup(subject(), VPN, "due")])
        assert do(plan) == {"ann add"}

    def test_a_circle_is_held(self) -> None:
        plan = assembled([*self.renames(("a", "b"), ("b", "a")), Proposal(write(login(3, "c"), login="d"))])
        assert (do(plan), skipped(plan)) == ({"c rename"}, [("a", Reason.HELD), ("b", Reason.HELD)])

    def test_a_circle_holds_no_other_part_of_a_write(self) -> None:
        mixed = [
            Proposal(write(login(1, "a"), login="b", mail="x"), 2),
            Proposal(write(login(2, "b"), login="a"), 1),
            Proposal(write(login(3, "c"), login="d", mail="x")),
        ]
        assert do(assembled(mixed)) == {"a update", "c rename", "c update"}

    def test_who_waits_for_a_circle_stays_too(self) -> None:
        plan = assembled([*self.renames(("a", "b"), ("b", "a")), Proposal(create("a"), 1)])
        assert skipped(plan) == [("a", Reason.HELD), ("b", Reason.HELD), ("a", Reason.TAKEN)]

    def test_a_lock_is_not_put_off_for_a_name(self) -> None:
        """A lock is made before renames are, and so cannot wait for one."""
        hurried = Proposal(write(login(1, "a"), login="b", status=1), 2)
        plan = assembled([hurried, Proposal(write(login(2, "b"), login="c"))])
        assert (do(plan), skipped(plan)) == ({"a lock", "b rename"}, [("a", Reason.TAKEN)])

    def test_a_newcomer_gets_a_name_that_is_given_up_and_no_other(self) -> None:
        eve = create("cy")
        steps = [
            Proposal(eve, 3),
            Proposal(AddToGroup(eve.subject, VPN, "due")),
            Proposal(SendActivation(eve.subject, "new")),
        ]
        assert do(assembled([*steps, DELETE])) == {"cy delete", "cy create", "cy add", "cy mail"}
        alone = assembled(steps)
        assert (alone.changes, skipped(alone)) == ((), [("cy", Reason.TAKEN)])

    def test_a_newcomer_waits_where_the_removal_that_frees_the_name_is_held(self) -> None:
        plan = assembled([Proposal(create("cy"), 3), DELETE], CHANGED)
        assert (do(plan), skipped(plan)) == (set(), [("cy", Reason.HELD), ("cy", Reason.TAKEN)])

    def test_what_is_gone_is_forgotten_even_where_the_new_name_is_taken(self) -> None:
        forget = Forget(subject("cy", 8), "gone")
        assert do(assembled([Proposal(create("cy"), 3), Proposal(forget)])) == {"cy forget"}


def test_a_write_that_only_removes_leaves_nothing_behind_when_it_is_held() -> None:
    assert assembled([LOCK], UNPROVEN).changes == ()


def test_the_order_of_the_decisions_changes_nothing() -> None:
    steps: list[Any] = [*REMOVALS, create(), AddToGroup(subject("eve", None), WIKI, "due"), create("zed")]
    assert assembled(steps) == assembled(reversed(steps))


def test_every_creation_that_passes_is_a_creation() -> None:
    assert [type(change) for change in assembled([create()]).changes] == [CreateLogin]


class TestRulings:
    """What people decided about single changes. ann and bob are locked, eve is new and joins a group."""

    EVE: tuple[Change, ...] = (
        create(), AddToGroup(subject("eve", None), VPN, "due"), SendActivation(subject("eve", None), "new"),
    )  # fmt: skip
    SAID = Said("kim", "desk", "on leave", NOON, NOON + timedelta(days=9), "plan p0", "staff")

    def given(self, *rows: Ruling, rule: Approval | None = None, **fields: Any) -> Facts:
        return facts(basis(approval=rule or Approval(), **fields), rulings=Rulings(rows, "staff", NOON))

    def test_a_rejected_removal_is_not_made_and_says_who_rejected_it(self) -> None:
        plan = assembled([LOCK, VANISHED], self.given(rejection_of(LOCK, self.SAID)))
        assert do(plan) == {"bob lock"}
        told = [(skip.reason, skip.detail, skip.change) for skip in plan.skips]
        assert told == [(Reason.REJECTED, "rejected by kim until Tue 01 Dec 2026 12:00: on leave", LOCK)]
        assert next(g for g in plan.basis.gauges if g.kind is GuardKind.LOCK).observed == 1

    def test_whose_login_is_rejected_gets_nothing_that_comes_with_it(self) -> None:
        plan = assembled([*self.EVE, LOCK], self.given(rejection_of(self.EVE[0], self.SAID)))
        assert do(plan) == {"ann lock"}
        assert skipped(plan) == [("eve", Reason.REJECTED)]

    def test_a_changed_configuration_is_still_named_for_what_is_rejected(self) -> None:
        plan = assembled([VANISHED], self.given(rejection_of(VANISHED, self.SAID), config_changed=True))
        assert [skip.change.evidence for skip in plan.skips if skip.change] == [Evidence.RULE]

    def test_what_nobody_approved_waits_and_the_rest_of_a_write_goes_on(self) -> None:
        both = write(login(5, "fay", mail="x"), mail="", name="F")
        plan = assembled([both, *self.EVE], self.given(rule=Approval(Needed.REMOVALS)))
        assert do(plan) == {"fay update", "eve create", "eve add", "eve mail"}
        assert [(fields_changed(c) if isinstance(c, Write) else c) for c in plan.unapproved] == [("mail",)]
        assert plan.held == plan.skips
        assert (plan.basis.to_approve, plan.basis.approvers) == (1, 1)
        assert plan.skips[0].detail == "nobody approved it yet"

    def test_what_was_approved_is_made(self) -> None:
        rule = Approval(Needed.REMOVALS)
        plan = assembled([LOCK, VANISHED], self.given(approval_of(LOCK, self.SAID), rule=rule))
        assert do(plan) == {"ann lock"}
        assert skipped(plan) == [("bob", Reason.UNAPPROVED)]

    def test_a_rejection_beats_an_approval(self) -> None:
        rows = approval_of(LOCK, self.SAID), rejection_of(LOCK, self.SAID)
        assert skipped(assembled([LOCK], self.given(*rows, rule=Approval(Needed.REMOVALS)))) == [
            ("ann", Reason.REJECTED)
        ]

    def test_whoever_waits_for_their_login_waits_with_all_that_comes_with_it(self) -> None:
        rule = Approval(Needed.EVERYTHING)
        rest = [approval_of(change, self.SAID) for change in self.EVE[1:]]
        plan = assembled([*self.EVE, Forget(subject("eve", 7), "gone")], self.given(*rest, rule=rule))
        assert do(plan) == {"eve forget"}
        assert {type(change) for change in plan.unapproved} == {CreateLogin, AddToGroup, SendActivation}
        assert {skip.detail for skip in plan.skips} == {"nobody approved it yet", "their login waits for approval"}

    def test_guards_count_what_waits_for_approval(self) -> None:
        given = replace(self.given(rule=Approval(Needed.REMOVALS)), limits={GuardKind.LOCK: Limit(1, 0, None)})
        assert [gauge.kind for gauge in assembled([LOCK, VANISHED], given).violations] == [GuardKind.LOCK]

    def test_a_gate_that_is_closed_stays_closed_for_what_was_approved(self) -> None:
        approved = approval_of(replace(VANISHED, evidence=Evidence.RULE), self.SAID)
        given = self.given(approved, rule=Approval(Needed.REMOVALS), config_changed=True)
        assert skipped(assembled([VANISHED], given)) == [("bob", Reason.HELD)]
        assert do(assembled([VANISHED], given, only(out_of_scope=1))) == {"bob lock"}

    def test_two_people_are_needed_by_the_number_of_a_plan_whatever_part_of_it_is_looked_at(self) -> None:
        rule = Approval(Needed.REMOVALS, two_people_above=3)
        rows = [approval_of(LOCK, self.SAID), rejection_of(DELETE, self.SAID)]
        plan = assembled(REMOVALS, self.given(*rows, rule=rule), only("lock"))
        assert (plan.basis.to_approve, plan.basis.approvers) == (4, 2)
        assert do(plan) == set()
        assert {skip.detail for skip in plan.skips if skip.reason is Reason.UNAPPROVED} == {
            "approved by kim; another person has to approve it too", "two different people have to approve it",
        }  # fmt: skip
        rows.append(approval_of(LOCK, replace(self.SAID, by="zoe")))
        assert do(assembled(REMOVALS, self.given(*rows, rule=rule))) == {"ann lock"}
        assert do(assembled([LOCK], self.given(rows[0], rule=rule))) == {"ann lock"}

    def test_the_number_of_the_last_plan_of_everybody_counts_for_a_plan_of_one(self) -> None:
        rule = Approval(Needed.REMOVALS, two_people_above=3)
        plan = assembled([LOCK], self.given(approval_of(LOCK, self.SAID), rule=rule, to_approve=4))
        assert do(plan) == set()

    def test_a_lock_that_only_stands_in_for_a_deletion_is_not_counted_twice(self) -> None:
        lock = Proposal(replace(VANISHED, subject=DELETE.subject), meanwhile=True)
        plan = assembled([DELETE, lock], self.given(rule=Approval(Needed.REMOVALS)))
        assert plan.basis.to_approve == 1

    def test_an_administrator_who_is_not_taken_away_counts_as_one_who_stays(self) -> None:
        tally = Tally(administrators=3)
        one, two = (write(login(n, f"adm{n}", role=2), status=1) for n in (7, 8))
        rule = Approval(Needed.REMOVALS)
        plan = assembled([one, two], self.given(approval_of(one, self.SAID), rule=rule, tally=tally))
        assert do(plan) == {"adm7 lock"}
