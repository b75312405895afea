"""What a run that died left open is settled by reading, and what cannot be read is told to a person."""

import threading
from dataclasses import replace

import pytest

from iwds.core.change import (
    AddToGroup,
    AdoptMembership,
    Change,
    CreateLogin,
    DeleteLogin,
    Evidence,
    RemoveFromGroup,
    SendActivation,
    SetGroupRole,
    Subject,
)
from iwds.core.guards import DEFAULTS
from iwds.core.model import Account, Anchor, Group
from iwds.engine import applying
from iwds.engine.job import LEASE_SECONDS
from iwds.engine.unsettled import settle_open_intents, told_unmailed, unmailed
from iwds.errors import NotSent, OutcomeUnknown
from iwds.ports import Result, Unmailed
from tests.unit.engine.crashing import Inline, Mortal, Process
from tests.unit.engine.rehearsal import OURS, Rehearsal

VPN, WIKI = Group(1, "vpn"), Group(2, "wiki")
DONE, REJECTED, UNKNOWN, NOT_TRIED, SUPERSEDED = (
    Result.DONE, Result.REJECTED, Result.UNKNOWN, Result.NOT_TRIED, Result.SUPERSEDED
)  # fmt: skip


def settled(stage: Rehearsal, *changes: Change, job: str = "") -> list[Result | None]:
    """What becomes of changes that a run, of another job where one is named, intended before it died."""
    service = stage.job.target.service
    lease = stage.state.lease(service, "dead", LEASE_SECONDS)
    stage.state.start_run(replace(stage.run_row(), id="dead", job=job or stage.job.name), "", "")
    stage.state.journal("dead", service, lease).intend([(4, change) for change in changes])
    lease.release()
    again(stage, "next")
    return [intent.result for intent in stage.state.intents("dead")]


def again(stage: Rehearsal, run_id: str) -> int:
    """One more run looks at what is open; returns how many it settled."""
    service = stage.job.target.service
    lease = stage.state.lease(service, run_id, LEASE_SECONDS)
    stage.state.start_run(replace(stage.run_row(), id=run_id), "", "")
    try:
        journal = stage.state.journal(run_id, service, lease)
        return settle_open_intents(stage.job, stage.tools, journal, stage.writer)
    finally:
        lease.release()


def ours(stage: Rehearsal, who: str, groups: tuple[str, ...] = ()) -> Subject:
    """Somebody whose login we made."""
    stage.hire(who, groups)
    stage.run()
    return Subject(who, Anchor("here", who), stage.login(who).id)


def newcomer(who: str) -> CreateLogin:
    account = Account(Anchor("here", who), who, enabled=True)
    return CreateLogin(Subject(who, account.anchor), account, "new")


class TestAMembership:
    def test_is_ours_where_it_is_there_and_was_not_made_where_it_is_not(self, stage: Rehearsal) -> None:
        ann = ours(stage, "ann")
        stage.target.state.members[1, ann.login_id or 0] = 0
        assert settled(stage, AddToGroup(ann, VPN, "due"), AddToGroup(ann, WIKI, "due")) == [DONE, REJECTED]
        assert stage.ledger()["ann"].groups == {1}

    def test_that_was_to_end_has_ended_where_it_is_not_there(self, stage: Rehearsal) -> None:
        ann = ours(stage, "ann", ("vpn", "wiki"))
        stage.target.state.members.pop((1, ann.login_id or 0), None)
        leave = [RemoveFromGroup(ann, group, "no longer") for group in (VPN, WIKI)]
        assert settled(stage, *leave) == [DONE, REJECTED]
        assert stage.ledger()["ann"].groups == {2}

    def test_of_somebody_who_was_created_belongs_to_that_login(self, stage: Rehearsal) -> None:
        made = stage.target.state.add("eve", created_by=OURS)
        stage.target.state.members[1, made.id] = 0
        eve, zoe = newcomer("eve"), newcomer("zoe")
        joins = [AddToGroup(one.subject, VPN, "due") for one in (eve, zoe)]
        assert settled(stage, eve, joins[0], zoe, joins[1]) == [DONE, DONE, REJECTED, NOT_TRIED]
        assert stage.ledger()["eve"].groups == {1}

    def test_is_left_to_the_next_plan_where_the_group_cannot_be_read_whole(self, stage: Rehearsal) -> None:
        ann = ours(stage, "ann")
        stage.target.state.problems = ["the count changed"]
        assert settled(stage, AddToGroup(ann, VPN, "due")) == [SUPERSEDED]

    def test_in_another_role_than_was_given_is_left_to_the_next_plan(self, stage: Rehearsal) -> None:
        ann = ours(stage, "ann")
        stage.target.state.members |= {(1, ann.login_id or 0): 1, (2, ann.login_id or 0): 0}
        assert settled(stage, *(AddToGroup(ann, group, "due", role=1) for group in (VPN, WIKI))) == [DONE, SUPERSEDED]
        assert (stage.ledger()["ann"].groups, stage.ledger()["ann"].group_roles) == (frozenset({1}), {1: 1})


