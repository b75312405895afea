"""What the helpdesk does: each operation, what its answers mean, and codes that are shown to nobody else."""

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from iwds.core.devices import Activated, Code, Details, Device, DeviceKind, DeviceState, GroupRole
from iwds.core.model import Account, Activation, Anchor, AtCreation, Group, Login
from iwds.errors import (
    AccessRefused,
    CallFailed,
    IwdsError,
    LoginUnknown,
    NotSent,
    OutcomeUnknown,
    Rejected,
    ServiceFull,
    ServiceUnavailable,
    ServiceUnproven,
)
from iwds.ports import Actions
from iwds.sandbox.server import SandboxThread
from iwds.soap.description import OPERATIONS
from iwds.targets._actions import ProvisioningActions
from iwds.targets._reader import ProvisioningReader
from iwds.targets._writer import ProvisioningWriter
from iwds.targets.provisioning import ProvisioningTarget, Settings, connect
from tests.integration.targets.broken import Behaviour, BrokenServer, in_turn, reset
from tests.integration.targets.test_failures import READS, WRITES, fault, refused, returned

PERSON = Account(Anchor("realm", "zoe"), "zoe", mail="zoe@example.com", enabled=True)
LINK = Code("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
DOCS = Path(__file__).parents[3] / "docs" / "service.md"


def target(url: str, **values: object) -> ProvisioningTarget:
    fixed = {"kind": "provisioning", "url": url, "service_id": 10408, "provisioning_id": 4711, "attempts": 1}
    return connect("mfa", Settings.model_validate({**fixed, **values}))


@contextmanager
def actions(*behaviours: Behaviour) -> Iterator[tuple[Actions, BrokenServer]]:
    with BrokenServer(in_turn(*behaviours)) as server:
        connected = target(server.url)
        yield connected.actions(), server
        connected.reader.close()


@pytest.fixture
def sandbox() -> Iterator[SandboxThread]:
    with SandboxThread() as running:
        yield running


CODES: dict[str, Callable[[Actions], object]] = {
    "loginActivateCode": lambda it: it.activate_code(5),
    "loginGetCodeFromLink": lambda it: it.code_of_link(LINK),
    "loginAddDevice": lambda it: it.add_device(5),
    "loginRestore": lambda it: it.restore(5),
    "loginResetPwdExtended": lambda it: it.unlock_code(5),
    "loginGetOTP": lambda it: it.otp(5),
}
RESULTS: dict[str, Callable[[Actions], object]] = {
    "loginSendByMail": lambda it: it.send_link(5),
    "loginUpdateTool": lambda it: it.rename_device(DeviceKind.MACCESS, 9, "my phone"),
    "loginDeleteTool": lambda it: it.delete_device(DeviceKind.BROWSER, 9),
    "loginResetPwd": lambda it: it.reset_password(5),
    "loginResetPINErrorCounter": lambda it: it.reset_pin_errors(5),
}
OTHERS: dict[str, Callable[[Actions], object]] = {
    "loginQuery": lambda it: it.details(5),
    "loginGetGroups": lambda it: it.groups_of(5),
    "loginGetInfoFromLink": lambda it: it.login_of_link(LINK),
    "loginCreateBySource": lambda it: it.create(PERSON),
}


# --- all of them ------------------------------------------------------------------------------------------------------


def test_every_operation_of_the_api_has_a_caller() -> None:
    with BrokenServer(fault("No such operation 'x'"), honest=False) as server:
        connected = target(server.url, untagged_creations="allow")
        calls: list[Callable[[], object]] = [
            *(lambda read=read: read(connected.reader) for read in READS.values()),
            *(lambda write=write: write(connected.writer()) for write in WRITES.values()),
            *(lambda act=act: act(connected.actions()) for act in (CODES | RESULTS | OTHERS).values()),
        ]
        for call in calls:
            with suppress(IwdsError):
                call()
        assert set(server.operations) == set(OPERATIONS)


def test_the_documentation_says_which_method_calls_which_operation() -> None:
    section = DOCS.read_text("utf-8").partition("\n## The operations\n")[2].partition("\n## ")[0]
    table = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", section, re.MULTILINE))
    assert set(table) == set(OPERATIONS)
    classes = {"reader": ProvisioningReader, "writer": ProvisioningWriter, "actions": ProvisioningActions}
    for callers in table.values():
        named = re.findall(r"`(reader|writer|actions)\.(\w+)`", callers)
        assert named
        for half, method in named:
            assert inspect.isfunction(getattr(classes[half], method))


def test_the_port_is_kept(sandbox: SandboxThread) -> None:
    kept: Actions = target(sandbox.url).actions()
    for name, method in inspect.getmembers(Actions, inspect.isfunction):
        assert name.startswith("_") or inspect.signature(getattr(type(kept), name)) == inspect.signature(method)


# --- codes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["123456789", "000000001", LINK.reveal(), "aB3_-9xyz", "4711"])
@pytest.mark.parametrize("name", CODES)
def test_a_code_is_handed_over_wrapped(name: str, code: str) -> None:
    with actions(returned(name, code)) as (act, server):
        found = CODES[name](act)
        assert isinstance(found, Code)
        assert found.reveal() == code
        assert server.operations == [name]


@pytest.mark.parametrize(
    "text", ["OK", "", "yes", "null", "NOK123456", "nok1", "12", "1234 5678", "<b>1234</b>", "é1234"]
)
def test_what_does_not_look_like_a_code_is_none_and_is_not_shown(text: str) -> None:
    inner = text.replace("<", "&lt;").encode("ascii", "xmlcharrefreplace").decode()
    with actions(returned("loginRestore", inner)) as (act, _), pytest.raises(OutcomeUnknown) as caught:
        act.restore(5)
    assert "1234 5678" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("NOK", OutcomeUnknown),
        ("NOK:NoPassword", Rejected),
        ("NOK:MULTI", Rejected),
        ("NOK:account unknown", LoginUnknown),
        ("NOK:access forbidden", AccessRefused),
    ],
)
@pytest.mark.parametrize("name", [*CODES, *RESULTS, "loginGetInfoFromLink"])
def test_each_cause_is_its_own_error(name: str, code: str, error: type[IwdsError]) -> None:
    with actions(refused(name, code)) as (act, _), pytest.raises(IwdsError) as caught:
        (CODES | RESULTS | OTHERS)[name](act)
    assert type(caught.value) is error


