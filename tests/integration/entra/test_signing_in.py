"""How the application signs in: MSAL itself asks for tokens, and nothing of the environment gets between."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from iwds.errors import AccessRefused, ConfigurationError, SourceUnavailable
from iwds.sources._entrasettings import CLOUDS, Settings
from iwds.sources.entra import EntraSource, connect
from iwds.state.database import open_state
from tests.contract.state_tools import HandClock
from tests.graph.server import GraphServer
from tests.graph.tenant import TENANT
from tests.servers.proxy import Proxy

Connect = Callable[..., EntraSource]
PASSWORD = "of the key"


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, days: int = 100) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "iwds")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now - timedelta(days=1))
    return builder.not_valid_after(now + timedelta(days=days)).sign(key, hashes.SHA256())


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: str = "") -> bytes:
    locked = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)


def ask(source: EntraSource) -> None:
    list(source.read(()))


class TestByCertificate:
    @pytest.fixture(params=["together", "reversed", "apart", "locked", "p12"])
    def written(
        self, request: pytest.FixtureRequest, tmp_path: Path, key: rsa.RSAPrivateKey, graph: GraphServer
    ) -> dict[str, object]:
        """Settings for a certificate with its key, as people keep them."""
        graph.authority.secret = "another way in"
        graph.authority.certificate = ours = certificate(key)
        file, public = tmp_path / "entra.pem", ours.public_bytes(Encoding.PEM)
        match request.param:
            case "together":
                file.write_bytes(public + pem(key))
            case "reversed":
                file.write_bytes(pem(key) + public)
            case "apart":
                file.write_bytes(public)
                (tmp_path / "entra.key").write_bytes(pem(key))
                return {"certificate": str(file), "certificate_key": str(tmp_path / "entra.key")}
            case "locked":
                file.write_bytes(public + pem(key, PASSWORD))
                return {"certificate": str(file), "certificate_password": PASSWORD}
            case "p12":
                locked = BestAvailableEncryption(PASSWORD.encode())
                file.write_bytes(pkcs12.serialize_key_and_certificates(b"iwds", key, ours, None, locked))
                return {"certificate": str(file), "certificate_password": PASSWORD}
        return {"certificate": str(file)}

    def test_it_is_shown_without_anybody_typing_a_thumbprint(
        self, source: Connect, graph: GraphServer, written: dict[str, object]
    ) -> None:
        ask(source(**written))

        assert graph.authority.algorithms == ["PS256"]
        assert graph.authority.scopes == [f"{graph.origin}/.default"]

    def test_one_that_is_not_registered_is_told(
        self, source: Connect, graph: GraphServer, tmp_path: Path, key: rsa.RSAPrivateKey
    ) -> None:
        graph.authority.certificate = certificate(rsa.generate_private_key(65537, 2048))
        (tmp_path / "entra.pem").write_bytes(pem(key) + certificate(key).public_bytes(Encoding.PEM))

        with pytest.raises(AccessRefused, match="not registered with the application") as refused:
            ask(source(certificate=str(tmp_path / "entra.pem")))

        assert "Upload the certificate" in refused.value.advice

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"", "cannot be used"),
            (b"-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n", "cannot be used"),
        ],
    )
    def test_a_file_that_is_none_is_a_wrong_setting(
        self, source: Connect, tmp_path: Path, content: bytes, told: str
    ) -> None:
        (tmp_path / "entra.pem").write_bytes(content)

        with pytest.raises(ConfigurationError, match=told):
            source(certificate=str(tmp_path / "entra.pem"))

    def test_a_key_that_is_missing_locked_or_none_of_rsa_is_a_wrong_setting(
        self, source: Connect, tmp_path: Path, key: rsa.RSAPrivateKey
    ) -> None:
        public, file, curve = certificate(key).public_bytes(Encoding.PEM), tmp_path / "x.pem", ec.SECP256R1()
        other = ec.generate_private_key(curve)
        file.write_bytes(public)
        with pytest.raises(ConfigurationError, match="holds none"):
            source(certificate=str(file))
        file.write_bytes(public + pem(key, PASSWORD))
        with pytest.raises(ConfigurationError, match="cannot be used"):
            source(certificate=str(file))
        file.write_bytes(certificate(other).public_bytes(Encoding.PEM) + pem(other))
        with pytest.raises(ConfigurationError, match="none of RSA"):
            source(certificate=str(file))


class TestBySecret:
    def test_a_secret_comes_from_a_file_or_from_the_settings(
        self, source: Connect, graph: GraphServer, tmp_path: Path
    ) -> None:
        (tmp_path / "secret").write_text("right\n")

        ask(source())
        ask(source(client_secret=None, client_secret_file=str(tmp_path / "secret")))

        assert graph.authority.asked == 2

    def test_a_wrong_one_is_told_and_tried_once(self, source: Connect, graph: GraphServer) -> None:
        connected = source(client_secret="wrong")

        for _ in range(2):
            with pytest.raises(AccessRefused, match=r"client secret is wrong .AADSTS7000215") as refused:
                ask(connected)

        assert graph.authority.asked == 1
        assert "not its id" in refused.value.advice
        assert "wrong;" not in str(refused.value)

    def test_it_is_not_tried_again_by_the_next_run_but_by_check_and_a_new_one_is(
        self, graph: GraphServer, tmp_path: Path
    ) -> None:
        state = open_state(f"sqlite:///{tmp_path}/iwds.db", clock=HandClock())

        def asked(secret: str, question: Callable[[EntraSource], object]) -> object:
            settings = Settings.model_validate(graph.settings(client_secret=secret))
            with closing(connect("cloud", settings, refusals=state)) as source:
                return question(source)

        for _ in range(3):
            with pytest.raises(AccessRefused, match="client secret is wrong") as refused:
                asked("wrong", ask)
        assert graph.authority.asked == 1
        assert "was not tried again: it would be refused again" in str(refused.value)
        assert "iwds check --source cloud" in refused.value.advice
        assert asked("wrong", lambda source: [finding.ok for finding in source.check(())]) == [False]
        assert graph.authority.asked == 2
        asked("right", ask)
        assert state.refused_binds() == []
        state.close()

    def test_without_any_the_setting_is_named(self, graph: GraphServer) -> None:
        settings = Settings.model_validate(graph.settings(client_secret=None))

        with pytest.raises(ConfigurationError, match="neither a certificate nor a secret") as wrong:
            connect("cloud", settings)

        assert "IWDS_SOURCES__CLOUD__CLIENT_SECRET" in wrong.value.advice


class TestTheAuthority:
    def test_a_tenant_that_does_not_exist_is_told(self, source: Connect, graph: GraphServer) -> None:
        with pytest.raises(AccessRefused, match=r"no such tenant.*AADSTS90002"):
            ask(source(tenant=TENANT.replace("0", "1")))

    def test_an_application_that_does_not_exist_is_told(self, source: Connect) -> None:
        with pytest.raises(AccessRefused, match="no such application"):
            ask(source(app_id=TENANT))

    @pytest.mark.parametrize("code", [7000222, 7000112, 7000229, 53003, 700024])
    def test_other_refusals_are_told_in_words(self, source: Connect, graph: GraphServer, code: int) -> None:
        graph.authority.refuses = 401, "invalid_client", f"AADSTS{code}: Something in their words. Trace ID: 1"

        with pytest.raises(AccessRefused, match=f": .* .AADSTS{code}") as refused:
            ask(source())

        assert refused.value.advice

    def test_a_refusal_that_nobody_foresaw_is_told_in_their_words(self, source: Connect, graph: GraphServer) -> None:
        graph.authority.refuses = 400, "strange", "AADSTS1: Strange things happen."

        with pytest.raises(AccessRefused, match="Strange things happen"):
            ask(source())

    @pytest.mark.parametrize("refuses", [(503, "x", ""), (500, "x", ""), (429, "x", "")])
    def test_one_that_is_busy_is_asked_again_for_a_while(
        self, source: Connect, graph: GraphServer, waited: list[float], refuses: tuple[int, str, str]
    ) -> None:
        graph.authority.refuses = refuses

        with pytest.raises(SourceUnavailable, match="gives no token"):
            ask(source())

        assert len(waited) == 7

    def test_one_that_cannot_answer_for_the_moment_is_no_refusal(self, source: Connect, graph: GraphServer) -> None:
        graph.authority.refuses = 400, "temporarily_unavailable", "AADSTS90033: A transient error has occurred."

        with pytest.raises(SourceUnavailable, match="at the moment"):
            ask(source())


class TestTheWayThere:
    @pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
    def test_the_environment_s_authorities_do_not_beat_ours(
        self, source: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        other = certificate(rsa.generate_private_key(65537, 2048)).public_bytes(Encoding.PEM)
        (tmp_path / "other.pem").write_bytes(other)
        monkeypatch.setenv(name, str(tmp_path / "other.pem"))

        ask(source())

    def test_without_our_authority_the_server_is_not_believed(
        self, source: Connect, graph: GraphServer, waited: list[float]
    ) -> None:
        with pytest.raises(SourceUnavailable, match="certificate verify failed") as unknown:
            ask(source(ca_file=None))

        assert "ca_file" in unknown.value.advice
        assert waited == []

    def test_the_environment_s_proxy_and_passwords_are_not_used(
        self, source: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")

        ask(source())

    def test_a_proxy_carries_everything_and_gets_its_password(self, source: Connect, graph: GraphServer) -> None:
        with Proxy("Basic dXM6cC9hQHNz") as proxy:
            ask(source(proxy=proxy.url, proxy_user="us", proxy_password="p/a@ss"))

            assert set(proxy.asked) == {graph.origin.removeprefix("https://")}

    def test_a_proxy_that_refuses_us_is_told(self, source: Connect, waited: list[float]) -> None:
        with Proxy("Basic bm9uZQ==") as proxy, pytest.raises(SourceUnavailable) as refused:
            ask(source(proxy=proxy.url))

        assert "proxy_user" in refused.value.advice
        assert waited == []

    def test_a_server_that_is_not_there_is_told(self, source: Connect, graph: GraphServer) -> None:
        place = {"authority": "https://127.0.0.1:9", "graph": graph.origin}

        with pytest.raises(SourceUnavailable, match=r"127.0.0.1:9.*8 times"):
            ask(source(cloud=place))


class TestSettings:
    @pytest.mark.parametrize("cloud", CLOUDS)
    def test_each_cloud_has_tokens_for_its_own_graph(self, graph: GraphServer, cloud: str) -> None:
        settings = Settings.model_validate(graph.settings(cloud=cloud))

        assert settings.place == CLOUDS[cloud]
        assert len({each.graph for each in CLOUDS.values()}) == len(CLOUDS)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"tenant": "corp.onmicrosoft.com"},
            {"app_id": "../users"},
            {"cloud": "moon"},
            {"cloud": {"authority": "http://login.example", "graph": "https://graph.example"}},
            {"cloud": {"authority": "https://u:p@login.example", "graph": "https://graph.example"}},
            {"client_secret_file": "x"},
            {"certificate": "x.pem", "client_secret": "y"},
            {"certificate_key": "x.pem"},
            {"proxy": "http://user:pass@proxy:3128"},
            {"proxy": "socks5://proxy:3128"},
            {"proxy_user": "x"},
            {"timeout_s": 0},
            {"extensions": ["costCenter"]},
        ],
    )
    def test_what_makes_no_sense_is_refused_without_quoting_a_secret(
        self, graph: GraphServer, wrong: dict[str, object]
    ) -> None:
        with pytest.raises(ValidationError) as refused:
            Settings.model_validate(graph.settings(**wrong))

        assert "right" not in str(refused.value)
        assert "pass@" not in str(refused.value)
