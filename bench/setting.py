"""Where the stages work: a folder with the configuration of a job, its state, and readings captured beforehand."""

import json
import pickle
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from bench.population import GROUPS_BASE, PEOPLE_BASE, Population
from iwds.bootstrap import Wiring
from iwds.configuration import load
from iwds.core.guards import GuardKind
from iwds.core.model import Group, fold
from iwds.core.policy import World
from iwds.demo.slapd import PrivateSlapd
from iwds.engine.job import Job, Tools
from iwds.ports import Source

JOB = "nightly"
REALM = "bench"
ADMIN = "admin.secret"
"""The file with address, name and password of who may write into the directory."""
SERVICE_ID, PROVISIONING_ID = 10408, 4711
CHUNK = 2000
_UNLIMITED = {"floor": 1_000_000_000, "ratio": 1, "cap": 1_000_000_000}


def write_config(folder: Path, population: Population, directory: PrivateSlapd, service_url: str) -> None:
    """Write what the stages read: the configuration (JSON is YAML), and how many people there are."""
    config = {
        "state": "sqlite:///state.db",
        "sources": {
            "directory": {
                "kind": "ldap",
                "urls": [directory.url],
                "bind_dn": directory.reader_dn,
                "password": directory.reader_password,
                "realm": REALM,
                "users": {"base": PEOPLE_BASE},
                "groups": {"base": GROUPS_BASE},
            }
        },
        "targets": {
            "mfa": {
                "kind": "provisioning",
                "url": service_url,
                "service_id": SERVICE_ID,
                "provisioning_id": PROVISIONING_ID,
            }
        },
        "jobs": {
            JOB: {
                "sources": ["directory"],
                "mapping": str(Path(__file__).with_name("mapping.yaml")),
                "target": "mfa",
                # whether a guard trips is not what is measured
                "limits": {kind.value: _UNLIMITED for kind in GuardKind},
            }
        },
    }
    (folder / "bench.yaml").write_text(json.dumps(config))
    (folder / "bench.yaml").chmod(0o600)
    (folder / ADMIN).touch(0o600)
    (folder / ADMIN).write_text(json.dumps([directory.url, directory.admin_dn, directory.admin_password]))
    (folder / "population.json").write_text(json.dumps(asdict(population)))


class Setting:
    """The job of the benchmark, wired in this process, and the captured readings."""

    def __init__(self, folder: Path, wiring: Wiring) -> None:
        self.folder, self.wiring = folder, wiring
        self.population = Population(**json.loads((folder / "population.json").read_text()))

    @cached_property
    def job(self) -> Job:
        """The job, its adapters not connected yet."""
        return self.wiring.job(JOB)

    @cached_property
    def tools(self) -> Tools:
        """State, clock and waist."""
        return self.wiring.tools()

    def wire(self) -> None:
        """Load all adapters and open the state, which no stage should be charged with; no server is asked."""
        assert self.job
        assert self.tools

    @property
    def source(self) -> Source:
        """The directory."""
        return self.job.sources[0]

    def groups(self) -> dict[str, Group]:
        """The groups of the service that the mapping governs, by name."""
        return {group.name: group for group in self.job.target.read_groups() if group.name in self.job.rules.groups}

    def world(self) -> World:
        """What a decision has to know, as planning makes it."""
        job, groups = self.job, self.groups()
        return World(
            policy=job.policy,
            realms=frozenset({REALM}),
            groups=groups,
            exclusive=frozenset(group.id for name, group in groups.items() if job.rules.groups[name]),
            protected=frozenset(map(fold, job.rules.protected)),
            tagged=job.target.knows_tagged_creation(),
            states_enabled=job.rules.states_enabled,
        )

    def keep(self, name: str, items: Iterable[Any]) -> None:
        """Capture a stream, a chunk at a time."""
        with (self.folder / f"{name}.pickle").open("wb") as file:
            for chunk in chunks(items):
                pickle.dump(chunk, file, pickle.HIGHEST_PROTOCOL)

    def kept(self, name: str) -> Iterator[list[Any]]:
        """A captured stream, a chunk at a time."""
        with (self.folder / f"{name}.pickle").open("rb") as file:
            while True:
                try:
                    chunk = pickle.load(file)  # noqa: S301 - written by this run of the benchmark
                except EOFError:
                    return
                yield chunk


@contextmanager
def opened(folder: Path) -> Iterator[Setting]:
    """The setting in a folder; connections and state are closed at the end."""
    with Wiring(load(folder / "bench.yaml")) as wiring:
        yield Setting(folder, wiring)


def chunks(items: Iterable[Any], size: int = CHUNK) -> Iterator[list[Any]]:
    """Items in lists of at most `size`."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
