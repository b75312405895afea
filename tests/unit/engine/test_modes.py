"""Fields with their modes in whole runs: what is left makes no work, and an edited mode empties nothing by itself."""

from collections.abc import Iterator

import pytest

from iwds.mapping import CompiledRules, Document, compile_mapping
from iwds.yamlmarks import parse, validate
from tests.unit.engine.test_changed_configuration import Configured, accept, held


def rules(mail: str = "mail", extra: str = "{}") -> CompiledRules:
    marked = parse(f"login: uid\nname: sn\nmail: {mail}\nextra: {extra}\n", "m.yaml")
    return compile_mapping(validate(Document, marked.data, marked.where), marked.where)


ALWAYS = rules("{from: mail, mode: always}")


@pytest.fixture
def stage() -> Iterator[Configured]:
    configured = Configured()
    for who in ("ann", "bob", "cy"):
        configured.hire(who, mail=f"{who}@x.y", sn="A", l="")
    configured.now_is(rules())  # type: ignore[arg-type]
    assert configured.run().exit_code == 0
    yield configured
    configured.close()


def test_what_the_directory_lacks_stays_on_the_service_and_makes_no_work(stage: Configured) -> None:
    stage.change("ann", mail="")
    assert stage.plan().changes == ()
    assert stage.plan().basis.agreed == 3
    assert stage.login("ann").mail == "ann@x.y"


def test_a_mode_that_is_edited_empties_nothing_before_somebody_accepts_it(stage: Configured) -> None:
    stage.change("ann", mail="")
    assert stage.run().exit_code == 0
    stage.now_is(ALWAYS)  # type: ignore[arg-type]
    report = stage.run()
    assert list(held(report.plan)) == ["ann"]
    assert stage.login("ann").mail == "ann@x.y"
    assert accept(stage, 1).exit_code == 0
    assert stage.login("ann").mail == ""


def test_under_a_mode_that_was_accepted_the_directory_empties(stage: Configured) -> None:
    stage.now_is(ALWAYS)  # type: ignore[arg-type]
    assert stage.run().exit_code == 0
    stage.change("ann", mail="")
    assert stage.run().exit_code == 0
    assert stage.login("ann").mail == ""


def test_a_key_that_is_emptied_passes_the_last_look_beside_one_that_is_kept(stage: Configured) -> None:
    stage.now_is(rules(extra="{gone: {from: l, mode: always}, kept: l}"))  # type: ignore[arg-type]
    assert stage.run().exit_code == 0
    stage.by_hand("ann", extra='{ "gone":"1", "kept":"2" }')
    assert stage.run().exit_code == 0
    assert stage.login("ann").extra == '{ "kept":"2" }'
