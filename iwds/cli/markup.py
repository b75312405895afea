"""Pages that stand alone: no script, nothing from elsewhere, and names that are only text."""

from base64 import b64encode
from hashlib import sha256
from html import escape

from iwds.cli.page import printable


class Html(str):
    """Text that is markup: made by `element` and `opened` alone, which escape everything else."""

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
CLOSED = {name: Html(f"</{name}>") for name in ("html", "body", "details", "table", "tbody")}
"""Ends of what `opened` began."""
DOCTYPE = Html("<!doctype html>\n")


def head(title: str) -> Html:
    """The head of a page: its title, its style, and that it loads and sends nothing."""
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="robots", content="noindex"),
        element("title", title),
        element("style", Html(_STYLE)),
    )


_EMPTY = frozenset({"meta"})


def element(name: str, /, *inside: str, **attributes: str) -> Html:
    """One element; what is inside is escaped unless it is markup, as are the values of attributes."""
    begin = opened(name, **attributes)
    return begin if name in _EMPTY else Html(f"{begin}{''.join(map(_safe, inside))}</{name}>")


def opened(name: str, /, **attributes: str) -> Html:
    """The begin of an element, for what is written piece by piece."""
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{_text(value)}"' for key, value in attributes.items())
    return Html(f"<{name}{written}>")


def _safe(inside: str) -> str:
    return inside if isinstance(inside, Html) else _text(inside)


def _text(text: str) -> str:
    return escape(printable(text), quote=True)