@pytest.mark.parametrize("name", [*CODES, *RESULTS, "loginGetInfoFromLink", "loginCreateBySource"])
def test_what_has_an_effect_is_sent_once(name: str) -> None:
    with BrokenServer(reset) as server, pytest.raises(OutcomeUnknown):
        (CODES | RESULTS | OTHERS)[name](target(server.url, attempts=3).actions())
    assert server.operations == [name]


def test_an_operation_that_the_service_lacks_was_not_done() -> None:
    with actions(fault("No such operation 'x'")) as (act, _):
        for call in (*CODES.values(), *RESULTS.values(), OTHERS["loginGetInfoFromLink"]):
            with pytest.raises(Rejected, match="does not have"):
                call(act)


def test_the_type_of_a_code_is_asked_for() -> None:
    with actions(returned("loginAddDevice", "123456789")) as (act, server):
        act.add_device(5)
        act.add_device(5, link=True)
        assert [b"<codetype>0<" in each for each in server.requests] == [True, False]
        assert b"<codetype>2<" in server.requests[1]
        server.behaviour = returned("loginResetPwdExtended", "123456789")
        act.unlock_code(5, link=True)
        assert b"<codetype>2<" in server.requests[2]


def test_a_device_is_named_by_its_number_and_the_word_for_its_kind() -> None:
    with actions(returned("loginUpdateTool", "OK")) as (act, server):
        act.rename_device(DeviceKind.MACCESS, 9, "R&D")
    assert b"<toolid>9</toolid><tooltype>mac</tooltype><name>R&amp;D</name>" in server.requests[0]


