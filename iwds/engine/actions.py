"""What the helpdesk does to one login: what fits its state, with two rows in the audit, and codes only for who asked.

The audit's first row is kept before the call and the second after it. Neither they nor any error ever hold a code.
Locks, which a run must not undo, are next door in `locks.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TypeVar

from iwds.core.access import device_id
from iwds.core.devices import Activated, Code, Details, Device, DeviceKind, GroupRole
from iwds.core.model import LedgerRow, Login, fold
from iwds.core.policy import HoldKind
from iwds.core.words import login_id_in
from iwds.engine.job import MakeWriter
from iwds.errors import AccessRefused, IwdsError, NotSent, OutcomeUnknown, Refused, Rejected, UsageError
from iwds.ports import BY_MAIL, Actions, AuditRow, Clock, HoldRow, Result, State, TargetReader

T = TypeVar("T")

NO_PASSWORD = "NoPassword"  # noqa: S105 - what the service says, and none
"""The cause for which the service refuses a code for one more device to who has no PIN or password."""
LATELY = 5
"""How many of the last actions are shown with a login."""


class Lifetime(StrEnum):
    """Which of the service's lifetimes holds for what was given; how long each is, is a setting."""

    CODE = "code"
    LINK = "link"
    DEVICE_LINK = "device_link"
    UNLOCK_CODE = "unlock_code"
    UNLOCK_LINK = "unlock_link"
    OTP = "otp"


@dataclass(frozen=True, slots=True)
class Desk:
    """What an action needs.

    Attributes:
        make_writer, make_actions: build the halves of the service that change something, when they are needed.
        protected: folded names of the logins that a mapping protects.
        who, host: the person behind the command, and the machine that knows them by that name.
    """

    reader: TargetReader
    make_writer: MakeWriter
    make_actions: Callable[[], Actions]
    state: State
    clock: Clock
    protected: frozenset[str]
    who: str
    host: str


