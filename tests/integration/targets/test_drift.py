"""Somebody else writes to the service between two pages: it is noticed and read again, or it does no harm."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from iwds.core.model import Account, Anchor, Membership
from iwds.core.plan import Plan
from iwds.core.policy import Policy
from iwds.engine.job import Job, Progress, Tools
from iwds.engine.planning import make_plan
from iwds.errors import AccessRefused, ServiceUnproven, Stopped
from iwds.sandbox.server import SandboxThread
from iwds.sources.memory import MemorySource
from iwds.state.database import open_state
from iwds.state.scratch import ScratchWaist
from iwds.targets.provisioning import ProvisioningTarget, Settings, connect
from tests.servers.relay import NotAllowed, Relay
from tests.unit.engine.rehearsal import WIDE, PlainRules, SetClock

TAG = 4711
NAMES = [f"u{number:02}" for number in range(24)]
VPN = 101


def connected(url: str, **values: object) -> ProvisioningTarget:
    fixed = {"kind": "provisioning", "url": url, "service_id": 10408, "provisioning_id": TAG, "page_size": 5}
    return connect("mfa", Settings.model_validate({**fixed, **values}))


@dataclass
class Stage:
    """The service with u00 to u23, all of them in the group `vpn`, seen through a relay; and another hand."""

    relay: Relay
    target: ProvisioningTarget
    hand: ProvisioningTarget
    ids: dict[str, int]

    def create(self, name: str) -> None:
        self.hand.writer().create(Account(Anchor("r", name), name, enabled=True))

    def delete(self, name: str) -> None:
        self.hand.writer().delete(self.ids[name])

    def rename(self, name: str, to: str) -> None:
        login = self.hand.reader.login(self.ids[name], name)
        assert login
        self.hand.writer().update(replace(login, login=to))

    def join(self, name: str) -> None:
        self.hand.writer().add_to_group(VPN, self.ids[name])

    def leave(self, name: str) -> None:
        self.hand.writer().remove_from_group(VPN, self.ids[name])

    def before(self, operation: str, page: int, *moves: Callable[[], None]) -> None:
        """What the other hand does before the page of this number is looked at, once."""

        def act(asked: str, times: int) -> None:
            if (asked, times) == (operation, page):
                for move in moves:
                    move()

        self.relay.before = act

    def plan(self, stop: threading.Event | None = None, progress: Progress | None = None) -> Plan:
        """A plan of a job whose directory is empty, and that owns nobody."""
        state = open_state("sqlite://", clock=SetClock())
        source = MemorySource("staff", [], realm="here")
        job = Job("staff", (source,), PlainRules(), self.target.reader, Policy(TAG), WIDE, "configuration")
        tools = Tools(state, SetClock(), ScratchWaist)
        try:
            return make_plan(job, replace(tools, progress=progress or tools.progress), stop=stop)[0]
        finally:
            state.close()


@pytest.fixture(params=[1, 4], ids=["1 lane", "4 lanes"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with SandboxThread() as sandbox, Relay(sandbox.url) as relay:
        target, hand = connected(relay.url, lanes=request.param), connected(sandbox.url)
        stage = Stage(relay, target, hand, {})
        for name in NAMES:
            stage.ids[name] = hand.writer().create(Account(Anchor("r", name), name, enabled=True))
            stage.join(name)
        yield stage
        target.reader.close()
        hand.reader.close()


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("iwds-reading")]


# --- logins -----------------------------------------------------------------------------------------------------------

Moves = Callable[[Stage], list[Callable[[], None]]]
NOTICED: dict[str, Moves] = {
    "a deletion before the page": lambda stage: [lambda: stage.delete("u00")],
    "a creation before the page": lambda stage: [lambda: stage.create("u00b")],
    "a creation behind the page": lambda stage: [lambda: stage.create("u23b")],
    "a deletion before and a creation behind": lambda stage: [lambda: stage.delete("u00"), lambda: stage.create("z")],
    "a rename from behind to before": lambda stage: [lambda: stage.rename("u23", "a")],
    "a rename from before to behind": lambda stage: [lambda: stage.rename("u00", "z")],
}
HARMLESS: dict[str, Moves] = {
    "a deletion and a creation before": lambda stage: [lambda: stage.delete("u00"), lambda: stage.create("a")],
    "a deletion and a creation behind": lambda stage: [lambda: stage.delete("u23"), lambda: stage.create("z")],
    "a rename in its place before": lambda stage: [lambda: stage.rename("u00", "u00b")],
    "a rename in its place behind": lambda stage: [lambda: stage.rename("u23", "u23b")],
}


@pytest.mark.parametrize("moves", NOTICED.values(), ids=NOTICED)
def test_what_crosses_a_page_is_noticed_and_the_reading_repeated(stage: Stage, moves: Moves) -> None:
    stage.before("loginsQuery", 1, *moves(stage))
    proof = stage.plan().basis.service
    assert "service: read twice because it moved" in proof.reasons
    assert proof.count == len({login.id for login in stage.hand.reader.read_logins()})


@pytest.mark.parametrize("stage", [1], indirect=True)  # beside other pages, two moves are not one
@pytest.mark.parametrize("moves", HARMLESS.values(), ids=HARMLESS)
def test_what_crosses_no_page_does_no_harm_and_nothing_is_repeated(stage: Stage, moves: Moves) -> None:
    stage.before("loginsQuery", 1, *moves(stage))
    reading = stage.target.reader.read_logins()
    logins = list(reading)
    assert reading.finish().proven
    assert {stage.ids[name] for name in NAMES[1:-1]} <= {login.id for login in logins}
    assert len({login.id for login in logins}) == len(logins)


def test_a_reading_that_moved_leaves_nothing_of_it_in_the_plan(stage: Stage) -> None:
    stage.before("loginsQuery", 3, lambda: stage.delete("u00"))
    plan = stage.plan()
    assert plan.basis.tally.logins == len(NAMES) - 1 + 2
    assert "u00" not in {skip.subject.login for skip in plan.skips}


def test_a_service_that_never_rests_is_not_proven_after_three_readings(stage: Stage) -> None:
    left = iter(NAMES)

    def disturb(operation: str, times: int) -> None:
        if operation == "loginsQuery":
            stage.delete(next(left))

    stage.relay.before = disturb
    with pytest.raises(ServiceUnproven, match="service: read three times because it moved") as caught:
        stage.plan()
    assert "the count changed" in str(caught.value)
    assert "loginsQueryByGroup" not in stage.relay.calls
    assert threads() == []


# --- memberships ------------------------------------------------------------------------------------------------------


def test_a_membership_that_ends_between_two_pages_is_noticed_and_the_memberships_are_read_again(stage: Stage) -> None:
    stage.before("loginsQueryByGroup", 3, lambda: stage.leave("u00"))
    plan = stage.plan()
    assert "memberships: read twice because it moved" in plan.basis.service.reasons
    assert "service: read twice because it moved" not in plan.basis.service.reasons
    assert plan.basis.tally.members == {VPN: len(NAMES) - 1}


def test_one_member_for_another_across_a_page_is_noticed(stage: Stage) -> None:
    stage.leave("u23")
    stage.before("loginsQueryByGroup", 3, lambda: stage.leave("u00"), lambda: stage.join("u23"))
    plan = stage.plan()
    assert "memberships: read twice because it moved" in plan.basis.service.reasons
    assert plan.basis.tally.members == {VPN: len(NAMES) - 1}


def test_members_of_many_groups_come_in_the_order_of_the_groups(stage: Stage) -> None:
    for group in (102, 104):
        stage.hand.writer().add_to_group(group, stage.ids["u07"])
    reading = stage.target.reader.read_memberships([105, 104, 103, VPN, 102])
    members = list(reading)
    assert reading.finish().proven
    seven = stage.ids["u07"]
    assert members == [
        Membership(seven, 104), *(Membership(stage.ids[name], VPN) for name in NAMES), Membership(seven, 102)
    ]  # fmt: skip


# --- side by side -----------------------------------------------------------------------------------------------------


side_by_side = pytest.mark.parametrize("stage", [4], indirect=True)


@side_by_side
def test_pages_are_asked_for_at_the_same_time(stage: Stage) -> None:
    together = threading.Barrier(stage.target.reader.lanes)
    stage.relay.before = lambda operation, times: _meet(together) if 1 <= times <= 4 else None
    assert len(list(stage.target.reader.read_logins())) == len(NAMES) + 2


@side_by_side
def test_groups_are_asked_for_at_the_same_time(stage: Stage) -> None:
    together = threading.Barrier(stage.target.reader.lanes)
    stage.relay.before = lambda operation, times: _meet(together) if operation == "loginsQueryByGroup" else None
    assert list(stage.target.reader.read_memberships([102, 103, 104, 105])) == []


def _meet(barrier: threading.Barrier) -> None:
    barrier.wait(10)


def test_an_error_on_a_page_ends_the_reading_and_its_threads(stage: Stage) -> None:
    def break_off(operation: str, times: int) -> None:
        if times >= 3:
            raise NotAllowed

    stage.relay.before = break_off
    reading = stage.target.reader.read_logins()
    with pytest.raises(AccessRefused):
        list(reading)
    assert threads() == []
    with pytest.raises(RuntimeError):
        reading.finish()


@pytest.mark.parametrize("what", ["logins", "memberships"])
def test_a_reading_that_is_closed_leaves_no_thread_behind_and_proves_nothing(stage: Stage, what: str) -> None:
    reader = stage.target.reader
    reading = reader.read_logins() if what == "logins" else reader.read_memberships([VPN, 102, 103, 104, 105])
    items = iter(reading)
    for _ in range(7):
        next(items)
    reading.close()
    reading.close()
    assert threads() == []
    assert next(items, None) is None
    with pytest.raises(RuntimeError):
        reading.finish()


def test_a_reading_ends_where_somebody_asks_to_stop(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iwds.engine.service_reading.TICK", 2)
    stop = threading.Event()

    def progress(what: str, done: int, total: int | None) -> None:
        if what == "service" and done >= 8:
            stop.set()

    with pytest.raises(Stopped) as caught:
        stage.plan(stop, progress)
    assert threads() == []  # while the error and its frames are still here
    assert "service" in str(caught.value)


def test_nothing_is_read_again_where_somebody_asks_to_stop(stage: Stage) -> None:
    stop = threading.Event()
    stage.before("loginsQuery", 3, lambda: stage.delete("u00"), stop.set)
    with pytest.raises(Stopped):
        stage.plan(stop)
    assert stage.relay.calls.count("loginsQuery") <= 9
