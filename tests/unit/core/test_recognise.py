"""By what somebody is recognised whom our memory lacks, and when nobody but a person can tell."""

from dataclasses import replace
from typing import Any

import pytest

from iwds.core.change import Adopt, CreateLogin, Write
from iwds.core.decision import Decision, Proposal, Skip
from iwds.core.join import join
from iwds.core.matching import Case, Match
from iwds.core.model import Absent, Anchor, Login, Unmapped
from iwds.core.normal import normalise, render_extra
from iwds.core.policy import Policy, World
from iwds.core.recognition import (
    By,
    MatchDecision,
    Matching,
    MatchRule,
    decisions_of,
    hashed,
    hashes_of,
    mail_key,
    stored_form,
    stored_in,
)
from tests.unit.core.made import NOON, OURS, account, anchor, cases, changes, decided, login, reasons, row, world

ANCHOR, NAME, MAIL = MatchRule(By.ANCHOR), MatchRule(By.LOGIN), MatchRule(By.MAIL)
KEY = "iwds"
ADOPTING = Policy(OURS, adopt=frozenset({0}))


def by(*rules: MatchRule, key: str = "", **fields: Any) -> World:
    """A job that recognises people so, and adopts what the console made."""
    return world(ADOPTING, matching=Matching(rules, key), **fields)


def storing(who: str, number: int = 1, name: str = "ann", realm: str = "here", **fields: Any) -> Login:
    """A login of the console that stores somebody's anchor."""
    return login(number, name, extra=render_extra(((KEY, stored_form(anchor(who, realm))),)), created_by=0, **fields)


def said(number: int = 1, whose: str | None = "ann", name: str = "ann") -> MatchDecision:
    return MatchDecision(number, name, None if whose is None else anchor(whose), "joe", "asked them", NOON)


def told(*decisions: MatchDecision, rules: tuple[MatchRule, ...] = (NAME,), key: str = "") -> World:
    return by(*rules, key=key, decisions=decisions_of(decisions))


def person(found: list[Case], who: str = "ann") -> Case:
    """The case of one person."""
    return next(case for case in found if case.account and case.account.anchor.id == who)


def mailed(number: int = 1, name: str = "a.lee", **fields: Any) -> Login:
    return login(number, name, **{"mail": "ann@x.y", "created_by": 0, **fields})


ANN = account(mail="ann@x.y", enabled=True)


