"""Log lines: one event per fact, named `noun.verb`, on standard error, text for people and JSON for machines."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET = ("password", "code", "link", "secret", "token")


def configure(level: str = "info", format_: str = "auto") -> None:
    """Set up structlog once per process; `auto` is text on a terminal and JSON elsewhere."""
    as_text = format_ == "text" or (format_ == "auto" and sys.stderr.isatty())
    # A traceback shows no variables: they may be passwords, codes and people.
    plain = structlog.dev.plain_traceback
    text = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
    data = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            text if as_text else data,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Values under names that sound secret never reach a line, whoever passed them."""
    return {name: "…" if _sounds_secret(name) else value for name, value in event.items()}


def _sounds_secret(name: str) -> bool:
    return name != "exit_code" and any(word in name for word in _SECRET)
