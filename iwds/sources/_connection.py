"""One bound connection to a directory server: TLS, bind, pages. The only module that knows ldap3.

ldap3 is told to do as little as possible: no schema, no name checks, no automatic ranges, no referral chasing; and it
does not raise for result codes here, because it stays silent for some of them (sizeLimitExceeded) even when it is
told to raise. The codes are looked at in `_search`.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import ldap3
from ldap3.core.exceptions import LDAPException, LDAPInvalidFilterError
from ldap3.operation.search import parse_filter

from iwds.errors import AccessRefused, ConfigurationError, IwdsError, SourceUnavailable
from iwds.sources._refusals import reason
from iwds.sources._search import SUCCESS, Page, RawEntry, Scope, Search

_PAGED = "1.2.840.113556.1.4.319"
_STARTTLS = "1.3.6.1.4.1.1466.20037"
_WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
_INVALID_CREDENTIALS = 49
_NEEDS_TLS = frozenset({8, 13})
_TRY_ANOTHER = frozenset({1, 3, 51, 52, 80})
_SCOPES: dict[Scope, Any] = {"subtree": ldap3.SUBTREE, "one": ldap3.LEVEL, "base": ldap3.BASE}

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
    """

    urls: tuple[str, ...]
    account: str
    password: "Secret"
    context: ssl.SSLContext
    starttls: bool
    timeout_s: int


class Secret(Protocol):
    """A password that does not show itself (pydantic's SecretStr)."""

    def get_secret_value(self) -> str:
        """The password."""
        ...


class Session:
    """One bound connection. Not thread-safe; give it back with `close`."""

    def __init__(self, url: str, connection: Any, encrypted: bool) -> None:
        self.url = url
        self.encrypted = encrypted
        self._connection = connection

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def page(self, search: Search, cookie: bytes = b"") -> Page:
        """One page of a search. Raises `SourceUnavailable` where the connection ends before the answer does."""
        try:
            self._connection.search(
                search.base,
                search.filter,
                search_scope=_SCOPES[search.scope],
                dereference_aliases=ldap3.DEREF_NEVER,
                attributes=list(search.attributes),
                paged_size=search.page_size or None,
                paged_criticality=True,
                paged_cookie=cookie or None,
            )
            return _page(self._connection.response, self._connection.result)
        except _BROKEN as lost:
            self.close()
            raise SourceUnavailable(
                f"{self.url}: the connection was lost while {search.base or 'the root'} was read ({_words(lost)}).",
                "Nothing was concluded from what had come. Try again; `timeout_s` may be too short for this server.",
            ) from lost

    def account(self) -> str:
        """Who the server says that we are (RFC 4532), folded; empty where it does not know the question."""
        try:
            self._connection.extended(_WHO_AM_I)
            result = self._connection.result
        except _BROKEN as lost:
            self.close()
            raise SourceUnavailable(
                f"{self.url}: the connection was lost while it was asked who we are ({_words(lost)}).", "Try again."
            ) from lost
        said = result.get("responseValue") or b""
        return bytes(said).decode(errors="backslashreplace").lower() if result["result"] == SUCCESS else ""

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
    session = Session(url, connection, encrypted=secure or access.starttls)
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


def _page(response: list[dict[str, Any]], result: Mapping[str, Any]) -> Page:
    entries: list[RawEntry] = []
    references: list[str] = []
    for message in response:
        if message["type"] == "searchResEntry":
            entries.append((message["raw_dn"], message["raw_attributes"]))
        elif message["type"] == "searchResRef":
            references += message["uri"]
    control = (result.get("controls") or {}).get(_PAGED)
    cookie = control["value"]["cookie"] if control else b""
    code, text = int(result["result"]), result.get("message") or ""
    elsewhere = tuple(result.get("referrals") or ())
    text = "; ".join(part for part in (text, *elsewhere) if part)
    return Page(entries, tuple(references), code, result["description"], text, cookie or b"", control is not None)
