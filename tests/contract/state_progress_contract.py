"""What every `State` keeps of how far a job has read what changed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from iwds.core.change import Change, DeleteLogin, Evidence, Forget, Subject
from iwds.core.model import Anchor, Group, Login, Role
from iwds.errors import LeaseLost
from iwds.ports import Due, Learnt, Lease, Mark, Outcome, Result, State, Strangers, Waiting
from tests.contract.state_tools import NOON, OTHER, SERVICE, Place, begin, create, run_row

ADA, BOB = Anchor("here", "ada"), Anchor("here", "bob")
LATER = NOON + timedelta(hours=1)
GROUPS = (("cn=vpn", frozenset({"ada", "bob"})), ("cn=empty", frozenset[str]()))


def full(state: State, run_id: str, lease: Lease, **learnt: object) -> None:
    """A run that reads everybody, to its end."""
    run = replace(run_row(run_id), job="staff")
    state.start_run(run, "", "")
    state.keep_members(run_id, "people", GROUPS, lease)
    given = {"marks": {"people": Mark(f"mark of {run_id}", NOON, NOON, run_id)}, **learnt}
    state.finish_run(replace(run, ended=NOON, exit_code=0), lease=lease, learnt=Learnt(**given))  # type: ignore[arg-type]


def known(state: State, group: str) -> frozenset[str] | None:
    return state.known_members("staff", SERVICE, "people", group)


def strange(run_id: str, intent: int = 0) -> Strangers:
    return Strangers(run_id, NOON, "anchor, login (iwds)", 7, intent)


def are(state: State, *hashes: bytes) -> bool:
    return state.are_strangers("staff", SERVICE, hashes)


class ProgressContract:
    """Marks, members, who waits and who is due, kept with the end of a run or not at all."""

    def test_what_a_run_of_everybody_leaves_is_kept_with_its_end(self, state: State) -> None:
        lease = state.lease(SERVICE, "run 1", 60)
        waits = [Waiting(BOB, ("failed", "held"), NOON, frozenset({"cn=vpn"}), True), Waiting(ADA, ("taken",), NOON)]
        full(state, "r1", lease, waiting=waits, due=[Due(ADA, LATER)])

        assert state.marks("staff", SERVICE) == {"people": Mark("mark of r1", NOON, NOON, "r1")}
        assert (known(state, "cn=vpn"), known(state, "cn=empty")) == (frozenset({"ada", "bob"}), frozenset())
        assert known(state, "cn=other") is None
        assert state.waiting("staff", SERVICE) == [waits[1], waits[0]]
        assert state.due("staff", SERVICE, LATER) == [ADA]
        assert state.due("staff", SERVICE, LATER - timedelta(minutes=1)) == []

    def test_another_job_and_another_service_have_nothing_of_it(self, state: State) -> None:
        full(state, "r1", state.lease(SERVICE, "run 1", 60), waiting=[Waiting(ADA, ("held",), NOON)])
        assert not state.marks("guests", SERVICE)
        assert not state.marks("staff", OTHER)
        assert not state.waiting("staff", OTHER)

    def test_members_that_a_dead_run_kept_do_not_count_and_are_thrown_away_by_the_next(self, state: State) -> None:
        lease = state.lease(SERVICE, "run 1", 60)
        full(state, "r1", lease)
        state.start_run(replace(run_row("r2"), job="staff"), "", "")
        state.keep_members("r2", "people", [("cn=vpn", frozenset({"zoe"}))], lease)
        assert known(state, "cn=vpn") == frozenset({"ada", "bob"})

        full(state, "r3", lease)
        assert known(state, "cn=vpn") == frozenset({"ada", "bob"})
        state.start_run(replace(run_row("r4"), job="staff"), "", "")
        state.keep_members("r2", "people", [("cn=vpn", frozenset({"zoe"}))], lease)

    def test_members_that_runs_kept_which_left_no_mark_do_not_pile_up(self, state: State) -> None:
        lease = state.lease(SERVICE, "run 1", 60)
        full(state, "r1", lease)
        for run_id in ("r2", "r3"):
            state.start_run(run_row(run_id), "", "")
        for run_id in ("r2", "r3", "r2", "r3"):  # what is still there of a run cannot be kept once more
            state.keep_members(run_id, "people", GROUPS, lease)
        assert known(state, "cn=vpn") == frozenset({"ada", "bob"})

    def test_a_group_that_a_directory_gives_twice_counts_as_it_came_last(self, state: State) -> None:
        lease = state.lease(SERVICE, "run 1", 60)
        others = [(f"cn={number}", frozenset[str]()) for number in range(1_200)]
        twice = [("cn=twice", frozenset({"ada"})), *others, ("cn=twice", frozenset({"ada", "bob"}))]
        run = replace(run_row("r1"), job="staff")
        state.start_run(run, "", "")
        state.keep_members("r1", "people", twice, lease)
        given = Learnt({"people": Mark("a mark", NOON, NOON, "r1")})
        state.finish_run(replace(run, ended=NOON, exit_code=0), lease=lease, learnt=given)
        assert known(state, "cn=twice") == frozenset({"ada", "bob"})

    def test_a_run_of_changes_replaces_what_was_kept_of_whom_it_looked_at(self, state: State) -> None:
        lease = state.lease(SERVICE, "run 1", 60)
        waits = [Waiting(ADA, ("held",), NOON), Waiting(BOB, ("held",), NOON)]
        full(state, "r1", lease, waiting=waits, due=[Due(ADA, LATER), Due(BOB, LATER)])
        run = replace(run_row("r2"), job="staff")
        state.start_run(run, "", "")
        learnt = Learnt(
            marks={"people": Mark("mark of r2", LATER, NOON, "r1")},
            groups={"people": {"cn=vpn": frozenset({"bob"}), "cn=empty": None, "cn=new": frozenset({"ada"})}},
            looked_at=frozenset({ADA}),
            waiting=[Waiting(ADA, ("unknown",), LATER)],
        )
        ended = replace(run, ended=NOON, exit_code=0, command="changes")
        state.finish_run(ended, lease=lease, learnt=learnt)

        assert state.marks("staff", SERVICE)["people"] == Mark("mark of r2", LATER, NOON, "r1")
        assert [known(state, f"cn={name}") for name in ("vpn", "empty", "new")] == [
            frozenset({"bob"}), None, frozenset({"ada"}),
        ]  # fmt: skip
        assert state.waiting("staff", SERVICE) == [Waiting(ADA, ("unknown",), LATER), waits[1]]
        assert state.due("staff", SERVICE, LATER) == [BOB]
        kept = state.run("r2")
        assert kept is not None
        assert kept.command == "changes"

    def test_a_run_that_leaves_nothing_leaves_what_was_kept(self, state: State) -> None:
        lease = state.lease(SERVICE, "run 1", 60)
        full(state, "r1", lease, waiting=[Waiting(ADA, ("held",), NOON)])
        run = replace(run_row("r2"), job="staff")
        state.start_run(run, "", "")
        state.finish_run(replace(run, ended=NOON, exit_code=75), lease=lease)
        assert state.marks("staff", SERVICE)["people"].text == "mark of r1"
        assert state.waiting("staff", SERVICE)

    def test_a_run_whose_lease_was_taken_leaves_nothing(self, state: State, place: Place) -> None:
        lease = state.lease(SERVICE, "run 1", 60)
        full(state, "r1", lease)
        place.wait(61)
        state.lease(SERVICE, "run 2", 60)
        with pytest.raises(LeaseLost):
            full(state, "r2", lease)
        run = replace(run_row("r3"), job="staff")
        state.start_run(run, "", "")
        learnt = Learnt(marks={"people": Mark("mark of r3", NOON, NOON, "r3")})
        with pytest.raises(LeaseLost):
            state.finish_run(replace(run, ended=NOON, exit_code=0), lease=lease, learnt=learnt)
        assert state.marks("staff", SERVICE)["people"].text == "mark of r1"

    def test_strangers_count_once_the_run_that_kept_them_has_ended_with_its_mark(self, state: State) -> None:
        lease = state.lease(SERVICE, "run 1", 60)
        run = replace(run_row("r1"), job="staff")
        state.start_run(run, "", "")
        assert state.keep_strangers("r1", (number.to_bytes(16, "big") for number in range(12_000)), lease) == 0
        first, last = bytes(16), (11_999).to_bytes(16, "big")
        assert not are(state, first)
        assert state.strangers("staff", SERVICE) is None

        state.finish_run(replace(run, ended=NOON, exit_code=0), lease=lease, learnt=Learnt(strangers=strange("r1")))
        assert state.strangers("staff", SERVICE) == strange("r1")
        assert are(state, b"x" * 16, last)
        assert are(state, first)
        assert not are(state, b"x" * 16)
        assert not are(state)
        assert not state.are_strangers("guests", SERVICE, [first])
        assert state.strangers("staff", OTHER) is None

    def test_strangers_of_a_dead_run_do_not_count_and_each_run_of_everybody_replaces_them(self, state: State) -> None:
        lease = state.lease(SERVICE, "run 1", 60)
        for run_id, mine in (("r1", b"1" * 16), ("r2", b"2" * 16), ("r3", b"3" * 16)):
            state.start_run(replace(run_row(run_id), job="staff"), "", "")
            state.keep_strangers(run_id, [mine], lease)
            if run_id != "r2":  # which dies
                end = replace(run_row(run_id), job="staff", ended=NOON, exit_code=0)
                state.finish_run(end, lease=lease, learnt=Learnt(strangers=strange(run_id)))
            assert are(state, b"1" * 16) == (run_id != "r3")
        assert are(state, b"3" * 16)
        assert not are(state, b"2" * 16)
        state.keep_strangers("r1", [b"1" * 16], lease)  # they were thrown away, else this would come twice
        state.keep_strangers("r2", [b"2" * 16], lease)

        full(state, "r4", lease)
        assert state.strangers("staff", SERVICE) is None
        assert not are(state, b"3" * 16)

    def test_strangers_stay_after_a_run_of_changes_and_are_fenced(self, state: State, place: Place) -> None:
        lease = state.lease(SERVICE, "run 1", 60)
        state.start_run(replace(run_row("r0"), job="staff"), "", "")
        state.keep_strangers("r0", [b"1" * 16], lease)
        end = replace(run_row("r0"), job="staff", ended=NOON, exit_code=0)
        state.finish_run(end, lease=lease, learnt=Learnt(strangers=strange("r0")))
        state.start_run(replace(run_row("r1"), job="staff"), "", "")
        state.finish_run(replace(end, id="r1"), lease=lease, learnt=Learnt(looked_at=frozenset({ADA})))
        assert are(state, b"1" * 16)
        place.wait(61)
        state.lease(SERVICE, "run 2", 60)
        with pytest.raises(LeaseLost):
            state.keep_strangers("r1", [b"2" * 16], lease)

    def test_logins_that_were_made_and_deleted_since_are_counted(self, state: State) -> None:
        journal = begin(state, "r1")
        admin = replace(create(3), account=replace(create(3).account, role=Role.ADMINISTRATOR))
        deletion = DeleteLogin(Subject("eve", None, 9), Login(9, "eve"), (), "left")
        left_vpn = Forget(Subject("ada", ADA, 1), "gone from it", group=Group(1, "vpn"))
        gone = Forget(Subject("ada", ADA, 1), "gone")

        def settle(change: Change, result: Result | None) -> int:
            (number,) = journal.intend([(1, change)])
            journal.settle([Outcome(number, result)] if result else [])
            return number

        before = settle(create(1), Result.DONE)
        for change, result, made in (
            (create(2), Result.DONE, 1), (admin, Result.DONE, 2), (create(4), Result.REJECTED, 2),
            (create(5), Result.NOT_TRIED, 2), (left_vpn, Result.DONE, 2), (gone, Result.DONE, 2),
            (deletion, Result.DONE, 1),
        ):  # fmt: skip
            settle(change, result)
            assert state.made_since(SERVICE, before) == made
        assert state.made_since(SERVICE, 0) == 2
        assert state.made_since(OTHER, 0) == 0

    @pytest.mark.parametrize("result", [None, Result.UNKNOWN, Result.SUPERSEDED])
    def test_nobody_knows_how_many_were_made_where_a_call_has_no_answer(
        self, state: State, result: Result | None
    ) -> None:
        journal = begin(state, "r1")
        (number,) = journal.intend([(1, create(1))])
        journal.settle([Outcome(number, result)] if result else [])
        assert state.made_since(SERVICE, 0) is None
        assert state.made_since(SERVICE, number) == 0

    def test_nobody_knows_how_many_are_ours_where_somebody_let_go_of_one(self, state: State) -> None:
        journal = begin(state, "r1")
        (number,) = journal.intend([(1, Forget(Subject("ada", ADA, 1), "undone", evidence=Evidence.ORDERED))])
        journal.settle([Outcome(number, Result.DONE)])
        assert state.made_since(SERVICE, 0) is None

    def test_the_intent_before_strangers_is_the_last_one_so_far(self, state: State) -> None:
        journal = begin(state, "r1")
        numbers = journal.intend([(1, create(1)), (1, create(2))])
        lease = state.lease(OTHER, "run 2", 60)
        state.start_run(run_row("r2", service=OTHER), "", "")
        assert state.keep_strangers("r2", [], lease) == numbers[-1]
