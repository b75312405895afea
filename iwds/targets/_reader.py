"""The reading half of the provisioning API: which operation answers which question."""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from itertools import islice
from typing import TypeVar
from urllib.parse import urlsplit

from iwds.core.devices import Enrolment, GroupRole, Loss, loss_of
from iwds.core.model import Account, Group, Login, Membership, Service, Unmapped, fold
from iwds.core.normal import normalise
from iwds.errors import LoginUnknown, ServiceUnavailable, ServiceUnproven
from iwds.ports import Finding
from iwds.soap.description import OPERATIONS
from iwds.soap.envelope import Answer, build_partial_request
from iwds.targets._actions import details_of
from iwds.targets._calls import Api
from iwds.targets._fields import is_whole
from iwds.targets._group_roles import groups_of, role_in, with_ids
from iwds.targets._lanes import Lanes
from iwds.targets._paging import Listing, Tally, paged, whole
from iwds.targets._reading import Reading, enrolments_of, login_of, logins_of
from iwds.targets._roles import known_roles
from iwds.targets._settings import Settings

T = TypeVar("T")

_BY_LOGIN = 1
_NO_GROUPS: Sequence[GroupRole] = ()
"""The order of listings. It is the only one that is written down and that pages can be joined by; see _paging.py."""


class ProvisioningReader:
    """The reading half. Every method may raise `ServiceUnavailable` and `AccessRefused`."""

    def __init__(self, name: str, settings: Settings, api: Api) -> None:
        self._name = name
        self._settings = settings
        self._api = api
        self._tagged: bool | None = None
        self._service = Service((urlsplit(settings.url).hostname or "").rstrip("."), settings.service_id)

    @property
    def service(self) -> Service:
        """Host without port, and service id."""
        return self._service

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
        """Seconds that one call takes at most, its waiting for its turn included."""
        return self._settings.longest_call

    @property
    def lanes(self) -> int:
        """How many calls may be under way at once."""
        return self._settings.calls_at_once

    @property
    def group_roles(self) -> Mapping[str, int]:
        """The roles in groups by name, the custom ones as the settings name them."""
        return known_roles(self._settings.group_roles)

    def normalise(self, account: Account, name: str) -> Account | Unmapped:
        """The account within the documented constraints of the service."""
        return normalise(account, name)

    def read_logins(self) -> Reading[Login]:
        """All logins in the order of their names. A few pages per lane are in memory at a time."""
        return self._everybody(logins_of)

    def count(self) -> int:
        """The count of the shortest page."""
        count = self._login_page(0, 1).numbers.get("count")
        if count is None:
            raise ServiceUnavailable("the service answered with logins and did not count them", "Try again later.")
        return count

    def read_enrolments(self) -> Reading[Enrolment]:
        """The same with how far each activation is, from the same calls."""
        return self._everybody(enrolments_of)

    def _everybody(self, of: Callable[[Answer], Iterator[T]]) -> Reading[T]:
        return Reading(
            partial(self._logins, of),
            f"all logins of {self._service}",
            lambda tally: f"{tally.count} different logins came, which is what the service counted before and after",
        )

    def read_groups(self) -> Sequence[Group]:
        """All groups, in the order of the service."""
        listing = Listing(self._group_page, self._settings.page_size, names="name")
        pages = whole(listing, f"the groups of {self._service}")
        return [group for answer, known in pages for group in islice(_groups(answer), known, None)]

    def read_memberships(self, groups: Collection[int]) -> Reading[Membership]:
        """The members of these groups: several groups at once, and several pages of a large one."""
        return Reading(
            partial(self._memberships, tuple(groups)),
            f"the members of {len(groups)} groups of {self._service}",
            lambda tally: f"{tally.count} memberships came, which is what the service counted in each group",
        )

    def login(self, login_id: int, name: str) -> Login | None:  # noqa: ARG002 - asked for by id, whatever its name
        """One login by id.

        The query by id alone follows a renamed login and knows a deleted one. Where it gives no phone, as in the
        dialect of the API document, the search by the name that it gave fills the gap: one call, or two.
        """
        asked = self._queried(login_id)
        if asked is None or is_whole(asked):
            return asked
        found = next((login for login in self._search(asked.login) if login.id == login_id), None)
        if found is None:
            raise ServiceUnavailable(
                f"{self._name} knows login {login_id} by its id and not by its name", "Try again later."
            )
        return _filled(found, asked)

    def named(self, name: str) -> Login | None:
        """The login of this name, in whatever case; the one in the same case where there are several.

        One call, or two where the search gives no tag, as in the dialect of the API document.
        """
        found = [login for login in self._search(name) if fold(login.login) == fold(name)]
        best = next((login for login in found if login.login == name), found[0] if found else None)
        if best is None or is_whole(best):
            return best
        asked = self._queried(best.id)
        return asked and _filled(asked, best)

    def role_in(self, group_id: int, login_id: int) -> int | None:
        """One call; a second one where the service refuses without a cause, which it does for whoever is no member."""
        return _asked(lambda: role_in(self._api, self._settings.page_size, group_id, login_id), None)

    def roles_in(self, groups: Collection[int], login_id: int) -> Mapping[int, int]:
        """One call: about the membership where one group is asked for, else for the list of the login's groups."""
        if len(groups) == 1:
            (group,) = groups
            role = self.role_in(group, login_id)
            return {} if role is None else {group: role}
        held = _asked(lambda: groups_of(self._api, self._settings.page_size, login_id), _NO_GROUPS)
        return {each.group.id: each.role for each in held if each.group.id in groups}

    def loss(self, login_id: int) -> Loss:
        """Two calls: everything about the login, and its groups."""
        try:
            return loss_of(details_of(self._api, login_id), groups_of(self._api, self._settings.page_size, login_id))
        except ServiceUnproven as error:
            raise ServiceUnavailable(str(error), error.advice) from None

    def check(self) -> Iterator[Finding]:
        """Certificate, service id, tagged creation, logins and groups; ends with the first failure to speak at all."""
        from iwds.targets._check import findings  # the check loads a WSDL library that nothing else needs

        return findings(self._settings, self._api, self)

    def knows_tagged_creation(self) -> bool:
        """Asks once: a creation without a service id and with an empty name, which no service can carry out."""
        if self._tagged is None:
            operation = OPERATIONS["loginCreateBySource"]
            nothing = {p.name: 0 if p.kind.is_number else "" for p in operation.request if p.name != "serviceid"}
            self._tagged = self._api.is_known(operation, build_partial_request(operation, **nothing))
        return self._tagged

    def close(self) -> None:
        """Give back connections."""
        self._api.close()

    def _logins(self, of: Callable[[Answer], Iterator[T]], tally: Tally) -> Generator[T, None, None]:
        with Lanes(self.lanes) as lanes:
            for answer, known in paged(Listing(self._login_page, self._settings.page_size), tally, lanes):
                yield from islice(of(answer), known, None)

    def _memberships(self, groups: Sequence[int], tally: Tally) -> Generator[Membership, None, None]:
        """Most groups fit on one page: so first pages are fetched side by side, and then the rest of each group."""
        size = self._settings.page_size
        with Lanes(self.lanes) as lanes:
            firsts = lanes.ordered(partial(self._member_page, group, 0, size) for group in groups)
            for group, first in zip(groups, firsts, strict=True):
                listing = Listing(partial(self._member_page, group), size, of=f"group {group}: ")
                for answer, known in paged(listing, tally, lanes, first):
                    ids = islice(answer.number_arrays["id"], known, None)
                    yield from (Membership(number, group) for number in ids if number is not None)
                if tally.problems:
                    return

    def _login_page(self, offset: int, lines: int) -> Answer:
        service = self._service.id
        return self._api.read("loginsQuery", userid=0, serviceid=service, offset=offset, nmax=lines, sort=_BY_LOGIN)

    def _group_page(self, offset: int, lines: int) -> Answer:
        return with_ids(
            self._api.read("serviceGroupsQuery", userid=0, serviceid=self._service.id, offset=offset, nmax=lines)
        )

    def _member_page(self, group: int, offset: int, lines: int) -> Answer:
        return self._api.read("loginsQueryByGroup", userid=0, groupid=group, offset=offset, nmax=lines, sort=_BY_LOGIN)

    def _queried(self, login_id: int) -> Login | None:
        """One login by id, with what this service gives so; None where it does not exist."""
        try:
            return login_of(self._api.read("loginQuery", userid=0, loginid=login_id), login_id)
        except LoginUnknown:
            return None

    def _search(self, name: str) -> Iterator[Login]:
        """The logins of this name: one or none, unless the service tells names apart by case."""
        answer = self._api.read(
            "loginSearch",
            userid=0,
            serviceid=self._service.id,
            loginname=name,
            exactmatch=1,
            offset=0,
            nmax=self._settings.page_size,
            sort=0,
        )
        return logins_of(answer)


def _filled(login: Login, other: Login) -> Login:
    """A login as one call gave it; what that call does not give is as the other one gave it."""
    missing = [field.name for field in fields(Login) if getattr(login, field.name) is None]
    return replace(login, **{name: getattr(other, name) for name in missing})


def _asked(ask: Callable[[], T], nobody: T) -> T:
    """What was asked about one login, or `nobody` where it does not exist."""
    try:
        return ask()
    except LoginUnknown:
        return nobody
    except ServiceUnproven as error:
        raise ServiceUnavailable(str(error), error.advice) from None


def _groups(page: Answer) -> Iterator[Group]:
    ids, names = page.number_arrays["id"], page.text_arrays["name"]
    policies = page.number_arrays.get("servicepolicy") or [None] * len(ids)
    for number, name, policy in zip(ids, names, policies, strict=True):
        if number is not None:
            yield Group(number, name, policy or 0)
