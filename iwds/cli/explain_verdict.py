"""How somebody stands, in one sentence."""

from iwds.core.change import Change, Kind, kinds
from iwds.core.model import Absent, Account, Unmapped
from iwds.engine.explaining import Explanation

DISABLED = "disabled or expired in the directory"
_ABSENT = {
    Absent.OUT_OF_SCOPE: "out of scope",
    Absent.EXCLUDED: "excluded by the mapping",
    Absent.INVALID: "cannot be mapped",
    Absent.DUPLICATE: "one of several who want the same login",
}
_NAMING = frozenset({Kind.CREATE, Kind.ADOPT, Kind.RENAME})


def verdict(seen: Explanation) -> tuple[str, str]:
    """The whole in a sentence, and its colour."""
    if seen.failed:
        return f"{', '.join(seen.failed)} does not answer, so what a run would do cannot be told.", "yellow"
    if seen.one.who.anchor is None:
        return "A login that nobody in the directory was found for, and that is not in our memory.", "yellow"
    if seen.one.tombstone:
        return "Deleted in the directory (tombstone).", "yellow"
    if not seen.one.sightings:
        return "Not found in the directory. That alone proves nothing: only a whole reading does.", "yellow"
    if seen.one.counts is None:
        return "In the directory, but outside base and filter of the sources: no run reads them.", "yellow"
    person = seen.one.person
    if isinstance(person, Unmapped):
        return f"Gets no account: {_ABSENT[person.reason]}: {person.detail}{_waiting(seen)}", "yellow"
    return _of_account(seen) if seen.one.login else _of_newcomer(seen)


def is_for_everybody(seen: Explanation) -> bool:
    """Whether what a run of everybody would find may lead to another plan: somebody is named anew."""
    changes: tuple[Change, ...] = seen.plan.changes if seen.plan else ()
    return bool(seen.one.rivals_unsure or seen.one.doubt) and any(_NAMING & kinds(change) for change in changes)


def _of_account(seen: Explanation) -> tuple[str, str]:
    if waiting := _waiting(seen):
        return f"Has an account{waiting}", "yellow"
    if seen.plan and seen.plan.skips:
        return "Has an account; something is left alone, see below.", "yellow"
    return "Has an account, and everything is as it should be.", "green"


def _of_newcomer(seen: Explanation) -> tuple[str, str]:
    if waiting := _waiting(seen, ": "):
        return f"Gets a login{waiting}", "yellow"
    if isinstance(seen.one.person, Account) and seen.one.person.enabled is False:
        by = f" ({', '.join(seen.disabled_by)})" if seen.disabled_by else ""
        return f"Gets no login: {DISABLED}{by}.", "yellow"
    return "Has no login, and gets none now, see below.", "yellow"


def _waiting(seen: Explanation, before: str = "; ") -> str:
    """How many changes a run would make, as the end of a sentence; empty for none."""
    waiting = len(seen.plan.changes) if seen.plan else 0
    if waiting and is_for_everybody(seen):
        return f"{before}a run of everybody decides."
    return f"{before}{waiting} change{'' if waiting == 1 else 's'} would be made." if waiting else ""
