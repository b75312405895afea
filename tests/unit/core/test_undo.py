"""The inverse of what a run did, case by case; tests/unit/engine/test_undo.py plays it on a service."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from iwds.core.change import (
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    CreateLogin,
    DeleteLogin,
    Evidence,
    Forget,
    RemoveFromGroup,
    SendActivation,
    SetGroupRole,
    Subject,
    Write,
)
from iwds.core.decision import Proposal, Reason, Skip
from iwds.core.devices import Loss
from iwds.core.ledger import ledger_effect, written_of
from iwds.core.model import Group, LedgerRow, Login, Origin, Status
from iwds.core.net import Net, Now, Step, Undone, nets
from iwds.core.undo import again, inverse, undone
from iwds.core.undo_logins import is_locked, locked_anew
from iwds.core.words import describe
from tests.unit.core.made import GROUPS, NOON, VPN, WIKI, account, anchor, login, row, world

ANN = Subject("ann", anchor(), 1)
NEW = Subject("ann", anchor())
ALL_GROUPS = {group.id: group for group in GROUPS.values()}


def now(held: Login | None = None, /, **fields: Any) -> Now:
    """ann's login as it is now, ours."""
    given: dict[str, Any] = {"login": held or login(), "row": row(), "world": world(), "groups": ALL_GROUPS, **fields}
    return Now(**given)


def net(*changes: Change, login_id: int = 1) -> Net:
    (found,) = nets(Step(change, login_id) for change in changes)
    return found


def undo(changes: Change | list[Change], how: Now) -> Undone:
    listed = changes if isinstance(changes, list) else [changes]
    return undone(net(*listed), how, "undoes it")


def made(result: Undone) -> list[Change]:
    return [each.change for each in result.decisions if isinstance(each, Proposal)]


def details(result: Undone) -> list[str]:
    return [each.detail for each in result.decisions if isinstance(each, Skip)]


def write(**fields: Any) -> Write:
    """The run wrote these fields, which were the usual ones before."""
    return Write(ANN, login(), replace(login(), **fields), "the run")


class TestTheNetOfARun:
    def test_is_one_for_each_login(self) -> None:
        first, second = nets([Step(write(mail="x"), 1), Step(AddToGroup(Subject("b", anchor("b"), 2), VPN, ""), 2)])
        assert (first.login_id, second.login_id) == (1, 2)

    def test_of_several_writes_goes_from_the_first_to_the_last(self) -> None:
        second = Write(ANN, replace(login(), mail="x"), replace(login(), mail="y"), "")
        found = net(write(mail="x"), second)
        assert found.before == login()
        assert found.after is not None
        assert found.after.mail == "y"

    def test_of_what_came_and_went_is_nothing(self) -> None:
        both: list[Change] = [AddToGroup(ANN, VPN, ""), RemoveFromGroup(ANN, VPN, "")]
        assert undo(both, now()) == Undone()

    def test_of_a_creation_is_known_by_the_id_that_the_service_gave(self) -> None:
        found = net(CreateLogin(NEW, account(), ""), AddToGroup(NEW, VPN, ""), SendActivation(NEW, ""), login_id=7)
        assert (found.login_id, found.mailed, list(found.groups)) == (7, True, [VPN.id])


class TestExtraFields:
    def keys(self, before: str, made_it: str, held: str) -> Undone:
        change = Write(ANN, login(1, "ann", extra=before), login(1, "ann", extra=made_it), "")
        return undo(change, now(login(1, "ann", extra=held)))

    def test_come_back_key_by_key(self) -> None:
        result = self.keys('{ "k":"old" }', '{ "k":"new", "n":"1" }', '{ "k":"new", "n":"1", "other":"x" }')
        (change,) = made(result)
        assert isinstance(change, Write)
        assert change.after.extra == '{ "k":"old", "other":"x" }'
        assert details(result) == []

    def test_that_others_changed_stay(self) -> None:
        result = self.keys('{ "k":"old", "m":"1" }', '{ "k":"new", "m":"2" }', '{ "k":"hand", "m":"2" }')
        (change,) = made(result)
        assert isinstance(change, Write)
        assert change.after.extra == '{ "k":"hand", "m":"1" }'
        assert details(result) == ["extra fields is different now, the run made it different"]

    def test_that_are_as_before_in_another_spelling_are_left(self) -> None:
        assert self.keys('{ "k":"old" }', '{ "k":"new" }', '{"k":"old"}') == Undone()

    def test_that_cannot_be_read_come_back_as_a_text_where_nobody_changed_it(self) -> None:
        (change,) = made(self.keys("broken", '{ "k":"new" }', '{ "k":"new" }'))
        assert isinstance(change, Write)
        assert change.after.extra == "broken"
        assert made(self.keys("broken", '{ "k":"new" }', '{ "k":"hand" }')) == []


