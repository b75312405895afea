"""The role of a login in a group, from the mapping to the service and back."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iwds.ports import TargetReader
from iwds.targets.provisioning import Settings, connect
from tests.acceptance.world import Company, World, sandbox, saved

AUDITOR = 17
LINE = "  - {to: wiki, group: wiki-users}\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A small company on a service of its own, whose mapping makes contractors auditors of the wiki."""
    with sandbox(tmp_path) as port:
        made = World(tmp_path / "home", port, Company(people=18))
        made.env["IWDS_TARGETS__MFA__GROUP_ROLES"] = f'{{"auditor": {AUDITOR}}}'
        contractors = "  - {to: wiki, when: {attribute: employeeType, equals: contractor}, role: auditor}\n"
        made.mapping(LINE, LINE + contractors)
        yield made


@contextmanager
def service(world: World) -> Iterator[TargetReader]:
    url = f"http://127.0.0.1:{world.port}/v2/services/ConsoleAdmin"
    target = connect("mfa", Settings(kind="provisioning", url=url, service_id=10408, provisioning_id=20))
    yield target.reader
    target.reader.close()


def roles(world: World) -> dict[str, int]:
    """The role of every member of the wiki, as `groupAccountQuery` tells it, by login."""
    with service(world) as reader:
        (wiki,) = (group.id for group in reader.read_groups() if group.name == "wiki")
        names = {login.id: login.login for login in reader.read_logins()}
        members = [member.login_id for member in reader.read_memberships([wiki])]
        return {names[number]: role for number in members if (role := reader.role_in(wiki, number)) is not None}


def test_a_role_is_given_checked_taken_on_purpose_and_stays_as_it_is(world: World) -> None:
    world.iwds("run", "company")
    given = roles(world)
    auditors = {login for login, role in given.items() if role == AUDITOR}
    assert auditors
    assert set(given.values()) == {0, AUDITOR}
    world.iwds("plan", "company")
    assert re.search(r"wiki \(auditor\)", world.iwds("login", "show", min(auditors)).out)

    check = world.iwds("check", "company").out
    assert re.search(rf"roles: wiki: user \(0\) \d+, auditor \({AUDITOR}\) {len(auditors)}; \d+ of \d+", check)
    assert re.search(rf"at most {len(given)} calls", check)

    world.mapping("contractor}, role: auditor}", "contractor}, role: user}")
    held = world.iwds("run", "company", code=3)
    assert "What only the changed mapping would take away waits" in held.out
    assert roles(world) == given

    plan = saved(world.iwds("plan", "company", code=3))
    shown = world.iwds("show", plan, "demote").out
    assert all(login in shown for login in auditors)
    allow = f"out-of-scope={len(auditors)}"
    world.iwds("apply", plan, "--only", "rule", "--allow", allow, "--reason", "no auditors any more", "--yes")
    left = roles(world)
    assert set(left.values()) == {0}
    world.iwds("plan", "company")
