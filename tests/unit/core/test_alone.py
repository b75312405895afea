"""Who read one person alone takes away only what they saw."""

from dataclasses import replace
from typing import Any

import pytest

from iwds.core.alone import (
    ANOTHER,
    DELETED,
    LAST_ONES,
    MOVED,
    NO_DELETION,
    NOT_FOUND,
    STRANGER,
    Alone,
    absent_alone,
    made_alone,
    waits_for_everybody,
    with_activation,
)
from iwds.core.causes import Cause
from iwds.core.change import (
    AddToGroup,
    Adopt,
    Change,
    DeleteLogin,
    Evidence,
    Kind,
    RemoveFromGroup,
    SendActivation,
    SetGroupRole,
    kinds,
)
from iwds.core.decision import Decision, Proposal, Reason, Skip
from iwds.core.model import Activation
from tests.unit.core.made import OURS, VPN, create, login, subject, write

KNOWN = Alone(OURS, applied_before=True, changed=False, rivals_known=True, scope_seen=True, name_seen=True)
FOREIGN = Skip(subject(), Reason.FOREIGN, "not ours")
ADOPT = Adopt(subject(), login(created_by=0), (), "explained")
ADD = AddToGroup(subject(), VPN, "in the directory")


def made(*changes: Change, **known: Any) -> tuple[Any, Any]:
    """What is made of these changes, and the kinds that wait."""
    left = made_alone([Proposal(change) for change in changes], replace(KNOWN, **known))
    skips = [each.change for each in left if isinstance(each, Skip) and each.change]
    waiting = frozenset[Kind]().union(*map(kinds, skips))
    return [each.change for each in left if isinstance(each, Proposal)], waiting


def test_what_takes_nothing_is_made() -> None:
    changes: list[Change] = [create(), ADD]
    assert made(*changes) == (changes, set())


@pytest.mark.parametrize(
    "change",
    [
        RemoveFromGroup(subject(), VPN, "no longer", Evidence.SEEN),
        SetGroupRole(subject(), VPN, 1, 0, "less", Evidence.SEEN),
        DeleteLogin(subject(), login(), (), "left", Evidence.UNSEEN),
        write(login(mail="a@x.y"), mail=""),
        write(login(role=1), role=0),
        replace(write(status=1), evidence=Evidence.UNSEEN),
        write(login(role=2), status=1),
    ],
)
def test_what_is_taken_and_was_not_seen_waits(change: Change) -> None:
    assert made(change) == ([], kinds(change))


def test_who_is_seen_to_be_locked_is_locked() -> None:
    lock = write(status=1)
    assert made(lock) == ([lock], set())
    assert made(lock, scope_seen=False) == ([], {Kind.LOCK})
    locked_administrator = write(login(role=2, status=1), login="anna")
    assert made(locked_administrator) == ([locked_administrator], set())


def test_of_one_write_the_rest_goes_on() -> None:
    before = login(mail="a@x.y", phone="1")
    left, waiting = made(write(before, mail="", phone="2", status=1))
    assert left == [write(before, phone="2", status=1)]
    assert waiting == {Kind.CLEAR}


@pytest.mark.parametrize("known", [{"name_seen": False}, {"rivals_known": False}])
def test_another_name_needs_to_be_seen_and_to_have_no_rival(known: dict[str, bool]) -> None:
    rename = write(login="anna")
    assert made(rename) == ([rename], set())
    assert made(rename, **known) == ([], {Kind.RENAME})


@pytest.mark.parametrize("change", [create(), ADOPT])
def test_who_wants_a_name_of_which_rivals_are_not_known_waits_whole(change: Change) -> None:
    assert made(change, ADD, rivals_known=False) == ([], kinds(change) | {Kind.ADD})
    assert made(ADD, rivals_known=False) == ([ADD], set())


@pytest.mark.parametrize("doubt", [ANOTHER, STRANGER, MOVED])
def test_who_may_have_another_login_already_waits_and_is_told_why(doubt: str) -> None:
    for change in (create(), ADOPT):
        (skip, _) = made_alone([Proposal(change), Proposal(ADD)], replace(KNOWN, doubt=doubt))
        assert isinstance(skip, Skip)
        assert (skip.detail, waits_for_everybody(skip)) == (doubt, True)
    assert made(ADD, write(login="anna"), doubt=doubt) == ([ADD, write(login="anna")], set())


def test_nobody_is_adopted_from_whom_a_changed_configuration_may_take() -> None:
    clear = write(login(mail="a@x.y"), mail="")
    assert made(ADOPT, clear, changed=True) == ([], {Kind.ADOPT, Kind.CLEAR})
    assert made(ADOPT, clear) == ([ADOPT], {Kind.CLEAR})
    assert made(ADOPT, ADD, changed=True) == ([ADOPT, ADD], set())


