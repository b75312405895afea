"""What changes are called, what they take away, and the order they are made in."""

from dataclasses import replace
from itertools import permutations

import pytest

from iwds.core.change import (
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    DeleteLogin,
    Evidence,
    Forget,
    Kind,
    RemoveFromGroup,
    SendActivation,
    SetGroupRole,
    Subject,
    Write,
    fields_changed,
    kinds,
    only,
    removes,
    without,
)
from iwds.core.devices import Loss
from iwds.core.model import Role
from iwds.core.order import Phase, batches, ordered, rename_cycles
from iwds.core.words import describe, many
from tests.unit.core.made import VPN, WIKI, create, login, subject, write

ANN = subject()


@pytest.mark.parametrize(
    ("change", "names", "takes"),
    [
        (create(), {"create"}, False),
        (create(role=Role.USER), {"create"}, False),
        (create(role=Role.MANAGER), {"create", "promote"}, False),
        (create(role=Role.ADMINISTRATOR), {"create", "promote"}, False),
        (write(status=1), {"lock"}, True),
        (write(login(status=1), status=0), {"unlock"}, False),
        (write(role=1), {"promote"}, False),
        (write(login(role=2), role=1), {"demote"}, True),
        (write(login="anna"), {"rename"}, True),
        (write(mail="a@b.c"), {"update"}, False),
        (write(login(mail="a@b.c"), mail=""), {"clear"}, True),
        (write(login(extra='{ "k":"v" }'), extra=""), {"clear"}, True),
        (write(login(role=1, mail="a"), role=0, mail="", name="x"), {"demote", "clear", "update"}, True),
        (write(), set(), False),
        (DeleteLogin(ANN, login(), (), "gone"), {"delete"}, True),
        (AddToGroup(ANN, VPN, "due"), {"add"}, False),
        (AddToGroup(ANN, VPN, "due", role=0), {"add"}, False),
        (AddToGroup(ANN, VPN, "due", role=1), {"add", "promote"}, False),
        (AddToGroup(ANN, VPN, "due", role=17), {"add", "group-role"}, False),
        (SetGroupRole(ANN, VPN, 0, 1, "due"), {"promote"}, False),
        (SetGroupRole(ANN, VPN, 1, 2, "due"), {"promote"}, False),
        (SetGroupRole(ANN, VPN, 2, 1, "not due"), {"demote"}, True),
        (SetGroupRole(ANN, VPN, 1, 0, "not due"), {"demote"}, True),
        (SetGroupRole(ANN, VPN, 0, 17, "due"), {"group-role"}, False),
        (SetGroupRole(ANN, VPN, 17, 0, "not due"), {"demote"}, True),
        (SetGroupRole(ANN, VPN, 17, 18, "due"), {"demote", "group-role"}, True),
        (SetGroupRole(ANN, VPN, 1, 17, "due"), {"demote", "group-role"}, True),
        (SetGroupRole(ANN, VPN, 17, 2, "due"), {"demote", "promote"}, True),
        (RemoveFromGroup(ANN, VPN, "not due"), {"remove"}, True),
        (Adopt(ANN, login(), (), "explained"), {"adopt"}, False),
        (AdoptMembership(ANN, VPN, "explained"), {"adopt-group"}, False),
        (SendActivation(ANN, "new"), {"mail"}, False),
        (Forget(ANN, "gone"), {"forget"}, False),
    ],
)  # fmt: skip
def test_every_change_has_its_names_and_says_whether_it_takes(change: Change, names: set[str], takes: bool) -> None:
    assert {kind.value for kind in kinds(change)} == names
    assert removes(change) is takes


class TestParts:
    """A write can be taken apart by kind."""

    both = write(login(mail="a"), mail="", name="x", status=1)

    def test_what_is_dropped_goes_back_to_what_it_was(self) -> None:
        rest = without(self.both, {Kind.LOCK})
        assert rest is not None
        assert fields_changed(rest) == ("name", "mail")
        assert rest.after.status == 0
        assert rest.evidence is Evidence.SEEN

    def test_what_takes_nothing_any_more_rests_on_no_evidence(self) -> None:
        rest = without(self.both, {Kind.LOCK, Kind.CLEAR})
        assert rest is not None
        assert fields_changed(rest) == ("name",)
        assert rest.evidence is None

    def test_nothing_is_left_when_everything_is_dropped(self) -> None:
        assert without(self.both, set(Kind)) is None
        assert only(self.both, {Kind.RENAME}) is None

    def test_only_keeps_what_is_named(self) -> None:
        rest = only(self.both, {Kind.LOCK})
        assert rest is not None
        assert fields_changed(rest) == ("status",)


