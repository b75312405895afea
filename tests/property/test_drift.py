"""Exactly what somebody did by hand is drift, each once; put back, none is left; kept, it survives until its end."""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from iwds.core.model import Login
from iwds.core.previous import Places
from iwds.engine.drift import Asked, Survey, survey
from iwds.engine.drift_asking import ask
from iwds.engine.drift_keep import keep, kept_by
from iwds.engine.drift_revert import revert
from iwds.engine.leasing import DRIFT
from iwds.engine.ordered import carry_out_order
from iwds.engine.running import Request
from tests.unit.engine.rehearsal import Rehearsal

PEOPLE = ("ann", "bob", "cy", "dee")
Edit = tuple[str, str, Any]


def edits(*, lockable: bool, respelled: bool = True) -> st.SearchStrategy[list[Edit]]:
    """What an administrator does in the service's own console, and what others do who are not ours.

    `respelled`: names in another spelling too, which is no drift, and which a run makes plain all the same.
    """
    what = [
        st.tuples(st.just("mail"), st.sampled_from(["", "hand@example.org", "ann@example.org"])),
        st.tuples(st.just("name"), st.sampled_from(["Ann", "By Hand", "Zoe\u0308" if respelled else "Zoë"])),
        st.tuples(st.just("role"), st.sampled_from([0, 1])),
        st.tuples(st.just("phone"), st.just("nobody governs it")),
        st.tuples(st.just("wiki"), st.booleans()),
        st.tuples(st.just("vpn"), st.booleans()),
        *([st.tuples(st.just("status"), st.sampled_from([0, 1]))] if lockable else []),
    ]
    one = st.tuples(st.sampled_from([*PEOPLE, "console"]), st.one_of(what)).map(lambda it: (it[0], *it[1]))
    return st.lists(one, max_size=8)


def settled() -> Rehearsal:
    """People after two runs: cy is locked by a run, and somebody of the console's is there too."""
    stage = Rehearsal()
    stage.configure(places=Places(dict.fromkeys(("name", "mail", "role"), "staff.yaml:1")))
    stage.target.state.add("console", name="Somebody", mail="theirs@example.org")
    for who in PEOPLE:
        stage.hire(who, ("vpn",), mail=f"{who}@example.org", role="", sn="Zoë" if who == "dee" else who.title())
    stage.clock.passed += 60
    stage.run()
    stage.change("cy", disabled="yes")
    stage.clock.passed += 60
    stage.run()
    stage.clock.passed += 60
    return stage


def edit(stage: Rehearsal, done: list[Edit]) -> None:
    for who, what, value in done:
        if what in ("vpn", "wiki"):
            (group,) = (number for number, each in stage.target.state.groups.items() if each.name == what)
            key = (group, stage.login(who).id)
            if value:
                stage.target.state.members.setdefault(key, 0)
            else:
                stage.target.state.members.pop(key, None)
        else:
            stage.by_hand(who, **{what: value})


def look(stage: Rehearsal) -> Survey:
    stage.clock.passed += 60
    return survey(stage.job, stage.tools, Asked(), kept_by(stage.job, stage.tools))


def held(stage: Rehearsal) -> tuple[dict[int, Login], dict[tuple[int, int], int]]:
    return dict(stage.target.state.logins), dict(stage.target.state.members)


def without(stage: Rehearsal, who: str) -> tuple[dict[int, Login], dict[tuple[int, int], int]]:
    """The service without one person."""
    logins, members = held(stage)
    number = stage.login(who).id
    kept = {each: login for each, login in logins.items() if each != number}
    return kept, {key: role for key, role in members.items() if key[1] != number}


def differing(stage: Rehearsal, before: tuple[dict[int, Login], dict[tuple[int, int], int]]) -> list[tuple[str, str]]:
    """What is ours, governed, and not as it was; another spelling of a name is the same name."""
    logins, members = before
    found = []
    for number, login in stage.target.state.logins.items():
        if login.login == "console":
            continue
        for name in ("mail", "name", "role", "status"):
            now, was = getattr(login, name), getattr(logins[number], name)
            if now != was and (now, was) != ("Zoe\u0308", "Zoë"):
                found.append((login.login, name))
        changed = {group for group, who in set(members) ^ set(stage.target.state.members) if who == number}
        found += [(login.login, f"group {group}") for group in changed]
    return sorted(found)


@settings(max_examples=15)
@given(edits(lockable=True))
@example([("ann", "mail", "hand@example.org"), ("ann", "mail", "ann@example.org")])
@example([("dee", "name", "Zoe\u0308"), ("cy", "status", 0), ("bob", "status", 1)])
def test_exactly_what_was_done_by_hand_is_listed_and_each_once(done: list[Edit]) -> None:
    with closing(settled()) as stage:
        before = held(stage)
        assert look(stage).found == []
        edit(stage, done)
        listed = sorted((each.name, each.drift.what) for each in look(stage).drift)
        assert listed == differing(stage, before)


@settings(max_examples=10)
@given(edits(lockable=False))
def test_after_putting_back_none_is_left_and_nothing_else_moved(done: list[Edit]) -> None:
    with closing(settled()) as stage:
        before = held(stage)
        edit(stage, done)
        theirs = {number: login for number, login in stage.target.state.logins.items() if login.login == "console"}
        phones = {number: login.phone for number, login in stage.target.state.logins.items()}
        spelled = {
            number: login.name for number, login in stage.target.state.logins.items() if login.name == "Zoe\u0308"
        }
        order = revert(stage.job, stage.tools, look(stage).drift)
        report = carry_out_order(stage.job, stage.tools, stage.writer, Request(DRIFT), order)
        assert (report.plan.skips, report.applied and report.applied.outcomes) in [((), []), ((), None)]
        assert look(stage).found == []
        logins = {number: replace(login, phone=phones[number]) for number, login in before[0].items()}
        dee = stage.login("dee").id
        if dee in spelled:
            logins[dee] = replace(logins[dee], name=spelled[dee])
        consoles = {key: role for key, role in stage.target.state.members.items() if key[1] in theirs}
        ours = {key: role for key, role in before[1].items() if key[1] not in theirs}
        assert held(stage) == ({**logins, **theirs}, {**ours, **consoles})


@settings(max_examples=10)
@given(edits(lockable=True, respelled=False))
def test_what_is_kept_survives_every_run_until_its_end(done: list[Edit]) -> None:
    with closing(settled()) as stage:
        edit(stage, done)
        found = list(ask(stage.job, stage.tools, look(stage).drift))
        chosen = [each for each in found if each.name != "bob"]
        end = stage.clock.now() + timedelta(days=3)
        keep(stage.job, stage.tools, chosen, end, ("on purpose", ""))
        before = held(stage)
        bob = stage.login("bob").id
        for _ in range(2):
            stage.run()
            now = held(stage)
            assert {n: each for n, each in now[0].items() if n != bob} == {
                n: each for n, each in before[0].items() if n != bob
            }
            assert {k: r for k, r in now[1].items() if k[1] != bob} == {
                k: r for k, r in before[1].items() if k[1] != bob
            }
        assert [each.name for each in look(stage).drift if each.name != "bob"] == []
        stage.clock.passed += timedelta(days=3).total_seconds()
        stage.run()
        left = {each.drift.kind.value for each in look(stage).drift if not each.agreed}
        assert left <= {"locked", "unlocked", "joined"}, (
            "runs lift no lock of others, and leave whom they put into groups"
        )
