"""Readings of the service: a one-shot stream with its proof, and logins as they stand on a page."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Generic, TypeVar

from iwds.core.devices import Activated, Enrolment
from iwds.core.model import Login, Proof
from iwds.errors import ServiceUnavailable
from iwds.soap.envelope import Answer
from iwds.targets._paging import Tally

T = TypeVar("T")


class Reading(Generic[T]):
    """A one-shot reading: iterate it to its end, then ask for its proof."""

    def __init__(
        self, items: Callable[[Tally], Generator[T, None, None]], asked: str, reason: Callable[[Tally], str]
    ) -> None:
        self._items = items
        self._asked = asked
        self._reason = reason
        self._tally: Tally | None = None
        self._running: Generator[T, None, None] | None = None
        self._ended = False

    def __iter__(self) -> Iterator[T]:
        if self._tally is not None:
            raise RuntimeError("a reading can be iterated only once")
        self._tally = Tally(self._asked)
        self._running = self._run(self._tally)
        return self._running

    @property
    def moved(self) -> bool:
        """Whether it ended because the listing moved under it: another reading may be proven."""
        return self._tally is not None and self._tally.moved

    def finish(self) -> Proof:
        """The proof; `RuntimeError` where the iteration has not ended, or ended with an error."""
        if self._tally is None or not self._ended:
            raise RuntimeError("the proof of a reading exists only after its last item")
        return self._tally.proof(self._reason(self._tally))

    def close(self) -> None:
        """Read no further; no thread is left behind. May be called twice, and after the end."""
        if self._running is not None:
            self._running.close()

    def _run(self, tally: Tally) -> Generator[T, None, None]:
        with closing(self._items(tally)) as items:
            for item in items:
                tally.count += 1
                yield item
        self._ended = True


def logins_of(answer: Answer) -> Iterator[Login]:
    """The logins on a page. A column that is absent is None in each of them.

    Raises `ServiceUnavailable` where ids or names are absent.
    """
    numbers, texts = answer.number_arrays, answer.text_arrays
    ids = [number for number in numbers.get("id", ()) if number is not None]
    if len(ids) != answer.numbers.get("n") or "login" not in texts:
        raise ServiceUnavailable("the service answered with logins that have no id, or no name", "Try again later.")
    unknown = [None] * len(ids)
    columns = zip(
        ids,
        texts["login"],
        *(texts.get(name, unknown) for name in ("firstname", "name", "mail", "phone")),
        *(numbers.get(name, unknown) for name in ("role", "status")),
        texts.get("extrafields", unknown),
        numbers.get("createdby", unknown),
        map(activated, texts.get("code", unknown)),
        numbers.get("lastauthdate", unknown),
        strict=True,
    )
    return (Login(*fields) for fields in columns)


def enrolments_of(answer: Answer) -> Iterator[Enrolment]:
    """The logins on a page with how far their activation is. Raises as `logins_of` does."""
    logins = list(logins_of(answer))
    codes = answer.text_arrays.get("code", [None] * len(logins))
    return (Enrolment(login, how_far(code)) for login, code in zip(logins, codes, strict=True))


def login_of(answer: Answer, login_id: int) -> Login:
    """The login that a query by id gave. An element that is absent is None. Its codes and links stay here.

    Raises `ServiceUnavailable` where the name is absent.
    """
    numbers, texts = answer.numbers, answer.texts
    if not texts.get("login"):
        raise ServiceUnavailable("the service answered with a login that has no name", "Try again later.")
    return Login(
        login_id,
        texts["login"],
        firstname=texts.get("firstname"),
        name=texts.get("name"),
        mail=texts.get("mail"),
        phone=texts.get("phone"),
        role=numbers.get("role"),
        status=numbers.get("status"),
        extra=texts.get("extrafields"),
        created_by=numbers.get("createdby"),
        activated=activated(texts.get("code")),
        last_seen=numbers.get("lastauthdate"),
    )


def activated(code: str | None) -> bool | None:
    """Whether a login's code was used. What an unused one is good for, and the code itself, stay here."""
    return None if code is None else code.strip().lower() == "ok"


def how_far(code: str | None) -> Activated | None:
    """The state that stands in the place of the code; a code itself is one that can be used now."""
    text = (code or "").strip().lower()
    if text in ("ok", "expired", "link"):
        return {"ok": Activated.DONE, "expired": Activated.EXPIRED, "link": Activated.LINK}[text]
    if text.startswith("in:"):
        return Activated.INACTIVE
    return Activated.CODE if text.isdecimal() else None
