"""A certificate authority for servers on this machine: those of the sandbox, of the demo and of the tests."""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = timedelta(days=1)


class Authority:
    """Signs certificates of servers and clients.

    Args:
        name: the common name on its certificate.
        days: how long it is valid.
    """

    def __init__(self, name: str, days: int = 365) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _subject(name)
        self._certificate = self._sign(
            self._name, self._key.public_key(), datetime.now(UTC) + days * _DAY, _authority_extensions()
        )

    @classmethod
    def restored(cls, pem: bytes, key_pem: bytes) -> Self:
        """The authority of a certificate and a key that were kept. ValueError where they are none."""
        key = load_pem_private_key(key_pem, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("its key is none of an elliptic curve")
        authority = cls.__new__(cls)
        authority._key = key
        authority._certificate = x509.load_pem_x509_certificate(pem)
        authority._name = authority._certificate.subject
        return authority

    @property
    def pem(self) -> bytes:
        """The authority's own certificate, for trust stores."""
        return self._certificate.public_bytes(Encoding.PEM)

    @property
    def certificate(self) -> x509.Certificate:
        """The same as an object."""
        return self._certificate

    @property
    def key_pem(self) -> bytes:
        """Its key without a password: whoever reads it can sign."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def server(
        self,
        names: Sequence[str],
        addresses: Sequence[str],
        end: datetime | None = None,
        begin: datetime | None = None,
    ) -> tuple[bytes, bytes]:
        """A certificate for these DNS names and IP addresses, and its key without a password; both PEM.

        It is valid until `end`, which may have passed, without one for a year; and from `begin` on, which may be to
        come, without one since yesterday.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        extensions = _server_extensions(names, addresses)
        certificate = self._sign(_subject(names[0]), key.public_key(), end, extensions, begin)
        return certificate.public_bytes(Encoding.PEM), key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )

    def client(
        self, name: str, unit: str, end: datetime | None = None
    ) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """A client certificate of `name` (CN) in `unit` (OU), and its key. `end` as in `server`."""
        key = ec.generate_private_key(ec.SECP256R1())
        extensions = [
            x509.BasicConstraints(ca=False, path_length=None),
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),
        ]
        return self._sign(_subject(name, unit), key.public_key(), end, extensions), key

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        end: datetime | None,
        extensions: Sequence[x509.ExtensionType],
        begin: datetime | None = None,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        end = end or now + 365 * _DAY
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin or min(now, end) - _DAY)
            .not_valid_after(end)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self._key, hashes.SHA256())


def _subject(name: str, unit: str = "") -> x509.Name:
    units = [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit[:64])] if unit else []
    return x509.Name([*units, x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _authority_extensions() -> list[x509.ExtensionType]:
    usage = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return [
        x509.BasicConstraints(ca=True, path_length=0),
        x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage),
    ]


def _server_extensions(names: Sequence[str], addresses: Sequence[str]) -> list[x509.ExtensionType]:
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    return [
        x509.BasicConstraints(ca=False, path_length=None),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        x509.SubjectAlternativeName(alternatives),
    ]
