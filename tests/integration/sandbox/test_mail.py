"""Mails with links, through a real SMTP server."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from iwds.errors import UsageError
from iwds.sandbox.post import Relay, relay
from iwds.sandbox.server import SandboxThread
from iwds.sandbox.store import Store
from tests.integration.sandbox.client import Client
from tests.servers.smtp import Mailbox, mailbox

SENDER = "mfa@corp.example"


@pytest.fixture
def mails() -> Iterator[Mailbox]:
    with mailbox() as running:
        yield running


@pytest.fixture
def data(tmp_path: Path) -> str:
    return str(tmp_path / "sandbox.db")


@pytest.fixture
def client(mails: Mailbox, data: str) -> Iterator[Client]:
    with SandboxThread(data, relay=Relay("127.0.0.1", mails.port, SENDER)) as sandbox:
        client = Client(sandbox.url)
        yield client
        client.close()


def outbox(data: str) -> list[tuple[str, str]]:
    with closing(Store.existing(data)) as store:
        return [(mail["recipient"], mail["relay"]) for mail in store.outbox.mails()]


@pytest.mark.parametrize(("language", "subject"), [("en", "Activate your access"), ("fr", "Activez votre accès")])
def test_a_link_is_mailed_to_its_login(client: Client, mails: Mailbox, data: str, language: str, subject: str) -> None:
    created = client.create("zoe", codetype=2, lang=language)
    assert client.text("loginSendByMail", loginid=created.numbers["id"]) == "OK"
    (mail,) = mails.mails
    assert (mail["From"], mail["To"], mail["Subject"]) == (SENDER, "zoe@example.com", subject)
    text = mail.get_content()
    assert f"{client.url.partition('/v2/')[0]}/console/activate?code={created.texts['code']}" in text
    assert "Zoë O'Neill" in text
    assert outbox(data) == [("zoe@example.com", f"127.0.0.1:{mails.port}")]


def test_a_mail_that_is_refused_is_not_recorded_as_sent(client: Client, mails: Mailbox, data: str) -> None:
    login_id = client.made("zoe", codetype=2)
    mails.refuses = True
    assert client.text("loginSendByMail", loginid=login_id) == "NOK"
    assert (mails.mails, outbox(data)) == ([], [])
    mails.refuses = False
    assert client.text("loginSendByMail", loginid=login_id) == "OK"


@pytest.mark.parametrize("address", ["no address", "<", "a@b@c", "zoé@example.com", "(", "@", "a;b:c"])
def test_an_address_that_no_mail_can_carry_is_refused(client: Client, mails: Mailbox, data: str, address: str) -> None:
    login_id = client.made("zoe", codetype=2, mail=address)
    answer = client.text("loginSendByMail", loginid=login_id)
    assert answer in ("NOK", "OK")
    assert len(outbox(data)) == len(mails.mails) == (answer == "OK")


def test_a_server_that_is_not_there_is_a_refusal(data: str) -> None:
    with mailbox() as gone:
        port = gone.port
    with SandboxThread(data, relay=Relay("127.0.0.1", port, SENDER)) as sandbox:
        client = Client(sandbox.url)
        assert client.text("loginSendByMail", loginid=client.made("zoe", codetype=2)) == "NOK"
        client.close()
    assert outbox(data) == []


def test_other_calls_go_on_while_a_mail_is_under_way(client: Client, mails: Mailbox) -> None:
    login_id = client.made("zoe", codetype=2)
    mails.gate.clear()
    answers: list[str | None] = []
    sending = Client(client.url)
    thread = threading.Thread(target=lambda: answers.append(sending.text("loginSendByMail", loginid=login_id)))
    thread.start()
    assert mails.reached.wait(20)
    assert client.page().err == "OK"
    assert answers == []
    mails.gate.set()
    thread.join(20)
    sending.close()
    assert answers == ["OK"]


def test_a_server_is_written_as_host_and_port() -> None:
    assert relay("", SENDER) is None
    assert relay("[::1]:25", SENDER) == Relay("::1", 25, SENDER)
    for wrong in ("localhost", ":25", "localhost:x", "localhost:0", "localhost:70000"):
        with pytest.raises(UsageError, match="no SMTP server"):
            relay(wrong, SENDER)