class TestAStoredAnchor:
    @pytest.mark.parametrize(
        "which", ["8f14e45f-ceea-467d-9a3b-1d2c3b4a5f60", "{8F14}", "7", "käthe", "uid=ann,dc=x", "#1", "x" * 48, ""]
    )
    def test_fits_the_service_and_is_read_back_as_it_was_written(self, which: str) -> None:
        form = stored_form(Anchor("S-1-5-21-1-2-3", which))
        assert len(form) <= 60
        made = account(extra=((KEY, form),))
        assert normalise(made, "cn=ann") == made
        assert stored_in(render_extra(made.extra), KEY) == form

    def test_is_another_in_another_realm_or_of_another_entry(self) -> None:
        forms = {stored_form(Anchor(realm, who)) for realm in ("a", "b") for who in ("1", "#1", "ä", "a")}
        assert len(forms) == 8

    def test_of_an_extra_field_that_cannot_be_read_is_not_known(self) -> None:
        assert stored_in("broken", KEY) is None
        assert stored_in(None, KEY) is None
        assert stored_in("", KEY) == ""

    def test_recognises_a_login_of_another_name_which_then_is_renamed(self) -> None:
        found = decided([ANN], [], [storing("ann", name="old")], rules=by(ANCHOR, NAME, key=KEY))
        adopt, renaming = changes(found)
        assert isinstance(adopt, Adopt)
        assert "it stores this person's anchor" in adopt.because
        assert isinstance(renaming, Write)
        assert (renaming.before.login, renaming.after.login) == ("old", "ann")

    def test_waits_for_the_login_that_carries_the_name(self) -> None:
        found = cases([ANN], [], [storing("ann", 1, "old"), login(2)], rules=by(ANCHOR, key=KEY))
        case = person(found)
        assert (case.match, case.login and case.login.id, case.holder) == (Match.NAMED, 1, 2)

    def test_of_another_realm_is_somebody_elses(self) -> None:
        found = decided([ANN], [], [storing("ann", realm="there")], rules=by(ANCHOR, NAME, key=KEY))
        assert changes(found) == []
        assert reasons(found) == ["ambiguous", "ambiguous"]

    def test_keeps_a_newcomer_from_the_login_of_a_leaver_of_the_same_name_and_mail(self) -> None:
        """Our memory is lost, and only the service knows that the login was another Ann's."""
        old = storing("ann of old", mail="ann@x.y")
        for rules in ([ANCHOR, NAME, MAIL], [NAME], [MAIL, NAME], [MAIL]):
            found = decided([ANN], [], [old], rules=by(*rules, key=KEY))
            assert changes(found) == []
            assert set(reasons(found)) == {"ambiguous"}

    def test_that_cannot_be_read_matches_nobody_by_anything_else(self) -> None:
        found = decided([ANN], [], [login(created_by=0, extra="broken")], rules=by(ANCHOR, NAME, key=KEY))
        assert set(reasons(found)) == {"ambiguous"}

    def test_in_a_login_that_has_the_name_of_somebody_else_is_for_a_person(self) -> None:
        bob = account("bob", login="old")
        found = cases([ANN, bob], [], [storing("ann", name="old")], rules=by(ANCHOR, NAME, key=KEY))
        assert {case.match for case in found} == {Match.AMBIGUOUS, Match.UNMATCHED}
        assert person(found).why == "the login has the name of old"
        assert person(found, "bob").why == "the login stores the anchor of somebody else"

    def test_in_two_logins_is_for_a_person(self) -> None:
        found = cases([ANN], [], [storing("ann", 1, "a"), storing("ann", 2, "b")], rules=by(ANCHOR, key=KEY))
        assert person(found).why == "2 logins have their anchor"
        assert [each.id for each in person(found).candidates] == [1, 2]
        assert [case.why != "" for case in found if case.match is Match.UNMATCHED] == [True, True]

    def test_in_the_login_of_somebody_else_whom_we_remember_is_for_a_person(self) -> None:
        bob = account("bob", extra=((KEY, stored_form(anchor("bob"))),))
        held = storing("ann", name="bob")
        found = decided([ANN, bob], [row(1, "bob")], [held], rules=by(ANCHOR, key=KEY))
        assert reasons(found) == ["ambiguous", "ambiguous"]
        assert changes(found) == []

    def test_of_ours_that_contradicts_is_left_and_the_rest_is_kept_equal(self) -> None:
        bob = account("bob", name="Bob", extra=((KEY, stored_form(anchor("bob"))), ("k", "v")))
        found = decided([bob], [row(1, "bob")], [storing("ann", name="bob")], rules=by(NAME, key=KEY))
        (write,) = changes(found)
        assert isinstance(write, Write)
        assert write.after.name == "Bob"
        assert stored_in(write.after.extra, KEY) == stored_form(anchor("ann"))
        assert stored_in(write.after.extra, "k") == "v"

    def test_of_ours_that_contradicts_is_written_anew_where_somebody_said_so(self) -> None:
        bob = account("bob", extra=((KEY, stored_form(anchor("bob"))),))
        rules = told(said(1, "bob"), key=KEY)
        (write,) = changes(decided([bob], [row(1, "bob")], [storing("ann", name="bob")], rules=rules))
        assert isinstance(write, Write)
        assert stored_in(write.after.extra, KEY) == stored_form(anchor("bob"))

    def test_is_written_where_none_was(self) -> None:
        bob = account("bob", extra=((KEY, stored_form(anchor("bob"))),))
        (write,) = changes(decided([bob], [row(1, "bob")], [login(1, "bob")], rules=by(NAME, key=KEY)))
        assert isinstance(write, Write)
        assert stored_in(write.after.extra, KEY) == stored_form(anchor("bob"))


