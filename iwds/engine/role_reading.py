"""Roles in groups, read for the cases that ask for them: no reading of all logins or members shows them."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice

from iwds.core.matching import Case
from iwds.errors import LoginUnknown, ServiceUnavailable
from iwds.ports import TargetReader

AT_ONCE = 256
"""Cases in memory at a time."""
FAILURES_FLOOR, FAILURES_RATIO = 10, 0.1
"""Where more questions than this failed the service is not well, and it is asked for no more roles."""


class RoleReading:
    """Reads the roles that cases ask for, in lanes.

    A role that cannot be read stays unread, and its case is decided without it: that leaves the role alone.

    Attributes:
        asked: of how many logins the roles were to be read.
        unread: for how many of them there was no answer, or no question after too many had failed.
    """

    def __init__(self, target: TargetReader, told: Callable[[int], None]) -> None:
        self._target, self._told = target, told
        self._counting = threading.Lock()
        self.asked = self.unread = 0

    def of(self, cases: Iterable[Case]) -> Iterator[Case]:
        """The same cases in the same order, with the roles that they ask for; raises `AccessRefused`."""
        rest = iter(cases)
        with ThreadPoolExecutor(self._target.lanes, thread_name_prefix="roles") as lanes:
            while batch := list(islice(rest, AT_ONCE)):
                asking = [case for case in batch if case.asked]
                answered = dict(zip(map(id, asking), lanes.map(self._read, asking), strict=True))
                if asking:
                    self._told(self.asked)
                yield from (answered.get(id(case), case) for case in batch)

    def _read(self, case: Case) -> Case:
        assert case.login is not None  # noqa: S101 - only of a login a role is asked for
        try:
            roles: Mapping[int, int] = {} if self._hopeless() else self._target.roles_in(case.asked, case.login.id)
        except (ServiceUnavailable, LoginUnknown):
            roles = {}
        with self._counting:
            self.asked += 1
            self.unread += not roles
        return replace(case, roles={group: roles[group] for group in case.asked & roles.keys()})

    def _hopeless(self) -> bool:
        return self.unread > max(FAILURES_FLOOR, FAILURES_RATIO * self.asked)
