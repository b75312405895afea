"""Answers to single questions as plain data, failures among them."""

from collections.abc import Callable
from typing import Any, TypeVar

from iwds.core.model import Anchor
from iwds.errors import (
    AccessRefused,
    ForeignRealm,
    IwdsError,
    LoginUnknown,
    ServiceUnavailable,
    SourceUnavailable,
    Unavailable,
)
from iwds.readings.file import dumps

T = TypeVar("T")
FAILURES: dict[str, type[IwdsError]] = {
    kind.__name__: kind
    for kind in (AccessRefused, ForeignRealm, LoginUnknown, ServiceUnavailable, SourceUnavailable, Unavailable)
}
"""What may be answered instead."""


def about(anchor: Anchor, *more: str) -> str:
    """Whom a question is about, and what else makes it another question."""
    return dumps([anchor.realm, anchor.id, *more])


def noted(ask: Callable[[], T], note: Callable[[Any], None], form: Callable[[T], Any]) -> T:
    """The answer, once it was noted; a failure is noted too, and raised."""
    try:
        answer = ask()
    except tuple(FAILURES.values()) as error:
        note({"failed": type(error).__name__, "message": error.message, "advice": error.advice})
        raise
    note({"said": form(answer)})
    return answer


def said(data: dict[str, Any]) -> Any:
    """What was answered; raises what was raised."""
    if "failed" in data:
        raise FAILURES[data["failed"]](data["message"], advice=data["advice"])
    return data["said"]
