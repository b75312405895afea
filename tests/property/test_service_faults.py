"""A night on which the service fails in any of its ways, at any of its operations, takes nothing and leaves no trace.

The real client against the local service over HTTP. What such a night leaves undone, the next clean one does, and both
together end where a night without faults would have ended.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from iwds.core.model import Login, Status
from iwds.core.policy import Policy
from iwds.errors import IwdsError
from iwds.ports import TargetWriter
from iwds.sandbox.faults import LISTINGS, Fault, FaultKind
from iwds.sandbox.server import SandboxThread
from iwds.soap.description import OPERATIONS
from iwds.targets.provisioning import ProvisioningTarget, Settings, connect
from tests.unit.engine.rehearsal import OURS, Rehearsal

ASKED = (
    *("IWDS_check", "loginsQuery", "loginQuery", "loginSearch", "serviceGroupsQuery", "loginsQueryByGroup"),
    *("loginGetGroups", "loginCreateBySource", "loginUpdate", "groupAccountCreate", "groupAccountDelete", "*"),
)
"""What a night calls."""
WITH_EFFECT = frozenset({FaultKind.RESET, FaultKind.HTML, FaultKind.EMPTY, FaultKind.SOAP_FAULT, FaultKind.NOK})
OF_LISTINGS = frozenset({FaultKind.DRIFT, FaultKind.WRONG_COUNT})
NEVER_ANSWERS = frozenset({FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER})
HARMLESS = frozenset({FaultKind.EXPIRED_CERTIFICATE})
"""Concerns no operation."""


def test_operations_are_those_of_the_service() -> None:
    assert set(ASKED) - {"*"} <= OPERATIONS.keys()


@st.composite
def faults(draw: st.DrawFn, kind: FaultKind | None = None) -> Fault:
    chosen = kind or draw(st.sampled_from(sorted(set(FaultKind) - HARMLESS)))
    operations = [name for name in ASKED if name in LISTINGS or name == "*"] if chosen in OF_LISTINGS else ASKED
    return Fault(
        chosen,
        draw(st.sampled_from(operations)),
        times=draw(st.sampled_from((1, 2, None))),
        after=draw(st.integers(0, 6)),
        effect=chosen in WITH_EFFECT and draw(st.booleans()),
        ms=(1, 20) if chosen is FaultKind.LATENCY else None,
        per_second=200.0 if chosen is FaultKind.RATE_LIMIT else None,
    )


@dataclass(frozen=True)
class Seen:
    """What the service has: logins by name, and who is in which group."""

    logins: dict[str, Login]
    members: set[tuple[str, str]]

    def without_ids(self) -> Any:
        told = {name: (x.firstname, x.name, x.mail, x.role, x.status, x.created_by) for name, x in self.logins.items()}
        return told, self.members


class Night(Rehearsal):
    """A rehearsal whose target is the local service, over its SOAP API."""

    def __init__(self, sandbox: SandboxThread) -> None:
        super().__init__()
        self.sandbox = sandbox
        self.patient, self.hasty = (self._client(timeout_s=seconds) for seconds in (60, 0.5))
        self.use(self.patient)
        self.configure(policy=Policy(OURS))

    def _client(self, timeout_s: float) -> ProvisioningTarget:
        given = {"kind": "provisioning", "url": self.sandbox.url, "service_id": 10408, "provisioning_id": OURS}
        return connect("mfa", Settings.model_validate({**given, "page_size": 3, "timeout_s": timeout_s, "attempts": 1}))

    def use(self, client: ProvisioningTarget) -> None:
        """From now on the service is asked so patiently."""
        self.service = client
        self.configure(target=client.reader)

    def close(self) -> None:
        self.patient.reader.close()
        self.hasty.reader.close()
        super().close()

    def writer(self) -> TargetWriter:
        return self.service.writer()

    def seen(self) -> Seen:
        reader = self.job.target
        groups = {group.id: group.name for group in reader.read_groups()}
        with closing(reader.read_logins()) as listing:
            logins = {login.id: login for login in listing}
            assert listing.finish().proven
        with closing(reader.read_memberships(groups)) as listing:
            members = {(groups[each.group_id], logins[each.login_id].login) for each in listing}
        named = {login.login: login for login in logins.values()}
        assert len(named) == len(logins)
        return Seen(named, members)

    def night(self) -> None:
        """What happens in the directory between two nights: everything that a run can be asked for."""
        self.leave("gone")
        self.change("away", disabled="yes")
        self.change("moved", groups=("wiki",))
        self.change("wed", mail="wed.new@x.y")
        self.change("risen", role="1")
        self.hire("new", ("vpn",), mail="new@x.y")


@contextmanager
def company() -> Iterator[Night]:
    """Nine people after their first run."""
    with SandboxThread() as sandbox:
        stage = Night(sandbox)
        for who in ("gone", "away", "moved", "wed", "risen", "still", "quiet", "calm", "boss"):
            stage.hire(who, ("vpn",), mail=f"{who}@x.y", role="2" if who == "boss" else "0")
            stage.change(who, disabled="")
        assert stage.run().exit_code == 0
        try:
            yield stage
        finally:
            stage.close()


def ended(stage: Night) -> Any:
    """What a night without faults makes of it, and the one after it."""
    stage.night()
    assert stage.run().exit_code == 0
    assert stage.plan().changes == ()
    return stage.seen().without_ids()


@pytest.fixture(scope="module")
def clean() -> Any:
    with company() as stage:
        return ended(stage)


def check_a_night(fault: Fault, clean: Any) -> None:
    with company() as stage:
        before = stage.seen()
        stage.night()
        stage.sandbox.controls.add(fault)
        stage.use(stage.hasty if fault.kind in NEVER_ANSWERS else stage.patient)
        with suppress(IwdsError):
            event(f"ended with {stage.run().exit_code}")
        stage.sandbox.controls.clear()
        stage.use(stage.patient)
        nothing_is_taken_but_from_whom_the_directory_says(before, stage.seen())
        with suppress(IwdsError):
            stage.run()  # settles what is unknown
        assert stage.run().exit_code == 0
        assert stage.seen().without_ids() == clean
        assert stage.plan().changes == ()


def nothing_is_taken_but_from_whom_the_directory_says(before: Seen, after: Seen) -> None:
    locked = {name for name, login in after.logins.items() if login.status == Status.LOCKED}
    assert locked <= {"gone", "away"}
    assert before.logins.keys() <= after.logins.keys() <= before.logins.keys() | {"new"}
    assert before.members - after.members <= {("vpn", "moved")}
    kept = before.logins.keys() - {"gone", "away", "wed", "risen"}
    assert {name: after.logins[name] for name in kept} == {name: before.logins[name] for name in kept}


@pytest.mark.parametrize("kind", sorted(set(FaultKind) - HARMLESS))
@settings(max_examples=max(2, settings().max_examples // 50))
@given(data=st.data())
def test_takes_nothing_and_leaves_nothing_undone(kind: FaultKind, clean: Any, data: st.DataObject) -> None:
    check_a_night(data.draw(faults(kind)), clean)
