"""What a doctor found as JSON, as a table and as a page, with everybody; written piece by piece, however many."""

import json
import sys
from collections.abc import Iterator
from typing import Any

from iwds.cli.markup import CLOSED, DOCTYPE, Html, element, head, opened
from iwds.cli.plan_facts import logins_column, people_column
from iwds.cli.plan_forms import BOM
from iwds.cli.plan_sections import when
from iwds.cli.spreadsheet import table_lines
from iwds.core.hygiene import ADVICE, Code, Severity, Whom
from iwds.core.plan import summary_data
from iwds.engine.doctor import Diagnosis
from iwds.ports import Ward

COLUMNS = (
    *("finding", "severity", "login", "login_id", "realm", "person", "name", "source", "detail", "proposed_login"),
    *("what_it_is", "why_it_matters", "what_to_do"),
)


def csv_parts(found: Diagnosis, ward: Ward) -> Iterator[str]:
    """A row for everybody under every finding. The columns stay; new ones come behind them."""
    yield BOM
    yield from table_lines(_rows(found, ward))


def _rows(found: Diagnosis, ward: Ward) -> Iterator[tuple[object, ...]]:
    yield COLUMNS
    for code in found.counts:
        advice = ADVICE[code]
        for whom in ward.people(code):
            row = _data(whom)
            cells = ("" if row[name] is None else row[name] for name in _FIELDS)
            yield (code.value, advice.severity.value, *cells, advice.title, advice.why, advice.what)


_FIELDS = ("login", "login_id", "realm", "person", "name", "source", "detail", "proposed_login")


def _data(whom: Whom) -> dict[str, Any]:
    anchor = whom.anchor
    return {
        "login": whom.login,
        "login_id": whom.login_id,
        "realm": anchor.realm if anchor else "",
        "person": anchor.id if anchor else "",
        "name": whom.name,
        "source": whom.source,
        "detail": whom.detail,
        "proposed_login": whom.proposed,
    }


def print_json(found: Diagnosis, ward: Ward) -> None:
    """The whole document to standard output."""
    sys.stdout.writelines(json_parts(found, ward))


def json_parts(found: Diagnosis, ward: Ward) -> Iterator[str]:
    """The document: what was read, what the plan of the same reading would do, and every finding with everybody."""
    begin = json.dumps(_head(found), ensure_ascii=False, indent=2, default=str)
    yield begin.removesuffix("\n}") + ',\n  "findings": ['
    for place, (code, count) in enumerate(found.counts.items()):
        advice = ADVICE[code]
        told = {
            "finding": code.value,
            "severity": advice.severity.value,
            "count": count,
            "what_it_is": advice.title,
            "why_it_matters": advice.why,
            "what_to_do": advice.what,
        }
        yield ("," if place else "") + "\n    " + json.dumps(told, ensure_ascii=False).removesuffix("}")
        yield ', "people": ['
        for number, whom in enumerate(ward.people(code)):
            yield ("," if number else "") + "\n      " + json.dumps(_data(whom), ensure_ascii=False)
        yield "]}"
    yield "]\n}\n"


def _head(found: Diagnosis) -> dict[str, Any]:
    plan = found.plan
    basis, tally = plan.basis, plan.basis.tally
    return {
        "schema": 1,
        "job": plan.job,
        "service": plan.service,
        "made_at": plan.made_at.isoformat(),
        "exit": found.exit_code,
        "readings": [
            {"name": proof.name, "count": proof.count, "proven": proof.proven, "problems": list(proof.problems)}
            for proof in (*basis.sources, basis.service)
        ],
        "plan": {
            "people": tally.people,
            "logins": tally.logins,
            "agreed": basis.agreed,
            "matched": basis.matched,
            "absent": dict(sorted(tally.absent.items())),
            "administrators": tally.administrators,
            **summary_data(plan),
        },
    }


SHADES = {Severity.MEND: "loses", Severity.LOOK: "waits", Severity.KNOW: "rest"}
_HEADS = ("Login", "What", "Who")


def html_parts(found: Diagnosis, ward: Ward) -> Iterator[str]:
    """A page that stands alone."""
    title = f"Doctor: {found.plan.job} -> MFA service {found.plan.service}"
    yield from (DOCTYPE, opened("html", lang="en"), head(title), opened("body"), element("h1", title))
    facts = [element("tr", element("th", label, scope="row"), element("td", told)) for label, told in _facts(found)]
    yield element("table", *facts, class_="facts")
    yield element("nav", *(element("a", _title(code, n), href=f"#{code}") for code, n in found.counts.items()))
    for code, count in found.counts.items():
        yield from _section(code, count, ward)
    yield from (CLOSED["body"], CLOSED["html"], "\n")


def _facts(found: Diagnosis) -> Iterator[tuple[str, str]]:
    plan = found.plan
    yield "Read", when(plan.made_at)
    yield "Personal data", "logins, mail addresses and names of entries. Delete it after use."
    for proof in (*plan.basis.sources, plan.basis.service):
        believed = "believed" if proof.proven else f"NOT believed: {'; '.join(proof.problems)}"
        yield "Reading", f"{proof.name}: {proof.count:,}, {believed}"
    yield "People", f"{plan.basis.tally.people:,}: " + "; ".join(f"{n:,} {word}" for n, word in people_column(plan))
    yield "Logins", f"{plan.basis.tally.logins:,}: " + "; ".join(f"{n:,} {word}" for n, word in logins_column(plan))
    if not found.counts:
        yield "Findings", "none"


def _title(code: Code, count: int) -> str:
    advice = ADVICE[code]
    return f"{count:,} {code.value}: {advice.title} ({advice.severity.value})"


def _section(code: Code, count: int, ward: Ward) -> Iterator[Html]:
    advice = ADVICE[code]
    yield opened("details", open="", id=code.value, class_=SHADES[advice.severity])
    yield element("summary", element("h2", _title(code, count)))
    yield element("p", f"Why it matters: {advice.why}.")
    yield element("p", f"What to do: {advice.what}.")
    yield opened("table", class_="steps")
    yield element("thead", element("tr", *(element("th", name, scope="col") for name in _HEADS)))
    yield opened("tbody")
    for whom in ward.people(code):
        yield element("tr", *(element("td", cell, dir="auto") for cell in _cells(whom)))
    yield from (CLOSED["tbody"], CLOSED["table"], CLOSED["details"])


def _cells(whom: Whom) -> tuple[str, str, str]:
    """The login or the group, what is said of it, and which entry and login it is."""
    what = "; proposed: ".join(filter(None, (whom.detail, whom.proposed)))
    if not whom.login:
        return whom.name, what, ""
    number = f"login {whom.login_id}" if whom.login_id is not None else ""
    return whom.login, what, ", ".join(filter(None, (whom.name, whom.source, number)))
