"""What changed in a tenant since a mark, and when that cannot be said."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from iwds.core.model import Anchor
from iwds.errors import AccessRefused, MarkLost, SourceUnavailable
from iwds.ports import Delta, Feed
from iwds.sources._marks import sealed
from iwds.sources.entra import EntraSource
from tests.graph.server import USERS_READ, GraphServer
from tests.graph.tenant import TENANT, Tenant

Connect = Callable[..., EntraSource]
MOST = 100
LOST = [
    {"status": 410, "code": "Gone", "headers": {"Location": "https://x/v1.0/users/delta?$deltatoken="}},
    {"status": 400, "code": "syncStateNotFound"},
    {"status": 404, "code": "syncStateNotFound"},
    {"status": 400, "code": "BadRequest"},
    {"status": 400, "code": "Directory_ExpiredPageToken", "times": 99},
]


class Past:
    """What was true when this was made: a mark, and the members of every group."""

    def __init__(self, source: EntraSource) -> None:
        self.feed: Feed = source.changes(("surname", "mail"))
        self.mark = self.feed.mark()
        self.members = dict(self.feed.members())

    def since(self, most: int = MOST) -> Delta:
        """What changed since; the next time is counted from now on."""
        delta = self.feed.since(self.mark, self.members.get, most)
        for group, members in delta.groups.items():
            self.members.pop(group, None)
            if members is not None:
                self.members[group] = members
        self.mark = delta.mark
        return delta


def said(mark: str) -> dict[str, str]:
    """What a mark says of where to go on."""
    return dict(json.loads(json.loads(mark)["at"]))


def altered(mark: str, **what: str) -> str:
    """The same mark, but for this."""
    return sealed(json.loads(mark)["bound"], json.dumps({**said(mark), **what}))


def groups_of(source: EntraSource) -> dict[str, set[str]]:
    """Everybody's groups, as a reading gives them that is proven."""
    stream = source.read(())
    found = {entry.anchor.id: set(entry.groups or ()) for entry in stream}
    assert not stream.finish().problems
    return found


def plain(delta: Delta) -> dict[str, set[str] | None]:
    """The members of the groups that changed."""
    return {group: None if members is None else set(members) for group, members in delta.groups.items()}


@pytest.fixture
def past(source: Connect, graph: GraphServer) -> Past:
    """What was true before the test; nobody was asked anything since."""
    past = Past(source())
    graph.asked.clear()
    graph.preferences.clear()
    return past


@pytest.fixture
def users(tenant: Tenant) -> list[str]:
    return list(tenant.users)


class TestTheMark:
    def test_it_takes_no_list_and_holds_nothing_but_what_it_needs(self, source: Connect, graph: GraphServer) -> None:
        kept = said(source().changes(("surname",)).mark())

        assert all("deltatoken=latest" in each for each in graph.asked)
        assert graph.paths() == ["/users/delta", "/groups/delta"]
        assert kept.keys() == {"people", "groups", "taken"}
        assert "https" not in "".join(kept.values())

    def test_nothing_is_lost_between_the_mark_and_the_reading(self, past: Past, tenant: Tenant) -> None:
        new = tenant.user("new")

        assert past.since().people == {new}

    @pytest.mark.parametrize("what", ["tenant", "application", "cloud", "choice of properties", "choice of groups"])
    def test_it_is_good_for_nothing_else_than_it_was_taken_for(self, past: Past, what: str) -> None:
        bound = json.loads(past.mark)["bound"]
        assert what in bound

        with pytest.raises(MarkLost, match=f"another {what}"):
            past.feed.since(sealed({**bound, what: "x"}, json.loads(past.mark)["at"]), past.members.get, MOST)

    def test_another_mapping_needs_another_one(self, past: Past, source: Connect, graph: GraphServer) -> None:
        with pytest.raises(MarkLost, match="another choice of properties"):
            source().changes(("surname", "jobtitle")).since(past.mark, past.members.get, MOST)
        assert graph.asked == []

    @pytest.mark.parametrize("mark", ["", "{}", "[]", "null", "garbage", '{"taken": 1}'])
    def test_garbage_is_none(self, past: Past, mark: str) -> None:
        bound = json.loads(past.mark)["bound"]

        for garbage in (mark, sealed(bound, mark)):
            with pytest.raises(MarkLost, match="no mark"):
                past.feed.since(garbage, past.members.get, MOST)

    def test_a_token_that_graph_did_not_make_is_lost(self, past: Past) -> None:
        mark = altered(past.mark, people="bm9uc2Vuc2U")

        with pytest.raises(MarkLost, match="answers 400") as lost:
            past.feed.since(mark, past.members.get, MOST)
        assert "bm9uc2Vuc2U" not in f"{lost.value.message} {lost.value.advice}"

    def test_a_tenant_that_gives_none_has_none(self, source: Connect, graph: GraphServer) -> None:
        graph.fault("/users/delta", status=200, body=b'{"value": []}')

        with pytest.raises(MarkLost, match="does not say from where on"):
            source().changes(()).mark()

    @pytest.mark.parametrize(("days", "warned"), [(4, False), (6, True)])
    def test_one_that_will_be_forgotten_soon_is_warned_about(self, past: Past, days: int, warned: bool) -> None:
        taken = datetime.now(UTC) - timedelta(days=days)
        mark = altered(past.mark, taken=taken.isoformat())

        delta = past.feed.since(mark, past.members.get, MOST)

        assert [f"{days} days ago" in note for note in delta.notes] == [True] * warned
        assert datetime.fromisoformat(said(delta.mark)["taken"]) > taken