@dataclass(frozen=True, slots=True)
class Why:
    """What somebody gives as their ground."""

    reason: str = ""
    ticket: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """What an action gave: a code to hand over, or None where a link was mailed."""

    what: str
    code: Code | None
    lifetime: Lifetime


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that is known of one login. `row` is None where it is not in our ledger.

    `hold` is the helpdesk's lock, and `exempt` what holds every removal; `role_names` are those of the target.
    """

    login: Login
    details: Details
    groups: Sequence[GroupRole]
    row: LedgerRow | None
    hold: HoldRow | None
    exempt: HoldRow | None
    lately: Sequence[AuditRow]
    role_names: Sequence[tuple[int, str]] = ()


def find(desk: Desk, text: str) -> Login:
    """The login of this name, in whatever case, or with this `#ID`; `UsageError` where there is none."""
    found = lookup(desk, text)
    if found is None:
        raise UsageError(f"{desk.reader.service} has no login {text}", "a login is a whole name, or '#' and its id")
    return found


def lookup(desk: Desk, text: str) -> Login | None:
    """The same, or None."""
    number = login_id_in(text)
    return desk.reader.named(text) if number is None else desk.reader.login(number, "")


def look(desk: Desk, login: Login) -> Seen:
    """Read everything about a login. Changes nothing, and is not in the audit."""
    actions, service = desk.make_actions(), desk.reader.service
    return Seen(
        login,
        actions.details(login.id),
        actions.groups_of(login.id),
        desk.state.ledger_row(service, login.id),
        desk.state.open_hold(service, login.id),
        desk.state.open_hold(service, login.id, HoldKind.EXEMPT),
        desk.state.audit(login.id, service=str(service), limit=LATELY),
        sorted((number, name) for name, number in desk.reader.group_roles.items()),
    )


def recorded(desk: Desk, login: Login, what: tuple[str, str], why: Why, call: Callable[[], T]) -> T:
    """Make a call between the two rows of the audit; `what` is the name of the action, and what about it."""
    row = AuditRow(
        0, desk.clock.now(), str(desk.reader.service), login.id, login.login, *what, desk.who, desk.host,
        why.reason, why.ticket,
    )  # fmt: skip
    kept = desk.state.note_action(row)
    try:
        made = call()
    except IwdsError as error:
        desk.state.note_outcome(kept, _ended(error), error.message, desk.clock.now())
        raise
    desk.state.note_outcome(kept, Result.DONE, "", desk.clock.now())
    return made


def _ended(error: IwdsError) -> Result:
    """What an error says of the action: a no of the service is another thing than a call that never reached it."""
    if isinstance(error, OutcomeUnknown):
        return Result.UNKNOWN
    return Result.NOT_TRIED if isinstance(error, NotSent | AccessRefused) else Result.REJECTED


def refuse_protected(desk: Desk, login: Login) -> None:
    """What the mapping protects, nobody locks out from here."""
    if fold(login.login) in desk.protected:
        raise Refused(
            f"a mapping protects {login.login}, so nothing is taken away from it here",
            "do it in the service's console, or take the name out of the mapping's `protect`",
        )


class Giving:
    """The actions that give somebody a way in, and those on devices."""

    def __init__(self, desk: Desk, login: Login, why: Why) -> None:
        self.desk, self.login, self.why = desk, login, why
        self.actions = desk.make_actions()

    def code(self, *, add_device: bool = False, mail: bool = False) -> Given:
        """An activation code that is right for the state of the login, or a link by mail; `Refused` where none is."""
        if mail:
            self._needs_mail()
        return self.fitting(self.actions.details(self.login.id), add_device=add_device, mail=mail)

    def fitting(self, details: Details, *, add_device: bool = False, mail: bool = False) -> Given:
        """The same for a login that was just looked at."""
        match details.activated:
            case Activated.LINK:
                return self._of_link(details.link, mail)
            case Activated.INACTIVE if not mail:
                activate = partial(self.actions.activate_code, self.login.id)
                return self._given("activation code", Lifetime.CODE, ("code", "made active"), activate)
            case _ if details.devices:
                return self._further_device(len(details.devices), add_device, mail)
            case Activated.EXPIRED if mail:
                return self._new_link()
            case _ if mail:
                raise Refused(
                    f"{self.login.login} has no link that could be mailed",
                    f"give a code by another way: iwds login code {self.login.login}",
                )
            case _:
                restore = partial(self.actions.restore, self.login.id)
                return self._given("activation code", Lifetime.CODE, ("code", "restored without a device"), restore)

    def restore(self) -> Given:
        """A code that replaces all devices once it is used."""
        refuse_protected(self.desk, self.login)
        restore = partial(self.actions.restore, self.login.id)
        return self._given("restore code", Lifetime.CODE, ("restore", ""), restore)

    def reset_password(self, *, mail: bool = False) -> Given:
        """A code, or a link by mail, that unlocks a PIN or password and lets its owner choose another."""
        unlock = partial(self.actions.unlock_code, self.login.id, link=mail)
        if not mail:
            return self._given("unlock code", Lifetime.UNLOCK_CODE, ("reset-password", ""), unlock)
        self._needs_mail()
        return self._mailed("unlock link", Lifetime.UNLOCK_LINK, ("reset-password", "link by mail"), unlock)

    def reset_pin_errors(self) -> None:
        """Set the counter of wrong entries back, which the service allows once until the next login."""
        self._done(("reset-pin-errors", ""), partial(self.actions.reset_pin_errors, self.login.id))

    def otp(self) -> Given:
        """A one-time password."""
        return self._given("one-time password", Lifetime.OTP, ("otp", ""), partial(self.actions.otp, self.login.id))

    def rename_device(self, device: Device, name: str) -> None:
        """Give a device another name."""
        what = "rename-device", f"{device_id(device)}: {device.name} > {name}"
        self._done(what, partial(self.actions.rename_device, device.kind, device.id, name))

    def delete_device(self, device: Device) -> None:
        """Remove a device for good."""
        refuse_protected(self.desk, self.login)
        what = "delete-device", f"{device_id(device)}: {device.name}"
        self._done(what, partial(self.actions.delete_device, device.kind, device.id))

    # --- which code ---------------------------------------------------------------------------------------------------

    def _of_link(self, link: Code | None, mail: bool) -> Given:
        """The link that waits to be used: mailed once more, or the code behind it."""
        if mail:
            return self._mailed("activation link", Lifetime.LINK, ("code", f"link {BY_MAIL}"), None)
        if link is None:
            raise Refused(
                f"a link waits for {self.login.login}, and the service does not say which",
                f"mail it once more: iwds login code {self.login.login} --mail",
            )
        behind = partial(self.actions.code_of_link, link)
        return self._given("activation code", Lifetime.CODE, ("code", "of the link"), behind)

    def _new_link(self) -> Given:
        """Another link in place of one that nobody used: the service makes one where a PIN or password is known."""
        add = partial(self.actions.add_device, self.login.id, link=True)
        try:
            return self._mailed("new link", Lifetime.DEVICE_LINK, ("code", f"new link {BY_MAIL}"), add)
        except Rejected as error:
            if error.cause != NO_PASSWORD:
                raise
            raise Refused(
                f"{self.login.login} never chose a PIN, and the service makes no link for such a login",
                f"give a code by another way: iwds login code {self.login.login}",
            ) from error

    def _further_device(self, devices: int, add_device: bool, mail: bool) -> Given:
        name = self.login.login
        if not add_device:
            has = "a device" if devices == 1 else f"{devices} devices"
            raise Refused(
                f"{name} has {has} already, so it must be said what the code is for",
                f"one more device: iwds login code {name} --add-device\n"
                f"a new one instead: iwds login restore {name} --reason TEXT",
            )
        add = partial(self.actions.add_device, self.login.id, link=mail)
        if mail:
            return self._mailed("link for one more device", Lifetime.DEVICE_LINK, ("code", f"one more, {BY_MAIL}"), add)
        return self._given("code for one more device", Lifetime.CODE, ("code", "one more device"), add)

    # --- how it is done -----------------------------------------------------------------------------------------------

    def _given(self, what: str, lifetime: Lifetime, action: tuple[str, str], make: Callable[[], Code]) -> Given:
        lost = f"no code can be shown; ask again, which makes an earlier code worthless; see: {self._see}"
        return Given(what, self._recorded(action, make, lost), lifetime)

    def _mailed(
        self, what: str, lifetime: Lifetime, action: tuple[str, str], make: Callable[[], object] | None
    ) -> Given:
        """Make a link, where none waits, and have it mailed at once."""

        def mail() -> None:
            if make:
                make()
            self.actions.send_link(self.login.id)

        self._recorded(action, mail, f"ask {self.login.login} whether a mail came, before you send another")
        return Given(what, None, lifetime)

    def _done(self, action: tuple[str, str], call: Callable[[], None]) -> None:
        self._recorded(action, call, f"see how it is now: {self._see}")

    def _recorded(self, action: tuple[str, str], call: Callable[[], T], lost: str) -> T:
        """`lost` says what to do where nobody can know whether it was done."""

        def told() -> T:
            try:
                return call()
            except OutcomeUnknown as error:
                raise OutcomeUnknown(f"it is not known whether it was done: {error.message}", lost) from error

        return recorded(self.desk, self.login, action, self.why, told)

    @property
    def _see(self) -> str:
        return f"iwds login show {self.login.login}"

    def _needs_mail(self) -> None:
        if not self.login.mail:
            raise Refused(f"{self.login.login} has no mail address", "give a code by another way, without --mail")


def find_device(login: Login, devices: Sequence[Device], text: str) -> Device:
    """The device with this number, or this `KIND:NUMBER` where numbers of several kinds coincide."""
    kind, _, number = text.rpartition(":")
    kinds = set(DeviceKind) if not kind else {each for each in DeviceKind if each == kind}
    found = [each for each in devices if each.kind in kinds and str(each.id) == number]
    if len(found) == 1:
        return found[0]
    known = ", ".join(device_id(each) for each in found or devices) or "none"
    problem = "is several devices" if found else "is no device"
    raise UsageError(f"{text} {problem} of {login.login}", f"its devices: {known}")
