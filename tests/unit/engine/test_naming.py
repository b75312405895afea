"""People of one name in whole runs, over the real scratch file and with the last look at the directory."""

from collections.abc import Iterator

import pytest

from iwds.core.decision import Reason
from iwds.mapping import CompiledRules, Document, compile_mapping
from iwds.state.database import open_state
from iwds.yamlmarks import parse, validate
from tests.unit.engine.test_changed_configuration import Configured, held, locked


def rules(text: str = "") -> CompiledRules:
    marked = parse(f"login: {{from: sn, lower: true, collision: number, max_length: 20}}\nmail: mail\n{text}", "m.yaml")
    return compile_mapping(validate(Document, marked.data, marked.where), marked.where)


@pytest.fixture
def stage() -> Iterator[Configured]:
    configured = Configured()
    for who, name in {"p1": "Doe", "p2": "Doe", "p3": "Roe", "p4": "Poe", "p5": "Noe"}.items():
        configured.hire(who, sn=name, mail=f"{who}@x.y")
    configured.now_is(rules())  # type: ignore[arg-type]
    for _ in range(2):
        assert configured.run().exit_code == 0
    yield configured
    configured.close()


def names(stage: Configured) -> dict[str, str]:
    return {who: stage.target.state.logins[row.login_id].login for who, row in stage.ledger().items()}


def test_the_second_one_of_a_name_gets_a_number_and_nothing_is_left_to_do(stage: Configured) -> None:
    assert names(stage) == {"p1": "doe", "p2": "doe2", "p3": "roe", "p4": "poe", "p5": "noe"}
    assert stage.plan().changes == ()


def test_a_person_who_is_called_otherwise_is_renamed_to_a_form_that_is_free(stage: Configured) -> None:
    stage.change("p3", sn="Doe")
    assert stage.run().exit_code == 0
    assert names(stage)["p3"] == "doe3"
    assert stage.plan().changes == ()


def test_an_edit_does_not_hold_the_rename_of_somebody_who_gets_a_number(stage: Configured) -> None:
    stage.change("p3", sn="Doe")
    stage.now_is(rules("exclude: [nobody]\n"))  # type: ignore[arg-type]
    report = stage.run()
    assert held(report.plan) == {}
    assert names(stage)["p3"] == "doe3"


def test_a_leaver_keeps_the_name_and_a_newcomer_gets_the_next_number(stage: Configured) -> None:
    stage.leave("p1")
    assert stage.run().exit_code == 0
    stage.hire("p6", sn="Doe", mail="p6@x.y")
    assert stage.run().exit_code == 0
    assert names(stage)["p6"] == "doe3"
    assert locked(stage) == {"doe"}


def test_where_our_memory_is_lost_nobody_is_found_by_a_number_and_nobody_gets_a_second_login(stage: Configured) -> None:
    logins = len(stage.target.state.logins)
    stage.leave("p1")
    stage.state.close()
    vars(stage)["state"] = open_state("sqlite://", clock=stage.clock)
    plan = stage.plan()
    assert {skip.subject.login for skip in plan.skips if skip.reason is Reason.DUPLICATE} == {"doe"}
    stage.run()
    assert set(stage.ledger()) == {"p3", "p4", "p5"}
    assert len(stage.target.state.logins) == logins
