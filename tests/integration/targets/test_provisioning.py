"""The provisioning target against a local MFA service: what the contract does not say."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from iwds.core.model import Account, Anchor, Login
from iwds.core.normal import normalise
from iwds.errors import Rejected, ServiceUnavailable, ServiceUnproven
from iwds.sandbox.server import SandboxThread
from iwds.targets.provisioning import ProvisioningTarget, Settings, connect
from tests.integration.targets.broken import BrokenServer
from tests.integration.targets.test_failures import returned

FIXED = {
    "kind": "provisioning",
    "url": "http://127.0.0.1:1/",
    "service_id": 10408,
    "provisioning_id": 4711,
    "attempts": 1,
}
GROUP = "<err>OK</err><count>{}</count><n>{}</n>" + "<id>7</id><id>7</id><name>a</name><name>b</name>"


def target(url: str, **values: object) -> ProvisioningTarget:
    return connect("mfa", Settings.model_validate({**FIXED, "url": url, **values}))


def account(login: str) -> Account:
    return Account(Anchor("realm", login), login, enabled=True)


@pytest.fixture
def sandbox() -> Iterator[SandboxThread]:
    with SandboxThread() as running:
        yield running


def test_a_service_that_grows_while_it_is_read_is_not_proven(sandbox: SandboxThread) -> None:
    connected = target(sandbox.url, page_size=10)
    for number in range(25):
        connected.writer().create(account(f"u{number:02}"))
    reading = connected.reader.read_logins()
    logins = iter(reading)
    next(logins)
    connected.writer().create(account("zz"))
    assert len(list(logins)) == 9
    assert reading.finish().problems == ("the count changed from 27 to 28 while it was read, at line 9",)
    assert not reading.finish().proven


def test_a_login_that_slips_into_the_next_page_is_noticed(sandbox: SandboxThread) -> None:
    connected = target(sandbox.url, page_size=10)
    ids = [connected.writer().create(account(f"u{number:02}")) for number in range(25)]
    reading = connected.reader.read_logins()
    logins = iter(reading)
    next(logins)
    connected.writer().delete(ids[20])
    connected.writer().create(account("a"))
    assert len(list(logins)) == 9
    assert reading.finish().problems == ("another line came than the page before had there, at line 9",)


def test_memberships_that_change_while_they_are_read_are_not_proven(sandbox: SandboxThread) -> None:
    connected = target(sandbox.url, page_size=2)
    writer = connected.writer()
    vpn = next(group for group in connected.reader.read_groups() if group.name == "vpn")
    ids = [writer.create(account(f"u{number}")) for number in range(4)]
    for login_id in ids[:3]:
        writer.add_to_group(vpn.id, login_id)
    reading = connected.reader.read_memberships([vpn.id])
    memberships = iter(reading)
    next(memberships)
    writer.add_to_group(vpn.id, ids[3])
    list(memberships)
    assert reading.finish().problems == (f"group {vpn.id}: the count changed from 3 to 4 while it was read, at line 1",)


@pytest.mark.parametrize("inner", [GROUP.format(2, 2), GROUP.format(3, 1), "<err>OK</err><count>1</count><n>0</n>"])
def test_groups_that_contradict_their_count_are_not_proven(inner: str) -> None:
    with BrokenServer(returned("serviceGroupsQuery", inner)) as server, pytest.raises(ServiceUnproven):
        target(server.url).reader.read_groups()


def test_groups_are_read_under_either_name_of_their_id() -> None:
    inner = "<err>OK</err><count>1</count><n>1</n><groupid>7</groupid><groupid>0</groupid><name>vpn</name><name/>"
    with BrokenServer(returned("serviceGroupsQuery", inner)) as server:
        (group,) = target(server.url).reader.read_groups()
    assert (group.id, group.name, group.policy) == (7, "vpn", 0)


ROLES = "<err>OK</err><count>{}</count><n>{}</n><groupid>7</groupid><groupid>0</groupid>"
ROLES += "<name>vpn</name><name></name><role>17</role><role>0</role>"


def calls(server: BrokenServer) -> list[str]:
    """The operations that were asked for."""
    return [re.findall(rb"<(\w*(?:AccountQuery|GetGroups))[ >]", request)[0].decode() for request in server.requests]


def test_roles_are_read_in_one_call_whatever_their_number() -> None:
    one = "<err>OK</err><roleid>17</roleid><loginid>5</loginid><groupid>7</groupid>"
    with BrokenServer(returned("groupAccountQuery", one)) as server:
        assert target(server.url).reader.roles_in({7}, 5) == {7: 17}
        assert calls(server) == ["groupAccountQuery"]
    with BrokenServer(returned("loginGetGroups", ROLES.format(1, 1))) as server:
        assert target(server.url).reader.roles_in({7, 8}, 5) == {7: 17}
        assert calls(server) == ["loginGetGroups"]


def test_a_list_of_groups_without_a_line_may_have_no_columns() -> None:
    with BrokenServer(returned("loginGetGroups", "<err>OK</err><count>0</count><n>0</n>")) as server:
        assert target(server.url).reader.roles_in({7, 8}, 5) == {}


@pytest.mark.parametrize("inner", [ROLES.format(2, 1), ROLES.format(1, 0)])
def test_groups_of_a_login_that_contradict_their_count_are_no_answer(inner: str) -> None:
    with BrokenServer(returned("loginGetGroups", inner)) as server, pytest.raises(ServiceUnavailable):
        target(server.url).reader.roles_in({7, 8}, 5)


def test_an_older_service_that_cannot_tell_one_role_tells_all_of_a_login() -> None:
    with SandboxThread(unknown_operations=["groupAccountQuery"]) as sandbox:
        connected = target(sandbox.url)
        vpn, login_id = connected.reader.read_groups()[0].id, connected.writer().create(account("zoe"))
        connected.writer().add_to_group(vpn, login_id, 17)
        assert connected.reader.role_in(vpn, login_id) == 17


def test_columns_that_the_service_does_not_send_are_not_known() -> None:
    inner = "<err>OK</err><count>1</count><n>1</n><id>7</id><id>0</id><login>zoe</login><login></login><phone/><phone/>"
    with BrokenServer(returned("loginsQuery", inner)) as server:
        reading = target(server.url).reader.read_logins()
        assert list(reading) == [Login(7, "zoe", phone="")]
        assert reading.finish().proven


def test_logins_without_names_prove_nothing() -> None:
    inner = "<err>OK</err><count>1</count><n>1</n><id>7</id><id>0</id>"
    with BrokenServer(returned("loginsQuery", inner)) as server:
        reading = target(server.url).reader.read_logins()
        assert list(reading) == []
    assert reading.finish().problems == ("the answer has no count, no ids or no names, at line 0",)
    assert not reading.moved


def test_a_search_without_names_is_no_answer() -> None:
    inner = "<err>OK</err><n>1</n><id>7</id><id>0</id>"
    with BrokenServer(returned("loginSearch", inner)) as server, pytest.raises(ServiceUnavailable, match="no name"):
        target(server.url).reader.named("zoe")


def test_a_login_without_a_name_is_no_answer() -> None:
    inner = "<err>OK</err><phone/><createdby>0</createdby>"
    with BrokenServer(returned("loginQuery", inner)) as server, pytest.raises(ServiceUnavailable, match="no name"):
        target(server.url).reader.login(7, "zoe")


def test_a_login_that_is_known_by_its_id_and_not_by_its_name_is_no_answer() -> None:
    inner = "<err>OK</err><login>zoe</login><createdby>0</createdby>"
    with BrokenServer(returned("loginQuery", inner)) as server:

        def forget(connection: socket.socket) -> None:
            returned("loginQuery", inner)(connection)
            server.behaviour = returned("loginSearch", "<err>OK</err><n>0</n><id>0</id><login/>")

        server.behaviour = forget
        with pytest.raises(ServiceUnavailable, match="not by its name"):
            target(server.url).reader.login(7, "zoe")


def test_an_older_service_creates_nothing_unless_untagged_creations_are_allowed() -> None:
    with SandboxThread(unknown_operations=["loginCreateBySource"]) as sandbox:
        connected = target(sandbox.url)
        assert not connected.reader.knows_tagged_creation()
        with pytest.raises(Rejected, match="tag"):
            connected.writer().create(account("zoe"))
        assert connected.reader.named("zoe") is None
        allowed = target(sandbox.url, untagged_creations="allow")
        allowed.writer().create(account("zoe"))
        made = allowed.reader.named("zoe")
        assert made is not None
        assert made.created_by == 1


def test_the_check_says_what_it_saw(sandbox: SandboxThread) -> None:
    findings = {finding.what: finding for finding in target(sandbox.url).reader.check()}
    assert list(findings) == ["certificate", "service", "tagged creation", "groups", "reading"]
    assert all(finding.ok for finding in findings.values())
    assert "4711" in findings["tagged creation"].detail
    assert "vpn (101, policy 1)" in findings["groups"].detail


def test_the_check_fails_where_the_service_cannot_tag_unless_that_is_allowed() -> None:
    with SandboxThread(unknown_operations=["loginCreateBySource"]) as sandbox:
        for choice, ok in (("skip", False), ("allow", True)):
            findings = {f.what: f for f in target(sandbox.url, untagged_creations=choice).reader.check()}
            assert findings["tagged creation"].ok is ok


def test_the_check_ends_with_the_first_failure_to_speak_to_the_service() -> None:
    findings = list(target("http://127.0.0.1:1/").reader.check())
    assert [(finding.what, finding.ok) for finding in findings] == [("certificate", True), ("service", False)]


def test_lanes_write_at_the_same_time(sandbox: SandboxThread) -> None:
    connected = target(sandbox.url, lanes=4)
    writer = connected.writer()
    with ThreadPoolExecutor(8) as lanes:
        ids = list(lanes.map(lambda number: writer.create(account(f"u{number}")), range(80)))
    assert len(set(ids)) == 80
    assert {login.id for login in connected.reader.read_logins()} > set(ids)


def test_calls_are_kept_apart_by_the_delay(sandbox: SandboxThread) -> None:
    connected = target(sandbox.url, delay_ms=60)
    assert connected.reader.lanes == 1
    started = time.monotonic()
    for _ in range(4):
        connected.reader.named("zoe")
    assert time.monotonic() - started >= 0.18


def test_a_limit_of_calls_holds_for_all_lanes_together(sandbox: SandboxThread) -> None:
    connected = target(sandbox.url, max_calls_per_second=50, lanes=4)
    assert connected.reader.lanes == 4
    connected.reader.named("zoe")
    started = time.monotonic()
    with ThreadPoolExecutor(4) as lanes:
        list(lanes.map(connected.reader.named, ["zoe"] * 8))
    assert time.monotonic() - started >= 7 / 50


def test_the_longest_call_waits_for_its_turn_behind_every_lane() -> None:
    assert target("http://127.0.0.1:1/", timeout_s=5).reader.timeout == 10
    assert target("http://127.0.0.1:1/", timeout_s=5, delay_ms=500).reader.timeout == 10.5
    assert target("http://127.0.0.1:1/", timeout_s=5, max_calls_per_second=0.5, lanes=4).reader.timeout == 18


def test_calls_are_counted_with_their_time_whatever_lane_they_are_in(sandbox: SandboxThread) -> None:
    connected = target(sandbox.url)
    assert (connected.spent.calls, connected.spent.seconds) == (0, 0)
    with ThreadPoolExecutor(4) as lanes:
        list(lanes.map(connected.reader.named, ["zoe"] * 8))
    assert connected.spent.calls == 9  # the first one asks whose the certificate is
    assert connected.spent.seconds > 0


def test_a_service_is_its_host_and_id_whatever_the_port_and_the_name() -> None:
    one = connect("a", Settings.model_validate({**FIXED, "url": "https://MFA.example.com.:8443/x"})).reader.service
    other = connect("b", Settings.model_validate({**FIXED, "url": "https://mfa.example.com/"})).reader.service
    assert one == other


@pytest.mark.parametrize(
    "broken",
    [
        {"provisioning_id": None},
        {"provisioning_id": 0},
        {"url": "http://mfa.example.com/"},
        {"url": "ftp://127.0.0.1/"},
        {"url": "https://user:secret@mfa.example.com/"},
        {"url": "mfa.example.com"},
        {"page_size": 101},
        {"page_size": 1},
        {"attempts": 0},
        {"max_calls_per_second": 0},
        {"service_id": 0},
        {"certificate_password": "x"},
        {"certificate": "x", "certificate_password": "x", "certificate_password_file": "x"},
        {"untagged_creations": "yes"},
        {"activation": "inactive"},
    ],
    ids=str,
)
def test_settings_that_cannot_be_meant_are_refused(broken: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({**FIXED, **broken})


def test_the_provisioning_id_has_no_default() -> None:
    with pytest.raises(ValidationError, match="provisioning_id"):
        Settings.model_validate({name: value for name, value in FIXED.items() if name != "provisioning_id"})


def test_reading_the_settings_loads_neither_zeep_nor_cryptography() -> None:
    program = "import sys, iwds.targets.provisioning; sys.exit('zeep' in sys.modules or 'cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


TEXT = st.text(max_size=70)
LOGIN = st.from_regex(r"[A-Za-z0-9@\\._-][A-Za-z0-9@\\._ -]{0,30}[A-Za-z0-9]", fullmatch=True)


@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    LOGIN,
    TEXT,
    TEXT,
    st.lists(st.tuples(st.text(min_size=1, max_size=20), st.text(max_size=20)), max_size=3, unique_by=lambda p: p[0]),
)
def test_what_we_hold_to_be_valid_is_accepted_and_read_back_as_it_was(
    login: str, firstname: str, name: str, extra: list[tuple[str, str]]
) -> None:
    person = Account(
        Anchor("r", "1"), login, firstname=firstname, name=name, mail="", phone="", enabled=True, extra=tuple(extra)
    )
    checked = normalise(person, "somebody")
    if not isinstance(checked, Account):
        return
    connected = target(SHARED.url)
    login_id = connected.writer().create(checked)
    found = connected.reader.login(login_id, checked.login)
    connected.writer().delete(login_id)
    connected.reader.close()
    assert found is not None
    assert (found.login, found.firstname, found.name) == (checked.login, checked.firstname, checked.name)


SHARED = SandboxThread()


@pytest.fixture(scope="module", autouse=True)
def _shared() -> Iterator[None]:
    with SHARED:
        yield
