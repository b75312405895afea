"""What the next run makes of a drift, and what can be put back."""

from typing import Any

import pytest

from iwds.core.change import (
    AddToGroup,
    AdoptMembership,
    CreateLogin,
    Evidence,
    Forget,
    RemoveFromGroup,
    SetGroupRole,
    Write,
)
from iwds.core.decision import Decision, Proposal, Reason, Skip
from iwds.core.drift import IN, OUT, Drift, DriftKind, How, Trace
from iwds.core.drift_back import BECAUSE, Left, obstacle, put_back
from iwds.core.drift_next import Next, Then, next_step, wanted_of
from iwds.core.ledger import fingerprint
from iwds.core.model import Absent, Account, Mode, Role, Unmapped
from tests.unit.core.made import VPN, WIKI, account, anchor, create, login, row, subject, world, write

MAIL = Drift(DriftKind.FIELD, "mail", "hand", mark=fingerprint("ours"))
LOCKED = Drift(DriftKind.LOCKED, "status", 1, mark=fingerprint(0))
JOINED = Drift(DriftKind.JOINED, "group 1", IN, OUT, group=VPN)
LEFT = Drift(DriftKind.LEFT, "group 1", OUT, IN, group=VPN)
ROLE_IN = Drift(DriftKind.GROUP_ROLE, "role in 1", 1, 0, group=VPN)
GONE = Drift(DriftKind.GONE, "login", None, "ann")
TAG = Drift(DriftKind.TAG, "tag", 0, 20)
RENAMED = Drift(DriftKind.RENAMED, "login", "anna", "ann")
ROOM = Drift(DriftKind.FIELD, "extra room", "2", mark=fingerprint("1"))
HAND = login(mail="hand")


def step(drift: Drift, person: Account | Unmapped | None, *decisions: Decision) -> Next:
    return next_step(drift, person, decisions, world())


def then(drift: Drift, person: Account | Unmapped | None, *decisions: Decision) -> Then:
    return step(drift, person, *decisions).then


class TestTheNextRun:
    def test_puts_back_what_we_wrote_or_writes_something_else(self) -> None:
        assert step(MAIL, account(mail="ours"), Proposal(write(HAND, mail="ours"))) == Next(
            Then.PUTS_BACK, "ours", "the directory says so"
        )
        assert then(MAIL, account(mail="new"), Proposal(write(HAND, mail="new"))) is Then.WRITES
        assert then(MAIL, account(mail="hand"), Proposal(write(HAND, name="New"))) is Then.AGREES

    @pytest.mark.parametrize(
        ("drift", "change", "expected"),
        [
            (JOINED, RemoveFromGroup(subject(), VPN, "why", Evidence.SEEN), Then.PUTS_BACK),
            (JOINED, AdoptMembership(subject(), VPN, "why"), Then.AGREES),
            (LEFT, AddToGroup(subject(), VPN, "why"), Then.PUTS_BACK),
            (LEFT, Forget(subject(), "why", group=VPN), Then.AGREES),
            (ROLE_IN, SetGroupRole(subject(), VPN, 1, 0, "why"), Then.PUTS_BACK),
            (ROLE_IN, SetGroupRole(subject(), VPN, 1, 2, "why"), Then.WRITES),
            (RENAMED, write(login(1, "anna"), login="Ann"), Then.PUTS_BACK),
            (ROOM, write(login(extra='{ "room":"2" }'), extra='{ "room":"1" }'), Then.PUTS_BACK),
            (GONE, create("ann"), Then.WRITES),
        ],
    )
    def test_does_what_was_decided_about_this_part(self, drift: Drift, change: Any, expected: Then) -> None:
        assert then(drift, account(), Proposal(change)) is expected

    @pytest.mark.parametrize(
        ("drift", "change"),
        [
            (JOINED, RemoveFromGroup(subject(), WIKI, "why")),
            (ROLE_IN, SetGroupRole(subject(), WIKI, 1, 0, "why")),
            (LEFT, Forget(subject(), "why")),
            (GONE, Forget(subject(), "why")),
            (TAG, write(mail="x")),
        ],
    )
    def test_is_not_told_by_what_is_about_something_else(self, drift: Drift, change: Any) -> None:
        assert then(drift, account(), Proposal(change)) is Then.LEAVES

    def test_waits_for_what_is_held_exempt_or_skipped(self) -> None:
        clearing = Proposal(write(HAND, mail=""), exempt="held by zoe: back soon")
        assert step(MAIL, account(mail=""), clearing) == Next(Then.WAITS, "", "held by zoe: back soon")
        updating = Proposal(write(HAND, mail="ours"), exempt="held by zoe: back soon")
        assert then(MAIL, account(mail="ours"), updating) is Then.PUTS_BACK, "an update takes nothing"
        skip = Skip(subject(), Reason.HELD, "another tool", write(HAND, mail="ours"))
        assert step(MAIL, account(mail="ours"), skip) == Next(Then.WAITS, "ours", "held: another tool")

    def test_leaves_what_the_mode_keeps_and_what_nobody_governs(self) -> None:
        kept = account(mail="ours", modes=(("mail", Mode.IF_EMPTY),))
        assert step(MAIL, kept) == Next(Then.LEAVES, "ours", "mode: if-empty")
        assert then(MAIL, account()) is Then.LEAVES
        assert then(TAG, account()) is Then.LEAVES

    def test_leaves_whom_the_directory_does_not_show_or_gives_no_account(self) -> None:
        assert step(MAIL, None) == Next(Then.LEAVES, None, "the directory shows nobody")
        unmapped = Unmapped(anchor(), "cn=ann", Absent.EXCLUDED, "excluded by hr")
        assert step(MAIL, unmapped).why == "excluded by hr"

    def test_leaves_a_lock_of_somebody_else_and_says_so(self) -> None:
        skip = Skip(subject(), Reason.LOCKED_ELSEWHERE, "locked by somebody else")
        told = step(LOCKED, account(enabled=True), skip)
        assert told == Next(Then.LEAVES, 0, "locked-elsewhere: locked by somebody else")
        assert step(LOCKED, account(enabled=True)).why == "somebody has to decide first"

    def test_agrees_where_the_directory_wants_what_is_there(self) -> None:
        assert then(MAIL, account(mail="hand")) is Then.AGREES
        assert then(RENAMED, account("Anna")) is Then.AGREES
        assert then(LOCKED, account(enabled=False)) is Then.AGREES
        assert then(ROOM, account(extra=(("room", "2"),))) is Then.AGREES


