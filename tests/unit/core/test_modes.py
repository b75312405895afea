"""Emptying a field has to be asked for; what is left as it is makes no difference."""

from dataclasses import replace

import pytest

from iwds.core.change import Evidence, Write
from iwds.core.decide import decide
from iwds.core.decision import Proposal, Skip
from iwds.core.matching import Case, Match
from iwds.core.model import Account, Mode, Role
from iwds.core.modes import governed
from iwds.core.previous import Before, Places, explained, judged
from tests.unit.core.made import account, cases, changes, decided, login, row, world

TEXTS = ("firstname", "name", "mail", "phone")


def written(wanted: Account, **held: object) -> dict[str, object]:
    """The fields that are written to ann's login."""
    made = changes(decided([wanted], [row()], [login(**held)]))
    return {
        name: getattr(change.after, name)
        for change in made
        if isinstance(change, Write)
        for name in (*TEXTS, "role", "extra")
        if getattr(change.after, name) != getattr(change.before, name)
    }


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize(
    ("mode", "source", "service", "expected"),
    [
        (Mode.ALWAYS, "new", "old", "new"),
        (Mode.ALWAYS, "", "old", ""),
        (Mode.NEVER_CLEAR, "new", "old", "new"),
        (Mode.NEVER_CLEAR, "", "old", "old"),
        (None, "new", "old", "new"),
        (None, "", "old", "old"),
        (Mode.IF_EMPTY, "new", "old", "old"),
        (Mode.IF_EMPTY, "new", "", "new"),
        (Mode.IF_EMPTY, "", "old", "old"),
    ],
)
def test_a_field_is_written_as_its_mode_says(
    field: str, mode: Mode | None, source: str, service: str, expected: str
) -> None:
    wanted = account(**{field: source}, modes=((field, mode),) if mode else ())
    assert written(wanted, **{field: service}) == ({} if expected == service else {field: expected})


@pytest.mark.parametrize(
    ("modes", "wanted", "held", "expected"),
    [
        ((), Role.USER, 2, {"role": 0}),
        ((("role", Mode.NEVER_CLEAR),), Role.USER, 2, {}),
        ((("role", Mode.NEVER_CLEAR),), Role.MANAGER, 2, {"role": 1}),
        ((("role", Mode.IF_EMPTY),), Role.MANAGER, 2, {}),
        ((("role", Mode.IF_EMPTY),), Role.MANAGER, 0, {"role": 1}),
    ],
)
def test_of_a_role_a_plain_user_counts_as_empty(
    modes: tuple[tuple[str, Mode], ...], wanted: Role, held: int, expected: dict[str, int]
) -> None:
    assert written(account(role=wanted, modes=modes), role=held) == expected


@pytest.mark.parametrize(
    ("mode", "wanted", "raw", "expected"),
    [
        (None, "", '{ "k":"v" }', {}),
        (None, "w", '{ "k":"v", "z":"1" }', {"extra": '{ "k":"w", "z":"1" }'}),
        (Mode.ALWAYS, "", '{ "k":"v", "z":"1" }', {"extra": '{ "z":"1" }'}),
        (Mode.IF_EMPTY, "w", '{ "k":"v" }', {}),
        (Mode.IF_EMPTY, "w", '{ "z":"1" }', {"extra": '{ "z":"1", "k":"w" }'}),
        (None, "", "broken", {}),
    ],
)
def test_each_key_of_the_extra_fields_has_its_own_mode(
    mode: Mode | None, wanted: str, raw: str, expected: dict[str, str]
) -> None:
    modes = (("extra k", mode),) if mode else ()
    assert written(account(extra=(("k", wanted),), modes=modes), extra=raw) == expected


def test_whoever_has_nothing_else_to_be_written_makes_no_case() -> None:
    modes = (("phone", Mode.IF_EMPTY), ("extra b", Mode.IF_EMPTY))
    wanted = account(mail="", phone="1", extra=(("a", ""), ("b", "2")), modes=modes)
    held = login(mail="ann@x", phone="9", extra='{ "a":"x", "b":"y" }')
    assert cases([wanted], [row()], [held]) == []
    assert governed(wanted, held) == replace(wanted, mail=None, phone=None, extra=())


def test_an_account_of_which_everything_is_written_stays_the_same_object() -> None:
    wanted = account(mail="a@x", extra=(("k", "v"),))
    assert governed(wanted, login()) is wanted


def test_a_field_that_was_not_read_is_written_if_it_is_empty_and_so_cannot_be() -> None:
    (skip,) = decided([account(phone="1", modes=(("phone", Mode.IF_EMPTY),))], [row()], [login(phone=None)])
    assert isinstance(skip, Skip)
    assert "phone not read" in skip.detail


def test_a_new_login_is_given_everything_whatever_the_modes() -> None:
    (made,) = changes(decided([account(phone="1", enabled=True, modes=(("phone", Mode.IF_EMPTY),))]))
    assert made.account == account(phone="1", enabled=True, modes=())  # type: ignore[union-attr]


@pytest.mark.parametrize(("then", "known"), [(Mode.ALWAYS, True), (Mode.NEVER_CLEAR, False), (Mode.IF_EMPTY, False)])
def test_what_only_a_changed_mode_empties_is_the_configurations_doing(then: Mode, known: bool) -> None:
    today, rules = account(mail=""), world()
    case = Case(Match.OURS, today, row(), login(mail="ann@x"))
    before = Before(replace(today, modes=(("mail", then),)), rules)
    (told,) = judged(case, explained(case, decide(case, rules)), before, Places({"mail": "staff.yaml:7"}))
    assert isinstance(told, Proposal)
    assert isinstance(told.change, Write)
    assert (told.known, told.blamed) == (known, "" if known else "staff.yaml:7")
    assert told.change.evidence is Evidence.SEEN
