"""TLS as the provisioning API has it: the server asks for a client certificate, and that one names its service.

A folder holds everything that both sides need. What is missing in it is made; what is there is used as it is.
"""

import ipaddress
import os
import re
import secrets
import socket
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from iwds.errors import ConfigurationError
from iwds.sandbox.certificates import Authority

OTHER_SERVICE = 999
"""The service of the certificate that is there to be mistaken for the right one."""
NO_SERVICE = 0
"""What a client certificate belongs to that names no service."""

_LIFETIME, _AUTHORITY_DAYS = timedelta(days=2 * 365), 10 * 365
_SERVICE = re.compile(r"service (\d{1,18})", re.ASCII)


def make_missing(folder: Path, service_id: int, host: str) -> None:
    """Make what `folder` does not have yet, all of it readable for its owner only.

    `ca.pem` and `ca.key`; `server.pem` and `expired.pem` (certificate and key; for localhost, 127.0.0.1, ::1 and
    `host`); `password`; `client.p12` and `client.pem` for `service_id`, `other-service.p12` and `other-service.pem` for
    another one, all four opened by that password.

    Raises `ConfigurationError` where the folder cannot be used.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = _authority(folder)
        _make_servers(folder, authority, host)
        _make_clients(folder, authority, service_id)
    except OSError as error:
        raise ConfigurationError(f"{error.filename or folder} cannot be used for TLS: {error.strerror}") from error


def server_context(folder: Path, require_certificate: bool, is_expired: Callable[[], bool]) -> ssl.SSLContext:
    """TLS 1.2 or later, with client certificates of the folder's authority.

    Args:
        folder: what `make_missing` made.
        require_certificate: refuse who shows none; otherwise one is looked at where it is shown.
        is_expired: asked at every connection whether the server is to show a certificate that has expired.
    """
    for certificate in ("server.pem", "expired.pem"):
        _context(folder, certificate, require_certificate)  # what cannot be used is found at the start
    context = _EachAnew(ssl.PROTOCOL_TLS_SERVER)
    context.make = lambda: _context(folder, "expired.pem" if is_expired() else "server.pem", require_certificate)
    return context


class _EachAnew(ssl.SSLContext):
    """A context of its own for every connection.

    A context remembers the sessions of TLS 1.2, tickets or not, and Python has no switch for it. A resumed session
    shows no certificate at all: every connection is to see the one of the day.
    """

    make: Callable[[], ssl.SSLContext]

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        return self.make().wrap_bio(*arguments, **options)


def service_of(certificate: dict[str, Any] | None) -> int | None:
    """The service that a client certificate belongs to: `service N` in its OU or CN.

    None where no certificate was shown, `NO_SERVICE` where it names none. `certificate` is what `getpeercert` returns.
    """
    if not certificate:
        return None
    named = (_SERVICE.fullmatch(value) for value in _subject_values(certificate))
    return next((int(match[1]) for match in named if match), NO_SERVICE)


class _SaysWhy(ssl.SSLObject):
    """Tells a client why its certificate is refused: asyncio ends a failed handshake without sending the alert.

    The failure is told at the second call, and after the first asyncio sends what there is to send.
    """

    _has_failed = False

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except ssl.SSLWantReadError:
            raise
        except ssl.SSLError as error:
            if self._has_failed:
                raise
            self._has_failed = True
            raise ssl.SSLWantReadError(*error.args) from error


def _subject_values(certificate: dict[str, Any]) -> Iterable[str]:
    for part in certificate.get("subject", ()):
        for name, value in part:
            if name in ("organizationalUnitName", "commonName"):
                yield value


def _context(folder: Path, certificate: str, require: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslobject_class = _SaysWhy
    context.options |= ssl.OP_NO_TICKET  # nobody could resume with one
    context.num_tickets = 0
    try:
        context.load_cert_chain(folder / certificate, password="")  # "": nobody is asked at the terminal
        context.load_verify_locations(folder / "ca.pem")
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "reason", None) or error.strerror
        raise ConfigurationError(f"{folder / certificate} or ca.pem beside it cannot be used: {reason}") from error
    context.verify_mode = ssl.CERT_REQUIRED if require else ssl.CERT_OPTIONAL
    return context


def _authority(folder: Path) -> Authority:
    certificate, key = folder / "ca.pem", folder / "ca.key"
    if not certificate.exists() and not key.exists():
        made = Authority("iwds sandbox", _AUTHORITY_DAYS)
        _write(key, made.key_pem)
        _write(certificate, made.pem)
    try:
        return Authority.restored(certificate.read_bytes(), key.read_bytes())
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{folder} holds no authority of the sandbox", "Use another folder, or one that does not exist yet"
        ) from error


def _make_servers(folder: Path, authority: Authority, host: str) -> None:
    now = datetime.now(UTC)
    names, addresses = _names(host)
    for name, end in (("server.pem", now + _LIFETIME), ("expired.pem", now - timedelta(days=1))):
        if not (folder / name).exists():
            certificate, key = authority.server(names, addresses, end)
            _write(folder / name, certificate + key)


def _names(host: str) -> tuple[list[str], list[str]]:
    """The DNS names and addresses that the server may be called by when it listens on `host`."""
    names, addresses = ["localhost"], ["127.0.0.1", "::1"]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        names += [host] if host.lower() != "localhost" else []
        return names, addresses
    if address.is_unspecified:
        names.append(socket.gethostname())
    elif host not in addresses:
        addresses.append(host)
    return names, addresses


def _make_clients(folder: Path, authority: Authority, service_id: int) -> None:
    secret = folder / "password"
    if not secret.exists():
        _write(secret, secrets.token_hex(16).encode())
    password = secret.read_bytes().strip()
    other = OTHER_SERVICE if service_id != OTHER_SERVICE else OTHER_SERVICE + 1
    for name, service in (("client", service_id), ("other-service", other)):
        if not (folder / f"{name}.p12").exists():
            _make_client(folder / name, authority, service, password)


def _make_client(path: Path, authority: Authority, service: int, password: bytes) -> None:
    certificate, key = authority.client(path.name, f"service {service}", datetime.now(UTC) + _LIFETIME)
    locked = BestAvailableEncryption(password)
    coded = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
    _write(path.with_suffix(".pem"), certificate.public_bytes(Encoding.PEM) + coded)
    chain = [authority.certificate]
    _write(path.with_suffix(".p12"), serialize_key_and_certificates(b"iwds", key, certificate, chain, locked))


def _write(path: Path, content: bytes) -> None:
    """A file for its owner only, whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        beside.unlink()
    with open(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(content)
    beside.replace(path)
