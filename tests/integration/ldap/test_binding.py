"""By which ways a directory lets us in, and what is said where it does not, each against a real server."""

import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import create_server

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from iwds.demo.slapd import PrivateSlapd
from iwds.errors import AccessRefused, ConfigurationError, IwdsError, SourceUnavailable
from iwds.sandbox.certificates import Authority
from iwds.sources._connection import Session
from iwds.sources.ldap import LdapSource, connect
from tests.contract.source_contract import consume
from tests.servers.company import PEOPLE
from tests.servers.slapd import ldap_settings

PASSWORD = "open sesame"
DAY = timedelta(days=1)


@dataclass
class Clients:
    """A server that asks for client certificates, the authority that it trusts, and a folder for files of ours."""

    server: PrivateSlapd
    authority: Authority
    folder: Path

    def pem(self, name: str, unit: str = "sync", authority: Authority | None = None) -> Path:
        """A certificate with its key in one PEM file."""
        certificate, key = (authority or self.authority).client(name, unit)
        file = self.folder / f"{name}.pem"
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(certificate.public_bytes(Encoding.PEM) + secret)
        return file

    def p12(self, name: str) -> Path:
        """The same as one PKCS#12 file with a password."""
        certificate, key = self.authority.client(name, "sync")
        file = self.folder / f"{name}.p12"
        protected = BestAvailableEncryption(PASSWORD.encode())
        file.write_bytes(pkcs12.serialize_key_and_certificates(b"iwds", key, certificate, None, protected))
        return file

    def source(self, **changes: object) -> LdapSource:
        """A source that binds with a certificate."""
        external = {"bind": "external", "bind_dn": None, "password": None}
        return connect("corp", ldap_settings(self.server, **{**external, **changes}))


@contextmanager
def reconfigured(server: PrivateSlapd, change: Callable[[str], str]) -> Iterator[None]:
    """The server with another slapd.conf from now on; its ports are others too."""
    server.stop()
    file = server.directory / "slapd.conf"
    file.write_text(change(file.read_text()))
    server.start()
    yield


@pytest.fixture
def asking(own_server: PrivateSlapd, tmp_path: Path) -> Callable[[str], Clients]:
    """Makes the server ask for certificates, as slapd.conf(5) says it with TLSVerifyClient."""

    def ask(how: str) -> Clients:
        authority = Authority("clients")
        tls = own_server.ca_file.parent
        (tls / "both.pem").write_bytes(own_server.ca_file.read_bytes() + authority.pem)
        lines = (
            f"TLSCACertificateFile {tls}/both.pem\nTLSVerifyClient {how}\n"
            f'authz-regexp "cn=sync,ou=sync" "{own_server.reader_dn}"\n'
        )
        with reconfigured(own_server, lambda text: text.replace(f"TLSCACertificateFile {tls}/ca.pem\n", lines)):
            return Clients(own_server, authority, tmp_path)

    return ask


def refused(source: LdapSource) -> IwdsError:
    """Why nobody can be read."""
    with pytest.raises((AccessRefused, SourceUnavailable)) as failed:
        consume(source)
    return failed.value


@pytest.mark.parametrize("starttls", [False, True])
def test_a_certificate_binds_as_the_account_that_the_server_maps_it_to(
    asking: Callable[[str], Clients], starttls: bool
) -> None:
    clients = asking("try")
    url = clients.server.url if starttls else clients.server.tls_url
    source = clients.source(urls=[url], starttls=starttls, certificate=clients.pem("sync"))

    people, proof = consume(source)

    assert set(people) == set(PEOPLE)
    assert proof.proven
    assert proof.view.account == f"dn:{clients.server.reader_dn}"


def test_a_pkcs12_file_does_as_well(asking: Callable[[str], Clients]) -> None:
    clients = asking("demand")

    assert consume(clients.source(certificate=clients.p12("sync"), certificate_password=PASSWORD))[1].proven
    with pytest.raises(ConfigurationError, match="cannot be used") as failed:
        clients.source(certificate=clients.p12("sync"), certificate_password="wrong-7391")
    assert "7391" not in f"{failed.value} {failed.value.advice}"


def test_a_server_that_demands_a_certificate_of_everybody_gets_it_with_a_password_too(
    asking: Callable[[str], Clients],
) -> None:
    clients = asking("demand")
    shown = ldap_settings(clients.server, certificate=clients.pem("anybody"))

    assert consume(connect("corp", shown))[1].proven


@pytest.mark.parametrize("starttls", [False, True])
def test_without_the_certificate_that_it_demands_the_advice_is_to_give_one(
    asking: Callable[[str], Clients], starttls: bool
) -> None:
    server = asking("demand").server
    url = server.url if starttls else server.tls_url

    failed = refused(connect("corp", ldap_settings(server, urls=[url], starttls=starttls)))

    assert "after TLS" in failed.message
    assert "`certificate`" in failed.advice


def test_a_certificate_of_a_stranger_is_explained(asking: Callable[[str], Clients]) -> None:
    clients = asking("demand")
    stranger = clients.pem("sync", authority=Authority("somebody else"))

    assert "not take our certificate" in (failed := refused(clients.source(certificate=stranger))).advice + (
        failed.message
    )


def test_a_server_that_asks_for_no_certificate_does_not_bind_by_one(asking: Callable[[str], Clients]) -> None:
    clients = asking("never")

    failed = refused(clients.source(certificate=clients.pem("sync")))

    assert "does not let our certificate in (7 authMethodNotSupported" in failed.message
    assert "TLSVerifyClient" in failed.advice


