"""The page behind a link, over real HTTP; and in a browser where one is installed."""

import base64
import hashlib
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest
import urllib3

from iwds.core.devices import DeviceKind
from iwds.sandbox.server import SandboxThread
from iwds.sandbox.store import Store
from tests.integration.sandbox.client import Client
from tests.servers import require


class Person:
    """Somebody with a link and a browser."""

    def __init__(self, client: Client, store: Store) -> None:
        self.client, self.store = client, store
        self.address = client.url.partition("/v2/")[0] + "/console/activate"
        self._pool = urllib3.PoolManager(retries=False)

    def open(self, link: str) -> urllib3.BaseHTTPResponse:
        return self._pool.request("GET", f"{self.address}?{urlencode({'code': link})}")

    def send(self, link: str, **fields: str) -> urllib3.BaseHTTPResponse:
        filled = {"code": link, "device": "ma", "name": "My phone", "pin": "1234", **fields}
        return self.post(urlencode(filled).encode())

    def post(self, body: bytes) -> urllib3.BaseHTTPResponse:
        headers: Mapping[str, str] = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._pool.request("POST", self.address, body=body, headers=headers)

    def invited(self, **fields: int | str) -> tuple[int, str]:
        created = self.client.create("zoe", codetype=2, **fields)
        return created.numbers["id"], created.texts["code"]


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    data = str(tmp_path / "sandbox.db")
    with SandboxThread(data) as sandbox, closing(Store.existing(data)) as store:
        client = Client(sandbox.url)
        yield Person(client, store)
        client.close()


def heading(response: urllib3.BaseHTTPResponse) -> str:
    found = re.search(r"<h1>(.*?)</h1>", response.data.decode())
    assert found
    return unescape(found[1])


def test_a_link_shows_for_whom_it_is_and_enrols_what_is_chosen(person: Person) -> None:
    login_id, link = person.invited()
    page = person.open(link)
    assert (page.status, heading(page)) == (200, "Activate your access")
    assert "Zoë O&#x27;Neill (zoe)" in page.data.decode()
    done = person.send(link, device="va", name="Work")
    assert (done.status, heading(done)) == (200, "Done")
    (device,) = person.store.devices.of(login_id)
    assert (device["kind"], device["name"]) == ("va", "Work")
    person.store.people.authenticate("zoe", "1234")


def test_looking_at_a_link_does_not_use_it(person: Person) -> None:
    login_id, link = person.invited()
    for _ in range(3):
        assert person.open(link).status == 200
    assert person.client.answer("loginQuery", loginid=login_id).texts["code"] == "link"


def test_links_that_are_unknown_used_replaced_or_expired_have_a_friendly_page(person: Person) -> None:
    login_id, link = person.invited()
    for unknown in ("", "x", "f" * 64, "<script>", "é"):
        for answer in (person.open(unknown), person.send(unknown)):
            assert (answer.status, heading(answer)) == (404, "We do not know this link")
            assert b"<script>" not in answer.data
    assert person.send(link).status == 200
    for answer in (person.open(link), person.send(link)):
        assert (answer.status, heading(answer)) == (410, "This link is no longer valid")
        assert "used already" in answer.data.decode()
    first, second = (str(person.client.text("loginAddDevice", loginid=login_id, codetype=2)) for _ in range(2))
    assert "replaced" in person.open(first).data.decode()
    person.store.data.advance(22 * 86400)
    assert (person.open(second).status, "expired" in person.open(second).data.decode()) == (410, True)


def test_nine_digits_are_for_a_device_and_not_for_the_page(person: Person) -> None:
    code = person.client.create("zoe", codetype=0).texts["code"]
    assert (person.open(code).status, person.send(code).status) == (404, 404)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"pin": ""}, "A PIN is needed"),
        ({"pin": "12"}, "A PIN has 4 to 64 characters"),
        ({"device": "toaster"}, "Choose one of the devices"),
        ({"name": "a" * 61}, "A device's name has"),
    ],
    ids=str,
)
def test_what_is_missing_is_said_and_the_link_stays_good(person: Person, fields: dict[str, str], problem: str) -> None:
    _, link = person.invited()
    answer = person.send(link, **fields)
    assert answer.status == 400
    assert problem in unescape(answer.data.decode())
    assert person.send(link).status == 200


def test_a_device_without_a_name_is_called_by_its_type(person: Person) -> None:
    login_id, link = person.invited()
    person.send(link, name=" ")
    assert [row["name"] for row in person.store.devices.of(login_id)] == ["Authenticator app"]


def test_a_further_device_asks_for_the_pin_that_there_is(person: Person) -> None:
    login_id, link = person.invited()
    person.send(link)
    more = str(person.client.text("loginAddDevice", loginid=login_id, codetype=2))
    assert "Your PIN" in person.open(more).data.decode()
    assert person.send(more, pin="9999", device="ca").status == 400
    assert person.send(more, device="ca").status == 200
    assert [row["kind"] for row in person.store.devices.of(login_id)] == ["ma", "ca"]


def test_an_unlock_link_asks_for_a_new_pin_only(person: Person) -> None:
    login_id, link = person.invited()
    person.send(link)
    unlock = str(person.client.text("loginResetPwdExtended", loginid=login_id, codetype=2))
    page = person.open(unlock)
    assert heading(page) == "Unlock your access"
    assert b'name="device"' not in page.data
    assert person.post(urlencode({"code": unlock, "pin": "9876"}).encode()).status == 200
    person.store.people.authenticate("zoe", "9876")
    assert len(person.store.devices.of(login_id)) == 1


def test_markup_in_a_name_is_shown_as_text(person: Person) -> None:
    login_id, link = person.invited()
    person.store.update(login_id, {"firstname": "<b onload=x>", "name": '"&'})
    assert "&lt;b onload=x&gt; &quot;&amp; (zoe)" in person.open(link).data.decode()


def test_every_answer_is_closed_to_caches_referrers_and_foreign_content(person: Person) -> None:
    _, link = person.invited()
    for answer in (person.open(link), person.open("x"), person.send(link, pin=""), person.send(link)):
        headers, text = answer.headers, answer.data.decode()
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
        assert style
        digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert f"style-src 'sha256-{digest}'" in policy
        assert "style=" not in text
        assert not re.search(r"<script|src=|https?://", text)


@pytest.mark.parametrize("body", [b"x" * 20_000, b"\xff\xfe=1", b"&".join([b"a=1"] * 50)])
def test_a_form_that_is_none_is_refused(person: Person, body: bytes) -> None:
    assert person.post(body).status == 413


def test_a_browser_shows_the_page_at_the_width_of_a_phone(person: Person, tmp_path: Path) -> None:
    require("chromium", "chromium")
    _, link = person.invited()
    picture = tmp_path / "page.png"
    options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=390,844"]
    subprocess.run(
        ["chromium", *options, f"--screenshot={picture}", f"{person.address}?code={link}"],
        check=True,
        capture_output=True,
        timeout=120,
    )
    assert picture.stat().st_size > 5000


def test_every_type_of_device_can_be_chosen(person: Person) -> None:
    _, link = person.invited()
    page = person.open(link).data.decode()
    assert set(re.findall(r'name="device" value="(\w+)"', page)) == set(DeviceKind)
