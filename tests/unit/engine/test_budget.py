"""A run that fails gives up, one whose service is gone gives up earlier, and one out of time leaves the rest."""

from collections.abc import Callable

import pytest

from iwds.engine.applying import AHEAD
from iwds.engine.budget import FailureBudget, Spending, words
from iwds.errors import NotSent, OutcomeUnknown, Rejected, ServiceUnavailable
from iwds.ports import Result
from tests.unit.engine.rehearsal import Rehearsal, SetClock


def spending(changes: int = 40, until: float | None = None, **budget: float) -> tuple[Spending, SetClock]:
    clock = SetClock()
    return Spending(FailureBudget(**budget), changes, until, clock), clock  # type: ignore[arg-type]  # whole numbers


class TestFailures:
    def test_may_be_few_whatever_the_plan_and_many_in_a_large_one(self) -> None:
        assert [FailureBudget().allowed(changes) for changes in (1, 100, 101, 1_000)] == [10, 10, 10, 100]
        assert FailureBudget(floor=0, ratio=0).allowed(1_000) == 0

    def test_that_are_too_many_stop_it_with_the_numbers(self) -> None:
        spent, _ = spending(floor=2)
        assert spent.reason_to_stop(4) == ""
        assert spent.reason_to_stop(5) == "5 of 40 changes failed, more than the 4 of the failure budget"

    def test_are_those_of_the_job(self, stage: Rehearsal) -> None:
        stage.configure(failure_budget=FailureBudget(floor=0, ratio=0))
        for number in range(AHEAD + 1):  # somebody is not begun with before the first has failed
            stage.hire(f"p{number}")
        stage.fail("create", Rejected("no"), times=AHEAD + 1)
        report = stage.run()
        assert "more than the 0 of the failure budget" in report.run.summary
        assert report.exit_code == 4


class TestSilence:
    def test_ends_it_only_where_it_lasts(self) -> None:
        spent, _ = spending(silent=3)
        for reached in (False, False, True, False, False):
            spent.reached(reached)
            assert spent.reason_to_stop(0) == ""
        spent.reached(False)
        assert spent.reason_to_stop(0) == "the service could not be reached for 3 changes in a row"

    @pytest.mark.parametrize("error", [NotSent("refused"), OutcomeUnknown("no answer")])
    def test_stops_a_run_long_before_its_failures_would(
        self, error: Exception, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stage = Rehearsal(lanes=1)
        for number in range(200):
            stage.hire(f"u{number}")
        stage.target.state.before = _raising(error)
        monkeypatch.setattr(type(stage.target.reader), "named", _raising(ServiceUnavailable("down")))
        report = stage.run()
        stage.close()
        assert report.applied is not None
        assert report.applied.stopped == "the service could not be reached for 5 changes in a row"
        assert report.applied.results[Result.NOT_TRIED] == 195


def _raising(error: Exception) -> Callable[..., None]:
    def method(*_: object) -> None:
        raise error

    return method


class TestADeadline:
    def test_lets_everything_begin_before_it(self) -> None:
        spent, clock = spending(until=10.0)
        clock.passed = 9.9
        assert spent.reason_to_stop(0) == ""
        clock.passed = 10.0
        assert spent.reason_to_stop(0) == "deadline reached"

    def test_says_what_is_left_and_how_long_that_takes(self) -> None:
        spent, clock = spending()
        clock.passed = 60.0
        assert (
            spent.left_over(30, 412) == "deadline reached; 412 wait for the next run, about 14 min of work at this pace"
        )
        assert spent.left_over(0, 412) == "deadline reached; 412 wait for the next run"

    @pytest.mark.parametrize(("seconds", "said"), [(0.2, "1 s"), (99, "99 s"), (150, "2 min"), (9_000, "2.5 h")])
    def test_is_told_in_words(self, seconds: float, said: str) -> None:
        assert words(seconds) == said

    @pytest.mark.parametrize(("job", "request_", "created"), [(95.0, None, 10), (1_000.0, 45.0, 5), (5.0, 45.0, 5)])
    def test_counts_from_the_start_of_the_run_and_leaves_the_rest(
        self, job: float, request_: float | None, created: int
    ) -> None:
        stage = Rehearsal(lanes=1)
        stage.configure(deadline=job)
        for number in range(20):
            stage.hire(f"u{number}", ("vpn",))

        def takes_its_time(operation: str) -> None:
            stage.clock.passed += 10.0 if operation == "create" else 0.0

        stage.target.state.after = takes_its_time
        report = stage.run(deadline=request_)
        assert report.applied is not None
        assert len(stage.target.state.logins) == created
        assert len(stage.target.state.members) == created, "whoever was begun was not completed"
        assert f"deadline reached; {2 * (20 - created)} wait for the next run, about" in report.run.summary
        assert report.exit_code == 4
        stage.target.state.after = lambda _: None
        assert stage.run().exit_code == 0
        stage.close()

    def test_that_has_passed_before_the_plan_is_made_makes_nothing(self, stage: Rehearsal) -> None:
        stage.hire("ann")

        def slow(_: object) -> bool:
            stage.clock.passed += 100
            return True

        report = stage.run(deadline=50.0, confirm=slow)
        assert (report.exit_code, stage.target.state.logins) == (4, {})
        assert report.run.summary == "1 not tried; deadline reached; 1 wait for the next run"
