"""Which login each of several people of one name gets."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from iwds.core.change import CreateLogin, Write
from iwds.core.decide import decide
from iwds.core.decision import Proposal
from iwds.core.matching import Case, Match
from iwds.core.model import Absent, Account, LedgerRow, Login, Unmapped
from iwds.core.naming import as_named, is_form_of, may_have, numbered
from iwds.core.policy import Policy, World
from iwds.core.previous import NOWHERE, Before, judged
from tests.unit.core.made import OURS, account, anchor, changes, decided, login, row, world


def john(who: str, base: str = "jdoe", /, longest: int = 20, **fields: object) -> Account:
    return account(who, **{"login": base, "mail": f"{who}@x", "enabled": True, "numbering": longest, **fields})


def named(
    people: Iterable[Account | Unmapped],
    rows: Iterable[LedgerRow] = (),
    logins: Iterable[Login] = (),
    rules: World | None = None,
) -> dict[str, str]:
    """What is made, adopted or renamed, by person; and why nothing is."""
    found: dict[str, str] = {}
    for decision in decided(people, rows, logins, rules=rules):
        who = decision.change.subject if isinstance(decision, Proposal) else decision.subject
        if not isinstance(decision, Proposal):
            told = decision.reason.value
        elif isinstance(decision.change, CreateLogin):
            told = decision.change.account.login
        elif isinstance(decision.change, Write):
            told = f"-> {decision.change.after.login}"
        else:
            told = type(decision.change).__name__.lower()
        if who.anchor:
            found.setdefault(who.anchor.id, told)
    return found


@pytest.mark.parametrize(
    ("name", "base", "longest", "is_one"),
    [
        ("jdoe", "jdoe", 20, True),
        ("jdoe2", "jdoe", 20, True),
        ("jdoe12", "jdoe", 20, True),
        ("jdoe1", "jdoe", 20, False),
        ("jdoe02", "jdoe", 20, False),
        ("jdoe1234567", "jdoe", 20, False),
        ("jdoex2", "jdoe", 20, False),
        ("jdo2", "jdoe", 4, True),
        ("jd10", "jdoe", 4, True),
        ("jdoe2", "jdoe", 4, False),
        ("22", "2", 20, True),
    ],
)
def test_a_form_of_a_name_has_a_number_behind_it(name: str, base: str, longest: int, is_one: bool) -> None:
    assert is_form_of(name, base, longest) is is_one


def test_a_number_takes_the_place_of_the_last_letters() -> None:
    assert [numbered("jdoe", n, 5) for n in (2, 10, 100)] == ["jdoe2", "jdo10", "jd100"]


def test_newcomers_are_numbered_in_the_order_of_their_anchors_whatever_the_order_of_the_reading() -> None:
    people = [john("b"), john("a", "JDoe"), john("c")]
    assert named(people) == named(people[::-1]) == {"a": "JDoe", "b": "jdoe2", "c": "jdoe3"}


def test_who_has_a_login_keeps_it_when_another_one_leaves_or_comes_back() -> None:
    rows = [row(1, "a", login="jdoe"), row(2, "b", login="jdoe2")]
    logins = [login(1, "jdoe"), login(2, "jdoe2", mail="b@x")]
    assert named([john("b")], rows, logins) == {"a": "-> jdoe"}  # locked, under its name
    assert named([john("b")], rows[1:], logins[1:]) == {}
    assert named([john("b"), john("a")], rows[1:], logins[1:]) == {"a": "jdoe"}


def test_who_is_called_otherwise_gets_the_next_free_form_of_the_new_name() -> None:
    rows = [row(1, "a", login="jdoe"), row(2, "b", login="bob")]
    logins = [login(1, "jdoe", mail="a@x"), login(2, "bob", mail="b@x")]
    assert named([john("a"), john("b")], rows, logins) == {"b": "-> jdoe2"}


def test_a_name_that_our_memory_knows_of_another_is_not_given_although_the_login_is_gone() -> None:
    assert named([john("b")], [row(1, "a", login="jdoe")]) == {"a": "forget", "b": "jdoe2"}


def test_a_name_that_somebody_else_wants_is_not_given_as_a_number() -> None:
    assert named([john("a"), john("b"), john("c", "jdoe2")]) == {"a": "jdoe", "b": "jdoe3", "c": "jdoe2"}
    out = Unmapped(anchor("c"), "dn", Absent.OUT_OF_SCOPE, "why", "jdoe2")
    assert named([john("a"), john("b"), out]) == {"a": "jdoe", "b": "jdoe3"}


@pytest.mark.parametrize(
    "rival", [Unmapped(anchor("z"), "dn", Absent.EXCLUDED, "a bot", "JDOE"), account("z", login="JDoe")]
)
def test_the_name_of_somebody_who_is_not_numbered_is_theirs(rival: Account | Unmapped) -> None:
    assert named([john("a"), rival])["a"] == "jdoe2"


def test_whoever_lost_their_login_on_the_service_gets_its_name_again() -> None:
    rows = [row(1, "a", login="jdoe"), row(2, "b", login="jdoe2")]
    made = changes(decided([john("b"), john("a")], rows, [login(1, "jdoe", mail="a@x")]))
    assert [change.account.login for change in made if isinstance(change, CreateLogin)] == ["jdoe2"]
    made = changes(decided([john("b"), john("a")], rows, [login(2, "jdoe2", mail="b@x")]))
    assert [change.account.login for change in made if isinstance(change, CreateLogin)] == ["jdoe"]


def test_a_login_that_was_renamed_by_hand_gets_its_own_number_back() -> None:
    rows = [row(2, "b", login="jdoe2")]
    assert named([john("b"), john("c")], rows, [login(2, "zed", mail="b@x")]) == {"b": "-> jdoe2", "c": "jdoe"}


def test_a_protected_name_is_neither_numbered_nor_given() -> None:
    rules = world(protected=frozenset({"jdoe", "ann2"}))
    people = [john("a"), john("b", "ann"), john("c", "ann")]
    assert named(people, rules=rules) == {"a": "protected", "b": "ann", "c": "ann3"}


def test_where_no_number_is_left_nobody_gets_a_login() -> None:
    people = [john(f"{n:02}", "a1", longest=2) for n in range(10)]
    found = named(people)
    assert list(found.values()).count("duplicate") == 1
    assert sorted(found.values()) == sorted(["a1", *(f"a{n}" for n in range(2, 10)), "duplicate"])


class TestALoginThatNobodyRemembers:
    def test_is_that_of_the_only_one_who_wants_it_and_has_its_address(self) -> None:
        assert named([john("a")], (), [login(1, "jdoe", mail="A@x")]) == {"a": "adopt"}

    @pytest.mark.parametrize("mail", ["b@x", "", None])
    def test_is_not_theirs_for_its_name_alone_and_they_get_no_other_one(self, mail: str | None) -> None:
        assert named([john("a")], (), [login(1, "jdoe", mail=mail)]) == {"a": "duplicate"}

    def test_is_not_that_of_one_of_two(self) -> None:
        both = named([john("a"), john("b")], (), [login(1, "jdoe", mail="a@x")])
        assert both == {"a": "duplicate", "b": "duplicate"}

    @pytest.mark.parametrize("mail", ["a@x", "b@x"])
    def test_is_never_found_by_its_number(self, mail: str) -> None:
        assert named([john("a")], (), [login(2, "jdoe2", mail=mail)]) == {"a": "duplicate"}

    def test_is_somebody_elses_where_it_is_foreign_and_has_another_address(self) -> None:
        foreign = login(1, "jdoe", mail="z@x", created_by=0)
        assert named([john("a")], (), [foreign]) == {"a": "jdoe2"}
        assert named([john("a")], (), [foreign], world(Policy(OURS, adopt=frozenset({0})))) == {"a": "duplicate"}
        assert named([john("a")], (), [replace(foreign, mail="")]) == {"a": "duplicate"}
        assert named([john("a")], (), [replace(foreign, mail="a@x")]) == {"a": "foreign"}
        assert named([john("a")], (), [login(3, "jdoe3", mail="z@x", created_by=0)]) == {"a": "jdoe"}

    def test_does_not_keep_those_from_theirs_who_have_one(self) -> None:
        logins = [login(1, "jdoe", mail="z@x"), login(2, "jdoe2", mail="b@x")]
        assert named([john("b")], [row(2, "b", login="jdoe2")], logins) == {}

    def test_is_told(self) -> None:
        (skip,) = [d for d in decided([john("a")], (), [login(2, "jdoe2")]) if not isinstance(d, Proposal)][:1]
        assert skip.detail == "jdoe2 is on the service, nobody remembers whose it is, and it may be theirs"


def test_an_account_may_have_any_form_of_its_name_only_where_it_is_numbered() -> None:
    assert may_have(john("a"), "JDOE2")
    assert not may_have(john("a", numbering=None), "jdoe2")
    assert as_named(john("a"), ("bob", "jdoe3", "jdoe2")).login == "jdoe3"
    kept = john("a")
    assert as_named(kept, ("bob", "JDOE")) is kept


def test_a_number_is_no_difference_between_two_configurations() -> None:
    """The one last applied is asked about one person alone, who would be number one."""
    today = replace(john("b"), login="jdoe2", enabled=False)
    case = Case(Match.OURS, today, row(2, "b", login="bob"), login(2, "bob", mail="b@x"))
    told = list(judged(case, decide(case, world()), Before(john("b", enabled=False), world()), NOWHERE))
    assert [d.known for d in told if isinstance(d, Proposal)] == [True]
