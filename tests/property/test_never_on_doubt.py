"""Directories, configurations, a service and our memory live on, and everything fails that can; nobody suffers for it.

`company.py` is the world and `verdicts.py` the judge. Each history begins with a company that was applied before.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from iwds.core.decide import Reason
from iwds.core.guards import OUT_OF_SCOPE, RETAGGED
from iwds.core.matching import believed
from iwds.core.model import Status, View, fold
from iwds.core.plan import Plan, Selection
from iwds.core.policy import Hold, HoldKind, Leaver
from iwds.core.restored import NOTE
from iwds.engine import applying, planning
from iwds.engine.job import LEASE_SECONDS
from iwds.engine.running import RunReport
from iwds.errors import IwdsError, LeaseHeld, NotSent, OutcomeUnknown
from iwds.ports import HoldRow
from tests.property.company import PLACES, STAFF, Company, Config, Founding, Pause
from tests.property.verdicts import Judge, Remembered
from tests.unit.engine.crashing import Inline, Process
from tests.unit.engine.rehearsal import OURS

PEOPLE = st.sampled_from(("p1", "p2", "p3", "p4", "p5"))
ANYBODY = st.sampled_from(("p1", "p2", "p3", "p4", "p5", *STAFF[:2]))
NAMES = st.sampled_from(("ann", "bob", "cy", "dee", "Ann"))
WHERE = st.sampled_from(("main", "branch"))
MEMBER_OF = st.sets(st.sampled_from(("vpn", "wiki"))).map(lambda names: tuple(sorted(names)))
DEPARTMENTS = st.sampled_from(("it", "sales", ""))
CHANGES = st.sampled_from(
    [
        *(("disabled", "yes"), ("disabled", "yes"), ("disabled", ""), ("scope", "out-of-scope"), ("scope", "excluded")),
        *(("scope", ""), ("role", "1"), ("role", "0"), ("vpn_role", "manager"), ("vpn_role", "auditor")),
        *(("vpn_role", ""), ("mail", ""), ("mail", "a@x.y"), ("department", "sales"), ("department", "it")),
    ]
)
EDITS = st.sampled_from(
    [
        *(("outside", "sales"), ("outside", ""), ("outside", "it"), ("without_vpn", "sales"), ("without_vpn", "")),
        *(("without_mail", "it"), ("without_mail", ""), ("base", "paris"), ("base", "everything")),
        *(("base", "main alone"), ("wiki", False), ("wiki", True), ("exclusive", True), ("exclusive", False)),
        *(("leaver", leaver) for leaver in Leaver),
        *(("grace", days) for days in (10, 3)),
    ]
)
BY_HAND = st.sampled_from(({"status": 1}, {"status": 0}, {"mail": "hand@x.y"}, {"role": 1}, {"role": 0}))
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
UNBELIEVED = 3
"""More logins of ours that are gone or strange look like another service, and end the run."""


class NeverOnDoubt(RuleBasedStateMachine):
    """Steps in the directories and the configuration, by hand on the service, and runs under every fault."""

    founding: Founding
    company: Company

    @initialize(leaver=st.sampled_from(Leaver), exclusive=st.booleans(), every=st.sampled_from((1, 14)))
    def begin(self, leaver: Leaver, exclusive: bool, every: int) -> None:
        self.company = self.founding.company(Config(leaver=leaver, exclusive=exclusive), every)
        self.judge = Judge(self.company)
        self.copy: Remembered | None = None
        self.measured = {"everything"}

    # --- in the directories and the configuration ---------------------------------------------------------------------

    @rule(who=PEOPLE, name=NAMES, where=WHERE, place=st.sampled_from(PLACES), groups=MEMBER_OF, said=DEPARTMENTS)
    def hire_or_change(
        self, who: str, name: str, where: str, place: str, groups: tuple[str, ...], said: str
    ) -> None:
        self.company.put(who, where, place, groups, {"uid": name, "mail": f"{who}@x.y", "department": said})

    @rule(who=ANYBODY, to=CHANGES)
    def somebody_changes(self, who: str, to: tuple[str, str]) -> None:
        if who in self.company.people:
            self.company.amend(who, **dict([to]))

    @rule(who=ANYBODY)
    def leave(self, who: str) -> None:
        self.company.people.pop(who, None)

    @rule(who=PEOPLE)
    def move_between_directories(self, who: str) -> None:
        if who in self.company.people:
            where, entry = self.company.people[who]
            self.company.people[who] = "branch" if where == "main" else "main", entry

    @rule(who=PEOPLE)
    def leave_and_hand_the_name_on(self, who: str) -> None:
        """A newcomer with a leaver's name."""
        free = sorted({"p1", "p2", "p3", "p4", "p5", "p6"} - self.company.people.keys())
        if free and (left := self.company.people.pop(who, None)):
            said = {name: "".join(values) for name, values in left[1].attrs.items()}
            self.company.put(free[0], left[0], PLACES[0], ("vpn",), {**said, "disabled": "", "scope": ""})

    @rule(edit=EDITS)
    def edit_the_configuration(self, edit: tuple[str, Any]) -> None:
        every = self.company.job.verify_roles_every
        self.company.now_is(Config(**{**vars(self.company.config), **dict([edit])}))
        self.company.configure(verify_roles_every=every)

    @rule(days=st.sampled_from((1, 4, 11)))
    def time_passes(self, days: int) -> None:
        self.company.clock.passed += timedelta(days=days).total_seconds()

    # --- by hand on the service ---------------------------------------------------------------------------------------

    @rule(name=NAMES, tag=st.sampled_from((0, 1, OURS, 30)), locked=st.booleans())
    def make_a_login(self, name: str, tag: int, locked: bool) -> None:
        if fold(name) not in {fold(login.login) for login in self.company.logins.values()}:
            made = self.company.target.state.add(name, created_by=tag, status=int(locked))
            self.judge.locked_by_hand(made.id) if locked else None

    @precondition(lambda self: self.ours())
    @rule(data=st.data(), fields=BY_HAND)
    def correct(self, data: st.DataObject, fields: dict[str, int | str]) -> None:
        number = data.draw(st.sampled_from(self.ours()))
        active = self.company.logins[number].status == Status.ACTIVE
        if fields.get("status") == Status.ACTIVE:
            self.judge.unlocked_by_hand(number)
        elif "status" in fields and active:
            self.judge.locked_by_hand(number)
        self.company.set(number, **fields)

    @precondition(lambda self: self.ours())
    @rule(data=st.data(), group=st.sampled_from((1, 2)), role=st.sampled_from((None, 0, 1, 17, 18)))
    def move(self, data: st.DataObject, group: int, role: int | None) -> None:
        member = group, data.draw(st.sampled_from(self.ours()))
        self.company.target.state.members.pop(member, None)
        if role is not None:
            self.company.target.state.members[member] = role

    @precondition(lambda self: self.ours() and self.unbelieved() < UNBELIEVED)
    @rule(data=st.data())
    def delete_by_hand(self, data: st.DataObject) -> None:
        self.company.drop(data.draw(st.sampled_from(self.ours())))

    @precondition(lambda self: self.ours())
    @rule(data=st.data(), tag=st.sampled_from((7, OURS)))
    def another_tool_tags(self, data: st.DataObject, tag: int) -> None:
        number = data.draw(st.sampled_from(self.ours()))
        row = self.company.state.ledger_row(self.company.job.target.service, number)
        if row and row.tag is not None:
            self.company.set(number, created_by=tag)

    @precondition(lambda self: self.ours())
    @rule(data=st.data(), days=st.sampled_from((2, 12, None)), kind=st.sampled_from(HoldKind))
    def somebody_holds(self, data: st.DataObject, days: int | None, kind: HoldKind) -> None:
        """`iwds hold`, or the helpdesk's lock."""
        number, now = data.draw(st.sampled_from(self.ours())), self.company.clock.now()
        row = self.company.state.ledger_row(self.company.job.target.service, number)
        locked = self.company.logins[number].status == Status.LOCKED
        hold = Hold("root", "as they say", now + timedelta(days=days) if days else None, kind)
        foreign = locked and (number in self.judge.kept_locked or not (row and row.locked))
        self.company.state.place_hold(self.company.job.target.service, HoldRow(number, hold, "", now, foreign))
        if kind is HoldKind.LOCK:
            self.company.set(number, status=int(Status.LOCKED))

    # --- runs ---------------------------------------------------------------------------------------------------------

    @rule()
    def sync(self) -> None:
        """Without faults; whoever waited for a name that was given up only now is served by the second run."""
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

    @rule(number=st.sampled_from((1, 3, 99)), tags=st.booleans())
    def accept(self, number: int, tags: bool) -> None:
        self.run(Selection(allow={OUT_OF_SCOPE: number, **({RETAGGED: 99} if tags else {})}, reason="as agreed"))

    @rule(where=WHERE, faults=READING)
    def run_on_a_bad_reading(self, where: str, faults: dict[str, Any]) -> None:
        self.run_under(self.company.troubled(where, **faults))

    @precondition(lambda self: self.measured == {"everything"} == {self.company.config.base})
    @rule(faults=HIDDEN)
    def run_while_much_is_hidden(self, faults: dict[str, Any]) -> None:
        self.run_under(self.company.troubled("main", **faults))

    @rule(operation=OPERATIONS, after=st.booleans(), lost=st.booleans(), times=st.sampled_from((1, 2, 4)))
    def run_on_a_bad_line(self, operation: str, after: bool, lost: bool, times: int) -> None:
        error = NotSent("refused") if lost and not after else OutcomeUnknown("no answer")
        self.company.fail(operation, error, times, after)
        self.run_under()
        self.company.target.state.before = self.company.target.state.after = lambda _: None

    @rule(problems=st.booleans())
    def run_on_a_service_that_moves(self, problems: bool) -> None:
        service = self.company.target.state
        service.problems, service.moved = (["wrong count"] if problems else []), lambda: not problems
        before = dict(self.company.logins), dict(service.members)
        self.run_under()
        assert before == (self.company.logins, service.members), "changed on a reading of the service that proves nothing"
        service.problems, service.moved = (), lambda: False

    @rule()
    def run_on_a_full_service(self) -> None:
        self.run_under(self.company.full())

    @rule(moment=st.integers(1, 50), ahead=st.sampled_from((1, 64)))
    def run_that_is_killed(self, moment: int, ahead: int) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(applying, "AHEAD", ahead)
            self.run(process=Process(moment))

    @rule()
    def run_beside_another(self) -> None:
        """Two daemons at once: the second one leaves everything to the first."""
        state, service, calls = self.company.state, self.company.job.target.service, self.company.calls()
        lease = state.lease(service, "the other daemon", LEASE_SECONDS)
        with pytest.raises(LeaseHeld):
            self.company.perform()
        lease.release()
        assert calls == []

    @rule(moment=st.integers(3, 40))
    def run_that_slept_while_another_ran(self, moment: int) -> None:
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

    @precondition(lambda self: self.copy)
    @rule(told=st.booleans())
    def put_back(self, told: bool) -> None:
        now = self.judge.remembers(self.company.back_up())
        assert self.copy is not None
        self.company.put_back(self.copy.copy)
        if self.unbelieved() > UNBELIEVED:  # every run would end: this cannot be the memory of this service
            self.company.put_back(now.copy)
            return
        if told:
            self.company.tell_restored()
        self.judge.memory_is(self.copy, told)
        self.measured = set()

    @rule()
    def lose_everything(self) -> None:
        self.company.put_back(self.founding.nothing())
        self.judge.memory_is(Remembered(self.founding.nothing(), frozenset(), frozenset(), True), told=True)
        self.measured = set()

    # --- what is looked at --------------------------------------------------------------------------------------------

    def run(self, selection: Selection | None = None, process: Process | None = None) -> RunReport | None:
        chosen = selection or Selection()
        self.company.publish()
        before = self.judge.see()
        self.measured.add(self.company.config.base)
        report = self.company.perform(chosen, process)
        event(f"ended with {report.exit_code}" if report else "did not end")
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

    def everything_is_as_it_should_be(self, plan: Plan) -> None:
        reasons = (Reason.EXCLUDED, Reason.DUPLICATE, Reason.INVALID)
        undecided = {s.subject.anchor.id for s in plan.skips if s.reason in reasons and s.subject.anchor}
        self.judge.no_leaver_keeps_access()
        self.judge.nobody_stays_locked_out(undecided)
        if self.company.job.verify_roles_every == 1:
            alone = {skip.subject.anchor.id for skip in plan.skips if skip.subject.anchor}
            self.judge.roles_are_those_of_the_directory(alone)

    def writing(self) -> set[str]:
        writer = self.company.target.writer()
        return {name for name in dir(writer) if not name.startswith("_")} - {"close"}

    def ours(self) -> list[int]:
        return sorted(self.company.remembered().keys() & self.company.logins.keys())

    def unbelieved(self) -> int:
        rows = self.company.state.ledger(self.company.job.target.service)
        found = [(row, self.company.logins.get(row.login_id)) for row in rows]
        return sum(login is None or not believed(row, login) for row, login in found)

    @invariant()
    def time_is_seen_to_pass(self) -> None:
        if hasattr(self, "judge"):
            self.judge.observe()


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
    histories = many if many > 1000 else 40
    run_state_machine_as_test(Shared, settings=settings(max_examples=histories, stateful_step_count=25))
