"""Jobs without sources are for batches: they need no mapping, read nobody, and are the ones that batches go by."""

from pathlib import Path

import pytest

from iwds.bootstrap import Wiring
from iwds.cli.app import run
from iwds.configuration import load
from iwds.errors import ConfigurationError, UsageError

HEAD = "targets:\n  mfa: {kind: provisioning, url: 'http://127.0.0.1:9/x', service_id: 1, provisioning_id: 30}\n"
BATCHES = "  batches: {sources: [], target: mfa}\n"
OTHERS = "  guests: {sources: [], target: mfa, mode: report}\n"


def written(folder: Path, *jobs: str) -> Path:
    file = folder / "config.yaml"
    file.write_text(f"{HEAD}jobs:\n{''.join(jobs)}", encoding="utf-8")
    return file


def test_a_job_without_sources_needs_no_mapping(tmp_path: Path) -> None:
    with Wiring(load(written(tmp_path, BATCHES))) as wiring:
        job = wiring.job("batches")
        assert (job.sources, job.rules.groups, job.rules.protected) == ((), {}, frozenset())
        assert wiring.desk().protected == frozenset()


def test_a_job_with_sources_needs_one(tmp_path: Path) -> None:
    file = written(tmp_path, "  staff: {sources: [corp], target: mfa}\n")
    with pytest.raises(ConfigurationError, match="a job with sources needs a mapping"):
        load(file)


def test_a_batch_goes_by_the_job_that_was_named_or_by_the_only_one(tmp_path: Path) -> None:
    with Wiring(load(written(tmp_path, BATCHES))) as wiring:
        assert wiring.batch_job("") == "batches"
    with Wiring(load(written(tmp_path, BATCHES, OTHERS))) as wiring:
        assert wiring.batch_job("guests") == "guests"
        with pytest.raises(UsageError, match="which of 2 jobs"):
            wiring.batch_job("")


def test_a_job_without_sources_is_not_missed_by_the_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, BATCHES)
    assert run(["--config", str(file), "status"]) == 0
    assert "batches" not in capsys.readouterr().out


def test_a_batch_of_a_job_that_only_reports_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = tmp_path / "staff.csv"
    rows.write_text("action,login\ncreate,ann\n", encoding="utf-8")
    file = written(tmp_path, OTHERS)
    assert run(["--config", str(file), "batch", str(rows), "--yes"]) == ConfigurationError.exit_code
    assert "mode: report" in capsys.readouterr().err
    assert not (tmp_path / "staff.csv.result.csv").exists()
