"""How long certificates are still valid, and the three refusals that look alike from afar."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from iwds.ports import Finding
from iwds.targets._check import reading_cost
from iwds.targets.provisioning import ProvisioningTarget, Settings, connect
from tests.integration.targets.broken import Behaviour, answer, in_turn
from tests.integration.targets.test_failures import HTML, fault, refused, returned
from tests.integration.targets.test_tls import PASSWORD, Files, Pair, issue, service

NOWHERE = "https://127.0.0.1:1/"
LOGINS = "<err>OK</err><count>1</count><n>1</n><id>7</id><login>zoe</login><code>ok</code>"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    authority = issue("authority", None)
    return Files(tmp_path_factory.mktemp("certificates"), authority, issue("client", authority))


def target(url: str, **values: object) -> ProvisioningTarget:
    fixed = {"kind": "provisioning", "url": url, "service_id": 10408, "provisioning_id": 4711, "attempts": 1}
    return connect("mfa", Settings.model_validate({**fixed, **values}))


def told(url: str = NOWHERE, **values: object) -> list[Finding]:
    return list(target(url, **values).certificates())


@pytest.mark.parametrize(
    ("days", "ok", "warning"),
    [(100, True, False), (31, True, False), (30, True, True), (1, True, True), (-1, False, False)],
)
def test_the_days_of_our_certificate_are_counted_in_check_and_without_a_connection(
    files: Files, days: int, ok: bool, warning: bool
) -> None:
    pair = issue("client", files.authority, days)
    for path in (files.file("a.p12", pair.p12(PASSWORD)), files.file("a.pem", pair.pem() + pair.key_pem(PASSWORD))):
        connected = target(NOWHERE, certificate=path, certificate_password=PASSWORD)
        (finding,) = connected.certificates()
        assert (finding.what, finding.ok) == ("certificate", ok)
        assert next(iter(connected.reader.check())) == finding
        assert finding.warning is warning
        assert bool(finding.advice) == (days <= 30)  # a part of the day has passed when it is looked at


def test_authorities_in_the_file_of_our_certificate_are_looked_at_too(files: Files) -> None:
    dying = Pair(issue("old authority", None, days=10).certificate, files.authority.key)
    for path in (
        files.file("chain.p12", files.client.p12(PASSWORD, dying)),
        files.file("chain.pem", files.client.pem() + dying.pem() + files.client.key_pem(PASSWORD)),
    ):
        ours, above = told(certificate=path, certificate_password=PASSWORD)
        assert (ours.what, ours.warning, ours.advice) == ("certificate", False, "")
        assert (above.what, above.ok, above.warning) == ("certificate's CA", True, True)
        assert "old authority" in above.detail
        assert above.advice


@pytest.mark.parametrize(
    ("days", "ok", "warning", "named"),
    [
        ([100], True, False, "CA 0"),
        ([10], True, True, "CA 0"),
        ([-1], False, False, "CA 0"),
        ([200, 10, 100], True, True, "CA 1, the first of 3 to end"),
        ([200, -5], True, False, "CA 0"),
        ([-1, -5], False, False, "CA 1"),
    ],
)
def test_of_several_configured_authorities_the_first_to_end_is_told(
    files: Files, days: list[int], ok: bool, warning: bool, named: str
) -> None:
    bundle = b"".join(issue(f"CA {number}", None, each).pem() for number, each in enumerate(days))
    p12 = files.file("client.p12", files.client.p12(PASSWORD))
    *_, finding = told(certificate=p12, certificate_password=PASSWORD, ca_file=files.file("bundle.pem", bundle))
    assert (finding.what, finding.ok, finding.warning) == ("ca_file", ok, warning)
    assert f"bundle.pem: {named}, " in finding.detail


def test_a_file_that_cannot_be_read_any_more_is_a_failure_and_not_the_last_word(files: Files) -> None:
    p12, authority = files.file("gone.p12", files.client.p12(PASSWORD)), files.file("gone.pem", files.authority.pem())
    connected = target(NOWHERE, certificate=p12, certificate_password=PASSWORD, ca_file=authority)
    p12.unlink()
    authority.write_bytes(b"")
    assert [(finding.what, finding.ok) for finding in connected.certificates()] == [
        ("certificate", False),
        ("ca_file", False),
    ]


def test_without_encryption_there_are_no_certificates() -> None:
    assert told("http://127.0.0.1:1/") == []


def test_without_a_certificate_of_ours_there_is_a_warning() -> None:
    (finding,) = told()
    assert (finding.ok, finding.warning) == (True, True)


@contextmanager
def checked(files: Files, *behaviours: Behaviour, days: int = 100, **values: object) -> Iterator[dict[str, Finding]]:
    """What `check` says of a service behind TLS that behaves like this."""
    shown = {"certificate": files.file("client.p12", files.client.p12(PASSWORD)), "certificate_password": PASSWORD}
    with service(files, ssl.TLSVersion.TLSv1_3, in_turn(*behaviours), days=days, honest=False) as server:
        connected = target(server.url, ca_file=files.ca_file, **{**shown, **values})
        yield {finding.what: finding for finding in connected.reader.check()}
        connected.reader.close()


@pytest.mark.parametrize(("days", "warning"), [(100, False), (10, True)])
def test_the_certificates_of_the_service_are_looked_at_where_it_answers(files: Files, days: int, warning: bool) -> None:
    with checked(files, returned("IWDS_check", "OK:10408"), fault("stop here"), days=days) as findings:
        assert findings["service's certificate"].warning is warning
        assert "server, valid until" in findings["service's certificate"].detail
        assert findings["service's CA"].ok
        assert "authority" in findings["service's CA"].detail


def test_a_certificate_an_address_and_an_option_that_are_refused_are_three_pieces_of_advice(files: Files) -> None:
    stranger = issue("stranger", issue("another authority", None))
    p12 = files.file("stranger.p12", stranger.p12(PASSWORD))
    with checked(files, answer(HTML), certificate=p12) as findings:
        certificate = findings["service"]
    with checked(files, answer(HTML, "403 Forbidden")) as findings:
        address = findings["service"]
    with checked(files, refused("IWDS_check", "NOK"), refused("loginsQuery", "NOK")) as findings:
        option = findings["service"]
    assert [finding.ok for finding in (certificate, address, option)] == [False] * 3
    assert "refuses our client certificate" in certificate.detail
    assert "Download an API access certificate" in certificate.advice
    assert "403" in address.detail
    assert "this machine's address" in address.advice
    assert "does not let us synchronise" in option.detail
    assert "Enable the option" in option.advice


def test_nok_to_the_question_alone_is_worth_a_look_and_no_failure(files: Files) -> None:
    with checked(files, refused("IWDS_check", "NOK"), returned("loginsQuery", LOGINS), fault("stop")) as findings:
        assert (findings["service"].ok, findings["service"].warning) == (True, True)


def test_a_service_that_does_not_know_the_question_is_worth_a_look(files: Files) -> None:
    with checked(files, fault("No such operation 'IWDS_check'"), fault("stop here")) as findings:
        assert (findings["service"].ok, findings["service"].warning) == (True, True)


# --- how long a reading takes -----------------------------------------------------------------------------------------


def settings(**values: object) -> Settings:
    fixed = {"kind": "provisioning", "url": "http://127.0.0.1:1/", "service_id": 1, "provisioning_id": 2}
    return Settings.model_validate({**fixed, **values})


@pytest.mark.parametrize(
    ("logins", "members", "groups", "calls"),
    [
        (0, [], 0, 2),
        (100, [], 0, 2),
        (101, [0], 1, 4),
        (1000, [100, 101, 0], 3, 15),
        (1000, [200, 200], 10, 31),
        (1000, [], 0, 11),
        (0, [0] * 20, 150, 153),
    ],
)
def test_the_calls_of_a_reading_are_its_pages(logins: int, members: list[int], groups: int, calls: int) -> None:
    assert reading_cost(settings(), logins, members, groups, 0.1)[0] == calls


def test_the_time_of_a_reading_is_that_of_its_calls_or_of_the_waits_between_them() -> None:
    cost = [1000, [100] * 4, 4, 0.5]
    assert reading_cost(settings(lanes=4), *cost)[1] == pytest.approx(11 * 0.5 + 4 * 0.5 / 4)  # type: ignore[arg-type]
    assert reading_cost(settings(delay_ms=2000), *cost)[1] == pytest.approx(15 * 2)  # type: ignore[arg-type]
    assert reading_cost(settings(max_calls_per_second=1), *cost)[1] == pytest.approx(15)  # type: ignore[arg-type]
