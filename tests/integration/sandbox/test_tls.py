"""Who is let in: client certificates, the service that they name, the list of addresses, the paid option."""

import re
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from urllib3.exceptions import HTTPError, SSLError

from iwds.cli.app import run
from iwds.errors import AccessRefused, ConfigurationError, LoginUnknown, UsageError
from iwds.sandbox.behaviour import Behaviour, networks
from iwds.sandbox.certificates import Authority
from iwds.sandbox.door import is_allowed
from iwds.sandbox.faults import Fault, FaultKind
from iwds.sandbox.server import SandboxThread, serve
from iwds.sandbox.tls import NO_SERVICE, OTHER_SERVICE, make_missing, service_of
from iwds.targets.provisioning import Settings, connect
from tests.integration.sandbox.client import SERVICE, Client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "tls"


@contextmanager
def sandbox_with(**options: Any) -> Iterator[SandboxThread]:
    with SandboxThread(behaviour=Behaviour(**options)) as running:
        yield running


def context(folder: Path, certificate: str | None = "client") -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=folder / "ca.pem")
    if certificate:
        made.load_cert_chain(folder / f"{certificate}.pem", password=(folder / "password").read_text())
    return made


@contextmanager
def secure(sandbox: SandboxThread, folder: Path, certificate: str | None = "client") -> Iterator[Client]:
    with closing(Client(sandbox.url, ssl_context=context(folder, certificate))) as client:
        yield client


def test_a_client_certificate_opens_the_service(folder: Path) -> None:
    with sandbox_with(tls=folder) as sandbox, secure(sandbox, folder) as client:
        assert sandbox.url.startswith("https://127.0.0.1:")
        assert client.text("IWDS_check") == f"OK:{SERVICE}"
        assert client.page().err == "OK"
        described = client._pool.request("GET", sandbox.url + "?wsdl").data.decode()
        assert f'location="{sandbox.url}"' in described


@pytest.mark.parametrize(
    ("version", "reason"),
    [(ssl.TLSVersion.TLSv1_2, "handshake failure"), (ssl.TLSVersion.TLSv1_3, "certificate required")],
)
def test_without_one_there_is_no_connection_and_the_client_is_told_why(
    folder: Path, version: ssl.TLSVersion, reason: str
) -> None:
    with sandbox_with(tls=folder) as sandbox:
        without = context(folder, None)
        without.maximum_version = version
        with closing(Client(sandbox.url, ssl_context=without)) as client, pytest.raises(HTTPError, match=reason):
            client.text("IWDS_check")


