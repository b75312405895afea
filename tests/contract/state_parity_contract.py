"""What every `State` keeps of comparisons with another tool."""

from datetime import timedelta

from iwds.core.parity import Difference, Look, Parity, Withheld, acceptance_of
from iwds.core.rulings import Said, Verdict
from iwds.ports import State
from tests.contract.state_tools import NOON, OTHER, SERVICE, create

WITHHELD = (Withheld("zoë.1", 1, "lock zoë.1"), Withheld("bo", None, "take bo out of vpn"))


def look(hours: int, parity: Parity = Parity.SAME) -> Look:
    return Look(NOON + timedelta(hours=hours), parity, "c0ffee", "3f9c12ab", 2, 1, WITHHELD)


class ParityContract:
    """The looks, each as it was kept, the latest first."""

    def test_looks_are_kept_as_they_were_and_the_latest_comes_first(self, state: State) -> None:
        assert state.parities("staff", SERVICE) == []
        for each in (look(0), look(24, Parity.DIFFERENT), look(48, Parity.NOT_JUDGED)):
            state.note_parity("staff", SERVICE, each, NOON - timedelta(days=90))
        expected = [look(48, Parity.NOT_JUDGED), look(24, Parity.DIFFERENT), look(0)]
        assert state.parities("staff", SERVICE) == expected
        assert state.parities("staff", SERVICE, 1) == expected[:1]
        assert state.parities("guests", SERVICE) == state.parities("staff", OTHER) == []

    def test_old_looks_of_the_same_job_are_forgotten(self, state: State) -> None:
        for job, service in (("staff", SERVICE), ("guests", SERVICE), ("staff", OTHER)):
            state.note_parity(job, service, look(0), NOON)
        state.note_parity("staff", SERVICE, look(24), NOON + timedelta(hours=1))
        assert state.parities("staff", SERVICE) == [look(24)]
        assert state.parities("guests", SERVICE) == state.parities("staff", OTHER) == [look(0)]

    def test_an_accepted_difference_stands_like_a_ruling_and_is_in_the_audit(self, state: State) -> None:
        said = Said("kim", "desk-1", "known", NOON, NOON + timedelta(days=30), "plan p1", "staff", "T-1")
        found = Difference(create(1).subject, "update zoë.1", frozenset({"a", "b"}))
        state.place_rulings(SERVICE, [acceptance_of(found, said)])
        (kept,) = state.open_rulings(SERVICE, NOON)
        assert (kept.verdict, kept.marks, kept.said) == (Verdict.ACCEPTED, found.marks, said)
        (noted,) = state.audit(service=str(SERVICE))
        assert (noted.action, noted.reason, noted.ticket) == ("accept difference", "known", "T-1")
