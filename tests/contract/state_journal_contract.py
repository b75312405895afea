"""What every `State` keeps of runs: intents, outcomes, readings, plans and what a job remembers."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from iwds.core.change import (
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    DeleteLogin,
    Evidence,
    RemoveFromGroup,
    SendActivation,
    Subject,
    Write,
)
from iwds.core.document import change_from_data
from iwds.core.doubt import Baseline
from iwds.core.model import Group, Login, View
from iwds.errors import LeaseLost, Refused, UsageError
from iwds.ports import JobMemory, Outcome, Result, RunRow, State, Unmailed
from tests.contract.state_tools import NOON, OTHER, SERVICE, Place, anchor, begin, create, fill, proof, row, run_row, to


class JournalContract:
    """The intent before the call, the outcome after."""

    def test_every_change_comes_back_equal_and_in_order(self, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("iwds.state.journal._PAGE", 3)
        journal = begin(state, "r")
        changes = _one_of_each()
        ids = [*journal.intend(list(enumerate(changes))[:5]), *journal.intend(list(enumerate(changes))[5:])]
        found = list(state.intents("r"))
        assert [change_from_data(i.change) for i in found] == changes
        assert [(i.id, i.phase, i.run, i.result, i.error) for i in found] == [
            (id_, phase, "r", None, "") for phase, id_ in enumerate(ids)
        ]

    def test_what_was_about_one_person_or_one_login_comes_latest_first(self, state: State) -> None:
        journal = begin(state, "r")
        fill(journal, [row(1), row(2)])
        adopt = Adopt(Subject("zoë.3", anchor(3), 9), Login(9, "zoë.3"), (), "one person explains it")
        (intent,) = journal.intend([(4, replace(adopt, subject=Subject("zoë.1", anchor(1), 7)))])
        journal.settle([Outcome(intent, Result.REJECTED, "NOK:SN")])
        journal.intend([(4, adopt)])
        told = state.changes_of(SERVICE, anchor(1), None, 5)
        assert [(t.run, t.job, t.who, t.result, t.error) for t in told] == [
            ("r", "staff", "root", Result.REJECTED, "NOK:SN"),
            ("r", "staff", "root", Result.DONE, ""),
        ]
        assert change_from_data(told[1].change) == create(1)
        assert state.changes_of(SERVICE, None, 7, 5) == told[:1]
        assert state.changes_of(SERVICE, None, 1, 5) == told[1:], "the id that its outcome told"
        assert state.changes_of(SERVICE, anchor(1), 2, 1) == told[:1], "whoever the login is now"
        assert [t.result for t in state.changes_of(SERVICE, anchor(3), None, 5)] == [None]
        assert list(state.changes_of(SERVICE, None, None, 5)) == []
        assert list(state.changes_of(OTHER, anchor(1), 1, 5)) == []

    def test_what_was_about_many_people_comes_in_their_order_without_mails(
        self, state: State, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("iwds.state.journal._ASKED_AT_ONCE", 2)
        journal = begin(state, "r")
        fill(journal, [row(1), row(2), row(3), row(4)])
        (mail,) = journal.intend([(4, SendActivation(create(1).subject, "new"))])
        (open_,) = journal.intend([(1, lock(3))])
        journal.settle([Outcome(mail, Result.DONE)])
        told = list(state.changes_about(SERVICE, [anchor(1), anchor(9), anchor(3)]))
        assert [(t.run, t.login_id, t.result, t.ended) for t in told] == [
            ("r", 1, Result.DONE, NOON), ("r", 3, Result.DONE, NOON), ("r", 3, None, None),
        ]  # fmt: skip
        assert [change_from_data(t.change) for t in told] == [create(1), create(3), lock(3)]
        assert list(state.changes_about(OTHER, [anchor(1)])) == list(state.changes_about(SERVICE, [])) == []
        journal.settle([Outcome(open_, Result.REJECTED, "NOK:SN", login_id=3)])
        assert [t.error for t in state.changes_about(SERVICE, [anchor(3)])] == ["", "NOK:SN"]

    def test_nothing_is_nothing(self, state: State) -> None:
        journal = begin(state, "r")
        assert list(journal.intend([])) == []
        journal.settle([])
        assert list(state.intents("r")) == []

    def test_a_batch_of_thousands_is_one_batch(self, state: State) -> None:
        journal = begin(state, "r")
        fill(journal, [row(n, 1) for n in range(2_500)])
        assert sum(1 for _ in state.ledger(SERVICE)) == 2_500

    def test_the_last_word_on_an_intent_wins(self, state: State) -> None:
        journal = begin(state, "r")
        ids = journal.intend([(4, create(1))])
        journal.settle([Outcome(ids[0], Result.UNKNOWN, "timeout"), Outcome(ids[0], Result.REJECTED, "NOK:SN")])
        assert [(i.result, i.error) for i in state.intents("r")] == [(Result.REJECTED, "NOK:SN")]
        journal.settle([Outcome(ids[0], Result.DONE, login_id=1, effect=to(row(1)))])
        assert [(i.result, i.error) for i in state.intents("r")] == [(Result.DONE, "")]

    def test_a_crash_between_intent_and_outcome_is_found_when_the_lease_has_run_out(self, place: Place) -> None:
        crashed, later = place.open(), place.open()
        ids = begin(crashed, "dead").intend([(4, create(1)), (4, create(2))])
        assert later.unsettled(SERVICE) == []
        place.wait(61)
        assert [(i.id, i.run, i.result) for i in later.unsettled(SERVICE)] == [(i, "dead", None) for i in ids]
        begin(later, "next")
        assert [i.id for i in later.unsettled(SERVICE)] == list(ids)
        later.close()
        crashed.close()

    def test_what_the_holder_itself_is_doing_is_not_unsettled(self, state: State) -> None:
        begin(state, "r").intend([(4, create(1))])
        assert state.unsettled(SERVICE) == []

    def test_what_an_ended_run_left_unknown_is_unsettled_even_before_it_gave_its_lease_back(self, state: State) -> None:
        journal = begin(state, "r")
        ids = journal.intend([(4, create(n)) for n in range(4)])
        journal.settle(
            [
                Outcome(ids[0], Result.DONE, login_id=1, effect=to(row(1))),
                Outcome(ids[1], Result.UNKNOWN, "timeout"),
                Outcome(ids[2], Result.HELD, "moved"),
                Outcome(ids[3], Result.NOT_TRIED),
            ]
        )
        state.finish_run(_ended("r"), applied=True, accepted="")
        assert [(i.id, i.result, i.error) for i in state.unsettled(SERVICE)] == [(ids[1], Result.UNKNOWN, "timeout")]

    def test_a_run_that_gave_its_lease_back_without_an_end_is_at_work_no_more(self, state: State) -> None:
        state.start_run(run_row("r"), "", "")
        lease = state.lease(SERVICE, "r", 60)
        ids = state.journal("r", SERVICE, lease).intend([(4, create(1))])
        lease.release()
        assert [i.id for i in state.unsettled(SERVICE)] == list(ids)

    def test_a_later_run_settles_what_an_earlier_one_left(self, state: State, place: Place) -> None:
        ids = begin(state, "dead").intend([(4, create(1))])
        place.wait(61)
        begin(state, "next").settle([Outcome(ids[0], Result.DONE, login_id=1, effect=to(row(1)))])
        assert state.unsettled(SERVICE) == []
        assert [i.result for i in state.intents("dead")] == [Result.DONE]
        assert list(state.ledger(SERVICE)) == [row(1)]

    def test_other_services_have_their_own_unsettled(self, state: State, place: Place) -> None:
        begin(state, "dead").intend([(4, create(1))])
        place.wait(61)
        assert state.unsettled(OTHER) == []

    def test_one_thread_writes_while_others_read_and_renew(self, state: State) -> None:
        state.start_run(run_row("r"), "", "")
        lease = state.lease(SERVICE, "r", 60)
        journal = state.journal("r", SERVICE, lease)

        def write() -> None:
            for n in range(0, 200, 10):
                fill(journal, [row(m, 1, 2) for m in range(n, n + 10)])

        def read() -> bool:
            lease.renew()
            return all(r == row(r.login_id, 1, 2) for r in state.ledger(SERVICE))

        with ThreadPoolExecutor(3) as pool:
            writing = pool.submit(write)
            reading = [pool.submit(read) for _ in range(20)]
            writing.result()
            assert all(task.result() for task in reading)
        assert sum(1 for _ in state.ledger(SERVICE)) == 200


def lock(number: int) -> Write:
    """A write that locks somebody."""
    before = Login(number, f"zoë.{number}", "Zoë", "Ünal", "z@example.org", "", 0, 0, "", 42)
    return Write(Subject(before.login, anchor(number), number), before, replace(before, status=1), "left")


def _one_of_each() -> list[Change]:
    subject = Subject("zoë", anchor(1), 7)
    before = Login(7, "zoë", "Zoë", "Ünal", "z@example.org", "", 0, 0, "", 42)
    group = Group(3, "Staff", 1)
    return [
        Adopt(subject, before, (3,), "explained"),
        AdoptMembership(subject, group, "explained"),
        Write(subject, before, replace(before, status=1), "left", Evidence.SEEN),
        DeleteLogin(Subject("old", None, 8), replace(before, id=8), (3, 4), "left", Evidence.ORDERED),
        create(2),
        AddToGroup(subject, group, "joined"),
        RemoveFromGroup(subject, group, "moved", Evidence.RULE),
        SendActivation(subject, "created"),
    ]


def _ended(run_id: str, job: str = "staff", at: datetime = NOON + timedelta(minutes=5)) -> RunRow:
    return replace(
        run_row(run_id, job), ended=at, exit_code=4, plan="p1", summary="1 created", report={"counts": {"create": 1}}
    )


class MailsContract:
    """Links of which no run knows that they were mailed."""

    def mailed(self, state: State, place: Place, *results: Result | None) -> Sequence[int]:
        """Runs that died after as many creations, each with its mail and what is known of it; ids of the mails."""
        journal = begin(state, "dead")
        mails = []
        for number, result in enumerate(results):
            creation = create(number)
            made, mail = journal.intend([(4, creation), (4, SendActivation(creation.subject, "new"))])
            journal.settle([Outcome(made, Result.DONE, login_id=number, effect=to(row(number)))])
            journal.settle([Outcome(mail, result)] if result else [])
            mails.append(mail)
        assert not [one for one in state.unmailed("staff", str(SERVICE), NOON) if one.result is None]
        place.wait(61)
        return mails

    def test_are_those_without_a_good_end(self, state: State, place: Place) -> None:
        ids = self.mailed(state, place, None, Result.UNKNOWN, Result.REJECTED, Result.DONE, Result.SUPERSEDED)
        assert state.unmailed("staff", str(SERVICE), NOON) == [
            Unmailed(ids[0], 0, "zoë.0", None),
            Unmailed(ids[1], 1, "zoë.1", Result.UNKNOWN),
            Unmailed(ids[2], 2, "zoë.2", Result.REJECTED),
        ]
        assert (
            state.unmailed("others", str(SERVICE), NOON)
            == state.unmailed("staff", str(OTHER), NOON)
            == state.unmailed("staff", str(SERVICE), NOON + timedelta(hours=1))
            == []
        )

    def test_are_not_those_of_logins_that_were_never_made_or_are_not_ours_any_more(
        self, state: State, place: Place
    ) -> None:
        journal = begin(state, "dead")
        for number, result in enumerate((Result.REJECTED, Result.DONE)):
            made, _ = journal.intend([(4, create(number)), (4, SendActivation(create(number).subject, "new"))])
            journal.settle([Outcome(made, result, login_id=number, effect=to(None))])
        place.wait(61)
        assert state.unmailed("staff", str(SERVICE), NOON) == []


class RunsContract:
    """Runs, readings, plans and what a job remembers."""

    def test_a_run_is_found_while_it_runs_and_when_it_has_ended(self, state: State) -> None:
        state.start_run(run_row("r1"), "jobs: {}", "digest")
        assert state.run("r1") == run_row("r1")
        state.finish_run(_ended("r1"), applied=True, accepted="")
        assert state.run("r1") == _ended("r1")

    def test_times_come_back_aware_and_in_utc(self, state: State) -> None:
        elsewhere = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
        state.start_run(run_row("r1", started=elsewhere), "", "")
        found = state.run("r1")
        assert found is not None
        assert found.started == NOON
        assert found.started.tzinfo is UTC

    def test_the_latest_runs_come_first(self, state: State) -> None:
        for n in range(4):
            state.start_run(run_row(f"r{n}", "even" if n % 2 == 0 else "odd", NOON + timedelta(hours=n)), "", "")
        assert [r.id for r in state.runs()] == ["r3", "r2", "r1", "r0"]
        assert [r.id for r in state.runs("even")] == ["r2", "r0"]
        assert [r.id for r in state.runs(limit=1)] == ["r3"]
        assert [r.id for r in state.runs(limit=1, without=("resync",))] == ["r3"]
        assert list(state.runs(without=("run staff", "resync"))) == []

    def test_only_runs_that_tell_something_are_listed_where_that_is_asked_for(self, state: State) -> None:
        for n in range(4):
            row = run_row(f"r{n}", started=NOON + timedelta(hours=n))
            state.start_run(row, "", "")
            told = {"rule": {"needed": "nothing"}} if n % 2 == 0 else {"other": 1}
            state.finish_run(replace(row, ended=row.started, report=told), applied=True, accepted="")
        assert [r.id for r in state.runs(telling="rule")] == ["r2", "r0"]
        assert [r.id for r in state.runs(limit=1, telling="rule")] == ["r2"]

    def test_the_unique_beginning_of_an_id_is_enough(self, state: State) -> None:
        for run_id in ("abc1", "abc2", "abc", "ABD", "x_1", *(f"x{n}1" for n in range(9))):
            state.start_run(run_row(run_id), "", "")
        assert (found := state.run("abc1")) is not None
        assert found.id == "abc1"
        assert (exact := state.run("abc")) is not None
        assert exact.id == "abc"
        assert (literal := state.run("x_")) is not None
        assert literal.id == "x_1"
        assert state.run("abd") is None
        with pytest.raises(UsageError, match="ab could be abc, abc1, abc2"):
            state.run("ab")

    def test_of_very_many_candidates_some_are_named(self, state: State) -> None:
        for n in range(9):
            state.start_run(run_row(f"r{n}"), "", "")
        with pytest.raises(UsageError, match="r0, r1, r2, r3, r4 and more"):
            state.run("r")

    def test_a_plan_is_kept_as_it_was_written(self, state: State) -> None:
        document = '{"who":"Zoë Ünal"}'
        state.save_plan("p1", "staff", SERVICE, NOON, document)
        state.save_plan("p1", "staff", SERVICE, NOON, document)
        assert state.plan("p") == document
        assert state.plan("q") is None
        with pytest.raises(Refused, match="another plan is already kept under the id p1"):
            state.save_plan("p1", "staff", SERVICE, NOON, "{}")
        assert state.plan("p1") == document

    def test_plans_that_are_old_are_forgotten_and_their_ids_are_not(self, state: State) -> None:
        for n in range(120):
            state.save_plan(f"old{n:03}", "staff", SERVICE, NOON, "{}")
        state.save_plan("new", "staff", SERVICE, NOON + timedelta(seconds=1), "{}")
        assert state.forget_plans(NOON) == 0
        assert state.forget_plans(NOON + timedelta(seconds=1)) == 120
        assert state.forget_plans(NOON + timedelta(seconds=1)) == 0
        assert (state.plan("old007"), state.plan("new"), state.plan("other")) == ("", "{}", None)

    def test_a_new_job_remembers_nothing(self, state: State) -> None:
        assert state.memory("staff", SERVICE, NOON) == JobMemory(False, "", {}, {})

    def test_a_job_remembers_that_it_was_applied_and_what_was_accepted(self, state: State) -> None:
        for n, (applied, accepted) in enumerate([(False, ""), (True, "d1"), (True, ""), (False, "d2"), (False, "")]):
            state.start_run(run_row(f"r{n}"), "", "")
            state.finish_run(_ended(f"r{n}"), applied=applied, accepted=accepted)
            known = state.memory("staff", SERVICE, NOON)
            assert known.applied_before is (n >= 1)
            assert known.accepted == ["", "d1", "d1", "d2", "d2"][n]
        assert state.memory("staff", OTHER, NOON).applied_before is False
        assert state.memory("others", SERVICE, NOON).accepted == ""

    def test_a_configuration_counts_from_the_run_that_first_had_it_or_another_version_of_a_library(
        self, state: State
    ) -> None:
        since = []
        for n, version in enumerate(["9.0.3", "9.0.3", "9.1.0"]):
            state.start_run(run_row(f"r{n}"), "", "d")
            text = json.dumps({"libraries": {"phonenumbers": version}})
            state.finish_run(_ended(f"r{n}"), applied=True, accepted="d", configuration=text)
            since.append(state.memory("staff", SERVICE, NOON).accepted_by)
        assert since == ["r0", "r0", "r2"]

    def test_the_last_proven_reading_of_each_source_counts(self, state: State) -> None:
        state.start_run(run_row("r1"), "", "")
        state.save_readings("r1", [proof("ad", 100), proof("hr", 7), proof("service", 90, realm="")])
        state.start_run(run_row("r2"), "", "")
        state.save_readings("r2", [proof("ad", 50, problems=("size limit",)), proof("hr", 8)])
        state.save_readings("r2", [])
        assert state.memory("staff", SERVICE, NOON).baselines == {
            "ad": Baseline("realm-1", 100, 100, NOON, {"mail": 100}),
            "hr": Baseline("realm-1", 8, 8, NOON, {"mail": 8}),
        }
        assert state.memory("others", SERVICE, NOON).baselines == {}

    def test_the_largest_reading_of_a_week_counts_until_somebody_accepts_fewer(self, state: State) -> None:
        for n, (count, days, fewer) in enumerate(
            [(900, 0, False), (500, 2, False), (400, 8, False), (450, 8, False), (300, 9, True), (290, 10, False)]
        ):
            state.start_run(run_row(f"r{n}"), "", "")
            seen = replace(proof("ad", count), taken_at=NOON + timedelta(days=days), view=View(mark=str(n)))
            state.save_readings(f"r{n}", [seen], fewer)
            known = state.memory("staff", SERVICE, NOON).baselines["ad"]
            assert (known.count, known.view) == (count, View(mark=str(n)))
            assert known.most == [900, 900, 500, 500, 300, 300][n]

    def test_what_was_made_or_may_have_been_is_counted_by_guard_whether_or_not_the_run_ended(
        self, state: State, place: Place
    ) -> None:
        results = [
            Result.DONE, Result.UNKNOWN, Result.SUPERSEDED, Result.REJECTED, Result.HELD, Result.NOT_TRIED
        ]  # fmt: skip
        journal = begin(state, "killed")
        ids = journal.intend([(1, lock(n)) for n in range(7)])
        journal.settle([Outcome(one, result) for one, result in zip(ids, results, strict=False)])
        assert state.memory("staff", SERVICE, NOON).recent == {"lock": 4}
        place.wait(3600)
        begin(state, "later").intend([(1, lock(n)) for n in range(2)], exempt=("create",))
        assert state.memory("staff", SERVICE, NOON + timedelta(hours=1)).recent == {"lock": 2}
        assert state.memory("staff", SERVICE, NOON).recent == {"lock": 6}
        assert state.memory("others", SERVICE, NOON).recent == state.memory("staff", OTHER, NOON).recent == {}

    def test_what_a_person_allowed_is_not_counted(self, state: State) -> None:
        journal = begin(state, "r")
        journal.intend([(1, replace(lock(1), after=replace(lock(1).after, mail="", login="new")))], exempt=("lock",))
        assert state.memory("staff", SERVICE, NOON).recent == {"clear mail": 1, "rename": 1}

    def test_a_run_that_lost_its_lease_teaches_later_ones_nothing(self, state: State, place: Place) -> None:
        state.start_run(run_row("r"), "", "")
        lease = state.lease(SERVICE, "r", 60)
        place.wait(61)
        state.lease(SERVICE, "another", 60)
        with pytest.raises(LeaseLost):
            state.finish_run(_ended("r"), applied=True, accepted="d", lease=lease)
        with pytest.raises(LeaseLost):
            state.save_readings("r", [proof("ad", 100)], lease=lease)
        assert state.memory("staff", SERVICE, NOON) == JobMemory(False, "", {}, {})
        state.finish_run(_ended("r"))
        assert (found := state.run("r")) is not None
        assert found.ended is not None

    def test_closing_twice_is_fine(self, place: Place) -> None:
        opened = place.open()
        opened.close()
        opened.close()
