"""Where the service differs from what we last wrote, and since when."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from iwds.core.change import (
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    CreateLogin,
    Forget,
    RemoveFromGroup,
    SetGroupRole,
)
from iwds.core.drift import (
    IN,
    OUT,
    Drift,
    DriftKind,
    How,
    Made,
    Managed,
    Moment,
    Since,
    Trace,
    by_helpdesk,
    drift_of,
    is_spelling,
    part_of,
    since,
    traced,
    without_held,
)
from iwds.core.ledger import fingerprint, written_of
from iwds.core.model import LedgerRow, Login, Origin, Role
from tests.unit.core.made import NOON, OURS, VPN, WIKI, create, login, row, subject, write

FIELDS = frozenset({"login", "status", "name", "mail", "role"})
MANAGED = Managed(OURS, FIELDS, frozenset({"room"}), {1: VPN, 2: WIKI}, frozenset({1}))


def ours(as_written: Login | None = None, **fields: Any) -> LedgerRow:
    """The row of a login that we wrote so."""
    return row(**{"written": written_of(as_written or login()), **fields})


def found(known: LedgerRow, now: Login | None, groups: frozenset[int] = frozenset(), **roles: int) -> list[Drift]:
    read = {int(name[1:]): role for name, role in roles.items()}
    return list(drift_of(known, now, groups, MANAGED, read))


class TestDrift:
    def test_is_none_where_everything_is_as_we_wrote_it(self) -> None:
        assert found(ours(groups=frozenset({1})), login(), frozenset({1})) == []

    @pytest.mark.parametrize(
        ("fields", "kind", "what", "now"),
        [
            ({"mail": "x@y"}, DriftKind.FIELD, "mail", "x@y"),
            ({"name": ""}, DriftKind.FIELD, "name", ""),
            ({"role": 2}, DriftKind.ROLE, "role", 2),
            ({"status": 1}, DriftKind.LOCKED, "status", 1),
        ],
    )
    def test_is_a_field_that_we_manage_and_that_differs(
        self, fields: dict[str, Any], kind: DriftKind, what: str, now: str | int
    ) -> None:
        known = ours(login(name="Ann"))
        mark = known.written[what]
        assert found(known, login(**{"name": "Ann", **fields})) == [Drift(kind, what, now, mark=mark)]

    def test_is_a_lock_of_ours_that_somebody_lifted(self) -> None:
        assert [each.kind for each in found(ours(login(status=1)), login())] == [DriftKind.UNLOCKED]

    def test_is_none_in_what_the_mapping_does_not_govern_or_nobody_could_read(self) -> None:
        assert found(ours(), login(phone="1", firstname="Else")) == []
        assert found(ours(), login(mail=None, role=None, extra=None)) == []
        assert found(row(), login(mail="never known what we wrote")) == []

    def test_is_none_in_another_spelling(self) -> None:
        known = ours(login(name="Zoë O'Neill"))
        assert found(known, login(name=" Zoe\u0308 O\u2019Neill ")) == []
        assert found(ours(login(role=Role.MANAGER)), login(role=1)) == []

    def test_is_a_login_with_another_name(self) -> None:
        assert found(ours(), login(1, "anna")) == [Drift(DriftKind.RENAMED, "login", "anna", "ann")]
        other_case = found(ours(), login(1, "Ann"))
        assert [(each.kind, each.mark) for each in other_case] == [(DriftKind.RENAMED, fingerprint("ann"))]

    def test_is_an_extra_field_that_we_wrote(self) -> None:
        known = ours(written={"extra room": fingerprint("1")})
        assert found(known, login(extra='{ "room":"1", "other":"x" }')) == []
        (drift,) = found(known, login(extra='{ "room":"2" }'))
        assert (drift.what, drift.now, drift.is_was("1")) == ("extra room", "2", True)
        assert [each.now for each in found(known, login(extra=""))] == [""]
        assert found(known, login(extra="broken")) == found(ours(), login(extra='{ "room":"2" }')) == []

    def test_is_a_membership_that_went_or_came(self) -> None:
        known = ours(groups=frozenset({1, 9}))
        assert found(known, login(), frozenset({2})) == [
            Drift(DriftKind.LEFT, "group 1", OUT, IN, group=VPN),
            Drift(DriftKind.JOINED, "group 2", IN, OUT, group=WIKI),
        ]

    def test_is_another_role_in_a_group_where_we_govern_roles_and_know_ours(self) -> None:
        known = ours(groups=frozenset({1, 2}), group_roles={1: 0, 2: 0})
        assert found(known, login(), frozenset({1, 2}), g1=17, g2=17) == [
            Drift(DriftKind.GROUP_ROLE, "role in 1", 17, 0, group=VPN)
        ]
        assert found(known, login(), frozenset({1, 2}), g1=0) == []
        assert found(replace(known, group_roles={}), login(), frozenset({1, 2}), g1=17) == []

    def test_is_a_login_that_is_gone_strange_or_retagged(self) -> None:
        assert found(ours(), None) == [Drift(DriftKind.GONE, "login", None, "ann")]
        strange = login(1, "eve", created_by=0, mail="x")
        assert found(ours(), strange) == [Drift(DriftKind.STRANGER, "login", "eve", "ann")]
        assert found(ours(), login(created_by=0)) == [Drift(DriftKind.TAG, "tag", 0, OURS)]

    def test_is_none_of_a_login_that_another_job_keeps(self) -> None:
        assert found(ours(owner=30), None) == []

    def test_leaves_out_the_lock_that_the_helpdesk_holds(self) -> None:
        drifts = found(ours(), login(status=1, mail="x"))
        held = replace(MANAGED, held=frozenset({1}))
        assert [each.what for each in without_held(drifts, 1, held)] == ["mail"]
        assert len(list(without_held(drifts, 2, held))) == 2


MAIL = Drift(DriftKind.FIELD, "mail", "hand", mark=fingerprint("ours"))


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def history(*changes: Change, done: bool = True) -> list[Made]:
    """Changes a minute apart, each in a run of its own."""
    return [Made(at(n), f"r{n}", change, done) for n, change in enumerate(changes)]


def moment(number: int) -> Moment:
    return Moment(at(number), f"r{number}")


def trace(drift: Drift, *changes: Change, known: LedgerRow | None = None) -> Trace:
    return traced(drift, known or row(), history(*changes))


class TestTheJournal:
    def test_tells_what_a_field_was_and_when_we_wrote_it(self) -> None:
        first = create("ann", mail="older")
        assert trace(MAIL, first, write(login(mail="older"), mail="ours")) == Trace(
            True, "ours", How.WRITTEN, moment(1), moment(1)
        )
        assert trace(MAIL, create("ann", mail="ours")) == Trace(True, "ours", How.CREATED, moment(0), moment(0))

    def test_tells_that_nobody_wrote_it_where_the_login_was_adopted(self) -> None:
        told = trace(MAIL, Adopt(subject(), login(mail="ours"), (), "explained"))
        assert (told.how, told.was) == (How.ADOPTED, "ours")

    def test_knows_only_the_hash_where_it_has_nothing(self) -> None:
        assert trace(MAIL, AddToGroup(subject(), VPN, "due")) == Trace(False, None)
        assert trace(Drift(DriftKind.RENAMED, "login", "x", "ann")) == Trace(True, "ann")

    def test_knows_it_equal_at_a_later_write_of_something_else(self) -> None:
        told = trace(MAIL, create("ann", mail="ours"), write(login(mail="ours"), name="New"))
        assert (told.wrote, told.equal, told.seen) == (moment(0), moment(1), None)

    def test_knows_when_a_run_saw_what_the_service_has_first(self) -> None:
        by_hand = write(login(mail="hand"), name="New")
        told = trace(MAIL, create("ann", mail="ours"), by_hand, by_hand)
        assert (told.equal, told.seen) == (moment(0), moment(1))
        back = trace(MAIL, create("ann", mail="ours"), by_hand, write(login(mail="hand"), mail="ours"))
        assert (back.equal, back.seen) == (moment(2), None)

    def test_believes_no_change_that_was_not_made(self) -> None:
        held = traced(MAIL, row(), history(write(login(mail="ours"), name="New"), write(mail="ours"), done=False))
        assert held == Trace(False, None)
        seen = traced(MAIL, row(), history(write(login(mail="hand"), mail="ours"), done=False))
        assert seen == Trace(False, None, seen=moment(0)), "what it was planned on was read all the same"

    def test_knows_of_a_login_as_a_whole_when_something_was_last_done_to_it(self) -> None:
        gone = Drift(DriftKind.GONE, "login", None, "ann")
        told = traced(gone, row(), [*history(create("ann")), Made(at(5), "r5", write(mail="x"), False)])
        assert told == Trace(True, "ann", equal=moment(0))

    def test_tells_of_extra_fields_one_by_one(self) -> None:
        drift = Drift(DriftKind.FIELD, "extra room", "2", mark=fingerprint("1"))
        assert trace(drift, create("ann", extra=(("room", "1"),))).how is How.CREATED
        assert trace(drift, write(login(extra=""), extra='{ "room":"1" }')).how is How.WRITTEN
        empty = Drift(DriftKind.FIELD, "extra room", "2", mark=fingerprint(""))
        assert trace(empty, create("ann")).was == ""

    def test_tells_of_memberships(self) -> None:
        left = Drift(DriftKind.LEFT, "group 1", OUT, IN, group=VPN)
        joined = Drift(DriftKind.JOINED, "group 1", IN, OUT, group=VPN)
        other = AddToGroup(subject(), WIKI, "due")
        assert trace(left, create("ann"), AddToGroup(subject(), VPN, "due"), other).equal == moment(1)
        assert trace(left, AdoptMembership(subject(), VPN, "due")).how is How.ADOPTED
        assert trace(left, Adopt(subject(), login(), (1,), "explained")).how is How.ADOPTED
        assert trace(
            left, AddToGroup(subject(), VPN, "due"), SetGroupRole(subject(), VPN, 0, 1, "due")
        ).equal == moment(1)
        assert trace(joined, create("ann")).how is How.CREATED
        assert trace(joined, RemoveFromGroup(subject(), VPN, "not due")).how is How.WRITTEN
        assert trace(joined, Forget(subject(), "gone", group=VPN)).equal == moment(0)
        assert trace(joined, Forget(subject(), "gone", group=WIKI), Forget(subject(), "gone")) == Trace(True, OUT)

    def test_does_not_know_whether_a_membership_is_older_than_the_adoption(self) -> None:
        joined = Drift(DriftKind.JOINED, "group 1", IN, OUT, group=VPN)
        adopted = row(origin=Origin.ADOPTED)
        told = trace(joined, Adopt(subject(), login(), (), "explained"), known=adopted)
        assert (told.how, told.equal) == (How.ADOPTED, None)
        assert trace(joined, RemoveFromGroup(subject(), VPN, "not due"), known=adopted).how is How.WRITTEN

    def test_tells_of_roles_in_groups(self) -> None:
        drift = Drift(DriftKind.GROUP_ROLE, "role in 1", 17, 1, group=VPN)
        assert trace(drift, create("ann"), AddToGroup(subject(), VPN, "due", role=1)).how is How.WRITTEN
        assert trace(drift, AddToGroup(subject(), VPN, "due")).how is How.REMEMBERED
        assert trace(drift, SetGroupRole(subject(), VPN, 0, 1, "due")).was == 1
        assert trace(drift, Adopt(subject(), login(), (1,), "x", roles=((1, 1),))).how is How.ADOPTED
        assert trace(drift, Adopt(subject(), login(), (1,), "x")).how is How.REMEMBERED
        assert trace(drift, RemoveFromGroup(subject(), VPN, "x")).how is How.REMEMBERED


class TestSince:
    def test_is_as_narrow_as_is_known(self) -> None:
        assert since([moment(1), None, moment(2)], [moment(9), moment(5), None], at(20)) == Since(moment(2), moment(5))

    def test_is_no_more_than_is_known(self) -> None:
        assert since([None], [None], at(20)) == Since(None, Moment(at(20)))
        assert since([moment(7), moment(1)], [moment(3)], at(20)) == Since(moment(1), moment(3))


class TestTheHelpdesk:
    LOCKED = Drift(DriftKind.LOCKED, "status", 1, mark=fingerprint(0))
    UNLOCKED = Drift(DriftKind.UNLOCKED, "status", 0, mark=fingerprint(1))

    @pytest.mark.parametrize(
        ("drift", "last", "wrote", "theirs"),
        [
            (LOCKED, ("lock", at(5)), moment(1), True),
            (UNLOCKED, ("unlock", at(5)), moment(1), True),
            (UNLOCKED, ("unlock", at(5)), None, True),
            (UNLOCKED, ("unlock", at(5)), moment(9), False),
            (LOCKED, ("unlock", at(5)), moment(1), False),
            (UNLOCKED, None, moment(1), False),
            (MAIL, ("lock", at(5)), moment(1), False),
        ],
    )
    def test_did_what_its_last_action_left_and_no_run_wrote_since(
        self, drift: Drift, last: tuple[str, datetime] | None, wrote: Moment | None, theirs: bool
    ) -> None:
        assert by_helpdesk(drift, last, Trace(True, 0, wrote=wrote)) is theirs


def test_another_case_of_a_name_is_only_a_spelling() -> None:
    other_case = Drift(DriftKind.RENAMED, "login", "Ann", mark=fingerprint("ann"))
    assert is_spelling(other_case, Trace(True, "ann"))
    assert is_spelling(other_case, Trace(False, None)), "our memory has the name"
    assert not is_spelling(other_case, Trace(True, "eve"))
    assert not is_spelling(Drift(DriftKind.RENAMED, "login", "eve", "ann"), Trace(True, "ann"))
    assert not is_spelling(MAIL, Trace(False, None))


def test_a_part_of_a_login_is_a_field_or_one_extra_field() -> None:
    assert part_of(login(role=Role.MANAGER), "role") == 1
    assert part_of(login(extra='{ "room":"1" }'), "extra room") == "1"
    assert part_of(login(extra="broken"), "extra room") is None


def test_a_creation_is_traced_by_what_it_sent() -> None:
    assert isinstance(create("ann"), CreateLogin)
    role = Drift(DriftKind.ROLE, "role", 2, mark=fingerprint(0))
    assert trace(role, create("ann")).was == 0
