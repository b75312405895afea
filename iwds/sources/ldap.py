"""Source kind `ldap`: any directory that speaks LDAP v3 (RFC 4511).

    sources:
      corp:
        kind: ldap
        urls: [ldaps://ldap1.example.org, ldaps://ldap2.example.org]    # tried in this order
        bind_dn: cn=iwds,ou=services,dc=example,dc=org
        password_file: /run/secrets/corp-ldap                           # or `password`, from the environment
        ca_file: /etc/iwds/corp-ca.pem
        users: {base: "ou=people,dc=example,dc=org", filter: (objectClass=inetOrgPerson)}
        groups: {base: "ou=groups,dc=example,dc=org"}

A reading is proven when the server ended every page of every search with success, and nobody came without an id or
twice. The library that speaks LDAP is imported when the source is connected.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from iwds.core.model import Anchor, Entry, Proof, View
from iwds.core.selecting import Selection, selection_of
from iwds.errors import AccessRefused, ForeignRealm, SourceUnavailable
from iwds.ports import Feed, Finding, Refusals, ignored
from iwds.sources import _ldapcheck
from iwds.sources._binding import access_of
from iwds.sources._changes import feed_of
from iwds.sources._check import foreign, judged, until_failure
from iwds.sources._directory import ChangeCounter, Directory, change_counter, describe, visible
from iwds.sources._follow import Following, went
from iwds.sources._groups import MEMBER_ATTRIBUTES
from iwds.sources._ldapone import deleted, find, paths, search, selects
from iwds.sources._ldapread import Reading, Wishes, recount
from iwds.sources._ldapsearch import Shell, as_pem
from iwds.sources._ldapsettings import Settings
from iwds.sources._lookedat import LookedAt
from iwds.sources._refusals import Credentials, Forgetful
from iwds.sources._search import Search
from iwds.sources._stream import Canaries, Stream, Tally

if TYPE_CHECKING:  # at run time it brings ldap3, which only `connect` may do
    from iwds.sources._connection import Session

    Talk = Session | Following

SELECTING = frozenset({"users", "groups", "member_of", "id", "realm", "referrals", "follow"})
"""The settings that say who is read, and what of them; the others say where and how."""
BINDS = True
"""Whether an account is bound with, which the directory may refuse."""
_FORGETFUL = Forgetful()
T = TypeVar("T")


class LdapSource:
    """People from a directory server. Each reading has a connection of its own; `find` keeps one.

    Args:
        name: the source's name in the configuration.
        settings: validated settings.
        dials: opens a bound connection, or raises `SourceUnavailable` or `AccessRefused`; the same to the server at one
            URL, for references that are followed; and one that decodes by itself whatever the settings say, for feeds.
        credentials: who is bound as.
        refusals: what is remembered of binds that were refused.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        dials: "tuple[Callable[[], Session], Callable[[str], Session], Callable[[], Session]]",
        credentials: Credentials,
        refusals: Refusals,
    ) -> None:
        self._name = name
        self._settings = settings
        self._dial_once, self._dial_to, self._dial_feed = dials
        self._credentials, self._refusals = credentials, refusals
        self._wishes = _wishes(settings)
        self._lock, self._dialling = threading.Lock(), threading.Lock()
        self._kept: tuple[Talk, Directory] | None = None
        self._refused: AccessRefused | None = None
        self._answered = ""

    @property
    def name(self) -> str:
        """The source's name in the configuration."""
        return self._name

    @property
    def answered_by(self) -> str:
        """The URL of the server that was asked last."""
        return self._answered

    @property
    def indexed(self) -> bool:
        """The directory knows how to find somebody."""
        return True

    def read(self, attributes: Collection[str]) -> Stream:
        """All people; the connection is opened when the iteration begins."""
        tally = Tally(self._name, frozenset(attributes), Canaries(self._settings.canaries))
        answered: dict[str, str] = {}
        return Stream(self._entries(tally, answered), lambda: self._proof(tally, answered))

    def find(self, anchor: Anchor, attributes: Collection[str]) -> Entry | None:
        """One person by id, anywhere in the naming contexts that hold the bases, whatever the filter says."""
        wanted = frozenset(attributes)
        return self._ask(anchor, lambda asks, where: find(asks, where, self._wishes, anchor.id, wanted))

    def search(self, text: str, by: Collection[str], attributes: Collection[str]) -> Sequence[Entry]:
        """Whom a text may mean, anywhere in the naming contexts that hold the bases, whatever the filter says."""
        wanted = frozenset(attributes)
        return self._ask(None, lambda asks, where: search(asks, where, self._wishes, (text, by), wanted))

    def paths(self, anchor: Anchor) -> Mapping[str, tuple[str, ...]]:
        """How one person comes into each group; one question for each group on the way."""
        return self._ask(anchor, lambda asks, where: paths(asks, where, self._wishes, anchor.id))

    def selects(self, anchor: Anchor) -> bool:
        """Whether the bases and the filter find this person right now."""
        return self._ask(anchor, lambda asks, _: selects(asks, self._wishes, anchor.id))

    def deleted(self, anchor: Anchor) -> bool:
        """Whether Active Directory shows this person's tombstone, or OpenLDAP's log of writes their deletion.

        Both do so to accounts that may see it.
        """
        return self._ask(anchor, lambda asks, where: deleted(asks, where, self._wishes, anchor.id))

    def changes(self, attributes: Collection[str]) -> Feed | None:
        """By DirSync, change numbers, syncrepl or entryCSN: what the settings name and the directory has.

        Raises like `read` where the directory is to be asked which of them it has.
        """
        feed = feed_of(self._settings, self._wishes, attributes, self._dialled)
        return feed and LookedAt(feed, lambda question: self._ask(None, lambda asks, _: question(asks)))

    def confirm(self, proof: Proof) -> Sequence[str]:
        """Count people and groups again, over a connection of its own and without any attribute."""
        with self._dial() as session:
            return tuple(recount(session, self._wishes, proof))

    def shows(self, place: str) -> bool:
        """Whether the account may see this entry."""
        with self._dial() as session:
            return visible(session, place)

    def check(self, attributes: Collection[str], see: Callable[[Entry], None] = ignored) -> Iterator[Finding]:
        """The connection, what the directory says of itself, the searches, and a reading of everybody."""
        return until_failure("connection", self._findings(attributes, see))

    def close(self) -> None:
        """Give back the connection of `find`."""
        with self._lock:
            self._drop()

    def _dial(self, again: bool = False) -> "Talk":
        """A connection, which leads on to other servers where references are followed."""
        first, settings = self._remembering(self._dial_once, again), self._settings
        if not settings.follow:
            return first
        urls = (*settings.urls, *settings.follow)
        return Following(first, urls, lambda url: self._remembering(lambda: self._dial_to(url), again))

    def _dialled(self) -> "Session":
        """A connection for a feed."""
        session = self._remembering(self._dial_feed, again=False)
        self._answered = session.url
        return session

    def _remembering(self, dial: "Callable[[], Session]", again: bool) -> "Session":
        """A connection. A refusal is remembered: trying a wrong password again locks the account.

        One after the other, so that of many threads only the first one is refused by the server.
        """
        with self._dialling:
            if self._refused is not None:
                raise self._refused
            try:
                return self._credentials.enter(dial, self._refusals, again)
            except AccessRefused as refused:
                self._refused = refused
                raise

    def _ask(self, anchor: Anchor | None, question: "Callable[[Talk, Directory], T]") -> T:
        """The answer over the connection that is kept; `ForeignRealm` where the anchor is of another realm."""
        with self._lock:
            kept = self._kept is not None
            try:
                return self._ask_once(anchor, question)
            except ForeignRealm:
                raise
            except SourceUnavailable:
                if not kept:
                    raise
                # Servers hang up on idle connections; a fresh one tells whether it was only that.
                return self._ask_once(anchor, question)

    def _ask_once(self, anchor: Anchor | None, question: "Callable[[Talk, Directory], T]") -> T:
        session, directory = self._keep()
        if anchor is not None and anchor.realm != directory.realm:
            raise foreign(self._name, directory.realm, anchor)
        try:
            return question(session, directory)
        except BaseException:
            self._drop()  # whatever state the connection is in, the next question gets a fresh one
            raise

    def _keep(self) -> "tuple[Talk, Directory]":
        if self._kept is None:
            session = self._dial()
            self._answered = session.url
            try:
                self._kept = session, describe(session, self._wishes.users.bases, self._settings.realm)
            except BaseException:
                session.close()
                raise
        return self._kept

    def _drop(self) -> None:
        if self._kept is not None:
            self._kept[0].close()
            self._kept = None

    def _entries(self, tally: Tally, answered: dict[str, str]) -> Iterator[Entry]:
        with self._dial() as session:
            directory = describe(session, self._wishes.users.bases, self._settings.realm)
            answered.update(realm=directory.realm, url=session.url)
            # With several servers one of them does not count the changes of all.
            counter = ChangeCounter() if self._settings.follow else change_counter(session)
            reading = Reading(session, directory, self._wishes, tally)
            yield from reading.entries()
            tally.reasons += went(session)
            tally.view = View(
                account=session.account(),
                server=counter.server,
                began=counter.changes,
                ended=change_counter(session).changes if counter.server else 0,
                mark=str(reading.groups_read),
            )

    def _proof(self, tally: Tally, answered: dict[str, str]) -> Proof:
        return tally.proof(answered["realm"], "\n".join(self._commands(answered["url"], tally.attributes)))

    def _commands(self, url: str, attributes: Collection[str]) -> list[str]:
        """Every search of a reading as a command line; GROUP stands for the name of each group."""
        return [self._shell(url).line(search) for _, search in self._searches(attributes)]

    def _searches(self, attributes: Collection[str]) -> list[tuple[str, Search]]:
        """Every search of a reading, each with whom it finds."""
        wishes = self._wishes
        return [
            *(("groups", search) for search in wishes.group_searches()),
            *(("everybody in one group", search) for search in wishes.nested_searches("GROUP")),
            *(("people", search) for search in wishes.user_searches(attributes)),
        ]

    def _shell(self, url: str) -> Shell:
        settings = self._settings
        ours = str(as_pem(settings.certificate)) if settings.certificate else ""
        return Shell(
            url,
            settings.bind_dn,
            starttls=settings.starttls,
            external=settings.bind == "external",
            ca_file=str(settings.ca_file or ""),
            certificate=ours,
            key=str(settings.certificate_key or ours),
            verify=settings.tls_verify,
        )

    def _findings(self, attributes: Collection[str], see: Callable[[Entry], None]) -> Iterator[Finding]:
        wishes, canaries = self._wishes, self._settings.canaries
        with self._dial(again=True) as session:
            yield from _ldapcheck.connection(session, self._settings)
            root = _ldapcheck.root_of(session)
            yield from _ldapcheck.server(root, session.url)
            directory = describe(session, wishes.users.bases, self._settings.realm)
            contexts = ", ".join(directory.all_contexts)
            yield Finding(True, "directory", f"realm {directory.realm}; naming contexts {contexts}")
            missing = list(_ldapcheck.bases(session, wishes))
            yield from missing
            if missing:
                return
            yield from _ldapcheck.limits(session, wishes)
            yield from _ldapcheck.groups(session, wishes)
            shell = self._shell(session.url)
        stream, places = self.read(attributes), _ldapcheck.Places(wishes.users.bases)
        for entry in stream:
            places.saw(entry.name)
            see(entry)
        proof = stream.finish()
        yield from places.findings()
        for what, asked in (("the root entry", _ldapcheck.ROOT), *self._searches(attributes)):
            below = f" below {asked.base}" if asked.base else ""
            yield Finding(True, "search", what + below, command=shell.words(asked))
        yield from judged(proof)
        yield from _ldapcheck.canaries(proof, len(canaries))
        with self._dial() as session:
            yield from _ldapcheck.lacking(session, wishes, proof, root)


