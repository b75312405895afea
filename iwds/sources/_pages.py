"""Pages of searches over a connection that ldap3 has bound: asked for and decoded by us, or by ldap3 throughout."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import ldap3
from ldap3.core.results import RESULT_CODES
from ldap3.operation.search import search_operation
from ldap3.protocol.rfc4511 import ProtocolOp
from ldap3.utils.asn1 import encode

from iwds.sources._channel import Answer, Channel
from iwds.sources._decode import Shaped
from iwds.sources._entries import Decodes, Raw, Shaping
from iwds.sources._messages import PAGED, SHOW_DELETED, control, deleted_too, paged_cookie, paging
from iwds.sources._search import SUCCESS, Asks, Page, RawEntry, Scope, Search, wanted

T = TypeVar("T")

_WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
_SCOPES: dict[Scope, Any] = {"subtree": ldap3.SUBTREE, "one": ldap3.LEVEL, "base": ldap3.BASE}


class Pages(Asks, Protocol):
    """What gets answers over a bound connection. Raises whatever it likes where none comes."""

    def account(self) -> bytes:
        """Who the server says that we are (RFC 4532); empty where it does not know the question."""
        ...


class OwnPages:
    """Pages that our own receive loop reads. The next one is asked for early: it comes while this one is looked at."""

    def __init__(self, connection: Any) -> None:
        self._channel = Channel(
            connection.socket, connection.server.next_message_id, seconds=connection.receive_timeout
        )
        self._encoded: tuple[Search, bytes] | None = None
        self._ahead: tuple[Search, bytes, int] | None = None
        self._raw = Raw()
        # kept from page to page, because it learns
        self._shaping: tuple[tuple[str, ...], Shaping] = (), Shaping(())

    def page(self, search: Search, cookie: bytes) -> Page[RawEntry]:
        """The page that begins at `cookie`."""
        return self._page(search, cookie, self._raw)

    def shaped(self, search: Search, cookie: bytes) -> Page[Shaped]:
        """The same with all that was asked for as text."""
        if self._shaping[0] != search.attributes:
            self._shaping = search.attributes, Shaping(wanted(search))
        return self._page(search, cookie, self._shaping[1])

    def account(self) -> bytes:
        """Who the server says that we are (RFC 4532); empty where it does not know the question."""
        self._give_up()
        result = self._channel.extended(_WHO_AM_I.encode())
        return result.value if result.code == SUCCESS else b""

    def _page(self, search: Search, cookie: bytes, decodes: Decodes[T]) -> Page[T]:
        page = _page(self._channel.found(self._asked(search, cookie), decodes))
        if page.cookie and page.code == SUCCESS:
            self._ahead = search, page.cookie, self._ask(search, page.cookie)
        return page

    def _asked(self, search: Search, cookie: bytes) -> int:
        """The id of the request for this page, which may be under way."""
        if self._ahead is not None and self._ahead[:2] == (search, cookie):
            ahead, self._ahead = self._ahead, None
            return ahead[2]
        self._give_up()
        return self._ask(search, cookie)

    def _give_up(self) -> None:
        """Forget the page that was asked for early: something else is wanted."""
        if self._ahead is not None:
            self._channel.forget(self._ahead[2])
            self._ahead = None

    def _ask(self, search: Search, cookie: bytes) -> int:
        if self._encoded is None or self._encoded[0] != search:
            self._encoded = search, _encode(search)
        controls = [paging(search.page_size, cookie)] if search.page_size else []
        controls += [deleted_too()] if search.deleted else []
        controls += [control(*each) for each in search.controls]
        return self._channel.send(self._encoded[1], *controls)


class Ldap3Pages(Pages):
    """Pages that ldap3 reads: slower by far, and here for whoever doubts the other way. Feeds need more controls."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def page(self, search: Search, cookie: bytes) -> Page[RawEntry]:
        """The page that begins at `cookie`."""
        self._connection.search(
            search.base,
            search.filter,
            search_scope=_SCOPES[search.scope],
            dereference_aliases=ldap3.DEREF_NEVER,
            attributes=list(search.attributes),
            size_limit=search.size_limit,
            controls=[(SHOW_DELETED, True, None)] if search.deleted else None,
            paged_size=search.page_size or None,
            paged_criticality=True,
            paged_cookie=cookie or None,
        )
        return _ldap3_page(self._connection.response, self._connection.result)

    def account(self) -> bytes:
        """Who the server says that we are (RFC 4532); empty where it does not know the question."""
        self._connection.extended(_WHO_AM_I)
        result = self._connection.result
        return bytes(result.get("responseValue") or b"") if result["result"] == SUCCESS else b""


def _encode(search: Search) -> bytes:
    """The search as an operation (RFC 4511 4.5.1), which is the same for every page."""
    operation = search_operation(
        search.base,
        search.filter,
        _SCOPES[search.scope],
        ldap3.DEREF_NEVER,
        list(search.attributes),
        size_limit=search.size_limit,
        time_limit=0,
        types_only=False,
        auto_escape=True,
        auto_encode=True,
    )
    return bytes(encode(ProtocolOp().setComponentByName("searchRequest", operation)))


def _page(answer: Answer[T]) -> Page[T]:
    result, cookie = answer.result, paged_cookie(answer.controls)
    name = RESULT_CODES.get(result.code, "unknown")
    text = _joined(result.text, result.referrals)
    return Page(
        answer.entries,
        tuple(answer.references),
        result.code,
        name,
        text,
        cookie or b"",
        paged=cookie is not None,
        referrals=result.referrals,
        controls=answer.controls,
    )


def _ldap3_page(response: list[dict[str, Any]], result: Mapping[str, Any]) -> Page[RawEntry]:
    entries: list[RawEntry] = []
    references: list[str] = []
    for message in response:
        if message["type"] == "searchResEntry":
            # ldap3 has None for an attribute without values, such as the `member` beside `member;range=0-1499`
            values = {name: found or [] for name, found in message["raw_attributes"].items()}
            entries.append((message["raw_dn"], values))
        elif message["type"] == "searchResRef":
            references += message["uri"]
    control = (result.get("controls") or {}).get(PAGED)
    cookie = control["value"]["cookie"] if control else b""
    referrals = tuple(result.get("referrals") or ())
    code, text = int(result["result"]), _joined(result.get("message") or "", referrals)
    name = result["description"]
    return Page(entries, tuple(references), code, name, text, cookie or b"", control is not None, referrals)


def _joined(text: str, referrals: tuple[str, ...]) -> str:
    return "; ".join(part for part in (text, *referrals) if part)
