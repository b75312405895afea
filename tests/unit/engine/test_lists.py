"""A day in a list of the mapping is part of the configuration that was accepted: its end takes no second acceptance."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from iwds.mapping import CompiledRules, Document, compile_mapping
from iwds.yamlmarks import parse, validate
from tests.unit.engine.test_changed_configuration import Configured, accept, held, locked

DAYS = 3


def rules(stage: Configured, days: int = DAYS, more: str = "") -> CompiledRules:
    """Whoever is in it has an account, and ann until the end of a day."""
    until = (stage.clock.now() + timedelta(days=days)).date()
    text = f"""
login: uid
scope:
  - {{attribute: department, equals: it, reason: not in it}}
include:
  - {{login: ann, reason: a project, until: {until}}}
{more}
"""
    marked = parse(text, "m.yaml")
    return compile_mapping(validate(Document, marked.data, marked.where), marked.where)


def pass_days(stage: Configured, days: int) -> None:
    stage.clock.passed += timedelta(days=days).total_seconds()


@pytest.fixture
def stage() -> Iterator[Configured]:
    configured = Configured()
    configured.hire("ann", department="sales")
    for who in ("bob", "cy", "dee"):
        configured.hire(who, department="it")
    configured.now_is(rules(configured))  # type: ignore[arg-type]
    assert configured.run().exit_code == 0
    assert configured.run().exit_code == 0
    yield configured
    configured.close()


def test_whoever_was_included_until_yesterday_is_locked_without_a_question(stage: Configured) -> None:
    pass_days(stage, DAYS)
    assert stage.run().exit_code == 0
    assert locked(stage) == set()
    pass_days(stage, 1)
    report = stage.run()
    assert report.exit_code == 0
    assert locked(stage) == {"ann"}
    assert any("`include` of ann ended" in note for note in report.plan.basis.notes)


def test_an_edit_on_that_day_does_not_make_it_wait(stage: Configured) -> None:
    pass_days(stage, DAYS + 1)
    stage.now_is(rules(stage, -1, "exclude: [nobody]"))  # type: ignore[arg-type]
    assert stage.run().exit_code == 0
    assert locked(stage) == {"ann"}


def test_a_day_that_somebody_sets_back_waits_until_it_is_accepted(stage: Configured) -> None:
    pass_days(stage, 1)
    stage.now_is(rules(stage, -1))  # type: ignore[arg-type]
    assert held(stage.run().plan) == {"ann": "rule m.yaml:4"}
    assert locked(stage) == set()
    assert accept(stage, 1).exit_code == 0
    assert locked(stage) == {"ann"}


def test_an_inclusion_that_is_taken_out_waits_too(stage: Configured) -> None:
    marked = parse("login: uid\nscope: [{attribute: department, equals: it}]\n", "m.yaml")
    stage.now_is(compile_mapping(validate(Document, marked.data, marked.where), marked.where))  # type: ignore[arg-type]
    assert list(held(stage.run().plan)) == ["ann"]
    assert locked(stage) == set()
