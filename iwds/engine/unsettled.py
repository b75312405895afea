"""What an earlier run sent, or meant to send, and never learned the end of: settled before anything is planned.

An intent without an outcome was written before a call that may or may not have been made. What a read can tell is
recorded as if the outcome had been known at once, its effect on the ledger included. A mail cannot be read: that one
stays unknown and is never sent again, until its login turns out to be activated or gone.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from functools import partial

from iwds.core.change import (
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    CreateLogin,
    Forget,
    RemoveFromGroup,
    SendActivation,
    Subject,
    Write,
)
from iwds.core.document import change_from_data
from iwds.core.ledger import ledger_effect
from iwds.core.model import LedgerRow, Status
from iwds.engine.job import Job, MakeWriter, Tools
from iwds.engine.rejections import settle as settle_rejections
from iwds.engine.settle import settled_by_reading
from iwds.engine.status import set_status
from iwds.errors import CallFailed, LoginUnknown, Refused
from iwds.ports import IntentRow, Journal, LedgerEffect, Outcome, Result, Unmailed

GOOD_FOR = timedelta(days=21)
"""How long an activation link is good after its login was created; whoever has not got it by then needs another."""

Open = tuple[IntentRow, Change]


def settle_open_intents(
    job: Job,
    tools: Tools,
    journal: Journal,
    make_writer: MakeWriter,
    about: Callable[[Subject], bool] = lambda _: True,
) -> int:
    """Settle by reading whatever can be of whom it is `about`; returns how many intents have another outcome now.

    What an undoing rejected that was cut off before it undid it is rejected no more.
    A lock of the helpdesk that such a write may have undone is made again; where that fails the intent stays open.
    Raises `Unavailable` and `AccessRefused` where the service cannot be read: nothing is planned on what is open.
    """
    rows = tools.state.unsettled(job.target.service)
    listed = [(row, change_from_data(row.change)) for row in rows]
    found = [(row, change) for row, change in listed if about(change.subject)]
    outcomes = [*_Settling(job, tools, make_writer, found).outcomes()]
    journal.settle(outcomes)
    open_mails = [mail for mail in unmailed(job, tools) if about(Subject(mail.login, None, mail.login_id))]
    mails = [*_settled_mails(job, open_mails)]
    journal.settle(mails)
    settle_rejections(job, tools)
    return len(outcomes) + len(mails)


def unmailed(job: Job, tools: Tools) -> Sequence[Unmailed]:
    """The activation links of this job that may never have been mailed, and that are still good."""
    return tools.state.unmailed(job.name, str(job.target.service), tools.clock.now() - GOOD_FOR)


def told_unmailed(open_mails: Sequence[Unmailed]) -> tuple[str, ...]:
    """One sentence for a person, with the command; nothing where every link was mailed."""
    if not open_mails:
        return ()
    names = ", ".join(mail.login for mail in open_mails[:_NAMED]) + (", …" if len(open_mails) > _NAMED else "")
    links = "1 activation link" if len(open_mails) == 1 else f"{len(open_mails)} activation links"
    return (f"{links} may never have been mailed ({names}): iwds login code LOGIN --mail",)


_NAMED = 5
"""How many logins the sentence names; `iwds status --json` and the run's report have them all."""


