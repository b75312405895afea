"""What a batch comes to for one login; tests/unit/engine/test_batch.py plays it on a service."""

from dataclasses import replace
from typing import Any

import pytest

from iwds.core.batch import Now, decisions_of, parts, role_number, wanted_parts
from iwds.core.batch_people import BATCH_REALM, Wish, anchor_of, wishes
from iwds.core.batch_table import parse
from iwds.core.change import (
    AddToGroup,
    Adopt,
    Change,
    CreateLogin,
    DeleteLogin,
    Evidence,
    Forget,
    RemoveFromGroup,
    SendActivation,
    SetGroupRole,
    Subject,
    Write,
    fields_changed,
)
from iwds.core.decide import decide
from iwds.core.decision import Decision, Proposal, Reason, Skip
from iwds.core.devices import Loss
from iwds.core.matching import Case, Match
from iwds.core.model import LedgerRow, Status
from iwds.core.policy import Hold, HoldKind, Policy
from tests.unit.core.made import GROUPS, OURS, VPN, WIKI, login, row, world

HEAD = "action,login,firstname,mail,role,groups,group role,activation,extra:k,extra:l\n"
LOSS = Loss((), (), None)
KIM = Hold("kim", "left", None)


def wish(*rows: str) -> Wish:
    table = parse(HEAD + "".join(f"{each}{',' * (9 - each.count(','))}\n" for each in rows))
    assert not table.complaints
    (found,), complaints = wishes(table.rows)
    assert not complaints
    return found


def ours(**fields: Any) -> LedgerRow:
    """Our memory of ann's login, which a batch made."""
    return row(1, "ann", anchor=anchor_of("ann"), **fields)


def decided(asked: Wish, /, **fields: Any) -> list[Decision]:
    """Where nothing else is said ann has a login that a batch made."""
    given: dict[str, Any] = {"world": world(), "account": asked.account, "groups": GROUPS, **fields}
    return list(
        decisions_of(asked, Now(**{"login": login(), "row": ours(), "earlier": ours(), "still": True, **given}), "f")
    )


def new(asked: Wish, /, **fields: Any) -> list[Decision]:
    return decided(asked, **{"login": None, "row": None, "earlier": None, "still": False, **fields})


def made(decisions: list[Decision]) -> list[Change]:
    assert not [each for each in decisions if isinstance(each, Skip)]
    return [each.change for each in decisions if isinstance(each, Proposal)]


def skip(decisions: list[Decision]) -> Skip:
    (found,) = decisions
    assert isinstance(found, Skip)
    return found


class TestSomebodyNew:
    def test_is_created_put_into_groups_and_mailed(self) -> None:
        asked = wish("create,ann,Ann,a@x.org,,wiki|vpn,Manager,link")
        creation, *joins, mail = made(new(asked))
        assert creation == CreateLogin(Subject("ann", asked.anchor), asked.account, "batch f line 2", Evidence.ORDERED)
        assert [(j.group, j.role) for j in joins if isinstance(j, AddToGroup)] == [(VPN, 1), (WIKI, 1)]
        assert isinstance(mail, SendActivation)

    def test_gets_no_mail_unless_somebody_says_so(self) -> None:
        (creation,) = made(new(wish("create,ann")))
        assert isinstance(creation, CreateLogin)

    def test_replaces_a_login_that_somebody_deleted_on_the_service(self) -> None:
        forgotten, creation = made(new(wish("create,ann"), earlier=ours()))
        assert isinstance(forgotten, Forget)
        assert isinstance(creation, CreateLogin)

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"world": world(protected=frozenset({"ann"}))}, Reason.PROTECTED),
            ({"earlier": ours(), "still": True}, Reason.TAKEN),
            ({"earlier": ours(), "world": world(holds={1: KIM})}, Reason.LOCKED_ELSEWHERE),
            ({"world": world(tagged=False)}, Reason.UNTAGGED),
        ],
    )
    def test_is_not_created_where_something_speaks_against_it(self, fields: dict[str, Any], reason: Reason) -> None:
        found = skip(new(wish("create,ann,,,,vpn"), **fields))
        assert found.reason is reason
        assert isinstance(found.change, CreateLogin)

    def test_is_created_untagged_where_that_is_allowed(self) -> None:
        rules = world(Policy(OURS, untagged_creations=True), tagged=False)
        assert len(made(new(wish("create,ann"), world=rules))) == 1

    def test_who_is_there_as_wished_is_done_already(self) -> None:
        asked = wish("create,ann,Ann,,,vpn,,,1")
        there = login(firstname="Ann", mail="set@hand", extra='{ "k":"1", "z":"2" }')
        assert decided(asked, login=there, member_of=frozenset({VPN.id})) == []

    def test_who_is_there_and_in_no_group_yet_is_put_into_it(self) -> None:
        (join,) = made(decided(wish("create,ann,,,,vpn")))
        assert isinstance(join, AddToGroup)

    def test_who_is_there_otherwise_is_left_alone_and_told(self) -> None:
        found = skip(decided(wish("create,ann,Ann,,1,vpn,,,1")))
        assert found.reason is Reason.CHANGED
        assert "another first name, role, extra fields: use update" in found.detail

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"row": None}, Reason.TAKEN),
            ({"row": row()}, Reason.TAKEN),
            ({"row": None, "doubted": True}, Reason.UNPROVEN),
        ],
    )
    def test_whose_name_another_login_has_is_not_created(self, fields: dict[str, Any], reason: Reason) -> None:
        assert skip(decided(wish("create,ann"), **fields)).reason is reason

    def test_of_whom_nobody_else_knows_is_nothing_to_do(self) -> None:
        assert new(wish("delete,ann")) == []


