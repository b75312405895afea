"""Where a doctor notes whom they saw."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from iwds.core.hygiene import Code, Whom
from iwds.core.model import Account, Login, Unmapped


class Ward(Protocol):
    """Takes everybody in as they are read, compares them among themselves, and tells by code. Thread-safe."""

    def person(self, source: str, name: str, made: Account | Unmapped) -> None:
        """Somebody who was read; of several with one anchor the first one counts. `name` is the entry's."""
        ...

    def forget_people(self) -> None:
        """Throw away the people and what was noted of them: they are read anew."""
        ...

    def login(self, login: Login) -> None:
        """A login of the service."""
        ...

    def forget_logins(self) -> None:
        """Throw them away: the service is read anew."""
        ...

    def note(self, code: Code, whom: Whom) -> None:
        """Keep one finding; the same of the same person, login and name is kept once.

        One with a source counts only where this is the source of the person that counts.
        """
        ...

    def like(self, login: str) -> str:
        """A login on the service that looks like this one and is called otherwise; empty for none."""
        ...

    def wanted(self) -> Mapping[str, int]:
        """How many people are to be in each group of the service; once all are in."""
        ...

    def settle(self, many_administrators: int, idle_before: float) -> None:
        """Compare everybody; call it once, when all is in.

        Args:
            many_administrators: more active ones than this are told.
            idle_before: active logins last seen before this moment, in seconds since 1970, are told.
        """
        ...

    def counts(self) -> Mapping[Code, int]:
        """How many of each code were found, in the order of the codes; none with 0."""
        ...

    def people(self, code: Code, most: int = -1) -> Iterator[Whom]:
        """Whom a finding is about, by login; all of them, or so many."""
        ...

    def close(self) -> None:
        """Throw everything away."""
        ...
