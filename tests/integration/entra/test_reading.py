"""What a reading of a tenant gives, while the tenant lies still and while it moves."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from iwds.core.hygiene import dangling_in
from iwds.core.model import Entry, Proof
from iwds.sources.entra import EntraSource
from tests.graph.server import HIDDEN_READ, GraphServer
from tests.graph.tenant import TENANT, Tenant

Connect = Callable[..., EntraSource]
Happening = Callable[[Callable[[], object]], None]
EXTENSION = "extension_0123456789abcdef0123456789abcdef_costCenter"


def read(source: EntraSource, *attributes: str) -> tuple[dict[str, Entry], Proof]:
    """Everybody by the part of their name before the at sign, and the proof."""
    stream = source.read(attributes)
    entries = list(stream)
    people = {entry.name.partition("@")[0]: entry for entry in entries}
    assert len(people) == len(entries)
    return people, stream.finish()


class TestWhatIsAskedFor:
    def test_the_mark_comes_first_then_the_lists_and_what_changed_last(
        self, source: Connect, graph: GraphServer
    ) -> None:
        read(source(), "surname")

        order = list(dict.fromkeys(graph.paths()))
        assert order == ["/users/delta", "/groups/delta", "/users"]
        assert "deltatoken=latest" in graph.asked[0]
        assert graph.paths()[-1] == "/users/delta"
        assert "latest" not in graph.asked[-1]

    def test_pages_are_as_large_as_graph_gives_them(self, source: Connect, graph: GraphServer) -> None:
        read(source())

        assert parse_qs(urlsplit(graph.asked[graph.paths().index("/users")]).query)["$top"] == ["999"]

    def test_only_what_the_mapping_asks_for_is_selected_beside_what_is_always_needed(
        self, source: Connect, graph: GraphServer
    ) -> None:
        read(source(), "surname", "extensionattribute3", "onpremisessamaccountname")

        select = parse_qs(urlsplit(graph.asked[0]).query)["$select"][0]
        assert set(select.split(",")) == {
            *("id", "accountEnabled", "userType", "userPrincipalName"),
            *("surname", "onPremisesExtensionAttributes", "onPremisesSamAccountName"),
        }

    def test_it_says_that_it_can_wait(self, source: Connect, graph: GraphServer) -> None:
        read(source())

        assert set(graph.priorities) == {"low"}

    def test_the_command_in_the_proof_is_the_question(self, source: Connect, graph: GraphServer) -> None:
        _, proof = read(source(), "surname")

        people, groups = proof.asked.splitlines()
        assert people.startswith(f"GET {graph.origin}/v1.0/users?$select=")
        assert groups.startswith(f"GET {graph.origin}/v1.0/groups/delta?$select=")


class TestAttributes:
    def test_each_kind_of_value_becomes_text(self, source: Connect, tenant: Tenant) -> None:
        tenant.user(
            "full",
            businessPhones=["+33 1", "+33 2"],
            onPremisesExtensionAttributes={"extensionAttribute1": "red", "extensionAttribute2": None},
            employeeOrgData={"costCenter": "C7"},
            onPremisesSyncEnabled=True,
            surname="",
            **{EXTENSION: "C8"},
        )
        asked = ("businessphones", "extensionattribute1", "extensionattribute2", "costcenter", "onpremisessyncenabled")

        people, _ = read(source(extensions=[EXTENSION]), *asked, EXTENSION.lower(), "surname", "id", "accountenabled")

        assert people["full"].attrs == {
            "businessphones": ("+33 1", "+33 2"),
            "extensionattribute1": ("red",),
            "extensionattribute2": (),
            "costcenter": ("C7",),
            "onpremisessyncenabled": ("true",),
            EXTENSION.lower(): ("C8",),
            "surname": (),
            "id": (people["full"].anchor.id,),
            "accountenabled": ("true",),
        }
        assert people["user1"].attrs["extensionattribute1"] == people["user1"].attrs["businessphones"] == ()

    def test_what_graph_does_not_have_is_not_known_and_never_empty(self, source: Connect) -> None:
        people, proof = read(source(), "samaccountname", "signinactivity", "surname")

        assert all(entry.attrs.keys() == {"surname"} for entry in people.values())
        assert proof.presence == {"samaccountname": 0, "signinactivity": 0, "surname": 10}

    def test_what_only_another_directory_has_is_empty_where_somebody_said_so(self, source: Connect) -> None:
        people, _ = read(source(absent=["sAMAccountName"]), "samaccountname")

        assert people["user1"].attrs == {"samaccountname": ()}


class TestWho:
    def test_guests_are_passed_over_unless_they_are_asked_for(self, source: Connect, tenant: Tenant) -> None:
        tenant.user("alice_x.org#EXT#", userType="Guest")
        tenant.user("made_x.org#EXT#", userType="Member")

        assert "alice_x.org#EXT#" not in read(source())[0]
        assert read(source(guests=True))[0].keys() >= {"alice_x.org#EXT#", "made_x.org#EXT#"}

    def test_an_account_without_a_type_is_no_guest(self, source: Connect, tenant: Tenant) -> None:
        tenant.user("old", userType=None)

        assert "old" in read(source())[0]

    def test_disabled_people_are_read_as_such_and_silence_is_no_word(self, source: Connect, tenant: Tenant) -> None:
        tenant.user("off", accountEnabled=False)
        tenant.user("unsaid", accountEnabled=None)

        people, _ = read(source(), "accountenabled")

        assert people["user1"].enabled is True
        assert people["off"].enabled is False
        assert people["off"].attrs == {"accountenabled": ("false",)}
        assert people["unsaid"].enabled is None
        assert people["unsaid"].attrs == {}

    def test_of_whoever_may_not_be_seen_nothing_is_known(self, source: Connect, tenant: Tenant) -> None:
        key = tenant.user("secret", surname="Secret")
        tenant.opaque.add(key)

        people, proof = read(source(), "surname")

        hidden = people[key]
        assert (hidden.attrs, hidden.groups, hidden.enabled) == ({}, None, None)
        assert proof.proven
        assert any("nothing but the id" in reason and key in reason for reason in proof.reasons)

    def test_the_realm_is_the_tenant_and_the_anchor_the_object_id(self, source: Connect, tenant: Tenant) -> None:
        people, proof = read(source())

        assert {entry.anchor.id for entry in people.values()} == set(tenant.users)
        assert {entry.anchor.realm for entry in people.values()} == {TENANT} == {proof.realm}

    def test_a_tenant_without_anybody_is_not_believed(self, source: Connect, tenant: Tenant) -> None:
        tenant.users.clear()

        assert not read(source())[1].proven

    def test_canaries_are_known_by_id_and_by_both_logins(self, source: Connect, tenant: Tenant) -> None:
        key = tenant.user("canary", onPremisesSamAccountName="tweety")

        assert read(source(canaries=[key, "TWEETY", "canary@corp.example"]))[1].proven
        assert read(source(canaries=["sylvester"]))[1].problems


class TestGroups:
    def test_members_come_in_slices_over_many_pages(self, source: Connect) -> None:
        people, _ = read(source())

        assert all("everybody" in (entry.groups or ()) for entry in people.values())

    def test_groups_in_groups_are_unfolded_through_a_circle(self, source: Connect, tenant: Tenant) -> None:
        keys = [tenant.group(name) for name in ("a", "b", "c")]
        user = tenant.user("inner")
        tenant.join(keys[0], user)
        for inner, outer in zip(keys, (*keys[1:], keys[0]), strict=True):
            tenant.join(outer, inner)

        assert read(source())[0]["inner"].groups == frozenset({"a", "b", "c", *keys})

    def test_devices_and_service_principals_are_nobody(self, source: Connect, tenant: Tenant) -> None:
        machines = tenant.group("machines")
        tenant.join(machines, *tenant.users, kind="servicePrincipal")

        assert all("machines" not in (entry.groups or ()) for entry in read(source())[0].values())

    def test_a_membership_that_leads_to_nobody_is_told_as_a_doctor_understands_it(
        self, source: Connect, tenant: Tenant
    ) -> None:
        (group,) = tenant.groups
        tenant.join(group, "aaaaaaaa-0000-4000-8000-00000000dead")

        assert dangling_in(read(source())[1].reasons) == (1, "aaaaaaaa-0000-4000-8000-00000000dead")

    def test_a_member_who_left_again_on_a_later_page_is_no_member(
        self, source: Connect, tenant: Tenant, graph: GraphServer
    ) -> None:
        (group,), (first, second, *_) = tenant.groups, tenant.users
        gone = {"@odata.type": "#microsoft.graph.user", "id": first, "@removed": {"reason": "deleted"}}
        back = {"@odata.type": "#microsoft.graph.user", "id": second}
        graph.answers.extra["groups"] = [
            {"id": group, "members@delta": [gone, {**back, "@removed": {"reason": "deleted"}}]},
            {"id": group, "members@delta": [back]},
        ]

        people, _ = read(source())

        assert "everybody" not in (people["user0"].groups or ())
        assert "everybody" in (people["user1"].groups or ())

    def test_a_group_that_was_deleted_holds_nobody(self, source: Connect, tenant: Tenant, graph: GraphServer) -> None:
        (group,) = tenant.groups
        other = tenant.group("other")
        tenant.join(other, *tenant.users)
        graph.answers.extra["groups"] = [{"id": group, "@removed": {"reason": "changed"}}]

        people, _ = read(source())

        assert people["user0"].groups == frozenset({"other", other})

    def test_a_name_like_a_distinguished_name_stands_for_nothing(self, source: Connect, tenant: Tenant) -> None:
        key = tenant.group("cn=Admins,dc=x")
        tenant.join(key, *tenant.users)

        (everybody, other) = tenant.groups
        assert read(source())[0]["user0"].groups == frozenset({"everybody", everybody, other})
        assert other == key

    def test_who_is_in_a_group_that_hides_its_members_is_not_known(
        self, source: Connect, tenant: Tenant, graph: GraphServer
    ) -> None:
        hidden, above = tenant.group("Class 7b", visibility="HiddenMembership"), tenant.group("pupils")
        tenant.join(hidden, *tenant.users)
        tenant.join(above, hidden)

        before, _ = read(source())
        graph.granted.add(HIDDEN_READ)
        after, _ = read(source())

        assert before["user0"].unread == {"Class 7b", hidden, "pupils", above}
        assert "pupils" not in (before["user0"].groups or ())
        assert after["user0"].unread == frozenset()
        assert {"Class 7b", "pupils"} <= (after["user0"].groups or frozenset())

    def test_groups_without_any_member_are_not_believed(self, source: Connect, tenant: Tenant) -> None:
        for members in tenant.members.values():
            members.clear()

        assert not read(source())[1].proven

    def test_without_groups_nobody_s_are_known_and_none_are_asked_for(
        self, source: Connect, graph: GraphServer
    ) -> None:
        people, proof = read(source(groups=False))

        assert {entry.groups for entry in people.values()} == {None}
        assert proof.proven
        assert not any("/groups" in path for path in graph.paths())


class TestWhileItMoves:
    """Something happens after the second page of the list was given."""

    @pytest.fixture
    def meanwhile(self, graph: GraphServer) -> Happening:
        def then(happens: Callable[[], object]) -> None:
            graph.fault("/users?", status=200, after=2, then=happens)

        return then

    def test_the_newest_value_counts(self, source: Connect, tenant: Tenant, meanwhile: Happening) -> None:
        first, *_, last = tenant.users

        def happens() -> None:
            for key in (first, last):
                tenant.change(key, surname="New")

        meanwhile(happens)

        people, proof = read(source(), "surname")

        assert (people["user0"].attrs, people["user9"].attrs) == ({"surname": ("New",)},) * 2
        assert len(people) == 10
        assert proof.proven

    def test_a_value_that_was_taken_away_is_not_kept_where_the_change_says_so(
        self, source: Connect, tenant: Tenant, graph: GraphServer
    ) -> None:
        first, *_ = tenant.users
        graph.answers.extra["users"] = [{"id": first, "surname": None}, {"id": first, "accountEnabled": False}]

        people, _ = read(source(), "surname")

        assert (people["user0"].attrs, people["user0"].enabled) == ({"surname": ()}, False)
        assert people["user0"].name == "user0@corp.example"

    def test_of_several_changes_the_last_one_counts(self, source: Connect, tenant: Tenant, graph: GraphServer) -> None:
        first, second, *_ = tenant.users
        removed = {"@removed": {"reason": "changed"}}
        graph.answers.page = 1
        graph.answers.extra["users"] = [
            {"id": first, "surname": "One"},
            {"id": second, **removed},
            {"id": first, "surname": "Two"},
            {"id": second, "surname": "Back"},
            {"id": first, "accountEnabled": False},
        ]

        people, _ = read(source(), "surname")

        assert (people["user0"].attrs, people["user0"].enabled) == ({"surname": ("Two",)}, False)
        assert people["user1"].attrs == {"surname": ("Back",)}

    def test_whoever_is_deleted_or_purged_is_not_read(
        self, source: Connect, tenant: Tenant, meanwhile: Happening
    ) -> None:
        first, second, *_ = tenant.users

        def happens() -> None:
            tenant.delete(first)
            tenant.delete(second)
            tenant.purge(second)

        meanwhile(happens)

        people, proof = read(source())

        assert people.keys() == {f"user{number}" for number in range(2, 10)}
        assert proof.proven

    def test_whoever_is_deleted_and_restored_is_read(
        self, source: Connect, tenant: Tenant, meanwhile: Happening
    ) -> None:
        first, *_ = tenant.users

        def happens() -> None:
            tenant.delete(first)
            tenant.restore(first)

        meanwhile(happens)

        assert len(read(source())[0]) == 10

    def test_whoever_is_new_is_read(self, source: Connect, tenant: Tenant, graph: GraphServer) -> None:
        graph.fault("/users/delta", status=200, after=1, then=lambda: tenant.user("new", surname="New"))

        people, _ = read(source(), "surname", "mail")

        assert people["new"].attrs == {"surname": ("New",)}  # Graph leaves out what was never set, and so is it unknown

    def test_whoever_moves_to_a_later_page_comes_once_as_they_were_last(
        self, source: Connect, tenant: Tenant, meanwhile: Happening
    ) -> None:
        def happens() -> None:
            first = next(iter(tenant.users))
            tenant.order[first] = len(tenant.order)  # without a trace: the list alone shows it
            tenant.users[first]["surname"] = "Later"

        meanwhile(happens)

        people, _ = read(source(), "surname")

        assert people["user0"].attrs == {"surname": ("Later",)}

    def test_whoever_slipped_between_two_pages_is_missed_by_the_second_look(
        self, source: Connect, tenant: Tenant, graph: GraphServer, meanwhile: Happening
    ) -> None:
        first, *_ = tenant.users
        graph.answers.shifting = True
        meanwhile(lambda: tenant.delete(first))
        connected = source()

        people, proof = read(connected)

        assert len(people) == 8
        assert ["gave 8 people, and a second count 9" in told for told in connected.confirm(proof)] == [True]
        assert list(connected.confirm(read(connected)[1])) == []

    def test_a_second_count_that_lags_behind_proves_nothing(
        self, source: Connect, tenant: Tenant, graph: GraphServer
    ) -> None:
        connected = source()
        _, proof = read(connected)
        tenant.delete(next(iter(tenant.users)))

        assert list(connected.confirm(proof)) == []

    def test_removed_rows_in_the_first_listing_remove(
        self, source: Connect, tenant: Tenant, graph: GraphServer
    ) -> None:
        first, second, *_ = tenant.users
        graph.answers.extra["users"] = [
            {"id": first, "@removed": {"reason": "changed"}},
            {"id": second, "@removed": {"reason": "deleted"}},
        ]

        assert len(read(source())[0]) == 8
