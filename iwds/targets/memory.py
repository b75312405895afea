"""Target kind `memory`: an MFA service in this process, for tests and rehearsals.

targets:
  rehearsal:
    kind: memory
    groups: [vpn, wiki]
    logins:
      - {login: ada, mail: ada@example.org, role: 2, created_by: 0}
"""

import threading
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from iwds.core.devices import Activated, Details, Device, Enrolment, GroupRole, Loss, loss_of
from iwds.core.model import Account, Activation, Group, Login, Membership, Service, Status, Unmapped
from iwds.core.normal import normalise, render_extra
from iwds.errors import LoginTaken, LoginUnknown, OutcomeUnknown, Rejected, ServiceFull, ServiceUnavailable
from iwds.ports import Finding
from iwds.soap.constraints import contact_problem, login_problem, name_problem, stored_extra_problem
from iwds.targets._fields import overwritten
from iwds.targets._paging import Tally
from iwds.targets._reading import Reading
from iwds.targets._roles import CustomRoles, known_roles

T = TypeVar("T")

_CREATED_BY_API = 1


class Person(BaseModel):
    """One login in the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    login: Annotated[str, Field(min_length=1)]
    firstname: str = ""
    name: str = ""
    mail: str = ""
    phone: str = ""
    role: Literal[0, 1, 2] = 0
    status: Literal[0, 1] = 0
    extra: str = ""
    created_by: int = 0


class Settings(BaseModel):
    """The settings of a target of kind `memory`.

    Attributes:
        service_id: with the host `memory`, which service it is.
        max_logins: how many logins fit; None for any number.
        group_roles: number of each custom role in groups, by the name that mappings use.
        tagged: whether creations can be tagged, as newer services can.
        groups, logins: what the service holds at first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["memory"]
    service_id: Annotated[int, Field(gt=0)] = 1
    provisioning_id: Annotated[int, Field(gt=0)]
    untagged_creations: Literal["skip", "allow"] = "skip"
    max_logins: int | None = None
    group_roles: CustomRoles = Field(default_factory=dict)
    lanes: Annotated[int, Field(ge=1, le=32)] = 4
    tagged: bool = True
    groups: tuple[str, ...] = ()
    logins: tuple[Person, ...] = ()


@dataclass(slots=True)
class MemoryService:
    """The state of the service, open to tests: what another hand does is done by changing it.

    Attributes:
        logins: by id; `take_id` gives a new one.
        groups: by id.
        members: the role of every member, by (group id, login id).
        devices: of a login, by its id.
        links: ids of logins that wait for the mail with their activation link.
        codes: how far the activation of others is whose code was not used, by login id; expired where nothing is said.
        mails: ids of logins that a mail was sent for, oldest first.
        problems: sentences that speak against every reading from now on.
        moved: asked at the end of each reading whether the listing moved under it.
        ask: called with the name of each question about one login's roles, and of the count; it may raise what a caller
            should get.
        before: called with the name of each operation that changes something, before it has its effect.
        after: the same, after its effect. Either may raise what a caller should get.
    """

    logins: dict[int, Login] = field(default_factory=dict)
    groups: dict[int, Group] = field(default_factory=dict)
    members: dict[tuple[int, int], int] = field(default_factory=dict)
    devices: dict[int, tuple[Device, ...]] = field(default_factory=dict)
    links: set[int] = field(default_factory=set)
    codes: dict[int, Activated] = field(default_factory=dict)
    mails: list[int] = field(default_factory=list)
    problems: Sequence[str] = ()
    moved: Callable[[], bool] = lambda: False
    ask: Callable[[str], None] = lambda _: None
    before: Callable[[str], None] = lambda _: None
    after: Callable[[str], None] = lambda _: None
    last_id: int = 1000

    def take_id(self) -> int:
        """A login id that was never used."""
        self.last_id += 1
        return self.last_id

    def how_far(self, login: Login) -> Activated:
        """How far the activation of a login is."""
        if login.activated:
            return Activated.DONE
        return Activated.LINK if login.id in self.links else self.codes.get(login.id, Activated.EXPIRED)

    def add(self, login: str, **fields: str | int | bool) -> Login:
        """A login made by another hand: by the console unless `created_by` says otherwise."""
        empty: Mapping[str, str | int | bool] = {
            **dict.fromkeys(("firstname", "name", "mail", "phone", "extra"), ""),
            **dict.fromkeys(("role", "status", "created_by", "last_seen"), 0),
            "activated": True,
        }
        made = Login(self.take_id(), login, **{**empty, **fields})  # type: ignore[arg-type]  # checked by its users
        self.logins[made.id] = made
        return made


