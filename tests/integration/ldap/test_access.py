"""Which server is trusted, who is let in, and what happens where one of them is not there."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread

import pytest

from iwds.core.model import Anchor
from iwds.demo.slapd import PrivateSlapd
from iwds.errors import AccessRefused, SourceUnavailable
from iwds.sandbox.certificates import Authority
from iwds.sources._connection import Session
from iwds.sources.ldap import LdapSource, connect
from tests.contract.source_contract import consume
from tests.servers.company import IDS, PEOPLE, REALM, write
from tests.servers.slapd import ldap_settings, slapd


def findings(source: LdapSource) -> dict[str, str]:
    """What check says, by subject; the last one of each."""
    return {finding.what: finding.detail for finding in source.check(("uid",))}


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def responder(answer: bytes) -> Iterator[str]:
    """The URL of a server that gives one answer to whatever comes first, and hangs up.

    An answer that begins with `ID` becomes a message with the id of the request; any other is sent as it is.
    """

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            request = connection.recv(4096)
            body = answer.replace(b"ID", request[2 : 4 + request[3]], 1)
            connection.sendall(bytes([0x30, len(body)]) + body if answer.startswith(b"ID") else answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve)
        thread.start()
        yield f"ldap://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def result(tag: int, code: int) -> bytes:
    """The rest of a message that is an LDAPResult (RFC 4511 4.1.9) under this tag."""
    return b"ID" + bytes([tag, 7, 10, 1, code, 4, 0, 4, 0])


def test_a_server_without_starttls_is_refused_with_advice(server: PrivateSlapd) -> None:
    with responder(result(0x78, 2)) as url:
        source = connect("corp", ldap_settings(server, urls=[url], starttls=True))

        with pytest.raises(AccessRefused, match=r"refuses StartTLS \(protocolError\)") as refused:
            consume(source)

    assert "ldaps://" in refused.value.advice


def test_a_busy_server_is_passed_over(server: PrivateSlapd) -> None:
    with responder(result(0x61, 51)) as url:
        assert consume(connect("corp", ldap_settings(server, urls=[url, server.tls_url])))[1].proven
    with responder(result(0x61, 51)) as url, pytest.raises(SourceUnavailable, match="busy"):
        consume(connect("corp", ldap_settings(server, urls=[url])))


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", result(0x61, 99), b"\x30\x03\x02\x01"])
def test_a_server_that_speaks_something_else_is_unavailable(server: PrivateSlapd, answer: bytes) -> None:
    with responder(answer) as url, pytest.raises(SourceUnavailable, match="cannot be reached"):
        consume(connect("corp", ldap_settings(server, urls=[url], timeout_s=2)))


@pytest.mark.parametrize("starttls", [False, True])
def test_tls_is_verified_with_the_given_authority(server: PrivateSlapd, starttls: bool) -> None:
    url = server.url if starttls else server.tls_url
    source = connect("corp", ldap_settings(server, urls=[url], starttls=starttls))

    assert findings(source)["encryption"] == "TLS, certificate verified"
    assert consume(source)[1].proven


@pytest.mark.parametrize("starttls", [False, True])
def test_a_certificate_of_another_authority_is_refused(server: PrivateSlapd, starttls: bool, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(Authority("somebody else").pem)
    url = server.url if starttls else server.tls_url
    source = connect("corp", ldap_settings(server, urls=[url], starttls=starttls, ca_file=other))

    with pytest.raises(AccessRefused, match="not trusted") as refused:
        consume(source)

    assert "ca_file" in refused.value.advice


def test_a_certificate_for_another_name_is_refused(own_server: PrivateSlapd) -> None:
    own_server.stop()
    authority = Authority("ours")
    certificate, key = authority.server(["elsewhere.example"], ["192.0.2.1"])
    for name, content in (("ca.pem", authority.pem), ("server.pem", certificate), ("server.key", key)):
        (own_server.ca_file.parent / name).write_bytes(content)
    own_server.start()

    with pytest.raises(AccessRefused, match="not trusted: IP address mismatch") as refused:
        consume(connect("corp", ldap_settings(own_server)))

    assert "host name" in refused.value.advice


def test_without_verification_check_warns(server: PrivateSlapd) -> None:
    source = connect("corp", ldap_settings(server, ca_file=None, tls_verify=False))

    warnings = [finding for finding in source.check(()) if finding.warning]

    assert [finding.what for finding in warnings] == ["encryption"]
    assert consume(source)[1].proven


def test_an_unencrypted_connection_to_this_host_works_and_check_warns(server: PrivateSlapd) -> None:
    source = connect("corp", ldap_settings(server, urls=[server.url]))

    assert findings(source)["encryption"] == "none"


def test_tls_on_a_port_that_speaks_none_is_explained(server: PrivateSlapd) -> None:
    source = connect("corp", ldap_settings(server, urls=[f"ldaps://127.0.0.1:{server.port}"], timeout_s=5))

    with pytest.raises((AccessRefused, SourceUnavailable), match=str(server.port)):
        consume(source)


def test_the_second_server_answers_for_the_first(server: PrivateSlapd) -> None:
    source = connect("corp", ldap_settings(server, urls=[f"ldaps://127.0.0.1:{closed_port()}", server.tls_url]))

    people, proof = consume(source)

    assert set(people) == set(PEOPLE)
    assert server.tls_url in proof.asked
    assert findings(source)["connection"].startswith(server.tls_url)


def test_a_silent_server_is_given_up(server: PrivateSlapd) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"ldap://127.0.0.1:{silent.getsockname()[1]}"
        source = connect("corp", ldap_settings(server, urls=[url, server.tls_url], timeout_s=1))

        assert consume(source)[1].proven


def test_no_server_at_all_is_worth_a_retry(server: PrivateSlapd) -> None:
    urls = [f"ldaps://127.0.0.1:{closed_port()}", f"ldap://127.0.0.1:{closed_port()}"]

    with pytest.raises(SourceUnavailable) as failed:
        consume(connect("corp", ldap_settings(server, urls=urls)))

    assert all(url in failed.value.message for url in urls)


def test_a_wrong_password_is_tried_once(server: PrivateSlapd) -> None:
    source = connect("corp", ldap_settings(server, urls=[server.tls_url, server.url], password="wrong-7391"))
    dialled = []
    dial = source._dial_once
    source._dial_once = lambda: dialled.append(1) or dial()  # type: ignore[func-returns-value]

    with pytest.raises(AccessRefused, match="invalidCredentials") as refused:
        consume(source)
    with pytest.raises(AccessRefused):
        source.find(Anchor(REALM, IDS["ada"]), ())

    assert dialled == [1]
    assert server.tls_url in refused.value.message
    assert server.url not in refused.value.message
    assert "wrong-7391" not in f"{refused.value} {refused.value.advice}"


def test_a_server_that_wants_encryption_says_so(tmp_path: Path) -> None:
    with slapd(tmp_path / "server", write(tmp_path), ["security simple_bind=128"]) as strict:
        plain = connect("corp", ldap_settings(strict, urls=[strict.url]))
        encrypted = connect("corp", ldap_settings(strict))

        with pytest.raises(AccessRefused, match="encrypted") as refused:
            consume(plain)

        assert "starttls" in refused.value.advice
        assert consume(encrypted)[1].proven


def test_a_readable_password_file_is_noticed(server: PrivateSlapd, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(server.reader_password)
    secret.chmod(0o644)
    source = connect("corp", ldap_settings(server, password=None, password_file=secret))

    assert findings(source)["password"] == f"others may read {secret}"
    secret.chmod(0o600)
    assert "password" not in findings(source)


def test_an_account_that_does_not_exist_is_refused(server: PrivateSlapd) -> None:
    with pytest.raises(AccessRefused, match="invalidCredentials"):
        consume(connect("corp", ldap_settings(server, bind_dn="cn=nobody,dc=example,dc=org")))


def test_a_server_that_wants_names_refuses_an_anonymous_client(own_server: PrivateSlapd) -> None:
    own_server.stop()
    configuration = own_server.directory / "slapd.conf"
    configuration.write_text("disallow bind_anon\n" + configuration.read_text())
    own_server.start()
    anonymous = connect("corp", ldap_settings(own_server, bind="anonymous", bind_dn=None, password=None))

    with pytest.raises(AccessRefused, match="does not let an anonymous client in"):
        consume(anonymous)


def test_a_database_that_wants_names_refuses_an_anonymous_client(tmp_path: Path) -> None:
    with slapd(tmp_path / "server", write(tmp_path), ["require authc"]) as strict:
        anonymous = connect("corp", ldap_settings(strict, bind="anonymous", bind_dn=None, password=None))

        with pytest.raises(AccessRefused, match="may not be read like this") as refused:
            consume(anonymous)

    assert "Bind with an account" in refused.value.advice


def test_check_reports_a_server_that_is_not_there(server: PrivateSlapd) -> None:
    (finding,) = connect("corp", ldap_settings(server, urls=[f"ldaps://127.0.0.1:{closed_port()}"])).check(())

    assert (finding.ok, finding.what) == (False, "connection")
    assert "cannot be reached" in finding.detail


def test_check_names_what_speaks_against_the_reading(server: PrivateSlapd) -> None:
    source = connect("corp", ldap_settings(server, users={"base": "ou=typo,dc=example,dc=org"}))

    assert any("noSuchObject" in finding.detail for finding in source.check(()) if not finding.ok)


def test_anonymous_reading_is_possible(server: PrivateSlapd) -> None:
    source = connect("corp", ldap_settings(server, bind="anonymous", bind_dn=None, password=None))

    people, proof = consume(source)

    assert set(people) == set(PEOPLE)
    assert " -D " not in proof.asked


def test_a_kept_connection_that_was_cut_is_renewed(own_server: PrivateSlapd) -> None:
    with closing(connect("corp", ldap_settings(own_server, urls=[own_server.url], referrals="ignore"))) as source:
        assert source.find(Anchor(REALM, IDS["ada"]), ()) is not None
        assert source._kept is not None
        session, _ = source._kept
        assert isinstance(session, Session)
        session._connection.socket.shutdown(socket.SHUT_RDWR)

        assert source.find(Anchor(REALM, IDS["ada"]), ()) is not None
