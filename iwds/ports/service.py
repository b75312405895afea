"""The MFA service: what reads it and what writes to it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from iwds.core.devices import Code, Details, DeviceKind, Enrolment, GroupRole, Loss
from iwds.core.model import Account, Group, Login, Membership, Service, Unmapped
from iwds.ports.people import Finding, ReadStream, T_co


class Listing(ReadStream[T_co], Protocol[T_co]):
    """A reading of the service, to which others may write while it is read."""

    @property
    def moved(self) -> bool:
        """Whether it ended because the listing moved under it, so that another reading may be proven."""
        ...

    def close(self) -> None:
        """Read no further, and leave nothing running. May be called twice, and after the end."""
        ...


class TargetReader(Protocol):
    """The reading half of an MFA service. Cannot change anything."""

    @property
    def service(self) -> Service:
        """Which service this is; no call is made."""
        ...

    @property
    def provisioning_id(self) -> int:
        """The tag that this target's creations carry."""
        ...

    @property
    def untagged_creations(self) -> bool:
        """Whether logins may be created untagged where the service knows no other way."""
        ...

    @property
    def timeout(self) -> float:
        """The longest that one call may take, in seconds."""
        ...

    @property
    def lanes(self) -> int:
        """How many calls may be under way at once; 1 where a delay between calls is set."""
        ...

    @property
    def group_roles(self) -> Mapping[str, int]:
        """The roles that a login can have in a group, by name: those that every service knows, and the configured."""
        ...

    def normalise(self, account: Account, name: str) -> Account | Unmapped:
        """The account as this service can hold it, or why it cannot. `name` is the entry's, for the message."""
        ...

    def read_logins(self) -> Listing[Login]:
        """All logins, streamed in pages; proven by the service's own counts."""
        ...

    def count(self) -> int:
        """How many logins there are; one call, which gives what the proof of a reading of all counts."""
        ...

    def read_enrolments(self) -> Listing[Enrolment]:
        """The same logins with how far the activation of each is; as many calls."""
        ...

    def read_groups(self) -> Sequence[Group]:
        """All groups. Raises `ServiceUnproven` where the count contradicts itself."""
        ...

    def read_memberships(self, groups: Collection[int]) -> Listing[Membership]:
        """The members of these groups."""
        ...

    def login(self, login_id: int, name: str) -> Login | None:
        """One login as it is now, with every field that an update overwrites; `name` is how it was last known.

        Returns None where the service says that the id does not exist.
        """
        ...

    def named(self, name: str) -> Login | None:
        """The login of this name, whatever its case, as it is now; or None."""
        ...

    def role_in(self, group_id: int, login_id: int) -> int | None:
        """A login's role in one group as it is now; None where it is no member, or does not exist."""
        ...

    def roles_in(self, groups: Collection[int], login_id: int) -> Mapping[int, int]:
        """A login's roles in some groups, by group id, in as few calls as possible; without those it is not in."""
        ...

    def loss(self, login_id: int) -> Loss | None:
        """What goes for good with a login that is deleted: devices, groups, last authentication. Two calls.

        A service always says; None comes from a captured reading for which nobody asked. Raises `LoginUnknown` where
        there is no such login.
        """
        ...

    def check(self) -> Iterable[Finding]:
        """What can be said before a run: certificate, service id, operations known, groups."""
        ...

    def knows_tagged_creation(self) -> bool:
        """Whether logins can be created with a provisioningId. Found out by a call that cannot succeed."""
        ...

    def close(self) -> None:
        """Give back connections. May be called twice."""
        ...


class TargetWriter(Protocol):
    """The writing half of an MFA service. Every method raises `CallFailed` or `AccessRefused`, and is thread-safe."""

    def create(self, account: Account) -> int:
        """Create a login under the configured provisioningId; returns its id. The activation code is dropped.

        The account was normalised. None fields are sent empty, `enabled` other than True is an error of the caller.
        """
        ...

    def update(self, login: Login) -> None:
        """Overwrite every field of `login.id` with `login`; no overwritten field may be None (`ValueError`)."""
        ...

    def delete(self, login_id: int) -> None:
        """Delete a login; its devices go with it."""
        ...

    def add_to_group(self, group_id: int, login_id: int, role: int = 0) -> None:
        """Add a login to a group; role 0 is that of a plain member."""
        ...

    def set_role_in(self, group_id: int, login_id: int, role: int) -> None:
        """Change the role of a login in a group that it is in."""
        ...

    def remove_from_group(self, group_id: int, login_id: int) -> None:
        """Take a login out of a group."""
        ...

    def send_activation(self, login_id: int) -> None:
        """Mail the activation link of a login created with `Activation.LINK`."""
        ...

    def close(self) -> None:
        """Give back connections. May be called twice."""
        ...


class Actions(Protocol):
    """What the helpdesk does to one login, and what a sync never needs. Thread-safe.

    Every method that changes something raises `CallFailed` or `AccessRefused` as a `TargetWriter` does, and is never
    repeated: `OutcomeUnknown` where no code stands in the place of one too. Those that only ask raise
    `ServiceUnavailable` and `AccessRefused`, and `groups_of` also `ServiceUnproven`. `LoginUnknown` may
    come from all that take a login id.
    """

    def details(self, login_id: int) -> Details:
        """Everything about one login: fields, activation, devices, locks (`loginQuery`)."""
        ...

    def groups_of(self, login_id: int) -> Sequence[GroupRole]:
        """Its groups, with its role in each (`loginGetGroups`, all pages)."""
        ...

    def create(self, account: Account) -> tuple[int, Code]:
        """Create a login as `TargetWriter.create` does; returns its id and its code, or the long code of its link.

        `OutcomeUnknown` names the id where the login was made and no code came with it.
        """
        ...

    def activate_code(self, login_id: int) -> Code:
        """Make an inactive code good for use now, and return it (`loginActivateCode`)."""
        ...

    def code_of_link(self, link: Code) -> Code:
        """The activation code behind the long code of a link (`loginGetCodeFromLink`)."""
        ...

    def login_of_link(self, link: Code) -> tuple[int, Code]:
        """The login id and the activation code behind a long code (`loginGetInfoFromLink`)."""
        ...

    def send_link(self, login_id: int) -> None:
        """Mail the link that waits: activation, further device or unlock (`loginSendByMail`)."""
        ...

    def add_device(self, login_id: int, *, link: bool = False) -> Code:
        """A code, or the long code of a link, for one more device (`loginAddDevice`)."""
        ...

    def rename_device(self, kind: DeviceKind, device_id: int, name: str) -> None:
        """Give a device another name (`loginUpdateTool`)."""
        ...

    def delete_device(self, kind: DeviceKind, device_id: int) -> None:
        """Remove a device for good (`loginDeleteTool`)."""
        ...

    def restore(self, login_id: int) -> Code:
        """A code that replaces all devices once it is used; id, groups and role stay (`loginRestore`)."""
        ...

    def reset_password(self, login_id: int) -> None:
        """The older form of `unlock_code`, which returns no code (`loginResetPwd`)."""
        ...

    def unlock_code(self, login_id: int, *, link: bool = False) -> Code:
        """A code, or the long code of a link, that unlocks a PIN or password (`loginResetPwdExtended`)."""
        ...

    def reset_pin_errors(self, login_id: int) -> None:
        """Set the counter of wrong entries back, once until the next login (`loginResetPINErrorCounter`)."""
        ...

    def otp(self, login_id: int) -> Code:
        """A one-time password for this login (`loginGetOTP`)."""
        ...
