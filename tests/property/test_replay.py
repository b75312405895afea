"""A captured reading gives the plan again that it was captured with, and what another configuration would have planned.

The worlds are those of `company.py`, in which everything happens that happens to companies.
"""

import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from iwds.core.approval import Approval, Needed
from iwds.core.change import kinds
from iwds.core.decision import Reason
from iwds.core.dn import normalise_dn
from iwds.core.model import Account, Entry
from iwds.core.plan import Plan, Selection
from iwds.core.policy import Leaver
from iwds.core.rulings import Said, approval_of, rejection_of
from iwds.engine import planning
from iwds.engine.job import Earlier, Job, Tools
from iwds.engine.planning import make_plan
from iwds.errors import IwdsError
from iwds.ports import State
from iwds.readings.draft import Draft
from iwds.readings.file import Reading
from iwds.readings.pseudonyms import Guise, pseudonymise
from iwds.readings.recording import Recorder, RecordingReader, RecordingSource, RecordingState
from iwds.readings.replaying import FixedClock, ReplayedReader, ReplayedSource, ReplayedState, Unknown
from iwds.readings.scramble import Scramble
from iwds.state.scratch import ScratchWaist
from tests.property.company import GROUPS, MATCHING, Company, Config, Founding
from tests.property.happenings import Event, Hands, happenings
from tests.property.test_never_on_doubt import HIDDEN, READING
from tests.property.verdicts import Judge
from tests.unit.engine.crashing import Inline

MORE = frozenset({"department", "scope", "vpn_role", "wiki_role"})


@pytest.fixture(scope="module")
def founding() -> Iterator[Founding]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planning, "ThreadPoolExecutor", Inline)
        made = Founding()
        yield made
        made.close()


def captured(company: Company, path: Path, selection: Selection, alone: bool, job: Job | None = None) -> Plan:
    """The plan of a company, and the reading that it rests on in a file."""
    recorder = Recorder(Draft(path.parent), MORE)
    job = job or company.job

    def wrapped(config: Config) -> tuple[Any, ...]:
        return tuple(RecordingSource(each, recorder, config.base) for each in company.directories[config.base])

    def earlier(text: str) -> Earlier | None:
        then = job.earlier(text)
        return then and replace(then, sources=wrapped(Config.read(text)))

    watched = replace(
        job, sources=wrapped(company.config), target=cast("Any", RecordingReader(job.target, recorder)), earlier=earlier
    )
    tools = Tools(cast("State", RecordingState(company.state, recorder)), company.clock, ScratchWaist)
    try:
        plan, _ = make_plan(watched, tools, selection, alone=alone)
        for source in job.sources:
            recorder.draft.add_source(source.name, {})
        recorder.draft.finish(path)
        return plan
    except BaseException:
        recorder.draft.discard()
        raise


def replayed(job: Job, base: str, reading: Reading, plan: Plan, alone: bool) -> tuple[Plan, Unknown]:
    """What a job plans on a reading; nothing of the company is asked."""
    unknown = Unknown()

    def answering(base: str, names: list[str]) -> tuple[Any, ...]:
        return tuple(ReplayedSource(name, reading, unknown, base) for name in names)

    names = [source.name for source in job.sources]

    def earlier(text: str) -> Earlier | None:
        then = job.earlier(text)
        return then and replace(
            then, sources=answering(Config.read(text).base, [source.name for source in then.sources])
        )

    offline = replace(
        job,
        sources=answering(base, names),
        target=cast("Any", ReplayedReader(job.target, reading, unknown)),
        earlier=earlier,
    )
    tools = Tools(cast("State", ReplayedState(reading)), FixedClock(plan.made_at), ScratchWaist)
    return make_plan(offline, tools, plan.basis.selection, alone=alone)[0], unknown


def decided(company: Company, job: Job) -> None:
    """Somebody approves one half of a plan and rejects the other."""
    plan, _ = make_plan(job, Tools(company.state, company.clock, ScratchWaist))
    now = company.clock.now()
    said = Said("kim", "here", "as agreed", now, now + timedelta(days=9), f"plan {plan.id}", job.name)
    steps = [*plan.changes, *plan.unapproved]
    rulings = [approval_of(step, said) for step in steps[::2]] + [rejection_of(step, said) for step in steps[1::2]]
    company.state.place_rulings(job.target.service, rulings)


