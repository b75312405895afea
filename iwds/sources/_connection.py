"""One bound connection to a directory server: TLS and bind. Only this module and `_pages` know ldap3.

ldap3 is told to do as little as possible: no schema, no name checks, no automatic ranges, no referral chasing; and it
does not raise for result codes here, because it stays silent for some of them (sizeLimitExceeded) even when it is
told to raise. The codes are looked at in `_search`.
"""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NoReturn, Protocol
from urllib.parse import urlsplit

import ldap3
from ldap3.core.exceptions import LDAPException, LDAPInvalidFilterError
from ldap3.operation.search import parse_filter

from iwds.errors import AccessRefused, ConfigurationError, IwdsError, SourceUnavailable
from iwds.sources._ber import BadMessage
from iwds.sources._channel import Disconnected
from iwds.sources._decode import Shaped
from iwds.sources._failures import Attempt, explained, words
from iwds.sources._pages import Ldap3Pages, OwnPages, Pages
from iwds.sources._refusals import TryAnother, judge_bind
from iwds.sources._search import SUCCESS, Page, RawEntry, Search
from iwds.sources._sync import Told

_STARTTLS = "1.3.6.1.4.1.1466.20037"

_BROKEN = (LDAPException, OSError, LookupError, ValueError, TypeError, AttributeError)
"""What ldap3 raises where a server is silent, hangs up, or sends bytes that are no LDAP."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a directory.

    Attributes:
        urls: `ldap://` and `ldaps://` URLs in the order in which they are tried.
        account: DN to bind as; empty for anonymous, and where the certificate says who we are.
        password: for a simple bind; never shown.
        context: what TLS is made with, and what the server's certificate is verified with; it may hold one of ours.
        certificate: whether it does.
        external: bind as whom the server takes our certificate for (SASL EXTERNAL, RFC 4422 appendix A).
        timeout_s: seconds to wait for a connection and for each page of an answer.
        decoder: what decodes the answers to searches, `own` or `ldap3`.
    """

    urls: tuple[str, ...]
    account: str
    password: "Secret"
    context: ssl.SSLContext
    starttls: bool
    timeout_s: int
    certificate: bool = False
    external: bool = False
    decoder: Literal["own", "ldap3"] = "own"


class Secret(Protocol):
    """A password that does not show itself (pydantic's SecretStr)."""

    def get_secret_value(self) -> str:
        """The password."""
        ...


class Session:
    """One bound connection. Not thread-safe; give it back with `close`."""

    def __init__(self, url: str, connection: Any, encrypted: bool, pages: type[OwnPages | Ldap3Pages]) -> None:
        self.url = url
        self.encrypted = encrypted
        self._connection = connection
        self._made = pages

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def page(self, search: Search, cookie: bytes = b"") -> Page[RawEntry]:
        """One page of a search. Raises `SourceUnavailable` where the connection ends before the answer does."""
        try:
            return self._pages.page(search, cookie)
        except _BROKEN as lost:
            self._lost(f"while {search.base or 'the root'} was read", lost)

    def shaped(self, search: Search, cookie: bytes = b"") -> Page[Shaped]:
        """The same with all that was asked for as text."""
        try:
            return self._pages.shaped(search, cookie)
        except _BROKEN as lost:
            self._lost(f"while {search.base or 'the root'} was read", lost)

    def account(self) -> str:
        """Who the server says that we are (RFC 4532), folded; empty where it does not know the question."""
        try:
            return self._pages.account().decode(errors="backslashreplace").lower()
        except _BROKEN as lost:
            self._lost("while it was asked who we are", lost)

    def synced(self, search: Search, cookie: bytes) -> Iterator[Told]:
        """What changed among all that a search finds since a cookie (RFC 4533), as it comes, the end last.

        Whoever does not read it to the end has to close the session. Raises like `page`.
        """
        try:
            yield from self._pages.synced(search, cookie)
        except _BROKEN as lost:
            self._lost(f"while the changes below {search.base or 'the root'} were read", lost)

    @cached_property
    def _pages(self) -> Pages:
        """What reads from the socket, once ldap3 has bound it."""
        return self._made(self._connection)

    def _lost(self, when: str, why: BaseException) -> NoReturn:
        self.close()
        advice = "Nothing was concluded from what had come. Try again; `timeout_s` may be too short for this server."
        said = f"the connection was lost {when} ({words(why)})"
        if isinstance(why, BadMessage):
            said = f"what came {when} is not LDAP as it must be: {why}"
            advice = "Nothing was concluded from it. Something between here and the server may garble what it sends."
        elif isinstance(why, Disconnected):
            said = f"{why} {when}"
            advice = "Nothing was concluded from what had come. Try again; the server's log says why it hung up."
        raise SourceUnavailable(f"{self.url}: {said}.", advice) from why

    def close(self) -> None:
        """Unbind. May be called twice, and after the server hung up."""
        socket = self._connection.socket
        try:
            self._connection.unbind()
        except _BROKEN:
            pass  # the server was quicker, which is as good
        finally:
            if socket is not None:
                socket.close()  # ldap3 forgets a socket that it could not connect or encrypt


