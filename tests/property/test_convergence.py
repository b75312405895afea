"""A directory and a service live on, by night and by hand; every run makes them agree and takes nothing on its own."""

from dataclasses import replace
from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from iwds.core.change import Adopt
from iwds.core.decision import Reason
from iwds.core.model import Anchor, LedgerRow, Login, Status, fold
from iwds.core.plan import Plan
from iwds.core.policy import Leaver, Policy
from iwds.core.restored import NOTE
from iwds.engine import applying
from iwds.engine.running import RunReport
from iwds.errors import NotSent, OutcomeUnknown
from iwds.ports import State
from iwds.state.database import open_state
from tests.unit.engine.rehearsal import OURS, Rehearsal, SetClock

PEOPLE = st.sampled_from(("p1", "p2", "p3", "p4", "p5"))
NAMES = st.sampled_from(("ann", "bob", "cy", "dee", "Ann"))
MAILS = st.sampled_from(("a@x.y", "b@x.y", ""))
MEMBER_OF = st.sets(st.sampled_from(("vpn", "wiki"))).map(lambda names: tuple(sorted(names)))
CHANGES = st.sampled_from(
    [
        ("disabled", "yes"),
        ("disabled", ""),
        ("scope", "out-of-scope"),
        ("scope", "excluded"),
        ("scope", ""),
        ("role", "1"),
        ("vpn_role", "manager"),
        ("vpn_role", "auditor"),
        ("vpn_role", ""),
    ]
)
OPERATIONS = st.sampled_from(("create", "update", "delete", "add_to_group", "set_role_in", "remove_from_group"))
LOST_BY_HAND = 3
"""More logins of ours deleted by hand between two runs look like another service, and end the run."""

