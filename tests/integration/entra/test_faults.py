"""Days on which Graph is slow, loses the thread, or says what it should not."""

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from iwds.core.model import Anchor
from iwds.errors import AccessRefused, SourceUnavailable
from iwds.sources._entrasettings import Settings
from iwds.sources._entrasignin import application
from iwds.sources._graphpages import Limits, Spool, spooled
from iwds.sources._graphread import Reading, Wishes
from iwds.sources._stream import Tally
from iwds.sources.entra import EntraSource
from tests.graph.server import GROUPS_READ, USERS_READ, GraphServer
from tests.graph.tenant import TENANT, Tenant

Connect = Callable[..., EntraSource]


def count(source: EntraSource) -> int:
    """How many people a proven reading gives."""
    stream = source.read(("surname",))
    people = len(list(stream))
    assert stream.finish().proven
    return people


class TestPatience:
    @pytest.mark.parametrize("path", ["/users/delta", "/users?", "/groups/delta"])
    @pytest.mark.parametrize("status", [429, 503])
    def test_it_waits_as_long_as_it_is_told(
        self, source: Connect, graph: GraphServer, waited: list[float], path: str, status: int
    ) -> None:
        graph.fault(path, status=status, headers={"Retry-After": "17"}, times=2)

        assert count(source()) == 10
        assert waited == [17.0, 17.0]

    def test_it_may_be_told_by_a_date(self, source: Connect, graph: GraphServer, waited: list[float]) -> None:
        moment = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
        graph.fault("/users?", status=429, headers={"Retry-After": moment})

        assert count(source()) == 10
        assert 50 < waited[0] <= 60

    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 0])
    def test_without_a_word_it_tries_again_and_gives_up_in_the_end(
        self, source: Connect, graph: GraphServer, waited: list[float], status: int
    ) -> None:
        graph.fault("/users?", status=status, times=3)
        assert count(source()) == 10
        assert len(waited) == 3

        graph.fault("/users?", status=status, times=99)
        with pytest.raises(SourceUnavailable, match="8 times"):
            count(source())
        assert len(waited) == 3 + 7

    def test_whoever_asks_for_an_hour_is_left_alone(
        self, source: Connect, graph: GraphServer, waited: list[float]
    ) -> None:
        graph.fault("/users?", status=429, headers={"Retry-After": "3600"})

        with pytest.raises(SourceUnavailable, match="answers 429") as refused:
            count(source())

        assert "3600 seconds" in refused.value.advice
        assert waited == []