class TestALogin:
    def test_is_written_once_whatever_many_rows_say(self) -> None:
        asked = wish("update,ann,Ann,(clear),1,,,,1,(clear)", "lock,ann")
        held = login(mail="a@x.org", extra='{ "l":"2", "z":"3" }')
        (write,) = made(decided(asked, login=held))
        assert isinstance(write, Write)
        assert fields_changed(write) == ("firstname", "mail", "role", "status", "extra")
        assert (write.after.mail, write.after.extra, write.after.status) == ("", '{ "z":"3", "k":"1" }', 1)
        assert write.evidence is Evidence.ORDERED

    def test_that_is_so_already_is_not_written(self) -> None:
        assert decided(wish("update,ann,Ann", "unlock,ann"), login=login(firstname="Ann")) == []

    @pytest.mark.parametrize("extra", [None, "[nonsense"])
    def test_whose_extra_fields_cannot_be_read_keeps_them(self, extra: str | None) -> None:
        found = [
            each for each in decided(wish("update,ann,,,,,,,1"), login=login(extra=extra)) if isinstance(each, Skip)
        ]
        assert [each.reason for each in found] == [Reason.INVALID]
        assert found[0].change is not None
        assert parts(found[0].change) == {"extra"}

    def test_that_another_hand_locked_stays_locked_and_the_rest_is_written(self) -> None:
        withheld, write = decided(wish("update,ann,Ann", "unlock,ann"), login=login(status=1))
        assert isinstance(withheld, Skip)
        assert withheld.change is not None
        assert withheld.reason is Reason.LOCKED_ELSEWHERE
        assert parts(withheld.change) == {"status"}
        assert isinstance(write, Proposal)
        assert parts(write.change) == {"firstname"}

    def test_that_we_locked_is_unlocked(self) -> None:
        (write,) = made(decided(wish("unlock,ann"), login=login(status=1), row=ours(locked=True)))
        assert parts(write) == {"status"}

    def test_that_is_not_the_one_we_knew_is_left_alone(self) -> None:
        assert skip(decided(wish("lock,ann"), row=ours(login="bob", tag=7))).reason is Reason.FOREIGN

    def test_of_another_job_is_left_alone(self) -> None:
        assert skip(decided(wish("lock,ann"), row=ours(owner=7))).reason is Reason.FOREIGN

    def test_is_put_into_groups_and_taken_out(self) -> None:
        inside = frozenset({WIKI.id})
        join, leave = made(decided(wish("add,ann,,,,vpn", "remove,ann,,,,wiki"), member_of=inside))
        assert isinstance(join, AddToGroup)
        assert isinstance(leave, RemoveFromGroup)
        assert (join.group, leave.group, leave.evidence) == (VPN, WIKI, Evidence.ORDERED)

    def test_that_is_in_its_groups_already_is_left(self) -> None:
        assert decided(wish("add,ann,,,,vpn", "remove,ann,,,,wiki"), member_of=frozenset({VPN.id})) == []

    @pytest.mark.parametrize(("held", "changes"), [(0, 1), (1, 0)])
    def test_gets_the_role_in_a_group(self, held: int, changes: int) -> None:
        inside = {"member_of": frozenset({VPN.id}), "roles": {VPN.id: held}}
        found = made(decided(wish("add,ann,,,,vpn,manager"), **inside))
        assert [isinstance(each, SetGroupRole) for each in found] == [True] * changes

    def test_whose_role_in_a_group_cannot_be_read_keeps_it(self) -> None:
        found = skip(decided(wish("add,ann,,,,vpn,manager"), member_of=frozenset({VPN.id})))
        assert found.reason is Reason.UNPROVEN

    def test_is_deleted_with_what_goes_with_it(self) -> None:
        (deletion,) = made(decided(wish("delete,ann"), loss=LOSS, member_of=frozenset({2, 1})))
        assert isinstance(deletion, DeleteLogin)
        assert (deletion.groups, deletion.lost, deletion.evidence) == ((1, 2), LOSS, Evidence.ORDERED)

    def test_is_not_deleted_where_nobody_knows_what_goes_with_it(self) -> None:
        assert skip(decided(wish("delete,ann"))).reason is Reason.UNPROVEN

    def test_that_the_helpdesk_holds_is_not_deleted(self) -> None:
        found = skip(decided(wish("delete,ann"), loss=LOSS, world=world(holds={1: KIM})))
        assert found.reason is Reason.LOCKED_ELSEWHERE

    def test_from_which_nothing_is_taken_says_so(self) -> None:
        exempt = replace(KIM, kind=HoldKind.EXEMPT)
        (proposal,) = decided(wish("delete,ann"), loss=LOSS, world=world(exempt={1: exempt}))
        assert isinstance(proposal, Proposal)
        assert proposal.exempt == str(exempt)


