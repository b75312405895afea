"""The memory target keeps the contract."""

import pytest

from iwds.core.model import Login
from iwds.errors import OutcomeUnknown, Rejected
from iwds.targets.memory import MemoryTarget, Settings, connect
from tests.contract.target_contract import GROUPS, SEATS, TAG, TargetContract, account

ADA, ROLES = {"login": "ada", "role": 2}, {"auditor": 17}


def settings(**values: object) -> Settings:
    return Settings.model_validate({"kind": "memory", "provisioning_id": TAG, "groups": GROUPS, **values})


class TestMemory(TargetContract):
    @pytest.fixture
    def target(self) -> MemoryTarget:
        return connect("rehearsal", settings(max_logins=SEATS, group_roles=ROLES, logins=[ADA]))


def test_the_settings_say_what_the_service_holds_at_first() -> None:
    target = connect("rehearsal", settings(logins=[{"login": "ada", "role": 2, "created_by": 0}]))
    assert list(target.reader.read_logins()) == [Login(1001, "ada", "", "", "", "", 2, 0, "", 0, True, 0)]


def test_without_tags_nothing_is_created_unless_it_is_allowed() -> None:
    target = connect("rehearsal", settings(tagged=False))
    assert not target.reader.knows_tagged_creation()
    assert [finding.ok for finding in target.reader.check()] == [True, False]
    with pytest.raises(Rejected, match="tag"):
        target.writer().create(account("zoe"))
    allowed = connect("rehearsal", settings(tagged=False, untagged_creations="allow"))
    login_id = allowed.writer().create(account("zoe"))
    assert allowed.state.logins[login_id].created_by == 1


def test_a_problem_makes_the_readings_unproven() -> None:
    target = connect("rehearsal", settings())
    target.state.problems = ["a rehearsed problem"]
    reading = target.reader.read_logins()
    assert list(reading) == []
    assert reading.finish().problems == ("a rehearsed problem",)
    assert not reading.finish().proven


def test_an_answer_can_be_lost_before_or_after_its_effect() -> None:
    def lose(operation: str) -> None:
        raise OutcomeUnknown(f"{operation} had no answer")

    target = connect("rehearsal", settings())
    target.state.before = lose
    with pytest.raises(OutcomeUnknown):
        target.writer().create(account("zoe"))
    assert target.reader.named("zoe") is None
    target.state.before = lambda _: None
    target.state.after = lose
    with pytest.raises(OutcomeUnknown):
        target.writer().create(account("zoe"))
    assert target.reader.named("zoe") is not None
