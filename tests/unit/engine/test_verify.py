"""The last look before something is taken away."""

from dataclasses import replace
from typing import Any

import pytest

from iwds.core.causes import Cause
from iwds.core.change import Change, DeleteLogin, Evidence, RemoveFromGroup, Subject, Write
from iwds.core.model import Anchor, Login
from iwds.engine.verify import Verifier
from iwds.errors import ForeignRealm, SourceUnavailable
from iwds.sources.memory import MemorySource
from tests.unit.core.made import VPN, create
from tests.unit.engine.rehearsal import OURS, Rehearsal

ANN = Anchor("here", "ann")


@pytest.fixture
def stage(stage: Rehearsal) -> Rehearsal:
    """Ann is in the directory and has her login."""
    stage.hire("ann", mail="a@x.y", sn="A")
    stage.target.state.add("ann", created_by=OURS, mail="a@x.y", name="A", role=1)
    return stage


def verifier(stage: Rehearsal) -> Verifier:
    return Verifier(stage.job, stage.clock)


def subject(stage: Rehearsal) -> Subject:
    return Subject("ann", ANN, stage.login("ann").id)


def write(stage: Rehearsal, evidence: Evidence | None = Evidence.SEEN, **after: Any) -> Write:
    before: Login = stage.login("ann")
    return Write(subject(stage), before, replace(before, **after), "because", evidence)


def delete(stage: Rehearsal, evidence: Evidence = Evidence.SEEN) -> DeleteLogin:
    return DeleteLogin(subject(stage), stage.login("ann"), (), "because", evidence)


def leave(stage: Rehearsal) -> RemoveFromGroup:
    return RemoveFromGroup(subject(stage), VPN, "because", Evidence.SEEN)


def objection(stage: Rehearsal, change: Change) -> str:
    return verifier(stage).objection(change)


MOVED = "cn=ann has changed in the directory since it was read"


class TestWhatTakesNothing:
    def test_is_compared_with_the_service_too_because_it_overwrites_every_field(self, stage: Rehearsal) -> None:
        change = write(stage, None, mail="new@x.y")
        assert objection(stage, change) == ""
        stage.by_hand("ann", status=1)
        assert objection(stage, change) == "status changed on the service since it was read"
        stage.by_hand("ann", status=0, name="B", phone="1")
        assert objection(stage, change) == "name, phone changed on the service since it was read"

    def test_is_not_asked_of_the_directory(self, stage: Rehearsal) -> None:
        stage.source.fail_after = 0
        assert objection(stage, write(stage, None, mail="new@x.y")) == ""

    def test_is_not_looked_at_where_nothing_is_overwritten(self, stage: Rehearsal) -> None:
        stage.by_hand("ann", name="B")
        assert objection(stage, create()) == ""


class TestALockForAbsence:
    def test_passes_where_nobody_is_found(self, stage: Rehearsal) -> None:
        stage.leave("ann")
        assert objection(stage, write(stage, Evidence.UNSEEN, status=1)) == ""

    def test_does_not_pass_where_the_person_is_there_after_all(self, stage: Rehearsal) -> None:
        found = objection(stage, write(stage, Evidence.UNSEEN, status=1))
        assert found == "still in the directory as cn=ann, although the reading did not show it"

    def test_passes_where_they_moved_out_of_base_or_filter(self, stage: Rehearsal) -> None:
        stage.source.elsewhere = [stage.entry("ann")]
        stage.leave("ann")
        assert objection(stage, write(stage, Evidence.UNSEEN, status=1)) == ""

    def test_asks_every_source(self, stage: Rehearsal) -> None:
        other = MemorySource("other", [stage.entry("ann")], realm="here")
        stage.leave("ann")
        stage.configure(sources=(stage.source, other))
        assert "still in the directory" in objection(stage, delete(stage, Evidence.UNSEEN))

    def test_is_not_decided_where_the_directory_cannot_tell(self, stage: Rehearsal) -> None:
        stage.source.fail_after = 0
        with pytest.raises(SourceUnavailable):
            objection(stage, write(stage, Evidence.UNSEEN, status=1))


