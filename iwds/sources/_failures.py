"""Why no connection to a server came about, in words and with what to do.

What a server does to a client that speaks TLS where it should not, or the reverse, is its own affair: some hang up,
some send an alert, some are silent. So the port is looked at once more, without any credentials.
"""

import socket
import ssl
from dataclasses import dataclass

from iwds.errors import AccessRefused, IwdsError, SourceUnavailable

_PROBE_SECONDS = 5
_ROOT = bytes.fromhex("302a020101632504000a01000a0100020100020100010100870b6f626a656374436c61737330050403312e31")
"""A search of the root entry for nothing but its being there (RFC 4511 4.5.1): anybody may ask that."""
_NOT_YET, _EXPIRED = 9, 10
_OTHER_NAME = frozenset({62, 64})
_UNKNOWN_CA = frozenset({2, 18, 19, 20, 21, 27})
"""OpenSSL's X509_V_ERR_… numbers."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One connection that was tried.

    Attributes:
        starttls: whether it was to be encrypted after the connection.
        certificate: whether a certificate of ours was shown.
        encrypted: whether TLS was agreed upon before it failed.
        refusal: what TLS said where that failed.
    """

    url: str
    host: str
    port: int
    starttls: bool
    certificate: bool
    timeout_s: int
    encrypted: bool
    refusal: ssl.SSLError | None

    @property
    def by_url(self) -> bool:
        """Whether TLS comes first."""
        return self.url.startswith("ldaps:")


def explained(attempt: Attempt, failed: BaseException) -> IwdsError:
    """The error for a connection that came to nothing."""
    said = words(attempt.refusal or failed)
    if isinstance(attempt.refusal, ssl.SSLCertVerificationError):
        return _untrusted(attempt, attempt.refusal)
    if alert := _about_our_certificate(attempt, said):
        return alert
    if "timed out" in said:
        return SourceUnavailable(
            f"{attempt.url} did not answer within {attempt.timeout_s} s ({said}).",
            "See that the server is well and that no firewall is in between; a slow one needs a longer `timeout_s`.",
        )
    if unknown := _unknown_name(attempt):
        return unknown
    return _wrong_port(attempt) or _unspecific(attempt, said, failed)


def words(error: BaseException) -> str:
    """What an exception says, on one line, without ldap3's lists of addresses."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def _untrusted(attempt: Attempt, refusal: ssl.SSLCertVerificationError) -> AccessRefused:
    code, server = refusal.verify_code, f"{attempt.host}:{attempt.port}"
    said = (refusal.verify_message or refusal.reason or "").rstrip(".")
    if code == _EXPIRED:
        advice = "Those who run the server have to renew it, or its CA's. See that the clock here is right, too."
    elif code == _NOT_YET:
        advice = "See that the clocks here and where it was made are right; else wait until it is valid."
    elif code in _OTHER_NAME:
        how = " -starttls ldap" if attempt.starttls else ""
        advice = (
            "Use in `urls` a host name that the certificate holds: "
            f"openssl s_client -connect {server}{how} </dev/null | openssl x509 -noout -ext subjectAltName"
        )
    elif code in _UNKNOWN_CA:
        advice = "Give the CA that signed it as `ca_file`, a PEM file with it and those above it."
    else:
        advice = "Give the CA that signed it as `ca_file`, and use the host name that the certificate holds in the URL."
    return AccessRefused(f"The certificate of {attempt.url} is not trusted: {said}.", advice)


def _about_our_certificate(attempt: Attempt, said: str) -> AccessRefused | None:
    alert = said.upper().replace(" ", "_")
    if "CERTIFICATE_REQUIRED" in alert:
        return AccessRefused(
            f"{attempt.url} requires a client certificate ({said}).",
            "Give one that the server trusts as `certificate`.",
        )
    if attempt.certificate and "ALERT" in alert and ("CERTIFICATE" in alert or "UNKNOWN_CA" in alert):
        return AccessRefused(
            f"{attempt.url} does not take our certificate ({said}).",
            "See when it ends, that the server trusts its CA, and what the server's log says.",
        )
    return None


def _unknown_name(attempt: Attempt) -> SourceUnavailable | None:
    try:
        socket.getaddrinfo(attempt.host, attempt.port, type=socket.SOCK_STREAM)
    except OSError as error:
        return SourceUnavailable(
            f"{attempt.url} cannot be reached: the name {attempt.host} is not known ({error.strerror}).",
            f"Correct it in `urls`, or see why the name service does not know it: getent hosts {attempt.host}",
        )
    return None


def _wrong_port(attempt: Attempt) -> AccessRefused | None:
    """Whether the port speaks the other way."""
    where = f"{attempt.host}:{attempt.port}"
    if attempt.by_url and not attempt.encrypted and _speaks_plain(attempt):
        return AccessRefused(
            f"{attempt.url} is a port that begins without TLS.",
            f"Write ldap://{where} with `starttls: true`, or the server's port for ldaps://, mostly 636.",
        )
    if not attempt.by_url and not attempt.encrypted and _speaks_tls(attempt):
        return AccessRefused(
            f"{attempt.url} is a port that begins with TLS.",
            f"Write ldaps://{where} without `starttls`, or the server's port for ldap://, mostly 389.",
        )
    return None


def _unspecific(attempt: Attempt, said: str, failed: BaseException) -> IwdsError:
    if attempt.refusal is not None and not isinstance(attempt.refusal, ssl.SSLEOFError):
        return AccessRefused(
            f"{attempt.url} does not speak TLS as we do ({attempt.refusal.reason or said}).",
            "ldaps:// belongs to port 636, StartTLS to port 389; see that the server offers TLS 1.2 or later.",
        )
    if attempt.encrypted:
        advice = "Some do so to whom shows no certificate: give one as `certificate`."
        advice = "It may not take our certificate." if attempt.certificate else advice
        return SourceUnavailable(
            f"{attempt.url} hung up after TLS and before it answered the bind ({said}).",
            f"{advice} The server's log says why.",
        )
    return SourceUnavailable(
        f"{attempt.url} cannot be reached ({words(failed)}).",
        "See that the server runs, and that its port is open from here.",
    )


def _speaks_plain(attempt: Attempt) -> bool:
    """Whether a question without encryption is answered as LDAP does."""
    try:
        with _connected(attempt) as connection:
            connection.sendall(_ROOT)
            return connection.recv(1) == b"\x30"
    except OSError:
        return False


def _speaks_tls(attempt: Attempt) -> bool:
    """Whether TLS can be agreed upon; nothing is sent through it, so that anybody may be at the other end."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    try:
        with _connected(attempt) as connection, anybody.wrap_socket(connection):
            return True
    except OSError:
        return False


def _connected(attempt: Attempt) -> socket.socket:
    return socket.create_connection((attempt.host, attempt.port), min(attempt.timeout_s, _PROBE_SECONDS))
