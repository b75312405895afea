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

import ipaddress
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

from iwds.core.dn import is_under, normalise_dn
from iwds.core.model import Anchor, Entry, Proof, View
from iwds.errors import AccessRefused, ForeignRealm, SourceUnavailable
from iwds.ports import Finding, Refusals
from iwds.sources import _ldapcheck
from iwds.sources._binding import access_of
from iwds.sources._check import foreign, judged, until_failure
from iwds.sources._directory import ChangeCounter, Directory, change_counter, describe, visible
from iwds.sources._follow import Following, went
from iwds.sources._groups import MEMBER_ATTRIBUTES
from iwds.sources._ldapread import Branch, Reading, Wishes, find, recount, selects
from iwds.sources._ldapsearch import Shell, as_pem
from iwds.sources._refusals import Credentials, Forgetful
from iwds.sources._search import Scope, Search
from iwds.sources._stream import Canaries, Stream, Tally

if TYPE_CHECKING:  # at run time it brings ldap3, which only `connect` may do
    from iwds.sources._connection import Session

    Talk = Session | Following

_GROUP_FILTER = (
    "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup)(objectClass=group))"
)
SELECTING = frozenset({"users", "groups", "member_of", "id", "realm", "referrals", "follow"})
"""The settings that say who is read, and what of them; the others say where and how."""
BINDS = True
"""Whether an account is bound with, which the directory may refuse."""
_FORGETFUL = Forgetful()
T = TypeVar("T")

Lower = Annotated[str, BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)]
Bases = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    Field(min_length=1),
]


class _Model(BaseModel):
    # A complaint about the settings as a whole would otherwise quote them, the password among them.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class _Where(_Model):
    base: Bases
    scope: Scope = "subtree"
    filter: str

    @field_validator("filter")
    @classmethod
    def _in_parentheses(cls, value: str) -> str:
        value = value.strip()
        return value if value.startswith("(") else f"({value})"

    @field_validator("base")
    @classmethod
    def _apart(cls, bases: tuple[str, ...]) -> tuple[str, ...]:
        names = [normalise_dn(base) for base in bases]
        for name in names:
            if sum(is_under(name, other) for other in names) > 1:
                raise ValueError(f"{name} lies in another of the bases, so its people would be read twice")
        return bases

    def branch(self) -> Branch:
        """The same as a plain value."""
        return Branch(self.base, self.scope, self.filter)


class Users(_Where):
    """Where people are: one base or several that do not overlap, `subtree`, `one` or `base`, a filter (RFC 4515)."""

    filter: str = "(objectClass=inetOrgPerson)"


class GroupEntries(_Where):
    """Where groups are, and which attribute names their members.

    Attributes:
        members: `auto` takes all three attributes. `memberUid` means the people's attribute `login`.
        nested: who unfolds groups in groups: `here`, from the members of all groups, or `server`, which Active
            Directory alone can, with a search for each group.
    """

    filter: str = _GROUP_FILTER
    members: Annotated[Literal["auto", "member", "uniquemember", "memberuid"], BeforeValidator(str.lower)] = "auto"
    login: Lower = "uid"
    nested: Literal["here", "server"] = "here"

    @model_validator(mode="after")
    def _by_name(self) -> "GroupEntries":
        if self.nested == "server" and self.members not in {"auto", "member"}:
            raise ValueError("`nested: server` follows `member`, and no other attribute")
        return self