class _Settling:
    """One pass over the open intents, in the order in which they were written."""

    def __init__(self, job: Job, tools: Tools, make_writer: MakeWriter, found: Sequence[Open]) -> None:
        self.job, self.tools, self.make_writer, self.target = job, tools, make_writer, job.target
        self.found = found
        self.find_row = partial(tools.state.ledger_row, job.target.service)
        self.created: dict[tuple[str, str], int] = {}

    def outcomes(self) -> Iterator[Outcome]:
        """What became of each; what stays as it is, is left out."""
        memberships: list[Open] = []
        for intent, change in self.found:
            if intent.job != self.job.name and not change.subject.login_id:
                continue  # whom another job created carries its tag: it alone knows its own, and settles it
            match change:
                case AddToGroup() | RemoveFromGroup():
                    memberships.append((intent, change))
                case Adopt() | AdoptMembership() | Forget():
                    # Such an effect on our memory and its outcome are one transaction: neither has come about.
                    yield Outcome(intent.id, Result.NOT_TRIED, "the run ended before it was noted", attempts=0)
                case SendActivation():
                    yield from self._mail(intent, change)
                case Write() if not self._kept_locked(change):
                    continue
                case _:
                    yield self._read(intent, change)
        yield from self._memberships(memberships)

    def _read(self, intent: IntentRow, change: Change) -> Outcome:
        login_id = change.subject.login_id or 0
        result, login_id = settled_by_reading(change, login_id, self.target, self.find_row)
        if isinstance(change, CreateLogin) and result is Result.DONE:
            self.created[intent.run, change.subject.key] = login_id
        return self._outcome(intent, change, result, login_id)

    def _kept_locked(self, change: Write) -> bool:
        """Lock again what the helpdesk holds locked and this write says is active; False where it cannot be done."""
        if change.after.status == Status.LOCKED or not self.tools.hold(self.target.service, change.after.id):
            return True
        try:
            with closing(self.make_writer()) as writer:
                set_status(self.target, writer, change.after, Status.LOCKED)
        except LoginUnknown:
            return True
        except (CallFailed, Refused):
            return False
        return True

    def _outcome(self, intent: IntentRow, change: Change, result: Result, login_id: int) -> Outcome:
        result = Result.SUPERSEDED if result is Result.UNKNOWN else result
        effect = self._effect(change, login_id) if result is Result.DONE else None
        return Outcome(intent.id, result, "settled by reading", 0, login_id, effect)

    def _effect(self, change: Change, login_id: int) -> LedgerEffect:
        owner = self.job.policy.provisioning_id

        def effect(row: LedgerRow | None) -> LedgerRow | None:
            return ledger_effect(change, login_id, row, owner)

        return effect

    def _mail(self, intent: IntentRow, change: Change) -> Iterator[Outcome]:
        """Nobody was mailed who was not created; of others nobody can tell."""
        if intent.result is not None:
            return
        if login_id := self._login_id(intent, change):
            error = "the run ended before it was known: it may have been mailed, or not"
            yield Outcome(intent.id, Result.UNKNOWN, error, 0, login_id)
        else:
            yield Outcome(intent.id, Result.NOT_TRIED, "the login was not created", attempts=0)

    def _login_id(self, intent: IntentRow, change: Change) -> int:
        return change.subject.login_id or self.created.get((intent.run, change.subject.key), 0)

    def _memberships(self, found: Sequence[Open]) -> Iterator[Outcome]:
        """Each group is read once, whoever is to be looked for in it."""
        groups = {change.group.id for _, change in found if isinstance(change, AddToGroup | RemoveFromGroup)}
        members = self._members(groups) if groups else frozenset()
        for intent, change in found:
            assert isinstance(change, AddToGroup | RemoveFromGroup)  # noqa: S101 - they were picked out so
            login_id = self._login_id(intent, change)
            if not login_id:
                yield Outcome(intent.id, Result.NOT_TRIED, "the login was not created", attempts=0)
            elif members is None:
                yield self._outcome(intent, change, Result.UNKNOWN, login_id)
            else:
                inside = (change.group.id, login_id) in members
                yield self._outcome(intent, change, self._became(change, login_id, inside), login_id)

    def _became(self, change: AddToGroup | RemoveFromGroup, login_id: int, inside: bool) -> Result:
        """What the place of a login says of a change to it; in another role, somebody else may have put it there."""
        if inside is isinstance(change, RemoveFromGroup):
            return Result.REJECTED
        if isinstance(change, RemoveFromGroup) or change.role is None:
            return Result.DONE
        return Result.DONE if self.target.role_in(change.group.id, login_id) == change.role else Result.UNKNOWN

    def _members(self, groups: Collection[int]) -> frozenset[tuple[int, int]] | None:
        """(group, login) of everybody in these groups; None where the reading is not believed."""
        reading = self.target.read_memberships(groups)
        members = frozenset((member.group_id, member.login_id) for member in reading)
        return members if reading.finish().proven else None


def _settled_mails(job: Job, open_mails: Sequence[Unmailed]) -> Iterator[Outcome]:
    """Who uses their login got their link in some way, and who has none any more needs none."""
    for mail in open_mails:
        login = job.target.login(mail.login_id, mail.login)
        if login is None:
            yield Outcome(mail.intent, Result.SUPERSEDED, "the login is gone", 0, mail.login_id)
        elif login.activated:
            yield Outcome(mail.intent, Result.SUPERSEDED, "the login was activated since", 0, mail.login_id)
