"""Would the configuration last applied have asked for the same?"""

from dataclasses import replace
from typing import Any

import pytest

from iwds.core.causes import Cause
from iwds.core.change import DeleteLogin, Evidence, RemoveFromGroup, SetGroupRole, Write, fields_changed
from iwds.core.decide import decide
from iwds.core.decision import Decision, Proposal
from iwds.core.guards import DEFAULTS, Populations, read_gauges
from iwds.core.matching import Case, Match
from iwds.core.model import Absent, Account, Role, Unmapped
from iwds.core.policy import Leaver, Policy
from iwds.core.previous import Before, Places, explained, judged
from tests.unit.core.made import OURS, VPN, account, anchor, login, row, subject, world, write

PLACES = Places(
    {"mapping": "m.yaml", "role": "m.yaml:5", "enabled": "m.yaml:7", "scope": "m.yaml:1", "sources": "c.yaml:2"}
)
LIBRARY = "library phonenumbers 9.0.3 > 9.1.0"
ADOPTING = world(Policy(OURS, adopt=frozenset({0})))


def told(
    case: Case, before: Account | Unmapped | None, rules: Any = None, doubted: tuple[str, ...] = ()
) -> dict[type, tuple[bool, str]]:
    """Of each removal: whether it is known, and where what it is blamed on stands."""
    rules = rules or world()
    then = Before(before, rules, dict.fromkeys(doubted, LIBRARY))
    found: list[Decision] = list(judged(case, decide(case, rules), then, PLACES))
    return {
        type(d.change): (d.known, d.blamed) for d in found if isinstance(d, Proposal) and d.change.evidence is not None
    }


class TestANewlyAdoptedLogin:
    CASE = Case(Match.NAMED, account(mail=""), login=login(mail="x", created_by=0))

    @pytest.mark.parametrize(
        ("before", "known"),
        [
            (account(mail=""), True),
            (account(mail="x"), False),
            (replace(account(mail=""), login="bob"), False),
            (Unmapped(anchor(), "dn", Absent.OUT_OF_SCOPE, "why"), False),
        ],
    )
    def test_loses_what_it_would_have_lost_before(self, before: Account | Unmapped, known: bool) -> None:
        assert told(self.CASE, before, ADOPTING)[Write] == (known, "" if known else "m.yaml")


def test_a_role_in_a_group_is_compared_with_the_role_that_it_would_have_become() -> None:
    now = account(groups=frozenset({"vpn"}), group_roles=(("vpn", "user"),))
    held = row(groups=frozenset({VPN.id}))
    case = Case(
        Match.OURS, now, held, login(), member_of=frozenset({VPN.id}), asked=frozenset({VPN.id}), roles={VPN.id: 2}
    )
    assert told(case, now)[SetGroupRole] == (True, "")
    assert told(case, replace(now, group_roles=(("vpn", "manager"),)))[SetGroupRole] == (False, "m.yaml")


def test_extra_fields_are_compared_key_by_key() -> None:
    case = Case(Match.OURS, account(extra=(("k", ""),)), row(), login(extra='{ "k":"v" }'))
    assert told(case, account(extra=(("k", ""),)))[Write] == (True, "")
    assert told(case, account(extra=(("k", "v"),)))[Write] == (False, "m.yaml")


def test_a_lower_role_is_blamed_on_the_rules_about_roles() -> None:
    case = Case(Match.OURS, account(role=Role.USER), row(), login(role=2))
    assert told(case, account(role=Role.ADMINISTRATOR))[Write] == (False, "m.yaml:5")


def test_whoever_cannot_be_mapped_and_is_disabled_now_is_the_doing_of_the_rule_about_that() -> None:
    gone = Unmapped(anchor(), "dn", Absent.INVALID, "why", disabled=True)
    case = Case(Match.LEAVER, None, row(), login(), absent=gone)
    assert told(case, account(enabled=True))[Write] == (False, "m.yaml:7")
    assert told(case, gone)[Write] == (True, "")
    (write,) = [d.change for d in explained(case, decide(case, world())) if isinstance(d, Proposal)]
    assert isinstance(write, Write)
    assert write.cause == Cause.DISABLED