class Settings(_Model):
    """The settings of a source of kind `ldap`.

    Attributes:
        bind: `simple` with account and password, `external` as whom the server takes our certificate for, `anonymous`.
        certificate: shown to servers that ask for one, with any kind of bind: .p12, or PEM with `certificate_key` where
            its key lies elsewhere.
        tls_verify: False takes any certificate; `check` warns about it.
        allow_plaintext: send the password in clear text to a host that is not this one.
        id: what an entry is known by for ever; `objectGUID` for Active Directory.
        realm: who this directory is; by default what it says of itself.
        member_of: take groups from the people's memberOf, as far as the server computes it, instead of `groups`.
        timeout_s: seconds to wait for a connection, and for each page of an answer.
        referrals: `report` makes parts that lie on other servers a problem, `ignore` does not, `follow` reads them at
            the servers under `follow`, and only there.
        follow: URLs of the servers to which references may lead; they get the same account and password.
        canaries: people who must be in every reading, by distinguished name, id or login.
        decoder: what decodes the answers; `ldap3` is the library that also binds, and many times slower.
    """

    kind: Literal["ldap"]
    urls: tuple[str, ...] = Field(min_length=1)
    bind: Literal["simple", "external", "anonymous"] = "simple"
    bind_dn: str = ""
    password: SecretStr | None = None
    password_file: Path | None = None
    certificate: Path | None = None
    certificate_key: Path | None = None
    certificate_password: SecretStr | None = None
    certificate_password_file: Path | None = None
    starttls: bool = False
    tls_verify: bool = True
    ca_file: Path | None = None
    allow_plaintext: bool = False
    users: Users
    groups: GroupEntries | None = None
    member_of: bool = False
    id: Lower = Field(default="entryuuid", min_length=1)
    realm: str = ""
    page_size: int = Field(default=500, ge=1, le=100_000)
    timeout_s: int = Field(default=30, ge=1, le=3600)
    referrals: Literal["report", "ignore", "follow"] = "report"
    follow: tuple[str, ...] = ()
    canaries: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    decoder: Literal["own", "ldap3"] = "own"

    @field_validator("urls", "follow")
    @classmethod
    def _urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            parts = urlsplit(url)
            if "@" in parts.netloc:  # not quoted: it would come into messages, the history and command lines
                raise ValueError("a URL holds neither name nor password: write `bind_dn` and `password`")
            if parts.scheme not in {"ldap", "ldaps"} or not parts.hostname or parts.path.strip("/") or parts.query:
                raise ValueError(f"{url} is not of the form ldaps://HOST[:PORT] or ldap://HOST[:PORT]")
        return urls

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        if self.member_of and self.groups:
            raise ValueError("groups come from `groups` or from `member_of`, not from both")
        self._check_secrets()
        if (self.bind == "simple") != bool(self.bind_dn):
            raise ValueError(f"`bind: simple` needs a `bind_dn`, `bind: {self.bind}` has none")
        if self.bind != "simple" and (self.password or self.password_file):
            raise ValueError(f"`bind: {self.bind}` has no password")
        if self.starttls and any(url.startswith("ldaps:") for url in self.urls):
            raise ValueError("`starttls` is for ldap:// URLs; ldaps:// is encrypted already")
        if self.bind == "external":
            self._check_external()
        elif not (self.starttls or self.allow_plaintext or self.bind == "anonymous"):
            self._refuse_plaintext()
        self._check_following()
        return self

    def _check_following(self) -> None:
        if (self.referrals == "follow") != bool(self.follow):
            raise ValueError(
                "`referrals: follow` needs the URLs of the servers under `follow`, and only then they count"
            )
        if not self.follow:
            return
        if not self.realm:
            raise ValueError("people of several servers need a `realm` of your own")
        if self.groups is not None and self.groups.nested == "server":
            raise ValueError("`nested: server` asks one server, so that groups of others would be missing")
        safe = self.tls_verify and (
            self.starttls or all(url.startswith("ldaps:") for url in (*self.follow, *self.urls))
        )
        if self.bind == "simple" and not safe:
            raise ValueError("the password follows references over TLS with a verified certificate alone")

    def _check_secrets(self) -> None:
        for name in ("password", "certificate_password"):
            if getattr(self, name) is not None and getattr(self, f"{name}_file") is not None:
                raise ValueError(f"give `{name}` or `{name}_file`, not both")
        of_it = self.certificate_key, self.certificate_password, self.certificate_password_file
        if self.certificate is None and any(each is not None for each in of_it):
            raise ValueError("`certificate_key` and `certificate_password` belong to a `certificate`")

    def _check_external(self) -> None:
        """EXTERNAL is what TLS says, so that there must be TLS, and a certificate of ours in it."""
        if self.certificate is None:
            raise ValueError("`bind: external` needs a `certificate`")
        if not self.starttls and any(url.startswith("ldap:") for url in self.urls):
            raise ValueError("`bind: external` needs ldaps:// URLs or `starttls: true`")

    def _refuse_plaintext(self) -> None:
        for url in self.urls:
            if url.startswith("ldap:") and not _is_loopback(urlsplit(url).hostname or ""):
                raise ValueError(
                    f"{url} would carry the password in clear text: use ldaps:// or `starttls: true` "
                    "(or `allow_plaintext: true`, if the network is to be trusted with it)"
                )


