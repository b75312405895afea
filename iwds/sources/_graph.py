"""Asks Microsoft Graph: with a token, patiently, and with errors in our words."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import SystemRandom
from typing import Any
from urllib.parse import urlencode, urlsplit

import msal
import requests
from urllib3.exceptions import HTTPError

from iwds.errors import AccessRefused, IwdsError, SourceUnavailable
from iwds.ports import Refusals
from iwds.sources._entrasignin import Application, refused, told
from iwds.sources._graphsession import GraphSession
from iwds.sources._refusals import Credentials

USERS, GROUPS, HIDDEN_MEMBERS = "User.Read.All", "GroupMember.Read.All", "Member.Read.Hidden"
"""The permissions that are needed, and the one for groups that hide their members."""
VERSION = "/v1.0"
_EARLY = 300.0
"""Seconds before its end at which a token is not used any more."""
_PIECE = 256 * 1024
_LARGEST = 64 * 1024 * 1024
"""Bytes of one answer; a page of 999 users has some hundred thousand."""
_RETRIED = frozenset({429, 500, 502, 503, 504})
_BEGIN_AGAIN = frozenset({"syncstatenotfound", "syncstateinvalid", "resyncrequired", "resync_required"})
_PAGE_EXPIRED = frozenset({"directory_expiredpagetoken", "expiredpagetoken"})
_HEADERS = {"Accept": "application/json", "x-ms-throttle-priority": "low"}
_EVENTUAL, _MINIMAL = {"ConsistencyLevel": "eventual"}, {"Prefer": "return=minimal"}
_QUOTED = 200


class BeginAgain(SourceUnavailable):
    """Graph does not know any more since when changes were asked for: everything is to be read anew."""


class Declined(SourceUnavailable):
    """Graph does not take the question: another one with the same words is in vain."""


class PageExpired(SourceUnavailable):
    """The address of a page was good for some minutes, and they are over: the listing begins again."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a question is asked again.

    Attributes:
        attempts: how often it is asked at most.
        longest: seconds that one wait takes at most; if Graph asks for more, it is given up for now.
        sleep: waits for so many seconds.
        between: a random number between two others.
    """

    attempts: int = 8
    longest: float = 300.0
    sleep: Callable[[float], None] = time.sleep
    between: Callable[[float, float], float] = SystemRandom().uniform

    def waits(self, tried: int, asked: float | None) -> bool:
        """Wait before the next attempt; False, at once, where there is to be none.

        Args:
            tried: how often it was asked.
            asked: seconds that Graph wants to be left alone; None where it did not say.
        """
        if tried >= self.attempts or (asked or 0) > self.longest:
            return False
        # With a jitter, so that clients that were told the same do not come back together.
        most = max(1.0, 0.1 * asked) if asked else min(30.0, 2.0 ** (tried - 1))
        self.sleep((asked or 0) + self.between(0, most))
        return True


@dataclass(slots=True)
class Spent:
    """How many answers came, and how many seconds they took."""

    calls: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class SignIn:
    """The tokens of one application. Thread-safe.

    Attributes:
        who: the application.
        session: over which MSAL asks for tokens.
        credentials: what was refused before is not tried again.
        refusals: what is remembered of that.
        patience: how long a question is asked again.
        again: whether a person asked for one try in spite of it.
    """

    who: Application
    session: GraphSession
    credentials: Credentials
    refusals: Refusals
    patience: Patience
    again: bool = False
    _app: Any = None
    _token: str = ""
    _until: float = 0.0
    _refused: AccessRefused | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def token(self, instead_of: str = "") -> str:
        """A token that is good for some minutes at least, and another one than `instead_of`."""
        with self._lock:
            if self._token and self._token != instead_of and time.monotonic() < self._until:
                return self._token
            if self._refused is not None:
                raise self._refused
            try:
                return self._entered()
            except AccessRefused as error:
                self._refused = error
                raise

    def _entered(self) -> str:
        answer = self.credentials.enter(self._acquired, self.refusals, self.again)
        self.again = False
        self._token = str(answer["access_token"])
        self._until = time.monotonic() + max(1.0, float(answer.get("expires_in", 0)) - _EARLY)
        return self._token

    def _acquired(self) -> Mapping[str, Any]:
        """What MSAL gets, patiently."""
        tried = 0
        while True:
            tried += 1
            try:
                return self._asked()
            except (requests.exceptions.SSLError, requests.exceptions.ProxyError) as error:
                raise _unreached(self.who.authority, error) from error
            except (requests.RequestException, msal.exceptions.MsalServiceError) as error:
                answered = getattr(error, "response", None)
                if not self.patience.waits(tried, None if answered is None else _retry_after(answered)):
                    message = f"{self.who.authority} gives no token: {_words(error)}, {tried} times."
                    raise SourceUnavailable(message, "Try again later.") from error

    def _asked(self) -> Mapping[str, Any]:
        """One question. MSAL takes no token from its memory here: ours was given up with a reason."""
        try:
            app = self._app or msal.ConfidentialClientApplication(
                self.who.app_id,
                client_credential=self.who.credential,
                authority=self.who.authority,
                instance_discovery=False,  # the authority is configured, and asks nobody else who it is
                http_client=self.session,
            )
            app.remove_tokens_for_client()
            answer: Mapping[str, Any] = app.acquire_token_for_client([self.who.scope])
        except requests.RequestException:  # some of them are a ValueError too
            raise
        except (ValueError, KeyError) as error:  # an authority that does not know itself, or answers nonsense
            raise self._nonsense(f"{error} {error.__context__ or ''}") from error
        if "access_token" not in answer:
            raise refused(answer, self.who)
        self._app = app
        return answer

    def _nonsense(self, said: str) -> IwdsError:
        if "AADSTS" in said:
            return told(said[said.index("AADSTS") :], self.who, [])
        return SourceUnavailable(f"{self.who.authority} gives no token: {said[:_QUOTED]}")


class Graph:
    """Questions to one Graph. Thread-safe.

    Args:
        origin: `https://HOST[:PORT]`; tokens are sent nowhere else.
        session: over which it is asked.
        sign_in: gives the tokens.
        patience: how long a question is asked again.
        timeout_s: seconds that one whole answer may take, beside those for its length.
    """

    def __init__(
        self, origin: str, session: GraphSession, sign_in: SignIn, patience: Patience, timeout_s: float
    ) -> None:
        self.origin = origin
        self.spent = Spent()
        self.sign_in = sign_in
        self._session, self._patience, self._timeout = session, patience, timeout_s

    def url(self, path: str, **query: str | int) -> str:
        """The address of a question; `$` is put before the names of the query."""
        text = urlencode({f"${name}": value for name, value in query.items()}, safe="$,:'/()@")
        return f"{self.origin}{VERSION}{path}{'?' if text else ''}{text}"

    def get(self, url: str, needs: str, eventual: bool = False, minimal: bool = False) -> bytes | None:
        """The body of an answer; None where there is no such object.

        Raises `SourceUnavailable`, `AccessRefused`, `BeginAgain`, `PageExpired` or `Declined`.

        Args:
            needs: the permission without which it is refused.
            eventual: whether the question is one that only Graph's index answers.
            minimal: whether of what changed only the properties are asked for that did.
        """
        self._only_here(url)
        token, renewed, tried = self.sign_in.token(), False, 0
        more = {**(_EVENTUAL if eventual else {}), **(_MINIMAL if minimal else {})}
        while True:
            tried += 1
            status, wait, body = self._once(url, token, more)
            if status == 200:
                return body
            if status == 401 and not renewed:
                token, renewed = self.sign_in.token(instead_of=token), True
            elif status not in _RETRIED and status != 0:
                self._refuse(url, status, body, needs)
                return None
            elif not self._patience.waits(tried, wait):
                raise SourceUnavailable(f"{self._told(url)} {_answered(status, body)}, {tried} times.", _later(wait))

    def json(self, url: str, needs: str, eventual: bool = False) -> Mapping[str, Any] | None:
        """The same as an object."""
        body = self.get(url, needs, eventual)
        return None if body is None else parsed(body, url)

    def rows(self, url: str, needs: str, eventual: bool = False) -> Iterator[Mapping[str, Any]]:
        """The objects of a short listing, over all of its pages; none where it is of an object that is not there."""
        asked: set[str] = set()
        while url:
            if url in asked:
                raise SourceUnavailable(f"{self._told(url)} leads in a circle.")
            asked.add(url)
            page = self.json(url, needs, eventual)
            if page is None:
                return
            yield from rows_of(page, url)
            url = str(page.get("@odata.nextLink", ""))

    def close(self) -> None:
        """Give back connections. May be called twice."""
        self._session.close()

    def _once(self, url: str, token: str, more: Mapping[str, str]) -> tuple[int, float | None, bytes]:
        """Status, how long Graph wants to be left alone, and body; the status 0 and words where no answer came."""
        headers = {**_HEADERS, **more, "Authorization": f"Bearer {token}"}
        began = time.monotonic()
        try:
            with self._session.get(url, headers=headers, stream=True) as response:
                body = _whole(response, began + self._timeout)
                return response.status_code, _retry_after(response), body
        except (requests.exceptions.SSLError, requests.exceptions.ProxyError) as error:
            raise _unreached(self.origin, error) from error
        except (requests.RequestException, HTTPError, OSError) as error:
            return 0, None, _words(error).encode()
        finally:
            self.spent.calls += 1
            self.spent.seconds += time.monotonic() - began

    def _refuse(self, url: str, status: int, body: bytes, needs: str) -> None:
        """Raises for an answer that no patience mends; returns where there is no such object."""
        code, told = _said(body)[0].lower(), f"{self._told(url)} {_answered(status, body)}."
        if status == 410 or code in _BEGIN_AGAIN:
            raise BeginAgain(told)
        if code in _PAGE_EXPIRED:
            raise PageExpired(told)
        if status == 404:
            return
        if status == 403:
            advice = f"Grant the application permission {needs}, and admin consent for it, in the app registration."
            raise AccessRefused(told, advice)
        if status == 401:
            raise AccessRefused(told, "Compare `cloud`: tokens of one cloud are not good in another.")
        raise Declined(told, "See whether this tenant is one of employees: others list no changes.")

    def _only_here(self, url: str) -> None:
        """The token is shown to nobody but Graph, wherever an answer leads."""
        if not url.startswith(f"{self.origin}/"):
            raise SourceUnavailable(f"{self.origin} leads on to another server, which is not followed.")

    def _told(self, url: str) -> str:
        return f"{self.origin}{urlsplit(url).path}"


def parsed(body: bytes, asked: str) -> Mapping[str, Any]:
    """An answer as an object; `SourceUnavailable` where it is none."""
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SourceUnavailable(f"Graph was asked for {_without_query(asked)} and answered something that is no JSON.")
    return found


def rows_of(page: Mapping[str, Any], asked: str) -> list[dict[str, Any]]:
    """The objects of a page; `SourceUnavailable` where it is none."""
    rows = page.get("value")
    if not isinstance(rows, list) or not {*map(type, rows)} <= {dict}:
        raise SourceUnavailable(f"Graph was asked for {_without_query(asked)} and answered something that is no page.")
    return rows


def _without_query(asked: str) -> str:
    return asked.partition("?")[0]


def _whole(response: requests.Response, until: float) -> bytes:
    """The body, as long as it comes in time and is not too long."""
    pieces, size = [], 0
    while piece := response.raw.read(_PIECE, decode_content=True):
        pieces.append(piece)
        size += len(piece)
        if size > _LARGEST:
            raise SourceUnavailable(f"an answer of Graph has more than {_LARGEST:,} bytes, and is not taken")
        if time.monotonic() > until + size / _PIECE:
            raise requests.exceptions.ReadTimeout("the answer was not whole in time")
    return b"".join(pieces)


def _retry_after(response: requests.Response) -> float | None:
    """Seconds, or a date; None where the header is missing or neither."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _said(body: bytes) -> tuple[str, str]:
    """Code and message of an error as Graph writes it; empty where it does not."""
    try:
        error = json.loads(body)["error"]
        return str(error.get("code", "")), str(error.get("message", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", ""


def _answered(status: int, body: bytes) -> str:
    if status == 0:
        return f"does not answer ({body.decode(errors='replace')[:_QUOTED]})"
    code, message = _said(body)
    words = ": ".join(filter(None, (code, message.strip()[:_QUOTED].rstrip("."))))
    return f"answers {status}{words and f' {words}'}"


def _later(wait: float | None) -> str:
    return f"It asks to be left alone for {wait:.0f} seconds. Try again later." if wait else "Try again later."


def _words(error: BaseException) -> str:
    """The innermost reason, without addresses of objects and without the query."""
    while (cause := getattr(error, "reason", None) or (error.args[0] if error.args else None)) is not None:
        if not isinstance(cause, BaseException):
            break
        error = cause
    return str(error).rpartition(">: ")[2].rstrip(".")[:_QUOTED] or type(error).__name__


def _unreached(origin: str, error: BaseException) -> SourceUnavailable:
    advice = "Name the authority of its certificate as `ca_file`; a proxy that looks into TLS has one of its own."
    if isinstance(error, requests.exceptions.ProxyError):
        advice = "Look at `proxy`, `proxy_user` and `proxy_password`."
    return SourceUnavailable(f"{origin} cannot be reached: {_words(error)}.", advice)
