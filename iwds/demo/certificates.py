"""A certificate authority of a few minutes' life, for servers on loopback in the demo and the tests."""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_BEFORE, _AFTER = timedelta(days=1), timedelta(days=365)


class Authority:
    """Signs server certificates with a key that never leaves this object.

    Args:
        name: the common name on its certificate.
    """

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _common_name(name)
        self._certificate = self._sign(self._name, self._key.public_key(), _authority_extensions())

    @property
    def pem(self) -> bytes:
        """The authority's own certificate, for the client's trust store."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def server(self, names: Sequence[str], addresses: Sequence[str]) -> tuple[bytes, bytes]:
        """A certificate for these DNS names and IP addresses, and its key without a password; both PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(_common_name(names[0]), key.public_key(), _server_extensions(names, addresses))
        coded = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return certificate.public_bytes(serialization.Encoding.PEM), coded

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, extensions: Sequence[x509.ExtensionType]
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BEFORE)
            .not_valid_after(now + _AFTER)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self._key, hashes.SHA256())


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


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