class TestAfterAFailover:
    """the server that answers may be one of another directory, which cannot say that somebody does not exist."""

    @pytest.mark.parametrize("evidence", [Evidence.UNSEEN, Evidence.SEEN, Evidence.RULE])
    def test_nothing_is_decided_where_no_source_is_their_directory(self, stage: Rehearsal, evidence: Evidence) -> None:
        stage.configure(sources=(MemorySource("staff", [], realm="elsewhere"), MemorySource("b", [], realm="abroad")))
        with pytest.raises(ForeignRealm, match="staff is the directory elsewhere"):
            objection(stage, write(stage, evidence, status=1))

    def test_the_sources_of_their_directory_decide_beside_foreign_ones(self, stage: Rehearsal) -> None:
        foreign = MemorySource("abroad", [], realm="abroad")
        stage.configure(sources=(foreign, stage.source))
        assert "still in the directory" in objection(stage, write(stage, Evidence.UNSEEN, status=1))
        stage.source.elsewhere = [stage.entry("ann")]
        stage.leave("ann")
        assert objection(stage, write(stage, Evidence.UNSEEN, status=1)) == ""

    def test_the_removal_is_held(self, stage: Rehearsal) -> None:
        stage.run()
        stage.hire("bob")
        stage.run()
        stage.leave("bob")
        elsewhere = MemorySource("staff", stage.source.entries, realm="elsewhere")

        def failover(_: object) -> bool:
            stage.source.find, stage.source.selects = elsewhere.find, elsewhere.selects  # type: ignore[method-assign]
            return True

        report = stage.run(confirm=failover)
        assert report.exit_code == 3
        assert stage.login("bob").status == 0


def test_what_the_plan_withheld_is_withheld_from_the_last_look(stage: Rehearsal) -> None:
    look = replace(verifier(stage), withheld={"staff": ("disabled", "mail")})
    lock, clear = write(stage, status=1), write(stage, mail="")
    stage.change("ann", disabled="yes", mail="")
    assert (objection(stage, lock), objection(stage, clear)) == ("", "")
    assert (look.objection(lock), look.objection(clear)) == (MOVED, MOVED)


class TestALockForATombstone:
    def lock(self, stage: Rehearsal) -> Write:
        return replace(write(stage, status=1), cause=Cause.DELETED.value)

    def test_passes_where_the_directory_shows_it(self, stage: Rehearsal) -> None:
        stage.leave("ann")
        assert objection(stage, self.lock(stage)) == "the directory no longer answers for this person"
        stage.source.tombstones.add(ANN)
        abroad = MemorySource("abroad", [], realm="abroad")
        stage.configure(sources=(abroad, stage.source))
        assert objection(stage, self.lock(stage)) == ""

    def test_does_not_pass_where_the_person_is_back(self, stage: Rehearsal) -> None:
        stage.source.tombstones.add(ANN)
        assert objection(stage, self.lock(stage)) == MOVED

    def test_lets_nothing_else_pass_that_rested_on_the_entry(self, stage: Rehearsal) -> None:
        stage.source.tombstones.add(ANN)
        stage.leave("ann")
        for change in (write(stage, status=1), write(stage, mail=""), leave(stage)):
            assert objection(stage, change) == "the directory no longer answers for this person"


