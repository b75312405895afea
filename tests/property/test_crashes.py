"""Whenever a run is killed, the next ones end where it would have ended, and nobody gets two logins or two mails."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iwds.core.policy import Leaver, Policy
from iwds.engine import applying
from iwds.ports import State
from iwds.state.database import open_state
from tests.unit.engine.crashing import Inline, Mortal, Process
from tests.unit.engine.rehearsal import OURS, SetClock

Story = Callable[[Mortal], None]

EACH = 1 if settings().max_examples > 1000 else 5
"""Every moment nightly, every fifth else."""


_CLOCK = SetClock()
_services = count(1)


@pytest.fixture(scope="module", autouse=True)
def state() -> Iterator[State]:
    """One state for all histories, because a new one takes its time: each has a service of its own."""
    made = open_state("sqlite://", clock=_CLOCK)
    _STATE.append(made)
    yield made
    made.close()


_STATE: list[State] = []


@pytest.fixture(autouse=True)
def _in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits, and moments come in the same order every time."""
    monkeypatch.setattr(applying, "PAUSE", 0)
    monkeypatch.setattr(applying, "ThreadPoolExecutor", Inline)


def begin(story: Story, **options: Any) -> Mortal:
    stage = Mortal(service_id=next(_services), **options)
    vars(stage).update(state=_STATE[-1], clock=_CLOCK)
    for number in range(3):  # of whom the service never has fewer than two
        stage.target.state.add(f"boss{number}", role=2)
    story(stage)
    return stage


def first_day(stage: Mortal) -> None:
    """Nothing was ever applied: people to create, to adopt, and one who is disabled and adopted."""
    stage.configure(policy=Policy(OURS, adopt=frozenset({0})))
    stage.hire("ann", ("vpn", "wiki"), mail="ann@x.y")
    stage.hire("bob", ("vpn",))
    stage.hire("ivy", ("vpn",), mail="ivy@x.y")
    stage.hire("joe", disabled="yes")
    ivy = stage.target.state.add("ivy", created_by=0)
    stage.target.state.add("joe", created_by=OURS)
    stage.target.state.members[1, ivy.id] = 0


def one_of_everything(stage: Mortal) -> None:
    """A settled company on a day on which everything happens that can."""
    stage.configure(policy=Policy(OURS, adopt=frozenset({0})))
    for who in ("ann", "hal"):
        stage.hire(who, ("vpn",))
    for who in ("bob", "cy", "dee", "eve", "guy", "jim", "kim"):
        stage.hire(who)
    stage.run()
    stage.change("guy", disabled="yes")
    stage.run()
    stage.change("ann", ("wiki",))
    stage.change("bob", uid="bobby")
    stage.change("cy", uid="bob", mail="bob@x.y")
    stage.change("dee", disabled="yes", mail="dee@x.y")
    stage.leave("eve")
    stage.change("guy", disabled="", mail="guy@x.y")
    stage.change("hal", ())
    stage.change("jim", ("wiki",))
    stage.target.state.members[2, stage.login("jim").id] = 0
    stage.hire("ivy", ("vpn",), mail="ivy@x.y")
    ivy = stage.target.state.add("ivy", created_by=0)
    stage.target.state.members[1, ivy.id] = 0
    del stage.target.state.logins[stage.login("kim").id]
    stage.hire("zoe", ("vpn", "wiki"), mail="zoe@x.y")


def deletions(stage: Mortal) -> None:
    """Leavers are deleted, and somebody new takes the name of one."""
    stage.configure(policy=Policy(OURS, Leaver.DELETE))
    for who in ("ann", "bob", "cy"):
        stage.hire(who, ("vpn",))
    stage.run()
    stage.leave("ann")
    stage.leave("bob")
    stage.hire("second ann", ("wiki",), uid="ann", mail="ann@x.y")


GRACE = timedelta(days=30)


def graces(stage: Mortal) -> None:
    """A grace that is over, one that ends because its person came back, one that begins with a lock, one without."""
    stage.configure(policy=Policy(OURS, Leaver.LOCK_THEN_DELETE, delete_after=GRACE))
    for who in ("ann", "bob", "cy", "dee"):
        stage.hire(who, ("vpn",))
    stage.run()
    stage.leave("ann")
    stage.leave("bob")
    stage.change("dee", disabled="yes")
    stage.run()
    stage.run()
    stage.clock.passed += GRACE.total_seconds()
    stage.hire("bob", ("vpn",))
    stage.leave("cy")
    stage.leave("dee")
    stage.hire("second ann", ("wiki",), uid="ann", mail="ann@x.y")


