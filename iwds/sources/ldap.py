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
import ssl
import stat
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

from iwds.core.dn import is_under, normalise_dn
from iwds.core.model import Anchor, Entry, Proof, View
from iwds.errors import AccessRefused, ConfigurationError, ForeignRealm, SourceUnavailable
from iwds.ports import Finding
from iwds.sources._check import foreign, of_proof, until_failure
from iwds.sources._directory import ChangeCounter, Directory, change_counter, describe, visible
from iwds.sources._follow import Following, went
from iwds.sources._groups import MEMBER_ATTRIBUTES
from iwds.sources._ldapread import Branch, Reading, Wishes, find, recount, selects
from iwds.sources._search import Scope, command_line
from iwds.sources._stream import Canaries, Stream, Tally

if TYPE_CHECKING:  # at run time it brings ldap3, which only `connect` may do
    from iwds.sources._connection import Access, Session

    Talk = Session | Following

_GROUP_FILTER = (
    "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup)(objectClass=group))"
)
SELECTING = frozenset({"users", "groups", "member_of", "id", "realm", "referrals", "follow"})
"""The settings that say who is read, and what of them; the others say where and how."""
T = TypeVar("T")
_PUBLIC = stat.S_IRGRP | stat.S_IROTH

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
    bind: Literal["simple", "anonymous"] = "simple"
    bind_dn: str = ""
    password: SecretStr | None = None
    password_file: Path | None = None
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
        if self.password is not None and self.password_file is not None:
            raise ValueError("give `password` or `password_file`, not both")
        if (self.bind == "simple") != bool(self.bind_dn):
            raise ValueError("`bind: simple` needs a `bind_dn`, `bind: anonymous` has none")
        if self.starttls and any(url.startswith("ldaps:") for url in self.urls):
            raise ValueError("`starttls` is for ldap:// URLs; ldaps:// is encrypted already")
        if not (self.starttls or self.allow_plaintext or self.bind == "anonymous"):
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
        dial: opens a bound connection, or raises `SourceUnavailable` or `AccessRefused`.
        dial_to: the same to the server at one URL, for references that are followed.
    """

    def __init__(
        self, name: str, settings: Settings, dial: "Callable[[], Session]", dial_to: "Callable[[str], Session]"
    ) -> None:
        self._name = name
        self._settings = settings
        self._dial_once = dial
        self._dial_to = dial_to
        self._wishes = _wishes(settings)
        self._lock = threading.Lock()
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

    def _dial(self) -> "Talk":
        """A connection, which leads on to other servers where references are followed."""
        first, settings = self._remembering(self._dial_once), self._settings
        if not settings.follow:
            return first
        urls = (*settings.urls, *settings.follow)
        return Following(first, urls, lambda url: self._remembering(lambda: self._dial_to(url)))

    def _remembering(self, dial: "Callable[[], Session]") -> "Session":
        """A connection. A refusal is remembered: trying a wrong password again locks the account."""
        if self._refused is not None:
            raise self._refused
        try:
            return dial()
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
        settings, wishes = self._settings, self._wishes
        ca_file = str(settings.ca_file or "")
        return [
            command_line(url, settings.bind_dn, search, settings.starttls, ca_file)
            for search in (
                *wishes.group_searches(),
                *wishes.nested_searches("GROUP"),
                *wishes.user_searches(attributes),
            )
        ]

    def _findings(self, attributes: Collection[str]) -> Iterator[Finding]:
        with self._dial() as session:
            yield from self._connection_findings(session)
            directory = describe(session, self._wishes.users.bases, self._settings.realm)
        contexts = ", ".join(directory.all_contexts)
        yield Finding(True, "directory", f"realm {directory.realm}; naming contexts {contexts}")
        stream = self.read(attributes)
        for _ in stream:
            pass
        proof = stream.finish()
        for line in proof.asked.splitlines():
            yield Finding(True, "search", line)
        yield from of_proof(proof)

    def _connection_findings(self, session: "Talk") -> Iterator[Finding]:
        settings = self._settings
        who = settings.bind_dn or "nobody in particular (anonymous)"
        first = session.url == settings.urls[0]
        advice = "" if first else "The servers before it in `urls` did not answer."
        yield Finding(True, "connection", f"{session.url} as {who}", advice, warning=not first)
        if not session.encrypted:
            yield Finding(True, "encryption", "none", "Use ldaps:// or `starttls: true`.", warning=True)
        elif not settings.tls_verify:
            advice = "Remove `tls_verify: false` and give the server's CA as `ca_file`."
            yield Finding(True, "encryption", "TLS with anybody: the certificate is not verified", advice, warning=True)
        else:
            yield Finding(True, "encryption", "TLS, certificate verified")
        if settings.password_file is not None and settings.password_file.stat().st_mode & _PUBLIC:
            advice = f"chmod 600 {settings.password_file}"
            yield Finding(True, "password", f"others may read {settings.password_file}", advice, warning=True)


def connect(name: str, settings: Settings) -> LdapSource:
    """The source that these settings describe. No server is asked yet.

    Raises `ConfigurationError` for a missing password, an unreadable CA file, or a filter that is none.
    """
    from iwds.sources import _connection

    for where in (settings.users, settings.groups):
        if where is not None:
            _connection.check_filter(where.filter, f"Source {name}")
    access = _access(name, settings)
    return LdapSource(
        name,
        settings,
        lambda: _connection.dial(access),
        lambda url: _connection.dial(replace(access, urls=(url,))),
    )


def _access(name: str, settings: Settings) -> "Access":
    from iwds.sources._connection import Access

    return Access(
        urls=settings.urls,
        account=settings.bind_dn,
        password=_password(name, settings),
        context=_context(settings),
        starttls=settings.starttls,
        timeout_s=settings.timeout_s,
        decoder=settings.decoder,
    )


def _password(name: str, settings: Settings) -> SecretStr:
    if settings.bind == "anonymous":
        return SecretStr("")
    password = settings.password
    if settings.password_file is not None:
        try:
            password = SecretStr(settings.password_file.read_text().rstrip("\r\n"))
        except (OSError, ValueError) as failed:
            raise ConfigurationError(f"Source {name}: {settings.password_file} cannot be read ({failed}).") from failed
    if password is None or not password.get_secret_value():
        # An empty password is an anonymous bind that looks like success (RFC 4513 5.1.2).
        raise ConfigurationError(
            f"Source {name} has no password for {settings.bind_dn}.",
            f"Set IWDS_SOURCES__{name.upper().replace('-', '_')}__PASSWORD in the environment, or `password_file`.",
        )
    return password


def _context(settings: Settings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    except (OSError, ssl.SSLError) as failed:
        raise ConfigurationError(f"{settings.ca_file} holds no CA certificate that can be read ({failed}).") from failed
    if not settings.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


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
