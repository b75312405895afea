"""A secret that the directory refused is not tried again: not by another thread, and not on the daemon's next tick."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from iwds.cli.serving import _run_quietly
from iwds.core.model import Anchor
from iwds.demo.slapd import PrivateSlapd
from iwds.errors import AccessRefused
from iwds.scheduling.schedules import Schedule
from iwds.sources.ldap import LdapSource, connect
from iwds.state.database import open_state
from tests.acceptance.world import sandbox
from tests.contract.source_contract import consume
from tests.contract.state_tools import HandClock
from tests.integration.test_daemon import PATIENCE, Often, schedule, serving
from tests.servers.binds import BindCounter
from tests.servers.company import IDS, REALM, SUFFIX
from tests.servers.slapd import ldap_settings

CONFIG = """\
state: sqlite:///iwds.db
sources:
  corp: {{kind: ldap, urls: ["{url}"], bind_dn: "{account}", password: wrong, users: {{base: "ou=people,{suffix}"}}}}
targets:
  mfa:
    kind: provisioning
    url: http://127.0.0.1:{port}/v2/services/ConsoleAdmin
    service_id: 10408
    provisioning_id: 20
jobs: {{staff: {{sources: [corp], mapping: mapping.yaml, target: mfa}}}}
"""


@pytest.fixture
def counter(server: PrivateSlapd) -> Iterator[BindCounter]:
    with BindCounter(server.port) as running:
        yield running


QUESTIONS: tuple[Callable[[LdapSource], object], ...] = (
    consume,
    lambda source: source.find(Anchor(REALM, IDS["ada"]), ()),
    lambda source: source.selects(Anchor(REALM, IDS["ada"])),
    lambda source: source.shows(SUFFIX),
    lambda source: list(source.confirm(None)),  # type: ignore[arg-type]
)


def test_many_threads_that_ask_at_once_try_it_once(server: PrivateSlapd, counter: BindCounter) -> None:
    source = connect("corp", ldap_settings(server, urls=[counter.url], password="wrong"))
    together = threading.Barrier(4 * len(QUESTIONS))

    def ask(question: Callable[[LdapSource], object]) -> None:
        together.wait(PATIENCE)
        with pytest.raises(AccessRefused, match="invalidCredentials"):
            question(source)

    with ThreadPoolExecutor(4 * len(QUESTIONS)) as pool:
        list(pool.map(ask, 4 * QUESTIONS))

    assert counter.binds == 1


def test_what_is_remembered_keeps_the_first_try_of_another_process_from_being_made(
    server: PrivateSlapd, counter: BindCounter, tmp_path: Path
) -> None:
    for number in range(2):
        state = open_state(f"sqlite:///{tmp_path}/state.db", clock=HandClock())
        source = connect("corp", ldap_settings(server, urls=[counter.url, server.url], password="wrong-7391"), state)
        with pytest.raises(AccessRefused) as refused:
            consume(source)
        state.close()

        assert ("was not tried again" in refused.value.message) is bool(number)
        assert "iwds check --source corp" in refused.value.advice
        assert "7391" not in f"{refused.value} {refused.value.advice} {source._credentials!r}"

    assert counter.binds == 1


def test_check_tries_once_and_a_success_forgets(server: PrivateSlapd, counter: BindCounter) -> None:
    state = open_state("sqlite://", clock=HandClock())

    def source(password: str = server.reader_password) -> LdapSource:
        return connect("corp", ldap_settings(server, urls=[counter.url], password=password), state)

    with pytest.raises(AccessRefused):
        consume(source("wrong"))
    (finding,) = source("wrong").check(())
    (still,) = state.refused_binds()

    assert (counter.binds, finding.ok, finding.exit_code) == (2, False, 78)
    assert still.account == server.reader_dn
    assert all(each.ok for each in source().check(()))
    assert state.refused_binds() == []
    state.close()


def test_whoever_is_nobody_leaves_nothing_behind(own_server: PrivateSlapd) -> None:
    state = open_state("sqlite://", clock=HandClock())
    anonymous = connect("corp", ldap_settings(own_server, bind="anonymous", bind_dn=None, password=None), state)

    consume(anonymous)

    assert state.refused_binds() == []
    state.close()


def test_the_daemon_tries_it_once_in_all_its_ticks_and_after_its_restart(
    server: PrivateSlapd, counter: BindCounter, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    (tmp_path / "mapping.yaml").write_text("login: uid\nname: sn\nfirstname: cn\nmail: mail\nrole: user\n")
    ended = threading.Semaphore(0)

    def run(each: Schedule, asked: threading.Event) -> None:
        _run_quietly(config, each, asked)
        ended.release()

    with sandbox(tmp_path) as port:
        names = {"url": counter.url, "account": server.reader_dn, "suffix": SUFFIX, "port": port}
        config.write_text(CONFIG.format(**names))
        for _ in range(2):
            with serving([schedule("often", Often())], run):
                assert all(ended.acquire(timeout=PATIENCE) for _ in range(2))

    state = open_state(f"sqlite:///{tmp_path}/iwds.db", clock=HandClock())
    assert (counter.binds, [each.source for each in state.refused_binds()]) == (1, ["corp"])
    assert {run.exit_code for run in state.runs("staff")} == {78}
    state.close()