class TestPeople:
    def test_where_nothing_changed_nobody_is_named(self, past: Past) -> None:
        assert past.since() == Delta(mark=past.mark)

    def test_who_changed_came_or_was_restored_is_named_once(
        self, past: Past, tenant: Tenant, users: list[str], graph: GraphServer
    ) -> None:
        tenant.delete(users[0])
        past.since()
        tenant.restore(users[0])
        tenant.change(users[1], surname="Other")
        tenant.change(users[1], mail=None)
        new = tenant.user("new")
        graph.answers.extra["users"] = [{"id": users[1].upper(), "surname": "Other"}]

        assert past.since().people == {users[0], users[1], new}
        graph.answers.extra.clear()
        assert past.since().people == frozenset()

    def test_a_value_that_was_taken_away_is_a_change_and_not_a_missing_permission(
        self, past: Past, tenant: Tenant, users: list[str]
    ) -> None:
        tenant.change(users[1], surname=None)

        assert past.since() == Delta(people=frozenset({users[1]}), mark=past.mark)

    def test_only_what_changed_is_asked_for(self, past: Past, tenant: Tenant, graph: GraphServer) -> None:
        past.since()

        assert set(graph.paths()) == {"/users/delta", "/groups/delta"}
        assert set(graph.preferences) == {"return=minimal"}

    def test_who_is_in_the_recycle_bin_and_who_was_purged_is_gone(
        self, past: Past, tenant: Tenant, users: list[str]
    ) -> None:
        tenant.delete(users[0])
        assert past.since().gone == {users[0]}

        tenant.purge(users[0])
        delta = past.since()
        assert delta == Delta(gone=frozenset(users[:1]), groups=delta.groups, mark=past.mark)

    def test_who_is_said_to_be_deleted_and_to_be_there_is_looked_at(
        self, past: Past, tenant: Tenant, users: list[str], graph: GraphServer
    ) -> None:
        tenant.change(users[0], surname="There")
        graph.answers.extra["users"] = [{"id": users[0], "@removed": {"reason": "deleted"}}]

        delta = past.since()

        assert delta == Delta(people=frozenset(users[:1]), mark=past.mark)

    def test_who_may_not_be_seen_is_not_changed(self, past: Past, tenant: Tenant, users: list[str]) -> None:
        tenant.change(users[3], surname="Hidden")
        tenant.opaque.add(users[3])

        delta = past.since()

        assert delta.people == frozenset()
        assert [users[3] in note and USERS_READ in note for note in delta.notes] == [True]

    def test_too_many_are_read_with_everybody(self, past: Past, tenant: Tenant, users: list[str]) -> None:
        for key in users[:4]:
            tenant.change(key, surname="Other")
        mark = past.mark

        assert len(past.since(most=4).people) == 4
        with pytest.raises(MarkLost, match="More than 3 people changed"):
            past.feed.since(mark, past.members.get, 3)

    def test_those_who_came_into_groups_and_those_who_are_gone_count_too(
        self, past: Past, tenant: Tenant, users: list[str]
    ) -> None:
        tenant.join(tenant.group("new"), *users[:2])
        tenant.change(users[2], surname="Other")
        tenant.delete(users[3])

        with pytest.raises(MarkLost, match="More than 3 people changed"):
            past.feed.since(past.mark, past.members.get, 3)
        assert len(past.since(most=4).people) == 3

    def test_a_group_that_is_too_large_is_not_asked_about(
        self, past: Past, tenant: Tenant, users: list[str], graph: GraphServer
    ) -> None:
        tenant.join(tenant.group("new"), *users[:4])

        with pytest.raises(MarkLost, match="More than 3 people changed"):
            past.since(most=3)
        assert set(graph.paths()) == {"/users/delta", "/groups/delta"}

    def test_the_realm_is_that_of_the_anchors(self, past: Past) -> None:
        assert past.feed.realm == TENANT


