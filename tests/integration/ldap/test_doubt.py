"""An account that loses rights between two nights gets pages that end with success; nobody pays for it."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from iwds.core.model import Status
from iwds.demo.slapd import PrivateSlapd
from iwds.engine.running import RunReport
from iwds.sources.ldap import LdapSource, connect
from tests.contract.source_contract import consume
from tests.servers.company import GROUP_BASE, SUFFIX, write
from tests.servers.slapd import ldap_settings, slapd
from tests.unit.engine.rehearsal import PlainRules, Rehearsal

PARIS = f"ou=paris,ou=people,{SUFFIX}"
STAFF = f"cn=staff,{GROUP_BASE}"
WRITERS = f"cn=writers,{GROUP_BASE}"
NAMES = ("gus", "hal", "ida")

BRANCH = f"dn: {PARIS}\nobjectClass: organizationalUnit\nou: paris\n\n" + "".join(
    f"dn: uid={name},{PARIS}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\nmail: {name}@x.y\n"
    f"entryUUID: aaaaaaaa-0000-4000-8000-0000000001{number:02}\n\n"
    for number, name in enumerate(NAMES)
)
GROUP = f"dn: {WRITERS}\nobjectClass: groupOfNames\ncn: writers\n" + "".join(
    f"member: uid={name},{PARIS}\n" for name in NAMES
)


class Night:
    """A directory, an account whose rights change by day, and a run every night."""

    def __init__(self, server: PrivateSlapd) -> None:
        self.server = server
        self.stage = Rehearsal(groups=(STAFF, WRITERS))
        self.stage.configure(
            rules=PlainRules(groups={STAFF: False, WRITERS: False}, reads_groups=frozenset({STAFF, WRITERS}))
        )
        self.settings: dict[str, object] = {"page_size": 500}
        self.opened: list[LdapSource] = []

    def source(self) -> LdapSource:
        self.opened.append(connect("corp", ldap_settings(self.server, **self.settings)))
        return self.opened[-1]

    def run(self) -> RunReport:
        self.stage.configure(sources=(self.source(),))
        return self.stage.run()

    def may_not(self, *rules: str) -> None:
        """From now on the reader has these rights less (slapd.access(5)); the first rule that fits counts."""
        self.server.stop()
        file = self.server.directory / "slapd.conf"
        first = "access to attrs=userPassword"
        lines = [f'access to {rule} by dn.exact="{self.server.reader_dn}" none by * read' for rule in rules]
        file.write_text(file.read_text().replace(first, "\n".join([*lines, first]), 1))
        self.server.start()

    def close(self) -> None:
        for source in self.opened:
            source.close()
        self.stage.close()


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    """Seven people, three of them in Paris and in a group of their own; one applied run lies behind.

    The service takes the five whose login is plain ASCII.
    """
    path = write(tmp_path)
    path.write_text(path.read_text(encoding="utf-8") + BRANCH + GROUP + "\n", encoding="utf-8")
    with slapd(tmp_path / "server", path) as server:
        night = Night(server)
        assert night.run().exit_code == 0
        assert {login.login for login in night.stage.target.state.logins.values()} == {"ada", "dmitri", *NAMES}
        yield night
        night.close()


def nobody_lost_anything(night: Night, tonight: Callable[[], RunReport]) -> RunReport:
    """What a run gives that leaves every login and every membership as it was."""
    state = night.stage.target.state
    before = dict(state.logins), set(state.members)
    report = tonight()
    assert (dict(state.logins), set(state.members)) == before
    return report


def said(report: RunReport) -> str:
    (proof,) = report.plan.basis.sources
    return "\n".join((*proof.problems, *report.plan.basis.notes))


def test_an_attribute_that_it_may_not_read_any_more_is_not_cleared(night: Night) -> None:
    night.may_not("attrs=mail")
    report = nobody_lost_anything(night, night.run)
    assert report.exit_code == 3
    assert "corp: mail: 5 people had mail on " in said(report)


def test_an_attribute_of_one_branch_that_it_may_not_read_is_not_cleared(night: Night) -> None:
    night.may_not(f'dn.subtree="{PARIS}" attrs=mail')
    night.server.modify(
        f"dn: uid=ada,ou=people,{SUFFIX}\nchangetype: modify\ndelete: mail\n\n"
        f"dn: uid=chlo\\C3\\A9,ou=people,{SUFFIX}\nchangetype: modify\ndelete: mail\n"
    )
    report = nobody_lost_anything(night, night.run)
    assert "corp: mail: 5 people had mail on " in said(report)


@pytest.mark.parametrize("rule", [f'dn.exact="{WRITERS}" attrs=member', f'dn.exact="{WRITERS}"'])
def test_a_group_that_it_may_not_see_or_whose_members_it_may_not_see_loses_nobody(night: Night, rule: str) -> None:
    night.may_not(rule)
    report = nobody_lost_anything(night, night.run)
    assert f"corp: {WRITERS}: 3 people were in {WRITERS} on " in said(report)


def test_members_of_all_groups_that_it_may_not_see_stay_in_them(night: Night) -> None:
    night.may_not("attrs=member")
    assert "not one group has a member" in said(nobody_lost_anything(night, night.run))


def test_a_branch_that_it_may_not_see_any_more_locks_nobody(night: Night) -> None:
    night.may_not(f'dn.subtree="{PARIS}"')
    report = nobody_lost_anything(night, night.run)
    assert report.exit_code == 3
    assert f"3 people were below {PARIS} in the last proven reading" in said(report)


def test_a_branch_whose_people_really_left_locks_them(night: Night) -> None:
    """The place is still there and may be seen, so that its people are gone and not hidden."""
    night.server.modify(
        "\n".join(f"dn: uid={name},{PARIS}\nchangetype: delete\n" for name in NAMES)
        + f"\ndn: {WRITERS}\nchangetype: delete\n"
    )
    report = night.run()
    assert report.exit_code in (0, 3)
    assert {night.stage.login(name).status for name in NAMES} == {Status.LOCKED}


@pytest.mark.parametrize("canary", [f"UID=Ida, {PARIS}", "ida", "aaaaaaaa-0000-4000-8000-000000000102"])
def test_a_canary_that_it_may_not_see_any_more_makes_the_reading_unproven(night: Night, canary: str) -> None:
    night.settings["canaries"] = [canary]
    assert night.run().exit_code == 0
    night.may_not(f'dn.exact="uid=ida,{PARIS}"')
    report = nobody_lost_anything(night, night.run)
    assert said(report).endswith(f"did not come: {canary}")


def test_a_canary_that_is_there_and_not_selected_makes_it_unproven_too(night: Night) -> None:
    night.settings["canaries"] = ["eve"]
    assert "did not come: eve" in said(nobody_lost_anything(night, night.run))


def test_what_a_canary_is_known_by_is_not_shown_to_the_mapping(night: Night) -> None:
    night.settings["canaries"] = ["ada"]
    stream = night.source().read(("mail",))
    assert {frozenset(entry.attrs) for entry in stream} == {frozenset({"mail"})}
    assert stream.finish().proven


def confirmed(night: Night, changes: str) -> Sequence[str]:
    source = night.source()
    _, proof = consume(source)
    assert source.confirm(proof) == ()
    night.server.modify(changes)
    return source.confirm(proof)


def test_a_second_count_that_differs_is_told(night: Night) -> None:
    (people,) = confirmed(night, f"dn: uid=ida,{PARIS}\nchangetype: delete\n")
    assert people.startswith("the reading gave 7 people, and a second count 6")


def test_a_second_count_of_groups_that_differs_is_told(night: Night) -> None:
    (groups,) = confirmed(night, f"dn: {WRITERS}\nchangetype: delete\n")
    assert groups.startswith("the reading gave 6 groups, and a second count 5")


def test_a_second_count_that_is_cut_is_no_count(tmp_path: Path) -> None:
    limits = 'limits dn.exact="{reader}" size.prtotal=3'
    with slapd(tmp_path / "full", write(tmp_path)) as full, slapd(tmp_path / "cut", write(tmp_path), [limits]) as cut:
        _, proof = consume(connect("corp", ldap_settings(full)))
        (first, *_) = connect("corp", ldap_settings(cut)).confirm(proof)
    assert "4 sizeLimitExceeded" in first


def test_a_place_is_shown_while_it_may_be_seen(night: Night) -> None:
    assert night.source().shows(PARIS)
    night.may_not(f'dn.subtree="{PARIS}"')
    assert not night.source().shows(PARIS)
    assert not night.source().shows(f"ou=never,{SUFFIX}")


def test_the_proof_says_for_whom_the_directory_takes_us(night: Night) -> None:
    _, proof = consume(night.source())
    assert proof.view.account == f"dn:{night.server.reader_dn}"
    assert proof.view.places == {f"ou=people,{SUFFIX}": 4, PARIS: 3}
    night.settings |= {"bind": "anonymous", "bind_dn": None, "password": None}
    assert consume(night.source())[1].view.account == ""


def test_a_directory_without_a_change_counter_has_none(night: Night) -> None:
    _, proof = consume(night.source())
    assert (proof.view.server, proof.view.began, proof.view.ended) == ("", 0, 0)


def test_an_account_that_the_directory_takes_for_another_one_is_doubted(night: Night) -> None:
    night.server.modify(f"dn: uid=ada,ou=people,{SUFFIX}\nchangetype: delete\n")
    night.settings |= {"bind_dn": night.server.admin_dn, "password": night.server.admin_password}
    report = nobody_lost_anything(night, night.run)
    assert f"takes us for dn:{night.server.admin_dn}, and took us for dn:{night.server.reader_dn}" in said(report)
