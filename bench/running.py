"""Runs the stages in processes of their own, and the peer beside them."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.measure import LIMIT_SECONDS, Measured, foreign, root
from bench.population import Population
from bench.servers import servers

PEER = "ldapsearch"
PEER_TIMES = 5
"""How often the peer is run at least; it is quick, and everything is compared with it."""
ONCE = frozenset({"apply", "capture", "drift", "changes"})
"""What cannot be repeated, because it changes the service, or writes a file."""


@contextmanager
def prepared(population: Population) -> Iterator[Path]:
    """A folder with both servers running and filled; all of it is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="iwds-bench-") as name:
        folder = Path(name)
        _say(f"{population.people:,} people: loading a private slapd")
        with servers(folder, population):
            _say("filling the service and the ledger, capturing both sides")
            _child("prepare", folder)
            yield folder


def measure_all(folder: Path, population: Population, stages: Sequence[str], times: int) -> list[Measured]:
    """The peer and these stages, in this order, each the quickest of so many times: the least disturbed one."""
    peer = _peer(folder, population, max(times, PEER_TIMES))
    _report(peer)
    return [peer, *(measure(folder, stage, times) for stage in stages)]


def measure(folder: Path, stage: str, times: int) -> Measured:
    """One stage."""
    runs = [Measured(**json.loads(_child(stage, folder))) for _ in range(1 if stage in ONCE else times)]
    quickest = min(runs, key=lambda run: run.seconds)
    _report(quickest)
    return quickest


def _peer(folder: Path, population: Population, times: int) -> Measured:
    """`ldapsearch` with the very searches that the source makes."""
    secret = str(folder / "reader.secret")
    asked: list[str] = json.loads((folder / "asked.json").read_text())
    commands = [_with_secret(shlex.split(line), secret) for line in asked]
    wall, cpu, peak = min(foreign(commands, {"LDAPNOINIT": "1"}) for _ in range(times))
    return Measured(PEER, population.people, "people", wall, cpu, 0.0, peak)


def _with_secret(command: Sequence[str], secret: str) -> list[str]:
    """The command that asks for the password, made to read it from a file."""
    return [part for word in command for part in (["-y", secret] if word == "-W" else [word])]


def _child(stage: str, folder: Path) -> str:
    """What a stage prints. Whatever ends the waiting for its process, a time limit included, ends the process."""
    command = [sys.executable, "-m", "bench.stages", stage, str(folder)]
    # a variable of ours would override the benchmark's configuration
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("IWDS_")}
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, cwd=root(), env=environment, timeout=LIMIT_SECONDS, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the stage {stage} failed")
    return done.stdout


def _report(measured: Measured) -> None:
    _say(f"{measured.stage}: {measured.items:,} {measured.unit} in {measured.seconds:.2f} s")


def _say(text: str) -> None:
    print(f"bench {time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)
