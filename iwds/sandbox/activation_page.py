"""The page that a link leads to: the person chooses a device and a PIN. One page, no script, nothing from elsewhere."""

import base64
import hashlib
import sqlite3
from html import escape
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from iwds.core.devices import DeviceKind
from iwds.sandbox.codes import Purpose
from iwds.sandbox.people import MAX_DEVICE_NAME, PIN_LENGTHS, CodeSpent, CodeUnknown, NotAccepted
from iwds.sandbox.post import ACTIVATION_PATH
from iwds.sandbox.store import Store

MAX_FORM = 10_000
"""Bytes of a form; its fields have some hundred."""

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2330;--paper:#fff;--ground:#eef1f6;--line:#c3cad6;--lead:#2456c9;--bad:#b3261e}
@media(prefers-color-scheme:dark){
:root{--ink:#e8ebf1;--paper:#1d222c;--ground:#12151b;--line:#475063;--lead:#7aa2ff;--bad:#ff8a80}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;padding:1rem;background:var(--ground);color:var(--ink);
font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
main{max-width:26rem;margin:4vh auto;padding:1.5rem;background:var(--paper);border-radius:1rem;
box-shadow:0 2px 16px rgb(0 0 0/.12)}
h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.2}
.note{opacity:.75;font-size:.875rem}
.bad{padding:.6rem .8rem;border-left:.3rem solid var(--bad);color:var(--bad)}
fieldset{margin:1.25rem 0 0;padding:0;border:0}
legend,.label{display:block;margin-bottom:.4rem;padding:0;font-weight:600}
.choice{display:flex;gap:.6rem;align-items:center;padding:.6rem .8rem;margin-bottom:.4rem;
border:1px solid var(--line);border-radius:.6rem}
.choice:has(input:checked){border-color:var(--lead)}
.choice input{accent-color:var(--lead)}
.field{width:100%;padding:.65rem .8rem;border:1px solid var(--line);border-radius:.6rem;
background:transparent;color:inherit;font:inherit}
button{width:100%;margin-top:1.5rem;padding:.8rem;border:0;border-radius:.6rem;background:var(--lead);
color:var(--paper);font:inherit;font-weight:600}
:focus-visible{outline:3px solid var(--lead);outline-offset:2px}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
}
_KINDS = {
    DeviceKind.AUTHENTICATOR: "Authenticator app",
    DeviceKind.BROWSER: "This browser (Helium)",
    DeviceKind.VIRTUAL: "Virtual Authenticator",
    DeviceKind.MACCESS: "Your company's own app (mAccess)",
}
_TITLES = {
    Purpose.ACTIVATION: "Activate your access",
    Purpose.DEVICE: "Add a device",
    Purpose.RESTORE: "Restore your access",
    Purpose.UNLOCK: "Unlock your access",
}
_DONE = {
    Purpose.ACTIVATION: "Your device is ready. You can close this page.",
    Purpose.DEVICE: "The new device is ready beside your others. You can close this page.",
    Purpose.RESTORE: "Your device is ready. Your former devices are gone. You can close this page.",
    Purpose.UNLOCK: "Your access is unlocked, and your new PIN is set. You can close this page.",
}


def activation_routes(store: Store) -> list[Route]:
    """The page's routes."""
    page = _Page(store)
    return [Route(ACTIVATION_PATH, page.show, methods=["GET"]), Route(ACTIVATION_PATH, page.use, methods=["POST"])]


