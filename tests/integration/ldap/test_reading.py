"""Whatever a real server does short of success, the reading says so."""

import shlex
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from iwds.core.model import Anchor
from iwds.demo.slapd import PrivateSlapd
from iwds.errors import SourceUnavailable
from iwds.sources.ldap import connect
from tests.contract.source_contract import consume
from tests.servers.company import GROUP_BASE, GROUPS, IDS, REALM, SUFFIX
from tests.servers.slapd import ldap_settings


def problems(server: PrivateSlapd, **changes: object) -> str:
    """What speaks against a reading with these settings, which must not be proven."""
    _, proof = consume(connect("corp", ldap_settings(server, **changes)))
    assert not proof.proven
    return "\n".join(proof.problems)


def test_every_page_is_part_of_the_proof(server: PrivateSlapd) -> None:
    _, proof = consume(connect("corp", ldap_settings(server, page_size=1)))

    people = f"people: 4 entries from ou=people,{SUFFIX} in 4 pages, each ended by the server with success"
    assert people in proof.reasons


def test_a_size_limit_in_mid_reading_makes_it_unproven(stingy: PrivateSlapd) -> None:
    people, proof = consume(connect("corp", ldap_settings(stingy, groups=None)))

    assert len(people) == 3
    assert not proof.proven
    assert "page 2 of ou=people,dc=example,dc=org ended with 4 sizeLimitExceeded" in proof.problems[0]
    assert "size.prtotal=unlimited" in proof.problems[0]


def test_groups_that_were_cut_are_not_known(stingy: PrivateSlapd) -> None:
    people, proof = consume(connect("corp", ldap_settings(stingy)))

    assert {entry.groups for entry in people.values()} == {None}
    assert any("nobody's groups are known" in problem for problem in proof.problems)


def test_a_page_size_above_the_limit_is_a_problem_with_advice(stingy: PrivateSlapd) -> None:
    said = problems(stingy, page_size=500, groups=None)

    assert "ended with 11 adminLimitExceeded" in said
    assert "page_size" in said


def test_one_person_cannot_be_told_where_the_answer_is_cut(stingy: PrivateSlapd) -> None:
    wide = {"base": GROUP_BASE, "filter": "(objectClass=groupOfNames)"}
    source = connect("corp", ldap_settings(stingy, groups=wide, page_size=500))

    with pytest.raises(SourceUnavailable, match="adminLimitExceeded"):
        source.find(Anchor(REALM, IDS["ada"]), ())


@pytest.mark.parametrize("setting", ["users", "groups"])
def test_a_base_that_does_not_exist_is_a_problem(server: PrivateSlapd, setting: str) -> None:
    """A container may have vanished: the reading proves nothing, and who chooses may still take what was seen."""
    said = problems(server, **{setting: {"base": f"ou=typo,{SUFFIX}"}})
    source = connect("corp", ldap_settings(server, **{setting: {"base": f"ou=typo,{SUFFIX}"}}))
    wrong = [finding for finding in source.check(()) if not finding.ok or finding.warning]

    assert "ended with 32 noSuchObject" in said
    assert [(finding.what, finding.exit_code) for finding in wrong] == [("base", 78)]
    assert f"Correct `base` of `{setting}`" in wrong[0].advice


def test_references_to_other_servers_are_a_problem(server: PrivateSlapd) -> None:
    branches = {"base": f"ou=branches,{SUFFIX}"}
    said = problems(server, users=branches)

    assert "goes on at other servers that were not asked (1 references: ldap://ldap.lisbon.example" in said


def test_references_may_be_ignored(server: PrivateSlapd) -> None:
    branches = {"base": f"ou=branches,{SUFFIX}"}
    people, proof = consume(connect("corp", ldap_settings(server, users=branches, referrals="ignore")))

    assert list(people) == ["frida"]
    assert proof.proven


def test_a_base_on_another_server_is_a_problem_even_where_references_are_ignored(server: PrivateSlapd) -> None:
    elsewhere = {"base": f"ou=people,ou=lisbon,ou=branches,{SUFFIX}"}
    said = problems(server, users=elsewhere, referrals="ignore")

    assert "ended with 10 referral" in said
    assert "ldap://ldap.lisbon.example" in said


def test_absence_is_in_doubt_where_a_part_of_the_tree_is_elsewhere(server: PrivateSlapd) -> None:
    stranger = Anchor(REALM, "aaaaaaaa-0000-4000-8000-00000000dead")

    with (
        closing(connect("corp", ldap_settings(server))) as source,
        pytest.raises(SourceUnavailable, match="other servers"),
    ):
        source.find(stranger, ())