def test_one_of_another_authority_is_refused(folder: Path, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    make_missing(stranger, SERVICE, "127.0.0.1")
    with sandbox_with(tls=folder) as sandbox:
        strange = context(stranger)
        strange.load_verify_locations(folder / "ca.pem")
        with closing(Client(sandbox.url, ssl_context=strange)) as client, pytest.raises(HTTPError, match="unknown ca"):
            client.text("IWDS_check")


def test_no_certificate_is_needed_where_none_is_required(folder: Path) -> None:
    with sandbox_with(tls=folder, require_certificate=False) as sandbox:
        with secure(sandbox, folder, None) as client:
            assert client.text("IWDS_check") == f"OK:{SERVICE}"
        with secure(sandbox, folder, "other-service") as client:  # one that is shown is looked at
            assert client.page().err == "NOK:access forbidden"


def test_a_certificate_of_another_service_is_told_whose_it_is_and_let_in_nowhere(folder: Path) -> None:
    with sandbox_with(tls=folder) as sandbox, secure(sandbox, folder, "other-service") as client:
        assert client.text("IWDS_check") == f"OK:{OTHER_SERVICE}"
        assert client.page().err == "NOK:access forbidden"
        assert client.text("loginDelete", loginid=1) == "NOK:access forbidden"
        assert client.page(serviceid=OTHER_SERVICE).err == "NOK:access forbidden"


def test_a_certificate_of_a_server_is_no_client_s(folder: Path) -> None:
    make_missing(folder, SERVICE, "127.0.0.1")
    authority = Authority.restored((folder / "ca.pem").read_bytes(), (folder / "ca.key").read_bytes())
    certificate, key = authority.server(["nobody"], [])
    (folder / "nobody.pem").write_bytes(certificate + key)
    with sandbox_with(tls=folder) as sandbox:
        nobody = ssl.create_default_context(cafile=folder / "ca.pem")
        nobody.load_cert_chain(folder / "nobody.pem")
        with closing(Client(sandbox.url, ssl_context=nobody)) as client, pytest.raises(HTTPError):
            client.text("IWDS_check")


def test_a_certificate_that_names_no_service_is_let_in_nowhere(folder: Path) -> None:
    make_missing(folder, SERVICE, "127.0.0.1")
    authority = Authority.restored((folder / "ca.pem").read_bytes(), (folder / "ca.key").read_bytes())
    certificate, key = authority.client("nobody", "")
    pem = certificate.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "nobody.pem").write_bytes(pem)
    nobody = ssl.create_default_context(cafile=folder / "ca.pem")
    nobody.load_cert_chain(folder / "nobody.pem")
    with sandbox_with(tls=folder) as sandbox, closing(Client(sandbox.url, ssl_context=nobody)) as client:
        assert client.text("IWDS_check") == "NOK"
        assert client.page().err == "NOK:access forbidden"


@pytest.mark.parametrize(
    ("certificate", "service"),
    [
        (None, None),
        ({}, None),
        ({"subject": ((("commonName", "ada"),),)}, NO_SERVICE),
        ({"subject": ((("commonName", "service 5"),),)}, 5),
        ({"subject": ((("organizationalUnitName", "service 10408"),), (("commonName", "ada"),))}, 10408),
        ({"subject": ((("organizationName", "service 10408"),),)}, NO_SERVICE),
        ({"subject": ((("commonName", "service 5, or so"),),)}, NO_SERVICE),
        ({"subject": ((("commonName", "service ٥"),),)}, NO_SERVICE),
    ],
)
def test_the_service_is_read_from_unit_or_name(certificate: dict[str, Any] | None, service: int | None) -> None:
    assert service_of(certificate) == service


def test_the_folder_holds_what_both_sides_need_for_its_owner_only(folder: Path) -> None:
    make_missing(folder, SERVICE, "127.0.0.1")
    assert {file.name for file in folder.iterdir()} == {
        "ca.pem", "ca.key", "server.pem", "expired.pem", "password",
        "client.pem", "client.p12", "other-service.pem", "other-service.p12",
    }  # fmt: skip
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    password = (folder / "password").read_bytes()
    key, certificate, chain = pkcs12.load_key_and_certificates((folder / "client.p12").read_bytes(), password)
    assert key is not None
    assert certificate is not None
    assert "OU=service 10408" in certificate.subject.rfc4514_string()
    assert [each.subject.rfc4514_string() for each in chain] == ["CN=iwds sandbox"]
    expired = x509.load_pem_x509_certificate((folder / "expired.pem").read_bytes())
    assert expired.not_valid_after_utc < datetime.now(UTC)


def test_what_is_there_is_kept_and_what_is_missing_is_made_by_the_same_authority(folder: Path) -> None:
    make_missing(folder, SERVICE, "127.0.0.1")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    (folder / "client.p12").unlink()
    make_missing(folder, SERVICE, "127.0.0.1")
    after = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"client.p12", "client.pem"}
    with sandbox_with(tls=folder) as sandbox, secure(sandbox, folder) as client:
        assert client.text("IWDS_check") == f"OK:{SERVICE}"


