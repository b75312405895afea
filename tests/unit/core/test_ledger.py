"""What a change does to our memory of a login."""

from dataclasses import replace

import pytest

from iwds.core.change import (
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    DeleteLogin,
    Forget,
    RemoveFromGroup,
    SendActivation,
    SetGroupRole,
)
from iwds.core.ledger import created_login, fingerprint, ledger_effect, written_of
from iwds.core.model import LedgerRow, Origin, Role
from tests.unit.core.made import OURS, VPN, account, anchor, create, login, row, subject, write


def after(change: Change, before: LedgerRow | None) -> LedgerRow | None:
    return ledger_effect(change, 1, before, OURS)


def test_what_was_created_is_ours_and_has_no_tag_until_it_is_read_back() -> None:
    made = after(create("ann", mail="a@x.y", role=Role.MANAGER), None)
    assert made == LedgerRow(
        1, anchor(), OURS, Origin.CREATED, "ann", written=written_of(login(mail="a@x.y", role=1))
    )  # fmt: skip


def test_what_was_adopted_is_ours_with_the_tag_and_the_fields_that_it_has() -> None:
    theirs = login(created_by=0, mail="a@x.y")
    made = after(Adopt(subject(), theirs, (1,), "explained"), None)
    assert made == LedgerRow(
        1, anchor(), OURS, Origin.ADOPTED, "ann", 0, groups=frozenset({1}), written=written_of(theirs)
    )  # fmt: skip


def test_what_was_deleted_or_is_gone_is_forgotten() -> None:
    assert after(DeleteLogin(subject(), login(), (), "gone"), row()) is None
    assert after(Forget(subject(), "gone"), row()) is None


def test_a_write_leaves_the_name_and_the_fields_that_it_wrote() -> None:
    change = write(login="anna", mail="x")
    assert after(change, row()) == row(login="anna", written=written_of(change.after))


def test_what_a_write_merely_echoes_stays_known_as_we_wrote_it() -> None:
    before = login(mail="by hand", extra='{ "room":"1", "other":"x" }')
    ours = row(written={**written_of(login(mail="ours")), "extra room": fingerprint("1")})
    found = after(write(before, phone="7", extra='{ "room":"2", "other":"x" }'), ours)
    assert found is not None
    assert found.written["mail"] == fingerprint("ours")
    assert found.written["phone"] == fingerprint("7")
    assert {name for name in found.written if name.startswith("extra")} == {"extra room"}
    assert found.written["extra room"] == fingerprint("2")


def test_the_extra_fields_that_a_creation_or_a_write_sets_are_remembered_one_by_one() -> None:
    made = after(create("ann", extra=(("room", "1"), ("desk", ""))), None)
    assert made is not None
    assert (made.written["extra room"], made.written["extra desk"]) == (fingerprint("1"), fingerprint(""))
    taken = after(write(login(extra='{ "room":"1" }'), extra=""), made)
    assert taken is not None
    assert (taken.written["extra room"], taken.written["extra desk"]) == (fingerprint(""), fingerprint(""))


@pytest.mark.parametrize("locked", [True, False])
def test_a_lock_is_ours_where_a_write_of_ours_set_it(locked: bool) -> None:
    def lock_after(change: Change) -> bool:
        found = after(change, row(locked=locked))
        assert found is not None
        return found.locked

    assert lock_after(write(status=1))
    assert not lock_after(write(login(status=1), status=0))
    assert lock_after(write(login(status=1), mail="x")) is locked


def test_memberships_come_and_go() -> None:
    ours = row(groups=frozenset({1, 2}))
    assert after(AddToGroup(subject(), VPN, "due"), row()) == row(groups=frozenset({1}))
    assert after(AdoptMembership(subject(), VPN, "explained"), row()) == row(groups=frozenset({1}))
    assert after(RemoveFromGroup(subject(), VPN, "not due"), ours) == row(groups=frozenset({2}))
    assert after(Forget(subject(), "taken away", group=VPN), ours) == row(groups=frozenset({2}))


def test_a_role_in_a_group_is_remembered_as_long_as_the_membership_and_its_role_are_known() -> None:
    def known(change: Change, **roles: int) -> dict[int, int]:
        found = after(change, row(groups=frozenset({1, 2}), group_roles={int(k[1:]): v for k, v in roles.items()}))
        assert found is not None
        return dict(found.group_roles)

    assert known(AddToGroup(subject(), VPN, "due", role=17), g2=1) == {1: 17, 2: 1}
    assert known(AddToGroup(subject(), VPN, "due", role=0)) == {1: 0}
    assert known(AddToGroup(subject(), VPN, "due"), g1=1, g2=1) == {2: 1}
    assert known(AdoptMembership(subject(), VPN, "explained", role=1)) == {1: 1}
    assert known(AdoptMembership(subject(), VPN, "explained"), g1=1) == {}
    assert known(SetGroupRole(subject(), VPN, 0, 17, "due"), g1=0) == {1: 17}
    assert known(RemoveFromGroup(subject(), VPN, "not due"), g1=1, g2=1) == {2: 1}
    assert known(Forget(subject(), "taken away", group=VPN), g1=1) == {}
    adopted = after(Adopt(subject(), login(), (1, 2), "explained", roles=((2, 17),)), None)
    assert adopted is not None
    assert adopted.group_roles == {2: 17}


def test_a_mail_changes_nothing() -> None:
    assert after(SendActivation(subject(), "new"), row()) == row()


def test_a_login_that_is_not_ours_becomes_ours_by_no_other_change() -> None:
    for change in (write(mail="x"), AddToGroup(subject(), VPN, "due"), SendActivation(subject(), "new")):
        assert after(change, None) is None


def test_what_is_not_governed_is_created_empty() -> None:
    assert created_login(account(), 7) == replace(login(7), extra=None, created_by=None)


def test_fields_are_remembered_as_hashes_without_those_shared_with_others() -> None:
    written = written_of(login(mail="a@x.y", phone=None, extra='{ "k":"v" }'))
    assert "phone" not in written
    assert "extra" not in written
    assert written["mail"] == fingerprint("a@x.y") != "a@x.y"
    assert written_of(login(role=Role.MANAGER))["role"] == written_of(login(role=1))["role"]
