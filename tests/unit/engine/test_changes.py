"""A run of what changed looks at whom something changed of, and loses nobody."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from iwds.cli.plan_text import plan_lines
from iwds.core.alone import DELETED, UNSEEN
from iwds.core.approval import Approval, Needed
from iwds.core.change import Kind, kinds
from iwds.core.decision import Reason
from iwds.core.guards import GuardKind, Limit
from iwds.core.model import Account, Entry, Status, Unmapped
from iwds.core.plan import Selection
from iwds.core.policy import Hold, HoldKind, Leaver, Policy
from iwds.core.rulings import Said, approval_of, rejection_of
from iwds.engine.job import Incremental
from iwds.engine.leasing import CHANGES
from iwds.engine.running import RunReport, plan_only
from iwds.errors import MarkLost, Rejected, ServiceUnavailable, SourceUnavailable, Unavailable, UsageError
from iwds.ports import HoldRow
from iwds.sources._memoryfeed import Changes, MemoryFeed
from tests.unit.engine.rehearsal import OURS, PlainRules, Rehearsal, _first

EVERYBODY = ("ada", "bob", "cleo", "dan", "eve", "finn", "gus", "hal", "ivy", "jon")


@dataclass(frozen=True)
class TimedRules(PlainRules):
    """Whoever has `ends` is disabled from then on."""

    digest: str = "timed"
    attributes: frozenset[str] = field(default_factory=lambda: PlainRules().attributes | {"ends"})

    def map(self, entry: Entry, now: datetime) -> Account | Unmapped:
        made = super().map(entry, now)
        ends = _first(entry, "ends")
        over = bool(ends) and datetime.fromisoformat(ends or "") <= now
        return replace(made, enabled=not over) if isinstance(made, Account) and ends else made

    def due(self, entry: Entry, now: datetime, until: datetime) -> datetime | None:
        ends = _first(entry, "ends")
        moment = datetime.fromisoformat(ends) if ends else None
        return moment if moment and now < moment <= until else None


@pytest.fixture
def stage(stage: Rehearsal) -> Rehearsal:
    """Ten people with their logins, of whom a run of everybody has read where it was."""
    stage.source.told = Changes()
    stage.configure(incremental=Incremental(most=8), rules=TimedRules())
    for who in EVERYBODY:
        stage.hire(who, ("vpn",), mail=f"{who}@example.org", sn=who.title())
    stage.run()
    stage.clock.passed += 60
    return stage


def now(stage: Rehearsal, **request: Any) -> RunReport:
    stage.clock.passed += 60
    return stage.run(changes=True, **request)


def night(stage: Rehearsal) -> RunReport:
    stage.clock.passed += 60
    return stage.run()


def bury(stage: Rehearsal, who: str) -> None:
    stage.source.tombstones.add(stage.entry(who).anchor)
    stage.leave(who)


def read_everybody(done: RunReport) -> str:
    """Why everybody was read."""
    return str(done.run.report.get("read_everybody", ""))


def waits(stage: Rehearsal) -> dict[str, tuple[str, ...]]:
    return {each.anchor.id: each.why for each in stage.state.waiting("staff", stage.job.target.service)}


def said(stage: Rehearsal, by: str = "zoe") -> Said:
    at = stage.clock.now()
    return Said(by, "here", "because", at, at + timedelta(days=1), "plan 1", "staff")


class TestWhoIsLookedAt:
    def test_is_who_changed_and_nobody_else(self, stage: Rehearsal) -> None:
        stage.change("ada", mail="new@example.org")
        stage.hire("kim", ("vpn", "wiki"), mail="kim@example.org")
        done = now(stage)
        assert (done.exit_code, done.run.command) == (0, CHANGES)
        assert done.run.summary == "changes of 2 people: 4 done"
        assert done.plan.basis.looked_at == 2
        assert stage.login("ada").mail == "new@example.org"
        assert stage.groups_of("kim") == {"vpn", "wiki"}
        assert now(stage).run.summary == "changes of 0 people: nothing to do"

    def test_is_asked_for_on_the_service_alone(self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
        def refused(*_: object) -> None:
            raise AssertionError("everybody was read")

        stage.change("ada", mail="new@example.org")
        for side, names in ((stage.source, ["read"]), (stage.job.target, ["read_logins", "read_memberships"])):
            for name in names:
                monkeypatch.setattr(type(side), name, refused)
        assert now(stage).run.summary == "changes of 1 person: 1 done"

    def test_is_whose_change_failed_until_it_is_made(self, stage: Rehearsal) -> None:
        stage.change("ada", mail="new@example.org")
        stage.fail("update", Rejected("no"))
        assert now(stage).exit_code == 4
        assert waits(stage) == {"ada": ("call rejected",)}
        assert now(stage).run.summary == "changes of 1 person: 1 done"
        assert not waits(stage)

    def test_is_whose_change_failed_in_the_night(self, stage: Rehearsal) -> None:
        stage.change("ada", mail="new@example.org")
        stage.fail("update", Rejected("no"))
        night(stage)
        assert now(stage).run.summary == "changes of 1 person: 1 done"

    def test_is_who_may_have_a_name_that_another_has_given_up(self, stage: Rehearsal) -> None:
        stage.hire("new", uid="ada")
        assert now(stage).plan.skips[0].reason is Reason.DUPLICATE
        stage.change("ada", uid="ada2")
        assert now(stage).run.summary == "changes of 2 people: 2 done"
        assert stage.ledger()["new"].login == "ada"

    def test_is_who_becomes_due_by_time_alone(self, stage: Rehearsal) -> None:
        ends = stage.clock.now() + timedelta(hours=3)
        stage.change("ada", ends=ends.isoformat())
        now(stage)
        assert stage.login("ada").status == Status.ACTIVE
        stage.clock.passed += 3 * 3600
        assert now(stage).run.summary == "changes of 1 person: 1 done"
        assert stage.login("ada").status == Status.LOCKED

    def test_is_who_becomes_due_as_the_night_has_seen(self, stage: Rehearsal) -> None:
        stage.change("ada", ends=(stage.clock.now() + timedelta(hours=3)).isoformat())
        stage.change("bob", ends=(stage.clock.now() + timedelta(days=3)).isoformat())
        night(stage)
        stage.clock.passed += 3 * 3600
        assert now(stage).run.summary == "changes of 1 person: 1 done"

    def test_is_whose_hold_has_ended(self, stage: Rehearsal) -> None:
        ended = stage.clock.now() + timedelta(hours=1)
        hold = Hold("zoe", "leave", ended, HoldKind.EXEMPT)
        row = HoldRow(stage.login("ada").id, hold, "", stage.clock.now())
        stage.state.place_hold(stage.job.target.service, row)
        stage.change("ada", disabled="yes")
        now(stage)
        assert waits(stage) == {"ada": ("exempt",)}
        assert now(stage).plan.basis.looked_at == 0
        stage.clock.passed += 3600
        assert now(stage).run.summary == "changes of 1 person: 1 done"
        assert stage.login("ada").status == Status.LOCKED

    def test_waits_for_approval_until_there_is_one(self, stage: Rehearsal) -> None:
        stage.configure(approval=Approval(Needed.REMOVALS))
        night(stage)
        stage.change("ada", disabled="yes")
        plan = now(stage).plan
        assert stage.login("ada").status == Status.ACTIVE
        assert now(stage).plan.basis.looked_at == 0
        (waiting,) = plan.unapproved
        stage.state.place_rulings(stage.job.target.service, [approval_of(waiting, said(stage))])
        assert now(stage).run.summary == "changes of 1 person: 1 done"
        assert stage.login("ada").status == Status.LOCKED

    def test_needs_two_people_where_many_wait_in_pieces(self, stage: Rehearsal) -> None:
        stage.configure(approval=Approval(Needed.REMOVALS, two_people_above=3))
        night(stage)
        for who in EVERYBODY[:3]:
            stage.change(who, disabled="yes")
        assert now(stage).plan.basis.approvers == 1
        stage.change(EVERYBODY[3], disabled="yes")
        plan = now(stage).plan
        assert (plan.basis.looked_at, plan.basis.to_approve, plan.basis.approvers) == (1, 4, 2)

    def test_is_spared_by_a_rejection_until_it_ends(self, stage: Rehearsal) -> None:
        stage.change("ada", disabled="yes")
        lock = plan_only(stage.job, stage.tools, changes=True).changes[0]
        stage.state.place_rulings(stage.job.target.service, [rejection_of(lock, said(stage))])
        now(stage)
        assert now(stage).plan.basis.looked_at == 0
        stage.configure(incremental=Incremental(full_within=timedelta(days=9)))
        stage.clock.passed += 86_400
        assert now(stage).run.summary == "changes of 1 person: 1 done"

    def test_is_whose_change_the_service_refused_beside_a_rejection(self, stage: Rehearsal) -> None:
        stage.change("ada", disabled="yes")
        lock = plan_only(stage.job, stage.tools, changes=True).changes[0]
        stage.state.place_rulings(stage.job.target.service, [rejection_of(lock, said(stage))])
        stage.change("ada", ("vpn", "wiki"))
        stage.fail("add_to_group", Rejected("no"))
        now(stage)
        assert waits(stage) == {"ada": ("call rejected", "rejected")}
        stage.target.state.before = lambda _: None
        assert now(stage).run.summary.startswith("changes of 1 person: 1 done")
        assert now(stage).plan.basis.looked_at == 0


class TestThePage:
    def test_says_that_only_a_few_were_looked_at_and_what_waits(self, stage: Rehearsal) -> None:
        stage.change("ada", mail="new@example.org")
        stage.change("bob", mail="")
        page = "\n".join(line.plain for line in plan_lines(now(stage).plan))
        assert "Only what changed: 2 people looked at one by one." in page
        assert "What one entry cannot show waits for everybody:  iwds run staff" in page
        assert "in the directory\n" not in page
        assert all(len(line) <= 80 for line in page.splitlines())


class TestTwoOfThem:
    def test_who_want_one_login_both_wait(self, stage: Rehearsal) -> None:
        stage.hire("kim1", uid="kim")
        stage.hire("kim2", uid="kim")
        done = now(stage)
        assert {skip.reason for skip in done.plan.skips} == {Reason.DUPLICATE}
        stage.leave("kim2")
        assert now(stage).run.summary == "changes of 2 people: 1 done"
        assert stage.login("kim").id == stage.ledger()["kim1"].login_id

    def test_hand_a_name_on_in_one_run(self, stage: Rehearsal) -> None:
        stage.change("ada", uid="lovelace")
        stage.change("bob", uid="ada")
        assert now(stage).run.summary == "changes of 2 people: 2 done"
        assert {who: stage.ledger()[who].login for who in ("ada", "bob")} == {"ada": "lovelace", "bob": "ada"}

    def test_a_rival_who_is_not_looked_at_is_one(self, stage: Rehearsal) -> None:
        stage.hire("kim1", uid="kim", scope="invalid")
        now(stage)
        stage.hire("kim2", uid="kim")
        assert now(stage).plan.basis.looked_at == 1
        assert "kim2" not in stage.ledger()


class TestWhatIsTaken:
    @pytest.mark.parametrize(("field", "value"), [("disabled", "yes"), ("scope", "out-of-scope")])
    def test_is_what_the_entry_says(self, stage: Rehearsal, field: str, value: str) -> None:
        stage.change("ada", None, **{field: value})
        assert now(stage).exit_code == 0
        assert stage.login("ada").status == Status.LOCKED

    def test_is_the_access_of_whom_the_directory_shows_to_be_deleted(self, stage: Rehearsal) -> None:
        bury(stage, "ada")
        done = now(stage)
        assert [getattr(change, "because", "") for change in done.plan.changes] == [DELETED]
        assert stage.login("ada").status == Status.LOCKED

    def test_is_nothing_of_who_is_merely_not_found(self, stage: Rehearsal) -> None:
        stage.leave("ada")
        assert now(stage).plan.basis.looked_at == 1  # their group has lost them
        assert stage.login("ada").status == Status.ACTIVE
        assert waits(stage) == {"ada": ("everybody",)}

    def test_is_the_access_of_whom_the_delta_alone_shows_to_be_gone(
        self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bury(stage, "ada")
        monkeypatch.setattr(type(stage.source), "deleted", lambda *_: False)
        stage.fail("update", Rejected("no"))
        now(stage)
        assert stage.login("ada").status == Status.ACTIVE
        assert now(stage).exit_code == 0  # what was shown once is not forgotten
        assert stage.login("ada").status == Status.LOCKED

    def test_is_a_group_that_its_own_members_show_to_be_left(self, stage: Rehearsal) -> None:
        stage.change("ada", groups=())
        stage.fail("remove_from_group", Rejected("no"))
        now(stage)
        assert stage.groups_of("ada") == {"vpn"}
        assert now(stage).exit_code == 0
        assert stage.groups_of("ada") == set()

    def test_is_nothing_of_who_came_back_after_a_deletion_and_is_hidden_since(
        self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ada = stage.entry("ada")
        bury(stage, "ada")
        monkeypatch.setattr(type(stage.source), "deleted", lambda *_: False)
        stage.fail("update", Rejected("no"))
        now(stage)
        stage.source.tombstones.clear()
        stage.source.entries.append(ada)
        stage.change("ada", mail="")  # waits for everybody, so that they are remembered
        now(stage)
        stage.leave("ada")
        assert now(stage).plan.basis.looked_at == 1
        assert stage.login("ada").status == Status.ACTIVE

    def test_is_no_group_that_somebody_came_back_into_and_that_is_hidden_since(self, stage: Rehearsal) -> None:
        stage.change("ada", groups=())
        stage.fail("remove_from_group", Rejected("no"))
        now(stage)
        stage.change("ada", groups=("vpn",), mail="")
        now(stage)
        stage.source.hidden = frozenset({"vpn"})
        stage.change("ada", sn="Other")
        now(stage)
        assert stage.groups_of("ada") == {"vpn"}

    def test_is_no_group_that_an_entry_merely_does_not_show(self, stage: Rehearsal) -> None:
        stage.change("ada", mail="new@example.org")
        stage.source.hidden = frozenset({"vpn"})
        done = now(stage)
        assert stage.groups_of("ada") == {"vpn"}
        assert stage.login("ada").mail == "new@example.org"
        assert UNSEEN in {skip.detail for skip in done.plan.skips}

    def test_is_no_field_and_the_night_clears_it(self, stage: Rehearsal) -> None:
        stage.change("ada", mail="")
        done = now(stage)
        assert (done.exit_code, done.run.summary) == (
            0, "changes of 1 person: nothing was changed, 1 waits for a run of everybody",
        )  # fmt: skip
        assert stage.login("ada").mail == "ada@example.org"
        assert now(stage).plan.basis.looked_at == 0
        night(stage)
        assert stage.login("ada").mail == ""

    def test_is_no_login(self, stage: Rehearsal) -> None:
        stage.configure(policy=Policy(OURS, leaver=Leaver.DELETE))
        night(stage)
        bury(stage, "ada")
        now(stage)
        assert stage.login("ada").status == Status.ACTIVE
        night(stage)
        assert "ada" not in stage.ledger()

    def test_nobody_is_let_in_again_whose_entry_hides_what_nearly_all_have(self, stage: Rehearsal) -> None:
        for who in EVERYBODY:
            stage.change(who, role="0", disabled="yes" if who == "ada" else "")
        night(stage)
        assert stage.login("ada").status == Status.LOCKED
        night(stage)  # whose reading shows that all have it
        stage.source.hidden = frozenset({"disabled", "role"})
        stage.change("ada", mail="new@example.org")
        assert now(stage).run.summary == "changes of 1 person: 1 done, 1 waits for a run of everybody"
        assert stage.login("ada").status == Status.LOCKED

    def test_is_no_grace_of_who_changed_where_nobody_is_selected(self, stage: Rehearsal) -> None:
        stage.configure(policy=Policy(OURS, leaver=Leaver.LOCK_THEN_DELETE))
        night(stage)
        ada = stage.entry("ada")
        stage.leave("ada")
        stage.source.elsewhere = [ada]
        night(stage)
        left = stage.ledger()["ada"].left_at
        assert left
        stage.source.elsewhere = [replace(ada, attrs={**ada.attrs, "sn": ("New",)})]
        assert now(stage).plan.basis.looked_at == 1
        assert stage.ledger()["ada"].left_at == left
        stage.source.elsewhere = []
        stage.source.entries.append(ada)
        now(stage)
        assert stage.ledger()["ada"].left_at is None


class TestTheGuards:
    def test_count_against_everybody(self, stage: Rehearsal) -> None:
        stage.configure(limits={kind: Limit(2, 0.2, None) for kind in GuardKind})
        for who in EVERYBODY[:3]:
            stage.change(who, disabled="yes")
        done = now(stage)
        assert (done.exit_code, done.run.command) == (3, CHANGES)
        assert all(stage.login(who).status == Status.ACTIVE for who in EVERYBODY)
        stage.change("ada", disabled="")
        assert now(stage).run.summary == "changes of 3 people: 2 done"  # the same delta again


class TestEverybodyIsRead:
    def why(self, stage: Rehearsal) -> str:
        done = now(stage)
        assert done.run.command == "run"
        assert done.plan.basis.looked_at is None
        return read_everybody(done)

    def test_where_no_run_kept_a_mark(self, stage: Rehearsal) -> None:
        stage.source.told = None
        night(stage)
        assert self.why(stage) == "staff cannot tell what changed"
        stage.source.told = Changes()
        assert self.why(stage) == "no run of everybody has kept a mark of staff yet"
        assert now(stage).plan.basis.looked_at == 0

    def test_where_a_group_could_not_be_read_whole_beside_the_mark(
        self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def cut(_: MemoryFeed) -> Iterator[tuple[str, frozenset[str]]]:
            yield "vpn", frozenset(EVERYBODY)
            raise MarkLost("the members of wiki could not all be read")

        stage.change("ada", mail="new@example.org")
        with monkeypatch.context() as broken:
            broken.setattr(MemoryFeed, "members", cut)
            done = night(stage)
        assert done.exit_code == 0
        assert "the members of wiki could not all be read" in " ".join(done.plan.basis.notes)
        assert self.why(stage) == "no run of everybody has kept a mark of staff yet"

    def test_where_the_mark_is_lost(self, stage: Rehearsal) -> None:
        stage.source.told = Changes(lost="the server was set up anew")
        assert self.why(stage) == "staff: the server was set up anew"

    def test_where_the_configuration_changed(self, stage: Rehearsal) -> None:
        stage.configure(digest="configuration 2")
        assert self.why(stage) == "the configuration is another one than that last applied"
        assert now(stage).plan.basis.looked_at == 0

    def test_where_too_many_changed(self, stage: Rehearsal) -> None:
        for who in EVERYBODY:
            stage.change(who, sn="New")
        assert "10 people changed" in self.why(stage)

    def test_where_too_many_wait(self, stage: Rehearsal) -> None:
        stage.fail("update", Rejected("no"), times=99)
        for who in EVERYBODY:
            stage.change(who, sn="New")
        night(stage)
        stage.target.state.before = lambda _: None
        assert self.why(stage).startswith("10 people are to be looked at, more than 8")

    def test_where_that_was_too_long_ago(self, stage: Rehearsal) -> None:
        stage.clock.passed += 26 * 3600
        assert self.why(stage) == "everybody was last read 26 hours ago, and is within 25 hours"

    def test_where_nothing_was_applied_yet(self) -> None:
        fresh = Rehearsal()
        fresh.source.told = Changes()
        fresh.configure(incremental=Incremental())
        assert self.why(fresh) == "no run of this job was applied yet"
        fresh.close()

    def test_never_where_the_job_does_not_say_so(self, stage: Rehearsal) -> None:
        stage.configure(incremental=None)
        with pytest.raises(UsageError, match="keeps nothing"):
            now(stage)


class TestWhatIsKept:
    def test_is_nothing_of_a_run_that_breaks_off(self, stage: Rehearsal) -> None:
        stage.change("ada", mail="new@example.org")
        stage.source.fail_after = 0
        with pytest.raises(SourceUnavailable):
            now(stage)
        stage.source.fail_after = None
        assert now(stage).run.summary == "changes of 1 person: 1 done"

    @pytest.mark.parametrize("silent", ["source", "target"])
    def test_is_nothing_of_a_run_in_which_somebody_could_not_be_asked_for(
        self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch, silent: str
    ) -> None:
        def down(*_: object) -> None:
            raise SourceUnavailable("down") if silent == "source" else ServiceUnavailable("down")

        where, what = (stage.source, "find") if silent == "source" else (stage.job.target, "login")
        stage.change("ada", mail="new@example.org")
        with monkeypatch.context() as broken:
            broken.setattr(where, what, down)
            with pytest.raises(Unavailable, match="down"):
                now(stage)
        assert now(stage).run.summary == "changes of 1 person: 1 done"

    @pytest.mark.parametrize(
        "asked", [{"confirm": lambda _: False}, {"selection": Selection(only=frozenset({"create"}))}]
    )
    def test_is_nothing_of_a_run_of_which_nothing_or_a_part_was_wanted(
        self, stage: Rehearsal, asked: dict[str, Any]
    ) -> None:
        stage.change("ada", disabled="yes")
        now(stage, **asked)
        assert now(stage).run.summary == "changes of 1 person: 1 done"

    def test_is_nothing_of_a_night_whose_reading_is_not_proven(self, stage: Rehearsal) -> None:
        before = stage.state.marks("staff", stage.job.target.service)
        stage.source.problems = ("it was cut",)
        night(stage)
        assert stage.state.marks("staff", stage.job.target.service) == before

    def test_a_plan_keeps_nothing_and_shows_the_same_again(self, stage: Rehearsal) -> None:
        stage.change("ada", mail="new@example.org")
        for _ in range(2):
            plan = plan_only(stage.job, stage.tools, changes=True)
            assert [kinds(change) for change in plan.changes] == [{Kind.UPDATE}]

    def test_teaches_no_configuration_and_no_reading(self, stage: Rehearsal) -> None:
        service, start = stage.job.target.service, stage.clock.now()
        before = stage.state.memory("staff", service, start)
        stage.change("ada", mail="new@example.org")
        now(stage)
        after = stage.state.memory("staff", service, start)
        assert (before.baselines, before.accepted) == (after.baselines, after.accepted)


class TestTheNight:
    def test_says_whom_the_directory_did_not_tell_of(self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
        stage.change("ada", mail="new@example.org")
        stage.by_hand("bob", mail="hand@example.org")
        moments = stage.source.told.moments if stage.source.told else {}
        everybody = {entry.anchor: entry for entry in stage.source.entries}
        moments.update({mark: (everybody, buried) for mark, (_, buried) in moments.items()})
        done = night(stage)
        assert done.run.report["missed"] == {"count": 1, "listed": ["ada"]}
        assert "runs of changes had missed 1 person: ada" in done.run.summary
        assert "runs of changes had missed 1 person: ada" in done.plan.basis.notes

    def test_has_missed_nobody_of_whom_the_directory_tells_or_who_waited(self, stage: Rehearsal) -> None:
        stage.change("ada", mail="")
        now(stage)
        stage.change("bob", mail="new@example.org")
        stage.by_hand("cleo", mail="hand@example.org")
        bury(stage, "dan")
        done = night(stage)
        assert len(done.plan.changes) == 4
        assert "missed" not in done.run.report

    def test_blames_no_delta_for_deletions_that_nobody_may_see(self, stage: Rehearsal) -> None:
        assert stage.source.told
        stage.source.told.blind = "the account may not see tombstones"
        stage.leave("dan")
        assert "missed" not in night(stage).run.report
        assert "staff does not show who was deleted: the account may not see tombstones" in now(stage).plan.basis.notes

    def test_says_in_the_plan_what_a_directory_says_of_its_changes(self, stage: Rehearsal) -> None:
        assert stage.source.told
        stage.source.told.notes = ("the mark is six days old",)
        assert now(stage).plan.basis.notes == ("staff: the mark is six days old",)
