"""Undoing a run: what still stands is put back, what others changed is left alone, what cannot come back is told."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from iwds.cli.undo_text import undo_data, undo_lines
from iwds.core.approval import Approval, Needed
from iwds.core.change import Adopt, CreateLogin, DeleteLogin, Forget, RemoveFromGroup, kinds
from iwds.core.decision import Reason
from iwds.core.devices import Device, DeviceKind, DeviceState
from iwds.core.document import change_from_data
from iwds.core.guards import GuardKind, Limit
from iwds.core.model import Activation, Login, Status
from iwds.core.plan import Plan, Selection
from iwds.core.policy import Hold, HoldKind, Leaver, Policy
from iwds.core.rulings import Said, approval_of, rejection_of
from iwds.engine.leasing import UNDO
from iwds.engine.running import Request
from iwds.engine.undo import Looked, Wish, look, run_to_undo, undo
from iwds.errors import Refused, Rejected, UsageError
from iwds.ports import AuditRow, HoldRow, Outcome, Result, RunRow
from tests.unit.engine.rehearsal import OURS, WIDE, PlainRules, Rehearsal

ALL = Wish()
PHONE = Device(DeviceKind.AUTHENTICATOR, 1, DeviceState.ACTIVE, "phone")


@pytest.fixture
def stage() -> Iterator[Rehearsal]:
    stage = Rehearsal()
    for who in ("ann", "bob", "cy"):
        stage.hire(who, ("vpn",), mail=f"{who}@example.org", role="")
    ran(stage)
    yield stage
    stage.close()


def ran(stage: Rehearsal, **request: Any) -> RunRow:
    """One more run, an hour later."""
    stage.clock.passed += 3600
    return stage.run(**request).run


def undoes(stage: Rehearsal, run: RunRow, wish: Wish = ALL, **request: Any) -> Looked:
    stage.clock.passed += 3600
    wanted = Request(UNDO, **{"selection": Selection(reason="a mistake"), **request})
    return undo(stage.job, stage.tools, stage.writer, run_to_undo(stage.state, run.id), wish, wanted)


def code(looked: Looked) -> int:
    assert looked.report is not None
    return looked.report.exit_code


def reasons(looked: Looked) -> list[Reason]:
    return [skip.reason for skip in looked.plan.skips]


def lost(looked: Looked) -> str:
    return " / ".join(f"{each.login}: {'; '.join(each.what)}" for each in looked.lost)


def seen(stage: Rehearsal) -> Any:
    """The service and our memory."""
    state = stage.target.state
    rows = {who: (row.login_id, row.locked, row.groups, row.group_roles) for who, row in stage.ledger().items()}
    return dict(state.logins), dict(state.members), rows


class TestFields:
    def test_that_the_run_wrote_are_as_before(self, stage: Rehearsal) -> None:
        before = seen(stage)
        stage.change("ann", mail="new@example.org", sn="New")
        run = ran(stage)
        assert code(undoes(stage, run)) == 0
        assert seen(stage) == before

    def test_that_others_changed_since_are_left_alone_and_told(self, stage: Rehearsal) -> None:
        stage.change("ann", mail="new@example.org", sn="New")
        run = ran(stage)
        stage.by_hand("ann", mail="hand@example.org", phone="7")
        done = undoes(stage, run)
        assert (stage.login("ann").mail, stage.login("ann").name, stage.login("ann").phone) == (
            "hand@example.org",
            "",
            "7",
        )
        (skip,) = done.plan.skips
        assert skip.reason is Reason.CHANGED
        assert skip.detail == "mail is hand@example.org now, the run made it new@example.org"
        assert code(done) == 4

    def test_that_are_back_already_are_not_written(self, stage: Rehearsal) -> None:
        stage.change("ann", mail="new@example.org")
        run = ran(stage)
        stage.by_hand("ann", mail="ann@example.org")
        done = undoes(stage, run)
        assert (done.plan.changes, code(done)) == ((), 0)

    def test_a_name_comes_back(self, stage: Rehearsal) -> None:
        stage.change("ann", uid="anna")
        run = ran(stage)
        assert code(undoes(stage, run)) == 0
        assert stage.login("ann").id == stage.ledger()["ann"].login_id

    def test_a_name_that_somebody_else_has_by_now_stays(self, stage: Rehearsal) -> None:
        stage.change("ann", uid="anna")
        run = ran(stage)
        stage.target.state.add("ann")
        done = undoes(stage, run)
        assert reasons(done) == [Reason.TAKEN]
        assert code(done) == 3

    def test_a_name_comes_back_from_somebody_whom_the_same_run_created(self, stage: Rehearsal) -> None:
        stage.change("ann", uid="anna")
        stage.source.entries.append(replace(stage.entry("bob"), anchor=replace(stage.entry("bob").anchor, id="x")))
        stage.change("x", uid="ann")
        run = ran(stage)
        assert code(undoes(stage, run)) == 0
        assert sorted(login.login for login in stage.target.state.logins.values()) == ["ann", "bob", "cy"]

    def test_of_a_login_that_is_gone_are_listed(self, stage: Rehearsal) -> None:
        stage.change("ann", mail="new@example.org")
        run = ran(stage)
        del stage.target.state.logins[stage.login("ann").id]
        assert [skip.detail for skip in undoes(stage, run).plan.skips] == [
            f"login {stage.ledger()['ann'].login_id} no longer exists"
        ]


class TestLocks:
    def test_of_the_run_are_undone_and_ours_no_more(self, stage: Rehearsal) -> None:
        before = seen(stage)
        stage.change("ann", disabled="yes")
        run = ran(stage)
        assert stage.ledger()["ann"].locked
        assert code(undoes(stage, run)) == 0
        assert seen(stage) == before

    def test_of_a_leaver_end_the_grace_so_that_another_lock_begins_it_anew(self, stage: Rehearsal) -> None:
        stage.configure(policy=Policy(OURS, Leaver.LOCK_THEN_DELETE, delete_after=timedelta(days=5)))
        ran(stage)
        stage.leave("ann")
        run = ran(stage)
        assert code(undoes(stage, run, Wish(until=stage.clock.now() + timedelta(days=6)))) == 0
        stage.by_hand("ann", status=Status.LOCKED)
        stage.clock.passed += 6 * 86_400
        ran(stage)
        assert stage.login("ann")
        stage.clock.passed += 6 * 86_400
        ran(stage)
        assert "ann" not in stage.ledger()

    def test_that_the_run_undid_are_made_again_and_ours(self, stage: Rehearsal) -> None:
        stage.change("ann", disabled="yes")
        ran(stage)
        before = seen(stage)
        stage.change("ann", disabled="")
        assert code(undoes(stage, ran(stage))) == 0
        assert seen(stage) == before
        assert stage.ledger()["ann"].locked

    def test_stay_while_the_helpdesk_holds_them(self, stage: Rehearsal) -> None:
        stage.change("ann", disabled="yes")
        run = ran(stage)
        now = stage.clock.now()
        hold = Hold("joe", "phone lost", now + timedelta(days=1), HoldKind.LOCK)
        stage.state.place_hold(stage.job.target.service, HoldRow(stage.login("ann").id, hold, "", now))
        assert reasons(undoes(stage, run)) == [Reason.LOCKED_ELSEWHERE]
        assert stage.login("ann").status == Status.LOCKED

    def test_that_somebody_undid_and_made_again_stay(self, stage: Rehearsal) -> None:
        stage.change("ann", disabled="yes")
        run = ran(stage)
        stage.by_hand("ann", status=0)
        stage.change("ann", scope="excluded")
        ran(stage)
        stage.by_hand("ann", status=1)
        assert reasons(undoes(stage, run)) == [Reason.LOCKED_ELSEWHERE]

    def test_that_were_lifted_and_made_again_by_another_hand_are_left_alone_and_told(self, stage: Rehearsal) -> None:
        """With no run in between, only use and the helpdesk show that somebody unlocked them."""
        for who in ("ann", "bob", "cy"):
            stage.change(who, disabled="yes")
        run = ran(stage)
        stage.clock.passed += 60
        now = stage.clock.now()
        stage.by_hand("ann", last_seen=int(now.timestamp()))
        bob, service = stage.login("bob"), stage.job.target.service
        lifted = AuditRow(0, now, str(service), bob.id, "bob", "unlock", "", "joe", "desk", "back", "")
        stage.state.note_outcome(stage.state.note_action(lifted), Result.DONE, "", now)
        done = undoes(stage, run)
        assert sorted(skip.detail for skip in done.plan.skips) == [
            "locked anew by another hand: the helpdesk had unlocked it",
            "locked anew by another hand: they used it after the run locked it",
        ]
        assert [stage.login(who).status for who in ("ann", "bob", "cy")] == [1, 1, 0]
        assert code(done) == 4

    def test_that_the_run_made_after_they_were_used_are_undone(self, stage: Rehearsal) -> None:
        stage.by_hand("ann", last_seen=int(stage.clock.now().timestamp()))
        stage.change("ann", disabled="yes")
        assert code(undoes(stage, ran(stage))) == 0
        assert stage.login("ann").status == 0


class TestGroups:
    def test_that_the_run_gave_and_took_are_as_before(self, stage: Rehearsal) -> None:
        before = seen(stage)
        stage.change("ann", ("wiki",))
        run = ran(stage)
        assert code(undoes(stage, run)) == 0
        assert seen(stage) == before

    def test_that_somebody_else_took_and_gave_since_are_left_alone(self, stage: Rehearsal) -> None:
        stage.change("ann", ("wiki",))
        run = ran(stage)
        state, ann = stage.target.state, stage.login("ann").id
        vpn, wiki = (next(n for n, group in state.groups.items() if group.name == name) for name in ("vpn", "wiki"))
        state.members[vpn, ann] = 2
        state.members[wiki, ann] = 1
        done = undoes(stage, run)
        assert [skip.detail for skip in done.plan.skips] == [
            "wiki: in it as manager now, the run left them in it as user"
        ]
        assert stage.groups_of("ann") == {"vpn", "wiki"}

    def test_roles_in_them_come_back(self) -> None:
        stage = Rehearsal()
        stage.configure(rules=PlainRules(group_roles={"vpn": frozenset({"manager"})}))
        stage.hire("ann", ("vpn",), vpn_role="manager")
        stage.hire("bob", ("vpn",), vpn_role="manager")
        ran(stage)
        before = seen(stage)
        stage.change("ann", vpn_role="")
        stage.change("bob", ())
        run = ran(stage)
        assert code(undoes(stage, run)) == 0
        assert seen(stage) == before
        assert stage.role_in("vpn", "bob") == 1
        stage.close()

    def test_a_role_that_is_another_by_now_stays(self) -> None:
        stage = Rehearsal()
        stage.configure(rules=PlainRules(group_roles={"vpn": frozenset({"manager"})}))
        stage.hire("ann", ("vpn",), vpn_role="manager")
        ran(stage)
        stage.change("ann", vpn_role="")
        run = ran(stage)
        (key,) = stage.target.state.members
        stage.target.state.members[key] = 2
        assert [skip.detail for skip in undoes(stage, run).plan.skips] == [
            "vpn: in it as administrator now, the run left them in it as user"
        ]
        stage.close()

    def test_a_membership_that_is_not_ours_any_more_stays(self, stage: Rehearsal) -> None:
        stage.change("ann", ("vpn", "wiki"))
        run = ran(stage)
        stage.state.note_restored(stage.job.target.service, stage.state.lease(stage.job.target.service, "db", 1))
        stage.clock.passed += 10
        assert reasons(undoes(stage, run)) == [Reason.FOREIGN_MEMBERSHIP]

    def test_that_no_longer_exist_are_told(self, stage: Rehearsal) -> None:
        stage.change("ann", ("vpn", "wiki"))
        run = ran(stage)
        state = stage.target.state
        number = next(n for n, group in state.groups.items() if group.name == "wiki")
        del state.groups[number]
        state.members.pop((number, stage.login("ann").id))
        assert [skip.detail for skip in undoes(stage, run).plan.skips] == ["the group wiki no longer exists"]


class TestACreation:
    def test_is_deleted_where_nobody_has_begun_to_use_it(self, stage: Rehearsal) -> None:
        before = seen(stage)
        stage.hire("dee", ("vpn", "wiki"), mail="d@example.org")
        run = ran(stage)
        done = undoes(stage, run)
        assert code(done) == 0
        assert seen(stage) == before

    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            ({"activated": True}, "activated"),
            ({"activated": None}, "does not tell whether it was activated"),
            ({"last_seen": 5}, "somebody authenticated"),
            ({"mail": "hand@example.org"}, "mail changed by another hand"),
            ({"extra": '{ "k":"v" }'}, "extra fields changed by another hand"),
        ],
    )
    def test_stays_where_somebody_has(self, stage: Rehearsal, fields: dict[str, Any], why: str) -> None:
        stage.hire("dee", ("vpn",))
        run = ran(stage)
        stage.by_hand("dee", **fields)
        done = undoes(stage, run)
        assert reasons(done) == [Reason.CHANGED]
        assert why in done.plan.skips[0].detail
        assert done.plan.skips[0].detail.endswith("iwds login lock dee")
        assert code(done) == 3

    def test_stays_where_it_has_a_device_or_a_group_of_somebody_else(self, stage: Rehearsal) -> None:
        stage.hire("dee", ("vpn",))
        run = ran(stage)
        state, dee = stage.target.state, stage.login("dee").id
        vpn, wiki = (next(n for n, group in state.groups.items() if group.name == name) for name in ("vpn", "wiki"))
        state.devices[dee] = (PHONE,)
        state.members[wiki, dee] = 0
        state.members[vpn, dee] = 1
        (skip,) = undoes(stage, run).plan.skips
        assert "1 device; manager in vpn, by another hand; somebody else put them into wiki" in skip.detail

    @pytest.mark.parametrize("what", ["activation", "devices or groups"])
    def test_stays_where_somebody_begins_while_it_is_undone(self, stage: Rehearsal, what: str) -> None:
        stage.hire("dee", ("vpn",))
        run = ran(stage)

        def begins(_: Plan) -> bool:
            if what == "activation":
                stage.by_hand("dee", activated=True)
            else:
                stage.target.state.devices[stage.login("dee").id] = (PHONE,)
            return True

        done = undoes(stage, run, confirm=begins)
        assert done.report
        assert done.report.applied
        ((_, result, error),) = done.report.applied.outcomes
        assert (result, error) == (Result.HELD, f"{what} changed on the service since it was read")
        assert stage.login("dee")

    def test_stays_where_the_helpdesk_locked_it(self, stage: Rehearsal) -> None:
        stage.hire("dee")
        run = ran(stage)
        hold = Hold("joe", "phone lost", None, HoldKind.LOCK)
        row = HoldRow(stage.login("dee").id, hold, "", stage.clock.now())
        stage.state.place_hold(stage.job.target.service, row)
        assert "locked by joe" in undoes(stage, run).plan.skips[0].detail

    def test_is_deleted_also_after_a_later_run_of_ours_changed_it(self, stage: Rehearsal) -> None:
        stage.hire("dee", ("vpn",), mail="d@example.org")
        run = ran(stage)
        stage.change("dee", ("wiki",), mail="e@example.org")
        ran(stage)
        assert code(undoes(stage, run)) == 0
        assert "dee" not in stage.ledger()

    def test_that_is_gone_already_is_nothing_to_do(self, stage: Rehearsal) -> None:
        stage.hire("dee", ("vpn",))
        run = ran(stage)
        del stage.target.state.logins[stage.login("dee").id]
        done = undoes(stage, run)
        assert (done.plan.changes, done.plan.skips, code(done)) == ((), (), 0)

    def test_says_of_a_mail_that_it_was_sent(self, stage: Rehearsal) -> None:
        stage.configure(rules=Linked())
        stage.hire("dee", mail="d@example.org")
        done = undoes(stage, ran(stage))
        assert lost(done) == "dee: the activation link was mailed, and cannot be called back"
        assert code(done) == 0


class Linked(PlainRules):
    def map(self, entry: Any, now: Any) -> Any:
        account: Any = super().map(entry, now)
        return replace(account, at_creation=replace(account.at_creation, activation=Activation.LINK))


class TestADeletion:
    @pytest.fixture
    def gone(self, stage: Rehearsal) -> tuple[RunRow, Login]:
        """bob, who had a phone and was manager in the wiki, was deleted."""
        stage.configure(policy=Policy(OURS, Leaver.DELETE))
        ran(stage)
        bob = stage.login("bob")
        wiki = next(n for n, group in stage.target.state.groups.items() if group.name == "wiki")
        stage.target.state.members[wiki, bob.id] = 1
        stage.target.state.devices[bob.id] = (PHONE,)
        stage.by_hand("bob", extra='{ "k":"v" }', phone="7")
        stage.leave("bob")
        run = ran(stage)
        assert "bob" not in stage.ledger()
        return run, bob

    def test_is_undone_as_a_creation_under_our_tag(self, stage: Rehearsal, gone: tuple[RunRow, Login]) -> None:
        run, bob = gone
        done = undoes(stage, run)
        assert code(done) == 0
        made = stage.login("bob")
        assert made.id != bob.id
        assert (made.mail, made.phone, made.extra, made.created_by) == ("bob@example.org", "7", '{ "k":"v" }', OURS)
        assert (stage.groups_of("bob"), stage.role_in("wiki", "bob")) == ({"vpn", "wiki"}, 1)
        assert stage.ledger()["bob"].login_id == made.id
        assert made.activated is False
        assert not stage.target.state.mails

    def test_says_what_cannot_come_back(self, stage: Rehearsal, gone: tuple[RunRow, Login]) -> None:
        run, bob = gone
        told = lost(undoes(stage, run))
        assert f"its id #{bob.id}, 1 device, PIN and password: iwds login code bob" in told
        assert "second and third login, language" in told

    def test_of_a_locked_login_gives_a_locked_one(self, stage: Rehearsal) -> None:
        stage.change("bob", disabled="yes")
        stage.configure(policy=Policy(OURS, Leaver.DELETE))
        ran(stage)
        stage.leave("bob")
        run = ran(stage)
        assert code(undoes(stage, run)) == 0
        assert stage.login("bob").status == Status.LOCKED
        assert stage.ledger()["bob"].locked

    @pytest.mark.parametrize("cut_off", [False, True])
    def test_of_a_locked_login_gives_a_locked_one_whatever_was_rejected(self, stage: Rehearsal, cut_off: bool) -> None:
        """Another rejection, or that of an undoing of this run that was cut off before it locked."""
        stage.change("bob", disabled="yes")
        stage.configure(policy=Policy(OURS, Leaver.DELETE))
        ran(stage)
        stage.leave("bob")
        gone = ran(stage)
        now = stage.clock.now()
        said = Said("kim", "desk", "on leave", now, now + timedelta(days=30), "plan p1", "staff")
        (deletion,) = (change_from_data(row.change) for row in stage.state.intents(gone.id))
        stage.state.place_rulings(stage.job.target.service, [rejection_of(deletion, said)])
        week = Wish(until=now + timedelta(days=7))
        if cut_off:
            stage.fail("add_to_group", RuntimeError("killed"))
            with pytest.raises(RuntimeError):
                undoes(stage, gone, week)
            assert stage.login("bob").status == Status.ACTIVE
        assert code(undoes(stage, gone, week)) == 0
        assert stage.login("bob").status == Status.LOCKED

    def test_that_was_cut_off_is_completed_when_it_is_ordered_again(self, stage: Rehearsal) -> None:
        stage.change("bob", disabled="yes")
        stage.configure(policy=Policy(OURS, Leaver.DELETE))
        ran(stage)
        stage.leave("bob")
        run = ran(stage)
        stage.fail("add_to_group", RuntimeError("killed"))
        with pytest.raises(RuntimeError):
            undoes(stage, run)
        assert stage.login("bob").status == Status.ACTIVE
        done = undoes(stage, run)
        assert code(done) == 0
        assert stage.login("bob").status == Status.LOCKED
        assert stage.groups_of("bob") == {"vpn"}

    def test_leaves_alone_who_has_a_login_again(self, stage: Rehearsal, gone: tuple[RunRow, Login]) -> None:
        run, _ = gone
        undoes(stage, run)
        stage.by_hand("bob", activated=True)
        done = undoes(stage, run)
        assert reasons(done) == [Reason.CHANGED]
        assert "they have a login again: bob" in done.plan.skips[0].detail

    def test_whose_name_was_taken_is_listed(self, stage: Rehearsal, gone: tuple[RunRow, Login]) -> None:
        run, _ = gone
        stage.target.state.add("bob")
        done = undoes(stage, run)
        assert set(reasons(done)) == {Reason.TAKEN}
        assert code(done) == 3

    def test_of_a_login_that_the_mapping_protects_by_now_stays(
        self, stage: Rehearsal, gone: tuple[RunRow, Login]
    ) -> None:
        stage.configure(rules=PlainRules(protected=frozenset({"bob"})))
        assert reasons(undoes(stage, gone[0])) == [Reason.PROTECTED]

    def test_is_not_undone_where_the_service_cannot_tag(self, stage: Rehearsal, gone: tuple[RunRow, Login]) -> None:
        stage.configure(target=Untagging(stage.job.target))
        assert reasons(undoes(stage, gone[0])) == [Reason.UNTAGGED]


class Another:
    """A reader that is another one in some way."""

    def __init__(self, reader: Any) -> None:
        self.reader = reader

    def __getattr__(self, name: str) -> Any:
        return getattr(self.reader, name)


class Untagging(Another):
    """Of a service that cannot tag what it creates."""

    def knows_tagged_creation(self) -> bool:
        return False


class OneLane(Another):
    """Of a service that is called one call after the other."""

    lanes = 1


class TestAnAdoption:
    def test_is_forgotten_once_the_rest_is_back(self) -> None:
        stage = Rehearsal()
        stage.configure(policy=Policy(OURS, adopt=frozenset({0})))
        stage.hire("ann", ("vpn",), mail="new@example.org")
        login = stage.target.state.add("ann", mail="old@example.org")
        vpn = next(n for n, group in stage.target.state.groups.items() if group.name == "vpn")
        stage.target.state.members[vpn, login.id] = 0
        before = seen(stage)
        run = ran(stage)
        assert any(isinstance(each, Adopt) for each in stage.run().plan.changes) is False
        calls = stage.calls()
        done = undoes(stage, run)
        assert code(done) == 0
        assert seen(stage) == before
        assert calls == ["update"]
        assert isinstance(done.plan.changes[-1], Forget)
        stage.close()

    def test_stays_where_the_rest_could_not_be_put_back(self) -> None:
        stage = Rehearsal()
        stage.configure(policy=Policy(OURS, adopt=frozenset({0})))
        stage.hire("ann", mail="new@example.org")
        stage.target.state.add("ann", mail="old@example.org")
        run = ran(stage)
        stage.fail("update", Rejected("no"))
        assert code(undoes(stage, run)) == 4
        assert "ann" in stage.ledger()
        stage.close()

    def test_stays_while_the_rest_waits_for_approval(self, stage: Rehearsal) -> None:
        stage.configure(policy=replace(stage.job.policy, adopt=frozenset({0})))
        stage.target.state.add("zed")
        stage.hire("zed", ("vpn",))
        run = ran(stage)
        stage.configure(approval=Approval(Needed.REMOVALS))
        done = undoes(stage, run)
        assert sorted(reasons(done)) == [Reason.HELD, Reason.UNAPPROVED]
        now = stage.clock.now()
        said = Said("kim", "desk-1", "agreed", now, now + timedelta(days=1), "plan", stage.job.name)
        stage.state.place_rulings(stage.job.target.service, [approval_of(each, said) for each in done.plan.unapproved])
        assert code(undoes(stage, run)) == 0
        assert (stage.groups_of("zed"), "zed" in stage.ledger()) == (set(), False)

    def test_of_a_membership_is_forgotten(self, stage: Rehearsal) -> None:
        wiki = next(n for n, group in stage.target.state.groups.items() if group.name == "wiki")
        stage.target.state.members[wiki, stage.login("ann").id] = 0
        before = seen(stage)
        stage.change("ann", ("vpn", "wiki"))
        assert code(undoes(stage, ran(stage))) == 0
        assert seen(stage) == before

    def test_what_was_only_noted_is_told(self, stage: Rehearsal) -> None:
        vpn = next(n for n, group in stage.target.state.groups.items() if group.name == "vpn")
        del stage.target.state.members[vpn, stage.login("ann").id]
        stage.change("ann", ())
        done = undoes(stage, ran(stage))
        assert lost(done) == "ann: it was only noted what somebody else took away"
        assert (done.plan.changes, code(done)) == ((), 0)


class TestAPartOfARun:
    def test_of_some_kinds(self, stage: Rehearsal) -> None:
        stage.change("ann", ("wiki",), mail="new@example.org")
        run = ran(stage)
        undoes(stage, run, Wish(only=frozenset({"remove"})))
        assert stage.groups_of("ann") == {"vpn", "wiki"}
        assert stage.login("ann").mail == "new@example.org"

    @pytest.mark.parametrize("who", ["ann", "ANNA", "here"])
    def test_of_one_person(self, stage: Rehearsal, who: str) -> None:
        stage.change("ann", uid="anna")
        stage.change("bob", mail="new@example.org")
        run = ran(stage)
        name = f"#{stage.login('anna').id}" if who == "here" else who
        undoes(stage, run, Wish(logins=frozenset({name})))
        assert stage.login("ann")
        assert stage.login("bob").mail == "new@example.org"

    def test_of_several_people(self, stage: Rehearsal) -> None:
        for who in ("ann", "bob", "cy"):
            stage.change(who, mail="new@example.org")
        run = ran(stage)
        undoes(stage, run, Wish(logins=frozenset({"ANN", f"#{stage.login('bob').id}"})))
        mails = [stage.login(who).mail for who in ("ann", "bob", "cy")]
        assert mails == ["ann@example.org", "bob@example.org", "new@example.org"]

    def test_of_one_group(self, stage: Rehearsal) -> None:
        stage.change("ann", ("wiki",), mail="new@example.org")
        run = ran(stage)
        done = undoes(stage, run, Wish(groups=frozenset({"WIKI"})))
        assert [type(change) for change in done.plan.changes] == [RemoveFromGroup]

    def test_that_is_none_is_an_error(self, stage: Rehearsal) -> None:
        stage.change("ann", mail="new@example.org")
        run = ran(stage)
        with pytest.raises(UsageError, match="nothing that run"):
            undoes(stage, run, Wish(logins=frozenset({"nobody"})))


class TestARun:
    def test_of_which_nobody_knows_the_end_is_told_as_unknown(self, stage: Rehearsal) -> None:
        stage.change("ann", ("wiki",), mail="new@example.org")
        run = ran(stage)
        journal = stage.state.journal(
            run.id, stage.job.target.service, stage.state.lease(stage.job.target.service, "x", 1)
        )
        first = next(row for row in stage.state.intents(run.id) if row.change["do"] == "write")
        journal.settle([Outcome(first.id, Result.SUPERSEDED, "never learned", login_id=stage.login("ann").id)])
        stage.clock.passed += 10
        done = undoes(stage, run)
        assert reasons(done) == [Reason.UNPROVEN]
        assert "nobody knows" in done.plan.skips[0].detail
        assert stage.groups_of("ann") == {"vpn"}
        assert code(done) == 4

    def test_that_did_nothing_has_nothing_to_undo(self, stage: Rehearsal) -> None:
        with pytest.raises(UsageError, match="changed nothing"):
            undoes(stage, ran(stage))

    def test_that_is_unknown_is_an_error(self, stage: Rehearsal) -> None:
        with pytest.raises(UsageError, match='"beef"'):
            run_to_undo(stage.state, "beef")

    def test_on_another_service_is_an_error(self, stage: Rehearsal) -> None:
        run = ran(stage)
        other = replace(run, service="elsewhere#1")
        with pytest.raises(UsageError, match="elsewhere#1"):
            look(stage.job, stage.tools, other, Wish(), Request(UNDO))

    def test_that_is_under_way_is_refused(self, stage: Rehearsal) -> None:
        run = replace(ran(stage), ended=None)
        held = stage.state.lease(stage.job.target.service, "somebody", 600)
        with pytest.raises(Refused, match="has not ended"):
            look(stage.job, stage.tools, run, Wish(), Request(UNDO))
        held.release()

    def test_whose_process_died_can_be_undone(self, stage: Rehearsal) -> None:
        stage.change("ann", mail="new@example.org")
        run = replace(ran(stage), ended=None)
        looked = look(stage.job, stage.tools, run, Wish(), Request(UNDO))
        assert len(looked.plan.changes) == 1
        assert looked.report is None
        assert stage.login("ann").mail == "new@example.org"

    def test_of_before_later_ones_is_undone_where_it_still_stands(self, stage: Rehearsal) -> None:
        stage.change("ann", mail="one@example.org", sn="One")
        first = ran(stage)
        stage.change("ann", mail="two@example.org")
        ran(stage)
        done = undoes(stage, first)
        assert (stage.login("ann").mail, stage.login("ann").name) == ("two@example.org", "")
        assert reasons(done) == [Reason.CHANGED]

    def test_is_undone_within_the_guards(self, stage: Rehearsal) -> None:
        stage.hire("dee")
        run = ran(stage)
        stage.configure(limits={**WIDE, GuardKind.DELETE: Limit(0, 0.0, None)})
        assert code(undoes(stage, run)) == 3
        assert stage.login("dee")
        lifted = Selection(allow={"delete": 1}, reason="meant")
        assert code(undoes(stage, run, selection=lifted)) == 0

    def test_leaves_alone_whose_login_is_somebody_elses_now(self, stage: Rehearsal) -> None:
        stage.change("ann", mail="new@example.org")
        run = ran(stage)
        row = stage.ledger()["ann"]
        lease = stage.state.lease(stage.job.target.service, "x", 1)
        journal = stage.state.journal(run.id, stage.job.target.service, lease)
        other = replace(row, anchor=replace(row.anchor, id="other"))
        first = next(iter(stage.state.intents(run.id)))
        journal.settle([Outcome(first.id, Result.DONE, login_id=row.login_id, effect=lambda _: other)])
        stage.clock.passed += 10
        assert reasons(undoes(stage, run)) == [Reason.FOREIGN]

    def held_while_writing(self, stage: Rehearsal) -> RunRow:
        """A run that gave ann another mail address while the helpdesk locked her, so that it locked her again."""
        stage.change("ann", mail="new@example.org")
        ann = stage.login("ann").id

        def meanwhile(_: str) -> None:
            stage.target.state.before = lambda _: None
            hold = HoldRow(ann, Hold("joe", "phone lost"), "", stage.clock.now())
            stage.state.place_hold(stage.job.target.service, hold)

        stage.target.state.before = meanwhile
        run = ran(stage)
        assert (stage.login("ann").mail, stage.login("ann").status) == ("new@example.org", 1)
        assert run.report["results"] == {"held": 1}
        return run

    def test_whose_write_was_sent_before_the_helpdesk_locked_is_undone_but_for_the_lock(self, stage: Rehearsal) -> None:
        run = self.held_while_writing(stage)
        assert code(undoes(stage, run)) == 0
        assert (stage.login("ann").mail, stage.login("ann").status) == ("ann@example.org", 1)

    def test_that_was_held_before_anything_was_sent_did_nothing(self, stage: Rehearsal) -> None:
        stage.change("ann", mail="new@example.org")
        hold = HoldRow(stage.login("ann").id, Hold("joe", "phone lost"), "", stage.clock.now())

        def meanwhile(_: Plan) -> bool:
            stage.state.place_hold(stage.job.target.service, hold)
            return True

        run = ran(stage, confirm=meanwhile)
        assert run.report["results"] == {"held": 1}
        with pytest.raises(UsageError, match="changed nothing"):
            undoes(stage, run)


class TestAnUndo:
    def test_can_be_undone(self, stage: Rehearsal) -> None:
        stage.change("ann", ("wiki",), mail="new@example.org", disabled="yes")
        run = ran(stage)
        after = seen(stage)
        first = undoes(stage, run)
        assert first.report is not None
        assert seen(stage) != after
        assert code(undoes(stage, first.report.run)) == 0
        assert seen(stage) == after

    def test_of_a_creation_can_be_undone(self, stage: Rehearsal) -> None:
        stage.hire("dee", ("vpn",), mail="d@example.org")
        first = undoes(stage, ran(stage))
        assert first.report is not None
        assert [type(change) for change in first.report.applied.done] == [DeleteLogin]  # type: ignore[union-attr]
        second = undoes(stage, first.report.run)
        assert CreateLogin in [type(change) for change in second.plan.changes]
        assert stage.groups_of("dee") == {"vpn"}

    def test_says_what_it_is_in_the_history(self, stage: Rehearsal) -> None:
        stage.change("ann", mail="new@example.org")
        run = ran(stage)
        report = undoes(stage, run).report
        assert report is not None
        assert report.run.summary == f"undo of run {run.id}: 1 done"
        assert {kind for change in report.plan.changes for kind in kinds(change)} == {"update"}


class TestWhatWasUndone:
    WEEK = timedelta(days=7)

    def week(self, stage: Rehearsal) -> Wish:
        return Wish(until=stage.clock.now() + self.WEEK)

    def rulings(self, stage: Rehearsal) -> list[str]:
        return [row.words for row in stage.state.open_rulings(stage.job.target.service, stage.clock.now())]

    @pytest.mark.parametrize("what", ["fields", "lock", "groups", "creation", "deletion", "adoption"])
    def test_is_not_done_again_before_its_end_and_is_after(self, stage: Rehearsal, what: str) -> None:
        {
            "fields": lambda: stage.change("ann", mail="new@example.org", sn="New", uid="anna"),
            "lock": lambda: stage.change("ann", disabled="yes"),
            "groups": lambda: stage.change("ann", ("wiki",)),
            "creation": lambda: stage.hire("dee", ("vpn",)),
            "deletion": lambda: self._fire(stage),
            "adoption": lambda: self._meet(stage),
        }[what]()
        run = ran(stage)
        after = seen(stage)
        assert code(undoes(stage, run, self.week(stage))) == 0
        back = seen(stage)
        again = ran(stage)
        assert seen(stage) == back
        assert stage.plan().changes == ()
        assert again.report["results"] == {}
        stage.clock.passed += self.WEEK.total_seconds()
        ran(stage)
        if what in ("creation", "deletion"):
            assert {login.login for login in stage.target.state.logins.values()} == {
                each.login for each in after[0].values()
            }
        else:
            assert seen(stage) == after

    def _fire(self, stage: Rehearsal) -> None:
        stage.configure(policy=Policy(OURS, Leaver.DELETE))
        ran(stage)
        stage.leave("bob")

    def _meet(self, stage: Rehearsal) -> None:
        stage.configure(policy=Policy(OURS, adopt=frozenset({0})))
        ran(stage)
        stage.hire("dee", mail="d@example.org")
        stage.target.state.add("dee", mail="old@example.org")

    def test_does_not_stand_against_what_the_directory_wants_then(self, stage: Rehearsal) -> None:
        stage.change("ann", mail="new@example.org")
        undoes(stage, ran(stage), self.week(stage))
        stage.change("ann", mail="newer@example.org")
        ran(stage)
        assert stage.login("ann").mail == "newer@example.org"

    def test_is_not_rejected_where_nobody_wants_that(self, stage: Rehearsal) -> None:
        stage.change("ann", mail="new@example.org")
        undoes(stage, ran(stage))
        ran(stage)
        assert stage.login("ann").mail == "new@example.org"

    def test_is_rejected_for_the_reason_that_was_given(self, stage: Rehearsal) -> None:
        stage.change("ann", mail="new@example.org")
        done = undoes(stage, ran(stage), replace(self.week(stage), ticket="T1"))
        assert done.report is not None
        (row,) = stage.state.open_rulings(stage.job.target.service, stage.clock.now())
        assert (row.said.reason, row.said.ticket, row.said.job) == ("a mistake", "T1", "staff")
        assert row.said.source == f"undo of run {done.run.id} (run {done.report.run.id})"
        assert done.report.run.report["rejections"] == 1

    def test_alone_is_rejected(self, stage: Rehearsal) -> None:
        """What could not be put back is done by the next run as ever."""
        stage.change("ann", mail="a@example.org")
        stage.change("bob", mail="b@example.org")
        run = ran(stage)
        stage.fail("update", Rejected("no"))
        done = undoes(stage, run, self.week(stage))
        assert code(done) == 4
        assert len(self.rulings(stage)) == 1

    def test_is_rejected_before_it_is_undone(self, stage: Rehearsal) -> None:
        stage.change("ann", mail="new@example.org")
        run = ran(stage)
        told: list[int] = []
        stage.target.state.before = lambda _: told.append(len(self.rulings(stage)))
        undoes(stage, run, self.week(stage))
        assert told == [1]

    def test_is_rejected_no_more_once_the_undoing_is_undone(self, stage: Rehearsal) -> None:
        stage.change("ann", ("wiki",), mail="new@example.org", disabled="yes")
        run = ran(stage)
        after = seen(stage)
        first = undoes(stage, run, self.week(stage))
        assert first.report is not None
        assert len(self.rulings(stage)) == 4
        assert code(undoes(stage, first.report.run, self.week(stage))) == 0
        assert seen(stage) == after
        assert self.rulings(stage) == []
        assert stage.plan().changes == ()

    def test_stays_rejected_where_the_undoing_is_not_undone_after_all(self, stage: Rehearsal) -> None:
        stage.change("ann", mail="new@example.org")
        stage.change("bob", mail="newer@example.org")
        first = undoes(stage, ran(stage), self.week(stage))
        assert first.report is not None
        stage.fail("update", Rejected("no"))
        again = undoes(stage, first.report.run, self.week(stage))
        assert code(again) == 4
        assert again.report
        assert again.report.applied
        ((held, _, _),) = again.report.applied.outcomes
        (standing,) = stage.state.open_rulings(stage.job.target.service, stage.clock.now())
        assert standing.subject.login == held.subject.login
        ran(stage)
        assert stage.login(held.subject.login).mail == f"{held.subject.login}@example.org"

    def test_stays_rejected_where_the_undoing_of_the_undoing_was_cut_off_before_it_did_it(
        self, stage: Rehearsal
    ) -> None:
        stage.change("ann", mail="new@example.org")
        stage.change("bob", mail="newer@example.org")
        first = undoes(stage, ran(stage), self.week(stage))
        assert first.report is not None
        stage.configure(target=OneLane(stage.job.target))
        calls = stage.calls()

        def killed(_: str) -> None:
            if len(calls) == 1:
                raise RuntimeError("killed")

        stage.target.state.after = killed
        with pytest.raises(RuntimeError):
            undoes(stage, first.report.run, self.week(stage))
        assert len(self.rulings(stage)) == 2
        stage.target.state.after = lambda _: None
        ran(stage)
        (standing,) = stage.state.open_rulings(stage.job.target.service, stage.clock.now())
        login = stage.login(standing.subject.login)
        assert login.mail == f"{login.login}@example.org"

    def test_stays_rejected_where_only_a_part_of_the_undoing_is_undone(self, stage: Rehearsal) -> None:
        stage.change("ann", ("wiki",), mail="new@example.org")
        first = undoes(stage, ran(stage), self.week(stage))
        assert first.report is not None
        undoes(stage, first.report.run, replace(self.week(stage), groups=frozenset({"wiki"})))
        assert sorted(self.rulings(stage)) == [
            "take ann out of vpn", "update ann: mail ann@example.org > new@example.org"
        ]  # fmt: skip

    def test_of_an_undoing_that_is_undone_twice_is_rejected_again(self, stage: Rehearsal) -> None:
        stage.change("ann", mail="new@example.org")
        run = ran(stage)
        for _ in range(3):
            report = undoes(stage, run, self.week(stage)).report
            assert report is not None
            run = report.run
        assert stage.login("ann").mail == "ann@example.org"
        assert len(self.rulings(stage)) == 1

    def test_an_adoption_that_was_forgotten_can_be_made_again(self, stage: Rehearsal) -> None:
        self._meet(stage)
        run = ran(stage)
        after = seen(stage)
        first = undoes(stage, run, self.week(stage))
        assert first.report is not None
        assert "dee" not in stage.ledger()
        assert code(undoes(stage, first.report.run, self.week(stage))) == 0
        assert seen(stage) == after
        assert self.rulings(stage) == []


class TestThePage:
    def page(self, looked: Looked, until: datetime) -> str:
        return " ".join(line.plain for line in undo_lines(looked, until, ()))

    def test_says_what_is_rejected_and_how_to_end_it_and_of_undoing_an_undo_that_nothing_is(
        self, stage: Rehearsal
    ) -> None:
        stage.change("ann", mail="new@example.org")
        run = ran(stage)
        until = stage.clock.now() + timedelta(days=7)
        wish = Wish(until=until)
        looked = look(stage.job, stage.tools, run, wish, Request(UNDO))
        assert ": 1 rejection. To end that earlier, undo this undo" in self.page(looked, until)
        first = undoes(stage, run, wish)
        assert first.report is not None
        undoing = first.report.run
        told = f"To take this back, and what it rejected:  iwds undo {undoing.id} --reason"
        assert "No run does it again before" in self.page(first, until)
        assert told in self.page(first, until)
        preview = look(stage.job, stage.tools, undoing, wish, Request(UNDO))
        second = undoes(stage, undoing, wish)
        for page in (self.page(preview, until), self.page(second, until)):
            assert "Nothing is rejected by this: the next run follows the directory." in page
            assert "again" not in page
        assert undo_data(second, until, 0)["not_again_before"] is None


class TestAnUndoThatIsCutOff:
    def test_leaves_no_rejection_of_what_it_did_not_undo(self, stage: Rehearsal) -> None:
        stage.change("ann", mail="a@example.org")
        stage.change("bob", disabled="yes")
        stage.change("cy", ("wiki",))
        run = ran(stage)
        stage.configure(target=OneLane(stage.job.target))
        stage.fail("update", RuntimeError("killed"), times=9)  # the lane may begin the next one before it is told
        with pytest.raises(RuntimeError):
            undoes(stage, run, Wish(until=stage.clock.now() + timedelta(days=7)))
        assert len(stage.state.open_rulings(stage.job.target.service, stage.clock.now())) == 4
        stage.target.state.before = lambda _: None
        ran(stage)
        standing = stage.state.open_rulings(stage.job.target.service, stage.clock.now())
        assert sorted(row.words for row in standing) == ["add cy to wiki", "take cy out of vpn"]
        assert stage.groups_of("cy") == {"vpn"}
        assert (stage.login("ann").mail, stage.login("bob").status) == ("a@example.org", Status.LOCKED)
        assert stage.plan().changes == ()

    def test_keeps_the_rejection_of_what_it_did_although_nobody_told(self, stage: Rehearsal) -> None:
        stage.change("ann", mail="new@example.org")
        run = ran(stage)
        stage.fail("update", RuntimeError("killed"), after=True)
        with pytest.raises(RuntimeError):
            undoes(stage, run, Wish(until=stage.clock.now() + timedelta(days=7)))
        stage.target.state.after = lambda _: None
        ran(stage)
        assert stage.login("ann").mail == "ann@example.org"
        assert len(stage.state.open_rulings(stage.job.target.service, stage.clock.now())) == 1


def test_an_undoing_waits_for_approval_as_every_run_does(stage: Rehearsal) -> None:
    stage.configure(approval=Approval(Needed.REMOVALS))
    stage.hire("dee", ("vpn",))
    run = ran(stage)
    done = undoes(stage, run)
    assert reasons(done) == [Reason.UNAPPROVED]
    assert code(done) == 3
    assert stage.login("dee")
    (waiting,) = done.plan.unapproved
    now = stage.clock.now()
    said = Said("zoe", "desk", "meant", now, now + timedelta(days=1), f"plan {done.plan.id}", "staff")
    stage.state.place_rulings(stage.job.target.service, [approval_of(waiting, said)])
    assert code(undoes(stage, run)) == 0
    assert "dee" not in stage.ledger()


def test_the_lock_of_a_login_that_was_created_again_needs_no_approval_of_its_own(stage: Rehearsal) -> None:
    stage.change("bob", disabled="yes")
    stage.configure(policy=Policy(OURS, Leaver.DELETE))
    ran(stage)
    stage.leave("bob")
    run = ran(stage)
    stage.configure(approval=Approval(Needed.REMOVALS))
    assert code(undoes(stage, run)) == 0
    assert stage.login("bob").status == Status.LOCKED


def test_undoing_in_pieces_needs_as_many_people_as_undoing_all_of_it(stage: Rehearsal) -> None:
    """Three are taken out of a group: two people above two, whoever is undone first, and whoever is left."""
    for who in ("ann", "bob", "cy"):
        stage.change(who, ("vpn", "wiki"))
    run = ran(stage)
    stage.configure(approval=Approval(Needed.REMOVALS, two_people_above=2))
    ann = Wish(logins=frozenset({"ann"}))
    done = undoes(stage, run, ann)
    assert (len(done.plan.unapproved), done.plan.basis.approvers) == (1, 2)
    now = stage.clock.now()
    for by in ("zoe", "kim"):
        said = Said(by, "desk", "meant", now, now + timedelta(days=1), f"plan {done.plan.id}", "staff")
        stage.state.place_rulings(stage.job.target.service, [approval_of(done.plan.unapproved[0], said, 2)])
    assert code(undoes(stage, run, ann)) == 0
    rest = undoes(stage, run)
    assert (len(rest.plan.unapproved), rest.plan.basis.approvers) == (2, 2)
