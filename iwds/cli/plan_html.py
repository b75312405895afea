"""A whole plan as one page that stands alone: no script, nothing from elsewhere, and names that are only text."""

from base64 import b64encode
from hashlib import sha256
from html import escape

from iwds.cli.page import printable
from iwds.cli.plan_sections import LOSES, WAITS, Section, Step, facts, sections, title_of
from iwds.core.plan import Plan


class Html(str):
    """Text that is markup: made by `_element` alone, which escapes everything else."""

    __slots__ = ()


_STYLE = """
:root { color-scheme: light dark; --line: #d5d9df; --soft: #5b6570; --loses: #b3261e; --waits: #8a5a00; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3a4048; --soft: #a3adb8; --loses: #ff8a80; --waits: #f0c060; }
}
* { box-sizing: border-box; }
body { font: 16px/1.45 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.35rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; display: inline; overflow-wrap: anywhere; }
summary { padding: .6rem 0; cursor: pointer; }
details { border-top: 1px solid var(--line); margin-top: .8rem; }
.loses h2 { color: var(--loses); }
.waits h2 { color: var(--waits); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: start; vertical-align: top; padding: .25rem .8rem .25rem 0; border-top: 1px solid var(--line);
  overflow-wrap: anywhere; }
.facts th { white-space: nowrap; font-weight: 600; color: var(--soft); width: 1%; }
.facts th, .facts td { border: 0; }
.steps { table-layout: fixed; }
.steps thead th { color: var(--soft); font-weight: 600; border: 0; }
.steps th:first-child, .steps td:first-child { width: 22%; font-weight: 600; }
.steps th:nth-child(2) { width: 44%; }
nav { margin-top: .8rem; }
nav a { display: block; padding: .15rem 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  .steps thead { display: none; }
  .steps td, .facts th, .facts td { display: block; width: auto; border: 0; padding: 0; }
  .steps td:first-child { width: auto; border-top: 1px solid var(--line); padding-top: .4rem; }
  .steps td:last-child { color: var(--soft); padding-bottom: .4rem; }
  .facts td { padding-bottom: .4rem; }
}
@media print {
  body { font-size: 10pt; max-width: none; padding: 0; }
  nav { display: none; }
  tr, summary { break-inside: avoid; }
  summary { break-after: avoid; }
}
"""
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'"
)
_CLASSES = {LOSES: "loses", WAITS: "waits"}


def plan_as_html(plan: Plan) -> str:
    """The whole page."""
    head = _element(
        "head",
        _element("meta", charset="utf-8"),
        _element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        _element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        _element("meta", name="referrer", content="no-referrer"),
        _element("meta", name="robots", content="noindex"),
        _element("title", title_of(plan)),
        _element("style", Html(_STYLE)),
    )
    return f"<!doctype html>\n{_element('html', head, _body(plan), lang='en')}\n"


def _body(plan: Plan) -> Html:
    parts = sections(plan)
    told = [_element("tr", _element("th", label, scope="row"), _element("td", words)) for label, words in facts(plan)]
    links = [_element("a", _title(part), href=f"#s{number}") for number, part in enumerate(parts, 1)]
    return _element(
        "body",
        _element("h1", title_of(plan)),
        _element("table", *told, class_="facts"),
        _element("nav", *links),
        *(_section(part, f"s{number}") for number, part in enumerate(parts, 1)),
    )


def _title(section: Section) -> str:
    return f"{section.part}: {section.title} ({len(section.steps):,})"


def _section(section: Section, name: str) -> Html:
    heads = _element("thead", _element("tr", *(_element("th", head, scope="col") for head in ("Login", "What", "Why"))))
    return _element(
        "details",
        _element("summary", _element("h2", _title(section))),
        _element("table", heads, _element("tbody", *map(_row, section.steps)), class_="steps"),
        open="",
        id=name,
        class_=_CLASSES.get(section.part, "rest"),
    )


def _row(step: Step) -> Html:
    return _element("tr", *(_element("td", cell, dir="auto") for cell in (step.login, step.what, step.why)))


_EMPTY = frozenset({"meta"})


def _element(name: str, /, *inside: str, **attributes: str) -> Html:
    """One element; what is inside is escaped unless `_element` made it, as are the values of attributes."""
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{_text(value)}"' for key, value in attributes.items())
    if name in _EMPTY:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{''.join(map(_safe, inside))}</{name}>")


def _safe(inside: str) -> str:
    return inside if isinstance(inside, Html) else _text(inside)


def _text(text: str) -> str:
    return escape(printable(text), quote=True)
