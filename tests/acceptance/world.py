"""What the acceptance tests stand on: the command as a process, the local MFA service as another, and a company.

Nothing here imports the package: what is tested is what a user can start. What only runs to its end is started by
`tests.servers.warm`; what is told to stop half-way, by `World.start`, is started as a user does.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.servers.warm import Command

ROOT = Path(__file__).parents[2]
COMPANY = ROOT / "iwds" / "demo" / "company.ldif"
IWDS = (sys.executable, "-m", "iwds")
PATIENCE = 300.0
"""Seconds after which a test gives up waiting for a process."""
_FOREIGN = ("IWDS_", "FORCE_COLOR", "NO_COLOR", "COLUMNS", "CREDENTIALS_DIRECTORY")


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The machine's environment without what would change the tests; in UTC, at 80 columns."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return {**kept, "COLUMNS": "80", "TZ": "UTC", **(extra or {})}


def iwds(*arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ran:
    """Run one command to its end."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        code = Command(arguments, environment(env), cwd or ROOT, out, err).wait(PATIENCE)
        out.seek(0)
        err.seek(0)
        ran = Ran(code, out.read(), err.read())
    assert "Traceback" not in ran.err, ran.err
    return ran


class Company:
    """The sample company as records of text that can be taken out and put back."""

    def __init__(self, people: int | None = None) -> None:
        text = COMPANY.read_text(encoding="ascii").replace("\n ", "")
        records = text.split("\n\n")[:-1]
        persons = [record for record in records if "\nuid: " in record]
        contractors = [person for person in persons if "ou=contractors" in person.splitlines()[0]]
        kept = persons if people is None else [*persons[:people], *contractors[1:3]]
        # Whoever of two people with one login is alone may have it: a surprise that these tests are not about.
        kept = kept if people is None else [person for person in kept if "uid=j.smith," not in person.lower()]
        others = {record: None for record in persons if record not in kept}
        self.records = [record for record in records if record not in others]
        if others:
            gone = {record.splitlines()[0].removeprefix("dn: ") for record in others}
            self.records = [_without_members(record, gone) for record in self.records]

    def take(self, uid: str) -> None:
        """Take one person out, of the groups too."""
        record = next(record for record in self.records if f"\nuid: {uid}\n" in record)
        self.records.remove(record)
        dn = record.splitlines()[0].removeprefix("dn: ")
        self.records = [_without_members(other, {dn}) for other in self.records]

    def change(self, uid: str, old: str, new: str) -> None:
        """Replace text in one person's record."""
        index = next(n for n, record in enumerate(self.records) if f"\nuid: {uid}\n" in record)
        assert old in self.records[index]
        self.records[index] = self.records[index].replace(old, new)

    def write(self, file: Path) -> None:
        """Write it with the trailer that proves it whole."""
        text = "\n\n".join(self.records)
        file.write_text(f"{text}\n\n# end of company: {len(self.records)} entries\n", encoding="ascii")


def _without_members(record: str, gone: set[str]) -> str:
    lines = record.splitlines()
    return "\n".join(line for line in lines if not (line.startswith("member: ") and line[8:] in gone))


@contextmanager
def sandbox(folder: Path) -> Iterator[int]:
    """The local MFA service as a process of its own on a free port, which is given."""
    arguments = ["sandbox", "--listen", "127.0.0.1:0", "--data", str(folder / "service.db")]
    ours, theirs = os.pipe()
    with open(ours) as told, open(theirs, "w") as out:
        process = Command(arguments, environment(), ROOT, out, sys.__stderr__ or sys.stderr)
        out.close()
        try:
            line = told.readline()
            yield int(line.rpartition(":")[2])
        finally:
            process.terminate()
            code = process.wait(PATIENCE)
    assert code == 0


def _creates(body: bytes) -> bool:
    """Whether a call creates somebody; a call that only asks whether the service could has no address."""
    return b"loginCreateBySource" in body and b"@corp.example" in body


@dataclass
class Gate:
    """Between the command and the service: lets calls pass, and holds those that it is told to hold."""

    port: int
    holds: Callable[[bytes], bool] = lambda _: False
    answered: Callable[[bytes], None] = lambda _: None
    held: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    go: threading.Event = field(default_factory=threading.Event)
    created: int = 0
    calls: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def hold_creations(self, after: int = 0) -> None:
        """Hold every creation but the first few until `go` is set."""
        self.holds = lambda body: self.created > after and _creates(body)

    def passed(self, body: bytes) -> None:
        """Let a call pass, sooner or later."""
        with self.lock:
            self.calls += 1
            self.created += _creates(body)
        if self.holds(body):
            self.held.release()
            assert self.go.wait(PATIENCE)


class _Server(ThreadingHTTPServer):
    """Quiet where a command was killed in the middle of a call."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def gate(port: int) -> Iterator[tuple[Gate, int]]:
    """A gate before the service at `port`, and its own port."""
    keeper = Gate(port)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            keeper.passed(body)
            connection = HTTPConnection("127.0.0.1", keeper.port, timeout=PATIENCE)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            connection.request("POST", self.path, body, headers)
            answer = connection.getresponse()
            data = answer.read()
            connection.close()
            keeper.answered(body)
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.getheader("Content-Type") or "text/xml")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Tests are quiet."""

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield keeper, server.server_address[1]
    finally:
        keeper.go.set()
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class World:
    """A configuration in a folder, a company, and a service to work on."""

    folder: Path
    port: int
    company: Company
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # The few people of these tests have as many managers as the many of the whole company.
        self.env["IWDS_JOBS__COMPANY__LIMITS__PROMOTE__FLOOR"] = "10"
        self.folder.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / "config.example.yaml", self.folder / "config.yaml")
        for part in ("mappings", "schedules"):
            shutil.copytree(ROOT / part, self.folder / part, dirs_exist_ok=True)
        self.at(self.port)
        self.save()

    def at(self, port: int) -> None:
        """Work on the service behind this port."""
        self.env["IWDS_TARGETS__MFA__URL"] = f"http://127.0.0.1:{port}/v2/services/ConsoleAdmin"

    def save(self) -> None:
        """Write the company as it is now."""
        self.company.write(self.folder / "company.ldif")

    def mapping(self, old: str, new: str) -> None:
        """Edit the mapping."""
        file = self.folder / "mappings" / "sample-company.yaml"
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        return [*IWDS, "--config", str(self.folder / "config.yaml"), *arguments]

    def iwds(self, *arguments: str, code: int = 0, env: Mapping[str, str] | None = None) -> Ran:
        """Run one command, which must end with this code."""
        ran = iwds("--config", str(self.folder / "config.yaml"), *arguments, env={**self.env, **(env or {})})
        assert ran.code == code, f"{arguments} ended with {ran.code} instead of {code}:\n{ran.out}\n{ran.err}"
        return ran

    @contextmanager
    def start(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Start one command; it is over at the end, whatever happened."""
        pipe = subprocess.PIPE
        command = self.command(*arguments)
        with subprocess.Popen(command, env=environment(self.env), stdout=pipe, stderr=pipe, text=True) as process:
            try:
                yield process
            finally:
                process.kill()


def saved(ran: Ran) -> str:
    """The id of the plan that was printed."""
    found = re.search(r"Saved as ([0-9a-f]{8})", ran.out)
    assert found, ran.out
    return found[1]


def run_id(ran: Ran) -> str:
    """The id of the run that was printed."""
    found = re.search(r"   run ([0-9a-f]{8}), exit", ran.out)
    assert found, ran.out
    return found[1]