def as_if_never_killed(stage: Mortal, undisturbed: Mortal) -> None:
    """Nothing shows that a run was killed, but for mails, of which a person is told."""
    stage.settle_down()
    assert stage.end() == undisturbed.end()
    assert stage.mailed() <= undisturbed.mailed()
    assert undisturbed.mailed() - stage.mailed() <= stage.listed(), "somebody was never mailed, and nobody is told"


def never_killed(story: Story, **options: Any) -> tuple[Mortal, int]:
    """The same history undisturbed, and how many moments its run has at which it could have been killed."""
    stage, process = begin(story, **options), Process()
    stage.start(process)
    stage.settle_down()
    return stage, len(process.moments)


@pytest.mark.parametrize(
    ("story", "ahead"), [(first_day, 1), (one_of_everything, 1), (one_of_everything, 64), (deletions, 1), (graces, 1)]
)
def test_a_run_can_be_killed_at_every_single_moment(story: Story, ahead: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "AHEAD", ahead)
    undisturbed, moments = never_killed(story)
    assert moments > 20
    for moment in range(1, moments + 1, EACH):
        stage, process = begin(story), Process(moment)
        try:
            assert stage.start(process) is None
            as_if_never_killed(stage, undisturbed)
        except AssertionError as error:
            error.add_note(f"killed at moment {moment}: {process.moments[-3:]}")
            raise


def test_a_service_that_cannot_tag_gives_back_what_a_killed_run_created() -> None:
    """Without our tag the intent is all that tells our own creation from somebody else's."""
    options = {"tagged": False, "untagged_creations": "allow"}

    def three(stage: Mortal) -> None:
        stage.configure(policy=Policy(OURS, untagged_creations=True))
        for who in ("ann", "bob", "cy"):
            stage.hire(who, ("vpn",), mail=f"{who}@x.y")

    undisturbed, moments = never_killed(three, **options)
    for moment in range(1, moments + 1, EACH):
        stage = begin(three, **options)
        stage.start(Process(moment))
        as_if_never_killed(stage, undisturbed)


@dataclass(frozen=True)
class Entry:
    """What the directory says of one person on one day."""

    uid: str
    groups: tuple[str, ...]
    mail: str
    disabled: str


WHO = ("p1", "p2", "p3", "p4", "p5", "p6")
ENTRIES = st.permutations(("ann", "bob", "cy", "dee", "eve", "fay")).flatmap(
    lambda uids: st.fixed_dictionaries(
        {},
        optional={
            who: st.builds(
                Entry,
                st.just(uid),
                st.sampled_from(((), ("vpn",), ("wiki",), ("vpn", "wiki"))),
                st.sampled_from(("", "a@x.y")),
                st.sampled_from(("", "", "yes")),
            )
            for who, uid in zip(WHO, uids, strict=True)
        },
    )
)


@settings(max_examples=max(20, settings().max_examples // 5))
@given(
    days=st.lists(ENTRIES, min_size=1, max_size=3),
    leaver=st.sampled_from(Leaver),
    kills=st.lists(st.integers(1, 60), min_size=1, max_size=3),
    ahead=st.sampled_from((1, 3, 64)),
)
def test_whatever_happens_in_the_directory_and_however_often_a_run_is_killed(
    days: list[dict[str, Entry]], leaver: Leaver, kills: list[int], ahead: int
) -> None:
    def until_the_last_day(stage: Mortal) -> None:
        stage.configure(policy=Policy(OURS, leaver))
        for day in days[:-1]:
            read_day(stage, day)
            stage.settle_down()
        read_day(stage, days[-1])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(applying, "PAUSE", 0)
        patch.setattr(applying, "ThreadPoolExecutor", Inline)
        patch.setattr(applying, "AHEAD", ahead)
        undisturbed, _ = never_killed(until_the_last_day)
        stage = begin(until_the_last_day)
        for moment in kills:
            stage.start(Process(moment))
        as_if_never_killed(stage, undisturbed)


def read_day(stage: Mortal, day: dict[str, Entry]) -> None:
    """The directory as it is on that day."""
    for entry in list(stage.source.entries):
        stage.leave(entry.anchor.id)
    for who, said in day.items():
        stage.hire(who, said.groups, uid=said.uid, mail=said.mail, disabled=said.disabled)
