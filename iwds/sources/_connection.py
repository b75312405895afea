"""One bound connection to a directory server: TLS and bind. Only this module and `_pages` know ldap3.

ldap3 is told to do as little as possible: no schema, no name checks, no automatic ranges, no referral chasing; and it
does not raise for result codes here, because it stays silent for some of them (sizeLimitExceeded) even when it is
told to raise. The codes are looked at in `_search`.
"""

import ssl
from collections.abc import Mapping
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
from iwds.sources._pages import Ldap3Pages, OwnPages, Pages
from iwds.sources._refusals import reason
from iwds.sources._search import SUCCESS, Page, RawEntry, Search

_STARTTLS = "1.3.6.1.4.1.1466.20037"
_INVALID_CREDENTIALS = 49
_NEEDS_TLS = frozenset({8, 13})
_TRY_ANOTHER = frozenset({1, 3, 51, 52, 80})

_BROKEN = (LDAPException, OSError, LookupError, ValueError, TypeError, AttributeError)
"""What ldap3 raises where a server is silent, hangs up, or sends bytes that are no LDAP."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a directory.

    Attributes:
        urls: `ldap://` and `ldaps://` URLs in the order in which they are tried.
        account: DN to bind as; empty for anonymous.
        password: for a simple bind; never shown.
        context: what TLS is made with, and what the server's certificate is verified with.
        timeout_s: seconds to wait for a connection and for each answer.
        decoder: what decodes the answers to searches, `own` or `ldap3`.
    """

    urls: tuple[str, ...]
    account: str
    password: "Secret"
    context: ssl.SSLContext
    starttls: bool
    timeout_s: int
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

    @cached_property
    def _pages(self) -> Pages:
        """What reads from the socket, once ldap3 has bound it."""
        return self._made(self._connection)

    def _lost(self, when: str, why: BaseException) -> NoReturn:
        self.close()
        advice = "Nothing was concluded from what had come. Try again; `timeout_s` may be too short for this server."
        said = f"the connection was lost {when} ({_words(why)})"
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
        except _CannotConnect as failure:
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


class _CannotConnect(Exception):
    """This URL does not do; the next one may."""

    def __init__(self, error: IwdsError) -> None:
        super().__init__(error.message)
        self.error = error


class _Tls:
    """What ldap3 calls to encrypt a socket: our own context, so that the host is verified by OpenSSL itself."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._context = context
        self._host = host
        self.refusal: ssl.SSLError | None = None

    def wrap_socket(self, connection: Any, do_handshake: bool = True) -> None:
        """Encrypt; a refusal is remembered, because ldap3 keeps nothing but its text."""
        try:
            connection.socket = self._context.wrap_socket(
                connection.socket, server_hostname=self._host, do_handshake_on_connect=do_handshake
            )
        except ssl.SSLError as refusal:
            self.refusal = refusal
            raise


def _enter(access: Access, url: str) -> Session:
    parts = urlsplit(url)
    secure = parts.scheme == "ldaps"
    tls = _Tls(access.context, parts.hostname or "")
    port = parts.port or (636 if secure else 389)
    server = ldap3.Server(parts.hostname, port, use_ssl=secure, get_info=ldap3.NONE, connect_timeout=access.timeout_s)
    server.tls = tls  # set afterwards, because the constructor accepts ldap3's own class alone
    connection = ldap3.Connection(
        server,
        user=access.account or None,
        password=access.password.get_secret_value() if access.account else None,
        authentication=ldap3.SIMPLE if access.account else ldap3.ANONYMOUS,
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
        _judge_bind(connection.result, access, url)
    except _BROKEN as failed:
        session.close()
        raise _CannotConnect(_connection_error(url, tls.refusal, failed)) from failed
    except (AccessRefused, _CannotConnect):
        session.close()
        raise
    return session


def _start_tls(connection: Any, tls: _Tls, url: str) -> None:
    connection.extended(_STARTTLS)
    if connection.result["result"] != SUCCESS:
        said = connection.result["description"]
        advice = "Enable TLS on the server, or use its ldaps:// URL."
        raise _CannotConnect(AccessRefused(f"{url} refuses StartTLS ({said}).", advice))
    tls.wrap_socket(connection)
    connection.tls_started = True


def _judge_bind(result: Mapping[str, Any], access: Access, url: str) -> None:
    code, said = result["result"], f"{result['result']} {result['description']}"
    said += f": {result['message']}" if result["message"] else ""
    if code == SUCCESS:
        return
    if code in _TRY_ANOTHER:
        raise _CannotConnect(SourceUnavailable(f"{url} accepts nobody at the moment ({said}).", "Try again later."))
    who = access.account or "an anonymous client"
    if code == _INVALID_CREDENTIALS:
        why = reason(result["message"])
        raise AccessRefused(
            f"{url} refuses the name or the password of {who}{why and f': {why}'} ({said}).",
            "Correct `bind_dn` or the password. It was tried once, at one server, so that the account is not locked.",
        )
    if code in _NEEDS_TLS:
        raise AccessRefused(
            f"{url} wants an encrypted connection ({said}).", "Use an ldaps:// URL or `starttls: true`."
        )
    raise AccessRefused(f"{url} does not let {who} in ({said}).", "See the server's log and the rights of the account.")


def _connection_error(url: str, refusal: ssl.SSLError | None, failed: BaseException) -> IwdsError:
    if isinstance(refusal, ssl.SSLCertVerificationError):
        return AccessRefused(
            f"The certificate of {url} is not trusted: {refusal.verify_message or refusal.reason}.",
            "Give the CA that signed it as `ca_file`, and use the host name that the certificate holds in the URL.",
        )
    if refusal is not None:
        return AccessRefused(
            f"{url} does not speak TLS as we do ({refusal.reason or refusal}).",
            "ldaps:// belongs to port 636, StartTLS to port 389; see that the server offers TLS 1.2 or later.",
        )
    return SourceUnavailable(
        f"{url} cannot be reached ({_words(failed)}).", "See that the server runs, and that its port is open from here."
    )


def _words(error: BaseException) -> str:
    """What an exception says, on one line, without ldap3's lists of addresses."""
    return " ".join(str(error).split())[:200] or type(error).__name__