def connect(name: str, settings: Settings, refusals: Refusals = _FORGETFUL) -> LdapSource:
    """The source that these settings describe. No server is asked yet.

    Raises `ConfigurationError` for a missing password, a CA file or a certificate that cannot be used, or a filter that
    is none.

    Args:
        refusals: what is remembered of binds that were refused.
    """
    from iwds.sources import _connection

    for where in (settings.users, settings.groups):
        if where is not None:
            _connection.check_filter(where.filter, f"Source {name}")
    access, credentials = access_of(name, settings)
    dials = (
        lambda: _connection.dial(access),
        lambda url: _connection.dial(replace(access, urls=(url,))),
        lambda: _connection.dial(replace(access, decoder="own")),
    )
    return LdapSource(name, settings, dials, credentials, refusals)


def selection(name: str, settings: Settings) -> Selection:
    """Whom these settings select, so that a captured reading can answer for others."""
    users, told = settings.users, settings.model_dump(mode="json", include={"groups", "member_of", "id", "realm"})
    return selection_of(users.base, users.scope, users.filter, told, f"Source {name}")


def _wishes(settings: Settings) -> Wishes:
    groups = settings.groups
    members = MEMBER_ATTRIBUTES if groups is None or groups.members == "auto" else (groups.members,)
    return Wishes(
        users=settings.users.branch(),
        id=settings.id,
        groups=groups.branch() if groups else None,
        members=members,
        login=groups.login if groups else "uid",
        nested_by_server=groups is not None and groups.nested == "server",
        member_of=settings.member_of,
        page_size=settings.page_size,
        ignore_references=settings.referrals == "ignore",
    )
