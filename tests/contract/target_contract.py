"""What every target does. A subclass gives the fixture `target`; each test's name is the sentence that is true."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import pytest

from iwds.core.devices import Activated
from iwds.core.model import Account, Activation, Anchor, AtCreation, Group, Login, Membership, Role, Unmapped
from iwds.errors import LoginTaken, LoginUnknown, OutcomeUnknown, ServiceFull
from iwds.ports import TargetReader, TargetWriter

TAG = 4711
SEATS = 60
"""How many logins the service of the contract may have; `GROUPS` are its groups."""
GROUPS = ("vpn", "wiki")


class Target(Protocol):
    """What `connect` returns."""

    @property
    def reader(self) -> TargetReader: ...

    def writer(self) -> TargetWriter: ...


def account(login: str, **fields: object) -> Account:
    """A person whose every field is governed."""
    person = Account(
        anchor=Anchor("realm", login),
        login=login,
        firstname="Zoë",
        name="O'Neill",
        mail=f"{login}@example.com",
        phone="+33 1 23",
        role=Role.USER,
        enabled=True,
        extra=(("site", "Köln"), ("none", "")),
    )
    return replace(person, **fields)  # type: ignore[arg-type]  # each test names fields of an account


def as_written(login: Login | None) -> Login | None:
    """A login without what not every call tells and nobody writes."""
    return login and replace(login, last_seen=None)


class TargetContract:
    """The suite. The service is empty of logins but for those that it made itself, and has the groups `GROUPS`."""

    @pytest.fixture
    def reader(self, target: Target) -> TargetReader:
        return target.reader

    @pytest.fixture
    def writer(self, target: Target) -> TargetWriter:
        return target.writer()

    @pytest.fixture
    def group(self, reader: TargetReader) -> Callable[[str], Group]:
        return lambda name: next(group for group in reader.read_groups() if group.name == name)

    def everybody(self, reader: TargetReader) -> list[Login]:
        reading = reader.read_logins()
        logins = list(reading)
        assert reading.finish().proven
        return logins

    def members(self, reader: TargetReader, *groups: Group) -> set[Membership]:
        reading = reader.read_memberships([group.id for group in groups])
        memberships = list(reading)
        assert reading.finish().proven
        assert len(set(memberships)) == len(memberships)
        return set(memberships)

    def test_it_names_its_service_and_its_tag(self, reader: TargetReader) -> None:
        assert reader.service.host
        assert reader.service.id > 0
        assert reader.provisioning_id == TAG
        assert reader.timeout > 0

    def test_a_created_login_is_read_back_as_it_was_given(self, reader: TargetReader, writer: TargetWriter) -> None:
        login_id = writer.create(account("zoe"))
        assert login_id > 0
        expected = Login(
            login_id, "zoe", "Zoë", "O'Neill", "zoe@example.com", "+33 1 23", 0, 0, '{ "site":"Köln" }', TAG, False, 0
        )
        assert as_written(reader.login(login_id, "zoe")) == as_written(expected)
        assert expected in self.everybody(reader)

    def test_fields_that_are_not_known_are_created_empty(self, reader: TargetReader, writer: TargetWriter) -> None:
        login_id = writer.create(Account(Anchor("r", "1"), "zoe", enabled=True))
        login = reader.login(login_id, "zoe")
        assert login is not None
        assert (login.firstname, login.name, login.mail, login.phone, login.extra) == ("", "", "", "", "")
        assert (login.role, login.status) == (0, 0)

    def test_only_people_who_are_enabled_are_created(self, reader: TargetReader, writer: TargetWriter) -> None:
        for enabled in (None, False):
            with pytest.raises(ValueError, match="enabled"):
                writer.create(account("zoe", enabled=enabled))
        assert reader.named("zoe") is None

    def test_roles_are_created_as_asked(self, reader: TargetReader, writer: TargetWriter) -> None:
        login_id = writer.create(account("zoe", role=Role.MANAGER))
        login = reader.login(login_id, "zoe")
        assert login is not None
        assert login.role == Role.MANAGER

    def test_a_login_name_is_taken_whatever_its_case(self, reader: TargetReader, writer: TargetWriter) -> None:
        writer.create(account("zoe"))
        with pytest.raises(LoginTaken):
            writer.create(account("ZOE"))
        other = reader.login(writer.create(account("noe")), "noe")
        assert other is not None
        with pytest.raises(LoginTaken):
            writer.update(replace(other, login="Zoe"))

    def test_an_update_overwrites_every_field_and_keeps_the_tag(
        self, reader: TargetReader, writer: TargetWriter
    ) -> None:
        before = reader.login(writer.create(account("zoe")), "zoe")
        assert before is not None
        after = Login(
            before.id, "zoe.b", "", "", "", "", 1, 1, "", before.created_by, before.activated, before.last_seen
        )
        writer.update(after)
        assert as_written(reader.login(before.id, "zoe")) == as_written(after)
        assert as_written(after) in map(as_written, self.everybody(reader))

    def test_an_update_of_what_was_not_read_whole_is_an_error_of_the_caller(
        self, reader: TargetReader, writer: TargetWriter
    ) -> None:
        before = reader.login(writer.create(account("zoe")), "zoe")
        assert before is not None
        with pytest.raises(ValueError, match="phone"):
            writer.update(replace(before, phone=None))
        assert reader.login(before.id, "zoe") == before

    def test_a_login_is_found_by_id_under_any_name(self, reader: TargetReader, writer: TargetWriter) -> None:
        login_id, other = writer.create(account("zoe")), writer.create(account("noe"))
        for name in ("zoe", "elsewhere", "noe", ""):
            found = reader.login(login_id, name)
            assert found is not None
            assert (found.id, found.login) == (login_id, "zoe")
        assert other != login_id

    def test_a_login_is_found_by_name_in_any_case(self, reader: TargetReader, writer: TargetWriter) -> None:
        login_id = writer.create(account("zoe.b"))
        for name in ("zoe.b", "ZOE.B"):
            found = reader.named(name)
            assert found is not None
            assert (found.id, found.created_by) == (login_id, TAG)
        assert reader.named("zoe") is None

    def test_a_deleted_login_is_gone(
        self, reader: TargetReader, writer: TargetWriter, group: Callable[[str], Group]
    ) -> None:
        login_id = writer.create(account("zoe"))
        writer.add_to_group(group("vpn").id, login_id)
        writer.delete(login_id)
        assert reader.login(login_id, "zoe") is None
        assert reader.named("zoe") is None
        assert self.members(reader, group("vpn")) == set()
        assert writer.create(account("zoe")) > login_id

    def test_logins_are_counted_as_a_reading_of_all_counts_them(
        self, reader: TargetReader, writer: TargetWriter
    ) -> None:
        before = reader.count()
        zoe, _ = writer.create(account("zoe")), writer.create(account("noe"))
        assert reader.count() == len(self.everybody(reader)) == before + 2
        writer.delete(zoe)
        assert reader.count() == before + 1

    def test_a_login_that_does_not_exist_is_unknown(
        self, reader: TargetReader, writer: TargetWriter, group: Callable[[str], Group]
    ) -> None:
        before = reader.login(writer.create(account("zoe")), "zoe")
        assert before is not None
        writer.delete(before.id)
        attempts: tuple[Callable[[], None], ...] = (
            lambda: writer.update(before),
            lambda: writer.delete(before.id),
            lambda: writer.add_to_group(group("vpn").id, before.id),
            lambda: writer.set_role_in(group("vpn").id, before.id, 1),
            lambda: writer.send_activation(before.id),
        )
        for attempt in attempts:
            with pytest.raises(LoginUnknown):
                attempt()

    def test_groups_are_listed(self, reader: TargetReader) -> None:
        assert {group.name for group in reader.read_groups()} >= set(GROUPS)

    def test_memberships_are_made_read_and_ended(
        self, reader: TargetReader, writer: TargetWriter, group: Callable[[str], Group]
    ) -> None:
        vpn, wiki = group("vpn"), group("wiki")
        zoe, noe = writer.create(account("zoe")), writer.create(account("noe"))
        for made in ((vpn, zoe), (wiki, zoe), (vpn, noe)):
            writer.add_to_group(made[0].id, made[1])
        writer.remove_from_group(vpn.id, noe)
        assert self.members(reader, vpn, wiki) == {Membership(zoe, vpn.id), Membership(zoe, wiki.id)}
        assert self.members(reader, wiki) == {Membership(zoe, wiki.id)}
        assert self.members(reader) == set()

    def test_a_membership_made_or_ended_twice_has_to_be_settled_by_a_read(
        self, writer: TargetWriter, group: Callable[[str], Group]
    ) -> None:
        vpn, zoe = group("vpn").id, writer.create(account("zoe"))
        writer.add_to_group(vpn, zoe)
        with pytest.raises(OutcomeUnknown):
            writer.add_to_group(vpn, zoe)
        writer.remove_from_group(vpn, zoe)
        with pytest.raises(OutcomeUnknown):
            writer.remove_from_group(vpn, zoe)
        with pytest.raises(OutcomeUnknown):
            writer.add_to_group(999_999, zoe)

    def test_a_role_in_a_group_is_given_changed_and_read(
        self, reader: TargetReader, writer: TargetWriter, group: Callable[[str], Group]
    ) -> None:
        vpn, wiki = group("vpn").id, group("wiki").id
        zoe, noe = writer.create(account("zoe")), writer.create(account("noe"))
        writer.add_to_group(vpn, zoe)
        writer.add_to_group(wiki, zoe, 17)
        assert (reader.role_in(vpn, zoe), reader.role_in(wiki, zoe)) == (0, 17)
        writer.set_role_in(vpn, zoe, 2)
        assert reader.roles_in({vpn}, zoe) == {vpn: 2}
        assert reader.roles_in({vpn, wiki}, zoe) == {vpn: 2, wiki: 17}
        assert reader.role_in(vpn, noe) is None
        assert reader.roles_in({vpn}, noe) == reader.roles_in({vpn, wiki}, noe) == {}
        writer.remove_from_group(wiki, zoe)
        assert reader.roles_in({vpn, wiki}, zoe) == {vpn: 2}

    def test_a_role_of_nobody_and_in_no_group_is_none(
        self, reader: TargetReader, writer: TargetWriter, group: Callable[[str], Group]
    ) -> None:
        vpn, zoe = group("vpn").id, writer.create(account("zoe"))
        writer.delete(zoe)
        assert reader.role_in(vpn, zoe) is None
        assert reader.roles_in({vpn, group("wiki").id}, zoe) == {}
        assert reader.role_in(999_999, writer.create(account("noe"))) is None

    def test_a_role_of_somebody_who_is_no_member_has_to_be_settled_by_a_read(
        self, reader: TargetReader, writer: TargetWriter, group: Callable[[str], Group]
    ) -> None:
        vpn, zoe = group("vpn").id, writer.create(account("zoe"))
        with pytest.raises(OutcomeUnknown):
            writer.set_role_in(vpn, zoe, 1)
        assert reader.role_in(vpn, zoe) is None

    def test_roles_are_known_by_name(self, reader: TargetReader) -> None:
        assert reader.group_roles == {"user": 0, "manager": 1, "administrator": 2, "auditor": 17}

    def test_a_mail_is_sent_for_a_pending_link_only(self, writer: TargetWriter) -> None:
        writer.send_activation(writer.create(account("zoe", at_creation=AtCreation(Activation.LINK))))
        with pytest.raises(OutcomeUnknown):
            writer.send_activation(writer.create(account("noe")))
        with pytest.raises(OutcomeUnknown):
            writer.send_activation(writer.create(account("joe", mail="", at_creation=AtCreation(Activation.LINK))))

    def test_how_far_each_activation_is_stands_beside_the_login(
        self, reader: TargetReader, writer: TargetWriter
    ) -> None:
        made = {writer.create(account(f"is.{kind}", at_creation=AtCreation(kind))): kind for kind in Activation}
        listing = reader.read_enrolments()
        enrolments = list(listing)
        assert listing.finish().proven
        assert [each.login for each in enrolments] == self.everybody(reader)
        far = {each.login.id: each.activated for each in enrolments}
        assert {number: far[number] for number in made} == {n: Activated(kind.value) for n, kind in made.items()}

    def test_a_full_service_says_so_and_has_room_again_after_a_deletion(
        self, reader: TargetReader, writer: TargetWriter
    ) -> None:
        made = [writer.create(account(f"u{number}")) for number in range(SEATS - len(self.everybody(reader)))]
        with pytest.raises(ServiceFull):
            writer.create(account("zoe"))
        writer.delete(made[0])
        assert writer.create(account("zoe")) > 0

    def test_a_reading_of_many_pages_is_whole_and_in_order(self, reader: TargetReader, writer: TargetWriter) -> None:
        made = {writer.create(account(f"u{number:02}")) for number in range(25)}
        logins = self.everybody(reader)
        assert made <= {login.id for login in logins}
        assert [login.login for login in logins] == sorted(login.login for login in logins)

    def test_a_reading_is_read_once_and_proves_nothing_before_its_end(self, reader: TargetReader) -> None:
        reading = reader.read_logins()
        with pytest.raises(RuntimeError):
            reading.finish()
        iter(reading)
        with pytest.raises(RuntimeError):
            reading.finish()
        with pytest.raises(RuntimeError):
            iter(reading)

    def test_a_proof_says_what_was_asked_and_counted(self, reader: TargetReader) -> None:
        reading = reader.read_logins()
        count = len(list(reading))
        proof = reading.finish()
        assert (proof.name, proof.realm, proof.count) == ("service", "", count)
        assert str(reader.service) in proof.asked
        assert proof.taken_at.tzinfo is not None

    def test_people_are_brought_within_the_constraints_of_the_service(self, reader: TargetReader) -> None:
        changed = reader.normalise(account("zoe", name="O\u2019Neill"), "cn=zoe")
        assert isinstance(changed, Account)
        assert changed.name == "O'Neill"
        assert isinstance(reader.normalise(account("zoé"), "cn=zoe"), Unmapped)

    def test_tagged_creation_is_known_and_nothing_was_created_to_find_out(self, reader: TargetReader) -> None:
        before = self.everybody(reader)
        assert reader.knows_tagged_creation()
        assert self.everybody(reader) == before

    def test_the_check_is_well(self, reader: TargetReader) -> None:
        findings = list(reader.check())
        assert findings
        assert all(finding.ok for finding in findings)

    def test_closing_twice_does_no_harm(self, target: Target) -> None:
        writer = target.writer()
        for half in (target.reader, writer, target.reader, writer):
            half.close()
