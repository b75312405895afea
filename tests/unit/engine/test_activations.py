"""Who is not activated and who never comes, from one reading of the service."""

import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from iwds.core.devices import Activated, Enrolment
from iwds.core.model import Login, Proof
from iwds.engine.activations import UNTOLD, Idle, Sheet, Sort, idle_since, not_activated, survey
from iwds.errors import ServiceUnproven
from tests.unit.engine.desk import Helpdesk

THEN = datetime(2026, 6, 1, tzinfo=UTC)
STATES = (Activated.EXPIRED, Activated.LINK, Activated.CODE, Activated.INACTIVE)


@pytest.fixture
def stage() -> Iterator[Helpdesk]:
    """Five people of ours, each as far as their name says, and somebody of the console's."""
    made = Helpdesk()
    for state in Activated:
        made.hire(state.value)
    made.run()
    for state in Activated:
        known = made.login(state.value)
        made.by_hand(state.value, activated=state is Activated.DONE)
        made.target.state.codes[known.id] = state
    made.target.state.links.add(made.login("link").id)
    made.target.state.add("console", activated=False)
    yield made
    made.close()


def listed(
    stage: Helpdesk, sort: Sort, groups: Sequence[str], *, everybody: bool = False
) -> tuple[dict[str, list[str]], tuple[int, int], int]:
    """Names in each group; how many were looked at, of how many; of how many nothing is told."""
    with closing(Sheet(groups)) as sheet:
        found = survey(stage.desk(), sort, sheet, everybody=everybody)
        names = {group: [person.login for person in sheet.people(group)] for group in groups}
        return names, (found.looked_at, found.total), sheet.counts[UNTOLD]


class TestTheListOfActivations:
    def test_has_our_own_in_groups_and_nobody_who_is_activated(self, stage: Helpdesk) -> None:
        names, looked, untold = listed(stage, not_activated(STATES), [each.value for each in STATES])
        assert names == {each.value: [each.value] for each in STATES}
        assert (looked, untold) == ((5, 6), 0)

    def test_has_those_of_the_states_that_were_asked_for(self, stage: Helpdesk) -> None:
        names, _, _ = listed(stage, not_activated([Activated.LINK]), ["link"])
        assert names == {"link": ["link"]}

    def test_has_others_only_where_that_is_asked_for_and_says_that_they_are(self, stage: Helpdesk) -> None:
        with closing(Sheet(["expired"])) as sheet:
            survey(stage.desk(), not_activated(STATES[:1]), sheet, everybody=True)
            assert [(each.login, each.ours) for each in sheet.people("expired")] == [
                ("console", False), ("expired", True),
            ]  # fmt: skip

    def test_counts_whom_the_service_tells_nothing_of(self, stage: Helpdesk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(stage.target.state), "how_far", lambda *_: None)
        names, _, untold = listed(stage, not_activated(STATES), ["expired"])
        assert (names, untold) == ({"expired": []}, 5)

    def test_is_read_again_where_it_moved_and_then_has_nobody_twice(self, stage: Helpdesk) -> None:
        moves = iter([True, True, False])
        stage.target.state.moved = lambda: next(moves)
        names, _, _ = listed(stage, not_activated(STATES), ["expired", "link", "code", "inactive"])
        assert names["expired"] == ["expired"]

    @pytest.mark.parametrize("moved", [True, False])
    def test_is_none_where_the_service_contradicts_itself(self, stage: Helpdesk, moved: bool) -> None:
        stage.target.state.problems = ["the count changed"]
        stage.target.state.moved = lambda: moved
        with pytest.raises(ServiceUnproven, match="the count changed"):
            listed(stage, not_activated(STATES), [each.value for each in STATES])

    def test_tells_of_its_progress(self, stage: Helpdesk) -> None:
        told: list[tuple[str, int, int | None]] = []
        with closing(Sheet(["expired"])) as sheet:
            survey(stage.desk(), not_activated(STATES), sheet, progress=lambda *each: told.append(each))
        assert told[-1] == ("service", 6, 6)

    def test_takes_no_more_memory_for_more_people(self, stage: Helpdesk, monkeypatch: pytest.MonkeyPatch) -> None:
        peaks = []
        for people in (2_000, 8_000):
            listing = Many(people)
            monkeypatch.setattr(type(stage.target.reader), "read_enrolments", lambda _, listing=listing: listing)
            tracemalloc.start()
            with closing(Sheet(["expired"])) as sheet:
                survey(stage.desk(), not_activated(STATES), sheet, everybody=True)
                assert sum(1 for _ in sheet.people("expired")) == people
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert peaks[1] < peaks[0] + 200_000


class Many:
    """A reading of so many people whose codes have run out, none of whom is kept."""

    moved = False

    def __init__(self, people: int) -> None:
        self.people = people

    def __iter__(self) -> Iterator[Enrolment]:
        return (
            Enrolment(Login(number, f"u{number}", mail="a" * 50), Activated.EXPIRED)
            for number in range(1, self.people + 1)
        )

    def finish(self) -> Proof:
        return Proof("service", "", "", self.people, ("whole",), (), THEN)

    def close(self) -> None:
        """Nothing is open."""


class TestTheListOfIdleSeats:
    @pytest.mark.parametrize(
        ("seen", "group"),
        [
            (THEN - timedelta(seconds=1), Idle.LONG_AGO),
            (THEN, None),
            (THEN + timedelta(seconds=1), None),
            (0, Idle.NEVER),
            (None, UNTOLD),
        ],
    )
    def test_has_who_was_not_seen_since_then(
        self, stage: Helpdesk, seen: datetime | int | None, group: str | None
    ) -> None:
        seconds = int(seen.timestamp()) if isinstance(seen, datetime) else seen
        stage.by_hand("done", last_seen=seconds)
        groups = [each.value for each in Idle]
        names, _, untold = listed(stage, idle_since(THEN), groups)
        assert [each for each, logins in names.items() if "done" in logins] == ([group] if group in groups else [])
        assert untold == (group == UNTOLD)

    def test_tells_who_never_came_from_who_never_could(self, stage: Helpdesk) -> None:
        names, _, _ = listed(stage, idle_since(THEN), [each.value for each in Idle])
        assert names[Idle.NEVER] == ["done"]
        assert set(names[Idle.NOT_ACTIVATED]) == {each.value for each in STATES}