class TestAMailAddress:
    def test_that_one_person_and_one_login_have_is_a_match(self) -> None:
        found = decided([ANN], [], [mailed(mail=" ANN@X.y ")], rules=by(NAME, MAIL))
        adopt, renaming = changes(found)
        assert isinstance(adopt, Adopt)
        assert "nobody else has its mail address" in adopt.because
        assert isinstance(renaming, Write)
        assert renaming.after.login == "ann"

    def test_is_compared_to_the_letter_where_the_rule_says_so(self) -> None:
        exact = by(MatchRule(By.MAIL, exact=True))
        assert person(cases([ANN], [], [mailed(mail="ANN@x.y")], rules=exact)).match is Match.NEWCOMER
        assert person(cases([ANN], [], [mailed()], rules=exact)).match is Match.NAMED
        assert mail_key(" A@b ", exact=True) == "A@b"

    def test_comes_after_a_rule_that_matched(self) -> None:
        found = cases([ANN], [], [login(1, created_by=0), mailed(2)], rules=by(NAME, MAIL))
        assert person(found).login == login(1, created_by=0)

    @pytest.mark.parametrize("reason", list(Absent))
    def test_that_somebody_else_has_matches_nobody(self, reason: Absent) -> None:
        other = Unmapped(anchor("bob"), "cn=bob", reason, "because", mail="Ann@x.y")
        found = cases([ANN, other], [], [mailed()], rules=by(NAME, MAIL))
        assert (person(found).match, person(found).why) == (Match.AMBIGUOUS, "cn=bob has that mail address too")

    def test_that_somebody_may_have_matches_nobody(self) -> None:
        other = Unmapped(anchor("bob"), "cn=bob", Absent.EXCLUDED, "because")
        found = cases([ANN, other], [], [mailed()], rules=by(NAME, MAIL))
        assert person(found).why == "the mail address of somebody is not known, and may be the same"

    def test_of_two_logins_matches_nobody(self) -> None:
        found = decided([ANN], [], [mailed(1, "a"), mailed(2, "b")], rules=by(MAIL))
        assert reasons(found) == ["ambiguous"] * 3
        skip = next(each for each in found if isinstance(each, Skip) and each.subject.login_id is None)
        assert skip.detail == "2 logins have their mail address: a (#1), b (#2); say whose it is: iwds match"

    def test_of_many_logins_names_a_few(self) -> None:
        found = decided([ANN], [], [mailed(n, f"a{n}") for n in range(1, 13)], rules=by(MAIL))
        skip = next(each for each in found if isinstance(each, Skip) and each.subject.login_id is None)
        assert skip.detail.startswith("10 or more logins have their mail address: a1 (#1), a2 (#2), a3 (#3), …")

    def test_of_a_login_with_somebody_elses_name_matches_nobody(self) -> None:
        both = [ANN, account("bob", mail="")]
        found = cases(both, [], [mailed(1, "bob")], rules=by(MAIL, NAME))
        assert person(found).why == "the login has the name of bob"
        assert person(found, "bob").why == "the login has the mail address of ann"

    def test_of_a_later_rule_does_not_speak_against_a_name(self) -> None:
        both = [ANN, account("bob", mail="")]
        found = cases(both, [], [mailed(1, "bob")], rules=by(NAME, MAIL))
        assert person(found, "bob").match is Match.NAMED
        assert person(found).match is Match.AMBIGUOUS

    def test_of_three_others_names_one(self) -> None:
        people = [ANN, *(account(who, mail="ann@x.y") for who in ("bob", "cy"))]
        assert person(cases(people, [], [mailed()], rules=by(MAIL))).why == "bob and others has that mail address too"

    def test_of_a_login_that_stands_for_somebody_is_nobody_elses(self) -> None:
        """A leaver's, or that of a colleague with whom somebody shares an address."""
        for people in ([ANN], [ANN, account("bob", login="a.lee", mail="ann@x.y")]):
            found = cases(people, [row(1, "bob", login="a.lee")], [mailed()], rules=by(NAME, MAIL))
            assert person(found).match is Match.NEWCOMER

    def test_that_is_not_known_creates_nobody(self) -> None:
        ann = replace(ANN, mail=None)
        found = decided([ann], [], [], rules=by(NAME, MAIL))
        assert reasons(found) == ["unproven"]
        assert person(cases([ann], [], [login(created_by=0)], rules=by(MAIL, NAME))).match is Match.NAMED

    def test_that_is_empty_matches_nobody(self) -> None:
        found = decided([replace(ANN, mail="")], [], [mailed(1, "x", mail="")], rules=by(MAIL))
        assert [type(change) for change in changes(found)] == [CreateLogin]


