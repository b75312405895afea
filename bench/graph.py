"""Reading people and groups from Microsoft Graph beside a bare loop of requests: `python -m bench --graph`.

`python -m bench.graph STAGE FOLDER` does one of the two in a process of its own and prints what it cost as JSON.
"""

import json
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.measure import LIMIT_SECONDS, Measured, Stopwatch, peak_mb, root
from bench.servers import first_line, stopped

ATTRIBUTES = (
    *("businessphones", "department", "displayname", "givenname", "mail", "mobilephone"),
    *("officelocation", "preferredlanguage", "surname", "usagelocation", "userprincipalname"),
)
FAR_MS = 20
"""How long an answer takes from far away, besides what the stand-in takes; Graph takes some hundred."""
_SETTINGS = "settings.json"
_NEXT = re.compile(rb'"@odata\.nextLink":"([^"]*)"')


def compare(people: int, times: int) -> list[tuple[int, Measured]]:
    """Delay in milliseconds and what it cost, near and far: the bare loop and the source, each the quickest time."""
    with tempfile.TemporaryDirectory(prefix="iwds-bench-") as name, _graph(Path(name), people) as process:
        _child("bare", name)  # the answers are made once and kept
        near = _quickest(name, times)
        process.send_signal(signal.SIGUSR1)
        return [*((0, one) for one in near), *((FAR_MS, one) for one in _quickest(name, times))]


def _quickest(folder: str, times: int) -> list[Measured]:
    runs = [[_child(stage, folder) for stage in STAGES] for _ in range(times)]
    return [min(of, key=lambda run: run.seconds) for of in zip(*runs, strict=True)]


def bare(source: Any, watch: Stopwatch) -> int:
    """The very questions of a reading, one after the other over one connection; the answers are thrown away."""
    import requests

    wishes, graph = source._wishes, source._graph()
    select = wishes.wanted(ATTRIBUTES).select()
    token, size = graph.sign_in.token(), 0
    with requests.Session() as session, watch:
        session.verify, session.trust_env = str(source._settings.ca_file), False
        session.headers["Authorization"] = f"Bearer {token}"
        for listing in (wishes.groups_listed(graph), wishes.people(graph, select)):
            url = listing.url
            while url:
                page = session.get(url).content
                size += len(page)
                found = _NEXT.search(page)
                url = found[1].decode() if found else ""
    return size // 1_000_000


def read(source: Any, watch: Stopwatch) -> int:
    """The source's people, as entries with their groups, dropped."""
    source._graph().sign_in.token()
    stream = source.read(ATTRIBUTES)
    with watch:
        count = sum(1 for _ in stream)
    if problems := stream.finish().problems:
        raise RuntimeError(f"the reading is not proven: {problems}")
    return count


STAGES: dict[str, tuple[Callable[[Any, Stopwatch], int], str]] = {"bare": (bare, "MB"), "read": (read, "people")}


def table(rows: Sequence[tuple[int, Measured]]) -> str:
    """One line for each reading; it is compared with the bare loop at the same distance."""
    head = f"{'delay ms':>8}  {'stage':<5}{'number of':>18}{'seconds':>9}{'x bare':>8}"
    bare = {ms: one for ms, one in rows if one.stage == "bare"}
    return "\n".join(
        [f"{head}{'CPU s':>8}{'x CPU':>7}{'MB':>5}{'peak':>6}", *(_line(*row, bare[row[0]]) for row in rows)]
    )


def _line(ms: int, one: Measured, peer: Measured) -> str:
    number = f"{one.items:,} {one.unit}"
    return (
        f"{ms:>8}  {one.stage:<5}{number:>18}{one.seconds:>9.2f}{one.seconds / peer.seconds:>8.2f}{one.cpu:>8.2f}"
        f"{one.cpu / peer.cpu:>7.2f}{one.before_mb:>5.0f}{one.peak_mb:>6.0f}"
    )


@contextmanager
def _graph(folder: Path, people: int) -> Iterator["subprocess.Popen[str]"]:
    """The stand-in for Entra and Graph as its own process; its settings lie in the folder."""
    command = [sys.executable, "-m", "tests.graph", str(folder), str(people), str(FAR_MS)]
    with stopped(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root())) as process:
        if not (line := first_line(process)):
            raise RuntimeError("the stand-in for Graph did not start")
        (folder / _SETTINGS).write_text(line)
        yield process


def _child(stage: str, folder: str) -> Measured:
    command = [sys.executable, "-m", "bench.graph", stage, folder]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=root(), timeout=LIMIT_SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(f"the stage {stage} failed")
    return Measured(**json.loads(done.stdout))


def _main(stage: str, folder: str) -> None:
    from iwds.sources._entrasettings import Settings
    from iwds.sources.entra import connect

    function, unit = STAGES[stage]
    settings = Settings.model_validate(json.loads((Path(folder) / _SETTINGS).read_text()))
    watch = Stopwatch()
    with closing(connect("cloud", settings)) as source:
        items = function(source, watch)
    print(json.dumps(asdict(Measured(stage, items, unit, watch.seconds, watch.cpu, watch.before_mb, peak_mb()))))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
