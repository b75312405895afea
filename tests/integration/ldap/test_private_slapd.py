"""The private server that the demo, the tests and the benchmark share."""

import os
import signal
import stat
from pathlib import Path

import pytest

from iwds.demo import slapd as launcher
from iwds.demo.slapd import PrivateSlapd
from iwds.errors import SourceUnavailable
from iwds.sources.ldap import connect
from tests.contract.source_contract import consume
from tests.servers.company import GROUP_BASE, SUFFIX, write
from tests.servers.slapd import ldap_settings, require_slapd


@pytest.fixture(autouse=True)
def _slapd_is_here() -> None:
    require_slapd()


def test_it_keeps_what_it_holds_over_a_restart(own_server: PrivateSlapd) -> None:
    own_server.modify(f"dn: uid=ada,ou=people,{SUFFIX}\nchangetype: modify\nreplace: sn\nsn: King\n")
    own_server.stop()
    own_server.start()

    people, _ = consume(connect("corp", ldap_settings(own_server)), ("uid", "sn"))

    assert people["ada"].attrs["sn"] == ("King",)


def test_nothing_is_left_running(tmp_path: Path) -> None:
    with PrivateSlapd(tmp_path / "server", [write(tmp_path)]) as server:
        pid = server.pid
        assert pid is not None
    server.stop()

    assert server.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_server_that_does_not_listen_to_reason_is_killed(
    own_server: PrivateSlapd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "_STOP_SECONDS", 0.05)
    pid = own_server.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)

    own_server.stop()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_nobody_else_may_read_its_files(own_server: PrivateSlapd) -> None:
    secret = own_server.directory / "slapd.conf"

    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(own_server.directory.stat().st_mode) == 0o700
    assert own_server.admin_password not in repr(own_server)


def test_a_change_that_is_refused_says_why(own_server: PrivateSlapd) -> None:
    with pytest.raises(SourceUnavailable, match="No such object"):
        own_server.modify(f"dn: cn=nothing,{GROUP_BASE}\nchangetype: delete\n")


def test_ldif_that_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ldif"
    broken.write_text(f"dn: {SUFFIX}\nobjectClass: nonsense\n")

    with pytest.raises(SourceUnavailable, match=r"could not load .*broken\.ldif"):
        PrivateSlapd(tmp_path / "server", [broken]).start()


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    server = PrivateSlapd(tmp_path / "server", [write(tmp_path)])
    server.start()
    server.stop()
    (server.ca_file.parent / "server.key").write_text("no key")

    with pytest.raises(SourceUnavailable, match="did not start"):
        server.start()
    assert server.pid is None


def test_where_it_is_not_installed_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "_SBIN", ())
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SourceUnavailable, match="apt-get install slapd"):
        PrivateSlapd(tmp_path / "server").start()
