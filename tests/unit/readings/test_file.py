"""The file of a captured reading: whole or not there, private, and read without growing memory."""

import sqlite3
import stat
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from iwds.core.devices import Loss
from iwds.core.model import Anchor, Entry, Group, LedgerRow, Login, Membership, Origin, Proof
from iwds.core.plan import Selection
from iwds.errors import LoginUnknown, UsageError
from iwds.ports import JobMemory
from iwds.readings.draft import Draft
from iwds.readings.file import Reading, batched
from iwds.readings.plain import back, plain
from iwds.readings.questions import noted, said
from iwds.readings.recording import Recorder, RecordingSource
from iwds.readings.replaying import ReplayedSource, Unknown
from iwds.sources.memory import MemorySource

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ANN = Entry(
    Anchor("here", "a"), "cn=Ann,ou=\u00e9", {"uid": ("ann",), "title": (), "odd": ("\ud800",)},
    frozenset({"cn=vpn", "cn=wiki"}), False, frozenset({"vpn"}),
)  # fmt: skip
BOB = Entry(Anchor("here", "b"), "cn=Bob", {"uid": ("bob",)})


@dataclass(frozen=True)
class Odd:
    """Of every type that is kept."""

    span: timedelta
    maybe: datetime | None = None
    pairs: tuple[tuple[str, int], ...] = ()
    one: tuple[str, int] = ("a", 1)
    groups: frozenset[int] = frozenset()
    by: dict[int, Anchor] = field(default_factory=dict)
    new: str = "default"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Odd, Odd(timedelta(days=1), NOON, (("x", 1),), ("b", 2), frozenset({2, 1}), {7: Anchor("r", "a")})),
        (Odd, Odd(timedelta(0))),
        (LedgerRow, LedgerRow(1, Anchor("r", "a"), 20, Origin.ADOPTED, "ann", group_roles={1: 17}, left_at=NOON)),
        (Loss, Loss((("PHONE", 2),), (("vpn", 0),), 7)),
        (Selection, Selection(frozenset({"create"}), {"lock": 3}, "why")),
        (JobMemory, JobMemory(True, "d", {}, {"lock": 1})),
    ],
)
def test_a_value_comes_back_equal(kind: type, value: object) -> None:
    assert back(kind, plain(value)) == value


def test_a_field_that_a_later_version_added_has_its_default() -> None:
    assert back(Odd, {"span": 1.0}) == Odd(timedelta(seconds=1))


@pytest.fixture
def draft(tmp_path: Path) -> Iterator[Draft]:
    made = Draft(tmp_path)
    yield made
    made.discard()


