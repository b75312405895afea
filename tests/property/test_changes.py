"""Runs of what changed, between runs of everybody, end where runs of everybody alone do, and miss nobody."""

from contextlib import closing
from dataclasses import replace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from iwds.core.change import Evidence, removes
from iwds.core.model import Login
from iwds.engine.job import Incremental
from iwds.errors import OutcomeUnknown, Rejected, SourceUnavailable
from iwds.ports import RunRow
from iwds.sources._memoryfeed import Changes
from tests.unit.engine.crashing import Killed
from tests.unit.engine.rehearsal import Rehearsal

PEOPLE = ("ann", "bob", "cy", "dee", "eve")
OPERATIONS = ("create", "update", "add_to_group", "remove_from_group")
TROUBLE = ("", *OPERATIONS, "unknown", "source", "dies")
Event = tuple[str, str, Any]


def events() -> st.SearchStrategy[Event]:
    """Something that happens to one person in the directory."""
    said = st.one_of(
        st.tuples(st.just("mail"), st.sampled_from(["", "new@example.org"])),
        st.tuples(st.just("sn"), st.sampled_from(["", "New"])),
        st.tuples(st.just("disabled"), st.sampled_from(["", "yes"])),
        st.tuples(st.just("scope"), st.sampled_from(["", "out-of-scope", "excluded", "invalid"])),
        st.tuples(st.just("uid"), st.sampled_from([*PEOPLE, "other"])),
        st.tuples(st.just("groups"), st.sampled_from([(), ("vpn",), ("wiki",), ("vpn", "wiki")])),
        st.tuples(st.sampled_from(["leave", "deleted"]), st.just("")),
        st.tuples(st.just("comes"), st.sampled_from(PEOPLE)),
    )
    return st.tuples(st.sampled_from(PEOPLE), said).map(lambda it: (it[0], *it[1]))


STEPS = st.lists(
    st.tuples(st.lists(events(), min_size=1, max_size=3), st.sampled_from(TROUBLE)),
    min_size=1,
    max_size=4,
)


def happen(stage: Rehearsal, event: Event) -> None:
    who, what, value = event
    there = who in {entry.anchor.id for entry in stage.source.entries}
    if what == "comes":
        if not there:
            stage.hire(who, ("wiki",), uid=value, mail=f"{who}@example.org", sn="Old")
    elif not there:
        return
    elif what in ("leave", "deleted"):
        if what == "deleted":
            stage.source.tombstones.add(stage.entry(who).anchor)
        stage.leave(who)
    elif what == "groups":
        stage.change(who, value)
    else:
        stage.change(who, None, **{what: value})


def begun() -> Rehearsal:
    stage = Rehearsal()
    stage.source.told = Changes()
    stage.configure(incremental=Incremental())
    for who in PEOPLE[:-1]:
        stage.hire(who, ("vpn",), mail=f"{who}@example.org", sn="Old", disabled="")
    stage.run()
    return stage


def by_day(stage: Rehearsal, trouble: str) -> RunRow | None:
    """A run of what changed, in which something fails."""
    stage.clock.passed += 60
    nothing = lambda _: None  # noqa: E731 - beside what it stands for
    if trouble in OPERATIONS:
        stage.fail(trouble, Rejected("no"))
    elif trouble == "unknown":
        stage.fail("update", OutcomeUnknown("nobody knows"), after=True)
    elif trouble == "dies":
        stage.fail("update", Killed())  # type: ignore[arg-type]
    stage.source.fail_after = 0 if trouble == "source" else None
    try:
        return stage.run(changes=True).run
    except (SourceUnavailable, Killed):
        stage.clock.passed += 10_000  # the lease of who died runs out
        return None
    finally:
        stage.source.fail_after = None
        stage.target.state.before = stage.target.state.after = nothing


def night(stage: Rehearsal) -> RunRow:
    stage.clock.passed += 60
    return stage.run().run