def dial(access: Access) -> Session:
    """A bound connection to the first server that lets us in.

    Raises `AccessRefused` at once for refused credentials, because repeating them at the next server locks the
    account; otherwise the next URL is tried, and the error names what each of them said.
    """
    failures: list[IwdsError] = []
    for url in access.urls:
        try:
            return _enter(access, url)
        except TryAnother as failure:
            failures.append(failure.error)
    message = " ".join(failure.message for failure in failures)
    advice = " ".join(dict.fromkeys(failure.advice for failure in failures))
    refused = all(isinstance(failure, AccessRefused) for failure in failures)
    raise AccessRefused(message, advice) if refused else SourceUnavailable(message, advice)


def check_filter(text: str, where: str) -> None:
    """Raises `ConfigurationError` where a search filter is not of the form of RFC 4515."""
    try:
        parse_filter(text, None, True, True, None, False)
    except (LDAPInvalidFilterError, LookupError, ValueError) as wrong:
        raise ConfigurationError(
            f"{where}: {text} is no search filter ({wrong}).", "See RFC 4515 for its form."
        ) from wrong


class _Tls:
    """What ldap3 calls to encrypt a socket: our own context, so that the host is verified by OpenSSL itself."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._context = context
        self._host = host
        self.refusal: ssl.SSLError | None = None
        self.agreed = False

    def wrap_socket(self, connection: Any, do_handshake: bool = True) -> None:
        """Encrypt; a refusal is remembered, because ldap3 keeps nothing but its text."""
        try:
            connection.socket = self._context.wrap_socket(
                connection.socket, server_hostname=self._host, do_handshake_on_connect=do_handshake
            )
        except ssl.SSLError as refusal:
            self.refusal = refusal
            raise
        self.agreed = True


def _enter(access: Access, url: str) -> Session:
    parts = urlsplit(url)
    secure = parts.scheme == "ldaps"
    tls = _Tls(access.context, parts.hostname or "")
    port = parts.port or (636 if secure else 389)
    server = ldap3.Server(parts.hostname, port, use_ssl=secure, get_info=ldap3.NONE, connect_timeout=access.timeout_s)
    server.tls = tls  # set afterwards, because the constructor accepts ldap3's own class alone
    connection = ldap3.Connection(
        server,
        **_who(access),
        auto_bind=ldap3.AUTO_BIND_NONE,
        auto_range=False,
        auto_referrals=False,
        check_names=False,
        return_empty_attributes=False,
        raise_exceptions=False,
        receive_timeout=access.timeout_s,
        read_only=True,
    )
    pages = Ldap3Pages if access.decoder == "ldap3" else OwnPages
    session = Session(url, connection, secure or access.starttls, pages)
    try:
        connection.open(read_server_info=False)
        if access.starttls:
            _start_tls(connection, tls, url)
        connection.bind(read_server_info=False)
        judge_bind(connection.result, access.account, access.external, url)
    except _BROKEN as failed:
        session.close()
        way = url, parts.hostname or "", port, access.starttls, access.certificate, access.timeout_s
        raise TryAnother(explained(Attempt(*way, tls.agreed, tls.refusal), failed)) from failed
    except (AccessRefused, TryAnother):
        session.close()
        raise
    return session


def _who(access: Access) -> dict[str, Any]:
    """How ldap3 is to bind. Empty credentials are sent with EXTERNAL: without any the server would ask for them."""
    if access.external:
        return {"authentication": ldap3.SASL, "sasl_mechanism": ldap3.EXTERNAL, "sasl_credentials": ""}
    if not access.account:
        return {"authentication": ldap3.ANONYMOUS}
    return {
        "authentication": ldap3.SIMPLE,
        "user": access.account,
        "password": access.password.get_secret_value(),
    }


def _start_tls(connection: Any, tls: _Tls, url: str) -> None:
    connection.extended(_STARTTLS)
    if connection.result["result"] != SUCCESS:
        said = connection.result["description"]
        advice = "Enable TLS on the server, or use its ldaps:// URL."
        raise TryAnother(AccessRefused(f"{url} refuses StartTLS ({said}).", advice))
    tls.wrap_socket(connection)
    connection.tls_started = True
