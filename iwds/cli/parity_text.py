"""The page of a comparison with another tool, and the same for machines."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.text import Text

from iwds.cli.common import local, show_json
from iwds.cli.console import out, say
from iwds.cli.page import block, hanging, printable, way_on
from iwds.core.decision import Skip
from iwds.core.parity import Look, Parity, Withheld
from iwds.core.rulings import Ruling
from iwds.core.words import many
from iwds.engine.parity import Compared
from iwds.errors import Refused

EXIT_CODES = {Parity.SAME: 0, Parity.DIFFERENT: 2, Parity.NOT_JUDGED: Refused.exit_code}
"""What the command ends with."""
_HEADS = {
    Parity.SAME: ("PARITY", "green"),
    Parity.DIFFERENT: ("DIFFERENT", "yellow"),
    Parity.NOT_JUDGED: ("NOT JUDGED", "yellow"),
}
MOST = 10
"""How many lines of each part stand on the page without `--all`."""


def lines(found: Compared, show_all: bool) -> Iterator[Text]:
    """The whole page."""
    plan, most = found.plan, 10**9 if show_all else MOST
    yield from map(Text, hanging("", f"{plan.job} -> MFA service {plan.service}, {local(plan.made_at)}"))
    yield _verdict(found)
    yield from block(_counts(found))
    yield from _part("What differs: our plan would change it, or somebody has to decide", _differences(found), most)
    yield from _part("Accepted by name", _accepted(found), most)
    yield from _part("Withheld, because it is a first run: would the other tool do it?", _withheld(found), most)
    yield from _part("Waited at the last look, and does not any more", _settled(found), most)
    yield from _part("Nobody explains these logins; they stay", _skips(found.judged.nobodys), most)
    yield from _part("Made by another hand, or another job's; they stay", _skips(found.judged.others), most)
    yield from _part("Notes", [_hung("  ", note) for note in plan.basis.notes], most)
    yield from block(_next(found))


def _verdict(found: Compared) -> Text:
    word, colour = _HEADS[found.judged.parity]
    return Text.assemble((word, f"bold {colour}"), f"   {_nights(found)}")


def _nights(found: Compared) -> str:
    match found.judged.parity:
        case Parity.DIFFERENT:
            return f"this ends {many(found.broke, 'night')} in a row" if found.broke else "0 nights in a row"
        case Parity.NOT_JUDGED:
            return f"{many(found.streak.nights, 'night')} in a row before; this look counts for nothing"
        case Parity.SAME:
            since = found.streak.since
            return f"{many(found.streak.nights, 'night')} in a row{f', since {local(since)}' if since else ''}"


def _counts(found: Compared) -> Iterator[Text]:
    judged = found.judged
    for number, words in (
        (judged.adopted, "logins would be adopted; nothing is sent for that"),
        (len(judged.open), "differences"),
        (len(judged.accepted), "differences are accepted by name"),
        (len(judged.withheld), "removals wait only because this is a first run"),
        (len(judged.nobodys), "logins are explained by nobody, and stay as they are"),
        (len(judged.others), "locks and memberships by another hand stay as they are"),
    ):
        yield Text(f"{number:>7,}  {words}")
    for doubt in judged.doubts:
        yield from map(Text, hanging("         ", doubt))


def _part(title: str, told: Sequence[list[Text]], most: int) -> Iterator[Text]:
    shown = [line for each in told[:most] for line in each]
    more = [Text(f"    ... {len(told) - most:,} more, with --all")] if len(told) > most else []
    yield from block([*shown, *more], Text(title, style="bold"))


def _hung(head: str, words: str) -> list[Text]:
    return [Text(line) for line in hanging(head, printable(words))]


def _differences(found: Compared) -> list[list[Text]]:
    return [_hung("  ", each.words) for each in found.judged.open]


def _accepted(found: Compared) -> list[list[Text]]:
    return [_hung("  ", f"{each.words} -- {ruling}") for each, ruling in found.judged.accepted]


def _withheld(found: Compared) -> list[list[Text]]:
    return [_hung("  ", f"{each.words}; {_standing(found, each)}") for each in found.judged.withheld]


def _standing(found: Compared, each: Withheld) -> str:
    since = found.since.get(each)
    if since is None or since == found.plan.made_at:
        return "seen for the first time"
    return f"still so since {local(since)}"


def _settled(found: Compared) -> list[list[Text]]:
    return [_hung("  ", f"{each.what.words}; {each.now}") for each in found.settled]


def _skips(skips: Sequence[Skip]) -> list[list[Text]]:
    return [_hung("  ", f"{skip.subject.login}: {skip.detail}") for skip in skips]


def _next(found: Compared) -> Iterator[Text]:
    job, plan = found.plan.job, found.plan.id
    for wish in found.unmet:
        yield from (Text(line, "yellow") for line in hanging("", f"nothing differs of {wish.login}"))
    ways = {"The whole plan:": [f"iwds show {plan} --all"]}
    if found.judged.open:
        ways["Accept by name:"] = [f"iwds parity {job}", "--accept LOGIN", '--reason "..."']
    ways["Earlier looks:"] = [f"iwds parity {job}", "--history"]
    yield from (Text(line) for words, parts in ways.items() for line in way_on(words, parts, 16))


def show_data(found: Compared) -> None:
    """The same as JSON."""
    judged, plan = found.judged, found.plan
    show_json({
        "schema": 1,
        "job": plan.job,
        "service": plan.service,
        "at": plan.made_at,
        "plan": plan.id,
        "parity": judged.parity.value,
        "exit": EXIT_CODES[judged.parity],
        "nights": found.streak.nights,
        "since": found.streak.since,
        "ended": found.broke,
        "adopted": judged.adopted,
        "differences": [_who(each) for each in judged.open],
        "accepted": [_who(each) | _ruling(ruling) for each, ruling in judged.accepted],
        "withheld": [asdict(each) | {"since": found.since.get(each)} for each in judged.withheld],
        "settled": [asdict(each.what) | {"now": each.now} for each in found.settled],
        "nobodys": [_left(skip) for skip in judged.nobodys],
        "others": [_left(skip) for skip in judged.others],
        "notes": plan.basis.notes,
        "doubts": judged.doubts,
        "unmet": [wish.login for wish in found.unmet],
    })  # fmt: skip


def _left(skip: Skip) -> dict[str, Any]:
    return {"login": skip.subject.login, "login_id": skip.subject.login_id, "detail": skip.detail}


def _who(each: Any) -> dict[str, Any]:
    return {"login": each.subject.login, "login_id": each.subject.login_id, "words": each.words}


def _ruling(row: Ruling) -> dict[str, Any]:
    return {"by": row.said.by, "reason": row.said.reason, "until": row.said.until, "ticket": row.said.ticket}


def show_history(job: str, looks: Sequence[Look], as_json: bool) -> None:
    """The looks that are kept, the latest first."""
    if as_json:
        show_json({"schema": 1, "job": job, "looks": [asdict(look) for look in looks]})
    elif not looks:
        out.print(f"No look yet. Take one after a run of the other tool: iwds parity {job}")
    say(line for look in looks if not as_json for line in _look_lines(look))


def _look_lines(look: Look) -> Iterator[Text]:
    word, colour = _HEADS[look.parity]
    told = f"{look.differences:,} differ, {look.accepted:,} accepted, {len(look.withheld):,} withheld"
    when = f"{local(look.at)}  {look.plan}  "
    first, *rest = hanging(f"{when}{word:<10}  ", told)
    yield Text.assemble(when, (first[len(when) :][:10], colour), first[len(when) + 10 :])
    yield from map(Text, rest)


def show_taken_back(rows: Sequence[Ruling], as_json: bool) -> None:
    """What is accepted no longer."""
    if as_json:
        show_json({"schema": 1, "withdrawn": [_who(row) | _ruling(row) for row in rows]})
        return
    say([Text("Not accepted any more:", style="bold")])
    say(line for row in rows for line in _hung("  ", row.words))