class MemoryReader:
    """The reading half."""

    def __init__(self, settings: Settings, state: MemoryService, lock: threading.RLock) -> None:
        self._settings = settings
        self._state = state
        self._lock = lock

    @property
    def service(self) -> Service:
        """The host is `memory`."""
        return Service("memory", self._settings.service_id)

    @property
    def provisioning_id(self) -> int:
        """The tag that this target's creations carry."""
        return self._settings.provisioning_id

    @property
    def untagged_creations(self) -> bool:
        """Whether logins may be created untagged where the service knows no other way."""
        return self._settings.untagged_creations == "allow"

    @property
    def timeout(self) -> float:
        """Seconds that one call takes at most."""
        return 1.0

    @property
    def lanes(self) -> int:
        """How many calls may be under way at once."""
        return self._settings.lanes

    @property
    def group_roles(self) -> Mapping[str, int]:
        """The roles in groups by name, the custom ones as the settings name them."""
        return known_roles(self._settings.group_roles)

    def normalise(self, account: Account, name: str) -> Account | Unmapped:
        """The account within the constraints of the provisioning API."""
        return normalise(account, name)

    def read_logins(self) -> Reading[Login]:
        """All logins in the order of their names, as they are when the iteration begins."""
        return Reading(
            lambda tally: self._listed(tally, sorted([*self._state.logins.values()], key=_by_name)),
            f"all logins of {self.service}",
            lambda tally: f"{tally.count} logins were in memory",
        )

    def count(self) -> int:
        """How many logins there are."""
        self._state.ask("count")
        with self._lock:
            return len(self._state.logins)

    def read_enrolments(self) -> Reading[Enrolment]:
        """The same with how far the activation of each is."""
        return Reading(
            lambda tally: self._listed(tally, self._enrolments()),
            f"all logins of {self.service}",
            lambda tally: f"{tally.count} logins were in memory",
        )

    def _enrolments(self) -> Sequence[Enrolment]:
        logins = sorted([*self._state.logins.values()], key=_by_name)
        return [Enrolment(login, self._state.how_far(login)) for login in logins]

    def read_groups(self) -> Sequence[Group]:
        """All groups."""
        with self._lock:
            return list(self._state.groups.values())

    def read_memberships(self, groups: Collection[int]) -> Reading[Membership]:
        """The members of these groups."""
        return Reading(
            lambda tally: self._listed(tally, self._members(set(groups))),
            f"the members of {len(groups)} groups of {self.service}",
            lambda tally: f"{tally.count} memberships were in memory",
        )

    def login(self, login_id: int, name: str) -> Login | None:  # noqa: ARG002 - nothing is looked up by name here
        """One login by id."""
        with self._lock:
            return self._state.logins.get(login_id)

    def named(self, name: str) -> Login | None:
        """The login of this name, in whatever case."""
        with self._lock:
            return next((login for login in self._state.logins.values() if _is_named(login, name)), None)

    def role_in(self, group_id: int, login_id: int) -> int | None:
        """A login's role in one group."""
        self._state.ask("role_in")
        with self._lock:
            return self._state.members.get((group_id, login_id))

    def roles_in(self, groups: Collection[int], login_id: int) -> Mapping[int, int]:
        """A login's roles in some groups."""
        self._state.ask("roles_in")
        with self._lock:
            held = {group: self._state.members.get((group, login_id)) for group in groups}
        return {group: role for group, role in held.items() if role is not None}

    def loss(self, login_id: int) -> Loss:
        """What goes with a login."""
        self._state.ask("loss")
        with self._lock:
            if (login := self._state.logins.get(login_id)) is None:
                raise LoginUnknown(f"the service does not know login {login_id}", "account unknown")
            devices = self._state.devices.get(login_id, ())
            members = self._state.members.items()
            held = [GroupRole(self._state.groups[group], role) for (group, who), role in members if who == login_id]
        return loss_of(Details(login, None, devices), held)

    def check(self) -> Iterator[Finding]:
        """What the service holds."""
        yield Finding(True, "service", f"{self.service}, {len(self._state.logins)} logins in memory")
        known = self.knows_tagged_creation()
        yield Finding(known or self.untagged_creations, "tagged creation", "known" if known else "not known")

    def knows_tagged_creation(self) -> bool:
        """As the settings say."""
        return self._settings.tagged

    def close(self) -> None:
        """There is nothing to give back."""

    def _members(self, groups: Collection[int]) -> Sequence[Membership]:
        if unknown := set(groups) - self._state.groups.keys():
            raise ServiceUnavailable(f"the service answered NOK for the members of group {min(unknown)}")
        return [Membership(login, group) for group, login in sorted(self._state.members) if group in groups]

    def _listed(self, tally: Tally, items: Sequence[T]) -> Generator[T, None, None]:
        tally.problems.extend(self._state.problems)
        yield from items
        if self._state.moved():
            tally.problems.append("the listing moved while it was read")
            tally.moved = True