class TestTheReadingAfterwards:
    """What a run of everybody does: the mark, the members, and then everybody."""

    def test_it_takes_the_groups_that_the_members_came_from_and_the_next_one_lists_them_anew(
        self, source: Connect, graph: GraphServer, tenant: Tenant, users: list[str]
    ) -> None:
        (everybody,) = tenant.groups
        corp = source()
        members = dict(corp.changes(()).members())
        tenant.leave(everybody, users[0])
        graph.asked.clear()

        assert groups_of(corp) == {user: {everybody, "everybody"} for user in users}
        assert members[everybody] == {*users, "=everybody"}, "both know the same"
        assert "/groups/delta" not in graph.paths()
        assert groups_of(corp)[users[0]] == set()
        assert "/groups/delta" in graph.paths()

    def test_it_lists_them_anew_where_they_are_old(
        self, source: Connect, tenant: Tenant, users: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (everybody,) = tenant.groups
        corp = source()
        assert dict(corp.changes(()).members())
        tenant.leave(everybody, users[0])
        monkeypatch.setattr("iwds.sources._graphread._FRESH_SECONDS", 0.0)

        assert groups_of(corp)[users[0]] == set()

    def test_it_lists_them_anew_where_graph_wants_it_from_the_beginning(
        self, source: Connect, graph: GraphServer, tenant: Tenant, users: list[str]
    ) -> None:
        (everybody,) = tenant.groups
        corp = source()
        assert dict(corp.changes(()).members())
        tenant.leave(everybody, users[0])
        graph.fault("/users?", status=410, code="Gone")

        assert groups_of(corp)[users[0]] == set()


class TestGroups:
    def test_the_members_are_people_and_groups_with_the_name_behind_a_sign(
        self, past: Past, tenant: Tenant, users: list[str], source: Connect
    ) -> None:
        (everybody,) = tenant.groups
        outer, empty = tenant.group("outer"), tenant.group("cn=odd")
        tenant.join(outer, everybody, users[0])
        tenant.join(outer, "d" * 36, kind="device")

        assert dict(source().changes(()).members()) == {
            everybody: {*users, "=everybody"},
            outer: {everybody, users[0], "=outer"},
            empty: frozenset(),
        }

    def test_who_came_and_who_left_is_named_and_the_groups_that_they_left(
        self, past: Past, tenant: Tenant, users: list[str]
    ) -> None:
        (everybody,) = tenant.groups
        new = tenant.user("new")
        past.since()
        tenant.join(everybody, new)
        tenant.leave(everybody, users[0])

        delta = past.since()

        assert delta.people == {new, users[0]}
        assert delta.left == {users[0]: {everybody, "everybody"}}
        assert plain(delta) == {everybody: {*users[1:], new, "=everybody"}}

    def test_through_nested_groups_everybody_below_is_named_with_all_groups_above(
        self, past: Past, tenant: Tenant, users: list[str]
    ) -> None:
        top, middle, inner = (tenant.group(name) for name in ("top", "middle", "inner"))
        tenant.join(top, middle)
        tenant.join(middle, inner)
        tenant.join(inner, *users[:3])
        assert past.since().people == set(users[:3])

        tenant.leave(inner, users[0])
        assert past.since().left == {users[0]: {top, "top", middle, "middle", inner, "inner"}}

        tenant.leave(middle, inner)
        assert past.since().left == {key: {top, "top", middle, "middle"} for key in users[1:3]}

    def test_a_group_that_is_renamed_is_left_under_its_old_name(
        self, past: Past, tenant: Tenant, users: list[str]
    ) -> None:
        (everybody,) = tenant.groups
        tenant.change(everybody, displayName="all")

        delta = past.since()

        assert delta.people == set(users)
        assert delta.left == {key: {"everybody"} for key in users}
        assert plain(delta) == {everybody: {*users, "=all"}}

    def test_a_group_that_is_deleted_is_left_by_all_under_the_name_that_it_had(
        self, past: Past, tenant: Tenant, users: list[str]
    ) -> None:
        (everybody,) = tenant.groups
        tenant.delete(everybody)

        delta = past.since()

        assert delta.left == {key: {everybody, "everybody"} for key in users}
        assert plain(delta) == {everybody: None}
        assert everybody not in past.members

    def test_who_is_deleted_is_gone_and_has_not_left(self, past: Past, tenant: Tenant, users: list[str]) -> None:
        (everybody,) = tenant.groups
        tenant.delete(users[0])

        delta = past.since()

        assert delta == Delta(gone=frozenset(users[:1]), groups=delta.groups, mark=past.mark)
        assert users[0] not in past.members[everybody]

    def test_a_large_group_comes_on_many_pages(
        self, past: Past, tenant: Tenant, users: list[str], graph: GraphServer
    ) -> None:
        large = tenant.group("large")
        tenant.join(large, *users)

        delta = past.since()

        assert plain(delta) == {large: {*users, "=large"}}
        assert graph.paths().count("/groups/delta") > 1

    def test_what_is_said_twice_about_a_member_is_asked(
        self, past: Past, tenant: Tenant, users: list[str], graph: GraphServer
    ) -> None:
        (everybody,) = tenant.groups
        there = {"@odata.type": "#microsoft.graph.user", "id": users[0]}
        gone = {**there, "@removed": {"reason": "deleted"}}
        graph.answers.extra["groups"] = [
            {"id": everybody, "members@delta": [there]},
            {"id": everybody, "members@delta": [gone]},
        ]

        assert past.since() == Delta(mark=past.mark)
        assert f"/groups/{everybody}/members" in graph.paths()

    def test_a_group_that_comes_back_without_its_members_is_asked_for_them(
        self, past: Past, tenant: Tenant, users: list[str], graph: GraphServer
    ) -> None:
        (everybody,) = tenant.groups
        del past.members[everybody]
        graph.answers.extra["groups"] = [{"id": everybody, "displayName": "everybody"}]

        delta = past.since()

        assert delta.people == set(users)
        assert plain(delta) == {everybody: {*users, "=everybody"}}

    def test_machines_do_not_count(self, past: Past, tenant: Tenant) -> None:
        (everybody,) = tenant.groups
        tenant.join(everybody, "d" * 36, kind="device")

        assert past.since() == Delta(mark=past.mark)

    def test_where_groups_are_not_read_none_are_asked_for(
        self, source: Connect, graph: GraphServer, tenant: Tenant, users: list[str]
    ) -> None:
        past = Past(source(groups=False))
        tenant.change(users[0], surname="Other")
        tenant.change(next(iter(tenant.groups)), displayName="all")

        assert past.since().people == {users[0]}
        assert set(graph.paths()) == {"/users/delta"}


class TestWhatIsLost:
    @pytest.mark.parametrize("fault", LOST, ids=lambda fault: f"{fault['status']}-{fault['code']}")
    @pytest.mark.parametrize("path", ["/users/delta?$deltatoken", "/users/delta?$skiptoken", "/groups/delta"])
    def test_a_mark_that_graph_does_not_know_any_more_is_lost_also_in_the_middle(
        self, past: Past, tenant: Tenant, users: list[str], graph: GraphServer, path: str, fault: dict[str, object]
    ) -> None:
        for key in users:
            tenant.change(key, surname="Other")
        graph.fault(path, **fault)
        token = said(past.mark)["people"]

        with pytest.raises(MarkLost, match=r"delta|changes of") as lost:
            past.since()

        assert token not in f"{lost.value.message} {lost.value.advice}"

    def test_a_mark_that_is_too_old_is_lost(self, past: Past, graph: GraphServer, tenant: Tenant) -> None:
        graph.answers.known_since = tenant.clock + 1

        with pytest.raises(MarkLost, match="syncStateNotFound"):
            past.since()

    def test_an_end_without_a_mark_is_no_end(self, past: Past, graph: GraphServer) -> None:
        graph.fault("/groups/delta", status=200, body=b'{"value": []}')

        with pytest.raises(MarkLost, match="changes of groups"):
            past.since()

    def test_a_page_that_expires_once_is_asked_for_again(
        self, past: Past, tenant: Tenant, users: list[str], graph: GraphServer
    ) -> None:
        for key in users:
            tenant.change(key, surname="Other")
        graph.fault("/users/delta?$skiptoken", status=400, code="Directory_ExpiredPageToken", after=1)

        assert past.since().people == set(users)

    def test_a_token_of_ours_that_ends_in_the_middle_is_renewed(
        self, past: Past, tenant: Tenant, users: list[str], graph: GraphServer
    ) -> None:
        for key in users:
            tenant.change(key, surname="Other")
        graph.fault("/users/delta?$skiptoken", status=200, then=graph.end_tokens)

        assert past.since().people == set(users)

    def test_a_permission_that_is_gone_and_a_graph_that_is_down_are_no_lost_mark(
        self, past: Past, graph: GraphServer
    ) -> None:
        graph.fault("/groups/delta", status=503, times=99)
        with pytest.raises(SourceUnavailable, match="503"):
            past.since()

        graph.granted.discard(USERS_READ)
        with pytest.raises(AccessRefused, match="403"):
            past.since()


def test_whoever_is_named_can_be_read_one_by_one(source: Connect, tenant: Tenant, users: list[str]) -> None:
    reader = source()
    past = Past(reader)
    tenant.change(users[0], surname="Other")
    tenant.delete(users[1])

    delta = past.since()

    found = {key: reader.find(Anchor(past.feed.realm, key), ("surname",)) for key in delta.people | delta.gone}
    assert [entry and entry.attrs for entry in map(found.get, users[:2])] == [{"surname": ("Other",)}, None]
    assert reader.deleted(Anchor(past.feed.realm, users[1]))