class TestWhatIsTold:
    @pytest.mark.parametrize(
        ("field", "value", "held", "told"),
        [
            ("status", 1, 0, None),
            ("role", 1, 2, "role is administrator now, the run made it manager"),
            ("mail", "x", "", None),
            ("phone", "1", "2", "phone is 2 now, the run made it 1"),
        ],
    )
    def test_of_a_field_that_others_changed(self, field: str, value: Any, held: Any, told: str | None) -> None:
        result = undo(write(**{field: value}), now(login(1, "ann", **{field: held})))
        assert details(result) == ([told] if told else [])

    def test_of_a_field_that_others_emptied(self) -> None:
        change = Write(ANN, login(1, "ann", mail="a"), login(1, "ann", mail="b"), "")
        assert details(undo(change, now(login(1, "ann", mail="")))) == ["mail is empty now, the run made it b"]

    def test_of_a_lock_that_others_undid_and_the_run_made_of_none(self) -> None:
        change = Write(ANN, login(1, "ann", status=None), login(1, "ann", status=1), "")
        assert details(undo(change, now(login(1, "ann", status=0)))) == ["status is active now, the run made it locked"]

    def test_of_a_place_that_others_changed(self) -> None:
        change = SetGroupRole(ANN, VPN, 1, 17, "", names=((17, "auditor"),))
        assert details(undo(change, now())) == ["vpn: outside now, the run left them in it as auditor"]

    def test_of_a_group_that_they_are_in_again(self) -> None:
        both: list[Change] = [RemoveFromGroup(ANN, VPN, "", role=2), AddToGroup(ANN, WIKI, "")]
        result = undo(both, now(roles={VPN.id: 0, WIKI.id: 0}, row=row(groups=frozenset({WIKI.id}))))
        assert details(result) == ["vpn: in it as user now, the run left them outside"]
        assert [type(change) for change in made(result)] == [RemoveFromGroup]


class TestOurMemory:
    def test_has_nothing_to_forget_of_what_it_does_not_know(self) -> None:
        assert undo(Adopt(ANN, login(), (), ""), now(row=None)) == Undone()
        assert undo(AdoptMembership(ANN, VPN, ""), now()) == Undone()
        assert undo(Adopt(ANN, login(), (), ""), now()) == Undone()

    def test_forgets_an_adoption_and_not_its_memberships_one_by_one(self) -> None:
        both: list[Change] = [Adopt(ANN, login(), (VPN.id,), ""), AdoptMembership(ANN, WIKI, "")]
        adopted = row(origin=Origin.ADOPTED, groups=frozenset({VPN.id, WIKI.id}))
        (change,) = made(undo(both, now(row=adopted)))
        assert isinstance(change, Forget)
        assert (change.group, change.evidence) == (None, Evidence.ORDERED)
        assert describe(change) == "forget ann, whose login stays (nothing is sent)"

    def test_adopts_again_what_was_forgotten_by_order(self) -> None:
        forgotten = Forget(ANN, "", Evidence.ORDERED)
        (change,) = made(undo(forgotten, now(row=None)))
        assert isinstance(change, Adopt)

    def test_adopts_no_login_of_a_foreign_origin_nor_a_protected_one(self) -> None:
        forgotten = Forget(ANN, "", Evidence.ORDERED)
        console = undo(forgotten, now(login(1, "ann", created_by=0), row=None))
        protected = undo(forgotten, now(row=None, world=world(protected=frozenset({"ann"}))))
        assert [each.reason for each in (*console.decisions, *protected.decisions) if isinstance(each, Skip)] == [
            Reason.FOREIGN,
            Reason.PROTECTED,
        ]

    def test_adopts_a_membership_again_that_is_still_there(self) -> None:
        forgotten = [Forget(ANN, "", Evidence.ORDERED, group) for group in (VPN, WIKI)]
        (change,) = made(undo([*forgotten], now(roles={VPN.id: 0})))
        assert isinstance(change, AdoptMembership)
        assert change.group == VPN

    def test_of_somebody_else_is_left_alone(self) -> None:
        result = undo(write(mail="x"), now(login(1, "ann", mail="x"), row=row(anchor=anchor("bob"))))
        assert details(result) == ["it is somebody else's login now"]


