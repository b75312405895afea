"""Links that are mailed once more: to whom, how often, and how it ends."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from iwds.core.change import CreateLogin, SendActivation, Subject
from iwds.core.devices import Activated, Details
from iwds.core.model import Account, Anchor, Service
from iwds.core.policy import Hold
from iwds.engine.activations import Person, Sheet, not_activated, survey
from iwds.engine.locks import lock
from iwds.engine.resending import AGAIN, MAILED, MOST_UNKNOWN, Chosen, Obstacle, Resent, choose, resend
from iwds.errors import AccessRefused, LeaseHeld, NotSent, OutcomeUnknown, Rejected, ServiceUnavailable, Unavailable
from iwds.ports import HoldRow, Outcome, Result, State
from tests.unit.engine.desk import WHY, Helpdesk

NAMES = ("ann", "bob", "cy", "dan")


class Mailing(Helpdesk):
    """Four people of ours: the links of two wait, those of the others have run out."""

    def __init__(self) -> None:
        super().__init__()
        for name in NAMES:
            self.hire(name, mail=f"{name}@x.y")
        self.run()
        for name in NAMES:
            self.target.state.codes[self.login(name).id] = Activated.EXPIRED
        self.target.state.links.update(self.login(name).id for name in NAMES[:2])
        _replace(self, "details", self._details)
        self.told_of: dict[str, dict[str, Any]] = {}

    def _details(self, login_id: int) -> Details:
        login = self.target.state.logins[login_id]
        return replace(Details(login, self.target.state.how_far(login)), **self.told_of.get(login.login, {}))

    def chosen(self, limit: int = 20, *protected: str) -> Chosen:
        with closing(Sheet([state.value for state in MAILED])) as sheet:
            desk = self.desk(*protected)
            survey(desk, not_activated(MAILED), sheet)
            return choose(desk, sheet, limit)

    def resend(self, people: Sequence[Person] | None = None) -> Resent:
        return resend(self.desk(), self.chosen().people if people is None else people, WHY, 60)

    def results(self, resent: Resent) -> dict[str, Result]:
        return {person.login: result for person, result, _ in resent.results}


@pytest.fixture
def stage() -> Iterator[Mailing]:
    made = Mailing()
    yield made
    made.close()


def names(chosen: Chosen) -> list[str]:
    return [person.login for person in chosen.people]


class TestTheChoice:
    def test_is_of_waiting_links_first_and_no_more_than_asked_for(self, stage: Mailing) -> None:
        assert names(stage.chosen()) == ["ann", "bob", "cy", "dan"]
        few = stage.chosen(3)
        assert (names(few), few.rest, few.left_out) == (["ann", "bob", "cy"], 1, {})

    def test_leaves_out_whom_something_keeps_from_a_link_and_says_what(self, stage: Mailing) -> None:
        stage.by_hand("ann", status=1)
        stage.by_hand("bob", mail="")
        service = stage.target.reader.service
        hold = HoldRow(stage.login("cy").id, Hold("zoe", "x"), "", stage.clock.now())
        stage.state.place_hold(service, hold)
        chosen = stage.chosen(20, "dan")
        assert names(chosen) == []
        assert chosen.left_out == dict.fromkeys(
            (Obstacle.LOCKED, Obstacle.NO_MAIL, Obstacle.HELD, Obstacle.PROTECTED), 1
        )

    def test_leaves_out_whom_the_directory_does_not_have_any_more(self, stage: Mailing) -> None:
        stage.leave("ann")
        stage.run()
        stage.by_hand("ann", status=0)
        assert stage.chosen().left_out == {Obstacle.GONE: 1}

    @pytest.mark.parametrize(
        ("result", "obstacle"),
        [(Result.DONE, Obstacle.TRIED), (Result.UNKNOWN, Obstacle.TRIED), (Result.REJECTED, Obstacle.REFUSED)],
    )
    def test_leaves_out_who_was_tried_within_a_week_by_whomever(
        self, stage: Mailing, monkeypatch: pytest.MonkeyPatch, result: Result, obstacle: Obstacle
    ) -> None:
        asked = []

        def tried(_: State, service: Service, since: datetime) -> dict[int, Result]:
            asked.append((service, since))
            return {stage.login("ann").id: result}

        monkeypatch.setattr(type(stage.state), "links_tried", tried)
        assert stage.chosen().left_out == {obstacle: 1}
        assert asked == [(stage.target.reader.service, stage.clock.now() - AGAIN)]

    def test_leaves_out_whose_mail_a_run_left_open(self, stage: Mailing) -> None:
        state, service = stage.state, stage.target.reader.service
        state.start_run(stage.run_row(), "", "")
        journal = state.journal("r1", service, state.lease(service, "r1", 60))
        account = Account(Anchor("here", "ann"), "ann")
        subject = Subject("ann", account.anchor)
        made, _ = journal.intend([(4, CreateLogin(subject, account, "new")), (4, SendActivation(subject, "new"))])
        journal.settle([Outcome(made, Result.DONE, login_id=stage.login("ann").id)])
        stage.clock.passed += 61
        assert stage.chosen().left_out == {Obstacle.OPEN: 1}


class TestSending:
    def test_mails_waiting_links_and_makes_new_ones_for_the_others(self, stage: Mailing) -> None:
        resent = stage.resend()
        assert stage.results(resent) == dict.fromkeys(NAMES, Result.DONE)
        assert (resent.exit_code, resent.stopped) == (0, "")
        assert stage.actions.calls == ["send_link", "send_link", *["add_device link", "send_link"] * 2]
        assert [(row.name, row.detail, row.reason) for row in stage.audit()] == [
            ("ann", "link by mail", "phone lost"),
            ("bob", "link by mail", "phone lost"),
            ("cy", "new link by mail", "phone lost"),
            ("dan", "new link by mail", "phone lost"),
        ]

    def test_is_done_once_in_a_week_however_often_it_is_asked_for(self, stage: Mailing) -> None:
        people = stage.chosen().people
        stage.resend()
        assert stage.resend(people).results == [(each, Result.HELD, Obstacle.TRIED.value) for each in people]
        assert names(stage.chosen()) == []
        assert len(stage.audit()) == len(NAMES)
        stage.clock.passed += (AGAIN + timedelta(seconds=1)).total_seconds()
        assert names(stage.chosen()) == list(NAMES)

    def test_goes_on_with_the_rest_after_a_death_and_sends_nobody_another(self, stage: Mailing) -> None:
        sends = iter([None, KeyboardInterrupt()])
        _replace(stage, "send_link", lambda _: _raise(next(sends)))
        with pytest.raises(KeyboardInterrupt):
            stage.resend()
        assert names(stage.chosen()) == ["cy", "dan"]

    @pytest.mark.parametrize(
        ("changed", "obstacle"),
        [
            ({"activated": Activated.DONE}, Obstacle.ACTIVATED),
            ({"activated": Activated.CODE}, Obstacle.ACTIVATED),
            ({"activated": None}, Obstacle.ACTIVATED),
        ],
    )
    def test_looks_once_more_before_each(self, stage: Mailing, changed: dict[str, Any], obstacle: Obstacle) -> None:
        stage.told_of["ann"] = changed
        ((_, result, words), *_) = stage.resend().results
        assert (result, words) == (Result.HELD, obstacle.value)
        assert "ann" not in [row.name for row in stage.audit()]

    @pytest.mark.parametrize(
        ("fields", "obstacle"), [({"status": 1}, Obstacle.LOCKED), ({"mail": ""}, Obstacle.NO_MAIL)]
    )
    def test_mails_nobody_who_was_locked_or_lost_their_address_since(
        self, stage: Mailing, fields: dict[str, Any], obstacle: Obstacle
    ) -> None:
        people = stage.chosen().people
        stage.by_hand("ann", **fields)
        ((_, result, words), *_) = stage.resend(people).results
        assert (result, words) == (Result.HELD, obstacle.value)

    def test_mails_nobody_whom_the_helpdesk_has_locked_since(self, stage: Mailing) -> None:
        people = stage.chosen().people
        lock(stage.desk(), stage.login("ann"), None, WHY)
        assert stage.resend(people).results[0][1:] == (Result.HELD, Obstacle.HELD.value)

    def test_mails_nobody_who_is_not_ours_any_more(self, stage: Mailing) -> None:
        people = [replace(each, id=each.id + 1000) for each in stage.chosen().people]
        assert {words for _, _, words in stage.resend(people).results} == {Obstacle.NOT_OURS.value}

    def test_waits_for_no_run_but_says_that_one_is_at_work(self, stage: Mailing) -> None:
        people = stage.chosen().people
        lease = stage.state.lease(stage.target.reader.service, "a run", 60)
        with pytest.raises(LeaseHeld):
            stage.resend(people)
        lease.release()
        stage.resend(people)
        stage.run()


class TestAFailure:
    def test_of_one_person_keeps_nobody_else_waiting(self, stage: Mailing) -> None:
        _replace(stage, "add_device", lambda *_, **__: _raise(Rejected("no", "NoPassword")))
        resent = stage.resend()
        assert stage.results(resent) == {
            "ann": Result.DONE, "bob": Result.DONE, "cy": Result.REJECTED, "dan": Result.REJECTED,
        }  # fmt: skip
        assert resent.exit_code == 4
        assert stage.chosen().left_out == {Obstacle.TRIED: 2, Obstacle.REFUSED: 2}

    def test_that_never_reached_the_service_stops_and_keeps_everybody_in_the_list(self, stage: Mailing) -> None:
        for error in (NotSent("busy"), AccessRefused("certificate")):
            stage.actions.error = error
            resent = stage.resend()
            assert stage.results(resent) == {"ann": Result.NOT_TRIED}
            assert (resent.stopped, resent.exit_code) == (str(error), 4)
        assert names(stage.chosen()) == list(NAMES)

    def test_of_the_look_stops_before_anything_is_sent(self, stage: Mailing) -> None:
        _replace(stage, "details", lambda _: _raise(ServiceUnavailable("out")))
        assert stage.results(stage.resend()) == {"ann": Result.NOT_TRIED}
        _replace(stage, "details", lambda _: _raise(Rejected("gone")))
        assert stage.results(stage.resend()) == dict.fromkeys(NAMES, Result.REJECTED)
        assert stage.audit() == []

    def test_without_an_answer_stops_after_a_few_in_a_row(self, stage: Mailing) -> None:
        stage.actions.error = OutcomeUnknown("no answer")
        resent = stage.resend()
        assert list(stage.results(resent).values()) == [Result.UNKNOWN] * MOST_UNKNOWN
        assert "without an answer" in resent.stopped

    def test_of_our_memory_leaves_it_open_whether_it_was_mailed(
        self, stage: Mailing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        people = stage.chosen().people
        monkeypatch.setattr(type(stage.state), "note_outcome", lambda *_: _raise(Unavailable("disk full")))
        resent = stage.resend(people)
        assert (stage.results(resent), resent.stopped) == ({"ann": Result.UNKNOWN}, "disk full")

    def test_to_keep_the_lease_sends_nothing_more(self, stage: Mailing) -> None:
        people = stage.chosen().people

        def another_comes() -> None:
            stage.clock.passed += 61
            stage.state.lease(stage.target.reader.service, "another", 60)

        _replace(stage, "send_link", lambda _: another_comes())
        resent = stage.resend(people)
        assert stage.results(resent) == {"ann": Result.DONE}
        assert "no longer ours" in resent.stopped


def _replace(stage: Helpdesk, name: str, call: Callable[..., Any]) -> None:
    """What the service answers from now on."""
    setattr(stage.actions, name, call)


def _raise(error: BaseException | None) -> Any:
    if error:
        raise error
