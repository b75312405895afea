"""Making a plan true."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from iwds.core.change import (
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    CreateLogin,
    DeleteLogin,
    Evidence,
    Forget,
    RemoveFromGroup,
    SendActivation,
    Subject,
    Write,
)
from iwds.core.devices import Loss
from iwds.core.model import Account, Activation, Anchor, AtCreation, Group, Login
from iwds.core.policy import Hold
from iwds.engine import applying
from iwds.engine.applying import Applied, Applying, Hands
from iwds.engine.job import LEASE_SECONDS
from iwds.engine.verify import Verifier
from iwds.errors import (
    AccessRefused,
    Busy,
    LeaseLost,
    LoginTaken,
    NotSent,
    OutcomeUnknown,
    Rejected,
    ServiceUnavailable,
)
from iwds.ports import Lease, Result
from tests.unit.core.made import assembled
from tests.unit.engine.rehearsal import OURS, Rehearsal

VPN, WIKI = Group(1, "vpn"), Group(2, "wiki")
DOUBT = OutcomeUnknown("no answer")
DONE, REJECTED, UNKNOWN, HELD, NOT_TRIED = (
    Result.DONE, Result.REJECTED, Result.UNKNOWN, Result.HELD, Result.NOT_TRIED
)  # fmt: skip


class Stage(Rehearsal):
    """A rehearsal whose plans are given, not made."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.stop = threading.Event()
        self.find_hold: Callable[[int], Hold | None] = lambda _: None
        self.told: list[tuple[str, int, int | None]] = []
        service = self.job.target.service
        self.lease: Lease = self.state.lease(service, "us", LEASE_SECONDS)
        self.state.start_run(self.run_row(), "", "")

    def apply(self, changes: Sequence[Change], expect: type[Exception] | None = None) -> Applied:
        service = self.job.target.service
        hands = Hands(
            self.writer(),
            self.state.journal("r1", service, self.lease),
            self.lease,
            Verifier(self.job, self.clock),
            lambda login_id: self.state.ledger_row(service, login_id),
            self.find_hold,
            self.stop,
            lambda *said: self.told.append(said),
        )
        work = Applying(assembled(changes), self.job, hands)
        if expect is None:
            return work.run()
        with pytest.raises(expect):
            work.run()
        return work.applied

    def results(self) -> list[Result | None]:
        return [intent.result for intent in self.state.intents("r1")]

    def ours(self, name: str, **fields: Any) -> Login:
        """A login of ours, whose person is in the directory."""
        made = self.target.state.add(name, created_by=OURS, **fields)
        self.apply([Adopt(subject(name, made.id), made, (), "explained")])
        return made


class Waits(threading.Event):
    """A request to stop that nobody makes; how long it was waited for is noted, and not waited."""

    def __init__(self, waits: list[float]) -> None:
        super().__init__()
        self._waits = waits

    def wait(self, timeout: float | None = None) -> bool:
        self._waits.append(timeout or 0)
        return False


def subject(name: str, number: int | None = None) -> Subject:
    return Subject(name, Anchor("here", name), number)


def create(name: str, *groups: Group, **fields: Any) -> list[Change]:
    account = Account(Anchor("here", name), name, enabled=True, **fields)
    who = subject(name)
    return [CreateLogin(who, account, "new"), *(AddToGroup(who, group, "due") for group in groups)]


def write(before: Login, evidence: Evidence | None = None, **after: Any) -> Write:
    return Write(subject(before.login, before.id), before, replace(before, **after), "because", evidence)


def delete(login: Login) -> DeleteLogin:
    """What takes back a login that nobody has begun to use."""
    who = subject(login.login, login.id)
    return DeleteLogin(who, login, (), "ordered", Evidence.ORDERED, lost=Loss((), (), None))


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.close()