def row_of(held: Login) -> LedgerRow:
    return row(written=written_of(held))


class TestACreation:
    def deleted(self, held: Login, **fields: Any) -> Undone:
        given: dict[str, Any] = {"row": row_of(held), "loss": Loss(), **fields}
        return undo(CreateLogin(NEW, account(), ""), now(held, **given))

    def test_is_deleted(self) -> None:
        (change,) = made(self.deleted(login(1, "ann", activated=False)))
        assert isinstance(change, DeleteLogin)
        assert change.lost == Loss()

    def test_stays_where_nobody_could_tell_what_it_has(self) -> None:
        (told,) = details(self.deleted(login(1, "ann", activated=False), loss=None))
        assert "could not be read" in told

    def test_stays_where_it_is_not_ours_any_more(self) -> None:
        assert details(self.deleted(login(1, "ann", activated=False), row=None)) == ["not ours any more"]

    def test_is_deleted_where_its_extra_fields_are_as_we_wrote_them_and_else_stays(self) -> None:
        made_with = account(extra=(("site", "Ulm"),))
        held = login(1, "ann", activated=False, extra='{"site":"Ulm"}')
        creation = CreateLogin(NEW, made_with, "")
        ours = ledger_effect(creation, 1, None, 20)
        (change,) = made(undo(creation, now(held, row=ours, loss=Loss())))
        assert isinstance(change, DeleteLogin)
        by_hand = replace(held, extra='{"site":"Bonn"}')
        assert "extra site changed by another hand" in details(undo(creation, now(by_hand, row=ours, loss=Loss())))[0]
        for unread in (None, "{"):
            told = details(undo(creation, now(replace(held, extra=unread), row=ours, loss=Loss())))
            assert "extra site" in told[0]

    def test_is_deleted_although_one_of_its_groups_is_gone(self) -> None:
        held = login(1, "ann", activated=False)
        known = replace(row_of(held), groups=frozenset({VPN.id, 99}))
        assert len(made(self.deleted(held, row=known, loss=Loss(groups=(("vpn", 0),))))) == 1


class TestADeletion:
    def again(self, before: Login, lost: Loss | None = None, groups: tuple[int, ...] = (), **fields: Any) -> Undone:
        deleted = DeleteLogin(ANN, before, groups, "", lost=lost)
        return undo(deleted, now(login=None, row=None, **fields))

    def test_without_a_person_stays(self) -> None:
        deleted = DeleteLogin(Subject("ann", None, 1), login(), (), "")
        assert details(undo(deleted, now(login=None, row=None))) == ["nobody remembers whose login it was"]

    def test_gives_the_groups_back_that_are_known_only_by_id(self) -> None:
        result = self.again(login(), groups=(VPN.id, 99))
        assert [type(change) for change in made(result)] == [CreateLogin, AddToGroup]
        assert "groups that no longer exist: group 99" in result.lost

    def test_says_that_another_origin_is_lost(self) -> None:
        assert "its origin: it had the tag 0, and gets ours" in self.again(login(1, "ann", created_by=0)).lost

    def test_names_the_groups_that_no_longer_exist(self) -> None:
        result = self.again(login(), Loss(groups=(("vpn", 2), ("old", 0))))
        assert "groups that no longer exist: old" in result.lost
        joined = made(result)[1]
        assert isinstance(joined, AddToGroup)
        assert joined.role == 2

    def test_of_somebody_with_a_custom_role_gives_none(self) -> None:
        created = made(self.again(login(1, "ann", role=9)))[0]
        assert isinstance(created, CreateLogin)
        assert created.account.role is None

    def test_that_was_cut_off_needs_nothing_more_where_it_is_whole(self) -> None:
        other = login(2, "ann", activated=False)
        deleted = DeleteLogin(ANN, login(), (VPN.id,), "")
        result = undo(deleted, now(login=None, row=row(2), again=other, roles={VPN.id: 0}))
        assert result.decisions == ()

    def test_that_was_cut_off_is_locked_where_it_was_locked(self) -> None:
        other = login(2, "ann", activated=False)
        deleted = DeleteLogin(ANN, login(1, "ann", status=1), (), "")
        known = row(2)
        (change,) = made(undo(deleted, now(login=None, row=known, again=other)))
        assert isinstance(change, Write)
        assert change.after.status == Status.LOCKED


