"""What a doctor finds on both sides while a plan is made of the same reading."""

import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from iwds.core.doubt import carried
from iwds.core.hygiene import Code, Whom
from iwds.core.model import Absent, Account, Anchor, Entry, Proof, Unmapped
from iwds.core.plan import Plan
from iwds.core.policy import Policy
from iwds.core.recognition import By, Matching, MatchRule
from iwds.engine import people
from iwds.engine.doctor import Diagnosis, Limits, diagnose
from iwds.errors import SourceUnavailable
from iwds.sources.memory import MemorySource
from iwds.state.ward import ScratchWard
from tests.unit.engine.rehearsal import OURS, PlainRules, Rehearsal

NAMED = {"mail": "", "sn": "Somebody", "disabled": ""}


class Doctor:
    """A diagnosis, and whom it is about."""

    def __init__(self, stage: Rehearsal, limits: Limits | None = None) -> None:
        with closing(ScratchWard()) as ward:
            self.found: Diagnosis = diagnose(stage.job, stage.tools, ward, limits)
            self.people: Mapping[Code, list[Whom]] = {code: list(ward.people(code)) for code in self.found.counts}
        assert self.found.counts == {code: len(some) for code, some in self.people.items()}

    @property
    def plan(self) -> Plan:
        return self.found.plan

    def logins(self, code: Code) -> list[str]:
        return [whom.login for whom in self.people.get(code, [])]

    def one(self, code: Code) -> Whom:
        (whom,) = self.people[code]
        return whom


def hire(stage: Rehearsal, *who: str, **attributes: str) -> None:
    for each in who:
        stage.hire(each, (), **{**NAMED, "mail": f"{each}@x.y", **attributes})


@pytest.fixture(autouse=True)
def _two_administrators(stage: Rehearsal) -> None:
    for name in ("root1", "root2"):
        stage.target.state.add(name, role=2, mail=f"{name}@x.y")


