"""`match`: whose a login is, where no rule can tell."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from iwds.cli.common import JsonOption, require_reason, show_json, wired
from iwds.cli.console import say
from iwds.cli.login import ReasonOption, TicketOption, say_err
from iwds.cli.page import block, hanging, printable
from iwds.errors import UsageError

if TYPE_CHECKING:  # a help page should not load the engine
    from iwds.core.recognition import MatchDecision
    from iwds.engine.actions import Desk
    from iwds.engine.job import Job
    from iwds.engine.matching import Doubt, Doubts


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("match")(match)


def match(
    job: Annotated[str, typer.Argument(help="A job of the configuration.")],
    login: Annotated[str, typer.Argument(metavar="LOGIN", help="A login name, or its id: '#1234'.")] = "",
    person: Annotated[
        str, typer.Option("--person", metavar="DN|ID|LOGIN", help="It is theirs: login, entry id or DN.")
    ] = "",
    nobody: Annotated[bool, typer.Option("--nobody", help="It belongs to none of them.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Forget what was said of it.")] = False,
    reason: ReasonOption = "",
    ticket: TicketOption = "",
    as_json: JsonOption = False,
) -> int:
    """List the logins of which nobody but a person can say whose they are; or say it. Changes nothing on the service.

    What is said is kept with the reason, and the next plan shows what follows from it.
    """
    if not login:
        if person or nobody or undo:
            raise UsageError("which login?", "iwds match JOB LOGIN --person WHO --reason TEXT")
        return _list(job, as_json)
    if bool(person) + nobody + undo != 1:
        raise UsageError("say one of --person WHO, --nobody and --undo")
    require_reason(reason)
    return _say(job, login, (person, undo), (reason, ticket))


def _list(name: str, as_json: bool) -> int:
    from iwds.engine.matching import doubts

    with wired() as wiring:
        found = doubts(wiring.job(name), wiring.tools())
    if as_json:
        show_json(_data(found))
    else:
        say(_lines(name, found))
    return 0


def _say(name: str, login: str, what: tuple[str, bool], given: tuple[str, str]) -> int:
    from iwds.core.words import login_id_in
    from iwds.engine.actions import Why, find
    from iwds.engine.matching import doubts, said_of, say_nobodys, say_whose, take_back

    (person, undo), why = what, Why(*given)
    with wired() as wiring:
        job = wiring.job(name)
        desk: Desk = wiring.desk(wiring.config.job(name).target)
        if undo:
            number = login_id_in(login) or find(desk, login).id
            before = take_back(desk, number, why)
            lines = [f"Forgotten: {before.login} was {before}." if before else f"Nothing was said of {login}."]
        else:
            found = find(desk, login)
            replaced = said_of(desk, found.id)
            if person:
                owner = say_whose(desk, found, doubts(job, wiring.tools(), person), why)
                lines = [f"{found.login} is that of {owner.login}. See what follows: iwds plan {name}"]
                lines += _not_adopted(job, found.created_by)
            else:
                say_nobodys(desk, found, why)
                lines = [f"{found.login} is left alone. See what follows: iwds plan {name}"]
            lines += [f"This replaces: {_whose(replaced)}."] if replaced else []
    say_err([printable(line) for line in lines])
    return 0


def _not_adopted(job: "Job", tag: int | None) -> list[str]:
    if tag == job.policy.provisioning_id or tag in job.policy.adopt:
        return []
    origin = "logins of unknown origin" if tag is None else f"logins of origin {tag}: it needs adopt: [{tag}]"
    return [f"But {job.name} does not adopt {origin}."]


def _lines(name: str, found: "Doubts") -> Iterator[Text]:
    if not found.open:
        yield Text("Of every login it is clear whose it is, or that it is nobody's who was read.")
    for doubt in found.open:
        yield from _doubt_lines(doubt)
    if found.open:
        yield Text()
        yield from map(Text, hanging("", f"Say it:  iwds match {name} LOGIN --person WHO --reason TEXT"))
        yield from map(Text, hanging("", "    or:  --nobody, where it belongs to none of them"))
    said = (line for each in found.said for line in _said_lines(each))
    yield from block(said, Text("Said so far", style="bold"))
    yield from block(Text(line, "yellow") for note in found.notes for line in hanging("  ", printable(note)))


def _doubt_lines(doubt: "Doubt") -> Iterator[Text]:
    login = doubt.login
    yield Text.assemble((printable(login.login), "bold"), f"  #{login.id}")
    yield from map(Text, hanging("  ", "; ".join(_facts(login))))
    for person in doubt.people:
        who = f"{person.login}: {person.name or person.anchor}; id {person.anchor.id}"
        yield from map(Text, hanging("  ? ", f"{who}; {person.why}"))


def _facts(login: Any) -> Iterable[str]:
    from datetime import UTC, datetime

    from iwds.cli.access_text import when_words
    from iwds.cli.login_text import tag_words

    yield f"mail {login.mail or 'none'}"
    yield f"tag {tag_words(login.created_by)}"
    yield f"last login {when_words(login.last_seen, datetime.now(UTC))}"


def _said_lines(said: "MatchDecision") -> Iterator[Text]:
    yield from map(Text, hanging("  ", printable(f"{said.login} #{said.login_id}: {_whose(said)}")))


def _whose(said: "MatchDecision") -> str:
    """Whose somebody said that a login is, and who, when and why."""
    whose = f"that of {said.anchor}" if said.anchor else "nobody's"
    return f"{whose}, {said}"


def _data(found: "Doubts") -> Mapping[str, Any]:
    return {
        "schema": 1,
        "ambiguous": [
            {
                "login": {
                    name: getattr(doubt.login, name) for name in ("id", "login", "mail", "created_by", "last_seen")
                },
                "people": [asdict(person) for person in doubt.people],
            }
            for doubt in found.open
        ],
        "decisions": [asdict(said) for said in found.said],
        "notes": list(found.notes),
    }
