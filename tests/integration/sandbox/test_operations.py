"""What the operations of the local MFA service do."""

import re
from collections.abc import Iterator

import pytest

from iwds.sandbox.operations import OPERATE
from iwds.sandbox.server import SandboxThread
from iwds.soap.description import OPERATIONS
from iwds.soap.envelope import SoapFault
from tests.integration.sandbox.client import PERSON, SERVICE, Client

FIELDS = {
    name: PERSON[name] for name in ("login", "firstname", "name", "mail", "phone", "status", "role", "extrafields")
}


def group(client: Client, name: str) -> int:
    answer = client.answer("serviceGroupsQuery", offset=0, nmax=100)
    number = answer.number_arrays["id"][answer.text_arrays["name"].index(name)]
    assert number is not None
    return number


def one(client: Client, login: str) -> dict[str, int | str | None]:
    answer = client.answer("loginSearch", loginname=login, exactmatch=1, offset=0, nmax=1, sort=0)
    numbers = {name: items[0] for name, items in answer.number_arrays.items()}
    return numbers | {name: items[0] for name, items in answer.text_arrays.items()}


def test_the_check_says_which_service_it_is(client: Client) -> None:
    assert client.text("IWDS_check") == f"OK:{SERVICE}"


def test_a_new_service_has_five_groups_and_two_administrators_made_by_the_console(client: Client) -> None:
    groups = client.answer("serviceGroupsQuery", offset=0, nmax=100)
    assert groups.text_arrays["name"] == ["vpn", "mail", "wiki", "finance", "admins-portal"]
    assert groups.number_arrays["id"] == groups.number_arrays["groupid"]
    logins = client.page()
    assert logins.numbers["count"] == 2
    assert logins.number_arrays["role"] == [2, 2]
    assert logins.number_arrays["createdby"] == [0, 0]
    assert logins.text_arrays["code"] == ["ok", "ok"]


def test_a_created_login_is_read_back_as_it_was_given(client: Client) -> None:
    login_id = client.made("zoe")
    found = one(client, "zoe")
    assert {name: found[name] for name in FIELDS} == FIELDS
    assert found["id"] == login_id
    assert found["createdby"] == 1
    assert str(found["code"]).startswith("in:")
    asked = client.answer("loginQuery", loginid=login_id)
    assert {name: {**asked.numbers, **asked.texts}[name] for name in FIELDS} == FIELDS
    assert asked.number_arrays["caid"] == []


def test_a_login_created_by_a_source_carries_its_number(client: Client) -> None:
    source = {**PERSON, "login2": "", "login3": "", "provisioningId": 77}
    assert client.answer("loginCreateBySource", **source).ok
    assert one(client, "zoe")["createdby"] == 77


@pytest.mark.parametrize(("codetype", "state"), [(0, "[0-9]{9}"), (1, "in:[0-9]{9}"), (2, "link")])
def test_the_code_type_decides_what_a_new_login_enrols_with(client: Client, codetype: int, state: str) -> None:
    created = client.create("zoe", codetype=codetype)
    assert len(created.texts["code"]) == (64 if codetype == 2 else 9)
    assert re.fullmatch(state, str(one(client, "zoe")["code"]))


def test_a_login_name_is_taken_whatever_its_case(client: Client) -> None:
    client.made("zoe")
    assert client.create("ZOE").err == "NOK:loginexists"
    other = client.made("noe")
    assert client.text("loginUpdate", **{**FIELDS, "loginid": other, "login": "Zoe"}) == "NOK:login already used"
    assert one(client, "noe")["id"] == other


def test_an_update_overwrites_every_field(client: Client) -> None:
    login_id = client.made("zoe")
    empty: dict[str, int | str] = {"firstname": "", "name": "", "mail": "", "phone": "", "extrafields": ""}
    assert client.text("loginUpdate", loginid=login_id, login="zoe.b", status=1, role=1, **empty) == "OK"
    found = one(client, "zoe.b")
    assert {name: found[name] for name in empty} == empty
    assert (found["id"], found["status"], found["role"], found["createdby"]) == (login_id, 1, 1, 1)


def test_a_login_may_be_renamed_to_another_case_of_its_own_name(client: Client) -> None:
    login_id = client.made("zoe")
    assert client.text("loginUpdate", **{**FIELDS, "loginid": login_id, "login": "Zoe"}) == "OK"


