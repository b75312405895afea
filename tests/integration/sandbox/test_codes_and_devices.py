"""Codes, devices and locks as the API sees them; the person acts on the same data file, as the commands do."""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from iwds.core.devices import DeviceKind, DeviceState
from iwds.sandbox.people import Entry, NotAccepted
from iwds.sandbox.server import SandboxThread
from iwds.sandbox.store import Store
from iwds.soap.description import OPERATIONS
from tests.integration.sandbox.client import SERVICE, Client

MA, CA, VA, MAC = DeviceKind.AUTHENTICATOR, DeviceKind.BROWSER, DeviceKind.VIRTUAL, DeviceKind.MACCESS
CODE = "[0-9]{9}"
OF_A_LOGIN = (
    "loginQuery", "loginUpdate", "loginRestore", "loginResetPwd", "loginAddDevice", "loginDelete", "loginSendByMail",
    "loginGetGroups", "loginResetPwdExtended", "loginActivateCode", "loginResetPINErrorCounter", "loginGetOTP",
)  # fmt: skip


@dataclass
class Service:
    """A running service: its API, and its people."""

    client: Client
    store: Store

    def code(self, login_id: int) -> str:
        return self.client.answer("loginQuery", loginid=login_id).texts["code"]

    def text(self, name: str, /, **values: int | str) -> str:
        return str(self.client.text(name, **values))

    def enrolled(self, kind: DeviceKind = MA, login: str = "zoe", pin: str = "1234") -> tuple[int, int]:
        created = self.client.create(login, codetype=0)
        device = self.store.people.use_code(created.texts["code"], kind, "Phone", pin).device
        return created.numbers["id"], device

    def status(self, login: str = "zoe") -> int | None:
        search = {"exactmatch": 1, "offset": 0, "nmax": 9, "sort": 0}
        return self.client.answer("loginSearch", loginname=login, **search).number_arrays["activation_status"][0]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    data = str(tmp_path / "sandbox.db")
    with SandboxThread(data) as sandbox, closing(Store.existing(data)) as store:
        client = Client(sandbox.url)
        yield Service(client, store)
        client.close()


@pytest.mark.parametrize("name", OF_A_LOGIN)
def test_an_unknown_login_is_told_as_such_by_every_operation(service: Service, name: str) -> None:
    fields: dict[str, int | str] = {"codetype": 0, "offset": 0, "nmax": 1, "login": "x", "status": 0, "role": 0}
    fields |= dict.fromkeys(("firstname", "name", "mail", "phone", "extrafields"), "")
    operation = OPERATIONS[name]
    given = {p.name: fields[p.name] for p in operation.request if p.name in fields}
    if operation.result:
        assert service.client.answer(name, loginid=5, **given).err == "NOK:account unknown"
    else:
        assert service.text(name, loginid=5, **given) == "NOK:account unknown"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("loginRestore", {"loginid": 1}),
        ("loginResetPwd", {"loginid": 1}),
        ("loginResetPwdExtended", {"loginid": 1, "codetype": 0}),
        ("loginResetPINErrorCounter", {"loginid": 1}),
        ("loginAddDevice", {"loginid": 1, "codetype": 0}),
        ("loginGetOTP", {"loginid": 1}),
        ("loginUpdateTool", {"toolid": 1, "tooltype": "ma", "name": "x"}),
        ("loginDeleteTool", {"toolid": 1, "tooltype": "ma"}),
    ],
)
def test_another_service_id_is_forbidden_to_all_of_them(
    service: Service, name: str, values: dict[str, int | str]
) -> None:
    assert service.text(name, serviceid=SERVICE + 1, **values) == "NOK:access forbidden"


def test_a_restore_code_replaces_the_devices_once_it_is_used(service: Service) -> None:
    login_id, device = service.enrolled()
    code = service.text("loginRestore", loginid=login_id)
    assert re.fullmatch(CODE, code)
    assert service.client.answer("loginQuery", loginid=login_id).number_arrays["maid"] == [device]
    service.store.people.use_code(code, VA, "Desktop", "9876")
    asked = service.client.answer("loginQuery", loginid=login_id)
    assert (asked.number_arrays["maid"], asked.text_arrays["vaname"]) == ([], ["Desktop"])
    assert asked.texts["code"] == "ok"
    assert service.status() == 4


def test_a_restore_code_serves_a_login_that_was_never_activated(service: Service) -> None:
    login_id = service.client.made("zoe", codetype=2)
    code = service.text("loginRestore", loginid=login_id)
    assert service.code(login_id) == code
    assert service.client.answer("loginQuery", loginid=login_id).texts["longcode"] == ""


