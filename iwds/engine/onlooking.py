"""Looking on while a plan is made: whoever is shown what was read has the numbers of that plan, and reads nothing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from iwds.core.model import Account, Entry, Group, Login, Membership, Unmapped
from iwds.engine.service_reading import Basin
from iwds.ports import Waist


class Onlooker:
    """Shown what is read, as it comes; this one looks at nothing. People and logins come at once, in two threads."""

    def groups(self, existing: Sequence[Group]) -> None:
        """All groups of the service; before everything else."""

    def begin(self) -> Iterable[str]:
        """Before anybody is read; each sentence becomes a note of the plan. May raise like a reading."""
        return ()

    def person(self, source: str, entry: Entry, made: Account | Unmapped) -> None:
        """Somebody of a source, as far as they are believed, and what mapping and service limits made of them."""

    def forget_people(self) -> None:
        """Everybody is read anew."""

    def login(self, login: Login) -> None:
        """A login of the service."""

    def forget_logins(self) -> None:
        """The service is read anew."""

    def joined(self, waist: Waist, logins: int) -> None:
        """Both sides, with so many logins, lie joined; before anything follows from it. May raise like a reading."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A basin whose logins somebody looks at."""

    basin: Basin
    onlooker: Onlooker

    def add_logins(self, logins: Iterable[Login]) -> None:
        """Show and take in logins."""
        self.basin.add_logins(self._shown(logins))

    def _shown(self, logins: Iterable[Login]) -> Iterator[Login]:
        for login in logins:
            self.onlooker.login(login)
            yield login

    def forget_logins(self) -> None:
        """Forget them."""
        self.onlooker.forget_logins()
        self.basin.forget_logins()

    def add_members(self, members: Iterable[Membership]) -> None:
        """Take in memberships."""
        self.basin.add_members(members)

    def forget_members(self) -> None:
        """Forget them."""
        self.basin.forget_members()
