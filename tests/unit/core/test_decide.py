"""What one case leads to."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from iwds.core.change import (
    AddToGroup,
    Adopt,
    AdoptMembership,
    CreateLogin,
    DeleteLogin,
    Evidence,
    Forget,
    RemoveFromGroup,
    SendActivation,
    Write,
    fields_changed,
    kinds,
)
from iwds.core.decide import decide
from iwds.core.decision import Decision, Proposal, Reason, Skip, subject_of
from iwds.core.ledger import fingerprint, written_of
from iwds.core.matching import Case, Match
from iwds.core.model import Absent, Activation, AtCreation, Origin, Unmapped
from iwds.core.policy import Hold, Leaver, Policy
from tests.unit.core.made import NOON, OURS, account, anchor, changes, decided, login, reasons, row, subject, world


def absent(reason: Absent = Absent.OUT_OF_SCOPE) -> Unmapped:
    return Unmapped(anchor(), "cn=ann", reason, "because", "ann")


def one(found: list[Decision]) -> Any:
    """The only change that was decided."""
    (change,) = changes(found)
    return change


class TestWhose:
    """The table: tag, ledger row, whether an entry explains the login, and what then."""

    @pytest.mark.parametrize("tag", [0, 1, OURS, 30, None])
    def test_a_login_with_a_row_of_ours_is_kept_equal_whatever_its_tag(self, tag: int | None) -> None:
        write = one(decided([account(mail="a@x.y")], [row()], [login(created_by=tag)]))
        assert isinstance(write, Write)
        assert write.after.mail == "a@x.y"

    @pytest.mark.parametrize("tag", [0, 1, OURS, 30, None])
    def test_a_login_with_a_row_of_ours_and_no_entry_is_a_leavers(self, tag: int | None) -> None:
        write = one(decided([], [row()], [login(created_by=tag)]))
        assert (set(kinds(write)), write.evidence) == ({"lock"}, Evidence.UNSEEN)

    def test_a_login_with_our_tag_and_no_row_is_adopted_where_an_entry_explains_it(self) -> None:
        adopt = one(decided([account()], [], [login()], {1: frozenset({1})}))
        assert adopt == Adopt(subject(), login(), (), "tag 20 and one person explains it")

    def test_a_login_with_our_tag_that_nobody_explains_is_an_orphan(self) -> None:
        found = decided([], [], [login()])
        assert (changes(found), reasons(found)) == ([], ["orphan"])

    @pytest.mark.parametrize(("tag", "words"), [(0, "console"), (1, "API"), (30, "tag 30"), (None, "unknown origin")])
    def test_a_login_of_another_origin_is_foreign(self, tag: int | None, words: str) -> None:
        for people in ([account(mail="a@x.y")], []):
            (skip,) = decided(people, [], [login(created_by=tag)])
            assert isinstance(skip, Skip)
            assert (skip.reason.value, words in skip.detail) == ("foreign", True)

    def test_a_login_of_another_origin_is_adopted_where_the_job_lists_that_origin(self) -> None:
        rules = world(Policy(OURS, adopt=frozenset({0})))
        found = decided([account(mail="a@x.y")], [], [login(created_by=0)], rules=rules)
        assert [type(change) for change in changes(found)] == [Adopt, Write]
        assert decided([], [], [login(created_by=0)], rules=rules)[0] == Skip(
            subject_of(Case(Match.UNMATCHED, login=login())), Reason.FOREIGN, "made in the console"
        )

    def test_a_login_under_another_provisioning_id_is_left_to_the_job_that_keeps_it(self) -> None:
        for people in ([account(mail="a@x.y")], []):
            found = decided(people, [row(owner=30)], [login()])
            assert (changes(found), reasons(found)) == ([], ["foreign"])

    def test_a_login_that_is_no_longer_the_one_we_knew_is_left_alone(self) -> None:
        (skip,) = decided([], [row()], [login(1, "other", created_by=1)])
        assert isinstance(skip, Skip)
        assert (skip.reason.value, skip.subject.anchor) == ("foreign", anchor())


class TestAdopting:
    def test_takes_the_memberships_that_the_directory_explains_and_no_others(self) -> None:
        found = decided([account(groups=frozenset({"vpn"}))], [], [login()], {1: frozenset({1, 2})})
        assert one(found).groups == (1,)
        assert reasons(found) == ["foreign-membership"]

    def test_makes_the_login_equal_in_the_same_plan_and_says_that_it_differed(self) -> None:
        _, write = changes(decided([account(mail="a@x.y")], [], [login(created_by=OURS)]))
        assert write.because == "mail differs in the directory"

    def test_a_protected_login_is_not_adopted(self) -> None:
        found = decided([account()], [], [login()], rules=world(protected=frozenset({"ann"})))
        assert (changes(found), reasons(found)) == ([], ["protected"])

    def test_of_a_login_that_somebody_locked_leaves_the_lock(self) -> None:
        found = decided([account(enabled=True)], [], [login(status=1)])
        assert [type(change) for change in changes(found)] == [Adopt]
        assert reasons(found) == ["locked-elsewhere"]


class TestKeepingEqual:
    def test_everything_that_differs_is_one_write(self) -> None:
        wants = account(login="anna", mail="a@x.y", enabled=False, firstname="A", name="N", phone="1")
        write = one(decided([wants], [row()], [login()]))
        assert kinds(write) == {"rename", "lock", "update"}
        assert write.evidence is Evidence.SEEN

    def test_a_write_that_takes_nothing_rests_on_no_evidence(self) -> None:
        assert one(decided([account(mail="a@x.y")], [row()], [login()])).evidence is None

    def test_a_name_that_differs_in_case_alone_is_no_rename(self) -> None:
        write = one(decided([account(login="ANN", mail="x@y.z")], [row()], [login()]))
        assert write.after.login == "ann"

    @pytest.mark.parametrize("field", ["firstname", "name", "mail", "phone", "role", "status", "extra"])
    def test_nothing_is_written_while_a_field_was_not_read(self, field: str) -> None:
        wants = account(login="anna", mail="x@y.z")
        (skip,) = decided([wants], [row()], [login(**{field: None})])
        assert isinstance(skip, Skip)
        assert (skip.reason.value, "not read" in skip.detail) == ("unproven", True)

    def test_a_lock_of_ours_is_taken_off_again(self) -> None:
        write = one(decided([account(enabled=True)], [row(locked=True)], [login(status=1)]))
        assert (set(kinds(write)), write.because) == ({"unlock"}, "enabled in the directory, and in scope")

    def test_a_lock_of_somebody_else_stays_and_the_rest_goes_on(self) -> None:
        found = decided([account(enabled=True, mail="x@y.z")], [row()], [login(status=1)])
        assert (set(kinds(one(found))), reasons(found)) == ({"update"}, ["locked-elsewhere"])

    def test_a_person_who_is_disabled_is_locked(self) -> None:
        write = one(decided([account(enabled=False)], [row()], [login()]))
        assert write.because == "disabled or expired in the directory"

    def test_extra_fields_of_others_stay(self) -> None:
        write = one(decided([account(extra=(("k", "v"),))], [row()], [login(extra='{ "z":"1" }')]))
        assert write.after.extra == '{ "z":"1", "k":"v" }'

    def test_extra_fields_that_cannot_be_read_are_left_and_the_rest_goes_on(self) -> None:
        wants = account(extra=(("k", "v"),), mail="x@y.z")
        found = decided([wants], [row()], [login(extra="broken")])
        assert (one(found).after.extra, reasons(found)) == ("broken", ["invalid"])

    def test_extra_fields_that_were_not_read_hold_the_write(self) -> None:
        assert reasons(decided([account(extra=(("k", "v"),))], [row()], [login(extra=None)])) == ["invalid"]

    def test_extra_fields_that_agree_are_not_touched(self) -> None:
        wants = account(extra=(("k", "v"),), mail="x@y.z")
        raw = '{"k" :  "v"}'
        assert one(decided([wants], [row()], [login(extra=raw)])).after.extra == raw

    def test_the_reason_tells_what_was_changed_by_hand_from_what_moved_in_the_directory(self) -> None:
        known = row(written=written_of(login(mail="old@x.y", role=0)))
        write = one(decided([account(mail="new@x.y", phone="1", role=0)], [known], [login(mail="hand@x.y", role=2)]))
        assert write.because == "phone changed in the directory; mail, role changed by hand on the service"

    @pytest.mark.parametrize(
        ("held", "why"),
        [
            ("hand", "extra fields changed by hand on the service"),
            ("old", "extra fields changed in the directory"),
        ],
    )
    def test_the_reason_tells_that_of_each_extra_field_that_we_wrote(self, held: str, why: str) -> None:
        known = row(written={**written_of(login()), "extra k": fingerprint("old")})
        wants = account(extra=(("k", "new"),))
        write = one(decided([wants], [known], [login(extra=f'{{ "k":"{held}", "other":"x" }}')]))
        assert write.because == why

    def test_the_reason_tells_both_where_extra_fields_differ_for_both(self) -> None:
        known = row(written={**written_of(login()), "extra k": fingerprint("old"), "extra j": fingerprint("was")})
        wants = account(extra=(("j", "new"), ("k", "new")))
        write = one(decided([wants], [known], [login(extra='{ "k":"hand", "j":"was" }')]))
        assert write.because == "extra fields changed in the directory; extra fields changed by hand on the service"

    def test_a_name_changed_by_hand_is_put_right(self) -> None:
        known = row(written=written_of(login()))
        write = one(decided([account()], [known], [login(1, "hand")]))
        assert (set(kinds(write)), write.because) == ({"rename"}, "login changed by hand on the service")

    def test_an_adopted_login_whose_fields_we_never_wrote_differs(self) -> None:
        adopted = row(origin=Origin.ADOPTED)
        assert "differs" in one(decided([account(mail="x@y.z")], [adopted], [login()])).because

    def test_a_rename_waits_for_whoever_carries_the_name(self) -> None:
        found = decided([account(login="bob")], [row()], [login(), login(2, "bob", created_by=0)])
        assert [d.waits_for for d in found if isinstance(d, Proposal)] == [2]

    def test_a_protected_login_is_never_touched_whichever_name_protects_it(self) -> None:
        for name in ("ann", "anna", "old"):
            rules = world(protected=frozenset({name}))
            found = decided([account(login="anna")], [row(login="old")], [login()], rules=rules)
            assert (changes(found), reasons(found)) == ([], ["protected"])


class TestMemberships:
    """Each is (wanted, there, made by us)."""

    def found(self, wanted: bool, there: bool, ours: bool, **rules: Any) -> list[Decision]:
        wants = account(groups=frozenset({"vpn"} if wanted else ()))
        mine = row(groups=frozenset({1} if ours else ()))
        return decided([wants], [mine], [login()], {1: frozenset({1} if there else ())}, world(**rules))

    def test_one_that_is_missing_is_made(self) -> None:
        assert isinstance(one(self.found(True, False, False)), AddToGroup)
        assert isinstance(one(self.found(True, False, True)), AddToGroup)

    def test_one_that_somebody_made_and_the_directory_explains_is_adopted(self) -> None:
        assert isinstance(one(self.found(True, True, False)), AdoptMembership)

    def test_one_of_ours_that_nothing_explains_any_more_is_taken_away(self) -> None:
        change = one(self.found(False, True, True))
        assert isinstance(change, RemoveFromGroup)
        assert change.evidence is Evidence.SEEN

    def test_one_of_somebody_else_stays_unless_the_group_is_exclusive(self) -> None:
        found = self.found(False, True, False)
        assert (changes(found), reasons(found)) == ([], ["foreign-membership"])
        assert isinstance(one(self.found(False, True, False, exclusive=frozenset({1}))), RemoveFromGroup)

    def test_one_of_ours_that_somebody_took_away_is_forgotten(self) -> None:
        change = one(self.found(False, False, True))
        assert isinstance(change, Forget)
        assert change.group is not None

    def test_one_that_is_as_it_should_be_leads_to_nothing(self) -> None:
        assert self.found(True, True, True) == []
        assert self.found(False, False, False) == []

    def test_groups_that_are_not_known_move_nobody(self) -> None:
        wants = account(groups=None, mail="x@y.z")
        found = decided([wants], [row(groups=frozenset({1}))], [login()], {1: frozenset({1, 2})})
        assert [type(change) for change in changes(found)] == [Write]
        adopted = decided([account(groups=None)], [], [login()], {1: frozenset({1})})
        assert one(adopted).groups == ()


class TestUnderAHold:
    """The helpdesk's lock."""

    RULES = world(holds={1: Hold("bob", "phone lost", NOON)})
    WORDS = "locked by bob until Sun 22 Nov 2026 12:00: phone lost"

    @pytest.mark.parametrize("locked", [True, False])
    def test_nobody_is_unlocked_and_the_rest_is_kept_equal(self, locked: bool) -> None:
        wants = account(enabled=True, mail="a@x.y")
        found = decided([wants], [row(locked=locked)], [login(status=1)], rules=self.RULES)
        assert [(d.reason, d.detail) for d in found if isinstance(d, Skip)] == [(Reason.LOCKED_ELSEWHERE, self.WORDS)]
        assert (one(found).after.status, one(found).after.mail) == (1, "a@x.y")

    def test_a_login_that_is_active_all_the_same_is_not_written_to(self) -> None:
        (skip,) = decided([account(mail="a@x.y")], [row()], [login()], rules=self.RULES)
        assert isinstance(skip, Skip)
        assert skip.detail == f"{self.WORDS}; but the login is active, so it is left as it is"

    def test_who_is_disabled_is_locked_and_who_left_is_deleted(self) -> None:
        assert one(decided([account(enabled=False)], [row()], [login()], rules=self.RULES)).after.status == 1
        gone = replace(self.RULES, policy=Policy(OURS, Leaver.DELETE))
        assert isinstance(one(decided([], [row()], [login(status=1)], rules=gone)), DeleteLogin)

    def test_who_is_to_be_locked_gets_the_lock_and_nothing_beside_it(self) -> None:
        """Where the lock is withheld, nothing may be left that would say active again."""
        found = one(decided([account(enabled=False, mail="a@x.y")], [row()], [login()], rules=self.RULES))
        assert fields_changed(found) == ("status",)

    def test_nobody_gets_a_fresh_login_because_somebody_deleted_the_locked_one(self) -> None:
        (skip,) = decided([account(enabled=True)], [row()], rules=self.RULES)
        assert isinstance(skip, Skip)
        assert skip.detail == f"{self.WORDS}; and their login was deleted since"
        assert isinstance(one(decided([], [row()], rules=self.RULES)), Forget)

    def test_without_an_end_it_says_none(self) -> None:
        assert str(Hold("bob", "phone lost")) == "locked by bob: phone lost"

    def test_it_stands_until_its_end(self) -> None:
        hold = Hold("bob", "phone lost", NOON)
        assert hold.stands(NOON - timedelta(seconds=1))
        assert not hold.stands(NOON)
        assert Hold("bob", "phone lost").stands(NOON)


