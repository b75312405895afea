"""A run that is killed at any instant leaves nothing that the next one cannot complete.

KILLS says how often (6 by default, 200 in `make nightly`), KILL_SEED with which seeds to begin.
"""

import os
import secrets
from pathlib import Path

import pytest

from tests.acceptance.kills import Killer, killed_and_completed, prepare, undisturbed

KILLS = int(os.environ.get("KILLS", "6"))
SEED = int(os.environ.get("KILL_SEED", "0")) or secrets.randbelow(1_000_000) + 1


@pytest.mark.parametrize("settled", [False, True], ids=["first-day", "second-day"])
def test_a_run_that_is_killed_at_a_random_instant_is_completed_by_the_next(tmp_path: Path, settled: bool) -> None:
    stage = prepare(tmp_path, settled)
    end, seconds, calls = undisturbed(stage, tmp_path / "undisturbed")
    print(f"an undisturbed run makes {calls} calls in {seconds:.1f} s; seeds from {SEED}")  # noqa: T201 - to repeat it
    for seed in range(SEED, SEED + (KILLS + 1 - settled) // 2):
        killer = Killer(seed, seconds, calls)
        reached = killed_and_completed(stage, tmp_path / f"kill-{seed}", killer)
        assert reached.logins == end.logins, f"KILL_SEED={seed}: killed {killer.how}"
        assert reached.ledger == end.ledger, f"KILL_SEED={seed}: killed {killer.how}"
