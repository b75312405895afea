"""What planning a case yields: a change that would be made, or a step deliberately not taken, with its reason."""

from dataclasses import dataclass
from enum import StrEnum

from iwds.core.change import Change, Subject
from iwds.core.matching import Case, Match
from iwds.core.model import Absent


class Reason(StrEnum):
    """Why a step is not taken."""

    FOREIGN = "foreign"
    ORPHAN = "orphan"
    TAKEN = "taken"
    PROTECTED = "protected"
    EXCLUDED = "excluded"
    DUPLICATE = "duplicate"
    INVALID = "invalid"
    HELD = "held"
    POLICY = "policy"
    UNPROVEN = "unproven"
    UNTAGGED = "untagged"
    LOCKED_ELSEWHERE = "locked-elsewhere"
    FOREIGN_MEMBERSHIP = "foreign-membership"
    FIRST_RUN = "first-run"
    EXEMPT = "exempt"
    AMBIGUOUS = "ambiguous"
    CHANGED = "changed"
    REJECTED = "rejected"
    UNAPPROVED = "unapproved"
    MOVED = "moved"
    """Approved, and no longer true."""


@dataclass(frozen=True, slots=True)
class Skip:
    """A step deliberately not taken. `change` is what would have been made, where there is such a step."""

    subject: Subject
    reason: Reason
    detail: str
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that would be made.

    Attributes:
        waits_for: the login that must give up its name first.
        known: the configuration last applied asks for it too; says nothing where the configuration did not change.
        blamed: where the part of the changed configuration stands that it is the doing of.
        meanwhile: made only while the deletion of the same login waits.
        exempt: the hold of a person who takes nothing away from this login; the change is never made then.
    """

    change: Change
    waits_for: int | None = None
    known: bool = False
    blamed: str = ""
    meanwhile: bool = False
    exempt: str = ""


Decision = Proposal | Skip

_ANOTHERS = ("kept by the job with provisioningId ", "made by a batch, ")


def kept_by(subject: Subject, owner: int) -> Skip:
    """A login of another job on the same service."""
    return Skip(subject, Reason.FOREIGN, f"{_ANOTHERS[0]}{owner}")


def made_by_batch(subject: Subject) -> Skip:
    """A login that a batch made."""
    return Skip(subject, Reason.FOREIGN, f"{_ANOTHERS[1]}and no directory decides about them")


def is_anothers(skip: Skip) -> bool:
    """Whether a login is left alone because our memory has it as another job's, or a batch's."""
    return skip.reason is Reason.FOREIGN and skip.detail.startswith(_ANOTHERS)


WITHOUT_ACCOUNT = {Absent.EXCLUDED: Reason.EXCLUDED, Absent.INVALID: Reason.INVALID, Absent.DUPLICATE: Reason.DUPLICATE}
"""The reason for a skip, by why somebody has no account."""


class Nobody:
    """Stands in where no person belongs to a login."""

    anchor = None


def subject_of(case: Case) -> Subject:
    """Whom a case is about, named as the service names them, or else as they should be named."""
    login = case.login.login if case.login and case.match is not Match.TAKEN else None
    name = login or (case.account and case.account.login) or (case.absent and case.absent.login)
    anchor = (case.account or case.absent or case.row or Nobody).anchor
    login_id = case.login.id if case.login and case.match is not Match.TAKEN else None
    return Subject(name or (case.row.login if case.row else str(anchor)), anchor, login_id)