class TestPeople:
    def test_nothing_is_found_where_nothing_is_wrong(self, stage: Rehearsal) -> None:
        hire(stage, "ann", "bob")
        doctor = Doctor(stage)
        assert doctor.found.counts == {Code.GROUP_EMPTY: 2, Code.CONSOLE: 2}
        assert stage.target.state.logins.keys() == {1001, 1002}

    def test_who_want_one_login_are_as_many_as_in_the_plan(self, stage: Rehearsal) -> None:
        hire(stage, "ann", "bob", "cy")
        stage.change("bob", uid="ANN")
        doctor = Doctor(stage)
        assert doctor.logins(Code.SAME_LOGIN) == ["ann", "ANN"]
        assert [whom.name for whom in doctor.people[Code.SAME_LOGIN]] == ["cn=ann", "cn=bob"]
        assert doctor.plan.basis.tally.absent == {"duplicate": 2}

    def test_names_that_differ_in_spaces_and_forms_look_alike(self, stage: Rehearsal) -> None:
        hire(stage, "ann", "bob", "cy", "dee")
        stage.change("bob", uid="a nn")
        stage.change("cy", uid="\N{FULLWIDTH LATIN SMALL LETTER A}nn")
        doctor = Doctor(stage)
        assert len(doctor.people[Code.ALIKE_LOGINS]) == 3
        assert {whom.detail for whom in doctor.people[Code.ALIKE_LOGINS]} == {"looks like a nn", "looks like ann"}

    def test_a_newcomer_who_looks_like_a_login_of_the_service(self, stage: Rehearsal) -> None:
        hire(stage, "ann", "bob")
        stage.target.state.add("A nn")
        assert Doctor(stage).one(Code.ALIKE_ON_SERVICE).detail == "A nn is on the service"

    def test_a_login_that_is_not_allowed_has_a_proposal(self, stage: Rehearsal) -> None:
        hire(stage, "ann", "o'neill", "o+neill", "b'ob", "a'nn")
        stage.target.state.add("bob")
        doctor = Doctor(stage)
        told = {whom.login: (whom.proposed, "taken" in whom.detail) for whom in doctor.people[Code.LOGIN_NOT_ALLOWED]}
        assert told == {
            "o'neill": ("oneill", True),
            "o+neill": ("oneill", True),
            "b'ob": ("bob", True),
            "a'nn": ("ann", True),
        }
        assert doctor.plan.basis.tally.absent == {"invalid": 4}

    def test_a_free_proposal_is_not_said_to_be_taken(self, stage: Rehearsal) -> None:
        hire(stage, "o'neill")
        whom = Doctor(stage).one(Code.LOGIN_NOT_ALLOWED)
        assert (whom.proposed, whom.source, whom.name, "taken" in whom.detail) == (
            "oneill",
            "staff",
            "cn=o'neill",
            False,
        )

    def test_who_cannot_be_mapped_for_another_reason(self, stage: Rehearsal) -> None:
        hire(stage, "ann", "bob", "cy")
        stage.change("ann", uid="")
        stage.change("bob", mail="nobody at all")
        stage.change("cy", scope="excluded", uid="c'y")
        doctor = Doctor(stage)
        assert doctor.one(Code.NO_LOGIN).anchor == Anchor("here", "ann")
        assert doctor.one(Code.NOT_MAPPED).login == "bob"
        assert "mail" in doctor.one(Code.NOT_MAPPED).detail
        assert doctor.plan.basis.tally.absent == {"invalid": 2, "excluded": 1}

    def test_shared_addresses_on_both_sides(self, stage: Rehearsal) -> None:
        hire(stage, "ann", "bob", mail="Team@x.y")
        hire(stage, "cy")
        hire(stage, "dee", mail="team@X.Y", scope="out-of-scope")
        stage.by_hand("root1", mail="ROOT2@x.y")
        doctor = Doctor(stage)
        assert doctor.logins(Code.SAME_MAIL) == ["ann", "bob"]
        assert doctor.people[Code.SAME_MAIL][0].detail == "2 people have team@x.y"
        assert doctor.logins(Code.SAME_MAIL_ON_SERVICE) == ["root1", "root2"]

    def test_service_accounts_by_their_look(self, stage: Rehearsal) -> None:
        hire(stage, "svc-print", "bob")
        hire(stage, "svc-scan", scope="excluded")
        assert Doctor(stage).logins(Code.SERVICE_ACCOUNT) == ["svc-print"]

    def test_who_is_disabled_gets_no_login_and_so_looks_like_nothing(self, stage: Rehearsal) -> None:
        hire(stage, "guest", "krbtgt", disabled="yes")
        hire(stage, "root")
        assert Doctor(stage).logins(Code.SERVICE_ACCOUNT) == ["root"]
        stage.target.state.add("guest")
        doctor = Doctor(stage)
        assert doctor.logins(Code.STILL_ACTIVE) == ["guest"]

    def test_expired_and_not_disabled(self, stage: Rehearsal) -> None:
        read = PlainRules().attributes | {"useraccountcontrol", "accountexpires"}
        stage.configure(rules=PlainRules(attributes=read))
        hire(stage, "ann", "bob", useraccountcontrol="512", accountexpires="0")
        stage.change("bob", accountexpires="132223104000000000")
        assert Doctor(stage).logins(Code.EXPIRED_ENABLED) == ["bob"]


