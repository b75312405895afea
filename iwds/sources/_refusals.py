"""Why a directory does not let an account in, in words and with what to do; and what is remembered of it.

Active Directory answers 49 for everything and hides the reason as a number in its text. Whatever the reason, the same
secret is not tried again: most of these tries count towards the account's lock.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from iwds.errors import AccessRefused, IwdsError, SourceUnavailable
from iwds.ports import Refusals, RefusedBind

INVALID_CREDENTIALS = 49
_SUCCESS = 0
_NO_SUCH_METHOD = 7
_NO_ANONYMOUS = 48
_NEEDS_TLS = frozenset({8, 13})
_TRY_ANOTHER = frozenset({1, 3, 51, 52, 80})

_DATA = re.compile(r"\bdata ([0-9a-f]+)\b", re.IGNORECASE)
_REASONS = {
    "525": ("there is no such account", "Correct `bind_dn`."),
    "52e": ("the name or the password is wrong", "Correct `bind_dn` or the password."),
    "530": ("the account may not log on at this hour", "Widen its logon hours, or run when it may."),
    "531": ("the account may not log on from here", "Let the account log on to every computer."),
    "532": ("its password has expired", "Give the account a new password, best one that never expires."),
    "533": ("the account is disabled", "Enable the account."),
    "701": ("the account has expired", "Move the end of the account."),
    "773": ("its password must be changed first", "Give the account a password without `must be changed`."),
    "775": ("the account is locked after too many wrong passwords", "Find who tries wrong ones, then unlock it."),
}
"""Windows' error codes in hexadecimal (MS-ERREF 2.2), as far as a bind gives them."""
_PASSES = "530"
"""Ends by itself, and is only said to whoever has the right password: nothing is locked by trying later."""
_ADVICE = "Correct `bind_dn` or the password."
_ADVICE_CERTIFICATE = "See in the server's log whom it takes the certificate for, and that its mapping knows it."
_LEST = ", so that the account is not locked"

T = TypeVar("T")


class CredentialsRefused(AccessRefused):
    """The directory answered: whoever we say we are, we are not with this secret.

    Attributes:
        server: URL of the server that said so.
        why: the reason in words, with what the server sent.
        passes: whether it may end without anybody doing anything.
        code: the number of this answer, 49 for LDAP.
    """

    def __init__(
        self, message: str, advice: str, server: str, why: str, passes: bool, code: int = INVALID_CREDENTIALS
    ) -> None:
        super().__init__(message, advice)
        self.server, self.why, self.passes, self.code = server, why, passes, code


class TryAnother(Exception):
    """This server does not do; the next one may."""

    def __init__(self, error: IwdsError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who a source says that it is, and with what.

    Attributes:
        servers: all that the account may be tried at.
        account: empty where the certificate says it.
        secret: the password, or the certificate; empty for an anonymous client, of whom nothing is remembered.
        advice: what to do about a refusal that was remembered, where its words do not tell.
        lest: what would come of trying again, as the end of a sentence.
    """

    source: str
    servers: tuple[str, ...]
    account: str
    secret: bytes = field(repr=False)
    advice: str = _ADVICE
    lest: str = _LEST

    def enter(self, dial: Callable[[], T], refusals: Refusals, again: bool = False) -> T:
        """What `dial` gives, unless the same was refused before: then it is not even tried.

        Args:
            again: a person asks for one try, whatever was refused.
        """
        if not self.secret:
            return dial()
        where = self.source, self.servers, self.account
        before = None if again else refusals.refused_bind(*where, self.secret)
        if before:
            raise self._still(before)
        try:
            entered = dial()
        except CredentialsRefused as refused:
            if refused.passes:
                raise
            row = (self.source, refused.server, self.account, refused.code, refused.why, datetime.now(UTC))
            refusals.note_refused_bind(RefusedBind(*row), self.secret)
            once = f"It was tried once, at one server{self.lest}."
            raise AccessRefused(refused.message, f"{refused.advice} {once} {self._way()}") from refused
        refusals.forget_refused_bind(*where)
        return entered

    def _still(self, before: RefusedBind) -> AccessRefused:
        who, since = self.account or "our certificate", f"{before.since:%Y-%m-%d %H:%M} UTC"
        return AccessRefused(
            f"{before.server} refuses {who} since {since}: {before.said}. It was not tried again{self.lest}.",
            f"{advice_of(before.said) or self.advice} {self._way()}",
        )

    def _way(self) -> str:
        return f"A new secret is tried by itself, this one again only by: iwds check --source {self.source}"


class Forgetful:
    """Remembers nothing: for whoever connects a source without a state."""

    def refused_bind(self, *_: object) -> None:
        """Nothing stands against anybody."""

    def note_refused_bind(self, *_: object) -> None:
        """It is the caller's to remember."""

    def forget_refused_bind(self, *_: object) -> None:
        """There is nothing to forget."""


def reason(said: str) -> str:
    """The reason in words, from what the server said; empty where it is not one of these."""
    return _REASONS.get(_data(said), ("", ""))[0]


def advice_of(said: str) -> str:
    """What to do about it; empty where the reason is not one of these."""
    return _REASONS.get(_data(said), ("", ""))[1]


def judge_bind(result: Mapping[str, Any], account: str, external: bool, url: str) -> None:
    """Raises where the answer to a bind is no: `TryAnother` where another server may be better.

    Args:
        result: what ldap3 makes of the answer.
        account: as which it was tried; empty for an anonymous client, or `external`, a client with a certificate.
    """
    code, said = result["result"], f"{result['result']} {result['description']}"
    said += f": {result['message'].strip()}" if result["message"] else ""
    if code == _SUCCESS:
        return
    if code in _TRY_ANOTHER:
        raise TryAnother(SourceUnavailable(f"{url} accepts nobody at the moment ({said}).", "Try again later."))
    who = account or ("our certificate" if external else "an anonymous client")
    if code == INVALID_CREDENTIALS:
        why = reason(result["message"])
        what = who if external else f"the name or the password of {who}"
        advice = advice_of(result["message"]) or (_ADVICE_CERTIFICATE if external else _ADVICE)
        message = f"{url} refuses {what}{why and f': {why}'} ({said})."
        told = f"{why} ({said})" if why else said
        raise CredentialsRefused(message, advice, url, told, _data(result["message"]) == _PASSES)
    if code in _NEEDS_TLS:
        raise AccessRefused(
            f"{url} wants an encrypted connection ({said}).", "Use an ldaps:// URL or `starttls: true`."
        )
    raise AccessRefused(f"{url} does not let {who} in ({said}).", _advice(code, external))


def _advice(code: int, external: bool) -> str:
    if external and code == _NO_SUCH_METHOD:
        return (
            "The server does not take certificates for a bind here: it has to ask for them (OpenLDAP: TLSVerifyClient)"
            " and to trust the CA of ours."
        )
    if code == _NO_ANONYMOUS:
        return "Bind with an account: `bind: simple` with `bind_dn` and a password."
    return "See the server's log and the rights of the account."


def _data(said: str) -> str:
    found = _DATA.search(said)
    return found[1].lower() if found else ""
