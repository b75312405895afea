"""Whatever a directory hides, nothing is taken away that it would not have asked for with everything in sight."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iwds.core.change import REMOVALS, Change, Write, removes
from iwds.core.change import only as part
from iwds.core.plan import Plan, Selection, identities
from iwds.core.policy import Leaver, Policy
from iwds.engine import applying
from tests.unit.engine.rehearsal import OURS, Rehearsal

STAFF = tuple("abcdefghijkl")
PARIS, ROME = "ou=paris", "ou=rome"
ATTRIBUTES = ("uid", "sn", "mail", "role", "disabled", "scope")

steps = st.lists(
    st.tuples(
        st.sampled_from(STAFF),
        st.sampled_from(
            ("leave", "disable", "demote", "clear", "rename", "out-of-scope", "no-vpn", "no-group", "move", "hire")
        ),
    ),
    max_size=6,
)
hidden = st.frozensets(st.sampled_from((*ATTRIBUTES, "groups", "vpn", "wiki")))
missing = st.frozensets(st.sampled_from(ATTRIBUTES))
places = st.sampled_from((frozenset(), frozenset(), frozenset({PARIS}), frozenset({ROME}), frozenset({PARIS, ROME})))
selections = st.sampled_from(
    (Selection(), Selection(frozenset({"seen"})), Selection(frozenset({"lock", "remove", "clear", "rename"})))
)


@pytest.fixture(autouse=True, scope="module")
def _no_pause() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(applying, "PAUSE", 0)
        yield


def company(leaver: Leaver) -> Rehearsal:
    """Twelve people with everything, half in Paris and half in Rome, and one applied run behind them."""
    stage = Rehearsal()
    stage.configure(policy=Policy(OURS, leaver))
    for number, who in enumerate(STAFF):
        stage.hire(who, ("vpn", "wiki"), sn=who.upper(), mail=f"{who}@x.y", role="1")
        move(stage, who, PARIS if number % 2 else ROME)
    assert stage.run().exit_code == 0
    return stage


def move(stage: Rehearsal, who: str, place: str) -> None:
    old = stage.entry(who)
    stage.source.entries = [replace(e, name=f"cn={who},{place}") if e is old else e for e in stage.source.entries]


def happens(stage: Rehearsal, who: str, what: str) -> None:
    """One thing that happens to a person by day."""
    if not any(entry.anchor.id == who for entry in stage.source.entries):
        return
    match what:
        case "leave":
            stage.leave(who)
        case "disable":
            stage.change(who, disabled="yes")
        case "demote":
            stage.change(who, role="0")
        case "clear":
            stage.change(who, mail="")
        case "rename":
            stage.change(who, uid=f"{who}2")
        case "out-of-scope":
            stage.change(who, scope="out-of-scope")
        case "no-vpn":
            stage.change(who, ("wiki",))
        case "no-group":
            stage.change(who, ())
        case "move":
            move(stage, who, PARIS)
        case _:
            if not any(entry.anchor.id == f"{who}new" for entry in stage.source.entries):
                stage.hire(f"{who}new", ("vpn",), mail="n@x.y")


def taken(plan: Plan) -> frozenset[str]:
    """What a plan takes away, one text for each field or membership."""
    return frozenset(text for change in plan.changes if removes(change) for text in identities(_taking(change)))


def _taking(change: Change) -> Change:
    return (part(change, REMOVALS) or change) if isinstance(change, Write) else change


@given(steps, hidden, missing, places, selections, st.sampled_from(Leaver))
def test_what_cannot_be_read_takes_nothing_away(
    day: list[tuple[str, str]],
    looks_empty: frozenset[str],
    is_missing: frozenset[str],
    not_seen: frozenset[str],
    selection: Selection,
    leaver: Leaver,
) -> None:
    with closing(company(leaver)) as stage:
        for who, what in day:
            happens(stage, who, what)
        rightly = taken(stage.plan(selection))
        stage.source.hidden, stage.source.unreadable = looks_empty, is_missing
        stage.source.hidden_places = not_seen
        assert taken(stage.plan(selection)) <= rightly


@settings(max_examples=max(1, settings().max_examples // 4))
@given(steps, hidden, places)
def test_what_cannot_be_read_for_three_nights_takes_nothing_away_either(
    day: list[tuple[str, str]], looks_empty: frozenset[str], not_seen: frozenset[str]
) -> None:
    with closing(company(Leaver.LOCK)) as stage:
        for who, what in day:
            happens(stage, who, what)
        rightly = taken(stage.plan())
        stage.source.hidden, stage.source.hidden_places = looks_empty, not_seen
        for _ in range(3):
            report = stage.run()
            assert taken(report.plan) <= rightly