class TestBothSides:
    def test_a_login_of_another_origin_is_not_adopted(self, stage: Rehearsal) -> None:
        hire(stage, "ann", "bob", "cy")
        stage.target.state.add("ann", created_by=1)
        stage.target.state.add("bob", created_by=OURS)
        stage.target.state.add("cy")
        stage.by_hand("cy", created_by=None)
        doctor = Doctor(stage)
        assert [(whom.login, whom.detail) for whom in doctor.people[Code.NOT_ADOPTED]] == [
            ("ann", "tag 1"),
            ("cy", "of unknown origin"),
        ]

    def test_whose_login_it_is_nobody_can_tell(self, stage: Rehearsal) -> None:
        rules = PlainRules(matching=Matching((MatchRule(By.LOGIN), MatchRule(By.MAIL))))
        stage.configure(rules=rules, policy=Policy(OURS, adopt=frozenset({0})))
        hire(stage, "ann", "bob", mail="team@x.y")
        team = stage.target.state.add("team", mail="team@x.y")
        doctor = Doctor(stage)
        assert doctor.logins(Code.WHOSE_LOGIN) == ["ann", "bob"]
        assert f"team (#{team.id})" in doctor.people[Code.WHOSE_LOGIN][0].detail
        assert "team" not in doctor.logins(Code.CONSOLE)

    def test_a_name_that_stands_for_somebody_else(self, stage: Rehearsal) -> None:
        hire(stage, "ann", "bob")
        stage.run()
        stage.run()
        ann = stage.login("ann").id
        stage.leave("ann")
        hire(stage, "cy")
        stage.change("cy", uid="ann")
        doctor = Doctor(stage)
        assert doctor.one(Code.LOGIN_TAKEN).detail == f"ann (#{ann}) has it"
        stage.change("cy", uid="cy")
        stage.change("bob", uid="ann")
        doctor = Doctor(stage)
        assert doctor.one(Code.LOGIN_TAKEN).detail == f"#{ann} has ann; they are called bob until it is free"

    def test_a_login_that_was_made_anew(self, stage: Rehearsal) -> None:
        hire(stage, *"abcdefgh")
        stage.run()
        stage.run()
        stage.by_hand("a", login="other", created_by=7)
        told = Doctor(stage).one(Code.ANOTHER_LOGIN)
        assert (told.login, told.detail, told.anchor) == ("other", "it was a, and is other now", Anchor("here", "a"))

    def test_a_login_that_was_made_anew_is_not_theirs_who_left_the_scope(self, stage: Rehearsal) -> None:
        """It is active, and they are disabled: that has nothing to do with each other."""
        hire(stage, *"abcdefgh")
        stage.run()
        stage.run()
        stage.by_hand("a", login="other", created_by=7)
        stage.change("a", disabled="yes", uid="", scope="")
        doctor = Doctor(stage)
        assert doctor.logins(Code.STILL_ACTIVE) == []
        assert doctor.one(Code.ANOTHER_LOGIN).anchor == Anchor("here", "a")
        stage.change("a", disabled="", uid="b")
        doctor = Doctor(stage)
        assert [(whom.login, whom.login_id) for whom in doctor.people[Code.SAME_LOGIN]] == [("b", None)]
        assert doctor.plan.basis.tally.absent == {"duplicate": 1}
        stage.leave("a")
        assert Code.ANOTHER_LOGIN not in Doctor(stage).found.counts

    def test_a_second_login_that_is_gone_is_none(self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
        hire(stage, "ann", "bob")
        stage.run()
        stage.run()
        (bob,) = [row for row in stage.ledger().values() if row.login == "bob"]
        stage.leave("bob")
        rows = [row for row in stage.ledger().values() if row.login_id != bob.login_id]
        second = replace(bob, anchor=Anchor("here", "ann"))
        monkeypatch.setattr(stage.state, "ledger", lambda _: iter([*rows, second]))
        del stage.target.state.logins[bob.login_id]
        assert Code.SECOND_LOGIN not in Doctor(stage).found.counts

    def test_a_second_login_is_no_shared_name(self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
        hire(stage, "ann", "bob")
        stage.run()
        stage.run()
        (bob,) = [row for row in stage.ledger().values() if row.login == "bob"]
        stage.leave("bob")
        service = stage.target.reader.service
        with_two = replace(bob, anchor=Anchor("here", "ann"))
        rows = [row for row in stage.state.ledger(service) if row.login_id != bob.login_id]
        monkeypatch.setattr(stage.state, "ledger", lambda _: iter([*rows, with_two]))
        doctor = Doctor(stage)
        assert doctor.logins(Code.SECOND_LOGIN) == ["bob"]
        assert Code.SAME_LOGIN not in doctor.found.counts

    def test_who_is_disabled_and_still_active(self, stage: Rehearsal) -> None:
        hire(stage, "ann", "bob", "cy")
        stage.run()
        stage.run()
        stage.change("ann", disabled="yes")
        stage.change("bob", disabled="yes", uid="", scope="")
        stage.target.state.add("dee")
        hire(stage, "dee", disabled="yes")
        doctor = Doctor(stage)
        assert doctor.logins(Code.STILL_ACTIVE) == ["ann", "bob", "dee"]

    def test_logins_that_nobody_explains_by_origin(self, stage: Rehearsal) -> None:
        stage.target.state.add("svc-old", created_by=OURS, status=1)
        stage.target.state.add("other", created_by=7)
        stage.target.state.add("strange")
        stage.by_hand("strange", created_by=None)
        hire(stage, "ann")
        doctor = Doctor(stage)
        assert doctor.one(Code.ORPHAN).detail == "locked, looks like a service account"
        assert doctor.one(Code.OTHER_TAG).detail == "tag 7"
        assert doctor.logins(Code.UNKNOWN_ORIGIN) == ["strange"]
        assert doctor.logins(Code.CONSOLE) == ["root1", "root2"]

    def test_what_the_mapping_protects_is_nobodys_doubt(self, stage: Rehearsal) -> None:
        stage.configure(rules=PlainRules(protected=frozenset({"ann"})))
        hire(stage, "ann")
        stage.target.state.add("ann", created_by=7)
        assert Code.NOT_ADOPTED not in Doctor(stage).found.counts

    def test_administrators_and_idle_seats(self, stage: Rehearsal) -> None:
        then = int((stage.clock.now() - timedelta(days=181)).timestamp())
        stage.by_hand("root1", last_seen=then)
        stage.target.state.add("late", last_seen=int(stage.clock.now().timestamp()))
        stage.target.state.add("gone", last_seen=then, status=1)
        doctor = Doctor(stage, Limits(administrators=1))
        assert doctor.logins(Code.MANY_ADMINISTRATORS) == ["root1", "root2"]
        assert doctor.logins(Code.IDLE) == ["root1"]
        assert len(doctor.people[Code.MANY_ADMINISTRATORS]) == doctor.plan.basis.tally.administrators

    def test_few_administrators(self, stage: Rehearsal) -> None:
        stage.by_hand("root1", status=1)
        assert Doctor(stage).logins(Code.FEW_ADMINISTRATORS) == ["root2"]
        stage.by_hand("root2", role=0)
        assert Doctor(stage).one(Code.FEW_ADMINISTRATORS).name == "(none)"


class TestGroups:
    def test_that_the_service_lacks_with_the_nearest_name(self, stage: Rehearsal) -> None:
        stage.configure(rules=PlainRules(groups={"vpn": False, "wikis": False}))
        stage.hire("ann", ("wikis", "vpn"), **NAMED)
        told = Doctor(stage).one(Code.GROUP_MISSING)
        assert (told.name, told.detail) == ("wikis", 'for 1 person (did you mean "wiki"?)')

    def test_that_nobody_is_in_or_that_are_not_there(self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
        there, gone = "cn=there,dc=x", "cn=gone,dc=x"
        stage.configure(rules=PlainRules(reads_groups=frozenset({"vpn", "wiki", there, gone})))
        stage.source.hidden_places = frozenset({gone})
        stage.hire("ann", ("vpn",), **NAMED)
        doctor = Doctor(stage)
        assert [whom.name for whom in doctor.people[Code.GROUP_EMPTY]] == [there, "wiki"]
        assert doctor.one(Code.GROUP_GONE).name == gone

        def unavailable(_: str) -> bool:
            raise SourceUnavailable("away")

        monkeypatch.setattr(stage.source, "shows", unavailable)
        assert Code.GROUP_GONE not in Doctor(stage).found.counts

    def test_that_no_source_can_show_are_empty_and_not_gone(self, stage: Rehearsal) -> None:
        """A table has no places, and a name with an equals sign need not be a distinguished one."""
        named = frozenset({"cost=high", "cn=vpn,ou=groups,dc=x"})
        stage.configure(rules=PlainRules(reads_groups=named))
        stage.source.hidden_places = frozenset({*named, "dc=x"})
        stage.hire("ann", ("vpn",), **NAMED)
        doctor = Doctor(stage)
        assert {whom.name for whom in doctor.people[Code.GROUP_EMPTY]} == named
        assert Code.GROUP_GONE not in doctor.found.counts

    def test_say_nothing_where_a_reading_is_doubtful(self, stage: Rehearsal) -> None:
        stage.hire("ann", ("vpn",), **NAMED)
        stage.source.problems = ("cut",)
        doctor = Doctor(stage)
        assert Code.GROUP_EMPTY not in doctor.found.counts
        assert doctor.found.exit_code == 3

    def test_that_are_large(self, stage: Rehearsal) -> None:
        for who in ("ann", "bob", "cy"):
            stage.hire(who, ("vpn",), **NAMED)
        told = Doctor(stage, Limits(members=2)).people[Code.GROUP_LARGE]
        assert [(whom.name, whom.detail) for whom in told] == [
            ("staff: vpn", "3 people of staff are in it"),
            ("vpn", "3 people are to be in it on the service"),
        ]
        assert Code.GROUP_LARGE not in Doctor(stage, Limits(members=3)).found.counts

    def test_with_members_who_are_nobody(self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
        hire(stage, "ann")
        said = "groups: 3 memberships lead to nobody who was read: cn=x and 2 more"

        def told(proof: Proof, *rest: object) -> Proof:
            return replace(carried(proof, *rest), reasons=("whole", said))  # type: ignore[arg-type]

        monkeypatch.setattr(people, "carried", told)
        whom = Doctor(stage).one(Code.MEMBER_NOBODY)
        assert (whom.name, whom.detail) == ("staff", "3 of them: cn=x and 2 more")


class TestSeveralSources:
    @pytest.fixture
    def second(self, stage: Rehearsal) -> MemorySource:
        made = MemorySource("more", [], realm="here")
        stage.configure(sources=(stage.source, made))
        return made

    def test_the_first_one_counts(self, stage: Rehearsal, second: MemorySource) -> None:
        hire(stage, "ann", "bob")
        bad = {"uid": ("o'ann",), "sn": ("Ann",), "mail": ("ann@x.y",), "disabled": ()}
        second.entries = [Entry(Anchor("here", "ann"), "cn=ann,dc=more", bad, frozenset())]
        doctor = Doctor(stage)
        told = doctor.one(Code.SEVERAL_SOURCES)
        assert (told.login, told.name, told.detail) == ("ann", "cn=ann", "staff counts; also in more")
        assert Code.LOGIN_NOT_ALLOWED not in doctor.found.counts
        assert doctor.plan.basis.tally.people == 2

    def test_whoever_is_in_two_is_one_person_in_a_group(self, stage: Rehearsal, second: MemorySource) -> None:
        stage.configure(rules=PlainRules(groups={"vpn": False, "wikis": False}))
        for who in ("ann", "bob"):
            stage.hire(who, ("vpn", "wikis"), **{**NAMED, "mail": f"{who}@x.y"})
        second.entries = list(stage.source.entries)
        doctor = Doctor(stage, Limits(members=1))
        assert doctor.one(Code.GROUP_MISSING).detail == 'for 2 people (did you mean "wiki"?)'
        large = {whom.name: whom.detail for whom in doctor.people[Code.GROUP_LARGE]}
        assert large["vpn"] == "2 people are to be in it on the service"

    def test_memory_does_not_grow_with_the_people(self, stage: Rehearsal, second: MemorySource) -> None:
        peaks = []
        for many in (4_500, 9_000):  # more than the rows that are written at once
            stage.source.entries = [
                Entry(Anchor("here", f"p{n}"), f"cn=p{n}", {"uid": (f"p{n}",), "scope": ("out-of-scope",)}, frozenset())
                for n in range(many)
            ]
            second.entries = list(stage.source.entries)
            tools = stage.tools
            tracemalloc.start()
            with closing(ScratchWard()) as ward:
                found = diagnose(stage.job, tools, ward)
                assert sum(1 for _ in ward.people(Code.SEVERAL_SOURCES)) == found.counts[Code.SEVERAL_SOURCES] == many
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert peaks[1] < peaks[0] + 1_000_000, "people who are kept take twice as much"


def test_the_exit_code_tells_what_is_to_be_done(stage: Rehearsal) -> None:
    stage.hire("ann", ("vpn", "wiki"), **NAMED)
    assert Doctor(stage).found.exit_code == 0
    stage.change("ann", groups=("vpn",))
    assert Doctor(stage).found.exit_code == 2


def test_what_was_read_before_a_second_reading_does_not_count(stage: Rehearsal) -> None:
    """An attribute that fades is withheld, and everybody is read anew."""
    for number in range(8):
        stage.hire(f"p{number}", ("vpn",), **{**NAMED, "mail": f"p{number}@x.y"})
    stage.run()
    stage.run()
    for number in range(8):
        stage.change(f"p{number}", mail="")
    stage.change("p1", uid="p'1")
    stage.change("p2", mail="no address at all")
    moves = iter([True, False, False, False])
    stage.target.state.moved = lambda: next(moves, False)
    doctor = Doctor(stage)
    assert doctor.plan.basis.withheld
    assert len(doctor.people[Code.LOGIN_NOT_ALLOWED]) == 1
    assert Code.NOT_MAPPED not in doctor.found.counts
    assert doctor.plan.basis.tally.people == 8


def test_a_diagnosis_changes_nothing_and_plans_what_a_plan_plans(stage: Rehearsal) -> None:
    hire(stage, "ann", "bob", "o'neill")
    calls = stage.calls()
    assert Doctor(stage).plan.digest == stage.plan().digest
    assert calls == []
    assert stage.state.plans() == []


def test_the_ward_keeps_the_first_of_one_anchor() -> None:
    with closing(ScratchWard()) as ward:
        who = Anchor("here", "1")
        ward.person("one", "cn=a", Account(who, "ann"))
        ward.person("two", "cn=b", Unmapped(who, "cn=b", Absent.EXCLUDED, "why", "bob"))
        ward.note(Code.NO_LOGIN, Whom("ann", who))
        ward.settle(5, 0)
        (told,) = ward.people(Code.NO_LOGIN)
        assert (told.name, told.source) == ("cn=a", "one")


@pytest.fixture
def stage() -> Iterator[Rehearsal]:
    rehearsal = Rehearsal()
    yield rehearsal
    rehearsal.close()