class TestNewcomers:
    def test_are_created_with_their_groups_in_the_order_of_names(self) -> None:
        found = changes(decided([account(groups=frozenset({"wiki", "vpn", "nowhere"}))]))
        assert [type(change) for change in found] == [CreateLogin, AddToGroup, AddToGroup]
        assert [c.group.name for c in found if isinstance(c, AddToGroup)] == ["vpn", "wiki"]

    def test_whose_groups_are_not_known_are_created_without(self) -> None:
        assert isinstance(one(decided([account(groups=None)])), CreateLogin)

    def test_get_their_link_by_mail_where_the_mapping_says_so(self) -> None:
        linked = account(at_creation=AtCreation(Activation.LINK))
        assert [type(change) for change in changes(decided([linked]))] == [CreateLogin, SendActivation]

    def test_who_are_disabled_are_never_created(self) -> None:
        found = decided([account(enabled=False)])
        assert (changes(found), reasons(found)) == ([], ["policy"])

    def test_of_whom_it_is_not_known_whether_they_are_enabled_wait_where_the_mapping_governs_that(self) -> None:
        assert reasons(decided([account()], rules=world(states_enabled=True))) == ["unproven"]
        assert one(decided([account()])).account.enabled is True

    def test_wait_where_the_service_cannot_tag_unless_the_policy_allows_it(self) -> None:
        assert reasons(decided([account()], rules=world(tagged=False))) == ["untagged"]
        allowed = world(Policy(OURS, untagged_creations=True), tagged=False)
        assert isinstance(one(decided([account()], rules=allowed)), CreateLogin)

    def test_with_a_protected_name_are_left_alone(self) -> None:
        assert reasons(decided([account()], rules=world(protected=frozenset({"ann"})))) == ["protected"]

    def test_whose_login_somebody_deleted_are_created_anew_and_the_old_one_is_forgotten(self) -> None:
        forget, create = changes(decided([account()], [row()]))
        assert forget == Forget(subject(), "login 1 no longer exists on the service")
        assert (create.subject.login_id, create.because) == (None, "their login was deleted on the service")

    def test_never_get_the_login_that_stands_for_somebody_else(self) -> None:
        found = decided([account(groups=frozenset({"vpn"}))], [row(1, "bob", login="ann")], [login()])
        new = [d for d in found if isinstance(d, Proposal) and d.change.subject.login_id is None]
        waits = [(type(proposal.change), proposal.waits_for) for proposal in new]
        assert waits == [(CreateLogin, 1), (AddToGroup, None)]