def test_everything_that_was_written_is_read_again(draft: Draft, tmp_path: Path) -> None:
    number = draft.begin_reading("staff", {"uid", "userpassword"})
    secret = Entry(Anchor("here", "c"), "cn=Cy", {"userpassword": ("x",), "uid": ("cy",)})
    draft.add_entries(number, [ANN, BOB, secret])
    draft.end_reading(number, Proof("staff", "here", "all", 3, ("whole",), (), NOON))
    draft.add_groups([Group(2, "wiki"), Group(1, "vpn")])
    draft.add_logins([Login(101, "ann", activated=True)])
    draft.list_members([1, 2])
    draft.add_members([Membership(101, 1), Membership(101, 2)])
    draft.unlist_members(2)
    file = tmp_path / "a.reading"
    draft.finish(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [*tmp_path.iterdir()] == [file]
    assert b"userpassword" not in file.read_bytes()
    with closing(Reading(file)) as reading:
        ((one, attributes, _),) = reading.readings("staff")
        assert attributes == {"uid"}
        ann, bob, cy = reading.entries(one)
        assert (ann, bob, cy.attrs) == (ANN, BOB, {"uid": ("cy",)})
        assert reading.entry(one, BOB.anchor) == BOB
        assert reading.entry(one, Anchor("there", "b")) is None
        assert reading.groups() == [Group(2, "wiki"), Group(1, "vpn")]
        assert reading.login(101) == Login(101, "ann", activated=True)
        assert [*reading.members([1])] == [Membership(101, 1)]
        assert reading.listed() == {1}
        assert reading["nothing"] is None


def test_our_memory_comes_back_equal_and_whoever_was_not_read_is_known(draft: Draft, tmp_path: Path) -> None:
    ann = LedgerRow(
        1, ANN.anchor, 20, Origin.CREATED, "ann", 20, True, frozenset({2, 1}), {"mail": "ab"}, {1: 17}, NOON
    )
    gone = LedgerRow(2, Anchor("here", "gone"), 20, Origin.ADOPTED, "gone")
    draft.add_ledger([ann, gone])
    draft.add_entries(draft.begin_reading("staff", {"uid"}), [ANN])
    assert [*draft.unread()] == [gone]
    draft.finish(tmp_path / "a.reading")
    with closing(Reading(tmp_path / "a.reading")) as reading:
        assert [*reading.ledger()] == [ann, gone]
        assert reading.ledger_row(2) == gone
        assert reading.ledger_row(3) is None


def test_a_draft_that_is_given_up_leaves_nothing(draft: Draft, tmp_path: Path) -> None:
    draft.note("id", "x")
    draft.discard()
    assert not [*tmp_path.iterdir()]


def test_what_is_there_is_never_replaced(draft: Draft, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine", encoding="ascii")
    with pytest.raises(UsageError, match="exists already"):
        draft.finish(mine)
    assert [*tmp_path.iterdir()] == [mine]
    assert mine.read_text(encoding="ascii") == "mine"


def test_a_disk_that_is_full_breaks_the_file_and_nothing_else(draft: Draft, tmp_path: Path) -> None:
    draft._db.execute("PRAGMA max_page_count = 20")
    source = MemorySource(
        "staff", [Entry(Anchor("here", str(n)), f"cn={n}", {"uid": ("x" * 999,)}) for n in range(999)]
    )
    recorder = Recorder(draft)
    assert len([*RecordingSource(source, recorder, "all").read({"uid"})]) == 999
    with pytest.raises(UsageError, match=r"could not be written: .*full"):
        draft.finish(tmp_path / "a.reading")
    assert not [*tmp_path.iterdir()]


def test_a_newer_file_is_refused(draft: Draft, tmp_path: Path) -> None:
    file = tmp_path / "a.reading"
    draft.finish(file)
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(UsageError, match="of schema 99, and this is 1"):
        Reading(file)


def test_a_failure_is_an_answer_too() -> None:
    kept: list[dict[str, object]] = []

    def fails() -> int:
        raise LoginUnknown("nobody", advice="ask somebody else")

    with pytest.raises(LoginUnknown):
        noted(fails, kept.append, int)
    with pytest.raises(LoginUnknown, match="nobody") as told:
        said(kept[0])
    assert told.value.advice == "ask somebody else"
    assert said({"said": 3}) == 3


def peak(people: int, folder: Path) -> int:
    """The most memory that capturing and replaying so many people takes, in bytes."""

    def everybody() -> Iterator[Entry]:
        for n in range(people):
            yield Entry(
                Anchor("here", f"{n:08}"), f"cn={n},ou=p", {"uid": (f"u{n}",), "sn": ("x" * 50,)}, frozenset({"cn=a"})
            )

    class Many(MemorySource):
        def _entries(self, tally: object) -> Iterator[Entry]:
            return everybody()

    tracemalloc.start()
    draft = Draft(folder)
    stream = RecordingSource(Many("staff", []), Recorder(draft), "all").read({"uid"})
    assert sum(1 for _ in stream) == people
    stream.finish()
    file = folder / f"{people}.reading"
    draft.finish(file)
    with closing(Reading(file)) as reading:
        again = ReplayedSource("staff", reading, Unknown(), "all").read({"uid"})
        assert sum(1 for _ in again) == people
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def test_memory_does_not_grow_with_the_people(tmp_path: Path) -> None:
    peak(100, tmp_path)
    small, large = peak(2_000, tmp_path), peak(8_000, tmp_path)
    assert large < small * 1.5


def test_batches_have_everything_once() -> None:
    assert [len(each) for each in batched(range(1_001))] == [500, 500, 1]