class _Page:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def show(self, request: Request) -> Response:
        return self._form(request.query_params.get("code", ""))

    async def use(self, request: Request) -> Response:
        fields = await _fields(request)
        if fields is None:
            return _answer("This is too much", "<p>What was sent is no form of this page.</p>", 413)
        code = fields.get("code", "")
        try:
            kind = DeviceKind(fields.get("device", DeviceKind.AUTHENTICATOR))
            name = fields.get("name", "").strip() or _KINDS[kind]
            if not fields.get("pin"):
                raise NotAccepted("a PIN is needed")
            self._link(code)  # nine digits are for a device to enter, not for this page
            done = self._store.people.use_code(code, kind, name, fields["pin"])
        except ValueError:
            return self._form(code, "choose one of the devices", 400)
        except (CodeUnknown, CodeSpent):
            return self._form(code)
        except NotAccepted as refused:
            return self._form(code, refused.message, 400)
        return _answer("Done", f"<p>{_DONE[done.purpose]}</p>")

    def _link(self, code: str) -> sqlite3.Row:
        """The code of a link that can be used now. Raises `CodeUnknown` and `CodeSpent`."""
        row = self._store.people.usable(code)
        if row["long_code"] != code:
            raise CodeUnknown("there is no such link")
        return row

    def _form(self, code: str, problem: str = "", status: int = 200) -> Response:
        try:
            row = self._link(code)
        except CodeSpent as spent:
            return _answer("This link is no longer valid", f"<p>{_sentence(spent.message)} {_ASK}</p>", 410)
        except NotAccepted:
            return _answer("We do not know this link", f"<p>Is it whole, as it was in the mail? {_ASK}</p>", 404)
        login = self._store.login(row["login_id"])
        purpose = Purpose(row["purpose"])
        return _answer(_TITLES[purpose], _form(login, purpose, code, problem), status)


_ASK = "Your helpdesk can send you a new one."


def _sentence(message: str) -> str:
    """`this code has expired` as a person reads it who has a link."""
    return escape(message.replace("this code", "This link")) + "."


def _form(login: sqlite3.Row | None, purpose: Purpose, code: str, problem: str) -> str:
    who = _name(login)
    error = f'<p class="bad" role="alert">{escape(problem[:1].upper() + problem[1:])}.</p>' if problem else ""
    warning = "<p>Your former devices stop working.</p>" if purpose is Purpose.RESTORE else ""
    return (
        f"<p>For <strong>{who}</strong></p>{error}{warning}"
        f'<form method="post" action="{ACTIVATION_PATH}" autocomplete="off">'
        f'<input type="hidden" name="code" value="{escape(code)}">'
        f"{'' if purpose is Purpose.UNLOCK else _DEVICE}{_pin(purpose)}"
        f'<button type="submit">{_TITLES[purpose]}</button></form>'
        '<p class="note">This is a rehearsal on a local sandbox: nothing is installed.</p>'
    )


def _name(login: sqlite3.Row | None) -> str:
    if login is None:
        return ""
    full = f"{login['firstname']} {login['name']}".strip()
    return escape(f"{full} ({login['login']})" if full else login["login"])


_CHOICES = "".join(
    f'<label class="choice"><input type="radio" name="device" value="{kind}"'
    f"{' checked' if kind is DeviceKind.AUTHENTICATOR else ''}>{escape(label)}</label>"
    for kind, label in _KINDS.items()
)
_DEVICE = (
    f"<fieldset><legend>Your device</legend>{_CHOICES}</fieldset>"
    '<fieldset><label class="label" for="name">Its name</label>'
    f'<input class="field" id="name" name="name" maxlength="{MAX_DEVICE_NAME}" placeholder="My phone"></fieldset>'
)


def _pin(purpose: Purpose) -> str:
    label = "Your PIN" if purpose is Purpose.DEVICE else "Choose a PIN"
    return (
        f'<fieldset><label class="label" for="pin">{label}</label>'
        '<input class="field" id="pin" name="pin" type="password" inputmode="numeric" required '
        f'minlength="{PIN_LENGTHS[0]}" maxlength="{PIN_LENGTHS[-1]}" autocomplete="off"></fieldset>'
    )


def _answer(title: str, inside: str, status: int = 200) -> Response:
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{title}</h1>{inside}</main></body></html>"
    )
    return HTMLResponse(html, status, _HEADERS)


async def _fields(request: Request) -> dict[str, str] | None:
    """The fields of the form; None where it is too large, or no text."""
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_FORM:
            return None
    try:
        parsed = parse_qs(received.decode("ascii"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        return None
    return {name: values[-1] for name, values in parsed.items()}