def test_a_login_that_was_created_without_a_code_is_named() -> None:
    with (
        actions(returned("loginCreateBySource", "<err>OK</err><code></code><id>17</id>")) as (act, _),
        pytest.raises(OutcomeUnknown, match="17"),
    ):
        act.create(PERSON)


def test_the_login_behind_a_link_is_told_with_its_code() -> None:
    inner = "<err>OK</err><code>123456789</code><id>17</id>"
    with actions(returned("loginGetInfoFromLink", inner)) as (act, server):
        login_id, code = act.login_of_link(LINK)
    assert (login_id, code.reveal()) == (17, "123456789")
    assert LINK.reveal().encode() in server.requests[0]


# --- details ----------------------------------------------------------------------------------------------------------

OLDER = (
    "<err>OK</err><login>zoe</login><code>ok</code><status>1</status><role>2</role><firstname>Zo</firstname>"
    "<name>O</name><mail>m</mail><phone>+33</phone><extrafields/><createdby>4711</createdby>"
    "<lastauthdate>1700000000</lastauthdate>"
    "<nca>1</nca><caid>3</caid><caid>0</caid><castate>3</castate><castate>0</castate><caname>Firefox</caname><caname/>"
    "<cault>1</cault><cault>0</cault><caalias>fx</caalias><caalias/>"
    "<nma>1</nma><maid>4</maid><maid>0</maid><mastate>0</mastate><mastate>0</mastate><maname>Phone</maname><maname/>"
    "<maalias>ph</maalias><maalias/><mapushenabled>1</mapushenabled><mapushenabled>0</mapushenabled>"
    "<nmac>0</nmac><macid>0</macid><macstate>0</macstate><macname/><macalias/><macpushenabled>0</macpushenabled>"
    "<nva>0</nva><longcode/>"
)
NEWER = (
    "<err>OK</err><login>zoe</login><code>link</code><status>0</status><role>0</role><firstname>Zo</firstname>"
    "<name>O</name><mail>m</mail><extrafields/><createdby>0</createdby><lastauthdate>0</lastauthdate>"
    "<iwpinblocked>1</iwpinblocked><iwpasswordblocked>0</iwpasswordblocked><macpasswordblocked>0</macpasswordblocked>"
    "<novelty>7</novelty>"
    "<nva>2</nva><vaid>8</vaid><vaid>9</vaid><vaid>0</vaid><vastate>1</vastate><vastate>2</vastate><vastate>0</vastate>"
    "<vaname>a</vaname><vaname>b</vaname><vaname/><vaalias>c</vaalias><vaalias>d</vaalias><vaalias/>"
    "<vacreationdate>10</vacreationdate><vacreationdate>20</vacreationdate><vacreationdate>0</vacreationdate>"
    "<valastauthdate>0</valastauthdate><valastauthdate>30</valastauthdate><valastauthdate>0</valastauthdate>"
    f"<longcode>{LINK.reveal()}</longcode><longcode></longcode>"
)


def details(inner: str) -> Details:
    with actions(returned("loginQuery", inner)) as (act, _):
        return act.details(5)


def test_an_older_service_tells_the_phone_and_no_locks() -> None:
    found = details(OLDER)
    assert found.login == Login(5, "zoe", "Zo", "O", "m", "+33", 2, 1, "", 4711, True, 1_700_000_000)
    assert found.devices == (
        Device(DeviceKind.AUTHENTICATOR, 4, DeviceState.ACTIVE, "Phone", "ph", push=True),
        Device(DeviceKind.BROWSER, 3, DeviceState.LOCKED | DeviceState.PIN_LOCKED, "Firefox", "fx"),
    )
    assert (found.activated, found.link) == (Activated.DONE, None)
    assert (found.pin_locked, found.password_locked, found.maccess_locked) == (None, None, None)


