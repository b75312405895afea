"""The file of a batch as it can be carried out, or every complaint about it; nothing is done while one is left."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from iwds.core.batch import role_number
from iwds.core.batch_people import Wish, wishes
from iwds.core.batch_table import Complaint, read
from iwds.core.model import Account, Activation, Unmapped, fold
from iwds.core.nearest import nearest
from iwds.core.words import many
from iwds.engine.job import Job
from iwds.errors import UsageError

NAMED = 20
"""How many complaints are told; the rest is counted."""


class BatchRefused(UsageError):
    """A file of which nothing is done: it has complaints, all of which are known."""

    def __init__(self, name: str, complaints: Sequence[Complaint]) -> None:
        told = [f"  {name}:{each}" for each in complaints[:NAMED]]
        more = [f"  ... {len(complaints) - NAMED:,} more"] if len(complaints) > NAMED else []
        head = self._head = f"{name}: {many(len(complaints), 'complaint')}, and nothing is done while one is left"
        super().__init__("\n".join([head, *told, *more]), "correct the file, and give the same command again")
        self.complaints = tuple(complaints)

    def __str__(self) -> str:
        return self._head


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file without a complaint.

    Attributes:
        name: as it is told.
        digest: SHA-256 of its bytes.
        wishes: what it wants of each login.
        accounts: what each login is to hold, as the service can hold it, by folded name.
    """

    name: str
    digest: str
    wishes: tuple[Wish, ...]
    accounts: Mapping[str, Account]

    @property
    def groups(self) -> frozenset[str]:
        """Names of all groups that it speaks of."""
        return frozenset(name for wish in self.wishes for name in (*wish.joins, *wish.leaves))

    @property
    def asks_for_codes(self) -> bool:
        """Whether somebody new is to get a code, for which there has to be a place."""
        return any(map(_asks_for_code, self.wishes))

    def account(self, wish: Wish) -> Account:
        """What the login of a wish is to hold."""
        return self.accounts[fold(wish.login)]


def sheet_of(job: Job, name: str, data: bytes, codes: bool) -> Sheet:
    """The file, looked at whole; asks the service for its groups.

    Args:
        job: whose service and roles it is for.
        name: as the file is told.
        data: its bytes.
        codes: whether there is a place for activation codes.

    Raises `BatchRefused` with every complaint.
    """
    table = read(data)
    people, contradictions = wishes(table.rows)
    checked = {fold(wish.login): _normalised(job, wish) for wish in people}
    complaints = [*table.complaints, *contradictions, *_unheld(people, checked), *_unfit(people, codes)]
    complaints += _unknown_roles(job, people)
    if any(row.groups for row in table.rows):
        complaints += _unknown_groups(people, {group.name for group in job.target.read_groups()})
    if complaints:
        raise BatchRefused(name, sorted(complaints, key=lambda each: each.line))
    accounts = {key: account for key, account in checked.items() if isinstance(account, Account)}
    return Sheet(name, hashlib.sha256(data).hexdigest(), people, accounts)


def _normalised(job: Job, wish: Wish) -> Account | Unmapped:
    """What the service would hold. The name of a login that has to be there already is not asked about."""
    account = wish.account if wish.create else replace(wish.account, login="x")
    made = job.target.normalise(account, wish.login)
    return made if wish.create or isinstance(made, Unmapped) else replace(made, login=wish.login)


def _unheld(people: Iterable[Wish], checked: Mapping[str, Account | Unmapped]) -> Iterator[Complaint]:
    for wish in people:
        made = checked[fold(wish.login)]
        if isinstance(made, Unmapped):
            # What stands behind the last colon is advice about a directory and a mapping.
            yield Complaint(wish.rows[0].line, wish.login, made.detail.rsplit(": ", 1)[0])


def _asks_for_code(wish: Wish) -> bool:
    return wish.create and wish.activation is Activation.CODE


def _unfit(people: Iterable[Wish], codes: bool) -> Iterator[Complaint]:
    for wish in people:
        line = wish.rows[0].line
        if wish.create and wish.activation is Activation.LINK and not wish.fields.get("mail"):
            yield Complaint(line, wish.login, "a link needs a mail address to go to")
        if _asks_for_code(wish) and not codes:
            yield Complaint(line, wish.login, "asks for a code, and nothing says where to put it: --codes FILE")


def _unknown_roles(job: Job, people: Iterable[Wish]) -> Iterator[Complaint]:
    known = job.target.group_roles
    for row in (row for wish in people for row in wish.rows):
        if row.group_role and role_number(known, row.group_role) is None:
            text = f'there is no role "{row.group_role}" in groups{nearest(row.group_role, known)}'
            yield Complaint(row.line, row.login, text)


def _unknown_groups(people: Iterable[Wish], known: set[str]) -> Iterator[Complaint]:
    for row in (row for wish in people for row in wish.rows):
        for name in row.groups:
            if name not in known:
                yield Complaint(row.line, row.login, f'there is no group "{name}"{nearest(name, known)}')