@pytest.mark.parametrize(
    ("change", "phase"),
    [
        (Adopt(ANN, login(), (), "explained"), Phase.ADOPT),
        (AdoptMembership(ANN, VPN, "explained"), Phase.ADOPT),
        (Forget(ANN, "gone"), Phase.ADOPT),
        (write(status=1), Phase.TAKE),
        (write(login(role=2), role=0), Phase.TAKE),
        (RemoveFromGroup(ANN, VPN, "not due"), Phase.TAKE),
        (SetGroupRole(ANN, VPN, 2, 17, "not due"), Phase.TAKE),
        (DeleteLogin(ANN, login(), (), "gone"), Phase.DELETE),
        (write(login="anna"), Phase.RENAME),
        (create(), Phase.CREATE),
        (SendActivation(ANN, "new"), Phase.CREATE),
        (AddToGroup(ANN, VPN, "due"), Phase.MOVE),
        (write(login(status=1), status=0), Phase.REST),
        (write(mail="x"), Phase.REST),
        (SetGroupRole(ANN, VPN, 0, 17, "due"), Phase.REST),
        (SetGroupRole(ANN, VPN, 1, 2, "due"), Phase.REST),
        (write(login(mail="x"), mail=""), Phase.REST),
        (write(), Phase.REST),
    ],
)
def test_every_change_has_its_phase(change: Change, phase: Phase) -> None:
    assert ordered([change]) == ((phase, change),)


def test_a_write_is_made_in_the_earliest_phase_of_its_parts() -> None:
    locked_and_renamed = write(status=1, login="anna", mail="x")
    renamed_and_unlocked = write(login(2, "bob", status=1), status=0, login="rob")
    assert [phase for phase, _ in ordered([renamed_and_unlocked, locked_and_renamed])] == [Phase.TAKE, Phase.RENAME]


def test_a_mover_gains_before_they_lose_and_a_leaver_of_a_group_loses_first() -> None:
    gain, loss = AddToGroup(ANN, WIKI, "due"), RemoveFromGroup(ANN, VPN, "not due")
    other = RemoveFromGroup(subject("bob", 2), VPN, "not due")
    assert ordered([loss, gain, other]) == ((Phase.TAKE, other), (Phase.MOVE, gain), (Phase.MOVE, loss))


def test_a_new_login_comes_with_its_groups_and_its_mail() -> None:
    eve = create()
    steps: list[Change] = [
        eve,
        AddToGroup(eve.subject, VPN, "due"),
        AddToGroup(eve.subject, WIKI, "due"),
        SendActivation(eve.subject, "new"),
    ]
    assert [change for _, change in ordered(reversed(steps))] == steps
    assert {phase for phase, _ in ordered(steps)} == {Phase.CREATE}


def test_what_is_gone_is_forgotten_before_anything_is_adopted() -> None:
    steps: list[Change] = [
        Forget(ANN, "gone"),
        Adopt(ANN, login(), (), "explained"),
        AdoptMembership(ANN, VPN, "explained"),
    ]
    assert [change for _, change in ordered(reversed(steps))] == steps


def chain() -> list[Write]:
    """ann takes bob's name, who takes cy's, who takes a free one."""
    return [
        write(login(1, "ann"), login="bob"),
        write(login(2, "bob"), login="Cy"),
        write(login(3, "cy"), login="dee"),
    ]


def test_renames_are_made_in_the_order_in_which_names_are_given_up() -> None:
    a, b, c = chain()
    for mixed in permutations((a, b, c)):
        assert [change for _, change in ordered(mixed)] == [c, b, a]


def test_each_rename_of_a_chain_waits_until_the_one_before_is_over() -> None:
    a, b, c = chain()
    free = write(login(4, "zoe"), login="zed")
    assert list(batches([a, b, c, free, create()])) == [
        (Phase.RENAME, [c, free]),
        (Phase.RENAME, [b]),
        (Phase.RENAME, [a]),
        (Phase.CREATE, [create()]),
    ]


