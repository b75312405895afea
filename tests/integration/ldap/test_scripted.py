"""What Active Directory and broken servers do, and neither slapd nor Samba: a scripted responder plays it over TCP."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from iwds.core.model import Anchor, Entry, Proof
from iwds.errors import SourceUnavailable
from iwds.sources._ldapsettings import Settings
from iwds.sources.ldap import LdapSource, connect
from tests.servers.responder import Asked, HangUp, Responder, Values, responding, slowly
from tests.unit.sources.ldapbytes import notice

SUFFIX = "DC=corp,DC=example"
STAFF = f"OU=Staff,{SUFFIX}"
GROUP = f"CN=all,OU=Groups,{SUFFIX}"
CROWD = 3200
GOODBYE = b"1.3.6.1.4.1.1466.20036"


def person(number: int) -> Values:
    """Somebody with an id, a login, and an account that has expired."""
    return {
        "objectClass": [b"user"],
        "objectGUID": [number.to_bytes(16, "big")],
        "sAMAccountName": [b"p%d" % number],
        "userAccountControl": [b"512"],
        "accountExpires": [b"132223104000000000"],
    }


def company(count: int) -> dict[str, Values]:
    """A domain with so many people, all of them in one group."""
    people = {f"CN=p{number},{STAFF}": person(number) for number in range(count)}
    group: Values = {"objectClass": [b"group"], "member": [dn.encode() for dn in people], "uSNChanged": [b"7"]}
    domain: Values = {"objectClass": [b"domain"], "objectSid": [bytes.fromhex("010100000000000515000000")]}
    return {"": {"namingContexts": [SUFFIX.encode()]}, SUFFIX: domain, STAFF: {}, GROUP: group, **people}


@pytest.fixture
def server() -> Iterator[Responder]:
    """A server with three people."""
    with responding(Responder(company(3))) as running:
        yield running


def source(server: Responder, **changes: object) -> LdapSource:
    """A source that reads from this server."""
    settings: dict[str, object] = {
        "kind": "ldap",
        "urls": [server.url],
        "bind_dn": f"CN=iwds,{SUFFIX}",
        "password": "a password",
        "id": "objectGUID",
        "users": {"base": STAFF, "filter": "(objectClass=user)"},
        "groups": {"base": f"OU=Groups,{SUFFIX}", "filter": "(objectClass=group)"},
        "page_size": 1000,
        "timeout_s": 20,
    }
    server.entries.setdefault(f"OU=Groups,{SUFFIX}", {})
    return connect("corp", Settings.model_validate(settings | changes))


def consume(source: LdapSource, *attributes: str) -> tuple[list[Entry], Proof]:
    """Everybody, and the proof."""
    stream = source.read(attributes)
    return list(stream), stream.finish()


def unavailable(server: Responder, **changes: object) -> str:
    """Why nothing could be read from this server."""
    with pytest.raises(SourceUnavailable) as failed:
        consume(source(server, **changes))
    return failed.value.message


@pytest.mark.parametrize("decoder", ["own", "ldap3"])
def test_a_group_of_which_1500_members_come_at_a_time_is_whole(server: Responder, decoder: str) -> None:
    server.entries, server.most_values = company(CROWD), 1500
    people, proof = consume(source(server, decoder=decoder))

    assert proof.proven
    assert [entry.groups for entry in people] == [frozenset({GROUP.lower()})] * CROWD
    ranges = [asked.attributes[0] for asked in server.searches(GROUP)]
    assert ranges == ["member;range=0-*", "member;range=1500-*", "member;range=3000-*"]


def test_a_group_that_changes_between_two_ranges_is_read_again(server: Responder) -> None:
    server.entries, server.most_values = company(CROWD), 1500
    members = server.entries[GROUP]["member"]

    def lose_one(asked: Asked) -> None:
        """The first of all leaves after the first range, so that all others move up by one and one is never sent."""
        if asked.attributes[0] == "member;range=1500-*" and len(members) == CROWD:
            del members[0]
            server.entries[GROUP]["uSNChanged"] = [b"8"]

    server.before = lose_one
    people, proof = consume(source(server))

    assert proof.proven
    assert [bool(entry.groups) for entry in people] == [False, *[True] * (CROWD - 1)]


def test_a_group_that_never_stands_still_is_not_believed(server: Responder) -> None:
    server.entries, server.most_values = company(CROWD), 1500

    def touch(asked: Asked) -> None:
        if asked.attributes[0].startswith("member;range="):
            server.entries[GROUP]["uSNChanged"] = [b"%d" % len(server.asked)]

    server.before = touch
    people, proof = consume(source(server))

    assert not proof.proven
    assert {entry.groups for entry in people} == {None}


def test_pages_above_max_page_size_are_lowered_and_read_to_the_end(server: Responder) -> None:
    server.entries, server.most_entries = company(CROWD), 1000
    people, proof = consume(source(server, page_size=2000, groups=None))

    assert proof.proven
    assert len(people) == CROWD
    assert f"people: {CROWD} entries from {STAFF} in 4 pages, each ended by the server with success" in proof.reasons


def test_a_server_that_takes_no_pages_and_stops_at_1000_is_not_believed(server: Responder) -> None:
    server.entries, server.most_entries, server.pageless = company(CROWD), 1000, True
    people, proof = consume(source(server, groups=None))

    assert len(people) == 1000
    assert "ended with 4 sizeLimitExceeded" in proof.problems[0]


@pytest.mark.parametrize("decoder", ["own", "ldap3"])
def test_who_we_are_is_part_of_the_view(server: Responder, decoder: str) -> None:
    server.who = rb"u:CORP\iwds"

    assert consume(source(server, decoder=decoder))[1].view.account == r"u:corp\iwds"


def test_a_catalog_without_an_attribute_shows_it_as_absent_for_everybody(server: Responder) -> None:
    server.lacking = frozenset({"accountexpires"})
    people, proof = consume(source(server), "useraccountcontrol", "accountexpires")

    assert proof.proven
    assert {entry.attrs["accountexpires"] for entry in people} == {()}
    assert proof.presence == {"accountexpires": 0, "useraccountcontrol": 3}


def test_a_notice_of_disconnection_in_mid_answer_ends_the_reading(server: Responder) -> None:
    def leave(asked: Asked, messages: list[bytes]) -> Iterator[bytes]:
        if asked.base == STAFF:
            yield messages[0]
            yield notice(GOODBYE, 52, b"going down")
            raise HangUp
        yield from messages

    server.alter = leave

    assert "the server ended the connection with the code 52: going down" in unavailable(server)


def test_an_answer_to_a_question_that_nobody_asked_ends_the_reading(server: Responder) -> None:
    def answer_another(asked: Asked, messages: list[bytes]) -> list[bytes]:
        return server.answer(replace(asked, id=asked.id + 70)) if asked.base == STAFF else messages

    server.alter = answer_another

    assert "was not made" in unavailable(server)


def test_an_answer_that_drips_is_given_up_although_each_byte_comes_in_time(server: Responder) -> None:
    server.alter = slowly(server, 0.02)

    assert "the answer was not whole after 1 seconds" in unavailable(server, timeout_s=1)


def test_a_long_answer_may_take_its_time(server: Responder) -> None:
    """The time for an answer grows with what has come of it."""
    server.entries = company(CROWD)

    def in_pieces(asked: Asked, messages: list[bytes]) -> Iterator[bytes]:
        for part in (messages[:1000], messages[1000:2000], messages[2000:]):
            yield b"".join(part)
            if asked.base == STAFF and part and part[-1] is not messages[-1]:
                server.stopped.wait(0.6)

    server.alter = in_pieces
    people, proof = consume(source(server, timeout_s=1, page_size=100_000))

    assert (len(people), proof.proven) == (CROWD, True)


def test_a_base_that_is_elsewhere_is_not_taken_for_empty(server: Responder) -> None:
    server.elsewhere = ("ldap://emea.example/DC=emea,DC=example",)
    elsewhere = {"base": "DC=emea,DC=example"}

    assert "10 referral ldap://emea.example/DC=emea,DC=example" in unavailable(server, users=elsewhere)
    _, proof = consume(source(server, users=elsewhere, realm="all"))
    assert "ended with 10 referral (ldap://emea.example/DC=emea,DC=example)" in proof.problems[0]


def test_a_person_is_found_by_id_with_their_groups(server: Responder) -> None:
    with closing(source(server)) as asked:
        (_, second, _), _ = consume(asked)
        found = asked.find(second.anchor, ())

        assert found == second
        assert asked.find(Anchor(second.anchor.realm, "00000000-0000-0000-0000-00000000dead"), ()) is None
