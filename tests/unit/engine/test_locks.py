"""The helpdesk's locks: made, held, lifted, and never left in doubt where a reading can tell."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from iwds.core.model import Login
from iwds.core.policy import Hold
from iwds.engine.actions import Why
from iwds.engine.locks import Locked, lock, unlock
from iwds.errors import (
    AccessRefused,
    IwdsError,
    LoginUnknown,
    NotSent,
    OutcomeUnknown,
    Refused,
    Rejected,
    ServiceUnavailable,
)
from iwds.ports import Result
from tests.unit.engine.desk import WHY, Helpdesk

DOUBT = OutcomeUnknown("no answer came")


class Desk(Helpdesk):
    """Ann has a login of ours, and an applied run lies behind."""

    def __init__(self) -> None:
        super().__init__()
        for who in ("ann", "bob"):
            self.hire(who)
        assert self.run().exit_code == 0

    @property
    def ann(self) -> Login:
        return self.login("ann")

    @property
    def hold(self) -> Hold | None:
        row = self.state.open_hold(self.target.reader.service, self.ann.id)
        return row.hold if row else None

    def lock(self, hours: float | None = 2, *protected: str, reason: str = "phone lost") -> Locked:
        until = None if hours is None else self.clock.now() + timedelta(hours=hours)
        return lock(self.desk(*protected), self.ann, until, Why(reason))

    def meanwhile(self, act: Callable[[], None]) -> None:
        """What happens, once, while the next call is on its way back."""

        def once(_: str) -> None:
            self.target.state.after = lambda _: None
            act()

        self.target.state.after = once


@pytest.fixture
def stage() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.close()


class TestALock:
    def test_is_on_the_service_in_our_memory_and_in_the_audit(self, stage: Desk) -> None:
        locked = stage.lock()
        assert stage.ann.status == 1
        assert stage.hold == locked.hold == Hold("zoe", "phone lost", stage.clock.now() + timedelta(hours=2))
        assert (locked.already, locked.replaced, locked.gives_back) == (False, None, True)
        assert [(row.action, row.result) for row in stage.audit()] == [("lock", Result.DONE)]

    def test_survives_every_run_before_its_end_and_is_undone_by_the_first_after_it(self, stage: Desk) -> None:
        stage.lock()
        stage.change("ann", mail="new@x.y")
        assert stage.run().exit_code == 0
        assert (stage.ann.status, stage.ann.mail) == (1, "new@x.y")
        stage.clock.passed = 2 * 3600
        assert stage.run().exit_code == 0
        assert (stage.ann.status, stage.hold) == (0, None)

    def test_of_a_login_that_is_not_ours_is_given_back_by_nobody(self, stage: Desk) -> None:
        eve = stage.target.state.add("eve")
        assert not lock(stage.desk(), eve, None, WHY).gives_back
        assert stage.login("eve").status == 1

    def test_on_a_lock_of_somebody_else_is_theirs_again_at_its_end(self, stage: Desk) -> None:
        stage.by_hand("ann", status=1)
        calls = stage.calls()
        locked = stage.lock()
        assert (locked.already, locked.gives_back, calls) == (True, False, [])
        assert not stage.lock().gives_back  # and longer does not make it ours
        stage.clock.passed = 2 * 3600
        stage.run()
        assert stage.ann.status == 1

    def test_can_be_made_longer(self, stage: Desk) -> None:
        first = stage.lock()
        second = stage.lock(None, reason="still lost")
        assert (second.replaced, second.already, second.gives_back) == (first.hold, True, True)
        assert stage.hold == Hold("zoe", "still lost")

    def test_on_a_runs_lock_is_undone_at_its_end_where_the_directory_says_enabled(self, stage: Desk) -> None:
        stage.change("ann", disabled="yes")
        stage.run()
        assert stage.lock().gives_back
        stage.change("ann", disabled="")
        assert stage.run().plan.changes == ()
        stage.clock.passed = 2 * 3600
        stage.run()
        assert stage.ann.status == 0


class TestALockIsRefused:
    def refused(self, stage: Desk, words: str, *protected: str) -> None:
        with pytest.raises(Refused, match=words):
            stage.lock(2, *protected)
        assert (stage.ann.status, stage.hold, stage.audit()) == (0, None, [])

    def test_for_whom_a_mapping_protects(self, stage: Desk) -> None:
        self.refused(stage, "a mapping protects ann", "ann")

    def test_for_one_of_the_last_two_active_administrators(self, stage: Desk) -> None:
        stage.by_hand("ann", role=2)
        stage.by_hand("bob", role=2)
        stage.target.state.add("eve", role=2, status=1)
        self.refused(stage, "would leave 1 active administrator on the service")
        stage.target.state.add("dee", role=2)
        stage.lock()
        assert stage.ann.status == 1

    def test_where_the_number_of_administrators_is_not_known(self, stage: Desk) -> None:
        stage.by_hand("ann", role=2)
        stage.target.state.problems = ["it was cut off"]
        self.refused(stage, "is not known: it was cut off")

    def test_where_a_field_was_not_read(self, stage: Desk) -> None:
        stage.by_hand("ann", phone=None)
        self.refused(stage, "phone not read, and an update overwrites every field")


class TestALockThatFails:
    @pytest.mark.parametrize("error", [NotSent("refused"), Rejected("no"), LoginUnknown("gone")])
    def test_for_certain_leaves_everything_as_it_was(self, stage: Desk, error: IwdsError) -> None:
        stage.fail("update", error)
        with pytest.raises(type(error)):
            stage.lock()
        assert (stage.ann.status, stage.hold) == (0, None)
        ended = Result.NOT_TRIED if isinstance(error, NotSent) else Result.REJECTED
        assert [row.result for row in stage.audit()] == [ended]

    def test_leaves_the_hold_that_was_there(self, stage: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        before = stage.lock().hold
        ann = stage.ann

        def unreachable(*_: object) -> Login:
            raise ServiceUnavailable("it does not answer")

        def died(*_: object) -> None:
            pytest.fail("between this and the hold of before, there would be none")

        monkeypatch.setattr(stage.target.reader, "login", unreachable)
        monkeypatch.setattr(type(stage.state), "lift_hold", died)
        with pytest.raises(ServiceUnavailable):
            lock(stage.desk(), ann, None, Why("longer"))
        assert stage.hold == before

    @pytest.mark.parametrize("after", [True, False])
    def test_without_an_answer_is_settled_by_reading_and_made_again(self, stage: Desk, after: bool) -> None:
        calls: list[str] = []
        stage.fail("update", DOUBT, after=after)
        if after:
            stage.target.state.before = calls.append
        stage.lock()
        assert stage.ann.status == 1
        assert [row.result for row in stage.audit()] == [Result.DONE]
        assert not after or calls == ["update"]

    def test_without_an_answer_every_time_is_unknown_and_the_hold_stands(self, stage: Desk) -> None:
        stage.fail("update", DOUBT, times=9)
        with pytest.raises(OutcomeUnknown, match="ann does not read as locked: no answer came") as caught:
            stage.lock()
        assert "no run makes it active in the meantime" in caught.value.advice
        assert stage.hold
        assert [row.result for row in stage.audit()] == [Result.UNKNOWN]

    @pytest.mark.parametrize("error", [ServiceUnavailable("out"), AccessRefused("out")])
    def test_and_cannot_be_read_back_is_unknown_and_the_hold_stands(
        self, stage: Desk, monkeypatch: pytest.MonkeyPatch, error: IwdsError
    ) -> None:
        ann, answers = stage.ann, [stage.ann]

        def once(*_: object) -> Login:
            if not answers:
                raise error
            return answers.pop()

        monkeypatch.setattr(stage.target.reader, "login", once)
        with pytest.raises(OutcomeUnknown, match="could not be read back: out"):
            lock(stage.desk(), ann, None, WHY)
        assert stage.hold

    def test_because_the_login_is_gone_leaves_no_hold(self, stage: Desk) -> None:
        ann = stage.ann
        del stage.target.state.logins[ann.id]
        with pytest.raises(LoginUnknown, match="no longer exists"):
            lock(stage.desk(), ann, None, WHY)
        assert stage.state.open_holds(stage.target.reader.service) == []

    def test_is_made_again_where_a_runs_write_crossed_it(self, stage: Desk) -> None:
        stage.meanwhile(lambda: stage.by_hand("ann", status=0))
        stage.lock()
        assert stage.ann.status == 1


class TestAnUnlock:
    def test_lifts_the_hold_and_the_lock_and_says_whose_it_was(self, stage: Desk) -> None:
        hold = stage.lock().hold
        unlocked = unlock(stage.desk(), stage.ann, Why("found"))
        assert (unlocked.hold, unlocked.by_run, unlocked.already) == (hold, False, False)
        assert (stage.ann.status, stage.hold) == (0, None)
        assert stage.audit()[-1].detail == f"was {hold}"
        assert stage.run().plan.changes == ()

    def test_of_a_runs_lock_is_done_and_lasts_until_the_next_run(self, stage: Desk) -> None:
        stage.change("ann", disabled="yes")
        stage.run()
        unlocked = unlock(stage.desk(), stage.ann, WHY)
        assert (unlocked.by_run, stage.ann.status) == (True, 0)
        stage.run()
        assert stage.ann.status == 1

    def test_of_somebody_elses_lock_has_to_be_said(self, stage: Desk) -> None:
        stage.by_hand("ann", status=1)
        with pytest.raises(Refused, match="locked by somebody else") as caught:
            unlock(stage.desk(), stage.ann, WHY)
        assert "--anyway" in caught.value.advice
        assert stage.audit() == []
        unlock(stage.desk(), stage.ann, WHY, anyway=True)
        assert stage.ann.status == 0
        assert stage.audit()[-1].detail == "was locked by somebody else"

    def test_of_what_is_active_does_nothing_but_lift_a_hold(self, stage: Desk) -> None:
        calls = stage.calls()
        assert unlock(stage.desk(), stage.ann, WHY).already
        assert (calls, stage.audit()) == ([], [])
        stage.lock()
        stage.by_hand("ann", status=0)
        calls = stage.calls()
        assert unlock(stage.desk(), stage.ann, WHY).hold
        assert (calls, stage.hold) == ([], None)

    def test_that_fails_leaves_the_hold(self, stage: Desk) -> None:
        stage.lock()
        stage.fail("update", Rejected("no"))
        with pytest.raises(Rejected):
            unlock(stage.desk(), stage.ann, WHY)
        assert stage.hold
        stage.fail("update", DOUBT, times=9)
        with pytest.raises(OutcomeUnknown, match="does not read as active"):
            unlock(stage.desk(), stage.ann, WHY)
        assert (stage.hold is None, stage.ann.status) == (False, 1)
