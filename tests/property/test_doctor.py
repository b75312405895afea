"""A doctor's numbers are those of the plan of the same reading, whatever stands on both sides."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iwds.core.change import Adopt, CreateLogin
from iwds.core.decision import Reason
from iwds.core.hygiene import Code
from iwds.core.matching import believed
from iwds.core.model import Anchor, Entry
from iwds.core.plan import Plan
from iwds.core.recognition import By, Matching, MatchRule
from iwds.engine import planning
from iwds.engine.doctor import Limits, diagnose
from iwds.errors import ConfigurationError
from iwds.sources.memory import MemorySource
from iwds.state.ward import ScratchWard
from tests.unit.engine.crashing import Inline
from tests.unit.engine.rehearsal import OURS, PlainRules, Rehearsal

LOGINS = ("ann", "Ann", "a nn", "\N{FULLWIDTH LATIN SMALL LETTER A}nn", "o'neill", "oneill", "svc-x", "bob", "")
MAILS = ("", "a@x.y", "A@x.y", "b@x.y", "broken")

people = st.lists(
    st.tuples(
        st.sampled_from(LOGINS),
        st.sampled_from(MAILS),
        st.sampled_from(("", "", "", "out-of-scope", "excluded")),
        st.sampled_from(("", "yes")),
        st.booleans(),
    ),
    max_size=8,
)
logins = st.lists(
    st.tuples(st.sampled_from(LOGINS[:-1]), st.sampled_from(MAILS), st.sampled_from((0, 1, 7, OURS)), st.booleans()),
    max_size=6,
)


@pytest.fixture(autouse=True, scope="module")
def _in_turn() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planning, "ThreadPoolExecutor", Inline)
        yield


def staged(everybody: list[tuple[str, str, str, str, bool]], held: list[tuple[str, str, int, bool]]) -> Rehearsal:
    stage = Rehearsal()
    second = MemorySource("more", [], realm="here")
    rules = PlainRules(matching=Matching((MatchRule(By.LOGIN), MatchRule(By.MAIL))))
    stage.configure(sources=(stage.source, second), rules=rules)
    placed(everybody, stage.source, second)
    for login, mail, tag, administrator in held:
        stage.target.state.add(login, mail=mail, created_by=tag, role=2 if administrator else 0)
    return stage


def placed(everybody: list[tuple[str, str, str, str, bool]], first: MemorySource, second: MemorySource) -> None:
    """Put these people, and nobody else, into two sources."""
    first.entries, second.entries = [], []
    for number, (uid, mail, scope, disabled, twice) in enumerate(everybody):
        attrs = {"uid": (uid,), "mail": (mail,), "scope": (scope,), "disabled": (disabled,), "sn": ("Doe",)}
        entry = Entry(Anchor("here", str(number)), f"cn={number}", attrs, frozenset())
        first.entries.append(entry)
        second.entries += [entry] if twice else []


@settings(max_examples=max(10, settings().max_examples // 5))
@given(people, people, logins, st.sets(st.integers(0, 7)), st.sets(st.integers(0, 7)))
def test_so_they_are_after_runs_and_whatever_came_of_everybody_since(
    before: list[tuple[str, str, str, str, bool]],
    after: list[tuple[str, str, str, str, bool]],
    held: list[tuple[str, str, int, bool]],
    retaken: set[int],
    gone: set[int],
) -> None:
    stage = staged(before, held)
    stage.run()
    stage.run()
    state = stage.target.state
    for place, number in enumerate(sorted(state.logins)):
        if place in gone:
            del state.logins[number]
        elif place in retaken:
            state.logins[number] = replace(state.logins[number], login=f"made-anew-{number}", created_by=9)
    second = stage.job.sources[1]
    assert isinstance(second, MemorySource)
    placed(after, stage.source, second)
    try:
        again = stage.plan()
    except ConfigurationError:  # so many are not believed that it must be another service
        stage.close()
        return
    with closing(ScratchWard()) as ward:
        found = diagnose(stage.job, stage.tools, ward)
        counts, plan, tally = found.counts, found.plan, found.plan.basis.tally
        whom = {code: list(ward.people(code)) for code in counts}
    rows = {row.login_id: row for row in stage.state.ledger(stage.target.reader.service)}
    stage.close()
    assert plan.digest == again.digest
    assert counts.get(Code.SAME_LOGIN, 0) == tally.absent.get("duplicate", 0)
    invalid = (Code.NO_LOGIN, Code.LOGIN_NOT_ALLOWED, Code.NOT_MAPPED)
    assert sum(counts.get(code, 0) for code in invalid) == tally.absent.get("invalid", 0)
    assert counts.get(Code.ORPHAN, 0) == skipped(plan, Reason.ORPHAN, person=False)
    others = (Code.CONSOLE, Code.OTHER_TAG, Code.UNKNOWN_ORIGIN)
    assert sum(counts.get(code, 0) for code in others) == skipped(plan, Reason.FOREIGN, person=False)
    # Nobody is named for a login that somebody else has by now, or that is gone.
    for each in (*whom.get(Code.SECOND_LOGIN, ()), *whom.get(Code.STILL_ACTIVE, ())):
        assert each.login_id is not None
        assert each.login_id in state.logins
        assert each.login_id not in rows or believed(rows[each.login_id], state.logins[each.login_id])


def skipped(plan: Plan, reason: Reason, person: bool) -> int:
    """How many people, or how many logins of nobody, are left alone for a reason."""
    of = (skip.subject for skip in plan.skips if skip.reason is reason)
    return len({subject.key for subject in of if (subject.anchor is not None) is person})


@given(people, logins)
def test_the_numbers_of_a_diagnosis_are_those_of_its_plan(
    everybody: list[tuple[str, str, str, str, bool]], held: list[tuple[str, str, int, bool]]
) -> None:
    stage = staged(everybody, held)
    with closing(ScratchWard()) as ward:
        found = diagnose(stage.job, stage.tools, ward, Limits(administrators=0))
        counts, plan, tally = found.counts, found.plan, found.plan.basis.tally
        listed = {code: len(list(ward.people(code))) for code in counts}
    again = stage.plan()
    stage.close()
    assert listed == counts

    def n(*codes: Code) -> int:
        return sum(counts.get(code, 0) for code in codes)

    assert n(Code.SAME_LOGIN) == tally.absent.get("duplicate", 0)
    assert n(Code.NO_LOGIN, Code.LOGIN_NOT_ALLOWED, Code.NOT_MAPPED) == tally.absent.get("invalid", 0)
    assert n(Code.SEVERAL_SOURCES) == sum(twice for *_, twice in everybody)
    assert n(Code.ORPHAN) == skipped(plan, Reason.ORPHAN, person=False)
    assert n(Code.CONSOLE, Code.OTHER_TAG, Code.UNKNOWN_ORIGIN) == skipped(plan, Reason.FOREIGN, person=False)
    assert n(Code.NOT_ADOPTED) == skipped(plan, Reason.FOREIGN, person=True)
    assert n(Code.WHOSE_LOGIN) == skipped(plan, Reason.AMBIGUOUS, person=True) + skipped(
        plan, Reason.UNPROVEN, person=True
    )
    assert n(Code.MANY_ADMINISTRATORS) == tally.administrators
    # Everybody is somewhere, once: made, adopted, left alone for a finding, or with no account for a plain reason.
    made = sum(isinstance(change, CreateLogin | Adopt) for change in plan.changes)
    never = skipped(plan, Reason.POLICY, person=True)
    assert made + never + n(Code.NOT_ADOPTED, Code.WHOSE_LOGIN) + sum(tally.absent.values()) == tally.people
    assert again.digest == plan.digest