def test_a_further_device_needs_a_pin_and_a_code_type_of_the_document(service: Service) -> None:
    pending = service.client.made("noe")
    assert service.text("loginAddDevice", loginid=pending, codetype=0) == "NOK:NoPassword"
    login_id, _ = service.enrolled()
    assert service.text("loginAddDevice", loginid=login_id, codetype=1) == "NOK:SN"
    code = service.text("loginAddDevice", loginid=login_id, codetype=0)
    assert re.fullmatch(CODE, code)
    link = service.text("loginAddDevice", loginid=login_id, codetype=2)
    with pytest.raises(NotAccepted, match="replaced"):
        service.store.people.use_code(code, CA, "Browser")
    service.store.people.use_code(link, CA, "Browser", "1234")
    asked = service.client.answer("loginQuery", loginid=login_id)
    assert (asked.numbers["nma"], asked.numbers["nca"], asked.number_arrays["cault"]) == (1, 1, [1])
    assert service.status() == 3


def test_a_login_shows_each_of_its_devices_with_dates_and_locks(service: Service) -> None:
    login_id, phone = service.enrolled()
    service.store.devices.lock(phone, DeviceState.LOCKED)
    service.store.devices.lock(phone, DeviceState.PIN_LOCKED)
    app = service.store.devices.add(login_id, MAC, "App")
    service.store.people.authenticate("zoe", "1234", device_id=app)
    asked = service.client.answer("loginQuery", loginid=login_id)
    numbers, texts = asked.number_arrays, asked.text_arrays
    assert (numbers["maid"], numbers["mastate"], texts["maname"], numbers["mapushenabled"]) == (
        [phone],
        [3],
        ["Phone"],
        [1],
    )
    assert (numbers["macid"], numbers["macstate"], texts["macname"]) == ([app], [0], ["App"])
    assert numbers["macreationdate"] != [0]
    assert numbers["malastauthdate"] == [0]
    assert numbers["maclastauthdate"] == [asked.numbers["lastauthdate"]] != [0]
    assert texts["maalias"] == [f"ma{phone}"]
    assert (asked.numbers["nca"], asked.numbers["nva"]) == (0, 0)
    assert service.status() == 0


def test_a_tool_is_renamed_and_deleted_by_type_and_id(service: Service) -> None:
    login_id, phone = service.enrolled()
    rename: dict[str, int | str] = {"toolid": phone, "tooltype": "ma", "name": "Zoë's phone"}
    assert service.text("loginUpdateTool", **rename) == "OK"
    assert service.client.answer("loginQuery", loginid=login_id).text_arrays["maname"] == ["Zoë's phone"]
    wrong: list[tuple[str, int | str, str]] = [
        ("tooltype", "ca", "NOK:tool unknown"),
        ("toolid", 1, "NOK:tool unknown"),
        ("tooltype", "xx", "NOK:SN"),
        ("name", "", "NOK:SN"),
        ("name", "a" * 61, "NOK:SN"),
    ]
    for name, value, answer in wrong:
        assert service.text("loginUpdateTool", **{**rename, name: value}) == answer
    assert service.text("loginDeleteTool", toolid=phone, tooltype="va") == "NOK:tool unknown"
    assert service.text("loginDeleteTool", toolid=phone, tooltype="") == "NOK:SN"
    assert service.text("loginDeleteTool", toolid=phone, tooltype="ma") == "OK"
    assert service.text("loginDeleteTool", toolid=phone, tooltype="ma") == "NOK:tool unknown"
    assert service.client.answer("loginQuery", loginid=login_id).numbers["nma"] == 0
    assert service.code(login_id) == "ok"


def test_locks_after_wrong_entries_are_shown_and_lifted_by_a_code(service: Service) -> None:
    login_id, phone = service.enrolled()
    for _ in range(3):
        with pytest.raises(NotAccepted):
            service.store.people.authenticate("zoe", "0000", device_id=phone)
    asked = service.client.answer("loginQuery", loginid=login_id)
    assert [asked.numbers[f"{name}blocked"] for name in ("iwpin", "iwpassword", "macpassword")] == [1, 0, 0]
    assert asked.number_arrays["mastate"] == [2]
    assert service.status() == 0
    code = service.text("loginResetPwdExtended", loginid=login_id, codetype=0)
    assert re.fullmatch(CODE, code)
    service.store.people.use_code(code, MA, "Phone", "9876")
    assert service.client.answer("loginQuery", loginid=login_id).numbers["iwpinblocked"] == 0
    assert service.status() == 1


def test_the_older_reset_makes_a_code_and_does_not_tell_it(service: Service) -> None:
    login_id, _ = service.enrolled()
    assert service.text("loginResetPwd", loginid=login_id) == "OK"
    assert [row["purpose"] for row in service.store.codes.live(login_id)] == [3]


@pytest.mark.parametrize("codetype", [1, 3, -1])
def test_an_unlock_code_of_another_type_is_refused(service: Service, codetype: int) -> None:
    login_id, _ = service.enrolled()
    assert service.text("loginResetPwdExtended", loginid=login_id, codetype=codetype) == "NOK:SN"


def test_who_has_no_pin_has_nothing_to_unlock(service: Service) -> None:
    login_id = service.client.made("zoe")
    assert service.text("loginResetPwd", loginid=login_id) == "NOK:NoPassword"
    assert service.text("loginResetPwdExtended", loginid=login_id, codetype=2) == "NOK:NoPassword"