class LdapSource:
    """People from a directory server. Each reading has a connection of its own; `find` keeps one.

    Args:
        name: the source's name in the configuration.
        settings: validated settings.
        dials: opens a bound connection, or raises `SourceUnavailable` or `AccessRefused`; the same to the server at one
            URL, for references that are followed.
        credentials: who is bound as.
        refusals: what is remembered of binds that were refused.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        dials: "tuple[Callable[[], Session], Callable[[str], Session]]",
        credentials: Credentials,
        refusals: Refusals,
    ) -> None:
        self._name = name
        self._settings = settings
        self._dial_once, self._dial_to = dials
        self._credentials, self._refusals = credentials, refusals
        self._wishes = _wishes(settings)
        self._lock, self._dialling = threading.Lock(), threading.Lock()
        self._kept: tuple[Talk, Directory] | None = None
        self._refused: AccessRefused | None = None

    @property
    def name(self) -> str:
        """The source's name in the configuration."""
        return self._name

    def read(self, attributes: Collection[str]) -> Stream:
        """All people; the connection is opened when the iteration begins."""
        tally = Tally(self._name, frozenset(attributes), Canaries(self._settings.canaries))
        answered: dict[str, str] = {}
        return Stream(self._entries(tally, answered), lambda: self._proof(tally, answered))

    def find(self, anchor: Anchor, attributes: Collection[str]) -> Entry | None:
        """One person by id, anywhere in the naming contexts that hold the bases, whatever the filter says."""
        wanted = frozenset(attributes)
        return self._ask(anchor, lambda asks, where: find(asks, where, self._wishes, anchor.id, wanted))

    def selects(self, anchor: Anchor) -> bool:
        """Whether the bases and the filter find this person right now."""
        return self._ask(anchor, lambda asks, _: selects(asks, self._wishes, anchor.id))

    def confirm(self, proof: Proof) -> Sequence[str]:
        """Count people and groups again, over a connection of its own and without any attribute."""
        with self._dial() as session:
            return tuple(recount(session, self._wishes, proof))

    def shows(self, place: str) -> bool:
        """Whether the account may see this entry."""
        with self._dial() as session:
            return visible(session, place)

    def check(self, attributes: Collection[str]) -> Iterator[Finding]:
        """The connection, what the directory says of itself, the searches, and a reading of everybody."""
        return until_failure("connection", self._findings(attributes))

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

    def _ask(self, anchor: Anchor, question: "Callable[[Talk, Directory], T]") -> T:
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

    def _ask_once(self, anchor: Anchor, question: "Callable[[Talk, Directory], T]") -> T:
        session, directory = self._keep()
        if anchor.realm != directory.realm:
            raise foreign(self._name, directory.realm, anchor)
        try:
            return question(session, directory)
        except BaseException:
            self._drop()  # whatever state the connection is in, the next question gets a fresh one
            raise

    def _keep(self) -> "tuple[Talk, Directory]":
        if self._kept is None:
            session = self._dial()
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

    def _findings(self, attributes: Collection[str]) -> Iterator[Finding]:
        wishes, canaries = self._wishes, self._settings.canaries
        with self._dial(again=True) as session:
            yield from _ldapcheck.connection(session, self._settings)
            root = _ldapcheck.root_of(session)
            yield from _ldapcheck.server(root, session.url)
            directory = describe(session, wishes.users.bases, self._settings.realm)
            contexts = ", ".join(directory.all_contexts)
            yield Finding(True, "directory", f"realm {directory.realm}; naming contexts {contexts}")
            yield from _ldapcheck.limits(session, wishes)
            yield from _ldapcheck.groups(session, wishes)
            shell = self._shell(session.url)
        stream, places = self.read(attributes), _ldapcheck.Places(wishes.users.bases)
        for entry in stream:
            places.saw(entry.name)
        proof = stream.finish()
        yield from places.findings()
        for what, search in (("the root entry", _ldapcheck.ROOT), *self._searches(attributes)):
            below = f" below {search.base}" if search.base else ""
            yield Finding(True, "search", what + below, command=shell.words(search))
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
    dials = lambda: _connection.dial(access), lambda url: _connection.dial(replace(access, urls=(url,)))
    return LdapSource(name, settings, dials, credentials, refusals)


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


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