@pytest.mark.parametrize(
    ("host", "name"), [("sandbox.example", "sandbox.example"), ("192.0.2.7", "192.0.2.7"), ("localhost", "localhost")]
)
def test_the_server_is_known_by_the_name_that_it_listens_on_too(folder: Path, host: str, name: str) -> None:
    make_missing(folder, SERVICE, host)
    certificate = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    values = {str(each.value) for each in names}
    assert {"localhost", "127.0.0.1", "::1", name} == values


@pytest.mark.parametrize("spoilt", ["ca.key", "ca.pem", "server.pem"])
def test_a_folder_of_something_else_is_a_matter_of_configuration(folder: Path, spoilt: str) -> None:
    make_missing(folder, SERVICE, "127.0.0.1")
    (folder / spoilt).write_text("something else")
    with pytest.raises(ConfigurationError, match=str(folder)):
        SandboxThread(behaviour=Behaviour(tls=folder))


def test_a_folder_that_cannot_be_made_is_a_matter_of_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be used for TLS"):
        make_missing(tmp_path / "file", SERVICE, "127.0.0.1")


def test_an_expired_certificate_is_seen_by_new_connections_as_often_as_told(folder: Path) -> None:
    with sandbox_with(tls=folder) as sandbox:
        with secure(sandbox, folder) as old:
            assert old.text("IWDS_check") == f"OK:{SERVICE}"
            sandbox.controls.add(Fault(FaultKind.EXPIRED_CERTIFICATE, times=1))
            assert old.text("IWDS_check") == f"OK:{SERVICE}"
        with secure(sandbox, folder) as client, pytest.raises(SSLError, match="certificate has expired"):
            client.text("IWDS_check")
        with secure(sandbox, folder) as client:
            assert client.text("IWDS_check") == f"OK:{SERVICE}"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_cannot_resume_a_session_and_so_miss_the_certificate(folder: Path, version: ssl.TLSVersion) -> None:
    with sandbox_with(tls=folder) as sandbox:
        chosen = context(folder)
        chosen.maximum_version = version
        # The first connection stays: a server forgets the session of one that breaks off.
        with connected(sandbox, chosen, None) as first, connected(sandbox, chosen, first.session) as second:
            assert second.session_reused is False


@contextmanager
def connected(
    sandbox: SandboxThread, chosen: ssl.SSLContext, session: ssl.SSLSession | None
) -> Iterator[ssl.SSLSocket]:
    """A connection that has had one answer, and would have resumed `session`."""
    host, _, port = sandbox.address.removeprefix("https://").partition(":")
    with (
        socket.create_connection((host, int(port)), 10) as plain,
        chosen.wrap_socket(plain, server_hostname=host, session=session) as secured,
    ):
        secured.sendall(b"GET /services/ConsoleAdmin HTTP/1.1\r\nHost: x\r\n\r\n")
        assert secured.recv(1000).startswith(b"HTTP/1.1 200 ")
        yield secured


