"""Two jobs that write to one service with one tag would take each other's people for leavers."""

import io
from pathlib import Path

import pytest
import structlog

from iwds import examples, logs
from iwds.bootstrap import Wiring
from iwds.configuration import load
from iwds.errors import ConfigurationError


def written(folder: Path, mode: str) -> Path:
    """The example configuration with a second job on the same target."""
    second = f"\n  guests: {{sources: [company], mapping: mappings/openldap.yaml, target: mfa, mode: {mode}}}\n"
    text = examples.config().read_text(encoding="utf-8").replace("\n# 6. Schedules", second + "\n# 6. Schedules")
    (folder / "mappings").symlink_to(examples.folder() / "mappings")
    file = folder / "config.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_two_jobs_that_write_with_one_tag_are_refused(tmp_path: Path) -> None:
    with Wiring(load(written(tmp_path, "apply"))) as wiring, pytest.raises(ConfigurationError, match="both write"):
        wiring.job("company")


def test_a_job_that_only_reports_may_share_a_tag(tmp_path: Path) -> None:
    with Wiring(load(written(tmp_path, "report"))) as wiring:
        assert wiring.job("company").name == "company"


def test_a_traceback_in_the_log_shows_no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    told = io.StringIO()
    monkeypatch.setattr("sys.stderr", told)
    logs.configure("info", "text")
    try:
        hidden = "hunter2"
        raise RuntimeError(f"{len(hidden)} letters")
    except RuntimeError:
        structlog.get_logger().error("run.crashed", exc_info=True)
    finally:
        structlog.reset_defaults()

    assert "RuntimeError: 7 letters" in told.getvalue()
    assert "hunter2" not in told.getvalue()