class TestWhomADirectoryAnswersFor:
    @pytest.mark.parametrize("action", ["lock,ann", "unlock,ann", "delete,ann"])
    def test_is_neither_locked_nor_unlocked_nor_deleted(self, action: str) -> None:
        found = skip(decided(wish(action), row=row(), loss=LOSS, earlier=None, still=False))
        assert found.reason is Reason.FOREIGN
        assert "the next run would undo it" in found.detail

    def test_may_be_written_and_put_into_groups(self) -> None:
        found = made(decided(wish("update,ann,Ann", "add,ann,,,,vpn"), row=row(), earlier=None, still=False))
        assert [type(each) for each in found] == [Write, AddToGroup]
        assert {each.subject.anchor for each in found} == {row().anchor}


class TestWhomNobodyRemembers:
    def test_is_left_alone(self) -> None:
        found = skip(new(wish("lock,ann"), login=login(created_by=0)))
        assert (found.reason, "--adopt 0" in found.detail) == (Reason.FOREIGN, True)
        assert "unknown" in skip(new(wish("lock,ann"), login=login(created_by=None), adopt={0})).detail

    def test_is_taken_over_where_the_origin_is_named(self) -> None:
        adoption, write = made(new(wish("lock,ann"), login=login(created_by=0), adopt={0}))
        assert isinstance(adoption, Adopt)
        assert parts(adoption) == frozenset()
        assert isinstance(write, Write)

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"world": world(protected=frozenset({"ann"}))}, Reason.PROTECTED),
            ({"doubted": True}, Reason.UNPROVEN),
            ({"earlier": ours(), "still": True}, Reason.TAKEN),
        ],
    )
    def test_is_not_taken_over_where_something_speaks_against_it(self, fields: dict[str, Any], reason: Reason) -> None:
        assert skip(new(wish("lock,ann"), login=login(created_by=0), adopt={0}, **fields)).reason is reason


class TestWhomABatchMade:
    @pytest.mark.parametrize("realms", [frozenset({"here"}), frozenset({"here", BATCH_REALM})])
    def test_is_no_leaver_of_any_directory(self, realms: frozenset[str]) -> None:
        case = Case(Match.LEAVER, row=ours(), login=login())
        (found,) = decide(case, world(realms=realms))
        assert isinstance(found, Skip)
        assert (found.reason, found.detail) == (
            Reason.FOREIGN,
            "made by a batch, and no directory decides about them",
        )


def test_each_row_wants_its_own_part() -> None:
    asked = wish("update,ann,Ann,,1,,,,1", "lock,ann", "add,ann,,,,vpn", "update,ann,Ann")
    assert wanted_parts(asked) == {
        2: {"firstname", "role", "extra"},
        3: {"status"},
        4: {"group vpn"},
        5: {"firstname"},
    }
    assert wanted_parts(wish("create,ann,,a@x.org,,vpn,,link")) == {2: {"created", "mailed", "group vpn"}}
    assert wanted_parts(wish("create,ann")) == {2: {"created"}}
    assert wanted_parts(wish("delete,ann")) == {2: {"deleted"}}


def test_a_change_makes_what_a_row_wants() -> None:
    subject, there = Subject("ann", anchor_of("ann"), 1), login()
    assert parts(CreateLogin(subject, wish("create,ann").account, "")) == {"created"}
    assert parts(DeleteLogin(subject, there, (), "")) == {"deleted"}
    assert parts(SendActivation(subject, "")) == {"mailed"}
    assert parts(Write(subject, there, replace(there, status=int(Status.LOCKED)), "")) == {"status"}
    assert parts(RemoveFromGroup(subject, VPN, "")) == {"group vpn"}


def test_a_role_is_found_by_its_name_in_any_case() -> None:
    assert role_number({"Auditor": 7}, "auditor") == 7
    assert role_number({"Auditor": 7}, "") is None