def test_a_newer_service_tells_locks_dates_and_the_link_and_no_phone() -> None:
    found = details(NEWER)
    assert found.login == Login(5, "zoe", "Zo", "O", "m", None, 0, 0, "", 0, False, 0)
    assert found.devices == (
        Device(DeviceKind.VIRTUAL, 8, DeviceState.LOCKED, "a", "c", None, 10, 0),
        Device(DeviceKind.VIRTUAL, 9, DeviceState.PIN_LOCKED, "b", "d", None, 20, 30),
    )
    assert found.activated is Activated.LINK
    assert found.link is not None
    assert found.link.reveal() == LINK.reveal()
    assert LINK.reveal() not in repr(found)
    assert (found.pin_locked, found.password_locked, found.maccess_locked) == (True, False, False)


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("ok", Activated.DONE),
        ("OK", Activated.DONE),
        ("expired", Activated.EXPIRED),
        ("in:123456789", Activated.INACTIVE),
        ("link", Activated.LINK),
        ("123456789", Activated.CODE),
        ("", None),
        ("something new", None),
    ],
)
def test_the_place_of_the_code_tells_how_far_the_activation_is(code: str, state: Activated | None) -> None:
    found = details(OLDER.replace("<code>ok</code>", f"<code>{code}</code>"))
    assert found.activated is state
    assert "123456789" not in repr(found)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<caid>3</caid><caid>0</caid>", ""),
        ("<castate>3</castate><castate>0</castate>", ""),
        ("<castate>3</castate><castate>0</castate>", "<castate></castate><castate>0</castate>"),
        ("<nca>1</nca>", "<nca>3</nca>"),
        ("<nca>1</nca>", ""),
        ("<nca>1</nca>", "<nca>-1</nca>"),
        ("<castate>3<", "<castate>three<"),
        ("<login>zoe</login>", ""),
    ],
)
def test_details_that_contradict_themselves_are_no_answer(old: str, new: str) -> None:
    with pytest.raises(ServiceUnavailable):
        details(OLDER.replace(old, new))


def test_a_login_without_devices_has_none_whether_or_not_there_are_counters() -> None:
    assert details("<err>OK</err><login>zoe</login>").devices == ()


def test_a_login_that_does_not_exist_is_unknown(sandbox: SandboxThread) -> None:
    act = target(sandbox.url).actions()
    for ask in (act.details, act.groups_of):
        with pytest.raises(LoginUnknown):
            ask(999_999)


# --- against the local MFA service ------------------------------------------------------------------------------------


def test_a_login_is_created_with_its_code_and_told_of(sandbox: SandboxThread) -> None:
    connected = target(sandbox.url)
    act = connected.actions()
    login_id, code = act.create(PERSON)
    assert re.fullmatch("[0-9]{9}", code.reveal())
    found = act.details(login_id)
    listed = connected.reader.login(login_id, "zoe")
    assert listed is not None
    assert found.login == replace(listed, last_seen=found.login.last_seen)
    assert (found.devices, found.link) == ((), None)


def test_an_inactive_code_is_activated(sandbox: SandboxThread) -> None:
    act = target(sandbox.url).actions()
    login_id, _ = act.create(replace(PERSON, at_creation=AtCreation(Activation.INACTIVE)))
    assert act.details(login_id).activated is Activated.INACTIVE
    assert re.fullmatch("[0-9]{9}", act.activate_code(login_id).reveal())
    assert act.details(login_id).activated is Activated.CODE


def test_a_link_waits_and_is_mailed(sandbox: SandboxThread) -> None:
    act = target(sandbox.url).actions()
    login_id, link = act.create(replace(PERSON, at_creation=AtCreation(Activation.LINK)))
    found = act.details(login_id)
    assert found.link is not None
    assert (found.activated, found.link.reveal()) == (Activated.LINK, link.reveal())
    act.send_link(login_id)


def test_a_full_service_creates_nobody() -> None:
    with SandboxThread(max_logins=2) as sandbox:
        act = target(sandbox.url).actions()
        with pytest.raises(ServiceFull):
            [act.create(replace(PERSON, login=name)) for name in ("zoe", "noe", "joe")]


