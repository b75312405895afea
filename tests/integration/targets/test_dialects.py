"""Which read serves which purpose, in both dialects; and that what no read gives is never written back as empty.

docs/readings.md has the table.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from iwds.core.decision import Reason
from iwds.core.devices import Activated
from iwds.core.model import Account, Anchor, Entry, Login
from iwds.core.policy import Policy
from iwds.engine.job import Job, Tools
from iwds.engine.running import Request, RunReport, run
from iwds.sandbox.server import SandboxThread
from iwds.soap.description import OPERATIONS
from iwds.soap.envelope import build_request, parse_answer
from iwds.sources.memory import MemorySource
from iwds.state.database import open_state
from iwds.state.scratch import ScratchWaist
from iwds.targets.provisioning import ProvisioningTarget, Settings, connect
from tests.integration.targets.broken import Behaviour, BrokenServer, answer, in_turn
from tests.servers.relay import DIALECTS, PUBLISHED, SEED, Drops, Relay
from tests.unit.engine.rehearsal import WIDE, PlainRules, SetClock

TAG = 4711
PHONE = "+33 1 23"


def account(login: str) -> Account:
    return Account(Anchor("here", login), login, "Zoë", "O'Neill", f"{login}@x.org", PHONE, enabled=True)


def connected(url: str) -> ProvisioningTarget:
    fixed = {"kind": "provisioning", "service_id": 10408, "provisioning_id": TAG, "lanes": 1}
    return connect("mfa", Settings.model_validate({**fixed, "url": url}))


@contextmanager
def service(drops: Drops) -> Iterator[tuple[ProvisioningTarget, Relay]]:
    """A service that speaks a dialect, with one login, `zoe`, of ours."""
    with ExitStack() as open_ones:
        sandbox = open_ones.enter_context(SandboxThread())
        relay = open_ones.enter_context(Relay(sandbox.url, drops))
        target = connected(relay.url)
        open_ones.callback(target.reader.close)
        target.writer().create(account("zoe"))
        relay.calls.clear()
        yield target, relay


def everybody(target: ProvisioningTarget) -> dict[str, Login]:
    return {login.login: login for login in target.reader.read_logins()}


@pytest.mark.parametrize("drops", DIALECTS.values(), ids=DIALECTS)
def test_the_listing_gives_all_that_an_update_overwrites_and_the_tag(drops: Drops) -> None:
    with service(drops) as (target, relay):
        zoe = everybody(target)["zoe"]
        assert None not in (zoe.phone, zoe.created_by, zoe.extra, zoe.activated, zoe.last_seen)
        assert relay.calls == ["loginsQuery"]


@pytest.mark.parametrize("drops", DIALECTS.values(), ids=DIALECTS)
def test_the_listing_gives_how_far_an_activation_is_and_when_somebody_came_last(drops: Drops) -> None:
    with service(drops) as (target, relay):
        (zoe,) = (each for each in target.reader.read_enrolments() if each.login.login == "zoe")
        assert (zoe.activated, zoe.login.last_seen) == (Activated.INACTIVE, 0)
        assert relay.calls == ["loginsQuery"]


def test_what_the_listing_leaves_out_of_an_activation_is_not_known() -> None:
    with service({"loginsQuery": ("code", "lastauthdate")}) as (target, _):
        listing = target.reader.read_enrolments()
        assert {(each.activated, each.login.last_seen) for each in listing} == {(None, None)}
        assert listing.finish().proven


@pytest.mark.parametrize(
    ("drops", "calls"),
    [(SEED, ["loginQuery", "loginSearch"]), (PUBLISHED, ["loginQuery"])],
    ids=["seed", "published"],
)
def test_one_login_is_read_whole_by_its_id_whatever_it_is_called_by_now(drops: Drops, calls: list[str]) -> None:
    with service(drops) as (target, relay):
        zoe = everybody(target)["zoe"]
        for name in ("zoe", "elsewhere", ""):
            relay.calls.clear()
            assert target.reader.login(zoe.id, name) == zoe
            assert relay.calls == calls


@pytest.mark.parametrize("drops", DIALECTS.values(), ids=DIALECTS)
def test_that_a_login_is_gone_takes_one_call(drops: Drops) -> None:
    with service(drops) as (target, relay):
        assert target.reader.login(1, "zoe") is None
        assert relay.calls == ["loginQuery"]


@pytest.mark.parametrize(
    ("drops", "calls"),
    [(SEED, ["loginSearch", "loginQuery"]), (PUBLISHED, ["loginSearch"])],
    ids=["seed", "published"],
)
def test_one_name_is_read_whole_and_nobody_costs_one_call(drops: Drops, calls: list[str]) -> None:
    with service(drops) as (target, relay):
        zoe = everybody(target)["zoe"]
        relay.calls.clear()
        found = target.reader.named("ZOE")
        assert found
        assert replace(found, last_seen=zoe.last_seen) == zoe
        assert relay.calls == calls
        relay.calls.clear()
        assert target.reader.named("nobody") is None
        assert relay.calls == ["loginSearch"]


def test_a_login_that_is_deleted_between_two_calls_is_gone() -> None:
    with service(SEED) as (target, relay):
        zoe = everybody(target)["zoe"]

        by_hand = connected(relay.behind).writer()
        relay.before = lambda operation, times: by_hand.delete(zoe.id) if operation == "loginQuery" else None
        assert target.reader.named("zoe") is None
        by_hand.close()


def gives(name: str, zoe: Login, relay: Relay) -> set[str]:
    """Which elements of Zoe an operation gives."""
    operation = OPERATIONS[name]
    numbers = {"userid": 0, "serviceid": 10408, "offset": 0, "nmax": 10, "sort": 1, "exactmatch": 1}
    known: dict[str, int | str] = {**numbers, "loginid": zoe.id, "loginname": "zoe"}
    request = build_request(operation, **{p.name: known[p.name] for p in operation.request})
    answer = parse_answer(operation, relay.answer(request)[1])
    return {*answer.numbers, *answer.texts, *answer.number_arrays, *answer.text_arrays}


TABLE = {
    "phone": {"loginsQuery": "both", "loginSearch": "both", "loginQuery": "published"},
    "createdby": {"loginsQuery": "both", "loginSearch": "published", "loginQuery": "both"},
    "lastauthdate": {"loginsQuery": "both", "loginSearch": "neither", "loginQuery": "both"},
    "code": {"loginsQuery": "both", "loginSearch": "both", "loginQuery": "both"},
    "activation_status": {"loginsQuery": "neither", "loginSearch": "both", "loginQuery": "neither"},
    "iwpinblocked": {"loginsQuery": "neither", "loginSearch": "neither", "loginQuery": "document"},
    "nma": {"loginsQuery": "neither", "loginSearch": "neither", "loginQuery": "both"},
    "count": {"loginsQuery": "both", "loginSearch": "published", "loginQuery": "neither"},
}
"""Which of the dialects give an element in which answer."""


def test_each_dialect_gives_what_the_page_says() -> None:
    page = (Path(__file__).parents[3] / "docs" / "readings.md").read_text("utf-8")
    given: dict[str, dict[str, set[str]]] = {}
    for dialect in ("document", "published"):
        with service({"document": SEED, "published": PUBLISHED}[dialect]) as (target, relay):
            zoe = everybody(target)["zoe"]
            given[dialect] = {name: gives(name, zoe, relay) for name in TABLE["phone"]}
    for element, row in TABLE.items():
        for operation, where in row.items():
            asked = {dialect for dialect in given if element in given[dialect][operation]}
            assert asked == {"both": set(given), "neither": set()}.get(where, {where}), (element, operation)
        assert f"| `{element}` | {' | '.join(row.values())} |" in page


# --- what was not read is not written ---------------------------------------------------------------------------------

LOST = {
    "seed": {**SEED, "loginsQuery": ("phone",), "loginSearch": ("createdby", "count", "phone")},
    "published": {**PUBLISHED, "loginsQuery": ("phone",), "loginQuery": ("phone",), "loginSearch": ("phone",)},
}
"""Dialects of a service that gives no phone at all."""


class Company:
    """A directory with zoe in it, a state, and the service."""

    def __init__(self, target: ProvisioningTarget) -> None:
        self.source = MemorySource("staff", [], realm="here")
        self.state = open_state("sqlite://", clock=SetClock())
        self.target = target
        self.job = Job("staff", (self.source,), PlainRules(), target.reader, Policy(TAG), WIDE, "configuration")

    def says(self, **attributes: str) -> None:
        attrs = {name: (value,) if value else () for name, value in {"uid": "zoe", **attributes}.items()}
        self.source.entries = [Entry(Anchor("here", "zoe"), "cn=zoe", attrs, frozenset())]

    def run(self) -> RunReport:
        return run(self.job, Tools(self.state, SetClock(), ScratchWaist), self.target.writer, Request("run"))


@contextmanager
def company(drops: Drops) -> Iterator[tuple[Company, Relay]]:
    """Zoe's login is ours, and her mail is what the directory says."""
    with service(drops) as (target, relay):
        one = Company(target)
        one.says(mail="zoe@x.org", disabled="")
        assert one.run().exit_code == 0
        assert list(one.state.ledger(target.reader.service))
        relay.calls.clear()
        yield one, relay
        one.state.close()


