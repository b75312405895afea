"""Who is gone from a domain, who only moved, and when the domain's own change counter says that nobody can be gone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iwds.core.model import Anchor, Status
from iwds.engine.resync import Wish, resync
from iwds.engine.running import RunReport
from iwds.mapping.compile import load
from iwds.sources.ldap import LdapSource, connect
from tests.servers.domain import ADA, BJORN, CHLOE, FORMER, STAFF, SUFFIX
from tests.servers.samba import ADMIN, PrivateSamba, ad_settings
from tests.unit.engine.rehearsal import Rehearsal

MAPPING = "login: sAMAccountName\nname: sn\nenabled: active-directory\n"
MOVE = "dn: {dn}\nchangetype: modrdn\nnewrdn: {rdn}\ndeleteoldrdn: 1\nnewsuperior: {to}\n"


def connected(domain: PrivateSamba, **changes: object) -> LdapSource:
    return connect("corp", ad_settings(domain, page_size=500, **changes))


class Night:
    """A domain and a run every night."""

    def __init__(self, domain: PrivateSamba, folder: Path) -> None:
        self.domain = domain
        self.stage = Rehearsal(groups=())
        (folder / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
        self.stage.configure(rules=load(folder / "mapping.yaml"))
        self.opened: list[LdapSource] = []

    def run(self, **changes: object) -> RunReport:
        self.opened.append(connected(self.domain, **changes))
        self.stage.configure(sources=(self.opened[-1],))
        return self.stage.run()

    def resync(self, who: str, **changes: object) -> int:
        """The exit code of a resync of one person."""
        self.opened.append(connected(self.domain, **changes))
        self.stage.configure(sources=(self.opened[-1],))
        codes: Any = None  # nobody is created
        return resync(self.stage.job, self.stage.tools, self.stage.writer, lambda: codes, Wish(who, wait=0)).exit_code

    def active(self) -> set[str]:
        """The logins that are not locked."""
        logins = self.stage.target.state.logins.values()
        return {login.login for login in logins if login.status == Status.ACTIVE}

    def close(self) -> None:
        for source in self.opened:
            source.close()
        self.stage.close()


@pytest.fixture
def night(own_domain: PrivateSamba, tmp_path: Path) -> Iterator[Night]:
    """A domain in which ada and dmitri are usable; one applied run lies behind."""
    night = Night(own_domain, tmp_path)
    assert night.run().exit_code == 0
    assert night.active() == {"ada", "dmitri"}
    yield night
    night.close()


def said(report: RunReport) -> str:
    (proof,) = report.plan.basis.sources
    return "\n".join((*proof.problems, *report.plan.basis.notes))


def test_a_deleted_person_is_found_by_id_nowhere(own_domain: PrivateSamba) -> None:
    """The recycle bin is off: what stays is a tombstone, which only an administrator who asks for it sees."""
    source = connected(own_domain)
    ada = Anchor(own_domain.sid, own_domain.guid(ADA))
    assert source.find(ada, ()) is not None

    own_domain.modify(f"dn: {ADA}\nchangetype: delete\n")

    assert source.find(ada, ()) is None
    assert not source.selects(ada)
    source.close()


@pytest.mark.parametrize("decoder", ["own", "ldap3"])
def test_a_tombstone_is_shown_to_an_administrator_alone(own_domain: PrivateSamba, decoder: str) -> None:
    low, high = (connected(own_domain, decoder=decoder, **account) for account in ({}, {"bind_dn": ADMIN}))
    ada, bjorn = (Anchor(own_domain.sid, own_domain.guid(dn)) for dn in (ADA, BJORN))
    own_domain.modify(f"dn: {ADA}\nchangetype: delete\n")

    assert [source.deleted(anchor) for source in (low, high) for anchor in (ada, bjorn)] == [False, False, True, False]
    assert high.find(ada, ()) is None
    for source in (low, high):
        source.close()


def test_a_person_who_moved_or_was_renamed_is_found_by_id(own_domain: PrivateSamba) -> None:
    source = connected(own_domain)
    ada = Anchor(own_domain.sid, own_domain.guid(ADA))

    own_domain.modify(MOVE.format(dn=ADA, rdn="CN=Ada King", to=FORMER))
    found = source.find(ada, ("samaccountname",))

    assert found is not None
    assert (found.name, found.attrs) == (f"CN=Ada King,{FORMER}", {"samaccountname": ("ada",)})
    assert not source.selects(ada)
    source.close()


def test_a_deleted_person_is_locked(night: Night) -> None:
    night.domain.modify(f"dn: {ADA}\nchangetype: delete\n")

    assert night.run().exit_code == 0
    assert night.active() == {"dmitri"}


def test_a_deleted_person_is_locked_at_once_where_the_tombstone_is_seen(night: Night) -> None:
    night.domain.modify(f"dn: {ADA}\nchangetype: delete\n")

    assert night.resync("ada") == 3
    assert night.active() == {"ada", "dmitri"}
    assert night.resync("ada", bind_dn=ADMIN) == 0
    assert night.active() == {"dmitri"}


def test_a_disabled_person_is_locked_and_let_in_again(night: Night) -> None:
    night.domain.modify(f"dn: {ADA}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 514\n")
    assert night.run().exit_code == 0
    assert night.active() == {"dmitri"}

    night.domain.modify(f"dn: {ADA}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 512\n")
    assert night.run().exit_code == 0
    assert night.active() == {"ada", "dmitri"}


def test_each_deletion_moves_the_change_counter(own_domain: PrivateSamba) -> None:
    def counter() -> int:
        stream = connected(own_domain).read(())
        list(stream)
        view = stream.finish().view
        assert view.began == view.ended
        return view.ended

    before = counter()
    assert counter() == before
    for dn in (ADA, BJORN):
        own_domain.modify(f"dn: {dn}\nchangetype: delete\n")

    assert counter() >= before + 2


def test_more_people_nowhere_than_the_change_counter_moved_is_disproof(night: Night) -> None:
    """One change of one group, and the account sees nobody any more: the base is there, pages end with success."""
    domain = night.domain
    domain.set_acl(STAFF, f"(D;CI;RPLC;;;{domain.sid}-514)")
    domain.modify(f"dn: {CHLOE}\nchangetype: modify\nreplace: accountExpires\naccountExpires: 0\n")
    assert night.run().exit_code == 0
    assert night.active() == {"ada", "chloe", "dmitri"}

    guests = f"CN=Domain Guests,CN=Users,{SUFFIX}"
    domain.modify(f"dn: {guests}\nchangetype: modify\nadd: member\nmember: CN=Service Account,CN=Users,{SUFFIX}\n")
    report = night.run()

    assert report.exit_code == 3
    assert "3 people are nowhere in the directory, and by its server's change counter 1 can have been" in said(report)
    assert night.active() == {"ada", "chloe", "dmitri"}