def test_a_role_in_a_group_and_a_deletion_are_settled_with_what_we_remember(stage: Rehearsal) -> None:
    ann, bob = ours(stage, "ann", ("vpn", "wiki")), ours(stage, "bob")
    stage.target.state.members[1, ann.login_id or 0] = 1
    roles = [SetGroupRole(ann, group, 0, 1, "manager in the directory") for group in (VPN, WIKI)]
    gone = [DeleteLogin(each, stage.login(each.login), (), "gone", Evidence.UNSEEN) for each in (ann, bob)]
    del stage.target.state.logins[bob.login_id or 0]
    assert settled(stage, *roles, *gone) == [DONE, REJECTED, REJECTED, DONE]
    assert {who: row.group_roles.get(1) for who, row in stage.ledger().items()} == {"ann": 1}


def test_whom_another_job_created_is_left_to_that_job(stage: Rehearsal) -> None:
    """This job would take the other's tag for a stranger's, and the other one would not know its own login again."""
    ann, eve = ours(stage, "ann", ("vpn",)), newcomer("eve")
    made = stage.target.state.add("eve", created_by=OURS + 1)
    stage.target.state.members[2, made.id] = 0
    theirs: list[Change] = [eve, AddToGroup(eve.subject, WIKI, "due"), SendActivation(eve.subject, "new")]
    assert settled(stage, *theirs, AddToGroup(ann, VPN, "due"), job="another") == [None, None, None, DONE]
    assert stage.ledger().keys() == {"ann"}


def test_a_creation_that_a_slow_service_makes_after_we_looked_is_ours(stage: Rehearsal) -> None:
    """Taken for unmade, it would be a login with our tag that we do not know: as if a backup had been put back."""
    ours(stage, "ann", ("vpn",))
    stage.change("ann", disabled="yes")
    stage.run()
    stage.hire("eve")
    stage.fail("create", OutcomeUnknown("no answer"))
    assert stage.run().exit_code == 4
    stage.target.state.add("eve", created_by=OURS)
    report = stage.run()
    assert not report.plan.basis.tally.older
    assert stage.ledger().keys() == {"ann", "eve"}
    assert (stage.ledger()["ann"].locked, stage.ledger()["ann"].groups) == (True, frozenset({1}))


def test_what_is_only_noted_in_our_memory_was_not(stage: Rehearsal) -> None:
    ann = ours(stage, "ann")
    assert settled(stage, AdoptMembership(ann, VPN, "explained")) == [NOT_TRIED]
    assert stage.ledger()["ann"].groups == frozenset()


