"""Nobody is created by day whom a run of everybody, at the same moment, would not create; others may wait."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from iwds.core.model import Anchor
from iwds.core.normal import render_extra
from iwds.core.policy import Policy
from iwds.core.recognition import By, Matching, MatchRule, stored_form
from iwds.engine.job import Incremental
from iwds.sources._memoryfeed import Changes
from tests.unit.engine.rehearsal import OURS, PlainRules, Rehearsal

IDS = ("kim", "lee", "ada", "nobody")
NAMES = ("kim", "lee", "k1", "k2", "k3")
MAILS = ("", "m1@example.org", " M1@example.org", "m2@example.org", "ada@example.org")
RULES = tuple(MatchRule(by, exact) for by, exact in ((By.ANCHOR, False), (By.LOGIN, False), (By.MAIL, False)))


@dataclass(frozen=True)
class Case:
    """Logins of others, what happens to them by hand after the night, and who comes then.

    Attributes:
        rules: of the matching, in their order.
        strangers: name, mail and whose id is stored, of each.
        of_ours: whose id somebody wrote into a login of ours; empty for nobody's.
        by_hand: logins that another hand adds by day.
        taken: whether another hand deletes one, where it adds none.
        newcomers: id and mail.
        earlier: whether somebody else came by day before them.
    """

    rules: tuple[MatchRule, ...]
    strangers: tuple[tuple[str, str, str], ...]
    of_ours: str
    by_hand: tuple[tuple[str, str, str], ...]
    taken: bool
    newcomers: tuple[tuple[str, str], ...]
    earlier: bool


def logins(most: int) -> st.SearchStrategy[tuple[tuple[str, str, str], ...]]:
    one = st.tuples(st.sampled_from(NAMES), st.sampled_from(MAILS), st.sampled_from(("", *IDS)))
    return st.lists(one, max_size=most, unique_by=lambda each: each[0]).map(tuple)


CASES = st.builds(
    Case,
    rules=st.lists(st.sampled_from(RULES), min_size=1, max_size=3, unique=True).map(tuple),
    strangers=logins(3),
    of_ours=st.sampled_from(("", "", *IDS)),
    by_hand=logins(1),
    taken=st.booleans(),
    newcomers=st.lists(
        st.tuples(st.sampled_from(("kim", "lee")), st.sampled_from(MAILS)),
        min_size=1,
        max_size=2,
        unique_by=lambda each: each[0],
    ).map(tuple),
    earlier=st.booleans(),
)


def stored(who: str) -> str:
    return render_extra((("iwds", stored_form(Anchor("here", who))),)) if who else ""


def begun(case: Case) -> Rehearsal:
    """The evening before, and what happens by day until the newcomers are there."""
    stage = Rehearsal()
    stage.source.told = Changes()
    matching = Matching(case.rules, "iwds")
    policy = Policy(OURS, adopt=frozenset({0}))
    stage.configure(incremental=Incremental(), rules=PlainRules(matching=matching), policy=policy)
    stage.hire("ada", mail="ada@example.org")
    stage.run()
    if case.of_ours:
        stage.by_hand("ada", extra=stored(case.of_ours))
    add(stage, case.strangers)
    stage.clock.passed += 60
    stage.run()
    if case.earlier:
        stage.hire("early", mail="early@example.org")
        stage.clock.passed += 60
        stage.run(changes=True)
    add(stage, case.by_hand)
    others = [number for number, login in stage.target.state.logins.items() if login.created_by == 0]
    if case.taken and others and not case.by_hand:
        del stage.target.state.logins[others[0]]
    for who, mail in case.newcomers:
        stage.hire(who, mail=mail)
    stage.clock.passed += 60
    return stage


def add(stage: Rehearsal, found: tuple[tuple[str, str, str], ...]) -> None:
    taken = {login.login for login in stage.target.state.logins.values()}
    for name, mail, who in found:
        if name not in taken:
            stage.target.state.add(name, mail=mail, extra=stored(who))


def created(stage: Rehearsal, act: Callable[[Rehearsal], object]) -> set[str]:
    before = set(stage.target.state.logins)
    act(stage)
    return {login.login for number, login in stage.target.state.logins.items() if number not in before}


@given(CASES)
def test_nobody_is_created_by_day_whom_a_run_of_everybody_would_not_create(case: Case) -> None:
    with closing(begun(case)) as day, closing(begun(case)) as night:
        by_day = created(day, lambda stage: stage.run(changes=True))
        by_night = created(night, lambda stage: stage.run())
        assert by_day <= by_night
        if not (case.by_hand or case.taken):
            # Who waits needlessly is one whose id or address somebody else's login has, and nobody else.
            strange = {who for _, _, who in case.strangers} | {case.of_ours}
            mails = {mail.strip().casefold() for _, mail, _ in case.strangers}
            sure = {who for who, mail in case.newcomers if who not in strange and mail.strip().casefold() not in mails}
            assert by_night & sure - {name for name, _, _ in case.strangers} <= by_day
