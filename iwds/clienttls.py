"""Our own TLS context: the configured CA and client certificate, and nothing from the environment."""

import os
import secrets
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat, pkcs12

from iwds.errors import ConfigurationError

_PEM = b"-----BEGIN "


def client_context(
    ca_file: Path | None, certificate: Path | None, key: Path | None, password: str | None
) -> ssl.SSLContext:
    """TLS 1.2 or later, the server verified against `ca_file` (the system's CAs without one), ours shown to it.

    Raises `ConfigurationError` where a file cannot be read, or the password does not open the key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_authorities(context, ca_file)
    if certificate is not None:
        _load_certificate(context, certificate, key, password)
    return context


def client_certificates(certificate: Path, password: str | None) -> list[x509.Certificate]:
    """Our certificate, and those above it as far as the file holds them. Raises `ConfigurationError`."""
    data = _read(certificate)
    try:
        if _PEM in data:
            return x509.load_pem_x509_certificates(data)
        _, ours, above = pkcs12.load_key_and_certificates(data, _bytes(password))
    except ValueError as error:
        raise _unusable(certificate, error) from error
    return [each for each in (ours, *above) if each is not None]


def authorities(ca_file: Path) -> list[x509.Certificate]:
    """The certificates of a CA file. Raises `ConfigurationError`."""
    try:
        return x509.load_pem_x509_certificates(ca_file.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the CA file {ca_file} cannot be used: {_reason(error)}") from error


def _load_authorities(context: ssl.SSLContext, ca_file: Path | None) -> None:
    if ca_file is None:
        context.load_default_certs()
        return
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"the CA file {ca_file} cannot be used: {_reason(error)}") from error


def _load_certificate(context: ssl.SSLContext, certificate: Path, key: Path | None, password: str | None) -> None:
    data = _read(certificate)
    try:
        if _PEM in data:
            # The password is a function so that OpenSSL asks it, and not whoever sits at the terminal.
            context.load_cert_chain(certificate, key, password=lambda: password or "")
            return
        with _as_pem(data, password) as (path, secret):
            context.load_cert_chain(path, password=secret)
    except (OSError, ValueError) as error:
        raise _unusable(certificate, error) from error


@contextmanager
def _as_pem(data: bytes, password: str | None) -> Iterator[tuple[str, bytes]]:
    """The content of a .p12 as a PEM file for OpenSSL, which reads files only; with the password of its key.

    The file is in memory where the system allows it, readable for us only, encrypted with a password that is written
    nowhere, and gone when the block ends.
    """
    key, certificate, chain = pkcs12.load_key_and_certificates(data, _bytes(password))
    if key is None or certificate is None:
        raise ValueError("it holds no key with its certificate")
    secret = secrets.token_hex(32).encode()
    parts = [key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(secret))]
    parts += [each.public_bytes(Encoding.PEM) for each in (certificate, *chain)]
    memory = "/dev/shm"  # noqa: S108 - mkstemp makes a name nobody can guess, for us only
    descriptor, path = tempfile.mkstemp(prefix="iwds-", dir=memory if os.access(memory, os.W_OK) else None)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(b"".join(parts))
        yield path, secret
    finally:
        os.unlink(path)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"the certificate {path} cannot be read: {error.strerror}") from error


def _bytes(password: str | None) -> bytes | None:
    return None if password is None else password.encode()


def _unusable(certificate: Path, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"the certificate {certificate} cannot be used: {_reason(error)}",
        "Look at certificate_password: the password chosen when the certificate was downloaded. A .p12 holds the key; "
        "for a PEM file whose key lies elsewhere, set certificate_key.",
    )


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or getattr(error, "reason", None) or error)