class TestAMail:
    def mailed(self, stage: Rehearsal, who: str, created: bool = True) -> list[Result | None]:
        """What becomes of a creation with its mail."""
        if created:
            stage.target.state.add(who, created_by=OURS, activated=False)
        creation = newcomer(who)
        return settled(stage, creation, SendActivation(creation.subject, "new"))

    def test_stays_unknown_and_is_told_until_the_login_is_activated(self, stage: Rehearsal) -> None:
        assert self.mailed(stage, "eve") == [DONE, UNKNOWN]
        assert again(stage, "later") == 0
        (mail,) = unmailed(stage.job, stage.tools)
        assert (mail.login, mail.result) == ("eve", UNKNOWN)
        assert stage.plan().basis.notes == (
            "1 activation link may never have been mailed (eve): iwds login code LOGIN --mail",
        )
        stage.by_hand("eve", activated=True)
        assert again(stage, "much later") == 1
        assert unmailed(stage.job, stage.tools) == []
        assert stage.target.state.mails == []

    def test_is_told_no_more_when_the_login_is_gone(self, stage: Rehearsal) -> None:
        self.mailed(stage, "eve")
        stage.target.state.logins.clear()
        assert again(stage, "later") == 1
        assert unmailed(stage.job, stage.tools) == []

    def test_is_told_as_long_as_its_link_is_good(self, stage: Rehearsal) -> None:
        self.mailed(stage, "eve")
        stage.clock.passed += 20 * 86400
        assert len(unmailed(stage.job, stage.tools)) == 1
        stage.clock.passed += 86401
        assert unmailed(stage.job, stage.tools) == []

    def test_was_not_sent_to_somebody_who_was_not_created(self, stage: Rehearsal) -> None:
        assert self.mailed(stage, "eve", created=False) == [REJECTED, NOT_TRIED]
        assert unmailed(stage.job, stage.tools) == []

    def test_names_a_few_and_counts_all(self) -> None:
        many = [Unmailed(number, number, f"u{number}", None) for number in range(7)]
        (told,) = told_unmailed(many)
        assert told.startswith("7 activation links may never have been mailed (u0, u1, u2, u3, u4, …): ")
        assert told_unmailed([]) == ()

    @pytest.mark.parametrize("error", [NotSent("refused"), OutcomeUnknown("no answer")])
    def test_that_failed_is_in_the_report_and_is_not_sent_by_a_later_run(self, error: Exception) -> None:
        stage = Mortal()
        stage.hire("eve", mail="eve@x.y")
        stage.fail("send_activation", error, times=applying.ATTEMPTS)
        report = stage.run()
        assert (report.exit_code, report.run.report["unmailed"]) == (4, ["eve"])
        stage.target.state.before = lambda _: None
        assert stage.run().run.report["unmailed"] == ["eve"]
        assert stage.target.state.mails == []
        stage.close()


def test_whoever_was_created_is_completed_when_the_run_is_told_to_stop() -> None:
    """No later run would mail the link."""
    stage = Mortal()
    stage.hire("eve", ("vpn",), mail="eve@x.y")
    stage.hire("zoe", ("vpn",), mail="zoe@x.y")
    request = threading.Event()
    stage.target.state.after = lambda _: request.set()
    report = stage.run(stop=request)
    assert stage.mailed() == {"eve"}
    assert stage.groups_of("eve") == {"vpn"}
    assert len(stage.target.state.logins) == 1
    assert report.exit_code == 4
    stage.close()


def test_guards_count_what_a_run_made_that_was_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """In small steps, each of which dies, nobody gets past a limit."""
    monkeypatch.setattr(applying, "ThreadPoolExecutor", Inline)
    stage = Mortal()
    for who in "abcdefgh":
        stage.hire(who)
    stage.run()
    stage.configure(limits=DEFAULTS)
    for who in "abc":
        stage.change(who, disabled="yes")
    assert stage.start(Process(_moments_until_three_are_locked())) is None
    assert stage.plan().basis.tally.population == 5
    stage.change("d", disabled="yes")
    assert stage.run().run.summary == "held by the guard lock"
    stage.clock.passed += 21 * 3600
    assert stage.run().exit_code == 0
    stage.close()


def _moments_until_three_are_locked() -> int:
    """How many moments such a run has until nothing is left but to record what it did."""
    stage, process = Mortal(), Process()
    for who in "abcdefgh":
        stage.hire(who)
    stage.run()
    for who in "abc":
        stage.change(who, disabled="yes")
    stage.start(process)
    stage.close()
    return len(process.moments) - list(reversed(process.moments)).index("after update")
