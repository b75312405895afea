"""Directories, configurations, a service and our memory live on, and everything fails that can; nobody suffers for it.

`company.py` is the world and `verdicts.py` the judge. Each history begins with a company that was applied before.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from iwds.core.change import DeleteLogin
from iwds.core.decision import Reason
from iwds.core.guards import OUT_OF_SCOPE, RETAGGED
from iwds.core.model import View
from iwds.core.plan import Plan, Selection
from iwds.core.policy import Leaver
from iwds.core.restored import NOTE
from iwds.engine import applying, planning
from iwds.engine.job import LEASE_SECONDS
from iwds.engine.running import RunReport
from iwds.errors import IwdsError, LeaseHeld, NotSent, OutcomeUnknown
from tests.property.company import MATCHING, PLACES, Company, Config, Founding, Pause
from tests.property.happenings import UNBELIEVED, Event, Hands, anybody, happenings, unbelieved
from tests.property.verdicts import Judge, Remembered
from tests.unit.engine.crashing import Inline, Process

READING = st.sampled_from(
    [
        *({"fail_after": after} for after in (0, 1, 3)),
        *({"problems": ["cut short"]}, {"missed": 1}, {"view": View(account="somebody else")}),
        *({"unreadable": frozenset({name})} for name in ("uid", "disabled", "scope", "mail", "department")),
    ]
)
HIDDEN = st.sampled_from(
    [
        *({"hidden_places": frozenset(places)} for places in (PLACES, PLACES[:1], PLACES[1:])),
        *({"hidden": frozenset({name})} for name in ("mail", "department", "groups", "vpn", "wiki", "uid")),
    ]
)
"""What looks like an answer. Only of many people that can be told from a true one, so it befalls the main directory."""
OPERATIONS = st.sampled_from(
    ("create", "update", "delete", "add_to_group", "set_role_in", "remove_from_group", "send_activation")
)

STEPS = 12


class NeverOnDoubt(RuleBasedStateMachine):
    """Steps in the directories and the configuration, by hand on the service, and runs under every fault."""

    founding: Founding
    company: Company

    @initialize(
        leaver=st.sampled_from(Leaver),
        exclusive=st.booleans(),
        every=st.sampled_from((1, 14)),
        recognise=st.sampled_from(sorted(MATCHING)),
    )
    def begin(self, leaver: Leaver, exclusive: bool, every: int, recognise: str) -> None:
        self.company = self.founding.company(Config(leaver=leaver, exclusive=exclusive, recognise=recognise), every)
        self.judge = Judge(self.company)
        self.hands = Hands(self.company, self.judge)
        self.copy: Remembered | None = None
        self.measured = {"everything"}

    # --- runs ---------------------------------------------------------------------------------------------------------

    @rule(day=happenings)
    def sync(self, day: list[Event]) -> None:
        """Without faults; whoever waited for a name that was given up only now is served by the second run."""
        self.hands.let(day)
        for _ in range(2):
            report = self.run()
            assert report is not None
            assert report.exit_code in (0, 3, 4)
            assert report.applied is not None
            assert report.applied.outcomes == []
            plan = self.company.plan()
            waits = any(skip.reason is Reason.TAKEN for skip in report.plan.skips)
            if not waits and NOTE not in report.plan.basis.notes and not report.plan.basis.first_run:
                break
        assert plan.changes == ()
        self.measured = {self.company.config.base}
        self.everything_is_as_it_should_be(plan)

    @rule(who=anybody, days=st.sampled_from((4, 11)), day=happenings)
    def somebody_leaves_for_good(self, who: str, days: int, day: list[Event]) -> None:
        """Long enough for a grace to end; what happens meanwhile may bring them back, or hold them."""
        self.sync([("leave", who)])
        self.sync([("days", days), *day])

    @rule(day=happenings, number=st.sampled_from((1, 3, 99)), tags=st.booleans())
    def accept(self, day: list[Event], number: int, tags: bool) -> None:
        self.hands.let(day)
        self.run(Selection(allow={OUT_OF_SCOPE: number, **({RETAGGED: 99} if tags else {})}, reason="as agreed"))

    @rule(day=happenings, where=st.sampled_from(("main", "branch")), faults=READING)
    def run_on_a_bad_reading(self, day: list[Event], where: str, faults: dict[str, Any]) -> None:
        self.hands.let(day)
        self.run_under(self.company.troubled(where, **faults))

    @precondition(lambda self: self.measured == {"everything"} == {self.company.config.base})
    @rule(day=happenings, faults=HIDDEN)
    def run_while_much_is_hidden(self, day: list[Event], faults: dict[str, Any]) -> None:
        self.hands.let(day)
        self.run_under(self.company.troubled("main", **faults))

    @rule(day=happenings, operation=OPERATIONS, after=st.booleans(), lost=st.booleans(), times=st.integers(1, 4))
    def run_on_a_bad_line(self, day: list[Event], operation: str, after: bool, lost: bool, times: int) -> None:
        self.hands.let(day)
        error = NotSent("refused") if lost and not after else OutcomeUnknown("no answer")
        self.company.fail(operation, error, times, after)
        self.run_under()
        self.company.target.state.before = self.company.target.state.after = lambda _: None

    @rule(day=happenings, trouble=st.sampled_from(("moves", "contradicts itself", "full", "taken")))
    def run_on_a_troubled_service(self, day: list[Event], trouble: str) -> None:
        self.hands.let(day)
        if trouble == "full":
            self.run_under(self.company.full())
            return
        if trouble == "taken":
            self.beside_another()
            return
        service = self.company.target.state
        service.problems, service.moved = (["wrong count"] if trouble != "moves" else []), lambda: trouble == "moves"
        before = dict(self.company.logins), dict(service.members)
        self.run_under()
        assert before == (self.company.logins, service.members), "changed on a reading that proves nothing"
        service.problems, service.moved = (), lambda: False

    @rule(day=happenings, moment=st.integers(1, 50), ahead=st.sampled_from((1, 64)))
    def run_that_is_killed(self, day: list[Event], moment: int, ahead: int) -> None:
        self.hands.let(day)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(applying, "AHEAD", ahead)
            self.run(process=Process(moment))

    @rule(day=happenings, moment=st.integers(3, 40))
    def run_that_slept_while_another_ran(self, day: list[Event], moment: int) -> None:
        self.hands.let(day)

        def meanwhile() -> None:
            self.company.clock.passed += LEASE_SECONDS + 1
            self.company.perform()

        pause = Pause(moment, meanwhile=meanwhile)
        self.run(process=pause)
        called = [name for name in pause.after if name in self.writing()]
        assert called == [], "a run that lost its lease called the service"

    # --- our memory ---------------------------------------------------------------------------------------------------

    @rule()
    def back_up(self) -> None:
        self.copy = self.judge.remembers(self.company.back_up())

    @rule(told=st.booleans(), lost=st.sampled_from((False, False, True)))
    def put_back(self, told: bool, lost: bool) -> None:
        """The copy; or nothing at all, where it is `lost`."""
        now = self.judge.remembers(self.company.back_up())
        nothing = Remembered(self.founding.nothing(), frozenset(), frozenset(), True)
        then = nothing if lost else self.copy or now
        self.company.put_back(then.copy)
        if unbelieved(self.company) > UNBELIEVED:  # every run would end: this cannot be the memory of this service
            self.company.put_back(now.copy)
            return
        if told and not lost:
            self.company.tell_restored()
        self.judge.memory_is(then, told)
        self.measured = set()

    # --- what is looked at --------------------------------------------------------------------------------------------

    def run(self, selection: Selection | None = None, process: Process | None = None) -> RunReport | None:
        chosen = selection or Selection()
        self.company.publish()
        before = self.judge.see()
        self.measured.add(self.company.config.base)
        report = self.company.perform(chosen, process)
        event(f"ended with {report.exit_code}" if report else "did not end")
        if report and report.applied and any(isinstance(done, DeleteLogin) for done in report.applied.done):
            event("deleted somebody")
        self.judge.judge(before, report, chosen)
        return report

    def run_under(self, *faults: Any) -> None:
        """A run that may fail in any way but a wrong one."""
        self.company.publish()
        before = self.judge.see()
        report = None
        try:
            with ExitStack() as stack:
                for fault in faults:
                    stack.enter_context(fault)
                report = self.company.perform()
        except IwdsError as error:
            event(f"ended by {type(error).__name__}")
        self.judge.judge(before, report, Selection())

    def beside_another(self) -> None:
        """Two daemons at once: the second one leaves everything to the first."""
        state, service, calls = self.company.state, self.company.job.target.service, self.company.calls()
        lease = state.lease(service, "the other daemon", LEASE_SECONDS)
        with pytest.raises(LeaseHeld):
            self.company.perform()
        lease.release()
        self.company.target.state.before = lambda _: None
        assert calls == []

    def everything_is_as_it_should_be(self, plan: Plan) -> None:
        reasons = (Reason.EXCLUDED, Reason.DUPLICATE, Reason.INVALID, Reason.AMBIGUOUS)
        undecided = {s.subject.anchor.id for s in plan.skips if s.reason in reasons and s.subject.anchor}
        self.judge.no_leaver_keeps_access()
        self.judge.nobody_stays_locked_out(undecided)
        if self.company.job.verify_roles_every == 1:
            alone = {skip.subject.anchor.id for skip in plan.skips if skip.subject.anchor}
            self.judge.roles_are_those_of_the_directory(alone)

    def writing(self) -> set[str]:
        writer = self.company.target.writer()
        return {name for name in dir(writer) if not name.startswith("_")} - {"close"}


@pytest.fixture
def founding() -> Iterator[Founding]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(applying, "PAUSE", 0)
        patch.setattr(applying, "ThreadPoolExecutor", Inline)
        patch.setattr(planning, "ThreadPoolExecutor", Inline)
        made = Founding()
        yield made
        made.close()


def test_nobody_loses_keeps_or_inherits_access_without_a_true_cause(founding: Founding) -> None:
    """As many histories as HYPOTHESIS_PROFILE says nightly, and some of them else."""

    class Shared(NeverOnDoubt):
        pass

    Shared.founding = founding
    many = settings().max_examples
    histories = many if many > 1000 else 25
    run_state_machine_as_test(Shared, settings=settings(max_examples=histories, stateful_step_count=STEPS))
