"""Roads by which somebody could have lost access, or got somebody else's: each is closed."""

import pytest

from iwds.core.change import Adopt, Forget
from iwds.core.decision import Reason
from iwds.core.plan import Selection
from iwds.core.policy import Policy
from iwds.errors import LeaseLost, OutcomeUnknown, Rejected, ServiceUnproven
from iwds.ports import Result
from tests.unit.engine.rehearsal import OURS, Rehearsal


def test_a_login_that_the_reading_missed_is_not_forgotten(stage: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody deleted one login and made another while the pages were read: the counts agree all the same."""
    stage.hire("ann")
    stage.run()
    ann = stage.login("ann")
    found = type(stage.target.reader).login
    del stage.target.state.logins[ann.id]
    monkeypatch.setattr(type(stage.target.reader), "login", lambda self, number, name: ann)

    with pytest.raises(ServiceUnproven, match="did not show it"):
        stage.plan()
    monkeypatch.setattr(type(stage.target.reader), "login", found)
    assert any(isinstance(change, Forget) for change in stage.plan().changes)


@pytest.mark.parametrize("scope", ["invalid", "excluded", "out-of-scope"])
def test_nobody_adopts_a_login_that_another_person_may_have_a_claim_to(stage: Rehearsal, scope: str) -> None:
    stage.configure(policy=Policy(OURS, adopt=frozenset({0})))
    stage.target.state.add("jsmith", created_by=0)
    stage.hire("john", uid="jsmith", scope=scope)
    stage.hire("jane", uid="jsmith")

    assert not any(isinstance(change, Adopt) for change in stage.plan().changes)


def test_a_mover_keeps_the_old_group_where_the_new_one_is_refused(stage: Rehearsal) -> None:
    stage.hire("ann", ("vpn",))
    stage.run()
    stage.change("ann", ("wiki",))
    stage.fail("add_to_group", Rejected("no", "access forbidden"))

    report = stage.run()

    assert stage.groups_of("ann") == {"vpn"}
    assert [result for _, result, _ in report.applied.outcomes] == [Result.REJECTED, Result.HELD]  # type: ignore[union-attr]


def test_a_lock_that_somebody_else_set_after_ours_was_lifted_stays(stage: Rehearsal) -> None:
    stage.hire("ann", disabled="")
    stage.run()
    stage.change("ann", disabled="yes")
    stage.run()
    assert stage.login("ann").status == 1
    stage.change("ann", disabled="")
    stage.by_hand("ann", status=0)
    stage.run()
    stage.by_hand("ann", status=1)

    report = stage.run()

    assert stage.login("ann").status == 1
    assert [skip.reason for skip in report.plan.skips] == [Reason.LOCKED_ELSEWHERE]


def test_what_a_run_did_before_it_broke_off_counts_for_the_guards_of_the_next(stage: Rehearsal) -> None:
    stage.hire("ann", disabled="")
    stage.run()
    stage.change("ann", disabled="yes")
    stage.hire("bob")

    def lost(called: str) -> None:
        if called == "create":
            raise LeaseLost("somebody else")

    stage.target.state.before = lost
    with pytest.raises(LeaseLost):
        stage.run()
    stage.target.state.before = lambda _: None

    gauges = {gauge.kind.value: gauge for gauge in stage.plan().basis.gauges}
    assert stage.login("ann").status == 1
    assert gauges["lock"].recent == 1


@pytest.mark.parametrize("why", ["only", "unproven"])
def test_a_first_run_of_a_part_or_of_a_doubtful_reading_is_none(stage: Rehearsal, why: str) -> None:
    stage.hire("ann", disabled="")
    if why == "unproven":
        stage.source.problems = ("half of it",)
    stage.run(selection=Selection(frozenset({"create"})) if why == "only" else Selection())
    stage.source.problems = ()
    stage.change("ann", disabled="yes")

    assert stage.plan().basis.first_run
    stage.run()
    assert stage.login("ann").status == 0


def test_a_lock_without_an_answer_is_ours_even_where_somebody_changed_another_field(stage: Rehearsal) -> None:
    stage.hire("ann", disabled="")
    stage.run()
    stage.change("ann", disabled="yes")
    stage.fail("update", OutcomeUnknown("no answer"), after=True)
    found = type(stage.target.reader).login

    stage.run()
    stage.by_hand("ann", phone="+33 1 23")
    stage.run()

    assert type(stage.target.reader).login is found
    assert stage.ledger()["ann"].locked