def test_every_kind_of_change_is_made_and_remembered(stage: Stage) -> None:
    ann, bob, cy = (stage.target.state.add(name, created_by=OURS) for name in ("ann", "bob", "cy"))
    stage.target.state.members |= {(1, bob.id): 0, (2, bob.id): 0}
    made = stage.apply(
        [
            Adopt(subject("ann", ann.id), ann, (), "explained"),
            AddToGroup(subject("ann", ann.id), WIKI, "due"),
            write(ann, mail="a@x.y"),
            Adopt(subject("bob", bob.id), bob, (1,), "explained"),
            AdoptMembership(subject("bob", bob.id), WIKI, "explained"),
            RemoveFromGroup(subject("bob", bob.id), VPN, "ordered", Evidence.ORDERED),
            Adopt(subject("cy", cy.id), cy, (), "explained"),
            delete(cy),
            Forget(subject("dee", 99), "gone"),
            *create("eve", VPN, at_creation=AtCreation(Activation.LINK), mail="e@x.y"),
            SendActivation(subject("eve"), "new"),
        ]
    )
    assert (made.results, made.outcomes, made.stopped) == ({DONE: 12}, [], "")
    assert stage.told[-1] == ("apply", 12, 12)
    assert {row.login: sorted(row.groups) for row in stage.ledger().values()} == {"ann": [2], "bob": [2], "eve": [1]}
    eve = stage.login("eve").id
    assert stage.target.state.mails == [eve]
    assert stage.target.state.members.keys() == {(2, ann.id), (2, bob.id), (1, eve)}
    assert stage.login("ann").mail == "a@x.y"
    assert set(stage.results()) == {DONE}


def test_everybody_is_served_whatever_their_number(stage: Stage) -> None:
    people = [step for number in range(200) for step in create(f"u{number}", VPN)]
    assert stage.apply(people).results == {DONE: 400}
    assert len(stage.target.state.logins) == len(stage.ledger()) == 200