def seen(stage: Rehearsal) -> dict[str, tuple[Login, frozenset[str]]]:
    """The service by person, without numbers that differ from run to run."""
    ids = {row.login_id: who for who, row in stage.ledger().items()}
    return {
        who: (
            replace(login, id=0, extra=None, created_by=None, last_seen=None, activated=None),
            frozenset(stage.groups_of(login.login)),
        )
        for number, login in stage.target.state.logins.items()
        if (who := ids.get(number))
    }


def settled(stage: Rehearsal) -> set[str]:
    """Who has what their entry says, whatever was before: in scope, and with a login that nobody else wants or has."""
    wanted = [entry.attrs["uid"][0] for entry in stage.source.entries]
    held = {row.login: who for who, row in stage.ledger().items()}
    return {
        entry.anchor.id
        for entry in stage.source.entries
        if not any(entry.attrs.get("scope", ())) and wanted.count(uid := entry.attrs["uid"][0]) == 1
        if held.get(uid, entry.anchor.id) == entry.anchor.id
    }


@given(STEPS)
@example([([("ann", "uid", "bob"), ("bob", "uid", "other")], "update")])
@example([([("ann", "deleted", "")], "update"), ([("bob", "groups", ())], "remove_from_group")])
@example([([("ann", "mail", "")], "dies"), ([("cy", "scope", "out-of-scope")], "source")])
def test_end_where_runs_of_everybody_end_and_miss_nobody(steps: list[tuple[list[Event], str]]) -> None:
    with closing(begun()) as days, closing(begun()) as nights:
        for happened, trouble in steps:
            for event in happened:
                happen(days, event)
                happen(nights, event)
            by_day(days, trouble)
            night(nights)
        first = night(days)
        # Who is not there, without a tombstone, is told by no directory.
        unseen = {who for who in days.ledger() if who not in {entry.anchor.id for entry in days.source.entries}}
        names = {row.login for who, row in days.ledger().items() if who in unseen}
        assert set(first.report.get("missed", {}).get("listed", ())) <= names
        for stage in (days, nights):
            for _ in range(2):  # a name that is given up may be had in the next run
                night(stage)
        sure = settled(days) & settled(nights)
        assert {who: seen(days).get(who) for who in sure} == {who: seen(nights).get(who) for who in sure}


@given(STEPS)
def test_nothing_is_taken_on_absence(steps: list[tuple[list[Event], str]]) -> None:
    with closing(begun()) as stage:
        for happened, trouble in steps:
            for event in happened:
                happen(stage, event)
            run = by_day(stage, trouble)
            intents = stage.state.intents(run.id) if run else ()
            evidence = {intent.change.get("evidence") for intent in intents}
            assert Evidence.UNSEEN.value not in evidence
            gone = set(stage.ledger()) - {entry.anchor.id for entry in stage.source.entries}
            unseen = {who for who in gone if stage.ledger()[who].anchor not in stage.source.tombstones}
            assert not any(removed(intent.change, unseen) for intent in (stage.state.intents(run.id) if run else ()))


def removed(change: Any, people: set[str]) -> bool:
    from iwds.core.document import change_from_data

    made = change_from_data(dict(change))
    return removes(made) and made.subject.anchor is not None and made.subject.anchor.id in people


@given(STEPS)
def test_whoever_does_not_wait_has_what_a_run_of_everybody_gives(steps: list[tuple[list[Event], str]]) -> None:
    with closing(begun()) as days, closing(begun()) as nights:
        for happened, _ in steps:
            for event in happened:
                happen(days, event)
                happen(nights, event)
            by_day(days, "")
            night(nights)
            service = days.job.target.service
            waiting = {each.anchor.id for each in days.state.waiting("staff", service)}
            others = {each.anchor.id for each in nights.state.waiting("staff", service)}
            sure = (settled(days) & settled(nights)) - waiting - others
            one, other = seen(days), seen(nights)
            assert {who: one.get(who) for who in sure} == {who: other.get(who) for who in sure}
