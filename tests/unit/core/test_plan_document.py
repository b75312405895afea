"""A plan as a document and back."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from iwds.core.approval import Approval, Needed
from iwds.core.change import Evidence
from iwds.core.decision import Reason, Skip
from iwds.core.guards import Gauge, GuardKind
from iwds.core.matching import Tally
from iwds.core.plan import Lifetime, Plan, Selection
from iwds.core.plan_document import SCHEMA, document_digest, plan_from_data, plan_to_data
from tests.unit.core.made import assembled, basis, create, facts, proof, subject, write

GAUGE = Gauge(GuardKind.LEAVE_GROUP, "vpn", 4, 1, 3, 10, {"seen: x": 4}, 4)
SELECTION = Selection(frozenset({"rule"}), {"out-of-scope": 3}, "the new office")


def plan() -> Plan:
    given = basis(
        approval=Approval(Needed.REMOVALS, 3, timedelta(days=2)),
        to_approve=5,
        tally=Tally(5, {"invalid": 1}, 6, 7, 1, 0, 4, 5), agreed=2, matched=3, notes=("no group x",),
        sources=(proof("a", problems=("cut short",), presence={"mail": 2}), proof("b")),
    )  # fmt: skip
    skips = [Skip(subject(), Reason.HELD, "waits", write(status=1)), Skip(subject("bob", 2), Reason.ORPHAN, "ours")]
    made = assembled([create(), write(mail="x"), *skips], facts(given))
    return replace(made, basis=replace(made.basis, gauges=(GAUGE,), selection=SELECTION))


def data() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(plan_to_data(plan())))
    return made


def test_a_plan_survives_json_with_its_digest() -> None:
    back = plan_from_data(data())
    assert back == plan()
    assert back.digest == plan().digest


def test_what_only_planning_needs_of_the_tally_stays_out() -> None:
    full = replace(plan(), basis=replace(plan().basis, tally=Tally(members={1: 2}, tags={3: 4})))
    assert plan_from_data(plan_to_data(full)).basis.tally == Tally()


def test_a_plan_that_was_altered_is_refused() -> None:
    altered = data()
    altered["changes"][0]["account"]["role"] = 2
    with pytest.raises(ValueError, match="altered"):
        plan_from_data(altered)


def test_a_plan_of_another_schema_is_refused() -> None:
    for schema in (SCHEMA + 1, None):
        with pytest.raises(ValueError, match="schema"):
            plan_from_data({**data(), "schema": schema})


@pytest.mark.parametrize("data", [None, [], "plan", 1])
def test_what_is_no_document_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="not a plan"):
        plan_from_data(data)


@pytest.mark.parametrize("part", ["id", "made_at", "changes", "skips", "basis"])
@pytest.mark.parametrize("broken", [None, 5, [5], {}])
def test_what_is_no_plan_is_refused(part: str, broken: object) -> None:
    wrong = {**data(), part: broken}
    if part == "id":  # an id is not covered by the digest
        del wrong["id"]
    if broken == {} and part in ("changes", "skips"):
        wrong[part] = [{}]
    with pytest.raises(ValueError, match=r"not a (plan|change)"):
        plan_from_data(wrong)


def test_unknown_words_are_refused() -> None:
    wrong = data()
    wrong["skips"][0]["reason"] = "hearsay"
    with pytest.raises(ValueError, match="hearsay"):
        plan_from_data(wrong)


def test_what_a_removal_rests_on_is_in_the_document() -> None:
    lock = assembled([write(status=1)])
    assert plan_to_data(lock)["changes"][0]["evidence"] == Evidence.SEEN.value


class TestTheWhole:
    """What the digest of a plan leaves out, the one over its whole document covers."""

    @pytest.mark.parametrize(
        ("part", "value"),
        [
            ("id", "p2"),
            ("made_at", "2027-01-01T00:00:00+00:00"),
            ("valid_until", "2099-01-01T00:00:00+00:00"),
            ("valid_until", None),
            ("delete_by", None),
            ("skips", []),
            ("personal_data", {"people": 0, "holds": "nothing"}),
            ("document_digest", "0" * 64),
        ],
    )
    def test_is_noticed_where_it_was_altered(self, part: str, value: object) -> None:
        with pytest.raises(ValueError, match="altered"):
            plan_from_data({**data(), part: value})

    def test_is_noticed_where_notes_were_altered(self) -> None:
        altered = data()
        altered["basis"]["notes"] = []
        with pytest.raises(ValueError, match="altered"):
            plan_from_data(altered)

    def test_cannot_lose_its_digest(self) -> None:
        altered = data()
        del altered["document_digest"]
        with pytest.raises(ValueError, match="altered"):
            plan_from_data(altered)

    def test_of_an_older_version_has_neither_an_end_nor_a_digest(self) -> None:
        new = ("valid_until", "delete_by", "personal_data", "document_digest")
        old = {key: value for key, value in data().items() if key not in new}
        del old["basis"]["parts"]
        back = plan_from_data(old)
        assert (back.valid_until, back.delete_by) == (None, None)
        assert back.digest == plan().digest
        assert plan_from_data(json.loads(json.dumps(plan_to_data(back)))) == back

    def test_says_of_how_many_people_it_holds_what(self) -> None:
        told = data()["personal_data"]
        assert (told["people"], "mail addresses" in told["holds"]) == (3, True)

    def test_ends_and_is_deleted_as_the_job_says(self) -> None:
        days = Lifetime(timedelta(hours=1), timedelta(days=2))
        made = assembled([create()], facts(lifetime=days))
        assert made.valid_until == made.made_at + days.valid
        assert made.delete_by == made.made_at + days.kept

    def test_does_not_change_what_plans_are_compared_by(self) -> None:
        other = replace(plan(), id="p2", made_at=plan().made_at + timedelta(1), valid_until=None, skips=())
        assert other.digest == plan().digest
        assert document_digest(plan_to_data(other)) != document_digest(plan_to_data(plan()))


def test_a_plan_from_before_there_were_approvals_asked_for_none() -> None:
    old = data()
    del old["basis"]["approval"], old["basis"]["to_approve"]
    del old["valid_until"], old["delete_by"], old["personal_data"], old["document_digest"]
    assert plan_from_data(old).basis.approval == Approval()