def test_the_command_makes_the_certificates_and_says_where_it_listens(tmp_path: Path) -> None:
    folder, data = tmp_path / "tls", tmp_path / "sandbox.db"
    options = ["--listen", "127.0.0.1:0", "--data", str(data), "--tls", str(folder), "--allow", "127.0.0.1/32"]
    command = [sys.executable, "-m", "iwds", "sandbox", *options, "--service-id", "77", "--dialect", "document"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            address = running.stdout.readline().removeprefix("iwds sandbox: listening on ").strip()
            assert address.startswith("https://127.0.0.1:")
            url = address + "/v2/services/ConsoleAdmin"
            with closing(Client(url, ssl_context=context(folder))) as client:
                assert client.text("IWDS_check") == "OK:77"
                groups = client.answer("serviceGroupsQuery", serviceid=77, offset=0, nmax=1)
                assert groups.number_arrays.keys() == {"groupid", "servicepolicy"}
        finally:
            running.terminate()


@pytest.mark.parametrize("name", ["client.p12", "client.pem"])
def test_our_own_client_is_let_in(folder: Path, name: str) -> None:
    make_missing(folder, SERVICE, "127.0.0.1")
    with sandbox_with(tls=folder) as sandbox, pytest.raises(LoginUnknown):
        delete(sandbox, folder, certificate=folder / name, certificate_password_file=folder / "password")


def test_our_own_client_says_that_its_certificate_is_missing(folder: Path) -> None:
    with sandbox_with(tls=folder) as sandbox, pytest.raises(AccessRefused):
        delete(sandbox, folder)


def delete(sandbox: SandboxThread, folder: Path, **settings: Path) -> None:
    fixed = {"kind": "provisioning", "url": sandbox.url, "service_id": SERVICE, "provisioning_id": 77, "timeout_s": 5}
    target = connect("mfa", Settings.model_validate({**fixed, "ca_file": folder / "ca.pem", **settings}))
    with closing(target.reader):
        target.writer().delete(5)


def test_an_address_that_is_not_on_the_list_gets_a_page_with_status_403_and_nothing_is_done() -> None:
    with sandbox_with(allow=networks(["192.0.2.0/24"])) as sandbox, closing(Client(sandbox.url)) as client:
        response = client.raw("IWDS_check")
        assert response.status == 403
        assert response.headers["content-type"].startswith("text/html")
        assert b"<h1>Forbidden</h1>" in response.data
        spoofed = client.post(b"", **{"X-Forwarded-For": "192.0.2.7"})
        assert spoofed.status == 403
        for path in (sandbox.url + "?wsdl", sandbox.address + "/auth/v1/customer/services/accounts"):
            assert urllib3.request("GET", path, retries=False).status == 403


def test_an_address_on_the_list_is_answered() -> None:
    with sandbox_with(allow=networks(["192.0.2.7", "127.0.0.0/8"])) as sandbox, closing(Client(sandbox.url)) as client:
        assert client.text("IWDS_check") == f"OK:{SERVICE}"


@pytest.mark.parametrize(
    ("host", "allowed"),
    [("127.0.0.1", True), ("::ffff:127.0.0.1", True), ("127.0.0.2", False), ("::1", True), ("fe80::1%eth0", True)],
)
def test_an_address_is_the_same_in_both_spellings(host: str, allowed: bool) -> None:
    assert is_allowed(host, networks(["127.0.0.1", "::1/128", "fe80::/10"])) is allowed


@pytest.mark.parametrize("text", ["", "localhost", "127.0.0.1/8", "127.0.0", "1.2.3.4/33"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no address and no network"):
        networks([text])


@pytest.mark.parametrize(
    "options",
    [{"tls": Path("tls")}, {"allow": networks(["0.0.0.0/0"])},
     {"tls": Path("tls"), "allow": networks(["0.0.0.0/0"]), "require_certificate": False}],
)  # fmt: skip
def test_other_machines_need_both_certificate_and_list(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="not an address of this machine alone"):
        serve("0.0.0.0:0", str(tmp_path / "sandbox.db"), behaviour=Behaviour(**options))
    assert list(tmp_path.iterdir()) == []


def test_with_both_it_may_listen_everywhere() -> None:
    assert Behaviour(tls=Path("tls"), allow=networks(["192.0.2.0/24"])).is_guarded


def test_without_the_paid_option_the_check_is_a_bare_nok_and_the_rest_goes_on() -> None:
    with sandbox_with(option=False) as sandbox, closing(Client(sandbox.url)) as client:
        assert client.text("IWDS_check") == "NOK"
        assert client.page().err == "OK"


def test_half_of_an_option_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sandbox", "--tls-no-client"]) == 64
    assert "give --tls FOLDER too" in capsys.readouterr().err


def test_the_password_is_random_and_in_no_other_file(folder: Path) -> None:
    make_missing(folder, SERVICE, "127.0.0.1")
    password = (folder / "password").read_bytes()
    assert re.fullmatch(rb"[0-9a-f]{32}", password)
    for file in folder.iterdir():
        assert file.name == "password" or password not in file.read_bytes()
