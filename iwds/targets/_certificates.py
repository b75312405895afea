"""How long certificates are still valid: ours and those above it, the configured CAs, and the service's own."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from iwds.clienttls import authorities, client_certificates
from iwds.errors import IwdsError
from iwds.ports import Finding
from iwds.targets._settings import Settings

SOON = 30
"""Days before the end of a certificate from which on it is warned about."""
_OURS = "Download a new one from the administration console of the service (Secure Sites)."
_CA_FILE = "Put the CA that issued the service's certificate into ca_file."
_SERVICE = "Those who run the service have to renew it, or its proxy. ca_file may have to change with it."


def configured(settings: Settings) -> Iterator[Finding]:
    """What the configured files say; each that cannot be read is a failure of its own. None without encryption."""
    if not settings.url.startswith("https:"):
        return
    try:
        yield from _client(settings)
    except IwdsError as error:
        yield Finding(False, "certificate", error.message, error.advice, exit_code=error.exit_code)
    if settings.ca_file is None:
        return
    try:
        yield _bundle(settings.ca_file.name, authorities(settings.ca_file))
    except IwdsError as error:
        yield Finding(False, "ca_file", error.message, error.advice, exit_code=error.exit_code)


def served(chain: Sequence[bytes]) -> Iterator[Finding]:
    """What the certificates say that the service showed, the service's own first."""
    for number, der in enumerate(chain):
        found = x509.load_der_x509_certificate(der)
        yield _one("service's CA" if number else "service's certificate", found, _SERVICE)


def _client(settings: Settings) -> Iterator[Finding]:
    if settings.certificate is None:
        yield Finding(True, "certificate", "none is shown to the service", "The real one asks for one.", warning=True)
        return
    for number, each in enumerate(client_certificates(settings.certificate, settings.password())):
        yield _one("certificate's CA" if number else "certificate", each, _OURS)


def _bundle(file: str, found: Sequence[x509.Certificate]) -> Finding:
    """One line for all CAs of a file. Those that have ended beside one that has not are left from a change of CA."""
    valid = [each for each in found if _days(each) >= 0]
    first = min(valid or found, key=_end)
    of = f", the first of {len(valid)} to end" if len(valid) > 1 else ""
    return _one("ca_file", first, _CA_FILE, f"{file}: {_name(first)}{of}, ")


def _one(what: str, certificate: x509.Certificate, advice: str, before: str | None = None) -> Finding:
    days = _days(certificate)
    named = f"{_name(certificate)}, " if before is None and what != "certificate" else before or ""
    when = (
        f"valid until {_end(certificate):%Y-%m-%d}, {days} days"
        if days >= 0
        else f"ended on {_end(certificate):%Y-%m-%d}"
    )
    return Finding(days >= 0, what, named + when, advice if days < SOON else "", warning=0 <= days < SOON)


def _name(certificate: x509.Certificate) -> str:
    """The common name, or all of the name where it has none; cut, for others wrote it."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    text = str(names[0].value) if names else certificate.subject.rfc4514_string()
    return "".join(c if c.isprintable() else "?" for c in text[:60])


def _end(certificate: x509.Certificate) -> datetime:
    return certificate.not_valid_after_utc


def _days(certificate: x509.Certificate) -> int:
    return (_end(certificate) - datetime.now(UTC)).days
