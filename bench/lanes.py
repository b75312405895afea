"""Reading the whole service in one lane and in four, near and far away: `python -m bench --lanes`.

`python -m bench.lanes URL LANES` reads in a process of its own and prints what it cost as JSON.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from bench.measure import LIMIT_SECONDS, Measured, Stopwatch, peak_mb, root
from bench.servers import sandbox
from bench.setting import PROVISIONING_ID, SERVICE_ID
from iwds.sandbox.schema import connect as connect_file
from iwds.targets.provisioning import Settings, connect

LANES = (1, 4)
FAR_MS = 20
"""How long an answer takes from far away, besides what the service takes."""
MEMBERSHIPS = 5
"""One in so many people is in the large group; the small ones have a handful each."""
_LOGIN = """
INSERT INTO login (login, firstname, name, mail, phone, extrafields, status, role, access, lang, createdby, created,
    activated)
VALUES (?, 'Zoë', 'O''Neill', ?, '+33 6 12345678', '', 0, 0, 1, 'en', ?, 0, 1)
"""


def compare(people: int, far_ms: int = FAR_MS) -> list[tuple[int, Measured]]:
    """Delay in milliseconds and what it cost, near and far, for each number of lanes; near first, one lane first."""
    with tempfile.TemporaryDirectory(prefix="iwds-bench-") as name, sandbox(Path(name)) as url:
        _fill(Path(name), people)
        with _far(url, far_ms) as far:
            return [(ms, _child(where, lanes)) for ms, where in ((0, url), (far_ms, far)) for lanes in LANES]


def table(rows: Sequence[tuple[int, Measured]]) -> str:
    """One line per reading; each is compared with one lane at the same distance."""
    head = (
        f"{'lanes':>7}{'delay ms':>10}{'number of':>20}{'seconds':>10}{'x 1 lane':>10}{'CPU s':>8}{'MB':>6}{'peak':>6}"
    )
    single = {ms: one.seconds for ms, one in rows if one.stage == "1"}
    return "\n".join([head, *(_line(ms, one, single[ms]) for ms, one in rows)])


def _line(ms: int, one: Measured, single: float) -> str:
    number = f"{one.items:,} {one.unit}"
    ratio = one.seconds / single
    return (
        f"{one.stage:>7}{ms:>10}{number:>20}{one.seconds:>10.2f}{ratio:>10.2f}{one.cpu:>8.2f}"
        f"{one.before_mb:>6.0f}{one.peak_mb:>6.0f}"
    )


def read(url: str, lanes: int) -> Measured:
    """All logins and the memberships of all groups, read and dropped."""
    fixed = {"kind": "provisioning", "url": url, "service_id": SERVICE_ID, "provisioning_id": PROVISIONING_ID}
    target, watch = connect("mfa", Settings.model_validate({**fixed, "lanes": lanes})), Stopwatch()
    groups = [group.id for group in target.reader.read_groups()]
    logins, members = target.reader.read_logins(), target.reader.read_memberships(groups)
    with watch:
        count = sum(1 for _ in logins) + sum(1 for _ in members)
    target.reader.close()
    if problems := logins.finish().problems + members.finish().problems:
        raise RuntimeError(f"the reading is not proven: {problems}")
    return Measured(str(lanes), count, "lines", watch.seconds, watch.cpu, watch.before_mb, peak_mb())


def _fill(folder: Path, people: int) -> None:
    with closing(connect_file(str(folder / "sandbox.db"))) as service:
        service.execute("BEGIN IMMEDIATE")
        names = (f"user{number:07}" for number in range(people))
        service.executemany(_LOGIN, ((name, f"{name}@example.org", PROVISIONING_ID) for name in names))
        large, *small = [row[0] for row in service.execute("SELECT id FROM team ORDER BY id")]
        few = "INSERT INTO membership SELECT ?, id, 0 FROM login ORDER BY id LIMIT 10"
        service.executemany(few, [(group,) for group in small])
        service.execute("INSERT INTO membership SELECT ?, id, 0 FROM login WHERE id % ? = 0", (large, MEMBERSHIPS))
        service.execute("COMMIT")


def _child(url: str, lanes: int) -> Measured:
    command = [sys.executable, "-m", "bench.lanes", url, str(lanes)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=root(), timeout=LIMIT_SECONDS, check=True)
    return Measured(**json.loads(done.stdout))


@contextmanager
def _far(url: str, delay_ms: int) -> Iterator[str]:
    """The same service at another port, where each request arrives so much later."""
    parts = urlsplit(url)
    loop = asyncio.new_event_loop()
    ports: list[int] = []
    ready, ended = threading.Event(), asyncio.Event()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
        try:
            while data := await reader.read(1 << 20):
                await asyncio.sleep(seconds)
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        service, to_service = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(carry(reader, to_service, delay_ms / 1000), carry(service, writer, 0))

    async def serve() -> None:
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        async with server:
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        ready.wait(10)
        yield f"http://127.0.0.1:{ports[0]}{parts.path}"
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


def main() -> None:
    """Read once and say what it cost."""
    print(json.dumps(asdict(read(sys.argv[1], int(sys.argv[2])))))


if __name__ == "__main__":
    main()
