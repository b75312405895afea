"""`iwds init --from-java`: what it writes, says and refuses."""

import os
import pty
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from iwds import configuration
from iwds.cli.setup import init
from iwds.errors import ConfigurationError, UsageError


@pytest.fixture
def old(tmp_path: Path) -> Path:
    folder = tmp_path / "old"
    (folder / "conf").mkdir(parents=True)
    (folder / "conf" / "inwebo.properties").write_text(
        "provisioning_id=1\ncertificate_passphrase=hunter2\nldap.host=dc1\n", encoding="ascii"
    )
    return folder


def test_it_tells_what_was_taken_and_what_was_not_and_no_secret(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new"
    assert init(new, old, None) == 0
    told = capsys.readouterr().out
    words = " ".join(told.split())
    assert "provisioning_id: 1 from conf/inwebo.properties:1" in words
    assert "inwebo.properties:3 ldap.host: not taken: not known what it means" in words
    assert "IWDS_TARGETS__MFA__CERTIFICATE_PASSWORD" in told
    assert all(len(line) <= 80 for line in told.splitlines() if str(tmp_path) not in line)
    written = "".join(each.read_text(encoding="utf-8") for each in new.rglob("*") if each.is_file())
    assert "hunter2" not in told + written
    assert (new / "config.yaml").stat().st_mode & 0o777 == 0o600
    assert not (new / "schedules").exists(), "nothing runs by itself beside the old tool"


def test_what_nobody_could_know_is_missing_and_named_and_then_it_is_a_configuration(old: Path, tmp_path: Path) -> None:
    init(tmp_path / "new", old, 7)
    file = tmp_path / "new" / "config.yaml"
    with pytest.raises(ConfigurationError, match="mapping"):
        configuration.load(file)
    text = file.read_text(encoding="utf-8")
    for line in ("mapping: mappings/openldap.yaml", "urls:", "bind_dn:", "users:", "groups:", "service_id:"):
        assert f"# {line}" in text
        text = text.replace(f"# {line}", line)
    file.write_text(text, encoding="utf-8")
    made = configuration.load(file).settings
    assert (made.jobs["takeover"].mode, made.jobs["takeover"].adopt) == ("report", frozenset({1}))
    assert made.targets["mfa"]["provisioning_id"] == 7


def test_it_overwrites_nothing(old: Path, tmp_path: Path) -> None:
    (tmp_path / "new" / "mappings").mkdir(parents=True)
    (tmp_path / "new" / "mappings" / "openldap.yaml").touch()
    with pytest.raises(UsageError, match=r"openldap\.yaml exists already"):
        init(tmp_path / "new", old, None)
    assert not (tmp_path / "new" / "config.yaml").exists()
    init(tmp_path / "newer", old, None)
    with pytest.raises(UsageError, match=r"config\.yaml and \d+ files more exist already$"):
        init(tmp_path / "newer", old, None)


def test_a_folder_that_is_none_of_the_old_tool_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="conf cannot be read"):
        init(tmp_path / "new", tmp_path, None)
    assert not (tmp_path / "new").exists()


def test_without_a_terminal_an_unknown_tag_stays_open(old: Path, tmp_path: Path) -> None:
    (old / "conf" / "inwebo.properties").write_text("", encoding="ascii")
    init(tmp_path / "new", old, None)
    assert "# provisioning_id: 1" in (tmp_path / "new" / "config.yaml").read_text(encoding="utf-8")


def test_on_a_terminal_an_unknown_tag_is_asked_for(old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (old / "conf" / "inwebo.properties").write_text("", encoding="ascii")
    ours, theirs = pty.openpty()
    os.write(ours, b"0\nseven\n7\n")
    monkeypatch.setattr("iwds.cli.setup.err", Console(stderr=True, force_terminal=True))
    saved = os.dup(0)
    os.dup2(theirs, 0)
    try:
        with os.fdopen(os.dup(theirs)) as answers:
            monkeypatch.setattr("sys.stdin", answers)
            init(tmp_path / "new", old, None)
    finally:
        os.dup2(saved, 0)
        for each in (saved, ours, theirs):
            os.close(each)
    made = yaml.safe_load((tmp_path / "new" / "config.yaml").read_text(encoding="utf-8"))
    assert made["targets"]["mfa"]["provisioning_id"] == 7


def test_a_tag_is_about_the_old_tool(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--from-java"):
        init(tmp_path, None, 7)
