"""A memory that is older than the service takes nothing away, and undoes nobody's lock."""

from dataclasses import replace
from typing import Any

from iwds.core.change import Adopt, Change, DeleteLogin, Evidence, RemoveFromGroup, Write
from iwds.core.decision import Decision, Proposal, Reason, Skip
from iwds.core.model import Login
from iwds.core.restored import is_older, without_doubtful
from tests.unit.core.made import OURS, VPN, create, login, subject, write


def adopt(tag: int) -> Adopt:
    return Adopt(subject(), login(created_by=tag), (), "explained")


def doubted(*changes: Change) -> tuple[list[Change], list[tuple[Reason, Change | None]]]:
    """The changes that are left of these, and the skips that came out of them."""
    left: list[Decision] = list(without_doubtful(Proposal(change) for change in changes))
    skips = [(decision.reason, decision.change) for decision in left if isinstance(decision, Skip)]
    return [decision.change for decision in left if isinstance(decision, Proposal)], skips


def gift(before: Login | None = None, /, **after: Any) -> Write:
    """A write that takes nothing, and so rests on nothing."""
    return replace(write(before, **after), evidence=None)


def test_our_tag_on_a_login_to_adopt_gives_it_away() -> None:
    skip = Skip(subject(), Reason.FOREIGN, "not ours", adopt(OURS))
    assert not is_older([], OURS)
    assert not is_older([Proposal(adopt(0)), Proposal(create()), skip], OURS)
    assert is_older([Proposal(adopt(0)), Proposal(adopt(OURS))], OURS)


def test_what_takes_nothing_is_made() -> None:
    gifts: list[Change] = [create(), adopt(OURS), gift(mail="new@x.y")]
    assert doubted(*gifts) == (gifts, [])


def test_what_takes_something_waits() -> None:
    leave = RemoveFromGroup(subject(), VPN, "no longer", Evidence.SEEN)
    delete = DeleteLogin(subject(), login(), (), "left", Evidence.UNSEEN)
    lock = write(status=1)
    assert doubted(leave, delete, lock) == ([], [(Reason.HELD, leave), (Reason.HELD, delete), (Reason.HELD, lock)])


def test_who_is_locked_stays_locked_and_gets_the_rest_of_the_write() -> None:
    locked = login(status=1, mail="old@x.y")
    left, skips = doubted(write(locked, status=0, login="anna", phone="1"))
    assert left == [gift(locked, phone="1")]
    assert skips == [(Reason.HELD, write(locked, login="anna")), (Reason.LOCKED_ELSEWHERE, gift(locked, status=0))]


def test_what_was_skipped_stays_skipped() -> None:
    skip = Skip(subject(), Reason.FOREIGN, "not ours")
    assert list(without_doubtful([skip])) == [skip]
