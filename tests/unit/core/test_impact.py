"""What two plans on one reading differ in, and which part of the configuration is behind it."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from iwds.core.causes import Cause, cause_text
from iwds.core.change import (
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    CreateLogin,
    DeleteLogin,
    Evidence,
    Forget,
    Kind,
    RemoveFromGroup,
    SendActivation,
    SetGroupRole,
    Subject,
    Write,
)
from iwds.core.decision import Reason, Skip
from iwds.core.impact import Effect, Turn, changed_parts, differences, effects, impact
from iwds.core.matching import Tally
from iwds.core.model import Account, Anchor, Group, Login, Proof, Role
from iwds.core.plan import Basis, Plan
from iwds.core.previous import Places

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
VPN = Group(1, "vpn")
ANN = Subject("ann", Anchor("r", "a"), 101)
LOGIN = Login(101, "ann", "Ann", "Lee", "ann@x.y", "", 0, 0, '{ "site":"paris" }', 20)
PLACES = Places(
    {
        "mapping": "m.yaml",
        "scope": "m.yaml:1",
        "scope 0": "m.yaml:2",
        "mail": "m.yaml:9",
        "phone": "m.yaml:10",
        "groups": "m.yaml:20",
        "groups vpn": "m.yaml:21",
        "leavers": "config.yaml:30",
        "extra": "m.yaml:40",
    }
)


def plan(changes: Iterable[Change] = (), skips: Iterable[Skip] = ()) -> Plan:
    proof = Proof("staff", "r", "all", 1, ("whole",), (), NOON)
    return Plan(
        "p", "staff", "mfa#1", NOON, tuple(changes), tuple(skips), Basis((proof,), proof, Tally(), "c", False, False)
    )


def write(cause: str = "", **fields: object) -> Write:
    return Write(ANN, LOGIN, replace(LOGIN, **fields), "so", Evidence.RULE if cause else None, cause)  # type: ignore[arg-type]


def create(mail: str = "a@x.y") -> CreateLogin:
    account = Account(Anchor("r", "a"), "ann", mail=mail, role=Role.USER, extra=(("site", "rome"),))
    return CreateLogin(Subject("ann", Anchor("r", "a")), account, "new")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (write(mail="b@x.y"), {(Kind.UPDATE, "mail", "b@x.y")}),
        (write(mail=""), {(Kind.CLEAR, "mail", "")}),
        (write(status=1), {(Kind.LOCK, "enabled", "1")}),
        (write(extra='{ "site":"rome" }'), {(Kind.UPDATE, "extra site", "rome")}),
        (write(extra='{ "site":"paris", "a":"b" }'), {(Kind.UPDATE, "extra a", "b")}),
        (write(extra=""), {(Kind.CLEAR, "extra site", "")}),
        (DeleteLogin(ANN, LOGIN, (), "gone"), {(Kind.DELETE, "", "101")}),
        (Adopt(ANN, LOGIN, (), "ours"), {(Kind.ADOPT, "", "101")}),
        (AddToGroup(ANN, VPN, "in"), {(Kind.ADD, "groups vpn", "")}),
        (AddToGroup(ANN, VPN, "in", role=1), {(Kind.ADD, "groups vpn", "1")}),
        (AdoptMembership(ANN, VPN, "in"), {(Kind.ADOPT_GROUP, "groups vpn", "")}),
        (SetGroupRole(ANN, VPN, 0, 1, "more"), {(Kind.PROMOTE, "groups vpn", "1")}),
        (RemoveFromGroup(ANN, VPN, "out"), {(Kind.REMOVE, "groups vpn", "")}),
        (Forget(ANN, "gone"), {(Kind.FORGET, "", "")}),
        (Forget(ANN, "gone", group=VPN), {(Kind.FORGET, "groups vpn", "")}),
        (SendActivation(ANN, "link"), {(Kind.MAIL, "", "")}),
        (
            create(),
            {
                *((Kind.CREATE, "", ""), (Kind.UPDATE, "login", "ann"), (Kind.UPDATE, "mail", "a@x.y")),
                *((Kind.UPDATE, "role", "0"), (Kind.UPDATE, "extra site", "rome")),
            },
        ),
    ],
)
def test_every_change_has_its_effects_by_the_part_that_governs_it(
    change: Change, expected: set[tuple[Kind, str, str]]
) -> None:
    found = dict(effects(plan([change])))
    assert {(effect.kind, effect.part, effect.value) for effect in found} == expected
    assert {fate.held for fate in found.values()} == {""}


def test_what_waits_is_an_effect_too_and_says_why() -> None:
    skips = [Skip(ANN, Reason.HELD, "not yet", write(status=1)), Skip(ANN, Reason.FOREIGN, "another's")]
    ((effect, fate),) = effects(plan(skips=skips))
    assert effect == Effect("r/a", Kind.LOCK, "enabled", "1")
    assert fate.held == "held: not yet"


def turns(before: Plan, after: Plan) -> list[tuple[Turn, Kind, str]]:
    return [(each.turn, each.effect.kind, each.effect.part) for each in differences(before, after)]


def test_a_difference_is_new_or_gone_or_waits_or_waits_no_more() -> None:
    lock = write(status=1)
    made, waits = plan([lock]), plan(skips=[Skip(ANN, Reason.HELD, "not yet", lock)])
    assert turns(plan(), made) == [(Turn.NEW, Kind.LOCK, "enabled")]
    assert turns(made, plan()) == [(Turn.GONE, Kind.LOCK, "enabled")]
    assert turns(made, waits) == [(Turn.WAITS, Kind.LOCK, "enabled")]
    assert turns(waits, made) == [(Turn.MADE, Kind.LOCK, "enabled")]
    assert turns(made, made) == []


def test_what_follows_from_a_login_that_only_one_plan_makes_is_told_once() -> None:
    joined = AddToGroup(Subject("ann", Anchor("r", "a")), VPN, "in")
    assert turns(plan(), plan([create(), joined])) == [(Turn.NEW, Kind.CREATE, "")]
    assert turns(plan([create("a@x.y")]), plan([create("b@x.y"), joined])) == [
        (Turn.NEW, Kind.UPDATE, "mail"),
        (Turn.NEW, Kind.ADD, "groups vpn"),
        (Turn.GONE, Kind.UPDATE, "mail"),
    ]


def test_each_difference_is_put_down_to_the_changed_part_that_governs_it() -> None:
    after = plan([write(mail="b@x.y"), RemoveFromGroup(ANN, VPN, "out"), AddToGroup(ANN, Group(2, "wiki"), "in")])
    found = impact(plan(), after, ("mail", "groups vpn", "phone"), PLACES)
    assert [(rule.parts, rule.place, rule.people) for rule in found.rules] == [
        (("groups vpn",), "m.yaml:21", 1),  # what takes something comes first
        ((), "", 1),
        (("mail",), "m.yaml:9", 1),
    ]
    assert found.unnoticed == (("phone", "m.yaml:10"),)
    assert found.people == 1


def test_a_removal_is_put_down_to_the_line_that_the_plan_itself_blames() -> None:
    lock = write(cause_text(Cause.RULE, "m.yaml:2"), status=1)
    (rule,) = impact(plan(), plan([lock]), ("sources staff", "scope", "leavers"), PLACES).rules
    assert (rule.parts, rule.place) == (("scope",), "m.yaml:2")
    moved = write(cause_text(Cause.MOVED), status=1)
    (rule,) = impact(plan(), plan([moved]), ("scope", "leavers"), PLACES).rules
    assert (rule.parts, rule.place) == (("scope", "leavers"), "m.yaml:1")


def test_nobody_is_created_or_given_a_field_because_of_what_becomes_of_leavers() -> None:
    (rule,) = impact(plan(), plan([create()]), ("leavers", "scope"), PLACES).rules
    assert rule.parts == ("scope",)
    (rule,) = impact(plan(), plan([write(phone="1")]), ("scope",), PLACES).rules
    assert rule.parts == ()


def deciding(**more: object) -> str:
    rules = {
        "login": "uid",
        "mail": "mail",
        "scope": [],
        "extra": {"site": "l"},
        "groups": [{"to": "vpn", "group": "a"}],
    }
    data = {"sources": {"staff": {"base": "b"}}, "order": ["staff"], "leavers": "lock", "mapping": "1", "rules": rules}
    return json.dumps({**data, **more})


def rules(**more: object) -> str:
    return deciding(mapping="2", rules={**json.loads(deciding())["rules"], **more})


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (deciding(), ()),
        (rules(mail="other"), ("mail",)),
        (rules(phone="tel"), ("phone",)),
        (rules(extra={}), ("extra site",)),
        (rules(groups=[]), ("groups vpn",)),
        (rules(groups=[{"to": "vpn", "group": "a"}, {"to": "vpn", "group": "b"}]), ("groups vpn",)),
        (deciding(sources={"staff": {"base": "c"}, "hr": {}}), ("sources staff", "sources hr")),
        (deciding(leavers="delete", adopt=[0]), ("leavers", "adopt")),
        (deciding(mapping="2"), ("mapping",)),
        (
            json.dumps({"mapping": "2", "sources": {"staff": {"base": "b"}}, "order": ["staff"], "leavers": "lock"}),
            ("mapping",),
        ),
    ],
)
def test_the_parts_that_differ_are_named(after: str, expected: tuple[str, ...]) -> None:
    assert changed_parts(deciding(), after) == expected