@pytest.mark.parametrize(
    "broken",
    [
        {"login": ""},
        {"login": "zoé"},
        {"login": "a" * 256},
        {"firstname": "a<b"},
        {"name": "a" * 256},
        {"extrafields": "site=1"},
        {"extrafields": '{ "site":"a b" }'},
        {"extrafields": '{ "site":"a", "site":"b" }'},
        {"status": 2},
        {"role": 3},
        {"access": 2},
        {"codetype": 3},
        {"lang": "de"},
    ],
    ids=str,
)
def test_input_that_breaks_the_constraints_is_refused(client: Client, broken: dict[str, int | str]) -> None:
    assert client.create("zoe", **broken).err == "NOK:SN"
    assert client.page().numbers["count"] == 2


def test_names_of_every_script_are_accepted(client: Client) -> None:
    for number, name in enumerate(["Łukasz", "आदित्य", "Нина", "李", "O'Neill-Smith Jr.", "ก้อง"]):
        assert client.create(f"u{number}", firstname=name).err == "OK"


def test_another_service_id_or_user_id_is_forbidden(client: Client) -> None:
    assert client.page(serviceid=1).err == "NOK:access forbidden"
    assert client.text("loginDelete", loginid=1, serviceid=1) == "NOK:access forbidden"
    assert client.page(userid=5).err == "NOK:access forbidden"


@pytest.mark.parametrize("name", ["loginDelete", "loginSendByMail", "loginActivateCode"])
def test_an_unknown_login_is_said_to_be_unknown(client: Client, name: str) -> None:
    assert client.text(name, loginid=12345) == "NOK:account unknown"
    assert client.answer("loginQuery", loginid=12345).err == "NOK:account unknown"


def test_the_id_of_a_deleted_login_is_never_used_again(client: Client) -> None:
    first = client.made("zoe")
    assert client.text("loginDelete", loginid=first) == "OK"
    assert client.text("loginDelete", loginid=first) == "NOK:account unknown"
    assert client.made("zoe") > first


def test_login_ids_start_somewhere_else_in_every_new_service(client: Client) -> None:
    with SandboxThread() as another:
        other = Client(another.url)
        assert other.made("zoe") != client.made("zoe")
        other.close()


@pytest.fixture
def small() -> Iterator[Client]:
    with SandboxThread(max_logins=3, unknown_operations=["loginCreateBySource"]) as sandbox:
        client = Client(sandbox.url)
        yield client
        client.close()


def test_a_full_service_says_so_and_has_room_again_after_a_deletion(small: Client) -> None:
    login_id = small.made("zoe")
    assert small.create("noe").err == "NOK:full"
    small.text("loginDelete", loginid=login_id)
    assert small.create("noe").err == "OK"


def test_an_older_service_does_not_know_the_creation_by_source(small: Client) -> None:
    with pytest.raises(SoapFault) as caught:
        small.answer("loginCreateBySource", **PERSON, login2="", login3="", provisioningId=77)
    assert caught.value.is_unknown_operation


def test_pages_are_in_the_order_asked_for_and_never_overlap(client: Client) -> None:
    for number in range(25):
        client.made(f"u{number:02}", firstname="", name=f"n{number % 3}", mail=f"m{24 - number:02}@example.com")
    pages = [client.page(offset=offset, nmax=10, sort=1) for offset in (0, 10, 20, 30)]
    assert [page.numbers["n"] for page in pages] == [10, 10, 7, 0]
    assert {page.numbers["count"] for page in pages} == {27}
    names = [login for page in pages for login in page.text_arrays["login"]]
    assert names == sorted(names)
    assert len(set(names)) == 27


@pytest.mark.parametrize(
    ("sort", "column", "reverse"),
    [
        (1, "login", False),
        (2, "login", True),
        (3, "name", False),
        (4, "name", True),
        (5, "mail", False),
        (6, "mail", True),
    ],
)
def test_each_sort_sorts_by_its_column(client: Client, sort: int, column: str, reverse: bool) -> None:
    for login, name in (("a", "y"), ("c", "z"), ("b", "x")):
        client.made(login, name=name, mail=f"{name}@example.com")
    values = client.page(sort=sort).text_arrays[column]
    assert values == sorted(values, key=str.lower, reverse=reverse)


def test_a_page_is_as_long_as_asked_up_to_a_thousand(client: Client) -> None:
    for number in range(110):
        client.made(f"u{number}")
    assert client.page(nmax=0).numbers["n"] == 100
    assert client.page(nmax=5000).numbers["n"] == 112