def same(one: Plan, other: Plan) -> None:
    assert other.changes == one.changes
    assert other.skips == one.skips
    assert other.basis.gauges == one.basis.gauges
    assert other.basis.notes == one.basis.notes
    assert [p.problems for p in other.basis.sources] == [p.problems for p in one.basis.sources]
    assert other.digest == one.digest


selections = st.sampled_from((Selection(), Selection(allow={"out-of-scope": 99, "unreadable": 9}, reason="as agreed")))
begun = st.builds(
    Config, leaver=st.sampled_from(Leaver), exclusive=st.booleans(), recognise=st.sampled_from(sorted(MATCHING))
)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(
    config=begun,
    every=st.sampled_from((1, 14)),
    days=st.lists(happenings, min_size=1, max_size=3),
    trouble=st.none() | st.tuples(st.just("main"), HIDDEN) | st.tuples(st.sampled_from(("main", "branch")), READING),
    selection=selections,
    alone=st.booleans(),
    needed=st.sampled_from(Needed),
)
def test_the_configuration_that_made_a_plan_makes_it_again_from_the_reading(
    founding: Founding,
    config: Config,
    every: int,
    days: list[list[Event]],
    trouble: tuple[str, dict[str, Any]] | None,
    selection: Selection,
    alone: bool,
    needed: Needed,
) -> None:
    company = founding.company(config, every)
    hands = Hands(company, Judge(company))
    for number, day in enumerate(days):
        hands.let(day)
        if number < len(days) - 1:
            try:
                company.perform(selection)
            except IwdsError as error:
                event(f"a run ended by {type(error).__name__}")
    company.publish()
    job = replace(company.job, approval=Approval(needed))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        file = Path(folder) / "reading"
        with suppress(IwdsError):
            decided(company, job)
        if trouble:
            stack.enter_context(company.troubled(trouble[0], **trouble[1]))
        try:
            plan = captured(company, file, selection, alone, job)
        except IwdsError as error:
            event(f"no plan: {type(error).__name__}")
            assert not [*Path(folder).iterdir()]
            return
        stack.close()
        company.people.clear()  # the world is another one by now
        company.publish()
        company.logins.clear()
        with closing(Reading(file)) as reading:
            again, unknown = replayed(job, company.config.base, reading, plan, alone)
        event(f"changes: {bool(plan.changes)}, held: {bool(plan.held)}, untold: {bool(unknown.of)}")
        event(f"rejected: {any(skip.reason is Reason.REJECTED for skip in plan.skips)}")
        same(plan, again)
        assert not unknown.of


edits = st.sampled_from(
    [
        *({"outside": "sales"}, {"outside": "it"}, {"without_vpn": "sales"}, {"without_mail": "it"}),
        *({"wiki": False}, {"exclusive": True}, {"exclusive": False}, *({"leaver": each} for each in Leaver)),
    ]
)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(config=begun, day=happenings, more=happenings, edit=edits)
def test_another_configuration_plans_on_the_reading_what_it_would_have_planned_that_night(
    founding: Founding, config: Config, day: list[Event], more: list[Event], edit: dict[str, Any]
) -> None:
    company = founding.company(config, 14)
    hands = Hands(company, Judge(company))
    for each in (day, more):
        hands.let(each)
        try:
            company.perform()
        except IwdsError as error:
            event(f"a run ended by {type(error).__name__}")
    hands.let([each for each in day if each[0] not in ("edit", "days")])
    company.publish()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "reading"
        before = company.config
        try:
            captured(company, file, Selection(), False)
            company.now_is(Config(**{**vars(before), **edit}))
            truly = company.plan()
        except IwdsError:
            return
        company.people.clear()
        company.publish()
        with closing(Reading(file)) as reading:
            guess, unknown = replayed(company.job, before.base, reading, truly, False)
    assume(not unknown.of)  # told to whoever asks, and never taken for an answer
    event(f"another plan: {bool(truly.changes)}")
    same(truly, guess)


SHOWN = frozenset({"role", "disabled", "scope", "vpn_role", "wiki_role", "department"})
"""What rules of these worlds only ask about."""