@pytest.mark.parametrize("dialect", LOST)
@pytest.mark.parametrize("change", [{"mail": "new@x.org", "disabled": ""}, {"mail": "zoe@x.org", "disabled": "yes"}])
def test_a_phone_that_was_not_read_is_never_written_back_as_empty(dialect: str, change: dict[str, str]) -> None:
    with company(DIALECTS[dialect]) as (one, relay):
        relay.drops = LOST[dialect]
        one.says(**change)
        report = one.run()
        assert [skip.reason for skip in report.plan.skips if skip.subject.login == "zoe"] == [Reason.UNPROVEN]
        assert "loginUpdate" not in relay.calls
        relay.drops = DIALECTS[dialect]
        assert everybody(one.target)["zoe"].phone == PHONE


@pytest.mark.parametrize("dialect", LOST)
def test_a_last_look_that_does_not_show_the_phone_holds_the_lock(dialect: str) -> None:
    with company(DIALECTS[dialect]) as (one, relay):
        relay.drops = {**LOST[dialect], "loginsQuery": ()}
        one.says(mail="zoe@x.org", disabled="yes")
        report = one.run()
        assert report.exit_code == 3
        assert report.plan.count()
        assert "loginUpdate" not in relay.calls


@pytest.mark.parametrize("dialect", LOST)
def test_a_phone_that_was_read_outlives_an_update_of_something_else(dialect: str) -> None:
    with company(DIALECTS[dialect]) as (one, relay):
        one.says(mail="new@x.org", disabled="")
        assert one.run().exit_code == 0
        assert relay.calls.count("loginUpdate") == 1
        zoe = everybody(one.target)["zoe"]
        assert (zoe.mail, zoe.phone) == ("new@x.org", PHONE)


def test_a_listing_with_nothing_in_it_is_read_though_the_toolkit_leaves_out_its_arrays() -> None:
    def nothing(operation: str) -> Behaviour:
        named = OPERATIONS[operation]
        inner = "<err>OK</err><count>0</count><n>0</n>"
        return answer(
            f'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><{named.response_name} '
            f'xmlns="http://console.inwebo.com"><{named.return_name}>{inner}</{named.return_name}>'
            f"</{named.response_name}></e:Body></e:Envelope>".encode()
        )

    asked = ("loginsQueryByGroup", "serviceGroupsQuery", "loginSearch", "loginGetGroups")
    with BrokenServer(in_turn(*map(nothing, asked))) as server, closing(connected(server.url).reader) as reader:
        members = reader.read_memberships([7])
        assert (list(members), members.finish().proven) == ([], True)
        assert list(reader.read_groups()) == []
        assert reader.named("nobody") is None
        assert reader.roles_in([7, 8], 1) == {}
        assert server.operations == [*asked]
