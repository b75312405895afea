"""What a stage costs: wall time, processor time and peak memory, each of its own process."""

import os
import resource
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_SAMPLE = 0.005
"""Seconds between two looks at the memory of a foreign program."""
LIMIT_SECONDS = 3600.0
"""No stage may take longer; then it is ended, and the benchmark with it."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one stage did and cost.

    Attributes:
        stage: its name in the table.
        items: how many it handled.
        unit: what they are.
        seconds: wall time of the stage alone; starting Python and loading modules is not in it.
        cpu: processor seconds of this process, all threads; what the servers take is not in it.
        before_mb: the process's memory when the stage began.
        peak_mb: the most it had until the stage ended.
    """

    stage: str
    items: int
    unit: str
    seconds: float
    cpu: float
    before_mb: float
    peak_mb: float


class Stopwatch:
    """Adds up what runs inside `with`; what lies between two such blocks does not count."""

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0
        self.before_mb = 0.0
        self._since = (0.0, 0.0)

    def __enter__(self) -> None:
        if not self.before_mb:
            self.before_mb = peak_mb()
        self._since = (time.perf_counter(), time.process_time())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.seconds += time.perf_counter() - self._since[0]
        self.cpu += time.process_time() - self._since[1]


def peak_mb(pid: int | str = "self") -> float:
    """The most memory that a process has had at once, in MB; 0 where it is gone.

    Linux keeps it per program in `VmHWM`. `ru_maxrss` would not do: a new process inherits that of its parent.
    """
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            return next((int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:")), 0.0)
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 if pid == "self" else 0.0


def foreign(commands: Sequence[Sequence[str]], environment: Mapping[str, str]) -> tuple[float, float, float]:
    """Wall seconds, processor seconds and peak MB of programs run one after the other, their output dropped."""
    wall = cpu = peak = 0.0
    for command in commands:
        seconds, used, mb = _one(command, environment)
        wall, cpu, peak = wall + seconds, cpu + used, max(peak, mb)
    return wall, cpu, peak


def _one(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float, float]:
    peaks = [0.0]
    ended = threading.Event()
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **environment})

    def watch() -> None:
        while not ended.wait(_SAMPLE):
            peaks[0] = max(peaks[0], peak_mb(process.pid))
            if time.perf_counter() - begun > LIMIT_SECONDS:
                process.kill()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        ended.set()
        watcher.join()
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return seconds, usage.ru_utime + usage.ru_stime, peaks[0]


def root() -> Path:
    """The checkout, where `python -m bench.stages` is to be started."""
    return Path(__file__).parent.parent
