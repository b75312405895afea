"""How the application of an `entra` source signs in: what it shows, and what Entra says where it refuses that."""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509 import Certificate
from pydantic import SecretStr

from iwds.clienttls import client_certificates
from iwds.errors import AccessRefused, ConfigurationError, IwdsError, SourceUnavailable
from iwds.sources._entrasettings import Settings
from iwds.sources._refusals import Credentials, CredentialsRefused

_AADSTS = re.compile(r"AADSTS(\d+)")
_TRACE = re.compile(r"[\r\n\"]| Trace ID")
"""Behind it stands what only the vendor's support reads."""
_SHOWN = 160
_WRONG_SECRET = {
    7000215: (
        "the client secret is wrong",
        "Give the secret's value, not its id. Entra shows it once.",
    ),
    7000222: ("the client secret has expired", "Make a new one under `Certificates & secrets`, best a certificate."),
    700027: (
        "the certificate is not registered with the application, or does not fit its key",
        "Upload the certificate, without its key, under `Certificates & secrets` of the application.",
    ),
}
"""What speaks against the secret or the certificate itself: the same one is not tried again."""
_REASONS = {
    700016: ("there is no such application in this tenant", "Compare `app_id` and `tenant` with the app registration."),
    700024: ("the time of this machine is wrong", "Set its clock by NTP."),
    7000112: ("the application is disabled", "Enable its sign-in under `Enterprise applications`."),
    7000218: ("no secret and no certificate came", "Give a `certificate` or a `client_secret`."),
    7000229: ("the application has no service principal in this tenant", "Give admin consent in this tenant."),
    90002: ("there is no such tenant in this cloud", "Compare `tenant` with Entra's overview page, and `cloud`."),
    900023: ("the tenant's id is none", "Compare `tenant` with Entra's overview page."),
    53003: ("a conditional access policy blocks it", "Let the policy for workload identities allow this machine."),
    500011: ("this cloud has no such Graph", "Compare `cloud`: tokens of one cloud are not good in another."),
}
_LATER = frozenset({90033, 50196, 90055, 90006, 90012})
"""Entra cannot answer for the moment, or was asked too often."""
ADVICE = "Correct `client_secret`, or upload the certificate, without its key, to the application."
LEST = ": it would be refused again"


@dataclass(frozen=True, slots=True)
class Application:
    """Who reads, and where.

    Attributes:
        authority: where tokens come from, with the tenant.
        scope: what they are for.
        credential: what MSAL takes for it: a secret, or a key with its certificate.
        certificate: the certificate that is shown; None where there is a secret.
    """

    app_id: str
    authority: str
    scope: str
    credential: str | Mapping[str, str] = field(repr=False)
    certificate: Certificate | None = None


def application(name: str, settings: Settings) -> tuple[Application, Credentials]:
    """Who reads, and what is remembered of their being refused.

    Raises `ConfigurationError` for a missing secret, and for a certificate that cannot be used.
    """
    place = settings.place
    certificate, credential = None, _client_secret(name, settings)
    remembered = credential.encode() if isinstance(credential, str) else b""
    if settings.certificate is not None:
        certificate, credential = _shown(name, settings, settings.certificate)
        remembered = settings.certificate.read_bytes()
    authority = f"{place.authority}/{settings.tenant}"
    who = Application(settings.app_id, authority, f"{place.graph}/.default", credential, certificate)
    return who, Credentials(name, (authority,), settings.app_id, remembered, ADVICE, LEST)


def secret(name: str, value: SecretStr | None, file: Path | None) -> str:
    """A secret as it is configured; empty where it is not. Raises `ConfigurationError`."""
    if file is None:
        return value.get_secret_value() if value else ""
    try:
        return file.read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as failed:
        raise ConfigurationError(f"Source {name}: {file} cannot be read ({failed}).") from failed


def roles(token: str) -> frozenset[str]:
    """The application permissions that a token speaks of, to be shown: nobody vouches for them here."""
    try:
        body = token.split(".")[1]
        said = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))["roles"]
    except (ValueError, LookupError, TypeError):
        return frozenset()
    return frozenset(each for each in said if isinstance(each, str)) if isinstance(said, list) else frozenset()


def _client_secret(name: str, settings: Settings) -> str | Mapping[str, str]:
    text = secret(name, settings.client_secret, settings.client_secret_file)
    if settings.certificate is None and not text:
        raise ConfigurationError(
            f"Source {name} has neither a certificate nor a secret for the application {settings.app_id}.",
            "Name a `certificate` with its key, or set"
            f" IWDS_SOURCES__{name.upper().replace('-', '_')}__CLIENT_SECRET in the environment.",
        )
    return text


def _shown(name: str, settings: Settings, file: Path) -> tuple[Certificate, Mapping[str, str]]:
    password = secret(name, settings.certificate_password, settings.certificate_password_file) or None
    ours = client_certificates(file, password)[0]
    try:
        key = _key(settings.certificate_key or file, password)
    except (OSError, ValueError, TypeError) as failed:
        advice = "Look at `certificate_password`, and at `certificate_key` where the key lies in another file."
        raise ConfigurationError(f"the key of the certificate {file} cannot be used: {failed}", advice) from failed
    if not isinstance(key, RSAPrivateKey):
        raise ConfigurationError(f"the key of {file} is none of RSA, and Entra takes no other")
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return ours, {"private_key": pem, "public_certificate": ours.public_bytes(Encoding.PEM).decode()}


def _key(file: Path, password: str | None) -> object:
    """The key in a PEM file, or in a .p12."""
    secret = None if password is None else password.encode()
    data = file.read_bytes()
    if b"-----BEGIN " in data:
        begin = re.search(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----", data)
        if begin is None:
            raise ValueError(f"{file} holds none")
        return load_pem_private_key(data[begin.start() :], secret)
    return pkcs12.load_key_and_certificates(data, secret)[0]


def refused(answer: Mapping[str, Any], who: Application) -> IwdsError:
    """The error that an answer of the authority without a token means."""
    said = str(answer.get("error_description") or answer.get("error") or "no reason was given")
    return told(said, who, [code for code in answer.get("error_codes") or () if isinstance(code, int)])


def told(said: str, who: Application, codes: list[int]) -> IwdsError:
    """The same from the words alone, where there are no codes beside them."""
    codes = codes or [int(number) for number in _AADSTS.findall(said)]
    first = _TRACE.split(said.strip())[0][:_SHOWN]
    if _LATER & set(codes):
        return SourceUnavailable(f"{who.authority} gives no token at the moment ({first}).", "Try again later.")
    for code in codes:
        if code in _WRONG_SECRET:
            why, advice = _WRONG_SECRET[code]
            message = f"{who.authority} refuses the application {who.app_id}: {why} ({first})."
            return CredentialsRefused(message, advice, who.authority, f"{why} ({first})", passes=False, code=code)
    why, advice = next((_REASONS[code] for code in codes if code in _REASONS), ("", "See its sign-in log in Entra."))
    because = f": {why}" if why else ""
    return AccessRefused(f"{who.authority} refuses the application {who.app_id}{because} ({first}).", advice)