def test_bytes_that_are_no_text_leave_the_attribute_unknown(server: PrivateSlapd) -> None:
    branches = {"base": f"ou=branches,{SUFFIX}"}
    source = connect("corp", ldap_settings(server, users=branches, referrals="ignore"))
    people, proof = consume(source, ("uid", "jpegphoto"))

    assert people["frida"].attrs == {"uid": ("frida",)}
    assert proof.problems == (f"people whose jpegphoto is not text: uid=frida,ou=branches,{SUFFIX}",)


def test_people_without_an_id_are_named_and_left_out(server: PrivateSlapd) -> None:
    people, proof = consume(connect("corp", ldap_settings(server, id="employeeNumber")))

    assert people == {}
    assert proof.problems[0].startswith("people without employeenumber were left out: uid=")
    assert proof.problems[0].endswith(" and 1 more")


def test_an_id_that_comes_twice_is_named(server: PrivateSlapd) -> None:
    people, proof = consume(connect("corp", ldap_settings(server, id="structuralObjectClass")))

    assert len(people) == 1
    assert proof.problems[0].startswith("the same structuralobjectclass twice; the second was left out: uid=")


def test_groups_may_name_people_by_login(server: PrivateSlapd) -> None:
    unix = {"base": f"ou=unix,{SUFFIX}"}
    with closing(connect("corp", ldap_settings(server, groups=unix, referrals="ignore"))) as source:
        people, _ = consume(source)
        found = source.find(Anchor(REALM, IDS["ada"]), ())

    assert people["ada"].groups == frozenset({f"cn=wheel,ou=unix,{SUFFIX}"})
    assert people["dmitri"].groups == frozenset()
    assert found is not None
    assert found.groups == people["ada"].groups


def test_groups_may_come_from_member_of(own_server: PrivateSlapd) -> None:
    own_server.modify(
        f"dn: cn=fresh,{GROUP_BASE}\nchangetype: add\nobjectClass: groupOfNames\nmember: uid=ada,ou=people,{SUFFIX}\n"
    )
    source = connect("corp", ldap_settings(own_server, groups=None, member_of=True))
    people, proof = consume(source)

    assert proof.proven
    assert people["ada"].groups == frozenset({f"cn=fresh,{GROUP_BASE}"})
    assert people["dmitri"].groups == frozenset()
    assert "memberof" not in people["ada"].attrs


def test_member_of_that_nobody_has_is_a_problem(server: PrivateSlapd) -> None:
    assert "not one person has memberOf" in problems(server, groups=None, member_of=True)


def test_without_groups_in_the_settings_groups_are_not_known(server: PrivateSlapd) -> None:
    people, proof = consume(connect("corp", ldap_settings(server, groups=None)))

    assert {entry.groups for entry in people.values()} == {None}
    assert proof.proven


def test_several_bases_are_read_one_after_the_other(server: PrivateSlapd) -> None:
    both = {"base": [f"ou=people,{SUFFIX}", f"ou=former,{SUFFIX}"]}
    people, proof = consume(connect("corp", ldap_settings(server, users=both)))

    assert {login: entry.groups for login, entry in people.items()} == GROUPS
    assert len(proof.reasons) == 4


def test_a_connection_that_is_lost_in_mid_reading_ends_it(own_server: PrivateSlapd) -> None:
    stream = connect("corp", ldap_settings(own_server, groups=None)).read(("uid",))
    entries = iter(stream)
    next(entries)
    own_server.stop()

    with pytest.raises(SourceUnavailable, match=r"connection was lost|ended the connection"):
        list(entries)
    with pytest.raises(RuntimeError):
        stream.finish()


def test_the_command_line_in_the_proof_asks_the_same(server: PrivateSlapd, tmp_path: Path) -> None:
    people, proof = consume(connect("corp", ldap_settings(server)))
    secret = tmp_path / "secret"
    secret.write_text(server.reader_password)
    command = proof.asked.splitlines()[-1].replace(" -W ", f" -y {shlex.quote(str(secret))} ")

    answer = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)  # noqa: S602

    assert server.reader_password not in proof.asked
    assert answer.stdout.count("entryUUID: ") == len(people)


def test_members_who_are_nobody_are_counted_and_named_and_harm_nobody(server: PrivateSlapd) -> None:
    people, proof = consume(connect("corp", ldap_settings(server)))

    assert proof.proven
    assert {login: entry.groups for login, entry in people.items()} == {login: GROUPS[login] for login in people}
    nobody = f"uid=eve,ou=former,{SUFFIX}; uid=nobody,ou=people,{SUFFIX}; cn=nothing,{GROUP_BASE}"
    assert f"groups: 3 memberships lead to nobody who was read: {nobody}" in proof.reasons
