"""Whom a text means: in the directories of a job, on its service, in our memory. Nobody is ever guessed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from iwds.core.model import Account, Anchor, Entry, LedgerRow, Login, Unmapped, fold
from iwds.core.words import login_id_in
from iwds.engine.job import Job, Tools
from iwds.errors import AccessRefused, ForeignRealm, IwdsError, ServiceUnproven, Unavailable
from iwds.ports import Source

SERVICE = "service"
"""What the service is called where it stands beside sources."""
NO_ANSWER = (Unavailable, AccessRefused, ServiceUnproven)
"""Errors by which a side cannot tell; the other side may still."""
_MAIL = "mail"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may be meant.

    Attributes:
        anchor: who they are in a directory; None for a login of which nobody knows who it is.
        login: that login, and else None.
        name: what the directory, or else the service or our memory, calls them.
        login_name: the login that they have or want, as far as it is known.
    """

    anchor: Anchor | None
    login: Login | None
    name: str
    login_name: str


@dataclass(slots=True)
class Sought:
    """Who may be meant by a text.

    Attributes:
        candidates: in the order in which they were found.
        failed: what could not be asked, by the name of the source or `SERVICE`.
    """

    candidates: list[Candidate] = field(default_factory=list)
    failed: dict[str, IwdsError] = field(default_factory=dict)


def attributes_meant(job: Job, text: str) -> frozenset[str]:
    """The attributes of which a text may be a value: those of the login, and for an address those of the mail.

    No others, because one without an index would make a directory look through everybody.
    """
    return job.rules.login_attributes | (job.rules.mail_attributes | {_MAIL} if "@" in text else frozenset())


def mapped(job: Job, tools: Tools, entry: Entry) -> Account | Unmapped:
    """What the rules make of an entry, as the service can hold it."""
    made = job.rules.map(entry, tools.clock.now())
    return job.target.normalise(made, entry.name) if isinstance(made, Account) else made


def seek(job: Job, tools: Tools, text: str) -> Sought:
    """Everybody who may be meant: by login, mail, distinguished name, id, anchor, or `#` and the id of a login.

    Neither a directory nor the service is read whole. Nobody found is no proof that somebody is gone.
    """
    return _Seeking(job, tools).of(text.strip())


class _Seeking:
    def __init__(self, job: Job, tools: Tools) -> None:
        self.job, self.tools = job, tools
        self.sought = Sought()
        self.found: dict[Anchor, Candidate] = {}

    def of(self, text: str) -> Sought:
        number = login_id_in(text)
        login = self._login(number, text)
        if number is None:
            self._search(text)
            self._anchored(text)
        elif login is not None:
            self._search(login.login)
        if login is not None:
            self._of_login(login, alone=number is not None)
        elif number is None:
            self._remembered(text)
        self.sought.candidates += self.found.values()
        return self.sought

    def _login(self, number: int | None, text: str) -> Login | None:
        """The login of this id or name on the service."""
        target = self.job.target
        try:
            if number is not None:
                return target.login(number, "")
            return target.named(text) if text and "=" not in text else None
        except NO_ANSWER as error:
            self.sought.failed[SERVICE] = error
            return None

    def _search(self, text: str) -> None:
        for source in self.job.sources:
            for entry in self._asked(source, text):
                self._add(entry)

    def _asked(self, source: Source, text: str) -> Sequence[Entry]:
        try:
            return source.search(text, attributes_meant(self.job, text), self.job.rules.attributes)
        except NO_ANSWER as error:
            self.sought.failed[source.name] = error
            return ()

    def _anchored(self, text: str) -> None:
        """Whoever an anchor names as it is written elsewhere: realm, slash, id."""
        realm, slash, key = text.rpartition("/")
        if not slash or not realm or not key:
            return
        for source in self.job.sources:
            try:
                entry = source.find(Anchor(realm, key), self.job.rules.attributes)
            except ForeignRealm:
                continue
            except NO_ANSWER as error:
                self.sought.failed[source.name] = error
                continue
            if entry is not None:
                self._add(entry)
        self._remember(self.tools.state.find_rows(self.job.target.service, anchor=Anchor(realm, key)))

    def _add(self, entry: Entry) -> None:
        name = mapped(self.job, self.tools, entry).login
        self.found.setdefault(entry.anchor, Candidate(entry.anchor, None, entry.name, name))

    def _of_login(self, login: Login, alone: bool) -> None:
        """Whoever a login stands for by our memory, else who wants its name, else the login itself.

        Args:
            alone: whether the login was named by its id, so that nobody else is meant.
        """
        row = self.tools.state.ledger_row(self.job.target.service, login.id)
        wanting = {a: c for a, c in self.found.items() if fold(c.login_name) == fold(login.login)}
        if row is not None:
            known = self.found.get(row.anchor) or Candidate(row.anchor, None, row.login, row.login)
            self.found = {row.anchor: known, **({} if alone else self.found)}
        elif wanting:
            self.found = wanting if alone else self.found
        else:
            self.sought.candidates.append(Candidate(None, login, login.login, login.login))
            self.found = {} if alone else self.found

    def _remembered(self, text: str) -> None:
        self._remember(self.tools.state.find_rows(self.job.target.service, text=text) if text else ())

    def _remember(self, rows: Sequence[LedgerRow]) -> None:
        for row in rows:
            self.found.setdefault(row.anchor, Candidate(row.anchor, None, row.login, row.login))


def nobody_advice(text: str) -> str:
    """What to do where nobody is found for a text."""
    number = f"if it is the number of a login: '#{text}'; else " if text.isascii() and text.isdigit() else ""
    told = "write a whole login, mail address, distinguished name or id; nobody found is no proof that they are gone"
    return number + told
