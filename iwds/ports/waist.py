"""Where both readings meet."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from iwds.core.change import Subject
from iwds.core.matching import Case, Tally
from iwds.core.model import Account, LedgerRow, Login, Membership, Unmapped
from iwds.core.moved import Standing
from iwds.core.policy import World


class Waist(Protocol):
    """Where readings meet: streams go in, the cases that differ come out. Thread-safe while it is filled."""

    def add_people(self, people: Iterable[Account | Unmapped]) -> None:
        """People as the mapping made them; of several with one anchor the first one counts."""
        ...

    def forget_people(self) -> None:
        """Throw away the people that came so far: they are read anew."""
        ...

    def add_logins(self, logins: Iterable[Login]) -> None:
        """Everything on the service."""
        ...

    def add_members(self, members: Iterable[Membership]) -> None:
        """Memberships of the governed groups."""
        ...

    def forget_logins(self) -> None:
        """Throw away the logins that came so far: the service is read anew."""
        ...

    def forget_members(self) -> None:
        """Throw away the memberships that came so far: they are read anew."""
        ...

    def add_ledger(self, rows: Iterable[LedgerRow]) -> None:
        """Our memory of this service."""
        ...

    def join(self, world: World) -> Tally:
        """Settle collisions and count; call it once, when everything is in."""
        ...

    def cases(self) -> Iterator[Case]:
        """The cases that do not agree, streamed; call it after `join`."""
        ...

    def standing(self, subject: Subject) -> Standing:
        """What was read of one person, by their anchor and the id of their login; call it after `join`."""
        ...

    def strangers(self, salt: str) -> Iterator[bytes]:
        """By what somebody new might be recognised in a login that is not ours (`core.recognition.hashed`), each once.

        Streamed; call it after `join`. A login of ours that stores the anchor of somebody else is one of them.
        """
        ...

    def remembered(self) -> Iterator[tuple[LedgerRow, Login | None, frozenset[int]]]:
        """Each ledger row, in the order of login ids, with its login and the groups that this is in; streamed.

        None, and no groups, where the login does not exist.
        """
        ...

    def close(self) -> None:
        """Throw everything away."""
        ...