def shape(plan: Plan) -> Counter[Any]:
    """How many changes of each kind, and how many steps not taken for each reason."""
    skips = ((skip.reason, kinds(skip.change) if skip.change else None) for skip in plan.skips)
    return Counter([*((kinds(change), change.evidence) for change in plan.changes), *skips])


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(config=begun, day=happenings, more=happenings, key=st.binary(min_size=32, max_size=32))
def test_a_reading_with_pseudonyms_gives_a_plan_of_the_same_shape_and_names_nobody(
    founding: Founding, config: Config, day: list[Event], more: list[Event], key: bytes
) -> None:
    company = founding.company(config, 14)
    hands = Hands(company, Judge(company))
    hands.let(day)
    try:
        company.perform()
    except IwdsError as error:
        event(f"a run ended by {type(error).__name__}")
    hands.let(more)
    company.publish()
    job = company.job

    def account(entry: Entry) -> Any:
        made = job.rules.map(entry, company.clock.now())
        return job.target.normalise(made, entry.name) if isinstance(made, Account) else made

    with tempfile.TemporaryDirectory() as folder:
        file, other = Path(folder) / "reading", Path(folder) / "other"
        try:
            plan = captured(company, file, Selection(), False)
        except IwdsError:
            return
        with closing(Reading(file)) as reading:
            draft = Draft(Path(folder))
            pseudonymise(reading, draft, Guise(Scramble(key, GROUPS), SHOWN, account, job.rules.matching.key))
            draft.finish(other)
        with closing(Reading(other)) as reading:
            again, _ = replayed(job, company.config.base, reading, plan, False)
            data = b"".join(path.read_bytes() for path in (other,))
    event(f"changes: {bool(plan.changes)}")
    assert shape(again) == shape(plan)
    assert b"p1@x.y" not in data


words = st.text(st.characters(categories=("L", "Nd"), max_codepoint=0x5FF), min_size=1, max_size=8)
values = st.lists(words | st.sampled_from((" ", ".", "@", "-", "=", ",")), max_size=5).map("".join)
keys = st.binary(min_size=32, max_size=32)


@given(keys, values, values)
def test_pseudonyms_are_equal_whatever_their_case_exactly_where_the_texts_are(key: bytes, one: str, other: str) -> None:
    scramble = Scramble(key)
    first, second = scramble.text(one), scramble.text(other)
    assert first == Scramble(key).text(one)
    assert len(unicodedata.normalize("NFC", first)) == len(unicodedata.normalize("NFC", one))
    assert (first == second) is (one == other)
    if one.isascii():
        assert scramble.text(one.upper()) == first.upper()
        assert scramble.text(one.lower()) == first.lower()


@given(keys, st.text("abcdefgh", min_size=1, max_size=8), st.integers(0, 8))
def test_the_beginning_of_a_word_has_the_beginning_of_its_pseudonym(key: bytes, word: str, length: int) -> None:
    assert Scramble(key).text(word[:length]) == Scramble(key).text(word)[:length]


short = st.lists(st.text("abcdefgh", min_size=1, max_size=2), min_size=1, max_size=30)


@given(keys, short, short)
def test_words_of_the_configuration_stay_and_are_nobodys_pseudonym(
    key: bytes, kept: list[str], others: list[str]
) -> None:
    scramble = Scramble(key, kept)
    for word in kept:
        assert scramble.word(word) == word
    folded = {word.casefold() for word in kept}
    assert not {scramble.word(word).casefold() for word in others if word.casefold() not in folded} & folded


@given(keys)
def test_what_stands_before_a_letter_decides_what_becomes_of_it(key: bytes) -> None:
    scramble = Scramble(key)
    assert len({scramble.word(f"{first}b")[1] for first in "abcdefghijklmnop"}) > 1


@given(keys)
def test_a_distinguished_name_keeps_its_form_and_a_moment_stays(key: bytes) -> None:
    scramble = Scramble(key, ("people", "corp"))
    assert scramble.dn("uid=ann,ou=people,dc=corp").endswith(",ou=people,dc=corp")
    assert scramble.dn("uid=ann,ou=people,dc=corp").startswith("uid=")
    assert normalise_dn(scramble.dn("UID=Ann, ou=People,dc=corp")) == scramble.dn("uid=ann,ou=people,dc=corp")
    for moment in ("20251231235959Z", "133000000000000000", "2025-12-31", "2025-12-31T10:00:00Z"):
        assert scramble.text(moment) == moment
    written, plain = scramble.text("+33 6 12 34 56 78"), scramble.text("0612345678")
    assert written.startswith("+33 6 1")
    assert written.replace(" ", "")[-6:] == plain[-6:]