def test_a_circle_of_renames_is_found_and_a_chain_is_none() -> None:
    a, b, c = chain()
    assert rename_cycles([a, b, c]) == frozenset()
    closed = write(login(3, "cy"), login="Bob")
    assert rename_cycles([a, b, closed]) == {2, 3}
    assert rename_cycles([a, write(login(2, "bob"), login="ann")]) == {1, 2}
    assert len(ordered([a, b, closed])) == 3


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (AddToGroup(ANN, VPN, "due", role=0), "add ann to vpn"),
        (AddToGroup(ANN, VPN, "due", role=1), "add ann to vpn as manager"),
        (AddToGroup(ANN, VPN, "due", role=17, names=((17, "auditor"),)), "add ann to vpn as auditor"),
        (SetGroupRole(ANN, VPN, 0, 1, "due"), "promote ann in vpn: user > manager"),
        (SetGroupRole(ANN, VPN, 18, 1, "due"), "demote ann in vpn: role 18 > manager"),
        (
            SetGroupRole(ANN, VPN, 0, 17, "due", names=((17, "auditor"),)),
            "change the role of ann in vpn: user > auditor",
        ),
        (create(firstname="Eve", name="Doe", mail="e@x.y"), "create eve (Eve Doe, e@x.y)"),
        (create(role=Role.MANAGER, mail="e@x.y"), "create eve as manager (e@x.y)"),
        (create(role=Role.USER), "create eve"),
        (write(status=1, mail="x"), "lock ann: mail (empty) > x, status active > locked"),
        (write(login(status=1), status=0), "unlock ann: status locked > active"),
        (write(login(role=2), role=0), "demote ann: role administrator > user"),
        (write(login(role=7), role=0), "demote ann: role 7 > user"),
        (write(role=1), "promote ann: role user > manager"),
        (write(login="anna"), "rename ann: login ann > anna"),
        (write(firstname="A", name="N"), "update ann: first name (empty) > A, last name (empty) > N"),
        (write(login(extra='{ "k":"v", "z":"1" }'), extra='{ "z":"2" }'), "update ann: extra fields k, z"),
        (DeleteLogin(ANN, login(), (), "gone"), "delete ann with its devices"),
        (DeleteLogin(ANN, login(), (), "gone", lost=Loss((), (), None)), "delete ann with no device, no group"),
        (
            DeleteLogin(ANN, login(), (1,), "gone", lost=Loss((("ma", 1),), (("vpn", 1),), 1_790_000_000)),
            "delete ann with 1 device (1 Authenticator), groups vpn as manager, last login 2026-09-21",
        ),
        (
            DeleteLogin(ANN, login(), (1,), "gone", lost=Loss((("ma", 1), ("x", 2)), (("vpn", 0),), 0)),
            "delete ann with 3 devices (1 Authenticator, 2 x), groups vpn, never used",
        ),
        (AddToGroup(ANN, VPN, "due"), "add ann to vpn"),
        (RemoveFromGroup(ANN, VPN, "not due"), "take ann out of vpn"),
        (Adopt(ANN, login(), (), "explained"), "adopt ann (nothing is sent)"),
        (AdoptMembership(ANN, VPN, "explained"), "adopt ann in vpn (nothing is sent)"),
        (SendActivation(ANN, "new"), "mail ann its activation link"),
        (Forget(ANN, "gone"), "forget ann, whose login is gone (nothing is sent)"),
        (Forget(ANN, "gone", group=VPN), "forget ann in vpn (nothing is sent)"),
    ],
)  # fmt: skip
def test_every_change_is_one_sentence(change: Change, sentence: str) -> None:
    assert describe(change) == sentence


def test_a_subject_is_known_by_its_anchor_and_without_one_by_its_login() -> None:
    assert subject().key == "here/ann"
    assert Subject("ann", None, 7).key == "login 7"
    assert replace(subject(), login="anna").key == subject().key


def test_one_is_not_many() -> None:
    assert [many(n, "call") for n in (0, 1, 2_000)] == ["0 calls", "1 call", "2,000 calls"]
    assert [many(n, "person", "people") for n in (1, 2)] == ["1 person", "2 people"]