EXAMPLES = min(1_000, max(12, settings().max_examples // 5))
"""Each is a long history of many runs."""

_services = count(1)


class World(RuleBasedStateMachine):
    """Steps in the directory, steps by hand on the service, and runs."""

    state: State
    clock: SetClock

    @initialize(leaver=st.sampled_from(Leaver), exclusive=st.booleans(), every=st.sampled_from((1, 14)))
    def begin(self, leaver: Leaver, exclusive: bool, every: int) -> None:
        self.stage = Rehearsal(service_id=next(_services), group_roles={"auditor": 17})
        vars(self.stage).update(state=self.state, clock=self.clock)
        governed = {"vpn": frozenset({"user", "manager", "auditor"})}
        rules = replace(self.stage.job.rules, groups={"vpn": exclusive, "wiki": False}, group_roles=governed)  # type: ignore[type-var]
        self.stage.configure(rules=rules, policy=Policy(OURS, leaver), verify_roles_every=every)
        self.lost = 0
        self.locked_by_hand: set[int] = set()
        for number in range(3):  # of whom the service never has fewer than two
            self.stage.target.state.add(f"boss{number}", role=2)
        assert self.stage.run().exit_code == 0

    # --- in the directory ---------------------------------------------------------------------------------------------

    @rule(who=PEOPLE, name=NAMES, mail=MAILS, groups=MEMBER_OF)
    def hire_or_change(self, who: str, name: str, mail: str, groups: tuple[str, ...]) -> None:
        if any(entry.anchor.id == who for entry in self.stage.source.entries):
            self.stage.change(who, groups, uid=name, mail=mail)
        else:
            self.stage.hire(who, groups, uid=name, mail=mail)

    @precondition(lambda self: self.stage.source.entries)
    @rule(data=st.data(), to=CHANGES)
    def somebody_changes(self, data: st.DataObject, to: tuple[str, str]) -> None:
        entry = data.draw(st.sampled_from(self.stage.source.entries))
        self.stage.change(entry.anchor.id, None, **dict([to]))

    @precondition(lambda self: self.stage.source.entries)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        self.stage.leave(data.draw(st.sampled_from(self.stage.source.entries)).anchor.id)

    # --- by hand on the service ---------------------------------------------------------------------------------------

    @rule(name=NAMES, tag=st.sampled_from((0, 1, OURS, 30)), status=st.sampled_from((0, 1)))
    def make_a_login(self, name: str, tag: int, status: int) -> None:
        if fold(name) not in {fold(login.login) for login in self.logins().values()}:
            made = self.stage.target.state.add(name, created_by=tag, status=status)
            self.locked_by_hand |= {made.id} if status else set()

    @precondition(lambda self: self.ours())
    @rule(data=st.data(), fields=st.sampled_from(({"status": 1}, {"status": 0}, {"mail": "hand@x.y"}, {"role": 1})))
    def correct(self, data: st.DataObject, fields: dict[str, int | str]) -> None:
        number = data.draw(st.sampled_from(self.ours()))
        if fields.get("status") == 1 and self.logins()[number].status == Status.ACTIVE:
            self.locked_by_hand.add(number)
        self.logins()[number] = replace(self.logins()[number], **fields)  # type: ignore[arg-type]  # as written above

    @precondition(lambda self: self.ours())
    @rule(data=st.data(), group=st.sampled_from((1, 2)), joins=st.booleans())
    def move(self, data: st.DataObject, group: int, joins: bool) -> None:
        member = (group, data.draw(st.sampled_from(self.ours())))
        members = self.stage.target.state.members
        members.setdefault(member, 0) if joins else members.pop(member, None)

    @precondition(lambda self: self.stage.target.state.members)
    @rule(data=st.data(), role=st.sampled_from((0, 1, 2, 17, 18)))
    def give_a_role(self, data: st.DataObject, role: int) -> None:
        members = self.stage.target.state.members
        members[data.draw(st.sampled_from(sorted(members)))] = role

    @precondition(lambda self: self.ours() and self.lost < LOST_BY_HAND)
    @rule(data=st.data())
    def delete_by_hand(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(self.ours()))
        del self.logins()[number]
        members = self.stage.target.state.members
        self.stage.target.state.members = {member: role for member, role in members.items() if member[1] != number}
        self.lost += 1

    # --- runs ---------------------------------------------------------------------------------------------------------

    @rule()
    def sync(self) -> None:
        report = self.run()
        assert report.exit_code in (0, 3, 4)
        assert report.applied is not None
        assert report.applied.outcomes == []
        if not any(skip.reason is Reason.TAKEN for skip in report.plan.skips) and NOTE not in report.plan.basis.notes:
            assert self.stage.plan().changes == ()
        self.run()  # who waited for a name that was given up only now
        plan = self.stage.plan()
        assert plan.changes == ()
        self.nobody_stays_locked_out(plan)
        self.roles_are_those_of_the_directory(plan)

    @rule(operation=OPERATIONS, after=st.booleans(), lost=st.booleans())
    def sync_on_a_bad_line(self, operation: str, after: bool, lost: bool) -> None:
        self.stage.fail(operation, NotSent("refused") if lost and not after else OutcomeUnknown("no answer"), 2, after)
        self.run()
        self.stage.target.state.before = self.stage.target.state.after = lambda _: None
        self.sync()

    @rule()
    def sync_without_proof(self) -> None:
        self.stage.source.problems = ["cut short"]
        before = dict(self.logins())
        self.run()
        self.stage.source.problems = []
        assert not self.access_lost(before)

    def run(self) -> RunReport:
        """A run, and what is true of every one of them."""
        before, ledger = dict(self.logins()), {row.login_id: row for row in self.stage.ledger().values()}
        report = self.stage.run()
        self.lost = 0
        if NOTE in report.plan.basis.notes:  # whose every lock is, nobody knows any more
            self.locked_by_hand |= {number for number, login in self.logins().items() if login.status == Status.LOCKED}
        adopted = {change.login.id for change in report.plan.changes if isinstance(change, Adopt)}
        for number, login in before.items():
            if number not in ledger and number not in adopted:
                assert self.logins().get(number) == login, "a login that is not ours was touched"
        assert self.access_lost(before) <= self.without_right_to_it(ledger, report)
        return report

    def nobody_stays_locked_out(self, plan: Plan) -> None:
        """Whoever is enabled can log in, unless somebody else locked them or they could not be decided about."""
        undecided = {skip.subject.anchor for skip in plan.skips if skip.reason in (Reason.EXCLUDED, Reason.DUPLICATE)}
        entitled = self.entitled() - undecided
        for row in self.stage.ledger().values():
            if row.anchor in entitled and self.logins()[row.login_id].status == Status.LOCKED:
                assert row.login_id in self.locked_by_hand

    def roles_are_those_of_the_directory(self, plan: Plan) -> None:
        """Where every role is looked at each time, that is so for everybody who was not left alone."""
        alone = {skip.subject.anchor for skip in plan.skips}
        wanted = {entry.anchor: entry for entry in self.stage.source.entries if entry.anchor not in alone}
        for row in self.stage.ledger().values() if self.stage.job.verify_roles_every == 1 else ():
            entry, held = wanted.get(row.anchor), self.stage.target.state.members.get((1, row.login_id))
            if entry and not any(entry.attrs.get("scope", ())) and "vpn" in (entry.groups or ()) and held is not None:
                role = next(iter(entry.attrs.get("vpn_role", ())), "") or "user"
                assert held == self.stage.job.target.group_roles[role]
            assert row.group_roles.keys() <= {1}

    # --- what is looked at --------------------------------------------------------------------------------------------

    def logins(self) -> dict[int, Login]:
        return self.stage.target.state.logins

    def ours(self) -> list[int]:
        return sorted({row.login_id for row in self.stage.ledger().values()} & self.logins().keys())

    def access_lost(self, before: dict[int, Login]) -> set[int]:
        return {
            number for number, login in before.items()
            if login.status == Status.ACTIVE
            and (number not in self.logins() or self.logins()[number].status == Status.LOCKED)
        }  # fmt: skip

    def entitled(self) -> set[Anchor]:
        return {
            entry.anchor for entry in self.stage.source.entries
            if not any(entry.attrs.get("disabled", ())) and entry.attrs.get("scope") != ("out-of-scope",)
        }  # fmt: skip

    def without_right_to_it(self, ledger: dict[int, LedgerRow], report: RunReport) -> set[int]:
        """Logins of people whom the directory disables, puts out of scope or does not have."""
        entitled = self.entitled()
        adopted = {c.login.id: c.subject.anchor for c in report.plan.changes if isinstance(c, Adopt)}
        anchors = {number: row.anchor for number, row in ledger.items()} | adopted
        return {number for number, anchor in anchors.items() if anchor not in entitled}

    @invariant()
    def nobody_is_created_twice(self) -> None:
        if hasattr(self, "stage"):
            service = self.stage.job.target.service
            anchors = [row.anchor for row in self.state.ledger(service) if row.login_id in self.logins()]
            assert len(anchors) == len(set(anchors))
            tagged = [login for login in self.logins().values() if login.created_by == OURS]
            assert len({fold(login.login) for login in tagged}) == len(tagged)


def test_every_run_makes_both_sides_agree_and_takes_nothing_on_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "PAUSE", 0)
    clock = SetClock()
    state = open_state("sqlite://", clock=clock)  # one for all histories: each has a service of its own

    class Shared(World):
        pass

    Shared.state, Shared.clock = state, clock
    try:
        run_state_machine_as_test(Shared, settings=settings(max_examples=EXAMPLES, stateful_step_count=40))
    finally:
        state.close()