def test_the_error_counter_is_reset_once_until_somebody_gets_in(service: Service) -> None:
    login_id, _ = service.enrolled()
    assert service.text("loginResetPINErrorCounter", loginid=login_id) == "OK"
    assert service.text("loginResetPINErrorCounter", loginid=login_id) == "NOK:ALREADY"
    service.store.people.authenticate("zoe", "1234")
    assert service.text("loginResetPINErrorCounter", loginid=login_id) == "OK"


def test_the_error_counter_of_a_login_that_other_services_share_is_not_reset(service: Service) -> None:
    login_id, _ = service.enrolled()
    service.store.people.share(login_id, True)
    assert service.text("loginResetPINErrorCounter", loginid=login_id) == "NOK:MULTI"
    service.store.people.share(login_id, False)
    assert service.text("loginResetPINErrorCounter", loginid=login_id) == "OK"


def test_a_one_time_password_lets_somebody_in_unless_locked_or_never_activated(service: Service) -> None:
    login_id, _ = service.enrolled()
    otp = service.text("loginGetOTP", loginid=login_id)
    service.store.people.authenticate("zoe", otp, Entry.OTP)
    pending = service.client.made("noe")
    assert service.text("loginGetOTP", loginid=pending) == "NOK:NOLOGIN"
    service.store.update(login_id, {"status": 1})
    assert service.text("loginGetOTP", loginid=login_id) == "NOK:FORBIDDEN"


def test_a_long_code_leads_to_nine_digits_and_whose_they_are(service: Service) -> None:
    created = service.client.create("zoe", codetype=2)
    login_id, link = created.numbers["id"], created.texts["code"]
    assert service.client.answer("loginQuery", loginid=login_id).texts["longcode"] == link
    code = service.text("loginGetCodeFromLink", code=link)
    assert re.fullmatch(CODE, code)
    info = service.client.answer("loginGetInfoFromLink", code=link)
    assert (info.err, info.numbers["id"], info.texts["code"]) == ("OK", login_id, code)
    assert service.code(login_id) == "link"
    service.store.people.use_code(code, MA, "Phone")
    assert service.text("loginGetCodeFromLink", code=link) == "NOK"
    assert service.client.answer("loginGetInfoFromLink", code=link).err == "NOK"
    assert service.client.answer("loginQuery", loginid=login_id).texts["longcode"] == ""


@pytest.mark.parametrize("code", ["", "x", "123456789", "f" * 64])
def test_a_long_code_that_never_was_is_refused(service: Service, code: str) -> None:
    assert service.text("loginGetCodeFromLink", code=code) == "NOK"
    assert service.client.answer("loginGetInfoFromLink", code=code).err == "NOK"


def test_a_clock_put_forward_expires_codes_in_a_running_service(service: Service) -> None:
    login_id = service.client.made("zoe", codetype=1)
    assert service.code(login_id).startswith("in:")
    service.store.data.advance(22 * 86400)
    assert service.code(login_id) == "expired"
    assert service.text("loginActivateCode", loginid=login_id) == "NOK"
    listed = service.client.page()
    assert listed.text_arrays["code"][listed.number_arrays["id"].index(login_id)] == "expired"
    service.store.data.reset_clock()
    assert service.code(login_id).startswith("in:")


def test_links_of_every_purpose_are_mailed_the_newest_first(service: Service) -> None:
    created = service.client.create("zoe", codetype=2)
    login_id = created.numbers["id"]
    assert service.text("loginSendByMail", loginid=login_id) == "OK"
    service.store.people.use_code(created.texts["code"], MA, "Phone", "1234")
    assert service.text("loginSendByMail", loginid=login_id) == "NOK"
    links = [created.texts["code"]]
    for name in ("loginAddDevice", "loginResetPwdExtended"):
        links.append(service.text(name, loginid=login_id, codetype=2))
        assert service.text("loginSendByMail", loginid=login_id) == "OK"
    mails = service.store.outbox.mails()
    assert [mail["subject"] for mail in mails] == ["Activate your access", "Add a device", "Unlock your access"]
    base = service.client.url.partition("/v2/")[0]
    for mail, link in zip(mails, links, strict=True):
        assert f"{base}/console/activate?code={link}\n" in mail["text"]
        assert (mail["recipient"], mail["relay"]) == ("zoe@example.com", "")


def test_a_group_role_may_be_any_number_from_0(service: Service) -> None:
    login_id = service.client.made("zoe")
    assert service.text("groupAccountCreate", groupid=101, loginid=login_id, role=1001) == "OK"
    assert service.client.answer("groupAccountQuery", groupid=101, loginid=login_id).numbers["roleid"] == 1001
    assert service.text("groupAccountUpdate", groupid=101, loginid=login_id, role=-1) == "NOK:SN"
    assert service.text("groupAccountUpdate", groupid=102, loginid=login_id, role=0) == "NOK"


def test_a_full_service_creates_nobody(tmp_path: Path) -> None:
    with SandboxThread(max_logins=3) as sandbox:
        client = Client(sandbox.url)
        assert client.create("zoe").err == "OK"
        assert client.create("noe").err == "NOK:full"
        client.close()
