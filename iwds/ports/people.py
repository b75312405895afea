"""Where people are, and the rules that make accounts of them."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar, runtime_checkable

from iwds.core.model import Account, Activation, Anchor, Entry, Proof, Unmapped
from iwds.core.recognition import Matching
from iwds.ports.changes import Feed

T_co = TypeVar("T_co", covariant=True)

MOST_FOUND = 20
"""How many people a search for one person gives at most: whoever meant one of more has to say it more exactly."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `iwds check`: what was looked at, whether it is well, what was seen and what to do."""

    ok: bool
    what: str
    detail: str
    advice: str = ""
    warning: bool = False
    """True for something that works and still deserves a look; `ok` is True then."""
    exit_code: int = 78
    """What `iwds check` exits with for it, where `ok` is False: 75 where trying again may help."""
    command: tuple[str, ...] = ()
    """What does the same at a shell, word for word as it is typed there; it never holds a secret."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause of a scope, asked of one person; `answer` is None where it is not known, `place` is `file:line`."""

    words: str
    place: str
    answer: bool | None


@dataclass(frozen=True, slots=True)
class Grant:
    """One line of a mapping that may put somebody into a group of the service, asked of one person.

    Attributes:
        to: the group of the service.
        role: the role there that the line gives; empty for none.
        words, place, answer: as of a `Clause`.
        groups: the groups of the directory that the line looks at and the person is in, as `Entry.groups` names them.
    """

    to: str
    role: str
    words: str
    place: str
    answer: bool | None
    groups: tuple[str, ...]


class ReadStream(Protocol[T_co]):
    """A one-shot reading. Iterate it to its end, then ask `finish` for its proof.

    Errors while iterating: `Unavailable` and `AccessRefused` only; everything that merely makes the reading doubtful
    ends the iteration and becomes a problem of the proof.
    """

    def __iter__(self) -> Iterator[T_co]: ...

    def finish(self) -> Proof:
        """The proof; `RuntimeError` where the iteration has not ended."""
        ...


def ignored(_: Entry) -> None:
    """Nobody looks at those who are read."""


@runtime_checkable
class Source(Protocol):
    """Where people are. Never writes."""

    @property
    def name(self) -> str:
        """The source's name in the configuration."""
        ...

    @property
    def answered_by(self) -> str:
        """The server, or the file, that `find` and `search` asked last; empty before the first question."""
        ...

    @property
    def indexed(self) -> bool:
        """Whether `search` asks for one person, and does not pass over everybody for it."""
        ...

    def read(self, attributes: Collection[str]) -> ReadStream[Entry]:
        """All people, each with the attributes asked for (lower-case names), streamed."""
        ...

    def find(self, anchor: Anchor, attributes: Collection[str]) -> Entry | None:
        """One person by anchor, ignoring base and filter of the configuration.

        Returns None where the directory answers that there is no such entry. Raises `ForeignRealm` where it is another
        directory than that of the anchor, `SourceUnavailable` or `AccessRefused` where it cannot tell.
        """
        ...

    def search(self, text: str, by: Collection[str], attributes: Collection[str]) -> Sequence[Entry]:
        """The people who may be meant by a text, each as `find` gives them: `MOST_FOUND` at most.

        A text means an entry by its distinguished name, by its id, or as a whole value, whatever its case, of one of
        the attributes `by` (lower-case names). Base and filter of the configuration are ignored. Nobody found is no
        proof that somebody is gone. Raises `SourceUnavailable` or `AccessRefused` where the source cannot tell.
        """
        ...

    def paths(self, anchor: Anchor) -> Mapping[str, tuple[str, ...]]:
        """How one person comes into each of their groups, by the name that `Entry.groups` has for it.

        A path begins with the group that names the person and ends with the group itself; the shortest one is given.
        A group of which only the server knows the way is missing.
        Empty where groups are not known or nobody has this anchor. Raises like `find`.
        """
        ...

    def selects(self, anchor: Anchor) -> bool:
        """Whether the configured base and filter find this person right now; raises like `find`."""
        ...

    def deleted(self, anchor: Anchor) -> bool:
        """Whether the directory itself shows that this person's entry was deleted; raises like `find`.

        False where it cannot tell: most directories keep nothing of who was deleted, or show it to few accounts.
        """
        ...

    def changes(self, attributes: Collection[str]) -> Feed | None:
        """What tells who changed, by what a reading of these attributes rests on; None where the source cannot tell."""
        ...

    def confirm(self, proof: Proof) -> Sequence[str]:
        """Ask a second time, more cheaply, what a proven reading of this source said: each difference is a sentence.

        Raises like `read`.
        """
        ...

    def shows(self, place: str) -> bool:
        """Whether an entry of this normalised name is there and may be seen. Raises like `read`."""
        ...

    def check(self, attributes: Collection[str], see: Callable[[Entry], None] = ignored) -> Iterable[Finding]:
        """What can be said before a run: connection, rights, what is seen; `see` is shown everybody who is read.

        A person asks for it: it tries a secret once that was refused before.
        """
        ...

    def close(self) -> None:
        """Give back connections. May be called twice."""
        ...


