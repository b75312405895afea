"""A captured reading gives the plan again that it was captured with, and what another configuration would have planned.

The worlds are those of `company.py`, in which everything happens that happens to companies.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from iwds.core.plan import Plan, Selection
from iwds.core.policy import Leaver
from iwds.engine import planning
from iwds.engine.job import Earlier, Job, Tools
from iwds.engine.planning import make_plan
from iwds.errors import IwdsError
from iwds.ports import State
from iwds.readings.file import Draft, Reading
from iwds.readings.recording import Recorder, RecordingReader, RecordingSource, RecordingState
from iwds.readings.replaying import FixedClock, ReplayedReader, ReplayedSource, ReplayedState, Unknown
from iwds.state.scratch import ScratchWaist
from tests.property.company import MATCHING, Company, Config, Founding
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


def captured(company: Company, path: Path, selection: Selection, alone: bool) -> Plan:
    """The plan of a company, and the reading that it rests on in a file."""
    recorder = Recorder(Draft(path.parent), MORE)
    job = company.job

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
)
def test_the_configuration_that_made_a_plan_makes_it_again_from_the_reading(
    founding: Founding,
    config: Config,
    every: int,
    days: list[list[Event]],
    trouble: tuple[str, dict[str, Any]] | None,
    selection: Selection,
    alone: bool,
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
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        file = Path(folder) / "reading"
        if trouble:
            stack.enter_context(company.troubled(trouble[0], **trouble[1]))
        try:
            plan = captured(company, file, selection, alone)
        except IwdsError as error:
            event(f"no plan: {type(error).__name__}")
            assert not [*Path(folder).iterdir()]
            return
        stack.close()
        company.people.clear()  # the world is another one by now
        company.publish()
        company.logins.clear()
        with closing(Reading(file)) as reading:
            again, unknown = replayed(company.job, company.config.base, reading, plan, alone)
        event(f"changes: {bool(plan.changes)}, held: {bool(plan.held)}, untold: {bool(unknown.of)}")
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
