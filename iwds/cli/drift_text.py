"""Drift in words: a page of 40 lines, JSON, tables, and a report for the owners of the directory."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from iwds.cli.common import local, show_json
from iwds.cli.page import Variants, block, cut, fitted, hanging, listed, printable, way_on
from iwds.cli.spreadsheet import write_table
from iwds.core.drift import DriftKind, How, Moment, Since, Value
from iwds.core.drift_next import Next, Then
from iwds.core.model import Status
from iwds.core.words import field_words, many, role_words, until_words
from iwds.engine.drift import Found, Survey, part_name
from iwds.engine.drift_keep import Keeping

_TITLES: Mapping[DriftKind, str] = {
    DriftKind.ROLE: "another role on the service: other rights than we gave",
    DriftKind.GROUP_ROLE: "another role in a group than we gave",
    DriftKind.UNLOCKED: "unlocked by somebody else: we had locked them",
    DriftKind.JOINED: "in a group where no run of ours put them",
    DriftKind.TAG: "another tag: another tool writes to them",
    DriftKind.STRANGER: "neither the name nor the tag that we knew: no run touches them",
    DriftKind.GONE: "deleted on the service, with their devices",
    DriftKind.LOCKED: "locked by somebody else: no run unlocks them",
    DriftKind.RENAMED: "renamed on the service",
    DriftKind.LEFT: "taken out of a group where we had put them",
    DriftKind.FIELD: "fields changed by hand",
}
_EXAMPLES = 3
"""How many of each kind a page names where there is room."""


def drift_page(survey: Survey, job: str, shown: Mapping[DriftKind, Sequence[Found]], whole: bool) -> list[Text]:
    """What differs: how much of each kind, examples, and what can be done.

    Args:
        survey: what was found.
        job: its name.
        shown: a few of each kind, with what the next run does where the directory was asked.
        whole: all lines, however many, instead of a page.
    """
    parts: dict[str, Variants] = {"head": [_head(survey, job)]}
    kinds = [kind for kind in DriftKind if survey.counted[kind]]
    for kind in kinds:
        lengths = [len(shown[kind])] if whole else range(min(_EXAMPLES, len(shown[kind])), -1, -1)
        parts[kind.value] = [list(_section(kind, survey.counted[kind], shown[kind][:n])) for n in lengths]
    parts["kept"] = [list(_kept_section(survey)) if whole else []]
    parts["notes"] = [block(_notes(survey))]
    parts["next"] = [block(_commands(survey, job))]
    if whole:
        return [line for variants in parts.values() for line in variants[0]]
    orderly = [kind.value for kind in reversed(kinds)]
    return fitted(parts, orderly * _EXAMPLES)


def people_named(survey: Survey, whole: bool = False) -> dict[DriftKind, list[Found]]:
    """Those whom a page names, by kind: a few of each, or all."""
    named: dict[DriftKind, list[Found]] = {kind: [] for kind in DriftKind}
    for each in survey.drift:
        if whole or len(named[each.drift.kind]) < _EXAMPLES:
            named[each.drift.kind].append(each)
    return named


def _head(survey: Survey, job: str) -> list[Text]:
    people = len({each.row.login_id for each in survey.drift})
    first = f"{job}: {many(people, 'login')} of ours {'differs' if people == 1 else 'differ'} from what we last wrote"
    title = first if people else f"{job}: {_nothing(survey)}"
    read = f"{survey.service}, {local(survey.at)}: "
    if survey.logins is None:
        read += "looked at alone"
    else:
        read += f"{survey.logins:,} logins, proven; {survey.ours:,} ours"
    lines = [Text(line, "bold") for line in hanging("", title)]
    return [*lines, *map(Text, hanging("", read))]


def _nothing(survey: Survey) -> str:
    """That nothing differs, of what was looked at: part of it may have been asked for, and some may be kept."""
    left = "but for what is kept, " if any(each.kept for each in survey.found) else ""
    asked, lately = survey.asked, " in that time" if survey.asked.since else ""
    if asked.who and not asked.part and not lately:
        return f"{left}{asked.who} is as we last wrote it; nobody else was looked at"
    if str(asked) or lately:
        what = f" of {asked}" if str(asked) else ""
        return f"{left}nothing{what} differs from what we last wrote{lately}"
    return f"{left}every login of ours is as we last wrote it"


def _section(kind: DriftKind, count: int, named: Sequence[Found]) -> Iterator[Text]:
    yield Text()
    yield from (Text(line, "yellow") for line in hanging(f"{count:,}  ", _TITLES[kind]))
    for each in named:
        yield Text(cut(f"  {printable(each.name)}  {difference(each)}"))
        yield from (Text(line, "dim") for line in hanging("      ", _told(each), 2))
    if named and count > len(named):
        yield Text(f"  ... {count - len(named):,} more: --all, or --csv")


def _kept_section(survey: Survey) -> Iterator[Text]:
    kept = [each for each in survey.found if each.kept]
    if kept:
        yield Text()
        yield Text(f"{len(kept):,}  kept, as somebody decided", "yellow")
    for each in kept:
        yield Text(cut(f"  {printable(each.name)}  {difference(each)}"))
        yield from (Text(line, "dim") for line in hanging("      ", each.kept, 2))


def kept_lines(made: Keeping, who: str) -> Iterator[Text]:
    """What stays, and until when; what no run would touch in any case."""
    for each, ruling in made.kept:
        told = f"{each.name}: {difference(each)}; so it stays until {until_words(ruling.said.until)}"
        yield from map(Text, hanging("", told))
    if made.kept:
        yield from map(Text, hanging("", f"Until then no run does this: {made.kept[0][1].words}"))
        yield from map(Text, hanging("", "What the directory wants differently later goes on."))
    for each in made.left:
        yield from map(Text, hanging("", f"{each.name}: {difference(each)}: no run writes over it in any case"))
    if not made.kept and not made.left:
        yield from map(Text, hanging("", f"{who} is as we last wrote it, or kept already: nothing to keep."))


def show_kept(made: Keeping) -> None:
    """The same as JSON."""
    kept = [{**found_data(each), "until": ruling.said.until} for each, ruling in made.kept]
    show_json({"schema": 1, "kept": kept, "left": [found_data(each) for each in made.left]})


def difference(found: Found) -> str:
    """What differs, as `mail a@x > b@x`."""
    drift, was = found.drift, was_words(found)
    if drift.group is not None:
        name = drift.group.name
        if drift.kind is DriftKind.GROUP_ROLE:
            return f"{name}: {was} > {value_words(drift.what, drift.now)}"
        return f"in {name}" if drift.kind is DriftKind.JOINED else f"not in {name} any more"
    match drift.kind:
        case DriftKind.GONE:
            return f"#{found.row.login_id} is gone"
        case DriftKind.STRANGER | DriftKind.RENAMED:
            return f"was {was}"
        case _:
            return f"{field_words(drift.what)} {was} > {value_words(drift.what, drift.now)}"


def was_words(found: Found) -> str:
    """What we wrote, or why that is not known."""
    trace = found.trace
    return value_words(found.drift.what, trace.was) if trace.known else "(not known any more)"


def value_words(what: str, value: Value) -> str:
    """A value as people say it."""
    if value is None:
        return "(nothing)"
    if what == "status":
        return "locked" if value == Status.LOCKED else "active"
    if isinstance(value, int):
        return str(value) if what == "tag" else role_words(value)
    return value or "(empty)"


def _told(found: Found) -> str:
    """Since when, how it was known, and what the next run does."""
    adopted = "as adopted, nobody wrote it; " if found.trace.how is How.ADOPTED else ""
    then = f"; {next_words(found, found.next)}" if found.next else ""
    return f"{adopted}{since_words(found.since)}{then}"


def since_words(when: Since) -> str:
    """Between which moments it came about; no more than is known."""
    before = moment_words(when.before)
    return f"between {moment_words(when.after)} and {before}" if when.after else f"at some time before {before}"


def moment_words(moment: Moment) -> str:
    """A moment, and the run that it is known by."""
    return f"{local(moment.at)} (run {moment.run})" if moment.run else local(moment.at)


def next_words(found: Found, step: Next) -> str:
    """What the next run does about it."""
    wanted = value_words(found.drift.what, step.wanted)
    match step.then:
        case Then.PUTS_BACK:
            return "the next run puts it back"
        case Then.WRITES:
            return f"the next run {step.why}" if found.login is None else f"the next run writes {wanted}"
        case Then.AGREES:
            return "the directory agrees with the service"
        case Then.WAITS:
            return f"a run would write {wanted}, and that waits: {step.why}"
        case Then.LEAVES:
            return f"runs leave it ({step.why})"


def _notes(survey: Survey) -> Iterator[Text]:
    kept = sum(1 for each in survey.found if each.kept)
    agreed = sum(1 for each in survey.found if each.agreed and not each.kept)
    unasked = survey.roles_of[1]
    notes = {
        f"{many(kept, 'difference')} kept, as somebody decided: --all lists them": kept,
        f"{many(agreed, 'difference')} the directory wants too, when it was asked last": agreed,
        f"{many(survey.helpdesk, 'lock')} set or lifted by our own helpdesk: no drift": survey.helpdesk,
        f"{many(survey.moving, 'login')} a run is at work on, or left open: look again after the next one": (
            survey.moving
        ),
        f"Roles in groups of {many(unasked, 'login')} were not read, one call each: --roles": unasked,
        f"The service has no group {listed(survey.missing, 50)}": len(survey.missing),
    }
    yield from (Text(line) for words, stands in notes.items() if stands for line in hanging("", words))


def _commands(survey: Survey, job: str) -> Iterator[Text]:
    if not survey.drift:
        return
    name = printable(survey.drift[0].name)
    narrowed, part = ([printable(each)] if each else [] for each in (str(survey.asked), survey.asked.part))
    commands = {
        "why it is so": [f"iwds explain {name}"],
        "put back what we wrote": [f"iwds drift {job} --revert", *narrowed, "--dry-run"],
        "let it stay": [f"iwds drift {job} --keep {name}", *part, '--reason "..."'],
        "a report: the directory is wrong": [f"iwds drift {job} --adopt", *narrowed],
    }
    yield Text("Next")
    room = max(map(len, commands))
    yield from (Text(line) for words, command in commands.items() for line in way_on(words, command, room))


# --- for machines -----------------------------------------------------------------------------------------------------


def drift_data(survey: Survey, job: str, found: Sequence[Found], code: int) -> dict[str, Any]:
    """A look as JSON."""
    return {
        "schema": 1,
        "job": job,
        "service": survey.service,
        "at": survey.at,
        "logins": survey.logins,
        "ours": survey.ours,
        "exit_code": code,
        "counts": {kind.value: survey.counted[kind] for kind in DriftKind if survey.counted[kind]},
        "kept": sum(1 for each in survey.found if each.kept),
        "agreed": sum(1 for each in survey.found if each.agreed and not each.kept),
        "helpdesk": survey.helpdesk,
        "moving": survey.moving,
        "roles_not_read": survey.roles_of[1],
        "missing_groups": list(survey.missing),
        "drift": [found_data(each) for each in found],
    }


def found_data(found: Found) -> dict[str, Any]:
    """One difference as JSON."""
    drift, anchor, step = found.drift, found.row.anchor, found.next
    return {
        "id": found.row.login_id,
        "login": found.name,
        "anchor": {"realm": anchor.realm, "id": anchor.id},
        "kind": drift.kind.value,
        "what": part_name(drift),
        "group": drift.group.name if drift.group else None,
        "was": found.trace.was,
        "was_known": found.trace.known,
        "how": found.trace.how.value,
        "now": drift.now,
        "after": _moment_data(found.since.after),
        "before": _moment_data(found.since.before),
        "next": {"then": step.then.value, "wanted": step.wanted, "why": step.why} if step else None,
        "kept": found.kept,
        "agreed": found.agreed,
    }


def _moment_data(moment: Moment | None) -> dict[str, Any] | None:
    return {"at": moment.at, "run": moment.run} if moment else None


def show_data(survey: Survey, job: str, found: Sequence[Found], code: int) -> None:
    """A look as JSON to standard output."""
    show_json(drift_data(survey, job, found, code))


_COLUMNS = ("id", "login", "kind", "what", "group", "we_wrote", "service_has", "after", "before", "next", "kept")


def write_drift(found: Sequence[Found]) -> None:
    """A line for each difference, for a spreadsheet."""
    write_table(_COLUMNS, (_row(each) for each in found))


def _row(found: Found) -> tuple[object, ...]:
    drift, when = found.drift, found.since
    return (
        found.row.login_id,
        found.name,
        drift.kind.value,
        part_name(drift),
        drift.group.name if drift.group else "",
        was_words(found),
        value_words(drift.what, drift.now),
        _iso(when.after),
        _iso(when.before),
        next_words(found, found.next) if found.next else "",
        found.kept,
    )


def _iso(moment: Moment | None) -> str:
    return moment.at.astimezone(UTC).isoformat(timespec="seconds") if moment else ""


# --- for the owners of the directory ----------------------------------------------------------------------------------

_REPORT = ("person", "login", "field", "directory_has", "service_has", "after", "before", "kept_until")


def wrong_in_directory(found: Sequence[Found]) -> list[Found]:
    """Where the directory says something else than the service has."""
    return [each for each in found if _contradicts(each)]


def _contradicts(found: Found) -> bool:
    step = found.next
    known = step is not None and step.wanted is not None and step.then is not Then.AGREES
    return known and found.login is not None and step is not None and step.wanted != found.drift.now


def write_report(found: Sequence[Found]) -> None:
    """What the directory has and the service has, for a spreadsheet."""
    write_table(_REPORT, map(_reported, found))


def _reported(found: Found) -> tuple[str, ...]:
    drift = found.drift
    name = f"group {drift.group.name}" if drift.group else field_words(drift.what)
    wanted = value_words(drift.what, found.next.wanted if found.next else None)
    held = value_words(drift.what, drift.now)
    until = found.kept_until.astimezone(UTC).isoformat(timespec="seconds") if found.kept_until else ""
    return found.entry, found.name, name, wanted, held, _iso(found.since.after), _iso(found.since.before), until


def report_lines(found: Sequence[Found], job: str, service: str, at: datetime) -> Iterator[str]:
    """The same as Markdown, to be sent to whom the directory belongs to."""
    yield f"# Where the directory of {_mark(job)} may be wrong"
    yield ""
    yield f"On {_mark(service)} somebody changed these by hand, and the directory says something else ({local(at)})."
    yield "Until the directory is put right, a run may write over it. The times say between when it was done."
    yield ""
    yield "| person | login | field | directory has | service has | since | kept until |"
    yield "|---|---|---|---|---|---|---|"
    for each in found:
        *cells, _, _, _ = _reported(each)
        until = until_words(each.kept_until) if each.kept_until else ""
        yield "| " + " | ".join(map(_mark, (*cells, since_words(each.since), until))) + " |"


def _mark(text: str) -> str:
    """Text that is only text in Markdown, and in the HTML that is made of it."""
    escaped = "".join(f"\\{letter}" if letter in "\\`*_[]|#!~" else letter for letter in printable(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
