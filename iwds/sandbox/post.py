"""Mails with links: through an SMTP server where there is one, and to the outbox in the data file."""

import smtplib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from iwds.errors import UsageError
from iwds.sandbox.codes import Purpose
from iwds.sandbox.data import Data

ACTIVATION_PATH = "/console/activate"
TIMEOUT_S = 10
UNDELIVERED = (OSError, smtplib.SMTPException, MessageError, ValueError, IndexError)
"""What `send` raises; the last two where an address is none that a mail can carry."""

_TEXTS = {
    "en": (
        ("Activate your access", "activate your access"),
        ("Add a device", "add a device"),
        ("Restore your access", "restore your access"),
        ("Unlock your access", "unlock your access"),
        "Hello {who},\n\nopen this link to {what} as {login}:\n\n{link}\n\nIt can be used once.\n",
    ),
    "fr": (
        ("Activez votre accès", "activer votre accès"),
        ("Ajoutez un appareil", "ajouter un appareil"),
        ("Rétablissez votre accès", "rétablir votre accès"),
        ("Débloquez votre accès", "débloquer votre accès"),
        "Bonjour {who},\n\nouvrez ce lien pour {what} ({login}) :\n\n{link}\n\nIl ne sert qu'une fois.\n",
    ),
}


@dataclass(frozen=True, slots=True)
class Relay:
    """The SMTP server that mails go to, and whom they are from."""

    host: str
    port: int
    sender: str


def relay(place: str, sender: str) -> Relay | None:
    """The server at `HOST:PORT`; None for an empty text. Raises `UsageError`."""
    host, _, port = place.rpartition(":")
    if not place:
        return None
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"{place} is no SMTP server", "Write HOST:PORT, for example 127.0.0.1:1025")
    return Relay(host.removeprefix("[").removesuffix("]"), int(port), sender)


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail that is to be sent; its text holds a link."""

    login_id: int
    recipient: str
    subject: str
    text: str = field(repr=False)


def letter(login: sqlite3.Row, code: sqlite3.Row, address: str) -> Letter:
    """The mail to a login about a link. `address` is where this sandbox answers: `http://HOST:PORT`."""
    *subjects, body = _TEXTS["fr" if login["lang"] == "fr" else "en"]
    subject, what = subjects[Purpose(code["purpose"])]
    who = f"{login['firstname']} {login['name']}".strip() or login["login"]
    link = f"{address}{ACTIVATION_PATH}?code={code['long_code']}"
    return Letter(
        login["id"], login["mail"], subject, str(body).format(who=who, what=what, login=login["login"], link=link)
    )


def send(relay: Relay, mail: Letter) -> None:
    """Hand a mail to the SMTP server; returns when the server has taken it. Raises `UNDELIVERED`."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = relay.sender, mail.recipient, mail.subject
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain="sandbox.invalid")
    message.set_content(mail.text)
    with smtplib.SMTP(relay.host, relay.port, timeout=TIMEOUT_S) as server:
        server.send_message(message)


class Outbox:
    """The mails of the service: kept in the data file, whether an SMTP server took them or not.

    Attributes:
        relay: the SMTP server; None where mails stay here.
        address: where this sandbox answers, for the links in mails; empty while it does not.
    """

    def __init__(self, data: Data) -> None:
        self._data = data
        self.relay: Relay | None = None
        self.address = ""

    def keep(self, mail: Letter, relay: str = "") -> None:
        """Record that a mail was sent; `relay` is the server that took it."""
        self._data.db.execute(
            "INSERT INTO mail (login_id, sent, recipient, subject, text, relay) VALUES (?, ?, ?, ?, ?, ?)",
            (mail.login_id, self._data.now(), mail.recipient, mail.subject, mail.text, relay),
        )

    def mails(self) -> Sequence[sqlite3.Row]:
        """All mails, the oldest first: every column of the table."""
        return self._data.db.execute("SELECT * FROM mail ORDER BY id").fetchall()