class TestTheThread:
    @pytest.mark.parametrize("path", ["/users/delta?$deltatoken", "/groups/delta?$skiptoken", "/users?"])
    @pytest.mark.parametrize(
        "fault", [{"status": 410, "code": "Gone"}, {"status": 400, "code": "syncStateNotFound"}], ids=["410", "400"]
    )
    def test_where_graph_has_lost_it_everything_is_read_again(
        self, source: Connect, graph: GraphServer, path: str, fault: dict[str, object]
    ) -> None:
        graph.fault(path, **fault)

        assert count(source()) == 10
        assert sum("deltatoken=latest" in each for each in graph.asked) == 2

    def test_the_next_page_is_asked_for_while_one_is_made_ready(self, source: Connect, graph: GraphServer) -> None:
        second, asked = threading.Event(), list[bool]()
        graph.fault("/users?", status=200, after=1, then=second.set)
        asker = source()._graph()

        def ready(_: bytes) -> bytes:
            asked.append(second.wait(10))
            return b""

        with closing(Spool()) as spool:
            spooled(asker, Wishes(TENANT).people(asker, "id", ready), spool, Limits())

        assert asked == [True] * 4

    def test_it_gives_up_after_three_times(self, source: Connect, graph: GraphServer) -> None:
        graph.fault("/users?", status=410, code="Gone", times=99)

        with pytest.raises(SourceUnavailable, match="from its beginning 3 times"):
            count(source())

    @pytest.mark.parametrize("path", ["/users?", "/groups/delta"])
    def test_a_page_that_has_expired_begins_that_listing_again(
        self, source: Connect, graph: GraphServer, path: str
    ) -> None:
        graph.fault(path, status=400, code="Directory_ExpiredPageToken", after=2)

        assert count(source()) == 10
        assert sum("deltatoken=latest" in each for each in graph.asked) == 1

    def test_pages_that_expire_each_time_are_given_up(self, source: Connect, graph: GraphServer) -> None:
        graph.fault("skiptoken", status=400, code="Directory_ExpiredPageToken", times=3)

        with pytest.raises(SourceUnavailable, match="expire before they are asked for, 3 times"):
            count(source())

    def test_pages_that_lead_in_a_circle_are_given_up(self, source: Connect, graph: GraphServer) -> None:
        link = f'{{"@odata.nextLink": "{graph.origin}/v1.0/users?a", "value": []}}'
        graph.fault("/users?", status=200, body=link.encode(), times=99)

        with pytest.raises(SourceUnavailable, match="circle"):
            count(source())

    def test_pages_without_an_end_are_given_up(self, graph: GraphServer, source: Connect) -> None:
        reading = Reading(source()._graph(), Wishes(TENANT, limits=Limits(pages=3)), Tally("cloud", ()))

        with pytest.raises(SourceUnavailable, match="does not end after 3 pages"):
            list(reading.entries())

    def test_a_page_elsewhere_is_not_asked_for_and_gets_no_token(self, source: Connect, graph: GraphServer) -> None:
        body = b'{"@odata.nextLink": "https://graph.example/v1.0/users?x", "value": []}'
        graph.fault("/users?", status=200, body=body)

        with pytest.raises(SourceUnavailable, match="leads on to another server"):
            count(source())

    def test_a_redirection_is_not_followed(self, source: Connect, graph: GraphServer) -> None:
        graph.fault("/users?", status=302, headers={"Location": "https://graph.example/v1.0/users"}, times=99)

        with pytest.raises(SourceUnavailable, match="answers 302"):
            count(source())

    @pytest.mark.parametrize("listing", ["users", "groups"])
    def test_changes_that_end_without_a_mark_prove_nothing(
        self, source: Connect, graph: GraphServer, listing: str
    ) -> None:
        graph.fault(f"/{listing}/delta?$", status=200, body=b'{"value": []}', after=int(listing == "users"))
        stream = source().read(())
        list(stream)

        assert any("without saying from where on" in problem for problem in stream.finish().problems)

    def test_a_tenant_that_lists_no_changes_is_told(self, source: Connect, graph: GraphServer) -> None:
        graph.fault("/users/delta", status=400, code="Request_UnsupportedQuery", times=9)

        with pytest.raises(SourceUnavailable) as refused:
            count(source())

        assert "tenant is one of employees" in refused.value.advice

    @pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"value": 3}', b'{"value": [3]}', b'{"value": [', b"{}"])
    def test_an_answer_that_is_no_page_is_no_answer(self, source: Connect, graph: GraphServer, body: bytes) -> None:
        graph.fault("/users?", status=200, body=body)

        with pytest.raises(SourceUnavailable, match="answered something that is no"):
            count(source())

    def test_a_user_without_an_id_is_a_doubt(self, source: Connect, graph: GraphServer) -> None:
        graph.answers.extra["users"] = [{"surname": "Nobody"}]
        stream = source().read(("surname",))

        assert len(list(stream)) == 10
        assert stream.finish().problems == ("people without an id were left out",)


class TestTokens:
    @pytest.mark.parametrize("path", ["/users?", "/groups/delta", "/users/delta"])
    def test_one_that_ends_in_the_middle_is_replaced(self, source: Connect, graph: GraphServer, path: str) -> None:
        graph.fault(path, status=200, after=1, then=graph.end_tokens)

        assert count(source()) == 10
        assert graph.authority.asked == 2

    def test_one_is_asked_for_as_long_as_it_is_good(self, source: Connect, graph: GraphServer) -> None:
        connected = source()
        count(connected)
        count(connected)

        assert graph.authority.asked == 1

    def test_one_that_is_nearly_over_is_not_used(self, source: Connect, graph: GraphServer) -> None:
        graph.authority.lifetime = 1
        connected = source()

        assert count(connected) == 10

    def test_one_that_graph_never_takes_is_a_refusal(self, source: Connect, graph: GraphServer) -> None:
        graph.fault("/users?", status=401, code="InvalidAuthenticationToken", times=99)

        with pytest.raises(AccessRefused) as refused:
            count(source())

        assert "cloud" in refused.value.advice
        assert graph.authority.asked == 2


class TestPermissions:
    @pytest.mark.parametrize("permission", [USERS_READ, GROUPS_READ])
    def test_the_one_that_is_missing_is_named(self, source: Connect, graph: GraphServer, permission: str) -> None:
        graph.granted.discard(permission)

        with pytest.raises(AccessRefused, match="Authorization_RequestDenied") as refused:
            count(source())

        assert f"application permission {permission}" in refused.value.advice
        assert refused.value.exit_code == 78

    def test_people_alone_need_no_right_to_groups(self, source: Connect, graph: GraphServer) -> None:
        graph.granted.discard(GROUPS_READ)

        assert count(source(groups=False)) == 10


def test_nothing_is_given_before_everything_has_come(source: Connect, graph: GraphServer, tenant: Tenant) -> None:
    entries = iter(source().read(()))
    next(entries)

    assert graph.paths()[-1] == "/users/delta"
    assert not any("skiptoken" in each for each in graph.asked[-1:])


def test_a_question_about_one_person_is_patient_too(
    source: Connect, graph: GraphServer, tenant: Tenant, waited: list[float]
) -> None:
    key = next(iter(tenant.users))
    graph.fault(f"/users/{key}", status=503, headers={"Retry-After": "2"})

    assert source().find(Anchor(TENANT, key), ()) is not None
    assert waited == [2.0]


def test_no_secret_shows(graph: GraphServer) -> None:
    who, credentials = application("cloud", Settings.model_validate(graph.settings(client_secret="hush")))

    assert "hush" not in repr(who) + repr(credentials)
