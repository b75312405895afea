"""From the settings of an `ldap` source to how it is connected to, and as whom."""

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from iwds.errors import ConfigurationError
from iwds.sources._ldapsettings import Settings
from iwds.sources._refusals import Credentials

if TYPE_CHECKING:  # at run time it brings ldap3
    from iwds.sources._connection import Access


def access_of(name: str, settings: Settings) -> "tuple[Access, Credentials]":
    """How a source is reached and what it says that it is.

    Raises `ConfigurationError` for a missing password, and for a CA file or a certificate that cannot be used.
    """
    from iwds.sources._connection import Access

    external = settings.bind == "external"
    password = _bind_password(name, settings)
    access = Access(
        urls=settings.urls,
        account=settings.bind_dn,
        password=password,
        context=_context(name, settings),
        starttls=settings.starttls,
        timeout_s=settings.timeout_s,
        certificate=settings.certificate is not None,
        external=external,
        decoder=settings.decoder,
    )
    shown = settings.certificate.read_bytes() if external and settings.certificate else b""
    secret = password.get_secret_value().encode() or shown
    return access, Credentials(name, (*settings.urls, *settings.follow), settings.bind_dn, secret)


def certificate_password(name: str, settings: Settings) -> str | None:
    """What opens the key of our certificate; None where it has no password. Raises `ConfigurationError`."""
    secret = _secret(name, settings.certificate_password, settings.certificate_password_file)
    return None if secret is None else secret.get_secret_value()


def _bind_password(name: str, settings: Settings) -> SecretStr:
    if settings.bind != "simple":
        return SecretStr("")
    password = _secret(name, settings.password, settings.password_file)
    if password is None or not password.get_secret_value():
        # An empty password is an anonymous bind that looks like success (RFC 4513 5.1.2).
        raise ConfigurationError(
            f"Source {name} has no password for {settings.bind_dn}.",
            f"Set IWDS_SOURCES__{name.upper().replace('-', '_')}__PASSWORD in the environment, or `password_file`.",
        )
    return password


def _secret(name: str, value: SecretStr | None, file: Path | None) -> SecretStr | None:
    if file is None:
        return value
    try:
        return SecretStr(file.read_text("utf-8").rstrip("\r\n"))
    except (OSError, ValueError) as failed:
        raise ConfigurationError(f"Source {name}: {file} cannot be read ({failed}).") from failed


def _context(name: str, settings: Settings) -> ssl.SSLContext:
    from iwds.clienttls import client_context  # what cryptography takes to load, only who connects should wait for

    password = certificate_password(name, settings)
    context = client_context(settings.ca_file, settings.certificate, settings.certificate_key, password)
    if not settings.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
