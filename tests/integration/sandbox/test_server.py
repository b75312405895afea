"""The local MFA service as a process of its own."""

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iwds.errors import ConfigurationError, UsageError
from iwds.sandbox.server import SandboxThread, serve
from tests.integration.sandbox.client import PERSON, Client

PROGRAM = "import sys; from iwds.sandbox.server import serve; serve('127.0.0.1:0', sys.argv[1])"


@contextmanager
def process(data: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-c", PROGRAM, str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield running, running.stdout.readline()
        finally:
            running.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_and_ends_well_when_told_to(tmp_path: Path, number: signal.Signals) -> None:
    with process(tmp_path / "sandbox.db") as (running, line):
        address = line.removeprefix("iwds sandbox: listening on ").strip()
        assert address.startswith("http://127.0.0.1:")
        client = Client(address + "/services/ConsoleAdmin")
        assert client.text("IWDS_check") == "OK:10408"
        running.send_signal(number)
        rest, errors = running.communicate(timeout=20)
        client.close()
    assert (running.returncode, rest, errors) == (0, "", "")


def test_its_data_outlive_it_and_only_its_owner_can_read_them(tmp_path: Path) -> None:
    data = tmp_path / "sandbox.db"
    with SandboxThread(str(data)) as first:
        client = Client(first.url)
        login_id = client.made("zoe")
        client.close()
    with SandboxThread(str(data)) as second:
        client = Client(second.url)
        assert client.answer("loginQuery", loginid=login_id).texts["login"] == "zoe"
        assert client.made("noe") == login_id + 1
        client.close()
    assert stat.S_IMODE(data.stat().st_mode) == 0o600


def test_two_processes_may_share_a_data_file(tmp_path: Path) -> None:
    data = str(tmp_path / "sandbox.db")
    with SandboxThread(data) as first, SandboxThread(data) as second:
        one, other = Client(first.url), Client(second.url)
        assert one.page().numbers["count"] == 2
        other.made("zoe")
        assert one.page().numbers["count"] == 3
        one.close()
        other.close()


def test_neither_codes_nor_calls_are_printed(tmp_path: Path) -> None:
    with process(tmp_path / "sandbox.db") as (running, line):
        client = Client(line.split()[-1] + "/services/ConsoleAdmin")
        created = client.answer("loginCreate", **PERSON)
        client.post(b"garbage")
        client.close()
        running.terminate()
        output = "".join(running.communicate(timeout=20))
    assert created.texts["code"] not in output
    assert output == ""


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "example.com:80", "192.0.2.1:0"])
def test_an_address_that_other_machines_reach_is_refused(tmp_path: Path, listen: str) -> None:
    with pytest.raises(UsageError) as caught:
        serve(listen, str(tmp_path / "sandbox.db"))
    assert "127.0.0.1" in caught.value.advice
    assert not (tmp_path / "sandbox.db").exists()


@pytest.mark.parametrize("listen", ["", "8080", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", ":80"])
def test_what_is_no_address_is_refused(tmp_path: Path, listen: str) -> None:
    with pytest.raises(UsageError, match="no address"):
        serve(listen, str(tmp_path / "sandbox.db"))


def test_a_port_in_use_is_told_as_such(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(UsageError, match="in use"):
        serve(f"127.0.0.1:{other.getsockname()[1]}", str(tmp_path / "sandbox.db"))


def test_a_data_file_that_cannot_be_written_is_a_matter_of_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot write"):
        SandboxThread(str(tmp_path / "nowhere" / "sandbox.db"))


def test_a_data_file_of_another_program_is_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "notes.txt"
    data.write_text("not a database, but somebody's notes about one" * 100)
    before = data.read_bytes()
    with pytest.raises(ConfigurationError, match="no data file"):
        SandboxThread(str(data))
    assert data.read_bytes() == before


def test_a_data_file_of_another_version_is_left_alone(tmp_path: Path) -> None:
    import sqlite3

    data = tmp_path / "sandbox.db"
    with sqlite3.connect(data) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ConfigurationError, match="version 99"):
        SandboxThread(str(data))
    assert os.path.getsize(data) > 0