def test_a_login_of_ours_that_our_memory_lacks_is_left_to_the_next_run() -> None:
    ours = replace(ADOPT, login=login(created_by=OURS))
    assert made(ours, ADD) == ([], {Kind.ADOPT, Kind.ADD})
    assert made(ours, ADD, applied_before=False) == ([ours, ADD], set())


def test_what_was_skipped_stays_skipped() -> None:
    assert made_alone([FOREIGN], KNOWN) == [FOREIGN]
    assert made_alone([FOREIGN, Proposal(create())], replace(KNOWN, rivals_known=False))[0] == FOREIGN


def test_nothing_follows_from_not_having_been_found() -> None:
    lock = replace(write(status=1), evidence=Evidence.UNSEEN)
    (waiting, skip) = absent_alone([Proposal(lock), FOREIGN])
    assert isinstance(waiting, Skip)
    assert (waiting.reason, waiting.change, skip) == (Reason.UNPROVEN, lock, FOREIGN)


class TestATombstone:
    """The directory itself shows that somebody who is not found was deleted."""

    GONE = replace(write(status=1), evidence=Evidence.UNSEEN, cause=Cause.GONE.value)

    def made(self, change: Change) -> Any:
        (decision,) = absent_alone([Proposal(change)], tombstone=True)
        return decision

    def test_makes_a_lock_of_what_was_not_found(self) -> None:
        lock = self.made(self.GONE).change
        assert lock == replace(self.GONE, evidence=Evidence.SEEN, because=DELETED, cause=Cause.DELETED.value)

    @pytest.mark.parametrize("cause", [Cause.MOVED, Cause.NOT_READ])
    def test_does_not_speak_about_who_was_found_since_or_not_asked_for(self, cause: Cause) -> None:
        skip = self.made(replace(self.GONE, cause=cause.value))
        assert (skip.reason, skip.detail) == (Reason.UNPROVEN, NOT_FOUND)

    def test_deletes_nobody(self) -> None:
        skip = self.made(DeleteLogin(subject(), login(), (), "left", Evidence.UNSEEN, Cause.GONE.value))
        assert (skip.reason, skip.detail) == (Reason.UNPROVEN, NO_DELETION)

    def test_locks_no_active_administrator(self) -> None:
        lock = replace(self.GONE, before=login(role=2), after=login(role=2, status=1))
        assert self.made(lock).detail == LAST_ONES

    def test_leaves_a_skip_as_it_is(self) -> None:
        assert absent_alone([FOREIGN], tombstone=True) == [FOREIGN]


@pytest.mark.parametrize("activation", Activation)
def test_who_is_created_gets_what_was_asked_for(activation: Activation) -> None:
    mail = Proposal(SendActivation(subject(), "new logins get their link by mail"))
    given: list[Decision] = [FOREIGN, Proposal(create(), 7), Proposal(ADD), mail]
    found: list[Any] = list(with_activation(given, activation))
    creation = found[1]
    assert (creation.change.account.at_creation.activation, creation.waits_for) == (activation, 7)
    assert (found[0], found[-1]) == (FOREIGN, Proposal(ADD))
    mails = [each for each in found if isinstance(each, Proposal) and isinstance(each.change, SendActivation)]
    assert len(mails) == (activation is Activation.LINK)


class TestARunOfWhatChanged:
    def test_takes_somebody_out_of_a_group_that_they_were_shown_to_have_left(self) -> None:
        removal = RemoveFromGroup(subject(), VPN, "no longer", Evidence.SEEN)
        assert made(removal, left=frozenset({VPN.id})) == ([removal], set())
        assert made(removal, left=frozenset({VPN.id + 1})) == ([], {Kind.REMOVE})

    def test_unlocks_nobody_whose_entry_may_hide_why_they_were_locked(self) -> None:
        unlock = write(login(status=1, mail="a@x.y"), status=0, mail="b@x.y")
        changes, waiting = made(unlock, usual=False)
        assert [*map(set, map(kinds, changes)), waiting] == [{Kind.UPDATE}, {Kind.UNLOCK}]
        assert set(kinds(made(unlock)[0][0])) == {Kind.UPDATE, Kind.UNLOCK}

    def test_fails_for_nothing_that_waits_for_a_run_of_everybody_alone(self) -> None:
        (waits,) = made_alone([Proposal(RemoveFromGroup(subject(), VPN, "no longer", Evidence.SEEN))], KNOWN)
        assert isinstance(waits, Skip)
        assert waits_for_everybody(waits)
        assert not waits_for_everybody(replace(waits, detail="the reading is not proven complete"))
        assert not waits_for_everybody(replace(waits, reason=Reason.HELD))
