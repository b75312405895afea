"""The client certificate is shown, the server is verified against the configured CA, and no key is left lying about."""

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509.oid import NameOID

from iwds.errors import AccessRefused, ConfigurationError
from iwds.sandbox.server import SandboxThread
from iwds.targets.provisioning import ProvisioningTarget, Settings, connect
from tests.integration.targets.broken import Behaviour, BrokenServer
from tests.integration.targets.test_failures import returned

PASSWORD = "correct horse"


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def key_pem(self, password: str = "") -> bytes:
        encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)

    def p12(self, password: str, *above: "Pair") -> bytes:
        encryption = BestAvailableEncryption(password.encode())
        chain = [pair.certificate for pair in above]
        return serialize_key_and_certificates(b"iwds", self.key, self.certificate, chain, encryption)


def issue(name: str, issuer: Pair | None, days: int = 100) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1000))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    )
    return Pair(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


@dataclass(frozen=True)
class Files:
    """What a configuration points to."""

    folder: Path
    authority: Pair
    client: Pair

    def file(self, name: str, data: bytes) -> Path:
        (self.folder / name).write_bytes(data)
        return self.folder / name

    @property
    def ca_file(self) -> Path:
        return self.file("ca.pem", self.authority.pem())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    authority = issue("authority", None)
    return Files(tmp_path_factory.mktemp("tls"), authority, issue("client", authority))


@contextmanager
def service(
    files: Files,
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    behaviour: Behaviour | None = None,
    *,
    days: int = 100,
    honest: bool = True,
) -> Iterator[BrokenServer]:
    """A service that lets in whoever shows a certificate of the authority; its own is valid for so many days."""
    pair = issue("server", files.authority, days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.file("server.pem", pair.pem()), files.file("server.key", pair.key_pem()))
    context.load_verify_locations(cadata=files.authority.pem().decode())
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = version
    with BrokenServer(behaviour or returned("loginDelete", "OK"), context, honest=honest) as server:
        yield server


def target(url: str, **values: object) -> ProvisioningTarget:
    fixed = {
        "kind": "provisioning",
        "url": url,
        "service_id": 10408,
        "provisioning_id": 4711,
        "timeout_s": 5,
        "attempts": 1,
    }
    return connect("mfa", Settings.model_validate({**fixed, **values}))


def in_memory() -> set[Path]:
    """Files of ours in the memory file system."""
    return set(Path("/dev/shm").glob("iwds-*"))  # noqa: S108 - where they would be


def test_a_p12_is_shown_to_the_service_and_leaves_no_file_behind(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = in_memory()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    p12 = files.file("client.p12", files.client.p12(PASSWORD))
    with service(files) as server:
        connected = target(server.url, certificate=p12, certificate_password=PASSWORD, ca_file=files.ca_file)
        connected.writer().delete(5)
        connected.reader.close()
    assert in_memory() <= before
    assert list(tmp_path.iterdir()) == []


def test_the_password_may_come_from_a_file(files: Files) -> None:
    p12 = files.file("client.p12", files.client.p12(PASSWORD))
    secret = files.file("password", PASSWORD.encode() + b"\n")
    with service(files) as server:
        target(server.url, certificate=p12, certificate_password_file=secret, ca_file=files.ca_file).writer().delete(5)


@pytest.mark.parametrize("password", ["", PASSWORD])
def test_a_pem_file_holds_its_key_or_names_it(files: Files, password: str) -> None:
    one = files.file("both.pem", files.client.pem() + files.client.key_pem(password))
    certificate = files.file("client.pem", files.client.pem())
    key = files.file("client.key", files.client.key_pem(password))
    secret = {"certificate_password": password} if password else {}
    with service(files) as server:
        for paths in ({"certificate": one}, {"certificate": certificate, "certificate_key": key}):
            target(server.url, ca_file=files.ca_file, **paths, **secret).writer().delete(5)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_certificate_that_the_service_refuses_is_fatal(files: Files, version: ssl.TLSVersion) -> None:
    stranger = issue("stranger", issue("another authority", None))
    p12 = files.file("stranger.p12", stranger.p12(PASSWORD))
    with service(files, version) as server:
        for shown in ({}, {"certificate": p12, "certificate_password": PASSWORD}):
            with pytest.raises(AccessRefused) as caught:
                target(server.url, ca_file=files.ca_file, **shown).reader.read_groups()
            assert "certificate" in caught.value.advice


def test_a_server_of_another_authority_is_not_trusted(files: Files) -> None:
    p12 = files.file("client.p12", files.client.p12(PASSWORD))
    other = files.file("other-ca.pem", issue("another authority", None).pem())
    with service(files) as server:
        for ca_file in (other, None):
            connected = target(server.url, certificate=p12, certificate_password=PASSWORD, ca_file=ca_file)
            with pytest.raises(AccessRefused, match="not to be trusted"):
                connected.reader.read_groups()
        assert server.requests == []


def test_the_authorities_of_the_environment_are_not_looked_at(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(files.ca_file))
    p12 = files.file("client.p12", files.client.p12(PASSWORD))
    with service(files) as server, pytest.raises(AccessRefused):
        target(server.url, certificate=p12, certificate_password=PASSWORD).reader.read_groups()


@pytest.mark.parametrize("suffix", ["p12", "pem"])
def test_a_wrong_password_is_a_matter_of_configuration_and_is_not_repeated(files: Files, suffix: str) -> None:
    data = files.client.p12(PASSWORD) if suffix == "p12" else files.client.pem() + files.client.key_pem(PASSWORD)
    path = files.file(f"wrong.{suffix}", data)
    for wrong in ({"certificate_password": "wrong-secret"}, {}):
        with pytest.raises(ConfigurationError) as caught:
            target("https://mfa.example.com/", certificate=path, **wrong)
        assert "wrong-secret" not in str(caught.value) + repr(caught.value.__cause__)
        assert "certificate_password" in caught.value.advice


def test_files_that_cannot_be_read_are_named(files: Files, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    p12 = files.file("client.p12", files.client.p12(PASSWORD))
    for values in (
        {"certificate": missing},
        {"ca_file": missing},
        {"ca_file": files.file("empty.pem", b"")},
        {"certificate": p12, "certificate_password_file": missing},
    ):
        with pytest.raises(ConfigurationError) as caught:
            target("https://mfa.example.com/", **values)
        assert str(tmp_path) in str(caught.value) or str(files.folder) in str(caught.value)


def test_settings_never_show_the_password() -> None:
    fixed = {"kind": "provisioning", "url": "https://mfa.example.com/", "service_id": 1, "provisioning_id": 2}
    settings = Settings.model_validate({**fixed, "certificate": "x.p12", "certificate_password": PASSWORD})
    assert PASSWORD not in repr(settings) + str(settings) + settings.model_dump_json()


def test_https_on_a_port_without_tls_is_a_wrong_setting(files: Files, tmp_path: Path) -> None:
    with SandboxThread(str(tmp_path / "service.db")) as sandbox:
        url = sandbox.url.replace("http:", "https:")
        p12 = files.file("client.p12", files.client.p12(PASSWORD))
        connected = target(url, certificate=p12, certificate_password=PASSWORD, ca_file=files.ca_file)
        with pytest.raises(AccessRefused, match="the port in url does not speak TLS") as refused:
            connected.reader.read_groups()
    assert "mostly 443" in refused.value.advice