class TestWhatRestsOnTheEntry:
    def test_does_not_pass_where_the_entry_is_gone(self, stage: Rehearsal) -> None:
        stage.leave("ann")
        assert objection(stage, write(stage, status=1)) == "the directory no longer answers for this person"

    @pytest.mark.parametrize(
        ("entry", "after", "passes"),
        [
            ({"disabled": "yes"}, {"status": 1}, True),
            ({}, {"status": 1}, False),
            ({"scope": "out-of-scope"}, {"status": 1}, True),
            ({"scope": "invalid"}, {"status": 1}, False),
            ({"scope": "excluded"}, {"status": 1}, False),
            ({"scope": "duplicate"}, {"status": 1}, False),
            ({"uid": "anna"}, {"login": "anna"}, True),
            ({"uid": "ANNA"}, {"login": "anna"}, True),
            ({"uid": "anne"}, {"login": "anna"}, False),
            ({"scope": "out-of-scope"}, {"login": "anna"}, False),
            ({"role": "0"}, {"role": 0}, True),
            ({"role": "1"}, {"role": 0}, False),
            ({"mail": ""}, {"mail": ""}, True),
            ({}, {"mail": ""}, False),
            ({"disabled": "yes", "uid": "anna"}, {"status": 1, "login": "anna"}, True),
            ({"disabled": "yes"}, {"status": 1, "login": "anna"}, False),
            ({"mail": ""}, {"mail": "", "name": "never looked at"}, True),
        ],
    )
    def test_passes_while_the_entry_still_asks_for_it(
        self, stage: Rehearsal, entry: dict[str, Any], after: dict[str, Any], passes: bool
    ) -> None:
        change = write(stage, **after)
        stage.change("ann", **entry)
        assert objection(stage, change) == ("" if passes else MOVED)

    def test_an_extra_field_is_not_cleared_where_nobody_governs_it_any_more(self, stage: Rehearsal) -> None:
        stage.by_hand("ann", extra='{ "k":"v" }')
        assert objection(stage, write(stage, extra="")) == MOVED

    @pytest.mark.parametrize("evidence", [Evidence.SEEN, Evidence.UNSEEN, Evidence.RULE])
    @pytest.mark.parametrize("scope", ["out-of-scope", "invalid", "excluded", ""])
    def test_nobody_is_deleted_of_whom_the_directory_still_knows_anything(
        self, stage: Rehearsal, scope: str, evidence: Evidence
    ) -> None:
        stage.change("ann", scope=scope)
        assert objection(stage, delete(stage, evidence)) == (
            "still in the directory as cn=ann, and whoever is there is not deleted"
        )

    def test_a_login_that_was_used_since_it_was_read_is_not_deleted(self, stage: Rehearsal) -> None:
        change = delete(stage, Evidence.UNSEEN)
        stage.leave("ann")
        assert objection(stage, change) == ""
        stage.by_hand("ann", last_seen=1)
        assert objection(stage, change) == "last login changed on the service since it was read"

    def test_a_group_is_left_only_while_the_directory_says_so(self, stage: Rehearsal) -> None:
        assert objection(stage, leave(stage)) == ""
        stage.change("ann", groups=("vpn",))
        assert objection(stage, leave(stage)) == MOVED
        stage.source.entries = [replace(stage.entry("ann"), groups=None)]
        assert objection(stage, leave(stage)) == MOVED
        stage.change("ann", scope="invalid")
        assert objection(stage, leave(stage)) == MOVED

    def test_the_entry_is_brought_into_the_services_form_before_it_is_compared(self, stage: Rehearsal) -> None:
        stage.change("ann", uid=" anna ")
        assert objection(stage, write(stage, login="anna")) == ""


class TestWhatTheConfigurationAsksFor:
    def test_passes_where_it_no_longer_looks_at_the_person(self, stage: Rehearsal) -> None:
        change = write(stage, Evidence.RULE, status=1)
        stage.source.elsewhere = [stage.entry("ann")]
        stage.leave("ann")
        assert objection(stage, change) == ""
        stage.source.elsewhere = []
        assert objection(stage, change) == ""

    def test_passes_where_its_rules_ask_for_it(self, stage: Rehearsal) -> None:
        stage.change("ann", scope="out-of-scope")
        assert objection(stage, write(stage, Evidence.RULE, status=1)) == ""

    def test_does_not_pass_where_the_person_is_there_and_its_rules_ask_for_something_else(
        self, stage: Rehearsal
    ) -> None:
        assert objection(stage, write(stage, Evidence.RULE, status=1)) == MOVED


class TestWhatAPersonOrdered:
    def test_is_not_asked_of_the_directory(self, stage: Rehearsal) -> None:
        stage.source.fail_after = 0
        assert objection(stage, write(stage, Evidence.ORDERED, status=1)) == ""
        nobody = replace(write(stage, status=1), subject=Subject("ann", None, stage.login("ann").id))
        assert objection(stage, nobody) == ""

    def test_is_still_compared_with_the_service(self, stage: Rehearsal) -> None:
        change = write(stage, Evidence.ORDERED, status=1)
        stage.by_hand("ann", mail="b@x.y")
        assert objection(stage, change) == "mail changed on the service since it was read"


def test_a_removal_is_compared_with_the_service_however_fresh_the_reading(stage: Rehearsal) -> None:
    stage.leave("ann")
    change = delete(stage, Evidence.UNSEEN)
    number = stage.login("ann").id
    stage.by_hand("ann", role=2)
    assert objection(stage, change) == "role changed on the service since it was read"
    stage.target.state.logins.clear()
    assert objection(stage, change) == f"login {number} no longer exists"