class TestOrder:
    def test_a_phase_begins_when_the_one_before_is_over(self, stage: Stage) -> None:
        logins = [stage.ours(f"u{n}") for n in range(8)]
        calls = stage.calls()
        gone = [delete(login) for login in logins[:4]]
        locked = [write(x, Evidence.ORDERED, status=1) for x in logins[4:]]
        stage.apply([*create("zoe", VPN), *gone, *locked])
        assert calls == ["update"] * 4 + ["delete"] * 4 + ["create", "add_to_group"]

    def test_in_a_chain_of_renames_each_waits_for_the_one_before(self, stage: Stage) -> None:
        names = [f"u{n:02}" for n in range(20)]
        logins = [stage.ours(name) for name in names]
        chain = [write(x, Evidence.ORDERED, login=new) for x, new in zip(logins, [*names[1:], "u99"], strict=True)]
        before, open_at_once = len(stage.results()), []

        def count(_: str) -> None:
            open_at_once.append(stage.results()[before:].count(None))

        stage.target.state.before = count
        assert stage.apply(chain).outcomes == []
        assert open_at_once == [1] * len(names)
        assert stage.target.state.logins[logins[0].id].login == "u01"

    def test_one_persons_steps_follow_each_other_in_one_lane(self, stage: Stage) -> None:
        seen: list[tuple[str, str]] = []

        def before(operation: str) -> None:
            seen.append((threading.current_thread().name, operation))

        stage.target.state.before = before
        first = [step for n in range(10) for step in create(f"u{n}", VPN, WIKI)]
        stage.apply(first)
        for lane in {name for name, _ in seen}:
            mine = [operation for name, operation in seen if name == lane]
            assert mine == ["create", "add_to_group", "add_to_group"] * (len(mine) // 3)


class TestWhatIsNotTried:
    def test_are_the_groups_of_somebody_who_could_not_be_created(self, stage: Stage) -> None:
        stage.fail("create", Rejected("no"))
        made = stage.apply(create("ann", VPN))
        assert made.results == {REJECTED: 1, NOT_TRIED: 1}
        assert made.outcomes[1][2] == "the login was not created"
        assert stage.ledger() == {}

    def test_is_everything_after_a_request_to_stop(self, stage: Stage) -> None:
        people = [step for n in range(300) for step in create(f"u{n}")]
        stage.target.state.after = lambda _: stage.stop.set()
        made = stage.apply(people)
        assert made.stopped == "stopped on request"
        assert sum(made.results.values()) == 300
        assert made.results[NOT_TRIED] > 200
        assert len(stage.ledger()) == made.results[DONE] == len(stage.target.state.logins)

    def test_is_everything_after_too_many_failures(self, stage: Stage) -> None:
        stage.fail("create", Rejected("no"), times=1_000)
        made = stage.apply([step for n in range(300) for step in create(f"u{n}")])
        assert "changes failed" in made.stopped
        assert made.results[NOT_TRIED] > 100
        assert made.results[REJECTED] >= 31

    def test_is_nothing_after_a_few_failures(self, stage: Stage) -> None:
        stage.fail("create", Rejected("no"), times=10)
        made = stage.apply([step for n in range(20) for step in create(f"u{n}")])
        assert (made.stopped, made.results) == ("", {REJECTED: 10, DONE: 10})

    def test_is_everything_after_access_was_refused(self, stage: Stage) -> None:
        stage.fail("create", AccessRefused("the certificate has expired"))
        made = stage.apply([step for n in range(200) for step in create(f"u{n}")])
        assert made.stopped == "the certificate has expired"
        assert made.results[REJECTED] == 1
        assert made.results[NOT_TRIED] > 0


class TestAFullService:
    @pytest.fixture
    def stage(self) -> Iterator[Stage]:
        made = Stage(max_logins=3, lanes=1)
        yield made
        made.close()

    def test_stops_creations_alone_and_is_no_failure(self, stage: Stage) -> None:
        ann = stage.ours("ann")
        made = stage.apply([*(s for n in range(40) for s in create(f"u{n}")), write(ann, mail="a@x.y")])
        assert (made.stopped, made.results) == ("", {DONE: 3, HELD: 38})
        assert stage.login("ann").mail == "a@x.y"
        assert {error for _, _, error in made.outcomes} == {"the service is full"}
        assert made.waiting_for_seats == 38

    def test_is_asked_once_only(self, stage: Stage) -> None:
        calls = stage.calls()
        stage.apply([s for n in range(40) for s in create(f"u{n}")])
        assert calls == ["create"] * 4


class TestACallThatWasNotSent:
    def test_is_made_again(self, stage: Stage) -> None:
        stage.fail("create", NotSent("refused"), times=applying.ATTEMPTS - 1)
        assert stage.apply(create("ann")).results == {DONE: 1}

    def test_is_given_up_after_some_attempts(self, stage: Stage) -> None:
        stage.fail("create", NotSent("refused"), times=applying.ATTEMPTS)
        assert stage.apply(create("ann")).outcomes[0][1:] == (REJECTED, "refused")

    def test_is_made_again_when_the_service_wants_to_be_asked_again(self, stage: Stage) -> None:
        waits: list[float] = []
        stage.stop = Waits(waits)
        stage.fail("create", Busy("slow down", 7), times=2)
        assert stage.apply(create("ann")).results == {DONE: 1}
        assert waits == [7, 7]

    def test_is_not_made_again_for_a_service_that_wants_too_much_time(self, stage: Stage) -> None:
        waits: list[float] = []
        stage.stop = Waits(waits)
        stage.fail("create", Busy("slow down", 3600))
        assert stage.apply(create("ann")).results == {REJECTED: 1}
        assert waits == []

    def test_waits_longer_each_time_and_not_as_all_others_do(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(applying, "PAUSE", 0.5)
        waits: list[float] = []
        stage.stop = Waits(waits)
        for name in ("ann", "bob", "cy"):
            stage.fail("create", NotSent("refused"), times=2)
            stage.apply(create(name))
        assert all(0 <= wait <= most for wait, most in zip(waits, (0.5, 1.0) * 3, strict=True))
        assert len(set(waits)) > 1

    def test_is_given_up_at_once_when_the_run_is_to_stop(self, stage: Stage) -> None:
        calls: list[str] = []

        def before(operation: str) -> None:
            calls.append(operation)
            stage.stop.set()
            raise NotSent("refused")

        stage.target.state.before = before
        assert stage.apply(create("ann")).results == {REJECTED: 1}
        assert calls == ["create"]


class TestACallWithoutAnAnswer:
    """Is settled by reading: what was done at once, and what was not, by the next run: it may be done yet."""

    @pytest.mark.parametrize(("after", "result"), [(False, UNKNOWN), (True, DONE)])
    def test_a_creation(self, stage: Stage, after: bool, result: Result) -> None:
        stage.fail("create", DOUBT, after=after)
        made = stage.apply(create("ann", VPN))
        assert made.results == ({DONE: 2} if after else {UNKNOWN: 1, NOT_TRIED: 1})
        assert stage.results()[0] is result
        assert list(stage.ledger()) == (["ann"] if after else [])

    @pytest.mark.parametrize(("after", "result"), [(False, UNKNOWN), (True, DONE)])
    def test_a_write(self, stage: Stage, after: bool, result: Result) -> None:
        ann = stage.ours("ann")
        stage.fail("update", DOUBT, after=after)
        assert stage.apply([write(ann, Evidence.ORDERED, mail="a@x.y", login="anna")]).results == {result: 1}
        assert stage.ledger()["ann"].login == ("anna" if after else "ann")

    @pytest.mark.parametrize(("after", "result"), [(False, UNKNOWN), (True, DONE)])
    def test_a_deletion(self, stage: Stage, after: bool, result: Result) -> None:
        ann = stage.ours("ann")
        stage.fail("delete", DOUBT, after=after)
        assert stage.apply([delete(ann)]).results == {result: 1}
        assert list(stage.ledger()) == ([] if after else ["ann"])

    def test_a_write_to_a_login_that_is_gone_or_was_changed_meanwhile(self, stage: Stage) -> None:
        ann, bob = stage.ours("ann"), stage.ours("bob")

        def meanwhile(_: str) -> None:
            stage.target.state.logins.pop(ann.id, None)
            stage.by_hand("bob", mail="hand@x.y")
            raise DOUBT

        stage.target.state.before = meanwhile
        assert stage.apply([write(ann, mail="a@x.y")]).results == {UNKNOWN: 1}
        assert stage.apply([write(replace(bob, mail="hand@x.y"), mail="b@x.y", phone="1")]).results == {UNKNOWN: 1}

        def meanwhile_again(_: str) -> None:
            stage.by_hand("bob", mail="other@x.y")
            raise DOUBT

        stage.target.state.before = meanwhile_again
        assert stage.apply([write(stage.login("bob"), mail="b@x.y")]).results == {UNKNOWN: 1}

    @pytest.mark.parametrize("operation", ["add_to_group", "remove_from_group", "send_activation"])
    def test_what_a_read_cannot_show_stays_unknown(self, stage: Stage, operation: str) -> None:
        ann = stage.ours("ann")
        who = subject("ann", ann.id)
        stage.fail(operation, DOUBT)
        change: dict[str, Change] = {
            "add_to_group": AddToGroup(who, VPN, "due"),
            "remove_from_group": RemoveFromGroup(who, VPN, "ordered", Evidence.ORDERED),
            "send_activation": SendActivation(who, "new"),
        }
        assert stage.apply([change[operation]]).results == {UNKNOWN: 1}

    def test_stays_unknown_where_the_service_cannot_be_read(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stage.fail("create", DOUBT, after=True)
        monkeypatch.setattr(type(stage.target.reader), "named", raising(ServiceUnavailable("down")))
        assert stage.apply(create("ann")).results == {UNKNOWN: 1}
        assert stage.ledger() == {}

    def test_a_creation_that_finds_a_login_of_another_origin_is_not_ours(self, stage: Stage) -> None:
        stage.target.state.add("ann", created_by=1)
        stage.fail("create", DOUBT)
        assert stage.apply(create("ann")).results == {UNKNOWN: 1}
        assert stage.ledger() == {}

    def test_a_newcomer_never_gets_the_login_that_stands_for_somebody_else(self, stage: Stage) -> None:
        """Its name was to be given up by a rename, which failed; and the service said no without a cause."""
        ann = stage.ours("ann")
        stage.fail("update", LoginTaken("taken"))
        newcomer = Subject("ann", Anchor("here", "second ann"))
        account = Account(Anchor("here", "second ann"), "ann", enabled=True)
        bare = stage.target.state.before

        def before(operation: str) -> None:
            bare(operation)
            if operation == "create":
                raise DOUBT

        stage.target.state.before = before
        made = stage.apply(
            [
                write(ann, Evidence.ORDERED, login="anna"),
                CreateLogin(newcomer, account, "new"),
                AddToGroup(newcomer, VPN, "due"),
            ]
        )
        assert made.results == {REJECTED: 1, UNKNOWN: 1, NOT_TRIED: 1}
        assert list(stage.ledger()) == ["ann"]
        assert stage.target.state.members == {}


class TestTheLastLook:
    def test_holds_a_removal_that_is_no_longer_asked_for(self, stage: Stage) -> None:
        ann = stage.ours("ann")
        stage.hire("ann")
        made = stage.apply([write(ann, Evidence.SEEN, status=1)])
        assert (made.results, stage.results()[-1]) == ({HELD: 1}, HELD)
        assert stage.login("ann").status == 0

    def test_holds_a_removal_where_it_cannot_be_taken(self, stage: Stage) -> None:
        ann = stage.ours("ann")
        stage.source.fail_after = 0
        made = stage.apply([write(ann, Evidence.UNSEEN, status=1)])
        assert made.results == {HELD: 1}
        assert "could not be looked up once more" in made.outcomes[0][2]


class TestTheLease:
    def test_that_somebody_else_took_ends_the_run_before_the_next_call(self, stage: Stage) -> None:
        stage.clock.passed += LEASE_SECONDS + 1
        stage.state.lease(stage.job.target.service, "somebody else", LEASE_SECONDS)
        made = stage.apply(create("ann"), LeaseLost)
        assert made.stopped == "stopped by LeaseLost"
        assert stage.target.state.logins == {}

    def test_that_is_about_to_end_begins_no_call(self, stage: Stage) -> None:
        ann = stage.ours("ann")
        stage.hire("ann", disabled="yes")

        def late(*_: object) -> Login:
            stage.clock.passed += LEASE_SECONDS  # the last look took this long
            return ann

        stage.job = replace(stage.job, target=Slow(stage.target.reader, late))
        made = stage.apply([write(ann, Evidence.SEEN, status=1)])
        assert made.outcomes[0][1:] == (NOT_TRIED, "the lease of the service was about to end")
        assert stage.login("ann").status == 0

    def test_that_is_lost_in_the_middle_lets_the_lanes_make_no_further_call(self, stage: Stage) -> None:
        stage.job = replace(stage.job, target=One(stage.target.reader))
        calls: list[str] = []

        def after(operation: str) -> None:
            calls.append(operation)
            if len(calls) == 1:
                stage.clock.passed += LEASE_SECONDS + 1
                stage.state.lease(stage.job.target.service, "somebody else", LEASE_SECONDS)

        stage.target.state.after = after
        stage.apply([step for n in range(200) for step in create(f"u{n}")], LeaseLost)
        assert calls == ["create"]

    def test_that_is_lost_leaves_a_lock_that_came_meanwhile_to_the_next_run(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ann, bob = stage.ours("ann"), stage.ours("bob")
        over, both, asked, calls = threading.Event(), threading.Barrier(2), Counter[int](), list[str]()
        shut_down = ThreadPoolExecutor.shutdown

        def broken_off(*arguments: Any, **named: Any) -> None:
            over.set()  # the run has broken off, and waits for its lanes
            shut_down(*arguments, **named)

        def find_hold(login_id: int) -> Hold | None:
            asked[login_id] += 1
            if asked[login_id] == 2:
                both.wait(10)  # nothing but their calls is to come
            return Hold("zoe", "phone lost") if asked[login_id] > 2 and over.is_set() else None

        def after(operation: str) -> None:
            calls.append(operation)
            if len(calls) == 1:
                stage.clock.passed += LEASE_SECONDS + 1
                stage.state.lease(stage.job.target.service, "somebody else", LEASE_SECONDS)
            else:
                assert over.wait(10)

        stage.find_hold, stage.target.state.after = find_hold, after
        monkeypatch.setattr(ThreadPoolExecutor, "shutdown", broken_off)
        stage.apply([write(ann, mail="a@x.y"), write(bob, mail="b@x.y")], LeaseLost)
        assert calls == ["update", "update"]


class Slow:
    """A reader whose look at one login takes its time."""

    def __init__(self, reader: Any, login: Callable[..., Login | None]) -> None:
        self._reader = reader
        self.login = login

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


class One(Slow):
    """A reader that allows one call at a time."""

    lanes = 1

    def __init__(self, reader: Any) -> None:
        super().__init__(reader, reader.login)


def raising(error: Exception) -> Callable[..., None]:
    def method(*_: object) -> None:
        raise error

    return method
