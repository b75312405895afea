"""A helpdesk at the rehearsal's service, and a half of that service that notes what it was asked for."""

from dataclasses import dataclass, field

from iwds.core.devices import Code, Details, Device, DeviceKind, GroupRole
from iwds.core.model import Account, Login
from iwds.engine.actions import Desk, Why
from iwds.ports import AuditRow
from tests.unit.engine.rehearsal import Rehearsal

SECRET = "123456789"
WHY = Why("phone lost", "T-1")


@dataclass
class NotingActions:
    """`Actions` that gives one code for everything, or raises `error`; `calls` is what it was asked for."""

    told: Details
    error: Exception | None = None
    calls: list[str] = field(default_factory=list)

    def details(self, login_id: int) -> Details:
        return self.told

    def groups_of(self, login_id: int) -> list[GroupRole]:
        return []

    def create(self, account: Account) -> tuple[int, Code]:
        return 0, self._note("create")

    def activate_code(self, login_id: int) -> Code:
        return self._note("activate_code")

    def code_of_link(self, link: Code) -> Code:
        return self._note(f"code_of_link {link.reveal()}")

    def login_of_link(self, link: Code) -> tuple[int, Code]:
        return 0, self._note("login_of_link")

    def send_link(self, login_id: int) -> None:
        self._note("send_link")

    def add_device(self, login_id: int, *, link: bool = False) -> Code:
        return self._note("add_device link" if link else "add_device")

    def rename_device(self, kind: DeviceKind, device_id: int, name: str) -> None:
        self._note(f"rename_device {kind} {device_id} {name}")

    def delete_device(self, kind: DeviceKind, device_id: int) -> None:
        self._note(f"delete_device {kind} {device_id}")

    def restore(self, login_id: int) -> Code:
        return self._note("restore")

    def reset_password(self, login_id: int) -> None:
        self._note("reset_password")

    def unlock_code(self, login_id: int, *, link: bool = False) -> Code:
        return self._note("unlock_code link" if link else "unlock_code")

    def reset_pin_errors(self, login_id: int) -> None:
        self._note("reset_pin_errors")

    def otp(self, login_id: int) -> Code:
        return self._note("otp")

    def _note(self, call: str) -> Code:
        self.calls.append(call)
        if self.error:
            raise self.error
        return Code(SECRET)


class Helpdesk(Rehearsal):
    """A rehearsal with somebody at the helpdesk."""

    def __init__(self) -> None:
        super().__init__()
        self.actions = NotingActions(Details(Login(0, "nobody"), None))

    def desk(self, *protected: str) -> Desk:
        reader, state, clock = self.target.reader, self.state, self.clock
        return Desk(reader, self.writer, lambda: self.actions, state, clock, frozenset(protected), "zoe", "desk-1")

    def is_told(self, *devices: Device, **fields: object) -> None:
        """What the service tells of everybody from now on."""
        self.actions.told = Details(Login(0, "nobody"), devices=devices, **fields)  # type: ignore[arg-type]  # its fields

    def audit(self) -> list[AuditRow]:
        return list(self.state.audit())[::-1]