@pytest.mark.parametrize("broken", [{"sort": 7}, {"offset": -1}, {"nmax": -1}], ids=str)
def test_a_page_that_cannot_be_is_refused(client: Client, broken: dict[str, int]) -> None:
    assert client.page(**broken).err == "NOK:SN"


def test_a_search_finds_parts_or_the_whole_name(client: Client) -> None:
    for login in ("zoe", "zoe.b", "noe"):
        client.made(login)
    search = {"offset": 0, "nmax": 100, "sort": 1}
    assert client.answer("loginSearch", loginname="ZOE", exactmatch=0, **search).text_arrays["login"] == [
        "zoe",
        "zoe.b",
    ]
    assert client.answer("loginSearch", loginname="zoe", exactmatch=1, **search).text_arrays["login"] == ["zoe"]
    assert client.answer("loginSearch", loginname="%", exactmatch=0, **search).numbers["n"] == 0
    assert client.answer("loginSearch", loginname="zoe", exactmatch=2, **search).err == "NOK:SN"


def test_memberships_are_made_read_changed_and_ended(client: Client) -> None:
    login_id, vpn = client.made("zoe"), group(client, "vpn")
    assert client.text("groupAccountCreate", groupid=vpn, loginid=login_id, role=0) == "OK"
    assert client.text("groupAccountCreate", groupid=vpn, loginid=login_id, role=0) == "NOK"
    members = client.answer("loginsQueryByGroup", groupid=vpn, offset=0, nmax=100, sort=1)
    assert members.number_arrays["id"] == [login_id]
    assert client.text("groupAccountUpdate", groupid=vpn, loginid=login_id, role=9) == "OK"
    assert client.answer("groupAccountQuery", groupid=vpn, loginid=login_id).numbers["roleid"] == 9
    groups = client.answer("loginGetGroups", loginid=login_id, offset=0, nmax=100)
    assert (groups.text_arrays["name"], groups.number_arrays["role"]) == (["vpn"], [9])
    assert client.text("groupAccountDelete", groupid=vpn, loginid=login_id) == "OK"
    assert client.text("groupAccountDelete", groupid=vpn, loginid=login_id) == "NOK"
    assert client.answer("groupAccountQuery", groupid=vpn, loginid=login_id).err == "NOK"


def test_a_group_that_does_not_exist_is_refused(client: Client) -> None:
    login_id = client.made("zoe")
    assert client.text("groupAccountCreate", groupid=9, loginid=login_id, role=0) == "NOK"
    assert client.answer("loginsQueryByGroup", groupid=9, offset=0, nmax=100, sort=1).err == "NOK"


def test_memberships_end_with_the_login(client: Client) -> None:
    login_id, vpn = client.made("zoe"), group(client, "vpn")
    client.text("groupAccountCreate", groupid=vpn, loginid=login_id, role=0)
    client.text("loginDelete", loginid=login_id)
    assert client.answer("loginsQueryByGroup", groupid=vpn, offset=0, nmax=100, sort=1).numbers["count"] == 0


def test_an_inactive_code_becomes_active_once(client: Client) -> None:
    created = client.create("zoe", codetype=1)
    login_id = created.numbers["id"]
    assert client.text("loginActivateCode", loginid=login_id) == created.texts["code"]
    assert one(client, "zoe")["code"] == created.texts["code"]
    assert client.text("loginActivateCode", loginid=login_id) == "NOK"


def test_a_mail_needs_a_pending_link_and_an_address(client: Client, sandbox: SandboxThread) -> None:
    linked = client.made("zoe", codetype=2)
    assert client.text("loginSendByMail", loginid=linked) == "OK"
    assert client.text("loginSendByMail", loginid=client.made("noe", codetype=2, mail="")) == "NOK"
    assert client.text("loginSendByMail", loginid=client.made("joe", codetype=1)) == "NOK"


@pytest.mark.parametrize("name", ["loginRestore", "loginGetOTP"])
def test_operations_that_an_older_service_lacks_are_unknown_ones(name: str) -> None:
    with SandboxThread(unknown_operations=[name]) as older:
        client = Client(older.url)
        with pytest.raises(SoapFault) as caught:
            client.text(name, loginid=1)
        client.close()
    assert caught.value.is_unknown_operation


def test_every_operation_of_the_document_is_served() -> None:
    assert set(OPERATE) == set(OPERATIONS)
    assert len(OPERATE) == 27