class TestLeavers:
    def leaver(self, policy: Leaver, reason: Absent | None = None, **fields: Any) -> list[Decision]:
        people = [absent(reason)] if reason else []
        rules = world(Policy(OURS, policy))
        return decided(people, [row()], [login(**fields)], {1: frozenset({2, 1})}, rules)

    def test_are_locked_unless_the_policy_says_otherwise(self) -> None:
        assert Policy(OURS).leaver is Leaver.LOCK
        assert kinds(one(self.leaver(Leaver.LOCK))) == {"lock"}

    def test_are_deleted_where_that_is_written_out(self) -> None:
        delete = one(self.leaver(Leaver.DELETE))
        assert isinstance(delete, DeleteLogin)
        assert delete.groups == (1, 2)

    @pytest.mark.parametrize("policy", [Leaver.LOCK, Leaver.LOCK_THEN_DELETE, Leaver.DELETE])
    def test_of_whom_the_directory_still_knows_are_locked_and_never_deleted(self, policy: Leaver) -> None:
        assert kinds(one(self.leaver(policy, Absent.OUT_OF_SCOPE))) == {"lock"}
        assert self.leaver(policy, Absent.OUT_OF_SCOPE, status=1) == []

    def test_are_kept_where_the_policy_says_so(self) -> None:
        assert reasons(self.leaver(Leaver.KEEP)) == ["policy"]

    def test_who_are_locked_already_lead_to_nothing(self) -> None:
        assert self.leaver(Leaver.LOCK, status=1) == []

    @pytest.mark.parametrize("field", ["mail", "status"])
    def test_are_not_locked_while_a_field_was_not_read(self, field: str) -> None:
        assert reasons(self.leaver(Leaver.LOCK, **{field: None})) == ["unproven"]

    def test_who_were_seen_out_of_scope_rest_on_that(self) -> None:
        change = one(self.leaver(Leaver.LOCK, Absent.OUT_OF_SCOPE))
        assert (change.evidence, change.because) == (Evidence.SEEN, "out of scope: because")

    @pytest.mark.parametrize("reason", [Absent.EXCLUDED, Absent.INVALID, Absent.DUPLICATE])
    @pytest.mark.parametrize("policy", [Leaver.LOCK, Leaver.DELETE])
    def test_are_not_those_who_are_present_but_without_account(self, policy: Leaver, reason: Absent) -> None:
        found = self.leaver(policy, reason)
        assert (changes(found), reasons(found)) == ([], [reason.value])

    @pytest.mark.parametrize("reason", [Absent.INVALID, Absent.DUPLICATE])
    @pytest.mark.parametrize("policy", [Leaver.KEEP, Leaver.LOCK, Leaver.DELETE])
    def test_are_locked_where_they_cannot_be_mapped_and_are_disabled(self, policy: Leaver, reason: Absent) -> None:
        who = replace(absent(reason), disabled=True)
        rules = world(policy=Policy(OURS, policy))
        found = decided([who], [row()], [login()], rules=rules)
        assert [(c.after, c.evidence) for c in changes(found) if isinstance(c, Write)] == [
            (login(status=1), Evidence.SEEN)
        ]
        assert reasons(found) == [reason.value]
        assert changes(decided([who], [row()], [login(status=1)], rules=rules)) == []
        assert changes(decided([who], [row()], [login()], rules=replace(rules, protected=frozenset({"ann"})))) == []

    def test_are_not_those_whose_directory_was_not_asked(self) -> None:
        found = decided([], [row(anchor=anchor(realm="elsewhere"))], [login()])
        assert (changes(found), reasons(found)) == ([], ["unproven"])

    def test_with_a_protected_login_keep_it(self) -> None:
        found = decided([], [row()], [login()], rules=world(protected=frozenset({"ann"})))
        assert (changes(found), reasons(found)) == ([], ["protected"])

    def test_whose_login_is_gone_too_are_forgotten(self) -> None:
        assert one(decided([], [row()])) == Forget(subject(), "login 1 no longer exists on the service")


@pytest.mark.parametrize("reason", [Absent.EXCLUDED, Absent.INVALID, Absent.DUPLICATE])
def test_people_without_account_and_row_are_listed_with_their_reason(reason: Absent) -> None:
    assert reasons(decided([absent(reason)])) == [reason.value]


def test_a_case_of_somebody_out_of_scope_and_without_row_leads_to_nothing() -> None:
    assert list(decide(Case(Match.UNMAPPED, absent=absent()), world())) == []


def test_a_subject_is_named_as_the_service_names_it_and_else_as_it_should_be() -> None:
    assert subject_of(Case(Match.OURS, account(login="new"), row(), login())).login == "ann"
    assert subject_of(Case(Match.NEWCOMER, account(login="new"))).login == "new"
    assert subject_of(Case(Match.UNMAPPED, absent=replace(absent(), login=""))).login == "here/ann"
    assert subject_of(Case(Match.GONE, row=row(), gone=1)).login == "ann"