class TestAName:
    def test_that_is_not_compared_creates_nobody_whose_name_a_login_has(self) -> None:
        found = decided([ANN], [], [login(created_by=0)], rules=by(ANCHOR, key=KEY))
        assert reasons(found) == ["ambiguous", "ambiguous"]
        assert "and `matching` does not compare names" in person(cases([ANN], [], [login()], rules=by(MAIL))).why

    def test_is_compared_to_the_letter_where_the_rule_says_so(self) -> None:
        exact = by(MatchRule(By.LOGIN, exact=True))
        assert person(cases([ANN], [], [login(created_by=0)], rules=exact)).match is Match.NAMED
        assert person(cases([ANN], [], [login(1, "Ann")], rules=exact)).why.endswith("but for upper and lower case")

    def test_of_two_logins_matches_nobody(self) -> None:
        assert person(cases([ANN], [], [login(1), login(2, "ANN")])).why == "2 logins have their name"

    def test_of_somebody_out_of_scope_matches_nobody_else(self) -> None:
        other = Unmapped(anchor("bob"), "cn=bob", Absent.OUT_OF_SCOPE, "because", "Ann")
        assert person(cases([ANN, other], [], [login()])).why == "Ann would have that login too"

    def test_that_is_protected_is_no_question(self) -> None:
        rules = by(NAME, protected=frozenset({"ann"}))
        found = decided([ANN], [], [login(1), login(2, "Ann")], rules=rules)
        assert "protected" in reasons(found)


class TestWhatSomebodySaid:
    def test_is_followed_before_any_rule(self) -> None:
        old = [storing("somebody else", 1, "old"), storing("ann", 2, "ann")]
        found = decided([ANN], [], old, rules=told(said(1, name="old"), rules=(ANCHOR, NAME), key=KEY))
        adopt = next(change for change in changes(found) if isinstance(change, Adopt))
        assert adopt.login.id == 1
        assert "matched by joe on 2026-11-22: asked them" in adopt.because

    def test_adopts_no_origin_that_the_job_does_not(self) -> None:
        rules = replace(told(said(1, name="old")), policy=Policy(OURS))
        assert reasons(decided([ANN], [], [mailed(1, "old")], rules=rules)) == ["foreign"]

    def test_keeps_the_login_from_everybody_else(self) -> None:
        for whose in ("bob", None):
            rules = told(said(1, whose), rules=(NAME, MAIL))
            found = decided([ANN], [], [login(mail="ann@x.y")], rules=rules)
            assert changes(found) == [each.change for each in found if isinstance(each, Proposal)]
            assert not any(isinstance(change, Adopt) for change in changes(found))

    def test_to_be_nobodys_lets_the_person_be_created(self) -> None:
        found = decided(
            [ANN], [], [mailed(1, "a"), mailed(2, "b")], rules=told(said(1, None), said(2, None), rules=(MAIL,))
        )
        assert [type(change) for change in changes(found)] == [CreateLogin]

    def test_settles_who_of_two_gets_the_name(self) -> None:
        both = [ANN, account("bob", login="Ann")]
        found = cases(both, [], [login(created_by=0)], rules=told(said(1)))
        assert person(found).match is Match.NAMED
        assert [case.absent.anchor.id for case in found if case.absent] == ["bob"]

    @pytest.mark.parametrize(
        ("people", "rows", "logins", "why"),
        [
            ([ANN], [], [], "it no longer exists"),
            ([ANN], [row(1, "bob")], [login()], "it has been somebody else's since"),
            ([], [], [login()], "the person is not in the directory"),
            (
                [Unmapped(anchor(), "cn=ann", Absent.EXCLUDED, "a printer", "ann")],
                [],
                [login()],
                "the person has no account: a printer",
            ),
            ([ANN], [row(2, login="new")], [login(), login(2, "new")], "the person has the login new"),
        ],
    )
    def test_that_no_longer_fits_is_told_and_not_followed(
        self, people: list[Any], rows: list[Any], logins: list[Any], why: str
    ) -> None:
        found, tally = join(people, rows, logins, {}, told(said()))
        assert [each.split(": ")[1] for each in tally.unfit] == [
            why.split(": ")[0] + "; forget it"
        ] or why in tally.unfit[0]
        assert not any(case.match is Match.NAMED for case in found)

    def test_of_two_logins_for_one_person_is_not_followed(self) -> None:
        rules = told(said(1, name="a"), said(2, name="b"))
        found, tally = join([ANN], [], [mailed(1, "a"), mailed(2, "b")], {}, rules)
        assert person(found).match is Match.NEWCOMER
        assert [each.endswith("--undo") for each in tally.unfit] == [True, True]

    @pytest.mark.parametrize("decision", [said(), said(1, None)])
    def test_that_came_true_or_says_nobody_is_not_mentioned(self, decision: MatchDecision) -> None:
        _, tally = join([ANN], [row()], [login()], {}, told(decision))
        assert tally.unfit == ()

    def test_says_who_when_and_why(self) -> None:
        assert str(said()) == "matched by joe on 2026-11-22: asked them"
        assert str(said(1, None)) == "left alone by joe on 2026-11-22: asked them"