class MemoryWriter:
    """The writing half. Thread-safe."""

    def __init__(self, settings: Settings, state: MemoryService, lock: threading.RLock) -> None:
        self._settings = settings
        self._state = state
        self._lock = lock

    def create(self, account: Account) -> int:
        """Create a login, tagged where the service can and untagged where the settings allow it."""
        if account.enabled is not True:
            raise ValueError("only people who are enabled are created")
        return self._do("create", lambda: self._create(account))

    def update(self, login: Login) -> None:
        """Overwrite every field but the tag, the activation and the last authentication."""
        overwritten(login)  # refuses what was not read whole
        self._do("update", lambda: self._update(login))

    def delete(self, login_id: int) -> None:
        """Delete a login with its memberships."""
        self._do("delete", lambda: self._delete(login_id))

    def add_to_group(self, group_id: int, login_id: int, role: int = 0) -> None:
        """Add a login to a group, with its role there."""
        self._do("add_to_group", lambda: self._add(group_id, login_id, role))

    def set_role_in(self, group_id: int, login_id: int, role: int) -> None:
        """Change the role of a member."""
        self._do("set_role_in", lambda: self._set_role(group_id, login_id, role))

    def remove_from_group(self, group_id: int, login_id: int) -> None:
        """Take a login out of a group."""
        self._do("remove_from_group", lambda: self._remove(group_id, login_id))

    def send_activation(self, login_id: int) -> None:
        """Note the mail."""
        self._do("send_activation", lambda: self._send(login_id))

    def close(self) -> None:
        """There is nothing to give back."""

    # --- what the service does ----------------------------------------------------------------------------------------

    def _do(self, operation: str, effect: Callable[[], T]) -> T:
        with self._lock:
            self._state.before(operation)
            result = effect()
            self._state.after(operation)
            return result

    def _create(self, account: Account) -> int:
        if not self._settings.tagged and self._settings.untagged_creations == "skip":
            raise Rejected("the service cannot tag what it creates")
        made = _created(account, self._settings.provisioning_id if self._settings.tagged else _CREATED_BY_API)
        given = account.at_creation
        also = (given.language in ("", "en", "fr"), given.access in (0, 1))
        _refuse_invalid(made, *also, *(not contact_problem(text) for text in (given.login2, given.login3)))
        if self._settings.max_logins is not None and len(self._state.logins) >= self._settings.max_logins:
            raise ServiceFull("the service is full", "full")
        self._refuse_taken(account.login, 0, "loginexists")
        made = replace(made, id=self._state.take_id())
        self._state.logins[made.id] = made
        if given.activation is Activation.LINK:
            self._state.links.add(made.id)
        else:
            self._state.codes[made.id] = Activated(given.activation.value)
        return made.id

    def _update(self, login: Login) -> None:
        before = self._known(login.id)
        _refuse_invalid(login)
        self._refuse_taken(login.login, login.id, "login already used")
        kept = {name: getattr(before, name) for name in ("created_by", "activated", "last_seen")}
        self._state.logins[login.id] = replace(login, **kept)

    def _delete(self, login_id: int) -> None:
        self._known(login_id)
        del self._state.logins[login_id]
        self._state.members = {member: role for member, role in self._state.members.items() if member[1] != login_id}
        self._state.links.discard(login_id)

    def _add(self, group_id: int, login_id: int, role: int) -> None:
        self._known_group(group_id)
        self._known(login_id)
        if (group_id, login_id) in self._state.members:
            raise _bare_nok()
        self._state.members[group_id, login_id] = role

    def _set_role(self, group_id: int, login_id: int, role: int) -> None:
        self._known_member(group_id, login_id)
        self._state.members[group_id, login_id] = role

    def _remove(self, group_id: int, login_id: int) -> None:
        self._known_member(group_id, login_id)
        del self._state.members[group_id, login_id]

    def _send(self, login_id: int) -> None:
        if not self._known(login_id).mail or login_id not in self._state.links:
            raise _bare_nok()
        self._state.mails.append(login_id)

    def _known(self, login_id: int) -> Login:
        try:
            return self._state.logins[login_id]
        except KeyError:
            raise LoginUnknown(f"the service does not know login {login_id}", "account unknown") from None

    def _known_group(self, group_id: int) -> None:
        if group_id not in self._state.groups:
            raise _bare_nok()

    def _known_member(self, group_id: int, login_id: int) -> None:
        self._known_group(group_id)
        self._known(login_id)
        if (group_id, login_id) not in self._state.members:
            raise _bare_nok()

    def _refuse_taken(self, name: str, by: int, cause: str) -> None:
        if any(_is_named(login, name) and login.id != by for login in self._state.logins.values()):
            raise LoginTaken(f"the login name {name} is in use", cause)


