"""Letting a drift stay: what a run would write over it is rejected, and the drift is recognised."""

from datetime import timedelta

import pytest

from iwds.core.change import AddToGroup, Change, CreateLogin, DeleteLogin, RemoveFromGroup, SetGroupRole, Write
from iwds.core.drift import IN, OUT, Drift, DriftKind, Value
from iwds.core.drift_keep import keeping, kept_mark, writing
from iwds.core.ledger import fingerprint
from iwds.core.model import Account, Login
from iwds.core.rulings import Ruling, Rulings, Said
from tests.unit.core.made import NOON, VPN, WIKI, anchor, login, row, subject, write

SAID = Said("zoe", "desk-1", "she asked", NOON, NOON + timedelta(days=3), "drift", "staff")
MAIL = Drift(DriftKind.FIELD, "mail", "hand", mark=fingerprint("ours"))
ROOM = Drift(DriftKind.FIELD, "extra room", "2", mark=fingerprint("1"))
JOINED = Drift(DriftKind.JOINED, "group 1", IN, OUT, group=VPN)
LEFT = Drift(DriftKind.LEFT, "group 1", OUT, IN, group=VPN)
ROLE_IN = Drift(DriftKind.GROUP_ROLE, "role in 1", 17, 1, group=VPN)
UNLOCKED = Drift(DriftKind.UNLOCKED, "status", 0, mark=fingerprint(1))
GONE = Drift(DriftKind.GONE, "login", None, "ann")
HAND = login(mail="hand", extra='{ "room":"2", "other":"x" }')


def kept(drift: Drift, *values: Value, now: Login | None = HAND) -> Ruling:
    ruling = keeping(row(), now, drift, values, SAID)
    assert ruling is not None
    return ruling


def rejects(ruling: Ruling, change: Change) -> bool:
    return Rulings([ruling], "staff", NOON).rejected(change) is not None


@pytest.mark.parametrize(
    ("drift", "value", "change"),
    [
        (MAIL, "ours", write(HAND, mail="ours")),
        (ROOM, "1", write(HAND, extra='{ "room":"1", "other":"y" }')),
        (JOINED, OUT, RemoveFromGroup(subject(), VPN, "not due")),
        (LEFT, IN, AddToGroup(subject(), VPN, "due", role=1)),
        (ROLE_IN, 1, SetGroupRole(subject(), VPN, 17, 1, "due")),
        (UNLOCKED, 1, write(HAND, status=1)),
        (UNLOCKED, 1, DeleteLogin(subject(), HAND, (), "gone")),
    ],
)
def test_what_would_be_written_over_it_is_rejected_in_any_clothes(drift: Drift, value: Value, change: Change) -> None:
    assert rejects(kept(drift, value), change)


def test_what_we_wrote_and_what_the_directory_wants_are_both_rejected_and_nothing_else() -> None:
    ruling = kept(MAIL, "ours", "directory", None, "hand")
    assert rejects(ruling, write(HAND, mail="ours"))
    assert rejects(ruling, write(HAND, mail="directory"))
    assert not rejects(ruling, write(HAND, mail="later"))
    assert not rejects(ruling, write(HAND, name="New"))
    assert not rejects(kept(JOINED, OUT), RemoveFromGroup(subject(), WIKI, "not due"))


def test_whoever_was_deleted_is_not_created_again() -> None:
    again = CreateLogin(subject("ann", None), Account(anchor(), "ann", mail="a@x.y"), "in the directory")
    assert rejects(kept(GONE, now=None), again)


@pytest.mark.parametrize(
    ("drift", "now"),
    [
        (Drift(DriftKind.TAG, "tag", 0, 20), HAND),
        (Drift(DriftKind.STRANGER, "login", "eve", "ann"), HAND),
        (MAIL, None),
        (ROOM, login(extra="broken")),
    ],
)
def test_where_no_run_would_write_there_is_nothing_to_reject(drift: Drift, now: Login | None) -> None:
    assert keeping(row(), now, drift, ["1"], SAID) is None
    assert keeping(row(), HAND, MAIL, [None, "hand"], SAID) is None


def test_a_kept_drift_is_recognised_until_the_service_has_something_else() -> None:
    mark = kept_mark(row(), MAIL)
    assert mark in kept(MAIL, "ours").marks
    assert mark != kept_mark(row(), Drift(DriftKind.FIELD, "mail", "other", mark=MAIL.mark))
    assert mark != kept_mark(row(2), MAIL)


def test_the_change_that_writes_over_it_keeps_what_is_others() -> None:
    change = writing(row(), HAND, ROOM, "1")
    assert isinstance(change, Write)
    assert change.after.extra == '{ "room":"1", "other":"x" }'