def test_what_the_directory_wants_in_each_place() -> None:
    wants = account(role=Role.MANAGER, groups=frozenset({"vpn"}), group_roles=(("vpn", "manager"),))
    role = Drift(DriftKind.ROLE, "role", 2, mark="x")
    found = [wanted_of(drift, wants, world()) for drift in (JOINED, LEFT, ROLE_IN, LOCKED, TAG, role, ROOM)]
    assert found == [IN, IN, 1, None, None, 1, None]
    assert wanted_of(JOINED, account(groups=frozenset()), world()) == OUT
    assert wanted_of(JOINED, account(), world()) is None


def known(was: str | int, how: How = How.WRITTEN) -> Trace:
    return Trace(True, was, how)


class TestPuttingBack:
    def test_is_one_write_for_all_fields_and_a_step_for_each_group(self) -> None:
        now = login(1, "anna", mail="hand", role=2, extra='{ "room":"2", "other":"x" }')
        promoted = Drift(DriftKind.ROLE, "role", 2, mark=fingerprint(0))
        found = [(MAIL, known("ours")), (promoted, known(0)), (RENAMED, known("ann")), (ROOM, known("1"))]
        groups = [(LEFT, known(IN)), (ROLE_IN, known(0))]
        steps, left = put_back(row(group_roles={1: 1}), now, [*found, *groups])
        assert left == []
        first, second, third = steps
        assert isinstance(first, Write)
        assert first.before == now
        assert first.after == login(mail="ours", extra='{ "room":"1", "other":"x" }')
        who = first.subject
        assert second == AddToGroup(who, VPN, BECAUSE, role=1)
        assert third == SetGroupRole(who, VPN, 1, 0, BECAUSE)

    def test_takes_out_of_a_group_who_was_put_in_by_hand(self) -> None:
        (step,), _ = put_back(row(), login(), [(JOINED, known(OUT))])
        assert isinstance(step, RemoveFromGroup)

    def test_empties_an_extra_field_that_we_left_empty(self) -> None:
        empty = Drift(DriftKind.FIELD, "extra room", "2", mark=fingerprint(""))
        (step,), _ = put_back(row(), login(extra='{ "room":"2" }'), [(empty, known(""))])
        assert isinstance(step, Write)
        assert step.after.extra == ""

    @pytest.mark.parametrize(
        ("drift", "trace", "why"),
        [
            (GONE, known("ann"), "deleted with its devices"),
            (TAG, known(20), "no call gives a login its tag back"),
            (Drift(DriftKind.STRANGER, "login", "eve", "ann"), known("ann"), "nobody knows whose it is"),
            (MAIL, Trace(False, None), "only its hash"),
            (JOINED, known(OUT, How.ADOPTED), "before the login became ours"),
        ],
    )
    def test_leaves_what_cannot_come_back_and_says_why(self, drift: Drift, trace: Trace, why: str) -> None:
        assert why in obstacle(drift, trace)
        steps, left = put_back(row(), login(), [(drift, trace)])
        assert (list(steps), [each.drift for each in left]) == ([], [drift])

    def test_leaves_extra_fields_that_cannot_be_read(self) -> None:
        steps, left = put_back(row(), login(extra="broken"), [(ROOM, known("1"))])
        assert (list(steps), left) == ([], [Left(ROOM, "the extra fields on the service cannot be read")])


def test_a_creation_is_no_answer_for_a_login_that_is_there() -> None:
    assert isinstance(create("ann"), CreateLogin)
    assert then(MAIL, account(mail="hand"), Proposal(create("ann"))) is Then.AGREES