def test_a_number_stays_behind_the_name_of_a_login_that_somebody_said_is_theirs() -> None:
    people = [account(login="lee", numbering=20), account("bob", login="lee", numbering=20)]
    logins = [login(1, "lee", created_by=0), login(2, "lee2", created_by=0)]
    found, _ = join(people, [], logins, {}, told(said(2, "ann", "lee2"), said(1, "bob", "lee")))
    names = {case.account.anchor.id: (case.match, case.account.login) for case in found if case.account}

    assert names == {"ann": (Match.NAMED, "lee2"), "bob": (Match.NAMED, "lee")}
    none, _ = join(people, [row(2, "cy", login="lee2")], logins, {}, told(said(2, "ann", "lee2")))
    assert all(case.match is not Match.NAMED for case in none)


def test_a_decision_about_somebody_else_is_no_reason_to_say_anything() -> None:
    found: list[Decision] = decided([ANN], [], [], rules=told(said(1, None)))
    assert [type(change) for change in changes(found)] == [CreateLogin]


class TestHashes:
    """What is kept of logins that are not ours, and looked for when somebody new comes."""

    def test_are_of_what_the_rules_compare_beside_the_name(self) -> None:
        ann = account(mail=" Ann@example.org ")
        by_anchor = hashed(By.ANCHOR, stored_form(ann.anchor), "r1")
        by_mail = hashed(By.MAIL, "ann@example.org", "r1")
        assert [*hashes_of(ann, Matching((ANCHOR, MAIL, NAME), KEY), "r1")] == [by_anchor, by_mail]
        assert [*hashes_of(ann, Matching((MAIL,)), "r1")] == [by_mail]
        assert [*hashes_of(ann, Matching((replace(MAIL, exact=True),)), "r1")] == [
            hashed(By.MAIL, "Ann@example.org", "r1")
        ]
        assert [*hashes_of(ann, Matching(), "r1")] == []

    @pytest.mark.parametrize("mail", [None, "", " "])
    def test_are_of_no_address_where_there_is_none(self, mail: str | None) -> None:
        assert [*hashes_of(account(mail=mail), Matching((MAIL,)), "r1")] == []

    def test_differ_by_rule_value_and_salt_and_are_short(self) -> None:
        found = {hashed(by, text, salt) for by in (By.ANCHOR, By.MAIL) for text in ("a", "b") for salt in ("1", "2")}
        assert {len(each) for each in found} == {16}
        assert len(found) == 8

    def test_are_kept_with_the_rules_that_they_are_for(self) -> None:
        assert str(Matching((ANCHOR, replace(MAIL, exact=True)), KEY)) == "anchor, mail exact (iwds)"
        assert str(Matching()) == "login ()"