def test_an_openssl_server_that_requires_a_certificate_is_named_as_such(server: PrivateSlapd) -> None:
    """It says so in an alert, in TLS 1.3 only after the handshake, where slapd with GnuTLS just hangs up."""
    tls = server.ca_file.parent
    with create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [*("openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", f"{tls}/server.pem")]
    command += [*("-key", f"{tls}/server.key", "-Verify", "1", "-CAfile", f"{tls}/ca.pem")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "ACCEPT" not in process.stdout.readline():
            assert process.poll() is None
        failed = refused(connect("corp", ldap_settings(server, urls=[f"ldaps://127.0.0.1:{port}"], timeout_s=5)))
        process.kill()

    assert isinstance(failed, AccessRefused)
    assert "requires a client certificate" in failed.message


def certified(server: PrivateSlapd, names: list[str], addresses: list[str], **when: datetime) -> None:
    """Let the server show another certificate of the authority that is trusted."""
    authority = Authority("ours")
    certificate, key = authority.server(names, addresses, **when)
    server.stop()
    for name, content in (("ca.pem", authority.pem), ("server.pem", certificate), ("server.key", key)):
        (server.ca_file.parent / name).write_bytes(content)
    server.start()


@pytest.mark.parametrize("starttls", [False, True])
@pytest.mark.parametrize(
    ("names", "addresses", "when", "said", "advice"),
    [
        (["x.example"], ["192.0.2.1"], {}, "IP address mismatch", "openssl s_client"),
        (["here"], ["127.0.0.1"], {"end": datetime.now(UTC) - DAY}, "certificate has expired", "renew"),
        (["here"], ["127.0.0.1"], {"begin": datetime.now(UTC) + DAY}, "not yet valid", "clocks"),
    ],
)
def test_what_is_wrong_with_the_servers_certificate_is_said(
    own_server: PrivateSlapd,
    starttls: bool,
    names: list[str],
    addresses: list[str],
    when: dict[str, datetime],
    said: str,
    advice: str,
) -> None:
    certified(own_server, names, addresses, **when)
    url = own_server.url if starttls else own_server.tls_url

    failed = refused(connect("corp", ldap_settings(own_server, urls=[url], starttls=starttls)))

    assert isinstance(failed, AccessRefused)
    assert said in failed.message
    assert advice in failed.advice


def test_the_command_of_the_advice_shows_the_names(own_server: PrivateSlapd) -> None:
    certified(own_server, ["x.example"], ["192.0.2.1"])
    command = refused(connect("corp", ldap_settings(own_server))).advice.partition("certificate holds: ")[2]

    shown = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=30, check=True).stdout

    assert "DNS:x.example, IP Address:192.0.2.1" in shown


def test_an_authority_that_is_not_known_is_to_be_given(server: PrivateSlapd) -> None:
    failed = refused(connect("corp", ldap_settings(server, ca_file=None)))

    assert "not trusted" in failed.message
    assert "`ca_file`" in failed.advice


def test_a_port_without_tls_is_told_from_one_with(server: PrivateSlapd) -> None:
    plain = refused(connect("corp", ldap_settings(server, urls=[f"ldaps://127.0.0.1:{server.port}"])))
    encrypted = refused(connect("corp", ldap_settings(server, urls=[f"ldap://127.0.0.1:{server.tls_port}"])))
    starting = refused(
        connect("corp", ldap_settings(server, urls=[f"ldap://127.0.0.1:{server.tls_port}"], starttls=True))
    )

    assert "begins without TLS" in plain.message
    assert f"ldap://127.0.0.1:{server.port} with `starttls: true`" in plain.advice
    for failed in (encrypted, starting):
        assert isinstance(failed, AccessRefused)
        assert "begins with TLS" in failed.message
        assert f"ldaps://127.0.0.1:{server.tls_port}" in failed.advice


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_server_that_does_not_answer_in_time_is_unavailable(server: PrivateSlapd, scheme: str) -> None:
    with create_server(("127.0.0.1", 0)) as silent:
        url = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}"
        failed = refused(connect("corp", ldap_settings(server, urls=[url], timeout_s=1)))

    assert isinstance(failed, SourceUnavailable)
    assert "did not answer within 1 s" in failed.message
    assert "`timeout_s`" in failed.advice


def test_a_name_that_nobody_knows_is_unavailable(server: PrivateSlapd) -> None:
    failed = refused(connect("corp", ldap_settings(server, urls=["ldaps://nowhere.invalid"], timeout_s=5)))

    assert isinstance(failed, SourceUnavailable)
    assert "the name nowhere.invalid is not known" in failed.message
    assert "getent hosts nowhere.invalid" in failed.advice


def test_whoever_refuses_anonymous_clients_wants_an_account(own_server: PrivateSlapd) -> None:
    with reconfigured(own_server, lambda text: "disallow bind_anon\n" + text):
        failed = refused(connect("corp", ldap_settings(own_server, bind="anonymous", bind_dn=None, password=None)))

    assert "does not let an anonymous client in (48 " in failed.message
    assert "`bind: simple`" in failed.advice


def test_tls_older_than_1_2_is_not_agreed_upon(server: PrivateSlapd) -> None:
    source = connect("corp", ldap_settings(server))

    with source._dial() as session:
        assert isinstance(session, Session)
        spoken = session._connection.socket

        assert isinstance(spoken, ssl.SSLSocket)
        assert spoken.version() in {"TLSv1.2", "TLSv1.3"}
