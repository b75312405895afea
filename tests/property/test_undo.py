"""Whatever a run did: undone it is as before, nothing that others changed is touched, and no run does it again early.

What the API cannot restore, and is not compared: the id of a login that was deleted, whether and when it was used, and
what our memory noted of what others had done (a lock of ours that somebody undid, a membership that somebody took).
"""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from iwds.core.change import WRITTEN_FIELDS
from iwds.core.model import Login
from iwds.core.plan import Selection
from iwds.core.policy import Leaver, Policy
from iwds.core.rulings import aims
from iwds.core.undo import again
from iwds.engine.leasing import UNDO
from iwds.engine.running import Request, RunReport
from iwds.engine.undo import Looked, Wish, run_to_undo, undo
from iwds.errors import UsageError
from tests.property.test_resync import PEOPLE, Event, changes, played
from tests.unit.engine.rehearsal import OURS, Rehearsal

WEEK = timedelta(days=7)
leavers = st.sampled_from((Leaver.LOCK, Leaver.DELETE, Leaver.DELETE))
hands = st.lists(
    st.tuples(
        st.sampled_from(PEOPLE),
        st.one_of(
            st.tuples(st.sampled_from(("mail", "name", "phone")), st.sampled_from(("", "hand@example.org"))),
            st.tuples(st.just("status"), st.sampled_from((0, 1))),
            st.tuples(st.just("activated"), st.just(True)),
            st.tuples(st.sampled_from(("join", "leave")), st.sampled_from(("vpn", "wiki"))),
        ),
    ),
    max_size=4,
)


def staged(stage: Rehearsal, events: list[Event], leaver: Leaver) -> None:
    """Everybody has a login, and since then all this has happened; others see to it that two administrators stay."""
    stage.target.state.add("root", role=2)
    stage.target.state.add("toor", role=2)
    played(stage, events)
    stage.configure(policy=Policy(OURS, leaver))


def ran(stage: Rehearsal) -> RunReport:
    stage.clock.passed += 3600
    return stage.run()


def undone(stage: Rehearsal, run: RunReport, hold: timedelta | None = None) -> Looked | None:
    """The undoing; None where the run did nothing."""
    stage.clock.passed += 3600
    wish = Wish(until=stage.clock.now() + hold if hold else None)
    try:
        row = run_to_undo(stage.state, run.run.id)
    except UsageError:
        return None
    request = Request(UNDO, Selection(reason="a mistake"))
    return undo(stage.job, stage.tools, stage.writer, row, wish, request)


def service(stage: Rehearsal) -> dict[str, tuple[Login, frozenset[str]]]:
    """Every login by name, with its groups and without what no API can restore."""
    state = stage.target.state
    return {
        login.login: (
            replace(login, id=0, activated=None, last_seen=None),
            frozenset(state.groups[group].name for group, member in state.members if member == login.id),
        )
        for login in state.logins.values()
    }


def ours(stage: Rehearsal) -> dict[str, str]:
    """Whose login is whose, as we remember it."""
    return {who: row.login for who, row in stage.ledger().items()}


@settings(max_examples=12)
@given(st.lists(changes(), max_size=6), leavers)
@example([("ann", "leave", "")], Leaver.DELETE)
@example([("cy", "leave", "")], Leaver.DELETE)
@example([("ann", "uid", "bob"), ("bob", "uid", "other")], Leaver.LOCK)
def test_what_a_run_did_is_as_before_once_it_is_undone(events: list[Event], leaver: Leaver) -> None:
    with closing(Rehearsal()) as stage:
        staged(stage, events, leaver)
        before, known = service(stage), ours(stage)
        looked = undone(stage, ran(stage))
        assert service(stage) == before
        assert ours(stage) == known
        assert looked is None or (looked.report is not None and looked.report.exit_code == 0)


@settings(max_examples=12)
@given(st.lists(changes(), max_size=6), leavers, hands)
@example([("eve", "mail", "new@example.org")], Leaver.LOCK, [("eve", ("activated", True))])
@example([("ann", "groups", ("wiki",))], Leaver.LOCK, [("ann", ("leave", "wiki")), ("ann", ("join", "vpn"))])
def test_nothing_that_others_changed_since_is_touched(events: list[Event], leaver: Leaver, by: list[Any]) -> None:
    with closing(Rehearsal()) as stage:
        staged(stage, events, leaver)
        report = ran(stage)
        state = stage.target.state
        made, members = dict(state.logins), set(state.members)
        for who, (what, value) in by:
            play(stage, who, what, value)
        touched, moved = dict(state.logins), set(state.members)
        undone(stage, report)
        for number, login in touched.items():
            changed = [f for f in (*WRITTEN_FIELDS, "activated") if getattr(login, f) != getattr(made[number], f)]
            for field in changed:
                assert getattr(state.logins[number], field) == getattr(login, field), "it is as they left it"
        for group, number in members ^ moved:
            assert ((group, number) in state.members) is ((group, number) in moved)


def play(stage: Rehearsal, who: str, what: str, value: Any) -> None:
    """What another hand does on the service, where there is such a login."""
    state = stage.target.state
    login = next((login for login in state.logins.values() if login.login == who), None)
    if login is None:
        return
    if what in ("join", "leave"):
        group = next(number for number, group in state.groups.items() if group.name == value)
        if what == "join":
            state.members.setdefault((group, login.id), 0)
        else:
            state.members.pop((group, login.id), None)
    else:
        stage.by_hand(who, **{what: value})


@settings(max_examples=8)
@given(st.lists(changes(), max_size=5), leavers)
@example([("ann", "leave", "")], Leaver.DELETE)
@example([("ann", "uid", "other")], Leaver.LOCK)
def test_no_run_does_it_again_before_its_end_and_then_one_does(events: list[Event], leaver: Leaver) -> None:
    with closing(Rehearsal()) as alone, closing(Rehearsal()) as stage:
        staged(alone, events, leaver)
        ran(alone)
        staged(stage, events, leaver)
        looked = undone(stage, ran(stage), WEEK)
        back = service(stage)
        again_done = ran(stage).applied
        if looked is not None and looked.report is not None and looked.report.applied is not None:
            redone = (again(change) for change in looked.report.applied.done)
            rejected = frozenset(mark for change in redone if change for mark in aims(change))
            made = again_done.done if again_done else []
            assert rejected.isdisjoint(frozenset(mark for change in made for mark in aims(change)))
            assert service(stage) == back
        stage.clock.passed += WEEK.total_seconds()
        alone.clock.passed = stage.clock.passed
        ran(stage)
        ran(alone)
        assert service(stage) == service(alone)
        assert ours(stage) == ours(alone)