def test_somebody_excluded_before_and_out_of_scope_now_is_the_doing_of_the_scope() -> None:
    out = Unmapped(anchor(), "dn", Absent.OUT_OF_SCOPE, "why")
    case = Case(Match.LEAVER, row=row(), login=login(), absent=out)
    assert told(case, Unmapped(anchor(), "dn", Absent.EXCLUDED, "then"))[Write] == (False, "m.yaml:1")


class TestALibraryOfAnotherVersion:
    """What the configuration last applied asks for only by the library of today, nobody knows of it."""

    PHONE = account(phone="", mail="")
    CLEARED = Case(Match.OURS, PHONE, row(), login(phone="+33612345678"))
    OUT = Case(Match.LEAVER, row=row(), login=login(), absent=Unmapped(anchor(), "dn", Absent.OUT_OF_SCOPE, "why"))

    def test_lets_what_it_decides_wait_and_nothing_else(self) -> None:
        assert told(self.CLEARED, self.PHONE, doubted=("phone",))[Write] == (False, LIBRARY)
        assert told(self.CLEARED, self.PHONE, doubted=("mail", "login", "scope"))[Write] == (True, "")

    def test_of_a_write_lets_the_rest_go_on(self) -> None:
        case = replace(self.CLEARED, login=login(phone="+33612345678", mail="a@b.c"))
        parts = [
            (d.known, d.blamed, fields_changed(d.change))
            for d in judged(case, decide(case, world()), Before(self.PHONE, world(), {"phone": LIBRARY}), PLACES)
            if isinstance(d, Proposal) and isinstance(d.change, Write)
        ]
        assert parts == [(True, "", ("mail",)), (False, LIBRARY, ("phone",))]

    @pytest.mark.parametrize(
        ("before", "part"),
        [
            (OUT.absent, "scope"),
            (OUT.absent, "include"),
            (OUT.absent, "exclude"),
            (Unmapped(anchor(), "dn", Absent.INVALID, "then", disabled=True), "enabled"),
            (account(enabled=False), "enabled"),
        ],
    )
    def test_lets_a_lock_wait_where_it_decides_who_belongs_here(
        self, before: Account | Unmapped | None, part: str
    ) -> None:
        assert told(self.OUT, before, doubted=(part,))[Write] == (False, LIBRARY)
        assert told(self.OUT, before, doubted=("phone", "login"))[Write] == (True, "")

    def test_takes_nothing_from_the_end_of_those_whom_the_directory_has_no_more(self) -> None:
        gone = replace(self.OUT, absent=None)
        assert told(gone, None, doubted=("scope", "enabled", "login"))[Write] == (True, "")

    def test_holds_the_memberships_of_the_group_whose_line_it_decides(self) -> None:
        here = account(groups=frozenset[str]())
        case = Case(Match.OURS, here, row(groups=frozenset({VPN.id})), login(), member_of=frozenset({VPN.id}))
        assert told(case, here, doubted=("groups vpn",))[RemoveFromGroup] == (False, LIBRARY)
        assert told(case, here, doubted=("groups wiki",))[RemoveFromGroup] == (True, "")

    def test_holds_the_extra_field_that_it_decides(self) -> None:
        case = Case(Match.OURS, account(extra=(("k", ""),)), row(), login(extra='{ "k":"v" }'))
        assert told(case, account(extra=(("k", ""),)), doubted=("extra k",))[Write] == (False, LIBRARY)

    def test_locks_nobody_meanwhile_by_it(self) -> None:
        old, new = world(), world(Policy(OURS, leaver=Leaver.DELETE))
        gone = replace(self.OUT, absent=None)
        found = judged(gone, decide(gone, new), Before(self.OUT.absent, old, {"scope": LIBRARY}), PLACES)
        assert [(type(d.change), d.known) for d in found if isinstance(d, Proposal)] == [(DeleteLogin, False)]


@pytest.mark.parametrize(("evidence", "cause"), [(Evidence.RULE, Cause.RULE), (Evidence.ORDERED, Cause.ORDERED)])
def test_a_change_that_names_no_cause_is_counted_by_what_it_rests_on(evidence: Evidence, cause: Cause) -> None:
    lock = replace(write(status=1), evidence=evidence)
    gauges = read_gauges([lock], Populations(9, {}, {}, {}), DEFAULTS, {}, first_run=False)
    assert {gauge.kind.value: gauge.causes for gauge in gauges}["lock"] == {cause.value: 1}
    assert lock.subject == subject()