class TestWhatWouldDoItAgain:
    @pytest.mark.parametrize(
        ("change", "redo"),
        [
            (RemoveFromGroup(ANN, VPN, "w", role=2), AddToGroup(ANN, VPN, "w", role=2)),
            (AddToGroup(ANN, VPN, "w"), RemoveFromGroup(ANN, VPN, "w")),
            (SetGroupRole(ANN, VPN, 1, 2, "w"), SetGroupRole(ANN, VPN, 2, 1, "w")),
            (DeleteLogin(ANN, login(), (), "w"), CreateLogin(ANN, account(modes=()), "w")),
            (CreateLogin(NEW, account(), "w"), DeleteLogin(NEW, Login(0, "ann"), (), "w")),
            (Forget(ANN, "w"), Adopt(ANN, Login(1, "ann"), (), "w")),
            (Forget(ANN, "w", group=VPN), AdoptMembership(ANN, VPN, "w")),
            (SendActivation(ANN, "w"), None),
        ],
    )
    def test_is_the_opposite(self, change: Change, redo: Change | None) -> None:
        assert again(change) == redo

    def test_of_a_write_is_its_opposite(self) -> None:
        redo = again(write(mail="x"))
        assert isinstance(redo, Write)
        assert (redo.before.mail, redo.after.mail) == ("x", login().mail)


def test_a_group_that_is_gone_is_told() -> None:
    result = undo(AddToGroup(ANN, Group(99, "old"), ""), now())
    assert details(result) == ["the group old no longer exists"]


class TestTheWholeOfWhatARunDid:
    @pytest.mark.parametrize(
        ("changes", "kinds"),
        [
            ([write(mail="x")], [Write]),
            ([write(mail="x"), Write(ANN, login(mail="x"), login(), "")], []),
            ([AddToGroup(ANN, VPN, "")], [RemoveFromGroup]),
            ([RemoveFromGroup(ANN, VPN, "", role=1)], [AddToGroup]),
            ([AddToGroup(ANN, VPN, ""), RemoveFromGroup(ANN, VPN, "")], []),
            ([SetGroupRole(ANN, VPN, 1, 2, "")], [SetGroupRole]),
            ([CreateLogin(NEW, account(), ""), AddToGroup(NEW, VPN, "")], [DeleteLogin]),
            ([DeleteLogin(ANN, login(), (VPN.id, WIKI.id), "")], [CreateLogin, AddToGroup, AddToGroup]),
            ([Forget(ANN, "", Evidence.ORDERED)], [Adopt]),
            ([Forget(ANN, "", Evidence.ORDERED, group=VPN)], [AdoptMembership]),
            ([Adopt(ANN, login(), (), ""), SendActivation(ANN, "")], []),
        ],
    )
    def test_is_counted_as_if_all_of_it_stood(self, changes: list[Change], kinds: list[type]) -> None:
        assert [type(change) for change in inverse(net(*changes))] == kinds


class TestALock:
    def test_is_one_that_the_run_made(self) -> None:
        assert is_locked(net(write(status=1)))
        assert not is_locked(net(write(mail="x")))
        assert not is_locked(net(Write(ANN, login(status=1), login(), "")))
        assert not is_locked(net(AddToGroup(ANN, VPN, "")))

    def test_is_another_hands_where_the_login_was_used_or_unlocked_after_ours(self) -> None:
        held, later = login(status=1), NOON + timedelta(hours=1)
        used = int(later.timestamp())
        assert locked_anew(held, NOON, None) == ""
        assert locked_anew(login(status=1, last_seen=used), NOON, None) == "they used it after the run locked it"
        assert locked_anew(login(status=1, last_seen=used), later, None) == ""
        assert locked_anew(held, NOON, ("unlock", later)) == "the helpdesk had unlocked it"
        assert locked_anew(held, later, ("unlock", NOON)) == ""
        assert locked_anew(held, NOON, ("lock", later)) == ""
        assert locked_anew(login(status=1, last_seen=used), None, None) == ""
        assert locked_anew(login(last_seen=used), NOON, None) == ""

    def test_of_another_hand_is_left_alone_and_the_rest_is_put_back(self) -> None:
        changed = write(status=1, mail="x")
        result = undo(changed, now(changed.after, row=row(locked=True), relocked="they used it"))
        (back,) = made(result)
        assert isinstance(back, Write)
        assert (back.after.status, back.after.mail) == (Status.LOCKED, login().mail)
        assert details(result) == ["locked anew by another hand: they used it"]
