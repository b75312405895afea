"""The two servers of the benchmark: a private slapd and the local MFA service, each a process of its own."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import root
from bench.population import SUFFIX, Population, records
from bench.setting import SERVICE_ID, write_config
from iwds.demo.ldif import render
from iwds.demo.slapd import PrivateSlapd
from iwds.sandbox.app import PATHS

_READY = "listening on "
_START_SECONDS, _STOP_SECONDS = 60, 10


@contextmanager
def servers(folder: Path, population: Population) -> Iterator[PrivateSlapd]:
    """Both servers with the configuration that joins them in `folder`; the directory is filled, the service is not."""
    ldif = folder / "people.ldif"
    with ldif.open("w", encoding="ascii") as file:
        for record in records(population):
            file.write(render([record]))
    with PrivateSlapd(folder / "slapd", ldif=[ldif], suffix=SUFFIX) as directory, sandbox(folder) as url:
        secret = folder / "reader.secret"
        secret.touch(0o600)
        secret.write_text(directory.reader_password)
        write_config(folder, population, directory, url)
        yield directory


@contextmanager
def sandbox(folder: Path) -> Iterator[str]:
    """The local MFA service with its data in `folder`; yields where the API answers."""
    command = [sys.executable, "-m", "iwds", "sandbox", "--listen", "127.0.0.1:0"]
    command += ["--data", str(folder / "sandbox.db"), "--service-id", str(SERVICE_ID)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, cwd=root(), start_new_session=True
    )
    with stopped(process):
        line = first_line(process)
        if _READY not in line:
            raise RuntimeError(f"the sandbox did not start: {line or 'it said nothing'}")
        yield line.rpartition(_READY)[2].strip() + PATHS[0]


@contextmanager
def stopped(process: "subprocess.Popen[str]") -> Iterator["subprocess.Popen[str]"]:
    """A process that is ended with the block."""
    try:
        yield process
    finally:
        _stop(process)


def first_line(process: "subprocess.Popen[str]") -> str:
    """What it says first; nothing where it dies, or is ended here because it takes too long."""
    assert process.stdout is not None
    alarm = threading.Timer(_START_SECONDS, process.kill)
    alarm.start()
    try:
        return process.stdout.readline()
    finally:
        alarm.cancel()


def _stop(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
