"""References to other servers are followed to those that the configuration names, and to no other."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from iwds.core.model import Anchor, Entry, Proof
from iwds.demo.slapd import PrivateSlapd
from iwds.errors import AccessRefused, SourceUnavailable
from iwds.sandbox.certificates import Authority
from iwds.sources._follow import DEPTH
from iwds.sources._ldapsettings import Settings
from iwds.sources.ldap import LdapSource, connect
from tests.servers.company import SUFFIX
from tests.servers.responder import Responder, Values, responding
from tests.servers.slapd import require_slapd

REALM = "all of us"
BRANCH = f"ou=lisbon,{SUFFIX}"
ACCOUNT = "cn=reader"
PASSWORD = "one-and-the-same"


def person(login: str, base: str = SUFFIX) -> dict[str, Values]:
    """Somebody whose id is that of their login."""
    key = f"aaaaaaaa-0000-4000-8000-{login.encode().hex():0>12}"
    values = {"objectClass": b"inetOrgPerson", "uid": login.encode(), "entryUUID": key.encode()}
    return {f"uid={login},{base}": {name: [value] for name, value in values.items()}}


def group(name: str, base: str, *members: str) -> dict[str, Values]:
    """A group of these people, by distinguished name."""
    return {f"cn={name},{base}": {"objectClass": [b"groupOfNames"], "member": [dn.encode() for dn in members]}}


class World:
    """Two servers: the first has a suffix and refers to the second for a branch of it."""

    def __init__(self, directory: Path, authority: Authority) -> None:
        self._place, self._authority = directory, authority
        self.stack = ExitStack()
        self.second = self.serve(
            {BRANCH: {}, **person("bea", BRANCH), **group("lisbon", BRANCH, f"uid=bea,{BRANCH}", f"uid=ada,{SUFFIX}")}
        )
        self.first = self.serve(
            {
                "": {"namingContexts": [SUFFIX.encode()]},
                SUFFIX: {},
                **person("ada"),
                **group("all", SUFFIX, f"uid=ada,{SUFFIX}", f"cn=lisbon,{BRANCH}"),
            }
        )
        self.refer(self.second.url)

    def serve(self, entries: dict[str, Values]) -> Responder:
        """One more server, over TLS."""
        return self.stack.enter_context(responding(Responder(entries), self._place, self._authority))

    def refer(self, *urls: str, base: str = BRANCH) -> None:
        """Let the first refer for the branch to any of these servers."""
        self.first.subordinate[BRANCH] = tuple(f"{url}/{base}" for url in urls)

    def source(self, *follow: str, **changes: object) -> LdapSource:
        """A source that reads from the first and follows to these, by default to the second."""
        settings: dict[str, object] = {
            "kind": "ldap",
            "urls": [self.first.url],
            "bind_dn": ACCOUNT,
            "password": PASSWORD,
            "ca_file": self._place / "ca.pem",
            "realm": REALM,
            "users": {"base": SUFFIX},
            "groups": {"base": SUFFIX},
            "referrals": "follow",
            "follow": follow or (self.second.url,),
            "page_size": 1,
            "timeout_s": 10,
        }
        return connect("corp", Settings.model_validate(settings | changes))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    authority = Authority("all servers")
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    made = World(tmp_path, authority)
    with made.stack:
        yield made


def read(source: LdapSource) -> tuple[dict[str, Entry], Proof]:
    """Everybody by login, and the proof."""
    stream = source.read(("uid",))
    people = {entry.attrs["uid"][0]: entry for entry in stream}
    return people, stream.finish()


BOTH = frozenset({f"cn=all,{SUFFIX}", f"cn=lisbon,{BRANCH}"})


@pytest.mark.parametrize("decoder", ["own", "ldap3"])
def test_people_and_groups_of_two_servers_are_one_reading(world: World, decoder: str) -> None:
    source = world.source(decoder=decoder)
    people, proof = read(source)

    assert proof.proven, proof.problems
    assert {login: entry.groups for login, entry in people.items()} == {"ada": BOTH, "bea": BOTH}
    assert {entry.anchor.realm for entry in people.values()} == {REALM}
    assert proof.reasons[-1] == f"references were followed to {world.second.url} ({BRANCH})"
    assert list(source.confirm(proof)) == []
    assert set(world.second.binds) == {ACCOUNT.encode()}


def test_whoever_is_behind_a_reference_is_found_and_nobody_is_made_up(world: World) -> None:
    with closing(world.source()) as source:
        bea = read(source)[0]["bea"]

        assert source.find(bea.anchor, ("uid",)) == bea
        assert source.selects(bea.anchor)
        assert source.find(Anchor(REALM, "aaaaaaaa-0000-4000-8000-00000000dead"), ()) is None
        assert source.shows(BRANCH)


@pytest.mark.parametrize("seen", [True, False])
def test_a_base_on_another_server_is_followed_there(world: World, seen: bool) -> None:
    follow = (world.second.url,) if seen else ("ldaps://elsewhere.example",)
    people, proof = read(world.source(*follow, users={"base": BRANCH}))

    assert set(people) == ({"bea"} if seen else set())
    assert proof.proven is seen


def test_a_server_that_is_not_named_never_sees_the_password(world: World) -> None:
    people, proof = read(world.source("ldaps://elsewhere.example"))

    assert set(people) == {"ada"}
    assert people["ada"].groups is None
    assert f"goes on at other servers that were not asked (1 references: {world.second.url}/{BRANCH})" in "".join(
        proof.problems
    )
    assert world.second.binds == []


def test_an_unencrypted_reference_is_followed_over_the_url_that_is_configured(world: World) -> None:
    world.refer(world.second.url.replace("ldaps:", "ldap:"))

    assert set(read(world.source())[0]) == {"ada", "bea"}


def test_of_several_servers_that_have_the_same_the_one_that_is_named_is_asked(world: World) -> None:
    world.refer("ldap://elsewhere.example", world.second.url)
    people, proof = read(world.source())

    assert (set(people), proof.proven) == ({"ada", "bea"}, True)


def test_what_a_followed_server_does_not_end_with_success_is_unproven(world: World) -> None:
    world.second.pageless = True

    assert not read(world.source())[1].proven


def test_a_followed_server_that_is_not_there_ends_the_reading(world: World) -> None:
    world.refer("ldaps://127.0.0.1:1")

    with pytest.raises(SourceUnavailable, match=r"ldaps://127\.0\.0\.1:1 cannot be reached"):
        read(world.source("ldaps://127.0.0.1:1"))


def test_a_followed_server_with_another_certificate_never_sees_the_password(world: World, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    stranger = Responder(dict(world.second.entries))
    with responding(stranger, tmp_path / "other", Authority("somebody else")):
        world.refer(stranger.url)
        source = world.source(stranger.url)

        with pytest.raises(AccessRefused, match="not trusted"):
            read(source)
        with pytest.raises(AccessRefused, match="not trusted"):
            source.find(Anchor(REALM, "a"), ())

    assert stranger.binds == []
    assert len(world.first.binds) == 1


def test_references_that_lead_in_a_circle_are_a_problem(world: World) -> None:
    """The second does not hold the branch at all and refers back."""
    world.second.entries.clear()
    world.second.subordinate[BRANCH] = (f"{world.first.url}/{BRANCH}",)
    people, proof = read(world.source())

    assert set(people) == {"ada"}
    assert any("ended with 10 referral" in problem for problem in proof.problems)
    assert len(world.first.searches(BRANCH)) == 2  # once for people, once for groups


@pytest.mark.parametrize("length", [DEPTH, DEPTH + 1])
def test_a_chain_of_servers_has_an_end(world: World, length: int) -> None:
    chain = [world.serve({f"ou=o{number},{BRANCH}": {}}) for number in range(length)]
    for one, other in zip([world.first, *chain], chain, strict=False):
        one.subordinate = {BRANCH: (f"{other.url}/{BRANCH}",)}
    chain[-1].subordinate, chain[-1].entries = {}, {**world.second.entries}
    people, proof = read(world.source(*(each.url for each in chain)))

    assert (set(people), proof.proven) == (({"ada", "bea"}, True) if length == DEPTH else ({"ada"}, False))


@pytest.mark.parametrize("query", ["??sub?(uid=*)", "??sub??!1.2.3=x", "??all", "#x"])
def test_a_reference_that_asks_something_else_is_not_followed(world: World, query: str) -> None:
    world.refer(world.second.url, base=BRANCH + query)
    people, proof = read(world.source())

    assert (set(people), proof.proven) == ({"ada"}, False)


def test_a_scope_that_a_reference_gives_is_taken(world: World) -> None:
    world.second.entries |= person("deep", f"ou=deep,{BRANCH}")
    world.refer(world.second.url, base=f"{BRANCH}??one")
    people, proof = read(world.source())

    assert (set(people), proof.proven) == ({"ada", "bea"}, True)


def test_members_that_come_in_parts_are_asked_for_where_the_group_is(world: World) -> None:
    crowd: dict[str, Values] = {}
    for number in range(40):
        crowd |= person(f"c{number}", BRANCH)
    world.second.entries |= crowd | group("crowd", BRANCH, *crowd)
    world.second.entries[f"cn=crowd,{BRANCH}"]["uSNChanged"] = [b"7"]
    world.second.most_values = 15
    people, proof = read(world.source())

    assert proof.proven
    assert sum(f"cn=crowd,{BRANCH}" in (entry.groups or ()) for entry in people.values()) == 40
    assert len(world.second.searches(f"cn=crowd,{BRANCH}")) == 3


def test_two_real_servers_are_one_reading(tmp_path: Path) -> None:
    require_slapd()
    lisbon = tmp_path / "lisbon.ldif"
    lisbon.write_text(
        f"dn: {SUFFIX}\nobjectClass: domain\ndc: example\n\n"
        f"dn: {BRANCH}\nobjectClass: organizationalUnit\nou: lisbon\n\n"
        f"dn: uid=bea,{BRANCH}\nobjectClass: inetOrgPerson\nuid: bea\ncn: Bea\nsn: B\n\n",
        encoding="utf-8",
    )
    with PrivateSlapd(tmp_path / "b", ldif=[lisbon], reader_password=PASSWORD) as second:
        company = tmp_path / "company.ldif"
        company.write_text(
            f"dn: {SUFFIX}\nobjectClass: domain\ndc: example\n\n"
            f"dn: uid=ada,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: ada\ncn: Ada\nsn: A\n\n"
            f"dn: {BRANCH}\nobjectClass: referral\nobjectClass: extensibleObject\nou: lisbon\n"
            f"ref: {second.tls_url}/{BRANCH}\n\n",
            encoding="utf-8",
        )
        with PrivateSlapd(tmp_path / "a", ldif=[company], reader_password=PASSWORD) as first:
            trusted = tmp_path / "ca.pem"
            trusted.write_bytes(first.ca_file.read_bytes() + second.ca_file.read_bytes())
            settings = Settings.model_validate(
                {
                    "kind": "ldap",
                    "urls": [first.tls_url],
                    "bind_dn": first.reader_dn,
                    "password": PASSWORD,
                    "ca_file": trusted,
                    "realm": REALM,
                    "users": {"base": SUFFIX},
                    "referrals": "follow",
                    "follow": [second.tls_url],
                    "page_size": 1,
                }
            )
            with closing(connect("corp", settings)) as source:
                people, proof = read(source)

                assert proof.proven, proof.problems
                assert set(people) == {"ada", "bea"}
                assert source.find(people["bea"].anchor, ("uid",)) == replace(people["bea"], groups=None)
