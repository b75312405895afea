"""A batch: what the rows of a file ask for, as one order (`engine.ordered`), row by row accounted for.

How to use it: `sheet_of` reads the file or says everything that is wrong with it; `look` shows what would be done, and
`carry_out_batch` does it under the lease. The same file again goes on where it stopped: what is already so is no
change, and a call of which nobody knows the end is looked at before anything else.

    sheet = sheet_of(job, "staff.csv", data, codes=False)
    batch = Batch(job, tools, sheet, told=print)
    plan = look(batch, request)
    report = carry_out_batch(batch, writer, actions, replace(request, approved=plan))
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from iwds.core.batch import Now, decisions_of
from iwds.core.batch_people import BATCH_REALM, Wish, anchor_of
from iwds.core.batch_table import Complaint
from iwds.core.change import CreateLogin, DeleteLogin
from iwds.core.decision import Decision
from iwds.core.devices import Code, Loss
from iwds.core.document import change_from_data
from iwds.core.model import Account, Activation, Anchor, LedgerRow, Login, fold
from iwds.core.plan import Plan
from iwds.core.words import many
from iwds.engine.applying import Applied
from iwds.engine.batch_rows import RowEnd, Rows
from iwds.engine.batch_sheet import BatchRefused, Sheet
from iwds.engine.job import Job, MakeWriter, Tools
from iwds.engine.ordered import Concern, Found, Order, Proposed, carry_out_order, preview
from iwds.engine.running import Request, RunReport
from iwds.engine.unsettled import unmailed
from iwds.errors import AccessRefused, LoginUnknown, Unavailable
from iwds.ports import Actions, Result, RunRow, TargetWriter

REPORTED = "batch"
"""Under which key of its report a run keeps which file it was, and how its rows ended."""


def _untold(_: RowEnd) -> None:
    """Nobody wants to know of rows."""


@dataclass(frozen=True)
class Batch:
    """One file, to be looked at or carried out once.

    Attributes:
        sheet: what the file says.
        adopt: origins whose logins the batch takes over where nobody remembers them: 0 console, 1 API, …
        told: called with each row that ended, by the thread that applies.
        code: called with login, id and code of whoever was created with a code to use now, by any lane; else no code
            is looked at.
    """

    job: Job
    tools: Tools
    sheet: Sheet
    adopt: frozenset[int] = frozenset()
    told: Callable[[RowEnd], None] = _untold
    code: Callable[[str, int, Code], None] | None = None

    @cached_property
    def rows(self) -> Rows:
        """What became of each row."""
        return Rows(self.sheet.wishes, self.told)

    @property
    def order(self) -> Order:
        """The order that it is."""
        return Order(
            f"batch {self.sheet.name} ({self.sheet.digest[:8]})",
            Concern(
                anchors=frozenset(wish.anchor for wish in self.sheet.wishes),
                names=frozenset(fold(wish.login) for wish in self.sheet.wishes),
                group_names=self.sheet.groups,
            ),
            self.propose,
            before=self._begin,
            after=self._report,
            heard=self.rows.heard,
        )

    def propose(self, found: Found) -> Proposed:
        """What follows from how everybody of the file stands now; `BatchRefused` where somebody is not there."""
        standing = _Standing(self, found)
        standing.refuse_unknown()
        self.rows.logins = {name: login.id for name, login in standing.named.items()}
        self.rows.unmailed = frozenset(fold(mail.login) for mail in unmailed(self.job, self.tools))
        decisions: list[Decision] = []
        for wish, now in standing.all():
            decisions += decisions_of(wish, now, self.sheet.name)
        return Proposed(decisions, tuple(standing.notes()))

    def hand_over(self, login: str, login_id: int, code: Code) -> None:
        """Give a code to whoever asked for codes."""
        assert self.code is not None  # noqa: S101 - else nobody looks at one
        self.code(login, login_id, code)
        self.rows.coded.add(fold(login))

    def _begin(self, _: RunRow, plan: Plan) -> None:
        self.rows.begin(plan)

    def _report(self, _: RunRow, __: Plan, ___: Applied) -> Mapping[str, Any]:
        self.rows.finish()
        counts = dict(sorted(self.rows.counts.items()))
        return {REPORTED: {"file": self.sheet.name, "sha256": self.sheet.digest, "rows": counts}}


def look(batch: Batch, request: Request) -> Plan:
    """What a batch would do. Changes nothing; the plan is kept. Raises as `ordered.preview`, and `BatchRefused`."""
    return preview(batch.job, batch.tools, request, batch.order)


def carry_out_batch(
    batch: Batch, make_writer: MakeWriter, make_actions: Callable[[], Actions], request: Request
) -> RunReport:
    """Carry out a batch, under the lease of the service. Raises as `look`, and `LeaseHeld`."""

    def writer() -> TargetWriter:
        plain = make_writer()
        return cast("TargetWriter", _Showing(plain, make_actions(), batch.hand_over)) if batch.code else plain

    report = carry_out_order(batch.job, batch.tools, writer, request, batch.order)
    if report.applied is not None:
        batch.rows.begin(report.plan)  # where nothing was to be changed, nothing has begun
    return report


@dataclass(frozen=True, slots=True)
class _Showing:
    """A writer that hands over the codes of those who are created with one to use now."""

    writer: TargetWriter
    actions: Actions
    code: Callable[[str, int, Code], None]

    def create(self, account: Account) -> int:
        if account.at_creation.activation is not Activation.CODE:
            return self.writer.create(account)
        login_id, code = self.actions.create(account)
        self.code(account.login, login_id, code)
        return login_id

    def __getattr__(self, name: str) -> Any:
        return getattr(self.writer, name)


@dataclass(slots=True)
class _Standing:
    """How everybody of a file stands now."""

    batch: Batch
    found: Found
    named: dict[str, Login] = field(default_factory=dict)
    rows: dict[int, LedgerRow | None] = field(default_factory=dict)
    earlier: dict[Anchor, LedgerRow] = field(default_factory=dict)
    doubted: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.named = {fold(login.login): login for login in self.found.logins.values()}
        for row in sorted(self.found.rows.values(), key=lambda row: row.login_id in self.found.logins):
            self.earlier[row.anchor] = row  # of several, one that exists
        self.doubted = frozenset(self._doubted())
        # Whom a batch made is known by the name; of others our memory is asked by the login.
        state, service = self.batch.tools.state, self.batch.job.target.service
        known = self.found.rows
        self.rows = {n.id: known.get(n.id) or state.ledger_row(service, n.id) for n in self.named.values()}

    def _doubted(self) -> Iterator[str]:
        """Names that a call of an earlier run may have made, of which nobody knows the end yet."""
        for row in self.batch.tools.state.unsettled(self.batch.job.target.service):
            change = change_from_data(dict(row.change))
            if isinstance(change, CreateLogin):
                yield fold(change.account.login)

    def refuse_unknown(self) -> None:
        """`BatchRefused` where a row is about a login that is not there, unless a batch deleted it before."""
        missing = [w for w in self.batch.sheet.wishes if not w.create and fold(w.login) not in self.named]
        gone = self._deleted_before(wish for wish in missing if wish.delete)
        text = f"{self.batch.job.target.service} has no login of this name"
        complaints = [Complaint(wish.rows[0].line, wish.login, text) for wish in missing if wish.anchor not in gone]
        if complaints:
            raise BatchRefused(self.batch.sheet.name, sorted(complaints, key=lambda each: each.line))

    def _deleted_before(self, wishes: Iterator[Wish]) -> frozenset[Anchor]:
        """Of whom the last thing that was made is that a login of theirs was deleted."""
        state, service = self.batch.tools.state, self.batch.job.target.service
        last: dict[Anchor, bool] = {}
        anchors = frozenset(wish.anchor for wish in wishes)
        for told in state.changes_about(service, anchors) if anchors else ():
            change = change_from_data(dict(told.change))
            if told.result is Result.DONE and change.subject.anchor:
                last[change.subject.anchor] = isinstance(change, DeleteLogin)
        return frozenset(anchor for anchor, deleted in last.items() if deleted)

    def all(self) -> Iterator[tuple[Wish, Now]]:
        """Every wish with how its login stands; what would be lost is asked for in lanes."""
        wishes = self.batch.sheet.wishes
        with ThreadPoolExecutor(self.batch.job.target.lanes, thread_name_prefix="batch") as lanes:
            for done, (wish, now) in enumerate(zip(wishes, lanes.map(self._now, wishes), strict=True), 1):
                self.batch.tools.progress("batch", done, len(wishes))
                yield wish, now

    def _now(self, wish: Wish) -> Now:
        found, login = self.found, self.named.get(fold(wish.login))
        earlier = self.earlier.get(anchor_of(wish.login))
        inside = found.groups_of(login.id) if login else frozenset[int]()
        return Now(
            world=found.world,
            account=self.batch.sheet.account(wish),
            groups=found.world.groups,
            login=login,
            row=self.rows[login.id] if login else None,
            earlier=earlier,
            still=earlier is not None and earlier.login_id in found.logins,
            member_of=inside,
            roles=self._roles(wish, login, inside),
            loss=self._loss(login) if login and wish.delete else None,
            doubted=fold(wish.login) in self.doubted,
            adopt=self.batch.adopt,
            ours=self.batch.job.policy.provisioning_id if self.batch.job.sources else None,
        )

    def _roles(self, wish: Wish, login: Login | None, inside: frozenset[int]) -> Mapping[int, int]:
        """Its roles in the groups that it is in and in which the batch says one."""
        groups = {self.found.world.groups[name].id for name, role in wish.joins.items() if role} & inside
        return self.batch.job.target.roles_in(groups, login.id) if login and groups else {}

    def _loss(self, login: Login) -> Loss | None:
        try:
            return self.batch.job.target.loss(login.id)
        except (Unavailable, AccessRefused, LoginUnknown):
            return None

    def notes(self) -> Iterator[str]:
        """What else whoever looks at the plan should know."""
        asked = {fold(wish.login) for wish in self.batch.sheet.wishes}
        rows = (self.rows[login.id] for name, login in self.named.items() if name in asked)
        kept = sum(row is not None and row.anchor.realm != BATCH_REALM for row in rows)
        if kept:
            yield (
                f"a directory answers for {many(kept, 'person', 'people')} of this batch: what the mapping governs of"
                " them, the next run writes as the directory says"
            )
