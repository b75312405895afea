"""Fills the service and our memory as an applied run would have left them, and captures the readings.

Accounts come from a real reading through the real mapping; then the logins of those who are to differ are altered.
The service's file is filled directly, because a million calls take hours; the ledger through the journal, as a run
would.
"""

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bench.population import Fate, Population, number_of
from bench.setting import CHUNK, JOB, PROVISIONING_ID, REALM, Setting, chunks
from iwds.core.change import CreateLogin, Subject
from iwds.core.guards import exempt
from iwds.core.ledger import created_login, written_of
from iwds.core.model import Account, Anchor, Group, LedgerRow, Login, Origin
from iwds.core.normal import render_extra
from iwds.core.order import Phase
from iwds.ports import Journal, Lease, Outcome, Result, RunRow
from iwds.sandbox.schema import connect

LEASE_SECONDS = 120.0
_INSERT = """
INSERT INTO login (
    id, login, firstname, name, mail, phone, extrafields, status, role, access, lang, createdby, created, activated
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 'en', ?, 0, 1)
"""


@dataclass(frozen=True, slots=True)
class Known:
    """A person with a login of ours: as the directory had them, the login as it is, and the groups that it is in."""

    account: Account
    login: Login
    groups: frozenset[int]


def prepare(setting: Setting) -> None:
    """Read the directory, fill service and ledger, and capture both sides for the stages that need them."""
    setting.keep("people", _people(setting))
    groups = setting.groups()
    if not setting.population.first_run:
        _fill(setting, _known(setting, groups))
    logins = setting.job.target.read_logins()
    setting.keep("logins", logins)
    members = setting.job.target.read_memberships([group.id for group in groups.values()])
    setting.keep("members", members)
    setting.keep("rows", setting.tools.state.ledger(setting.job.target.service))
    setting.keep("service", [logins.finish(), members.finish()])


def _people(setting: Setting) -> Iterator[Account]:
    job, now = setting.job, datetime.now(UTC)
    stream = setting.source.read(job.rules.attributes)
    for entry in stream:
        account = job.rules.map(entry, now)
        assert isinstance(account, Account), account
        normal = job.target.normalise(account, entry.name)
        assert isinstance(normal, Account), normal
        yield normal
    proof = stream.finish()
    assert proof.proven, proof.problems
    assert proof.count == setting.population.people, proof.count
    setting.keep("sources", [proof])
    (setting.folder / "asked.json").write_text(json.dumps(proof.asked.splitlines()))


def _known(setting: Setting, groups: dict[str, Group]) -> Iterator[Known]:
    """Everybody who has a login, the altered ones and those who left among them."""
    population, login_id = setting.population, _first_free_id(setting)
    for chunk in setting.kept("people"):
        for account in chunk:
            fate = population.fate(number_of(account.login))
            if fate is not Fate.JOINER:
                login_id += 1
                yield _altered(_as_created(account, login_id, groups), fate, groups["vpn"])
    for account in _left(population):
        login_id += 1
        yield _as_created(account, login_id, groups)


def _left(population: Population) -> Iterator[Account]:
    for number in range(population.leavers):
        anchor = Anchor(REALM, f"left-{number}")
        yield Account(anchor, f"left.{number}", "Left", "Person", f"left.{number}@example.org", enabled=True)


def _as_created(account: Account, login_id: int, groups: dict[str, Group]) -> Known:
    extra = render_extra(tuple(pair for pair in account.extra if pair[1]))
    login = replace(created_login(account, login_id), extra=extra, created_by=PROVISIONING_ID)
    return Known(account, login, frozenset(groups[name].id for name in account.groups or ()))


def _altered(known: Known, fate: Fate, group: Group) -> Known:
    login = known.login
    match fate:
        case Fate.MAIL:
            return replace(known, login=replace(login, mail=f"before.{login.mail}"))
        case Fate.PHONE:
            return replace(known, login=replace(login, phone="+33 1 00000000"))
        case Fate.NAME:
            return replace(known, login=replace(login, name="Before"))
        case Fate.MOVER:
            return replace(known, groups=known.groups ^ {group.id})
        case _:
            return known


def _fill(setting: Setting, people: Iterator[Known]) -> None:
    with closing(connect(str(setting.folder / "sandbox.db"))) as service, run_of(setting) as (journal, lease):
        for chunk in chunks(people, CHUNK):
            lease.renew()
            service.execute("BEGIN IMMEDIATE")
            service.executemany(_INSERT, map(_values, chunk))
            members = [(group, known.login.id) for known in chunk for group in known.groups]
            service.executemany("INSERT INTO membership VALUES (?, ?, 0)", members)
            service.execute("COMMIT")
            _remember(journal, chunk)


def _first_free_id(setting: Setting) -> int:
    with closing(connect(str(setting.folder / "sandbox.db"))) as service:
        return int(service.execute("SELECT seq FROM sqlite_sequence WHERE name = 'login'").fetchone()[0])


def _values(known: Known) -> tuple[int | str | None, ...]:
    login = known.login
    texts = (login.login, login.firstname, login.name, login.mail, login.phone, login.extra)
    return (login.id, *texts, login.status, login.role, PROVISIONING_ID)


def _remember(journal: Journal, people: Sequence[Known]) -> None:
    """Record for each of them that we created the login."""
    subjects = (Subject(known.account.login, known.account.anchor, known.login.id) for known in people)
    creations = (CreateLogin(subject, known.account, "") for subject, known in zip(subjects, people, strict=True))
    intents = journal.intend([(Phase.CREATE, creation) for creation in creations], exempt((), first_run=True))
    outcomes = [_created(intent, _row(known)) for intent, known in zip(intents, people, strict=True)]
    journal.settle(outcomes)


def _created(intent: int, row: LedgerRow) -> Outcome:
    return Outcome(intent, Result.DONE, login_id=row.login_id, effect=lambda _: row)


def _row(known: Known) -> LedgerRow:
    login, written = known.login, written_of(known.login)
    return LedgerRow(
        login.id, known.account.anchor, PROVISIONING_ID, Origin.CREATED, login.login,
        tag=PROVISIONING_ID, groups=known.groups, written=written,
    )  # fmt: skip


@contextmanager
def run_of(setting: Setting) -> Iterator[tuple[Journal, Lease]]:
    """A run of the job under its lease, recorded as applied; its journal and its lease."""
    state, service = setting.tools.state, setting.job.target.service
    row = RunRow(
        id=secrets.token_hex(4), job=JOB, service=str(service), command="bench", who="bench",
        started=datetime.now(UTC), ended=None, exit_code=None, plan="", summary="", report={},
    )  # fmt: skip
    lease = state.lease(service, "bench", LEASE_SECONDS)
    try:
        state.start_run(row, setting.job.config, setting.job.digest)
        yield state.journal(row.id, service, lease), lease
        ended = replace(row, ended=datetime.now(UTC), exit_code=0)
        state.finish_run(ended, applied=True, accepted=setting.job.digest, lease=lease)
    finally:
        lease.release()
