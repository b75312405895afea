"""Our memory fails in the middle, loses power, or is replaced by a backup: nobody suffers for it."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from iwds.core.decision import Reason
from iwds.core.model import Status
from iwds.core.restored import NOTE
from iwds.engine.job import LEASE_SECONDS
from iwds.errors import ConfigurationError, MemoryLost, Unavailable
from iwds.ports import Result, State
from iwds.state.database import SqlState, open_state
from tests.unit.engine.rehearsal import OURS, Rehearsal


class OnFile(Rehearsal):
    """A rehearsal whose memory is a file."""

    def __init__(self, file: Path) -> None:
        super().__init__(lanes=1)
        self.file = file
        self.open()

    def open(self) -> None:
        vars(self)["state"] = open_state(f"sqlite:///{self.file}", clock=self.clock)

    def back_up(self) -> Path:
        """A copy of our memory as it is now, made the way that SQLite recommends."""
        copy = self.file.with_suffix(".backup")
        with closing(sqlite3.connect(self.file)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        return copy

    def put_back(self, copy: Path) -> None:
        """What an administrator does: stop, replace the file, start again."""
        self.state.close()
        for name in ("", "-wal", "-shm"):
            Path(f"{self.file}{name}").unlink(missing_ok=True)
        shutil.copy(copy, self.file)
        self.open()

    def hundred(self) -> None:
        for number in range(100):
            self.hire(f"u{number:03}")

    def intended(self) -> set[str]:
        """Whose creation is in the journal."""
        return {one.change["subject"]["login"] for run in self.state.runs() for one in self.state.intents(run.id)}

    def created(self) -> set[str]:
        return {login.login for login in self.target.state.logins.values()}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[OnFile]:
    made = OnFile(tmp_path / "iwds.db")
    yield made
    made.close()


def engine(state: State) -> Any:
    assert isinstance(state, SqlState)
    return state._database.engine


class TestAMemoryThatFails:
    """In the middle of a run: no call is made whose intent was not written, and the next run completes it."""

    def test_because_the_disk_is_full(self, stage: OnFile) -> None:
        stage.hundred()

        def no_more(*_: object) -> None:
            event.listen(engine(stage.state), "checkout", lambda raw, *_: raw.execute("PRAGMA max_page_count = 1"))
            stage.target.state.before = lambda _: None

        stage.target.state.before = no_more
        with pytest.raises(MemoryLost, match="disk is full") as caught:
            stage.run()
        assert caught.value.exit_code == 4
        self.completed_by_the_next(stage)

    def test_because_another_program_keeps_it_locked(self, stage: OnFile, monkeypatch: pytest.MonkeyPatch) -> None:
        stage.hundred()
        stage.state.close()
        monkeypatch.setattr("iwds.state.engine._BUSY_SECONDS", 0)
        stage.open()
        with closing(sqlite3.connect(stage.file, isolation_level=None, check_same_thread=False)) as other:

            def lock(_: str) -> None:
                stage.target.state.before = lambda _: None
                other.execute("BEGIN IMMEDIATE")

            stage.target.state.before = lock
            with pytest.raises(MemoryLost, match="locked"):
                stage.run()
        self.completed_by_the_next(stage)

    def test_because_the_file_is_gone(self, stage: OnFile, tmp_path: Path) -> None:
        stage.hundred()
        copy = stage.back_up()

        def remove(_: str) -> None:
            stage.target.state.before = lambda _: None
            os.replace(copy, stage.file)

        stage.target.state.before = remove
        with pytest.raises(MemoryLost, match="removed or replaced while it was in use"):
            stage.run()
        assert len(stage.created()) <= 64

    def completed_by_the_next(self, stage: OnFile) -> None:
        stage.state.close()
        stage.open()
        assert 0 < len(stage.created()) <= 64
        assert stage.created() <= stage.intended()
        stage.clock.passed += LEASE_SECONDS + 1
        report = stage.run()
        assert report.exit_code == 0
        assert len(stage.created()) == len(stage.target.state.logins) == len(stage.ledger()) == 100

    def test_before_anything_was_sent_is_worth_another_try(self, stage: OnFile) -> None:
        stage.hire("ann")

        def lose(_: object) -> bool:
            stage.file.unlink()
            return True

        with pytest.raises(Unavailable) as caught:
            stage.run(confirm=lose)
        assert caught.value.exit_code == 75
        assert stage.created() == set()

    def test_because_it_is_damaged_says_so(self, stage: OnFile) -> None:
        stage.hire("ann")
        stage.run()
        stage.state.close()
        whole = stage.file.read_bytes()
        stage.file.write_bytes(whole[:4096] + b"\x00" * (len(whole) - 4096))
        with pytest.raises(ConfigurationError, match="is damaged"):
            open_state(f"sqlite:///{stage.file}", clock=stage.clock).runs()
        stage.file.write_bytes(whole)
        stage.open()


def test_what_a_power_cut_leaves_of_the_file_is_every_commit_up_to_some_moment(stage: OnFile, tmp_path: Path) -> None:
    """The log may end anywhere; what was committed before that is there, each outcome with its ledger row."""
    for number in range(8):
        stage.hire(f"u{number}")
    stage.run()
    log = Path(f"{stage.file}-wal").read_bytes()
    seen = set()
    for length in range(0, len(log), 4096 * 3 + 17):
        cut = OnFile.__new__(OnFile)
        Rehearsal.__init__(cut)
        cut.file = tmp_path / f"cut{length}.db"
        shutil.copy(stage.file, cut.file)
        Path(f"{cut.file}-wal").write_bytes(log[:length])
        cut.open()
        done = {
            one.change["subject"]["login"]
            for run in cut.state.runs()
            for one in cut.state.intents(run.id)
            if one.result is Result.DONE
        }
        assert done == {row.login for row in cut.ledger().values()}
        seen.add(len(done))
        cut.close()
    assert {0, 8} <= seen


class TestABackupThatIsPutBack:
    def test_removes_nobody_creates_nobody_twice_and_adopts_by_our_own_tag(self, stage: OnFile) -> None:
        for who in ("ann", "bob", "cy", "dee"):
            stage.hire(who, ("vpn",))
        stage.run()
        stage.run()
        copy = stage.back_up()
        stage.hire("eve", ("vpn",))
        stage.change("bob", uid="bobby")
        stage.leave("cy")
        stage.run()
        stage.put_back(copy)
        stage.leave("dee")
        report = stage.run()
        assert NOTE in report.plan.basis.notes
        assert report.exit_code == 4
        assert [skip.subject.login for skip in report.plan.held] == ["dee"]
        assert stage.created() == {"ann", "bobby", "cy", "dee", "eve"}
        assert set(stage.ledger()) == {"ann", "bob", "cy", "dee", "eve"}
        assert (stage.login("eve").status, stage.login("dee").status) == (Status.ACTIVE, Status.ACTIVE)
        settled = stage.run()
        assert NOTE not in settled.plan.basis.notes
        assert stage.login("dee").status == Status.LOCKED
        assert {who for who, row in stage.ledger().items() if row.groups} == {"ann", "bob", "eve"}
        assert stage.run().plan.changes == ()

    def locked_twice(self, stage: OnFile) -> None:
        """We locked ann when she left. She came back, and then an administrator locked her; our memory ends before."""
        stage.hire("ann")
        stage.hire("bob")
        stage.run()
        stage.change("ann", disabled="yes")
        stage.run()
        copy = stage.back_up()
        stage.change("ann", disabled="")
        stage.run()
        assert stage.login("ann").status == Status.ACTIVE
        stage.by_hand("ann", status=1)
        stage.hire("eve")
        stage.run()
        stage.put_back(copy)

    def test_undoes_no_lock_that_somebody_else_has_set_since(self, stage: OnFile) -> None:
        self.locked_twice(stage)
        for _ in range(3):
            report = stage.run()
            assert [s.subject.login for s in report.plan.skips if s.reason is Reason.LOCKED_ELSEWHERE] == ["ann"]
        assert report.exit_code == 0
        assert stage.login("ann").status == Status.LOCKED

    def test_takes_away_no_membership_that_somebody_else_has_made_since(self, stage: OnFile) -> None:
        stage.hire("ann", ("vpn",))
        stage.run()
        copy = stage.back_up()
        stage.change("ann", ())
        stage.hire("eve")
        stage.run()
        stage.target.state.members[1, stage.login("ann").id] = 0
        stage.put_back(copy)
        for _ in range(3):
            report = stage.run()
        assert [skip.reason for skip in report.plan.skips] == [Reason.FOREIGN_MEMBERSHIP]
        assert stage.groups_of("ann") == {"vpn"}

    def test_that_nothing_gives_away_is_told_by_whoever_put_it_back(self, stage: OnFile) -> None:
        """Nobody was created since, so that no run can see it."""
        self.locked_twice(stage)
        stage.leave("eve")
        lease = stage.state.lease(stage.job.target.service, "iwds db restored", LEASE_SECONDS)
        stage.state.note_restored(stage.job.target.service, lease)
        lease.release()
        report = stage.run()
        assert NOTE not in report.plan.basis.notes
        assert stage.login("ann").status == Status.LOCKED

    def test_in_the_middle_of_a_run_is_settled_by_reading(self, stage: OnFile) -> None:
        """The backup was made while a run was at work, whose end it does not know."""
        stage.hire("ann", mail="a@x.y")
        copies: list[Path] = []
        stage.target.state.before = lambda _: copies.append(stage.back_up())
        stage.run()
        stage.target.state.before = lambda _: None
        stage.put_back(copies[0])
        assert stage.ledger() == {}
        stage.clock.passed += LEASE_SECONDS + 1
        report = stage.run()
        assert (report.exit_code, report.plan.changes, NOTE in report.plan.basis.notes) == (0, (), False)
        assert list(stage.ledger()) == ["ann"]
        assert stage.login("ann").created_by == OURS
