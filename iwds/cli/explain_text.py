"""One person in words: a page for a terminal of 80 columns."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.text import Text

from iwds.cli.access_text import access_lines
from iwds.cli.change_text import heading
from iwds.cli.common import local
from iwds.cli.console import WIDTH
from iwds.cli.explain_verdict import is_for_everybody, verdict
from iwds.cli.login_text import audit_lines, held_words, known_details
from iwds.cli.page import LATELY, block, columns, cut, hanging, printable
from iwds.core.alone import absent_alone
from iwds.core.change import Change
from iwds.core.decision import Proposal, Skip
from iwds.core.dn import rdn_value
from iwds.core.document import change_from_data
from iwds.core.matching import Case, Match
from iwds.core.model import Account, LedgerRow, Login, Origin, Status
from iwds.core.policy import HoldKind, Leaver
from iwds.core.recognition import BY_NAME
from iwds.core.words import describe
from iwds.engine.actions import Seen
from iwds.engine.explaining import Compared, Explanation, InGroup
from iwds.ports import AuditRow, Clause, Grant, Told

if TYPE_CHECKING:  # a help page should not load them
    from iwds.settings import HelpdeskSettings

NOT_KNOWN = "not known"
_HEAD, _WIDEST = 14, 26
"""How wide the names of attributes are at least, and at most."""
_ANSWERS = {True: ("yes", "green"), False: ("NO ", "red"), None: ("?  ", "yellow")}
_LEAVERS = {
    Leaver.KEEP: "leavers are kept as they are",
    Leaver.LOCK: "leavers are locked, and keep devices and groups",
    Leaver.LOCK_THEN_DELETE: "leavers are locked, and deleted after a grace of proven absence",
    Leaver.DELETE: "leavers are deleted",
}
_MATCHES = {
    Match.OURS: "by our memory, which names this login",
    Match.NAMED: "by its name: nobody's row in our memory names it",
    Match.NEWCOMER: "none yet",
    Match.TAKEN: "none: the login of this name stands for somebody else, or may",
    Match.DOUBTED: "doubted: our memory names a login that is no longer the one we knew",
    Match.LEAVER: "by our memory, which names this login",
    Match.GONE: "none: the one in our memory was deleted on the service",
    Match.UNMATCHED: "nobody's row names it, and nobody who is read explains it",
    Match.AMBIGUOUS: "a case for a person, who says whose it is:  iwds match JOB",
    Match.UNMAPPED: "none",
}


def _section(lines: Iterator[Text], title: str) -> Iterator[Text]:
    yield from block(lines, Text(title, "bold"))


def explanation_lines(
    seen: Explanation,
    when: datetime | None,
    now: datetime,
    lifetimes: "HelpdeskSettings | None" = None,
    most: int = LATELY,
) -> Iterator[Text]:
    """The page about one person in one job.

    Args:
        when: the next time that a schedule runs the job.
        lifetimes: how long the service keeps codes and links; without them nothing is said of that.
        most: how many of the last changes and actions are told.
    """
    yield Text.assemble((printable(_name(seen)), "bold"), f"  in job {printable(seen.job)}")
    words, colour = verdict(seen)
    yield from (Text(line, colour) for line in hanging("  ", words))
    yield from block(_failures(seen), Text("Does not answer", "red"))
    yield from _section(_entry_lines(seen), "In the directory")
    yield from _section(_clause_lines(seen.clauses), "Scope, clause by clause")
    yield from _section(_login_lines(seen), "Login on the service")
    yield from _section(_field_lines(seen), _field_head(seen))
    yield from _section(_group_lines(seen), "Groups of the service")
    yield from _section(_hold_lines(seen, now), "Holds, rulings and locks")
    yield from _section(on_the_phone(seen.seen, now, lifetimes), "On the phone")
    yield from _section(_lately_lines(seen, most), "Lately")
    yield from _section(_plan_lines(seen), _plan_title(when))
    yield from _section(_absence_lines(seen), "Where a proven reading of everybody does not show them")
    yield from _section(_typed_lines(seen), "To type")


def on_the_phone(seen: Seen | None, now: datetime, lifetimes: "HelpdeskSettings | None") -> Iterator[Text]:
    """What people ask on the phone: activation, devices, blocks, the last authentication."""
    if seen is None:
        return
    yield from access_lines(known_details(seen), seen.lately, now, lifetimes)


def _name(seen: Explanation) -> str:
    login = seen.one.login
    return (login.login if login else "") or seen.one.who.login_name or seen.one.who.name


def _failures(seen: Explanation) -> Iterator[Text]:
    for what, error in seen.failed.items():
        yield from map(Text, hanging(f"  {printable(what)}: ", error.message))


def _entry_lines(seen: Explanation) -> Iterator[Text]:
    for each in seen.one.sightings:
        counts = "" if each.selected else "  (outside base and filter)"
        counts = "  (counts)" if each is seen.one.counts and len(seen.one.sightings) > 1 else counts
        by = seen.answered_by.get(each.source, "")
        yield from map(Text, hanging(f"  {'source':15}", f"{each.source}, {by}{counts}"))
        yield from map(Text, hanging(f"  {'name':15}", each.entry.name))
    if seen.entry is None:
        return
    yield Text(f"  {'id':15}{printable(seen.entry.entry.anchor.id)}")
    yield Text(f"  {'directory':15}{printable(seen.entry.entry.anchor.realm)}")
    read = attributes_of(seen)
    width = max(_HEAD, min(_WIDEST, max(map(columns, read), default=0))) + 1
    for name, values in read.items():
        if values != ():
            text = NOT_KNOWN if values is None else ", ".join(values)
            style = "yellow" if values is None else ""
            yield from (Text(line, style) for line in hanging(f"  {_padded(name, width)}", text, 4))
    empty = ", ".join(name for name, values in read.items() if values == ())
    yield from (Text(line, "dim") for line in hanging("  empty: ", empty) if empty)
    for rival in seen.one.rivals:
        yield from (Text(line, "yellow") for line in hanging("  also wants this login: ", rival.entry.name))


def attributes_of(seen: Explanation) -> Mapping[str, tuple[str, ...] | None]:
    """What the mapping reads of the entry that counts: None for not known, and `()` for known to be empty."""
    assert seen.entry is not None  # noqa: S101 - asked for an entry only
    attrs = seen.entry.entry.attrs
    return {name: attrs.get(name) for name in sorted(seen.reads)}


def _clause_lines(clauses: Sequence[Clause]) -> Iterator[Text]:
    for each in clauses:
        word, colour = _ANSWERS[each.answer]
        place = f"  ({each.place})" if each.place else ""
        first, *more = hanging(f"  {word}  ", each.words + place)
        yield Text.assemble("  ", (word, colour), first[2 + len(word) :])
        yield from map(Text, more)


def _login_lines(seen: Explanation) -> Iterator[Text]:
    if seen.one.world is None:
        return
    login, case = seen.one.login, next(iter(seen.one.cases), None)
    if login is None:
        yield from map(Text, hanging("  ", _matched(case, seen)))
    else:
        text = f"#{login.id} {login.login}, {_matched(case, seen)}"
        yield from map(Text, hanging("  ", text))
    for row in seen.one.rows:
        yield from map(Text, hanging("  ", _row_words(row)))
    if login and not seen.one.rows:
        yield from map(Text, hanging("  ", _origin_words(login)))
    if not _is_foreign(seen):
        yield from map(Text, hanging("  ", f"policy: {_LEAVERS[seen.one.world.policy.leaver]}"))


def _is_foreign(seen: Explanation) -> bool:
    """Whether it is a login that stands for nobody we know: no mapping and no policy speaks about it."""
    return seen.one.who.anchor is None


def _matched(case: Case | None, seen: Explanation) -> str:
    if case:
        return _MATCHES[case.match]
    return _MATCHES[Match.OURS] if seen.one.rows else "none"


def _row_words(row: LedgerRow) -> str:
    how = "created" if row.origin is Origin.CREATED else "adopted"
    gone = f"; gone since {local(row.left_at)}, as a run saw" if row.left_at else ""
    return f"ours: {how} as {row.login} under provisioning id {row.owner}, {_tag(row.tag)}{gone}"


def _tag(tag: int | None) -> str:
    return "whose tag no run read back yet" if tag is None else f"tag {tag}"


def _origin_words(login: Login) -> str:
    told = {None: "its tag is not told", 0: "made in the console", 1: "made by the API or the vendor's tool"}
    return f"not in our memory; {told.get(login.created_by, f'tag {login.created_by}')}"


def _field_widths(seen: Explanation) -> tuple[int, int]:
    """Columns of a field's name, and of each side: extra fields have names of anybody's choice."""
    name = min(24, max((columns(each.name) + 1 for each in seen.fields), default=0))
    name = max(16, name)
    return name, (WIDTH - 2 - name) // 2


def _field_head(seen: Explanation) -> str:
    name, side = _field_widths(seen)
    return f"{'Fields':{name + 2}}{'by the mapping':{side}}on the service"


def _field_lines(seen: Explanation) -> Iterator[Text]:
    """Both sides beside each other; a mark where they differ."""
    name, side = _field_widths(seen)
    account = seen.entry.mapped if seen.entry and isinstance(seen.entry.mapped, Account) else None
    for each in seen.fields:
        if each.wanted is None and each.held is None:
            continue
        mark = "*" if each.differs else " "
        wanted = _wanted(each) if account else "-"
        held = "-" if each.held is None else each.held or "(empty)"
        line = f"{mark} {_padded(each.name, name)}{_padded(wanted, side)}{cut(held, side)}"
        yield Text(line, "yellow" if each.differs else "")
        if each.kept:
            yield Text(f"  {'':{name}}kept as the service has it: {each.kept}", "dim")
    if account:
        yield from map(Text, hanging("  given once  ", _at_creation(account)))


def _wanted(each: Compared) -> str:
    if each.wanted is None:
        return NOT_KNOWN if each.governed else "(not governed)"
    return each.wanted or "(empty)"


def _padded(text: str, width: int) -> str:
    kept = cut(text, width - 1)
    return kept + " " * (width - columns(kept))


def _at_creation(account: Account) -> str:
    """What a login is given when it is made: the service never shows it again."""
    given = account.at_creation
    told = {"activation": given.activation.value, "language": given.language, "access": str(given.access)}
    told |= {name: text for name, text in (("login2", given.login2), ("login3", given.login3)) if text}
    words = ", ".join(f"{name} {text}" for name, text in told.items())
    return f"{words}: at its creation, and a later difference cannot be seen"


def _group_lines(seen: Explanation) -> Iterator[Text]:
    for each in seen.groups:
        if _is_foreign(seen):
            lines = hanging("  = ", f"{each.group}: {_there(each)}") if each.member else ()
            yield from (Text(line, "dim") for line in lines)
            continue
        mark, style = _membership(each)
        account = seen.entry is not None and isinstance(seen.entry.mapped, Account)
        first, *more = hanging(f"  {mark} ", _group_words(each, account))
        yield Text.assemble("  ", (mark, style), first[2 + len(mark) :])
        yield from map(Text, more)
        for grant in each.grants:
            if each.member or (account and grant.answer is not False):
                yield from map(Text, _grant_lines(grant, seen))


def _membership(each: InGroup) -> tuple[str, str]:
    if each.wanted is None:
        return "=" if each.member else ".", "dim"
    return {
        (True, True): ("=", "green"),
        (True, False): ("+", "green"),
        (False, True): ("-", "red") if each.ours or each.exclusive else ("=", "dim"),
        (False, False): (".", "dim"),
    }[each.wanted, each.member]


def _group_words(each: InGroup, account: bool) -> str:
    if each.wanted is False and not each.member:
        return f"{each.group}: no member, not {'; not '.join(map(_asked, each.grants))}"
    there = _there(each)
    owner = ", somebody else put them in" if each.member and not each.ours else ""
    unknown = "whether they should be is not known" if account else "the mapping gives them no account"
    should = {True: "should be", False: "should not be", None: unknown}[each.wanted]
    role = f" as {each.role_wanted}" if each.role_wanted else ""
    return f"{each.group}: {there}{owner}; {should}{role}"


def _there(each: InGroup) -> str:
    return "member" + (f" as {each.role}" if each.role else "") if each.member else "no member"


def _asked(grant: Grant) -> str:
    role = f" as {grant.role}" if grant.role else ""
    return f"{grant.words}{role}" + (f" ({grant.place})" if grant.place else "")


def _grant_lines(grant: Grant, seen: Explanation) -> Iterator[str]:
    """Which line speaks about the group, and the way there through groups in groups."""
    yield from hanging("      ", f"{_ANSWERS[grant.answer][0].strip()}: {_asked(grant)}")
    for group in grant.groups:
        way = seen.paths.get(group, (group,))
        if len(way) > 1 or grant.answer:
            yield from hanging("        ", " > ".join(("they", *map(_plain, way), grant.to)))


def _plain(group: str) -> str:
    return rdn_value(group) or group


def _hold_lines(seen: Explanation, now: datetime) -> Iterator[Text]:
    for hold in seen.one.holds:
        yield from (Text(line, "yellow") for line in hanging("  ", held_words(hold, now)))
    for ruling in seen.rulings:
        told = printable(f"{ruling.words}: {ruling} ({ruling.said.source})")
        yield from (Text(line, "yellow") for line in hanging("  ", told))
    login = seen.one.login
    if login is None or login.status != Status.LOCKED:
        return
    if any(row.locked for row in seen.one.rows):
        yield from map(Text, hanging("  ", "LOCKED by a run: the directory said disabled, out of scope or gone"))
    elif not any(hold.hold.kind is HoldKind.LOCK for hold in seen.one.holds):
        yield from map(Text, hanging("  ", "LOCKED by somebody else; no run makes it active, they have to unlock it"))


def _lately_lines(seen: Explanation, most: int) -> Iterator[Text]:
    """What runs changed and what the helpdesk did, in one list, the newest first, and how many more there are."""
    told: list[Told | AuditRow] = [*seen.lately, *seen.helped]
    whole = sorted(told, key=lambda each: each.at, reverse=True)
    for each in whole[:most]:
        yield from audit_lines([each], name=False) if isinstance(each, AuditRow) else _told_lines(each)
    if len(whole) > most:
        again = f"iwds explain {_exactly(seen)} --job {seen.job} --lately {len(whole)}"
        yield from map(Text, hanging("  ", f"... {len(whole) - most:,} more: {again}"))


def _told_lines(told: Told) -> Iterator[Text]:
    change = change_from_data(told.change)
    result = told.result.value if told.result else "unknown"
    head = f"  {local(told.at)}  "
    yield from map(Text, hanging(head, f"{describe(change)}: {result}, run {told.run} of {told.job}"))
    why = "; ".join(filter(None, (change.because, told.error)))
    yield from map(Text, hanging(" " * len(head), why) if why else ())


def _plan_title(when: datetime | None) -> str:
    return "What the next run would do" + (f", {local(when)}" if when else "; no schedule starts this job")


def _plan_lines(seen: Explanation) -> Iterator[Text]:
    if seen.plan is None:
        return
    for change in seen.plan.changes:
        yield from _change_lines(change)
    for skip in seen.plan.skips:
        yield from map(Text, _skip_lines(skip))
    if not seen.plan.changes:
        yield Text("  nothing" + (" else" if seen.plan.skips else ""))
    if seen.administrator:
        told = "an administrator would be lost: only where two others stay active on the whole service"
        yield from map(Text, hanging("  ", told))
    if is_for_everybody(seen):
        told = "who else may want this login, or be recognised in the same login, only a run that reads everybody knows"
        yield from map(Text, hanging("  ", told))


_MARKS = {"create": "+", "add": "+", "adopt": "=", "lock": "-", "delete": "-", "remove": "-", "demote": "-"}
_COLOURS = {"+": "green", "-": "red", "~": "yellow", "=": "cyan"}


def _change_lines(change: Change) -> Iterator[Text]:
    mark = _MARKS.get(heading(change), "~")
    why = f"  -- {change.because}" if change.because else ""
    first, *more = hanging(f"  {mark} ", describe(change) + why)
    yield Text.assemble("  ", (mark, _COLOURS[mark]), first[3:])
    yield from map(Text, more)


def _skip_lines(skip: Skip) -> Iterator[str]:
    what = f"{describe(skip.change)}  -- " if skip.change else ""
    yield from hanging("  . ", f"{skip.reason.value}: {what}{skip.detail}")


def _absence_lines(seen: Explanation) -> Iterator[Text]:
    for each in seen.on_absence:
        if isinstance(each, Proposal):
            yield from _change_lines(each.change)
        else:
            yield from map(Text, _skip_lines(each))


def _typed_lines(seen: Explanation) -> Iterator[Text]:
    everybody = is_for_everybody(seen)
    if not everybody and ((seen.plan and seen.plan.changes) or _locks_deleted(seen)):
        yield Text(f"  iwds resync {_exactly(seen)} --job {seen.job}")
    if everybody or any(skip.reason.value == "held" for skip in (seen.plan.skips if seen.plan else ())):
        yield Text(f"  iwds plan {seen.job}")
    if everybody and seen.one.world and seen.one.world.matching != BY_NAME:
        yield Text(f"  iwds match {seen.job}")
    if seen.failed:
        yield Text(f"  iwds check {seen.job}")


def _locks_deleted(seen: Explanation) -> bool:
    """Whether a resync makes a lock for their tombstone; a deletion it leaves to a run of everybody."""
    made = absent_alone(seen.on_absence, seen.one.tombstone)
    return any(isinstance(each, Proposal) for each in made)


def _exactly(seen: Explanation) -> str:
    login = seen.one.login
    return login.login if login else seen.one.who.login_name or str(seen.one.who.anchor)