class MemoryTarget:
    """One service in memory: both halves, and `state` for those who play the other hands."""

    def __init__(self, settings: Settings, state: MemoryService) -> None:
        self.state = state
        self._settings = settings
        self._lock = threading.RLock()
        self.reader = MemoryReader(settings, state, self._lock)

    def writer(self) -> MemoryWriter:
        """The writing half, made by those who apply a plan."""
        return MemoryWriter(self._settings, self.state, self._lock)

    def certificates(self) -> Iterable[Finding]:
        """There are none."""
        return ()


def connect(name: str, settings: Settings) -> MemoryTarget:  # noqa: ARG001 - every kind of target is connected alike
    """A new service that holds what the settings say."""
    state = MemoryService()
    for number, group in enumerate(settings.groups, 1):
        state.groups[number] = Group(number, group)
    for person in settings.logins:
        state.add(**person.model_dump())
    return MemoryTarget(settings, state)


def _by_name(login: Login) -> str:
    return login.login.casefold()


def _is_named(login: Login, name: str) -> bool:
    """Whether a login has this name; to the service case makes no difference, and a space does."""
    return login.login.casefold() == name.casefold()


def _created(account: Account, created_by: int) -> Login:
    """The login that an account becomes, without its id."""
    texts = (account.firstname or "", account.name or "", account.mail or "", account.phone or "")
    extra = render_extra(tuple(pair for pair in account.extra if pair[1]))
    return Login(0, account.login, *texts, int(account.role or 0), Status.ACTIVE, extra, created_by, False, 0)


def _refuse_invalid(login: Login, *also: bool) -> None:
    """What breaks the constraints of the API document is refused as the service does it."""
    problems = (
        login_problem(login.login),
        *(name_problem(text or "") for text in (login.firstname, login.name)),
        *(contact_problem(text or "") for text in (login.mail, login.phone)),
        stored_extra_problem(login.extra or ""),
    )
    if any(problems) or login.status not in (0, 1) or login.role not in (0, 1, 2) or not all(also):
        raise Rejected("a field breaks the constraints of the service", "SN")


def _bare_nok() -> OutcomeUnknown:
    """What the provisioning API answers with a bare NOK, which gives no cause and has to be settled by a read."""
    return OutcomeUnknown("the service answered NOK without a cause", "The next run reads the service and settles it.")
