"""What a session says of a server that ends the conversation. Scripted bytes answer here."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from iwds.errors import SourceUnavailable
from iwds.sources._connection import Session
from iwds.sources._pages import OwnPages
from iwds.sources._search import Search
from tests.unit.sources.ldapbytes import Wire, ended, entry, notice, paged

SEARCH = Search("dc=x", "subtree", "(uid=*)", ("uid",), 2)
PERSON = entry(b"uid=a", [(b"uid", [b"a"])])


def session(brings: bytes) -> tuple[Session, Wire]:
    """A session over these bytes, with requests numbered from 1, and its socket."""
    wire, numbers = Wire(brings), iter(range(1, 99))
    server = SimpleNamespace(next_message_id=numbers.__next__)
    connection = SimpleNamespace(socket=wire, server=server, unbind=wire.close, receive_timeout=30)
    return Session("ldap://h", connection, encrypted=False, pages=OwnPages), wire


@pytest.mark.parametrize(
    ("brings", "said"),
    [
        (PERSON, r"ldap://h: the connection was lost while dc=x was read \(the server hung up\)"),
        (
            notice(b"1.3.6.1.4.1.1466.20036", 52, b"going down"),
            "ldap://h: the server ended the connection with the code 52: going down while dc=x was read",
        ),
        (b"\x30\x80\x00\x00", "ldap://h: what came while dc=x was read is not LDAP as it must be: the length"),
    ],
)
def test_an_answer_that_does_not_come_whole_is_no_answer(brings: bytes, said: str) -> None:
    conversation, wire = session(brings)

    with pytest.raises(SourceUnavailable, match=said):
        conversation.page(SEARCH)

    assert wire.closed


def test_the_next_page_is_asked_for_before_this_one_is_looked_at() -> None:
    conversation, wire = session(PERSON + ended(0, paged(b"more")) + ended(0, paged(b""), number=2))

    conversation.page(SEARCH)
    assert len(wire.sent) == 2
    assert b"more" in wire.sent[1]

    assert conversation.page(SEARCH, b"more").entries == []
    assert len(wire.sent) == 2


def test_deleted_entries_are_asked_for_as_a_critical_matter_and_only_where_they_are_wanted() -> None:
    conversation, wire = session(ended(0) + ended(0, number=2))
    control = b"\x04\x161.2.840.113556.1.4.417\x01\x01\xff"

    conversation.page(replace(SEARCH, page_size=0, deleted=True))
    conversation.page(replace(SEARCH, page_size=0))
    assert [control in sent for sent in wire.sent] == [True, False]


def test_nothing_is_asked_for_behind_a_page_that_failed() -> None:
    conversation, wire = session(ended(4, paged(b"more")))

    assert conversation.page(SEARCH).code == 4
    assert len(wire.sent) == 1


def test_an_unknown_code_has_no_name() -> None:
    conversation, _ = session(ended(100))

    assert conversation.page(SEARCH).name == "unknown"


def test_a_server_that_does_not_know_who_we_are_says_nothing() -> None:
    conversation, _ = session(ended(2, tag=0x78))

    assert conversation.account() == ""
