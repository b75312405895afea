"""`iwds check` says whether a source can tell what changed, where a job wants to know, and what it cannot see."""

from dataclasses import replace

import pytest

from iwds.cli.checking import _changes
from iwds.engine.job import Incremental, Job
from iwds.ports import Finding
from iwds.sources._memoryfeed import Changes
from tests.unit.engine.rehearsal import Rehearsal


@pytest.fixture
def stage() -> Rehearsal:
    stage = Rehearsal()
    stage.hire("ada", ("vpn",))
    stage.configure(incremental=Incremental())
    return stage


def found(stage: Rehearsal, job: Job | None = None) -> list[Finding]:
    return list(_changes(job or stage.job, stage.source))


def test_a_job_that_does_not_want_to_know_hears_nothing(stage: Rehearsal) -> None:
    assert not found(stage, replace(stage.job, incremental=None))


def test_a_source_that_cannot_tell_deserves_a_look(stage: Rehearsal) -> None:
    (line,) = found(stage)
    assert line.warning
    assert "staff cannot tell what changed, so runs with --changes read everybody" in line.detail


def test_a_source_that_gives_no_mark_says_why(stage: Rehearsal) -> None:
    stage.source.told = Changes(lost="the log is too short")
    (line,) = found(stage)
    assert line.warning
    assert "the log is too short" in line.detail


def test_what_it_does_not_see_is_named_and_all_else_is_well(stage: Rehearsal) -> None:
    stage.source.told = Changes()
    assert [(line.ok, line.warning) for line in found(stage)] == [(True, False)]
    stage.source.told = Changes(blind="the account may not read tombstones")
    (line,) = found(stage)
    assert line.warning
    assert "not who was deleted: the account may not read tombstones" in line.detail
    assert "until everybody is read" in line.advice