def test_groups_are_told_with_the_roles_in_them(sandbox: SandboxThread) -> None:
    connected = target(sandbox.url, page_size=2)
    act, groups = connected.actions(), {group.name: group for group in connected.reader.read_groups()}
    login_id, _ = act.create(PERSON)
    assert act.groups_of(login_id) == []
    for name in ("vpn", "wiki"):
        connected.writer().add_to_group(groups[name].id, login_id)
    connected.writer().set_role_in(groups["wiki"].id, login_id, 3)
    assert {each.group.name: each.role for each in act.groups_of(login_id)} == {"vpn": 0, "wiki": 3}


# --- groups -----------------------------------------------------------------------------------------------------------

ONE_GROUP = "<err>OK</err><n>1</n><count>1</count><groupid>7</groupid><name>vpn</name>{}<role>2</role>"


def test_a_login_in_no_group_has_none_where_the_service_leaves_out_what_is_empty() -> None:
    with actions(returned("loginGetGroups", "<err>OK</err><count>0</count><n>0</n>")) as (act, _):
        assert act.groups_of(5) == []


def test_groups_are_read_without_dummies_and_without_a_policy() -> None:
    with actions(returned("loginGetGroups", ONE_GROUP.format(""))) as (act, _):
        assert act.groups_of(5) == [GroupRole(Group(7, "vpn"), 2)]


def test_a_bare_nok_about_a_role_is_settled_by_the_groups() -> None:
    """Who is no member, and whatever else goes wrong, is answered alike."""
    nok, groups = refused("groupAccountQuery", "NOK"), returned("loginGetGroups", ONE_GROUP.format(""))
    for group_id, role in ((7, 2), (8, None)):
        with BrokenServer(in_turn(nok, groups)) as server:
            assert target(server.url).reader.role_in(group_id, 5) == role
    with (
        BrokenServer(in_turn(nok, refused("loginGetGroups", "NOK"))) as server,
        pytest.raises(ServiceUnavailable),
    ):
        target(server.url).reader.role_in(7, 5)


@pytest.mark.parametrize(
    ("inner", "error"),
    [
        ("<err>OK</err><n>1</n><count>1</count><groupid>7</groupid><name>vpn</name>", ServiceUnavailable),
        (ONE_GROUP.format("").replace("<role>2</role>", "<role></role>"), ServiceUnavailable),
        (ONE_GROUP.format("").replace("<count>1<", "<count>2<"), ServiceUnproven),
        ("<err>OK</err><n>1</n><count>1</count>", ServiceUnproven),
    ],
)
def test_groups_that_contradict_themselves_are_not_believed(inner: str, error: type[Exception]) -> None:
    with actions(returned("loginGetGroups", inner)) as (act, _), pytest.raises(error):
        act.groups_of(5)


def test_a_role_of_somebody_else_or_of_nobody_is_not_taken_for_the_one_that_was_asked_for() -> None:
    groups = returned("loginGetGroups", ONE_GROUP.format(""))
    for ids in ("<loginid>0</loginid><groupid>0</groupid>", "<loginid>6</loginid>", "<groupid>8</groupid>"):
        nobody = returned("groupAccountQuery", f"<err>OK</err><roleid>0</roleid>{ids}")
        for group_id, role in ((7, 2), (9, None)):
            with BrokenServer(in_turn(nobody, groups)) as server:
                assert target(server.url).reader.role_in(group_id, 5) == role


def test_a_role_that_is_missing_is_no_role() -> None:
    answer = returned("groupAccountQuery", "<err>OK</err><loginid>5</loginid>")
    with BrokenServer(answer) as server, pytest.raises(ServiceUnavailable):
        target(server.url).reader.role_in(7, 5)


def test_a_service_that_cannot_be_reached_was_sent_nothing() -> None:
    act = target("http://127.0.0.1:1/").actions()
    for change in (*CODES.values(), *RESULTS.values()):
        with pytest.raises(NotSent) as caught:
            change(act)
        assert isinstance(caught.value, CallFailed)
