"""A resync never removes on absence, touches nobody else, and a run after it ends where a run alone would have."""

from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from iwds.core.change import Evidence, removes
from iwds.core.guards import GuardKind, Limit
from iwds.core.model import Login, Role, Status
from iwds.engine.resync import Wish, preview, resync
from iwds.errors import UsageError
from tests.unit.engine.rehearsal import Rehearsal

PEOPLE = ("ann", "bob", "cy", "dee", "eve")
OFTEN = st.sampled_from(("ann", "ann", "cy", *PEOPLE))
"""Who things happen to and who is looked after: often the same person, and often who is locked already."""
Event = tuple[str, str, Any]


def changes() -> st.SearchStrategy[Event]:
    """Something that happens to one person: in the directory, or by hand on the service."""
    said = st.one_of(
        st.tuples(st.just("mail"), st.sampled_from(["", "new@example.org"])),
        st.tuples(st.just("sn"), st.sampled_from(["", "New"])),
        st.tuples(st.just("role"), st.sampled_from(["", "1", "2"])),
        st.tuples(st.just("disabled"), st.sampled_from(["", "yes"])),
        st.tuples(st.just("scope"), st.sampled_from(["", "out-of-scope", "excluded", "invalid"])),
        st.tuples(st.just("uid"), st.sampled_from([*PEOPLE, "other"])),
        st.tuples(st.just("groups"), st.sampled_from([(), ("vpn",), ("wiki",), ("vpn", "wiki")])),
        st.tuples(st.just("leave"), st.just("")),
        st.tuples(st.just("deleted"), st.just("")),
        st.tuples(st.just("elsewhere"), st.just("")),
        st.tuples(st.just("status"), st.sampled_from([0, 1])),
    )
    return st.tuples(OFTEN, said).map(lambda it: (it[0], *it[1]))


def played(stage: Rehearsal, events: list[Event]) -> None:
    """Everybody but eve is there from the first day on; cy was locked since, and eve comes today."""
    for who in PEOPLE[:-1]:
        stage.hire(who, ("vpn",), mail=f"{who}@example.org", role="")
    stage.run()
    stage.change("cy", disabled="yes")
    stage.run()
    stage.hire("eve", ("wiki",), mail="eve@example.org", role="")
    logins = {login.login: login.login for login in stage.target.state.logins.values()}
    for who, what, value in events:
        there = who in {entry.anchor.id for entry in stage.source.entries}
        if what == "status":
            if who in logins:
                stage.by_hand(who, status=value)
        elif not there:
            continue
        elif what in ("leave", "elsewhere", "deleted"):
            if what == "elsewhere":
                stage.source.elsewhere.append(stage.entry(who))
            if what == "deleted":
                stage.source.tombstones.add(stage.entry(who).anchor)
            stage.leave(who)
        elif what == "groups":
            stage.change(who, value)
        else:
            stage.change(who, None, **{what: value})


def resynced(stage: Rehearsal, who: str) -> Any:
    nothing: Any = None
    try:
        return resync(stage.job, stage.tools, stage.writer, nothing, Wish(f"here/{who}", wait=0))
    except UsageError:
        return None  # nobody knows them


def seen(stage: Rehearsal) -> dict[str, tuple[Login, frozenset[str], Any]]:
    """The service and our memory by person, but for what differs from run to run; deletions are not played here."""
    ids = {row.login_id: who for who, row in stage.ledger().items()}
    found = {}
    for login in stage.target.state.logins.values():
        groups = frozenset(stage.groups_of(login.login))
        row = stage.ledger().get(ids.get(login.id, ""))
        known = (row.locked, row.groups, row.login, row.written) if row else None
        found[ids.get(login.id, f"login {login.id}")] = (replace(login, id=0), groups, known)
    return found


@settings(max_examples=max(10, settings().max_examples // 4))
@given(st.lists(changes(), max_size=5), OFTEN)
@example([("ann", "leave", "")], "ann")
@example([("ann", "deleted", "")], "ann")
def test_a_resync_takes_nothing_that_was_not_seen_and_touches_nobody_else(events: list[Event], who: str) -> None:
    with closing(Rehearsal()) as stage:
        played(stage, events)
        before = seen(stage)
        deleted = who in {anchor.id for anchor in stage.source.tombstones}
        gone = who not in {entry.anchor.id for entry in stage.source.entries} and not deleted
        done = resynced(stage, who)
        after = seen(stage)

        assert {name: each for name, each in after.items() if name != who} == {
            name: each for name, each in before.items() if name != who
        }
        if done is None:
            return
        for change in done.plan.changes:
            assert change.subject.anchor is not None
            assert change.subject.anchor.id == who
            assert not removes(change) or change.evidence is Evidence.SEEN
        if who in before:
            old, new = before[who], after[who]
            assert new[1] >= old[1], "no group was lost"
            assert not gone or new == old
            assert old[0].role is not None
            assert new[0].role is not None
            assert new[0].role >= old[0].role
            assert new[0].mail or not old[0].mail
            assert not gone or new[0].status == old[0].status
            assert not deleted or replace(new[0], status=old[0].status) == old[0]
            assert not deleted or new[0].status == Status.LOCKED or old[0].role == Role.ADMINISTRATOR


@settings(max_examples=max(10, settings().max_examples // 4))
@given(st.lists(changes(), max_size=5), OFTEN)
@example([("ann", "deleted", "")], "ann")
def test_a_run_after_a_resync_ends_where_a_run_alone_would_have(events: list[Event], who: str) -> None:
    with closing(Rehearsal()) as alone, closing(Rehearsal()) as after:
        played(alone, events)
        alone.run()
        played(after, events)
        resynced(after, who)
        after.run()
        assert seen(after) == seen(alone)
        assert list(after.plan().changes) == [] or alone.plan().changes


@settings(max_examples=12)
@given(st.lists(changes(), max_size=5), OFTEN)
def test_a_look_changes_nothing(events: list[Event], who: str) -> None:
    with closing(Rehearsal()) as stage:
        played(stage, events)
        before, runs = seen(stage), stage.state.runs()
        with suppress(UsageError):
            preview(stage.job, stage.tools, Wish(f"here/{who}"))
        assert (seen(stage), stage.state.runs()) == (before, runs)


@settings(max_examples=12)
@given(st.lists(st.sampled_from(("ann", "bob", "dee")), min_size=1, max_size=6), st.integers(1, 4))
def test_no_more_are_locked_one_by_one_than_the_guard_lets_through(whom: list[str], most: int) -> None:
    with closing(Rehearsal()) as stage:
        played(stage, [(who, "disabled", "yes") for who in whom])
        stage.configure(limits={**stage.job.limits, GuardKind.LOCK: Limit(most, 0.0, None)})
        for who in whom:
            resynced(stage, who)
        locked = sum(login.status == Status.LOCKED for login in stage.target.state.logins.values())
        assert locked == min(most, 1 + len(set(whom))), "cy was locked by a run of today, which counts"