class Rules(Protocol):
    """The compiled rules of a job: entries in, accounts out. Pure but for the `now` it was compiled with."""

    @property
    def attributes(self) -> frozenset[str]:
        """Attributes (lower case) that the rules read; a source must ask for these and needs no others."""
        ...

    @property
    def login_attributes(self) -> frozenset[str]:
        """Attributes (lower case) that the login is made of."""
        ...

    @property
    def mail_attributes(self) -> frozenset[str]:
        """Attributes (lower case) that the mail address is made of."""
        ...

    @property
    def login_is_written(self) -> bool:
        """Whether everybody's login stands, but for case and spaces, in one of `login_attributes` as it is.

        Then a search by equality finds everybody who wants a login.
        """
        ...

    @property
    def digest(self) -> str:
        """A hash of the rules; a different text that means the same may differ, the same text never does."""
        ...

    @property
    def extra_keys(self) -> frozenset[str]:
        """Keys of the extra fields that the rules govern."""
        ...

    @property
    def groups(self) -> Mapping[str, bool]:
        """Names of the service groups that the rules govern -> whether membership is exclusive."""
        ...

    @property
    def group_roles(self) -> Mapping[str, frozenset[str]]:
        """Names of those of these groups in which the rules govern roles -> names of the roles that they give."""
        ...

    @property
    def states_enabled(self) -> bool:
        """Whether the rules say who is enabled."""
        ...

    @property
    def protected(self) -> frozenset[str]:
        """Logins on the service that are never touched, folded."""
        ...

    @property
    def activation(self) -> Activation:
        """What a new login gets to enrol with."""
        ...

    @property
    def matching(self) -> Matching:
        """How people whom we do not remember are recognised in logins."""
        ...

    @property
    def reads_groups(self) -> frozenset[str]:
        """Groups of the directory that the rules look at, as they write them."""
        ...

    def named(self, groups: frozenset[str]) -> frozenset[str]:
        """Which of `reads_groups` a person is in whose groups are these."""
        ...

    def ended(self, now: datetime) -> Iterable[str]:
        """A sentence for each person whom the rules named until a day that is over."""
        ...

    def clauses(self, entry: Entry, now: datetime) -> Sequence[Clause]:
        """What each clause of the scope says of an entry, also those behind the first that it does not meet.

        Before them stands the line by which somebody is excluded, where there is one.
        """
        ...

    def grants(self, entry: Entry, now: datetime) -> Sequence[Grant]:
        """What each line about a group of the service says of an entry."""
        ...

    def disabled_by(self, entry: Entry, now: datetime) -> Sequence[str]:
        """What disables somebody, in words: attributes, a condition; empty for nobody who is disabled."""
        ...

    def due(self, entry: Entry, now: datetime, until: datetime) -> datetime | None:
        """From when on, after now and until then, they make something else of an entry that nobody changes.

        None where they do not, or make the same of it again by then. At most a minute late.
        """
        ...

    def proposed_login(self, login: str) -> str:
        """A login like this one that the rules and a service let pass; the same one where it is fine, or empty."""
        ...

    def map(self, entry: Entry, now: datetime) -> Account | Unmapped:
        """The account that the rules make of an entry, or why there is none. Never raises for bad data."""
        ...
