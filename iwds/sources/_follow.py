"""Answers that go on at other servers (RFC 4511 4.5.3 and 4.1.10), for a source that is told to follow there.

A reference is a word of a server that we trust, about one that we may not: so it only ever leads to servers that the
configuration names, under the URL that stands there, with TLS and account as for the first one. Whatever cannot be
followed stays a reference, and whoever judges the answer makes it a problem.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from iwds.core.dn import normalise_dn
from iwds.sources._search import REFERRAL, SUCCESS, Asks, Page, RawEntry, Scope, Search, peopleless

if TYPE_CHECKING:  # at run time it brings ldap3
    from iwds.sources._connection import Session

DEPTH = 5
"""How many servers one reference may lead on over."""
_SCOPES: dict[str, Scope] = {"sub": "subtree", "one": "one", "base": "base"}
_PORTS = {"ldap": 389, "ldaps": 636}


class _Step(NamedTuple):
    """A search at one server; `depth` is how many references led there."""

    url: str
    search: Search
    depth: int = 0

    @property
    def place(self) -> tuple[str, str, Scope]:
        return self.url, normalise_dn(self.search.base), self.search.scope


@dataclass(slots=True)
class _Trail:
    """One search, from server to server. Those before `at` have answered."""

    steps: list[_Step]
    at: int = 0
    lost: list[str] = field(default_factory=list)


class Following(Asks):
    """A session whose answers are whole, as far as their references lead to servers that may be followed.

    Not thread-safe. `SourceUnavailable` or `AccessRefused` where a server that is followed does not answer or refuses.

    Args:
        session: of the first server; closed with this one.
        urls: of the servers that may be followed.
        dial: opens a bound connection to one of them.
    """

    def __init__(self, session: "Session", urls: Sequence[str], dial: "Callable[[str], Session]") -> None:
        self._first = session
        self._sessions = {session.url: session}
        self._urls = tuple(dict.fromkeys((session.url, *urls)))
        self._dial = dial
        self._trails: dict[int, _Trail] = {}
        self._begun = 0
        self._went: dict[str, None] = {}

    def __enter__(self) -> "Following":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Of the first server."""
        return self._first.url

    @property
    def encrypted(self) -> bool:
        """Whether the connection to the first server is."""
        return self._first.encrypted

    @property
    def went(self) -> tuple[str, ...]:
        """Where references led: URL and base of each place."""
        return tuple(self._went)

    def account(self) -> str:
        """Who the first server says that we are."""
        return self._first.account()

    def close(self) -> None:
        """Unbind from all servers. May be called twice."""
        for session in self._sessions.values():
            session.close()

    def page(self, search: Search, cookie: bytes = b"") -> Page[RawEntry]:
        """The page that begins at `cookie`, at whichever server. References that could not be followed are left."""
        if cookie:
            number, _, cookie = cookie.partition(b" ")
            trail = self._trails.pop(int(number))
        else:
            trail = _Trail([_Step(self._first.url, search)])
        while True:
            page = self._step(trail, cookie)
            cookie = b""
            if page.entries or page.cookie or page.code != SUCCESS or trail.at == len(trail.steps):
                return self._told(trail, page)

    def _step(self, trail: _Trail, cookie: bytes) -> Page[RawEntry]:
        """One page of the server that is asked right now. Behind its last one the next server's turn comes."""
        step = trail.steps[trail.at]
        page = self._session(step.url).page(step.search, cookie)
        if page.code == REFERRAL and self._follow(trail, step, page.referrals):
            page = replace(page, code=SUCCESS, referrals=(), cookie=b"", paged=True)
        by_place: dict[str, list[str]] = {}
        for url in page.references:
            by_place.setdefault(normalise_dn(_name(url)), []).append(url)
        for urls in by_place.values():
            if not all(map(peopleless, urls)) and not self._follow(trail, step, urls):
                trail.lost += urls
        if not page.cookie:
            trail.at += 1
        return page

    def _follow(self, trail: _Trail, step: _Step, urls: Iterable[str]) -> bool:
        """Go on at the first of these servers, which all have the same, that may be followed and was not asked yet."""
        if step.depth == DEPTH:
            return False
        places = {each.place for each in trail.steps}
        for url in urls:
            there = self._target(step, url)
            if there is not None and there.place not in places:
                trail.steps.append(there)
                self._went[f"{there.url} ({there.search.base})"] = None
                return True
        return False

    def _target(self, step: _Step, reference: str) -> _Step | None:
        """The search that a reference means (RFC 4516); None where it may not or cannot be followed."""
        try:
            parts = urlsplit(reference)
            url = next((url for url in self._urls if _leads_to(reference, url)), None)
        except ValueError:
            return None
        _, scope, *more = (*parts.query.split("?"), "")[:5] if parts.query else ("", "")
        readable = parts.scheme in _PORTS and not parts.fragment and not any(more) and scope in {"", *_SCOPES}
        if url is None or not readable:
            return None  # a filter or an extension of its own makes it another search
        base = _name(reference) or step.search.base
        search = replace(step.search, base=base, scope=_SCOPES[scope] if scope else step.search.scope)
        return _Step(url, search, step.depth + 1)

    def _session(self, url: str) -> "Session":
        if url not in self._sessions:
            self._sessions[url] = self._dial(url)
        return self._sessions[url]

    def _told(self, trail: _Trail, page: Page[RawEntry]) -> Page[RawEntry]:
        """The page as if one server had sent it, with what was lost behind the last one."""
        if page.code == SUCCESS and trail.at < len(trail.steps):
            self._begun += 1
            self._trails[self._begun] = trail
            return replace(page, cookie=b"%d %s" % (self._begun, page.cookie), references=())
        return replace(page, references=tuple(trail.lost))


def went(session: "Session | Following") -> list[str]:
    """A sentence on where references led, if they were followed."""
    places = session.went if isinstance(session, Following) else ()
    return [f"references were followed to {'; '.join(places)}"] if places else []


def _leads_to(reference: str, url: str) -> bool:
    """Whether a reference means this server: the same host, and the same port where it gives an unusual one."""
    there, known = urlsplit(reference), urlsplit(url)
    if (there.hostname or "").rstrip(".") != (known.hostname or "").rstrip("."):
        return False
    usual = (there.port or _PORTS.get(there.scheme), known.port or _PORTS[known.scheme])
    return there.port in (None, usual[1]) or usual == (_PORTS.get(there.scheme), _PORTS[known.scheme])


def _name(reference: str) -> str:
    """The distinguished name in an LDAP URL; empty where there is none, or it is no URL."""
    try:
        return unquote(urlsplit(reference).path.removeprefix("/"))
    except ValueError:
        return ""
